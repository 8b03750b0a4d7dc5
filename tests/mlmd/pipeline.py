"""Everything that the record of lineage has to tell of: an importer, a loop, a loop within a loop, conditions with a branch that is not taken,
a nested pipeline with outputs, collected outputs, metrics, an artifact with nested metadata. Compiled to pipeline.yaml beside it:
python tests/mlmd/pipeline.py"""
import pathlib

from kfp import compiler, dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output


@dsl.container_component
def prepare(rows: int, source: Input[Dataset], data: Output[Dataset], count: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image="debian:12", command=["sh", "-c", 'set -e; mkdir -p "$(dirname "$1")" "$(dirname "$2")"; cat "$0" > "$1"; echo "$3" >> "$1"; printf %s "$3" > "$2"'],
                             args=[source.path, data.path, count, rows])


@dsl.container_component
def train(rate: float, data: Input[Dataset], model: Output[Model], metrics: Output[Metrics], score: dsl.OutputPath(float)):
    # An executor's output with flat and nested metadata, as the SDK's executor writes it.
    program = r'''
import json, os, sys
given, rate = json.loads(sys.argv[1]), float(sys.argv[2])
out = {"artifacts": {}, "parameterValues": {"score": rate}}
for name, extra in (("model", {"framework": "none", "layers": [1, 2.5, "x"], "shape": {"in": 3, "deep": {"ok": True}}, "final": True}),
                    ("metrics", {"accuracy": rate, "rows": 3})):
    a = given["outputs"]["artifacts"][name]["artifacts"][0]
    path = a["uri"].removeprefix("file://")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write(name)
    out["artifacts"][name] = {"artifacts": [{**a, "metadata": extra}]}
os.makedirs(os.path.dirname(given["outputs"]["outputFile"]), exist_ok=True)
json.dump(out, open(given["outputs"]["outputFile"], "w"))
'''
    return dsl.ContainerSpec(image="debian:12", command=["python3", "-c", program], args=["{{$}}", rate])


@dsl.container_component
def judge(score: float, verdict: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="debian:12", command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf good > "$0"'], args=[verdict, score])


@dsl.container_component
def report(text: str):
    return dsl.ContainerSpec(image="debian:12", command=["echo"], args=[text])


@dsl.container_component
def publish(model: Input[Model], note: str, page: Output[Artifact]):
    return dsl.ContainerSpec(image="debian:12", command=["sh", "-c", 'mkdir -p "$(dirname "$1")"; cat "$0" > "$1"; echo "$2" >> "$1"'],
                             args=[model.path, page.path, note])


@dsl.pipeline
def inner(rate: float, data: Input[Dataset]) -> Model:
    fit = train(rate=rate, data=data)
    judge(score=fit.outputs["score"])
    return fit.outputs["model"]


@dsl.pipeline(name="mlmd-all")
def everything(rows: int = 3, words: list = ["a", "ü", "c"], source: str = "file:///etc/hostname"):  # noqa: B006: compiled, never called
    data = dsl.importer(artifact_uri=source, artifact_class=Dataset, metadata={"origin": "host", "size": 1})
    made = prepare(rows=rows, source=data.output)
    best = inner(rate=0.75, data=made.outputs["data"])
    with dsl.ParallelFor([0.1, 0.2]) as rate:
        fit = train(rate=rate, data=made.outputs["data"])
        with dsl.ParallelFor(words) as word:
            report(text=word)
        judge(score=fit.outputs["score"])
    with dsl.If(rows == 3):
        said = judge(score=0.5)
        report(text=said.output)
    with dsl.Else():
        report(text="never")
    publish(model=best.output, note="done")


if __name__ == "__main__":
    compiler.Compiler().compile(everything, str(pathlib.Path(__file__).with_suffix(".yaml")))
