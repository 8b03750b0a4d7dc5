"""What Google's client gets from GetLineageSubgraph for many questions, as JSON. Runs in .venv-mlmd. Arguments: those of client.py.

subgraph.py put HOST PORT RUN: a run of one step, in one PutLineageSubgraph; and what is refused."""
import json
import sys

import client
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service

ALL = [f.name for f in pb.LineageGraph.DESCRIPTOR.fields]
NODES = ["artifacts", "executions", "events"]


def ask(store, mask: list, options: dict | None):
    request = service.GetLineageSubgraphRequest()
    if options is not None:
        json_format.ParseDict(options, request.lineage_subgraph_query_options)
    request.read_mask.paths.extend(mask)
    response = service.GetLineageSubgraphResponse()
    try:
        store._call("GetLineageSubgraph", request, response)  # noqa: SLF001: the client's own call asks for more than this once
    except Exception as e:  # noqa: BLE001: its class and words are the answer
        return f"{type(e).__name__}: {e}"
    return client.plain(response.lineage_subgraph)


def questions(artifacts: list, executions: list) -> dict:
    out = {"all": (ALL, {"starting_artifacts": {"filter_query": f"id = {artifacts[2]}"}, "max_num_hops": 2}), "no mask": ([], {"starting_artifacts": {"filter_query": f"id = {artifacts[0]}"}}),
           "another mask": (["nonsense", "artifacts"], {"starting_artifacts": {"filter_query": f"id = {artifacts[0]}"}}),
           "nothing": (ALL, None), "no start": (ALL, {"max_num_hops": 1}), "no filter": (ALL, {"starting_artifacts": {}}), "an empty filter": (ALL, {"starting_artifacts": {"filter_query": ""}}),
           "hops below 0": (ALL, {"starting_artifacts": {"filter_query": "id = 1"}, "max_num_hops": -1}), "none that starts": (ALL, {"starting_artifacts": {"filter_query": "id = 99999"}}),
           "several": (NODES, {"starting_executions": {"filter_query": "type = 'system.ContainerExecution'"}, "max_num_hops": 1, "direction": 1})}
    for part in ALL:
        out[f"mask {part}"] = ([part], {"starting_artifacts": {"filter_query": f"id = {artifacts[2]}"}, "max_num_hops": 1})
    for direction in (0, 1, 2, 3):
        for hops in (0, 1, 2, 3, 4, 101, None):
            more = {} if hops is None else {"max_num_hops": hops}
            out[f"artifact, {direction}, {hops}"] = (NODES, {"starting_artifacts": {"filter_query": f"id = {artifacts[1]}"}, "direction": direction, **more})
            out[f"execution, {direction}, {hops}"] = (NODES, {"starting_executions": {"filter_query": f"id = {executions[len(executions) // 2]}"}, "direction": direction, **more})
    for kept in (False, True):
        for field, condition in (("ending_artifacts", f"id = {artifacts[1]}"), ("ending_artifacts", "type = 'system.Model'"), ("ending_executions", "type = 'system.ContainerExecution'"),
                                 ("ending_artifacts", f"id = {artifacts[2]}"), ("ending_executions", "last_known_state = CACHED"), ("ending_artifacts", "")):
            for direction in (1, 2, 3):
                out[f"{field} {condition}, {kept}, {direction}"] = (NODES, {"starting_artifacts": {"filter_query": f"id = {artifacts[2]}"}, "direction": direction,
                                                                          field: {"filter_query": condition, "include_ending_nodes": kept}})
    return out


def read(store) -> dict:
    artifacts = sorted(a.id for a in store.get_artifacts())
    executions = sorted(e.id for e in store.get_executions() if e.type == "system.ContainerExecution")
    out = {name: ask(store, mask, options) for name, (mask, options) in questions(artifacts, executions).items()}
    graph = store.get_lineage_subgraph(pb.LineageSubgraphQueryOptions(starting_artifacts={"filter_query": f"id = {artifacts[2]}"}))
    out["by the client"] = client.plain(graph)
    return out


def put(store, run: str) -> dict:
    types = {t.name: t.id for t in [*store.get_artifact_types(), *store.get_execution_types(), *store.get_context_types()]}
    contexts = [pb.Context(type_id=types["system.Pipeline"], name="graphs"), pb.Context(type_id=types["system.PipelineRun"], name=run)]
    step = pb.Execution(type_id=types["system.ContainerExecution"], last_known_state=pb.Execution.COMPLETE)
    step.custom_properties["task_name"].string_value = "step"
    known = min(store.get_artifacts(), key=lambda a: a.id)
    made = pb.Artifact(type_id=types["system.Model"], uri="s3://models/m", state=pb.Artifact.LIVE)

    def event(kind, key, **ids):
        e = pb.Event(type=kind, **ids)
        e.path.steps.add().key = key
        return e

    used, output = pb.Event.INPUT, pb.Event.OUTPUT

    def says(*args, **more) -> str:
        try:
            store.put_lineage_subgraph(*args, **more)
        except Exception as e:  # noqa: BLE001
            return f"{type(e).__name__}: {e}"
        return ""

    refused = {"outside": says([step], [made], contexts, [(0, 3, event(output, "x"))]), "below": says([step], [made], contexts, [(-1, 0, event(output, "x"))]),
               "no execution": says([step], [made], contexts, [(None, 0, event(output, "x"))]), "no artifact": says([step], [made], contexts, [(0, None, event(output, "x"))]),
               "no event": says([step], [made], contexts, [(0, 0, None)]), "another": says([step], [known], contexts, [(0, 0, event(used, "x", artifact_id=known.id + 1))]),
               "no type": says([step], [made], contexts, [(0, 0, pb.Event())])}
    before = [len(store.get_executions()), len(store.get_contexts())]
    executions, artifacts, ids = store.put_lineage_subgraph([step], [made, known], contexts, [(0, 0, event(output, "model")), (0, 1, event(used, "data"))])
    refused["again"] = says([step], [made], contexts, [(0, 0, event(output, "model"))])
    step.custom_properties["task_name"].string_value = "next"
    more = store.put_lineage_subgraph([step], [], contexts, [(0, None, event(used, "model", artifact_id=artifacts[0]))], reuse_context_if_already_exist=True)
    return {"refused": refused, "before": before, "executions": executions, "artifacts": artifacts, "contexts": ids, "more": more, "known": known.id,
            "graph": ask(store, NODES + ["contexts"], {"starting_artifacts": {"filter_query": f"id = {artifacts[0]}"}, "max_num_hops": 1})}


if __name__ == "__main__":
    json.dump(put(client.connect("grpc", *sys.argv[2:4]), sys.argv[4]) if sys.argv[1] == "put" else read(client.connect(*sys.argv[1:])), sys.stdout)
