"""Executions a second that Google's ml_metadata client records: each with one input, one output and a context, in the one call that
it has for that (put_execution). client.py FILE SECONDS. Runs in .venv-mlmd."""
import os
import sys
import time

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb


def main() -> None:
    path, seconds = sys.argv[1], float(sys.argv[2])
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = 3  # READWRITE_OPENCREATE
    store = metadata_store.MetadataStore(config)
    dataset = pb.ArtifactType(name="system.Dataset", properties={"a": pb.INT})
    container = pb.ExecutionType(name="system.ContainerExecution")
    run = pb.ContextType(name="system.PipelineRun")
    dataset_id, container_id, run_id = store.put_artifact_type(dataset), store.put_execution_type(container), store.put_context_type(run)
    context = pb.Context(type_id=run_id, name="bench")
    [context.id] = store.put_contexts([context])
    before = pb.Artifact(type_id=dataset_id, uri="file:///first")
    [before.id] = store.put_artifacts([before])
    n, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        execution = pb.Execution(type_id=container_id, last_known_state=pb.Execution.COMPLETE)
        for key, text in (("display_name", f"step-{n}"), ("task_name", f"step-{n}"), ("cache_fingerprint", f"{n:064x}"), ("inputs", '{"seed":42}'),
                          ("outputs", '{"accuracy":0.95}')):
            execution.custom_properties[key].string_value = text
        out = pb.Artifact(type_id=dataset_id, uri=f"file:///artifacts/p/{n}/out", state=pb.Artifact.LIVE)
        out.custom_properties["display_name"].string_value = "out"
        out.custom_properties["digest"].string_value = f"{n:064x}"
        used, made = pb.Event(type=pb.Event.INPUT), pb.Event(type=pb.Event.OUTPUT)
        used.path.steps.add().key = "data"
        made.path.steps.add().key = "out"
        _, artifact_ids, _ = store.put_execution(execution, [(before, used), (out, made)], [context])
        before = pb.Artifact(id=artifact_ids[1], type_id=dataset_id, uri=out.uri)
        n += 1
    took = time.perf_counter() - start
    print(f"{n / took:.1f}")
    os._exit(0)


main()
