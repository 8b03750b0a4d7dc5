"""Reads all of a metadata store with Google's client and prints it as JSON. Runs in .venv-mlmd.

client.py sqlite FILE MODE | client.py grpc HOST PORT | client.py mysql HOST PORT USER PASSWORD DATABASE
client.py changed HOST PORT   pages of executions by their last change (the library itself goes round in circles there)"""
import json
import sys

from google.protobuf import json_format
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service


def connect(how: str, *args: str):
    if how in ("grpc", "changed"):
        return metadata_store.MetadataStore(pb.MetadataStoreClientConfig(host=args[0], port=int(args[1])))
    config = pb.ConnectionConfig()
    if how == "sqlite":
        config.sqlite.filename_uri = args[0]
        config.sqlite.connection_mode = int(args[1])
    else:
        config.mysql.host, config.mysql.port, config.mysql.user, config.mysql.password, config.mysql.database = \
            args[0], int(args[1]), args[2], args[3], args[4]
        config.mysql.skip_db_creation = True
    return metadata_store.MetadataStore(config)


def plain(message) -> dict:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def options(**kwargs):
    return metadata_store.ListOptions(**kwargs)


def pages(store, kind: str, **more) -> list:
    """The ids of all pages of five, one list a page, in the order of a time."""
    out = []
    request = getattr(service, f"Get{kind}Request")(options={"max_result_size": 5, "order_by_field": {"field": more.pop("by", "CREATE_TIME"), "is_asc": more.pop("up")}, **more})
    while True:
        response = getattr(service, f"Get{kind}Response")()
        store._call(f"Get{kind}", request, response)  # noqa: SLF001: the client itself goes on to the end
        out.append([str(x.id) for x in getattr(response, kind.lower())])
        if not response.next_page_token:
            return [" ".join(page) for page in out]  # a text has an order of its own
        request.options.next_page_token = response.next_page_token


def read(store) -> dict:
    contexts, executions = store.get_contexts(), store.get_executions()
    runs = [c for c in contexts if c.type == "system.PipelineRun"]
    artifacts = store.get_artifacts()
    by_id = metadata_store.OrderByField.ID
    children = {e.id: sorted(x.id for x in store.get_executions(options(filter_query=f"custom_properties.parent_dag_id.int_value = {e.id}")))
                for e in executions if e.type == "system.DAGExecution"}
    return {
        "types": {kind: {t.name: t.id for t in get()} for kind, get in
                  (("artifact", store.get_artifact_types), ("execution", store.get_execution_types), ("context", store.get_context_types))},
        "contexts": [plain(c) for c in sorted(contexts, key=lambda c: c.id)],
        "executions": [plain(e) for e in sorted(executions, key=lambda e: e.id)],
        "artifacts": [plain(a) for a in sorted(artifacts, key=lambda a: a.id)],
        "events": [plain(e) for e in store.get_events_by_execution_ids([e.id for e in executions])] if executions else [],
        "events_by_artifact": [plain(e) for e in store.get_events_by_artifact_ids([a.id for a in artifacts])] if artifacts else [],
        "parents": {c.name: [p.name for p in store.get_parent_contexts_by_context(c.id)] for c in runs},
        "pipeline_runs": {c.name: sorted(k.name for k in store.get_children_contexts_by_context(c.id)) for c in contexts if c.type == "system.Pipeline"},
        "children": children,
        "executions_of": {c.name: sorted(e.id for e in store.get_executions_by_context(c.id)) for c in contexts},
        "artifacts_of": {c.name: sorted(a.id for a in store.get_artifacts_by_context(c.id)) for c in contexts},
        "contexts_of_execution": {e.id: sorted(c.id for c in store.get_contexts_by_execution(e.id)) for e in executions[:5]},
        "contexts_of_artifact": {a.id: sorted(c.id for c in store.get_contexts_by_artifact(a.id)) for a in artifacts},
        "by_uri": {a.uri: sorted(x.id for x in store.get_artifacts_by_uri(a.uri)) for a in artifacts},
        "roots": {c.name: store.get_execution_by_type_and_name("system.DAGExecution", f"run/{c.name}").id for c in runs},
        "run_by_name": {c.name: store.get_context_by_type_and_name("system.PipelineRun", c.name).id for c in runs},
        "by_type": {t: sorted(e.id for e in store.get_executions_by_type(t)) for t in ("system.ContainerExecution", "system.ImporterExecution")},
        "artifacts_by_type": {t: sorted(a.id for a in store.get_artifacts_by_type(t)) for t in ("system.Dataset", "system.Model")},
        "five": [e.id for e in store.get_executions(options(limit=5, order_by=by_id, is_asc=True))],
        "newest": [e.id for e in store.get_executions(options(limit=5, order_by=metadata_store.OrderByField.CREATE_TIME, is_asc=False))],
        "pages": {f"{kind} {up} {condition}": pages(store, kind, up=up, filter_query=condition) for kind in ("Executions", "Artifacts") for up in (True, False)
                  for condition in ("", f"id = {artifacts[0].id if artifacts else 1}", "type = 'system.ContainerExecution'" if kind == "Executions" else "type = 'system.Model'")},
        "filters": {text: sorted(e.id for e in store.get_executions(options(filter_query=text))) for text in (
            "id = 1 OR id = 3", "id IN (1, 3, 99999)", "NOT id IN (1, 3)", "NOT (last_known_state = CACHED OR type = 'system.DAGExecution')",
            "(id < 5 OR id > 8) AND type = 'system.ContainerExecution'", "id = 1 OR id = 3 AND id = 4", "NOT id = 1 and not id = 3",
            "custom_properties.task_name.string_value IN ('train', 'judge') AND (last_known_state = COMPLETE OR id = 0)")},
        "by_state": sorted(e.id for e in store.get_executions(options(filter_query="last_known_state = CACHED"))),
        "datasets": sorted(a.id for a in store.get_artifacts(options(filter_query="type = 'system.Dataset' AND state = LIVE"))),
        "accurate": sorted(a.id for a in store.get_artifacts(options(filter_query="custom_properties.accuracy.double_value > 0.5"))),
    }


def write(store) -> dict:
    """A client that writes may add types; what the record keeps is not its to change."""
    kind = store.put_artifact_type(pb.ArtifactType(name="company.Report"))
    said = ""
    try:
        store.put_artifacts([pb.Artifact(type_id=kind, uri="file:///nowhere")])
    except Exception as e:  # noqa: BLE001: whichever error it is, its words are looked at
        said = str(e)
    return {"type": kind, "again": store.put_artifact_type(pb.ArtifactType(name="company.Report")), "refused": said}


if __name__ == "__main__":
    store_ = connect(*sys.argv[1:])
    if sys.argv[1] == "changed":
        answer = [pages(store_, "Executions", by="LAST_UPDATE_TIME", up=up, filter_query=condition) for condition in ("", "type = 'system.ContainerExecution'") for up in (True, False)]
    else:
        answer = read(store_)
    if sys.argv[1] == "sqlite" and sys.argv[3] != "1":
        answer["write"] = write(store_)
    json.dump(answer, sys.stdout)
