"""Writes a metadata store with Google's client as KFP's driver and launcher do. Runs in .venv-mlmd.

kfp_writer.py FILE|URL new     three runs: one that is over, one that failed, one that has not ended; and something of another framework
kfp_writer.py FILE|URL kfp     the same without the other framework
kfp_writer.py URL refused  tries what is not to be changed
kfp_writer.py FILE|URL finish  ends the third run
Prints {name: id} of what a test asks about."""
import json
import sys
import urllib.parse

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

RUNS = ["11111111-aaaa-4aaa-8aaa-000000000001", "11111111-aaaa-4aaa-8aaa-000000000002", "11111111-aaaa-4aaa-8aaa-000000000003"]


class Kfp:
    def __init__(self, path: str):
        config = pb.ConnectionConfig()
        if path.startswith("mysql://"):
            url = urllib.parse.urlsplit(path)
            config.mysql.host, config.mysql.port, config.mysql.user, config.mysql.database = url.hostname, url.port, url.username, url.path[1:]
        elif path.startswith("grpc://"):
            url = urllib.parse.urlsplit(path)
            config = pb.MetadataStoreClientConfig(host=url.hostname, port=url.port)
        else:
            config.sqlite.filename_uri = path
            config.sqlite.connection_mode = 3
        self.store = metadata_store.MetadataStore(config)
        self.contexts = []

    def value(self, v) -> pb.Value:
        if isinstance(v, bool):
            return pb.Value(int_value=int(v))
        if isinstance(v, int):
            return pb.Value(int_value=v)
        if isinstance(v, float):
            return pb.Value(double_value=v)
        if isinstance(v, str):
            return pb.Value(string_value=v)
        out = pb.Value()
        out.struct_value.SetInParent()
        out.struct_value.update(v)
        return out

    def context(self, kind: str, name: str, **properties) -> pb.Context:
        context = pb.Context(type_id=self.store.put_context_type(pb.ContextType(name=kind)), name=name)
        for k, v in properties.items():
            context.custom_properties[k].CopyFrom(self.value(v))
        have = self.store.get_context_by_type_and_name(kind, name)
        context.id = have.id if have else self.store.put_contexts([context])[0]
        return context

    def run(self, pipeline: str, run: str, inputs: dict) -> int:
        parent = self.context("system.Pipeline", pipeline)
        child = self.context("system.PipelineRun", run, namespace="kubeflow", resource_name="run-resource",
                             pipeline_root=f"minio://mlpipeline/v2/artifacts/{pipeline}/{run}", store_session_info='{"Provider":"minio","Params":{"fromEnv":"true"}}')
        self.store.put_parent_contexts([pb.ParentContext(child_id=child.id, parent_id=parent.id)])
        self.contexts = [parent, child]
        return self.execution("system.DAGExecution", "", 0, name=f"run/{run}", inputs=inputs)

    def execution(self, kind: str, task: str, parent: int, state: str = "RUNNING", name: str = "", used: dict | None = None, **properties) -> int:
        e = pb.Execution(type_id=self.store.put_execution_type(pb.ExecutionType(name=kind)), last_known_state=pb.Execution.State.Value(state))
        if name:
            e.name = name
        properties = {"display_name": task, "task_name": task, **({"parent_dag_id": parent} if parent else {}), **properties}
        if kind == "system.ContainerExecution":
            properties |= {"pod_name": "", "pod_uid": "", "namespace": "kubeflow", "image": ""}
        for k, v in properties.items():
            e.custom_properties[k].CopyFrom(self.value(v))
        pairs = [(self.store.get_artifacts_by_id([a])[0], self.event(pb.Event.INPUT, key)) for key, a in (used or {}).items()]
        return self.store.put_execution(e, pairs, self.contexts)[0]

    @staticmethod
    def event(kind, key: str) -> pb.Event:
        return pb.Event(type=kind, path=pb.Event.Path(steps=[pb.Event.Path.Step(key=key)]))

    def publish(self, execution: int, state: str, outputs: dict | None = None, artifacts: dict | None = None, reuse: dict | None = None) -> dict:
        """`artifacts` {key: (type, uri, metadata)} are new; `reuse` {key: id} were there."""
        e = self.store.get_executions_by_id([execution])[0]
        e.last_known_state = pb.Execution.State.Value(state)
        if outputs is not None:
            e.custom_properties["outputs"].CopyFrom(self.value(outputs))
        pairs = []
        for key, (kind, uri, metadata) in (artifacts or {}).items():
            a = pb.Artifact(type_id=self.store.put_artifact_type(pb.ArtifactType(name=kind)), uri=uri, state=pb.Artifact.LIVE)
            for k, v in {**metadata, "display_name": key, "store_session_info": '{"Provider":"minio","Params":{"fromEnv":"true"}}'}.items():
                a.custom_properties[k].CopyFrom(self.value(v))
            a.id = self.store.put_artifacts([a])[0]
            pairs.append((self.store.get_artifacts_by_id([a.id])[0], self.event(pb.Event.OUTPUT, key)))
        for key, a in (reuse or {}).items():
            pairs.append((self.store.get_artifacts_by_id([a])[0], self.event(pb.Event.OUTPUT, key)))
        self.store.put_execution(e, pairs, self.contexts)
        return {key: pair[0].id for key, pair in zip([*(artifacts or {}), *(reuse or {})], pairs)}


def new(k: Kfp, tfx: bool = True) -> dict:
    at = "minio://mlpipeline/v2/artifacts/train"
    root = k.run("train", RUNS[0], {"rows": 3, "words": ["a", "ü"], "deep": {"x": [1.5, None, True]}})
    importer = k.execution("system.ImporterExecution", "importer", root)
    source = k.publish(importer, "COMPLETE", artifacts={"artifact": ("system.Dataset", "s3://data/set.csv", {"origin": "web"})})["artifact"]
    prepare = k.execution("system.ContainerExecution", "prepare", root, used={"source": source}, inputs={"rows": 3}, cache_fingerprint="f1")
    data = k.publish(prepare, "COMPLETE", {"count": 3.0}, {"data": ("system.Dataset", f"{at}/1/data", {})})["data"]
    loop = k.execution("system.DAGExecution", "for-loop-1", root, used={"data": data}, inputs={"items": [0.1, 0.2]}, iteration_count=2, total_dag_tasks=1)
    models = []
    for i, rate in enumerate((0.1, 0.2)):
        step = k.execution("system.DAGExecution", "for-loop-1", loop, used={"data": data}, inputs={"rate": rate}, iteration_index=i, total_dag_tasks=1)
        train = k.execution("system.ContainerExecution", "train", step, used={"data": data}, inputs={"rate": rate})
        models.append(k.publish(train, "COMPLETE", {}, {
            "metrics": ("system.Metrics", f"{at}/1/metrics{i}", {"accuracy": rate, "rows": 3.0}),
            "model": ("system.Model", f"{at}/1/model{i}", {"layers": {"list": [1, 2]}, "shape": {"struct": {"in": 3}}, "final": True})}))
        k.publish(step, "COMPLETE")
    k.publish(loop, "COMPLETE")
    condition = k.execution("system.DAGExecution", "condition-2", root, state="CANCELED", inputs={"rows": 3}, total_dag_tasks=1)
    over = {"root": root, "source": source, "data": data, "model": models[1]["model"], "condition": condition, "prepare": prepare}

    root = k.run("train", RUNS[1], {"rows": 3})
    again = k.execution("system.ContainerExecution", "prepare", root, used={"source": source}, inputs={"rows": 3}, cache_fingerprint="f1", cached_execution_id=str(prepare))
    k.publish(again, "CACHED", {"count": 3.0}, reuse={"data": data})
    bad = k.execution("system.ContainerExecution", "train", root, used={"data": data}, inputs={"rate": 9.0})
    k.publish(bad, "FAILED")

    root = k.run("other", RUNS[2], {"n": 1})
    going = k.execution("system.ContainerExecution", "slow", root, inputs={})

    if not tfx:
        return {**over, "going": going, "runs": RUNS}
    k.contexts = [k.context("pipeline", "of.tfx")]
    e = pb.Execution(type_id=k.store.put_execution_type(pb.ExecutionType(name="tfx.components.Trainer")), last_known_state=pb.Execution.COMPLETE)
    k.store.put_execution(e, [], k.contexts)
    return {**over, "going": going, "runs": RUNS}


def refused(k: Kfp) -> dict:
    """What a server that has runs of its own does not take: {what: the error's words}."""
    own = next(e for e in k.store.get_executions() if e.type == "system.ContainerExecution")
    own.last_known_state = pb.Execution.FAILED
    artifact = k.store.get_artifacts()[0]
    artifact.uri = "file:///elsewhere"
    event = pb.Event(type=pb.Event.OUTPUT, execution_id=own.id, artifact_id=artifact.id)
    run = next(c for c in k.store.get_contexts() if c.type == "system.PipelineRun")
    new = pb.Execution(type_id=own.type_id, last_known_state=pb.Execution.RUNNING)
    tfx = k.store.put_context_type(pb.ContextType(name="pipeline"))
    out = {}
    for what, call in {"execution": lambda: k.store.put_executions([own]), "artifact": lambda: k.store.put_artifacts([artifact]),
                       "event": lambda: k.store.put_events([event]), "run": lambda: k.store.put_execution(new, [], [run]),
                       "again": lambda: k.store.put_contexts([pb.Context(type_id=run.type_id, name=run.name)]),
                       "context": lambda: k.store.put_contexts([pb.Context(type_id=tfx, name="x")]),
                       "type": lambda: k.store.put_artifacts([pb.Artifact(type_id=9999, uri="x")])}.items():
        try:
            call()
            out[what] = ""
        except Exception as e:  # noqa: BLE001: its class and words are the answer
            out[what] = f"{type(e).__name__}: {e}"
    return out


def finish(k: Kfp) -> dict:
    k.contexts = [k.context("system.Pipeline", "other"), k.context("system.PipelineRun", RUNS[2])]
    execution = next(e for e in k.store.get_executions_by_context(k.contexts[1].id) if e.custom_properties["task_name"].string_value == "slow")
    k.publish(execution.id, "COMPLETE", {"answer": 42.0})
    return {}


if __name__ == "__main__":
    print(json.dumps({"new": new, "kfp": lambda k: new(k, tfx=False), "finish": finish, "refused": refused}[sys.argv[2]](Kfp(sys.argv[1]))))
