# run: timeout=1200
"""What a step is given and what becomes of its answer: types, defaults, numbers, texts, artifacts, metadata, placeholders, importers."""
import json
import pathlib
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional

from kfp import components, dsl
from kfp.dsl import (HTML, Artifact, ClassificationMetrics, Dataset, Input, InputPath, Markdown, Metrics, Model, Output, OutputPath,
                     SlicedClassificationMetrics)

from sdk_case import case, main, named

FOLDER = tempfile.TemporaryDirectory(prefix="dhow-sdk-values-")
HERE = pathlib.Path(FOLDER.name)


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.component
def cat(a: str, b: str) -> str:
    return a + b


@dsl.component
def join(xs: List[str]) -> str:
    return ";".join(xs)


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path, encoding="utf-8") as f:
        return f"{f.read()}|{data.metadata}"


# ---- parameters

@dsl.component
def types(s: str, i: int, f: float, b: bool, l: list, d: dict) -> NamedTuple("O", [("s", str), ("i", int), ("f", float), ("b", bool), ("l", list), ("d", dict),
                                                                                  ("r", str)]):
    O = NamedTuple("O", [("s", str), ("i", int), ("f", float), ("b", bool), ("l", list), ("d", dict), ("r", str)])
    return O(s, i, f, b, l, d, repr((s, i, f, b, l, d)))


GIVEN = {"s": 'héllo 🌍 "q" \\ \n\t\u2028\x07 end', "i": -9007199254740991, "f": 1e-300, "b": False, "l": [1, 2.5, "x", None, True, [], {}],
         "d": {"ü": {"k": [1]}, "": "", "big": 12345678901234}}
case(args=GIVEN, outputs={**GIVEN, "r": repr(tuple(GIVEN.values()))}, name="every-type")(types)


@dsl.component
def ranges(xs: List[int], d: Dict[str, Any] = {"n": 2}, ys: List[int] = [3, 4]) -> str:
    return str([list(range(x)) for x in xs]) + str(d) + str(ys)


@case(outputs={"Output": "[[0], [0, 1]]{'n': 2}[3, 4]"})
@dsl.pipeline
def whole_numbers_of_constants_are_integers() -> str:
    return ranges(xs=[1, 2]).output


@dsl.component
def optional(a: Optional[str] = None, n: Optional[int] = None, d: Optional[Dict] = None, l: Optional[List] = None, b: bool = True, f: float = 1.5) -> str:
    return repr((a, n, d, l, b, f))


@case(outputs={"none": "(None, None, None, None, True, 1.5)", "given": "('x', 3, {'k': [1, 2.5, 'z']}, [], False, 2.0)"})
@dsl.pipeline
def optional_inputs() -> NamedTuple("O", [("none", str), ("given", str)]):
    O = NamedTuple("O", [("none", str), ("given", str)])
    return O(optional().output, optional(a="x", n=3, d={"k": [1, 2.5, "z"]}, l=[], b=False, f=2.0).output)


@dsl.pipeline
def optional_inner(a: Optional[str] = None, n: int = 7) -> str:
    return optional(a=a, n=n).output


@case(outputs={"Output": "(None, 7, None, None, True, 1.5)"})
@dsl.pipeline
def optional_through_a_pipeline(a: Optional[str] = None) -> str:
    return optional_inner(a=a).output


@dsl.component
def optional_model(m: Optional[Input[Model]] = None) -> str:
    return "none" if m is None else "some"


@case(outputs={"Output": "none"})
@dsl.pipeline
def optional_artifact(m: Optional[Input[Model]] = None) -> str:
    return optional_model(m=m).output


@case(outputs={"Output": 'n=5 f=2 g=0.1 b=true l=[1,2] d={"a":1}'})
@dsl.pipeline
def everything_as_text(n: int = 5, f: float = 2.0, g: float = 0.1, b: bool = True, l: list = [1, 2], d: dict = {"a": 1}) -> str:
    return echo(text=f"n={n} f={f} g={g} b={b} l={l} d={d}").output


@case(outputs={"Output": "v1|1;v2|7"})
@dsl.pipeline
def parts_of_loop_items() -> str:
    @dsl.component
    def source() -> List[Dict]:
        return [{"label": "v1", "n": {"z": 1}}, {"label": "v2", "n": {"z": 7}}]

    @dsl.component
    def both(a: str, n: Dict) -> str:
        return f"{a}|{n['z']}"
    with dsl.ParallelFor(source().output) as i:
        t = both(a=i.label, n=i.n)
    return join(xs=dsl.Collected(t.output)).output


@case(outputs={"Output": "('DD', 42, 'tä\\n', [1, 'x'])"})
@dsl.pipeline
def paths() -> str:
    @dsl.component
    def write(a: OutputPath(int), s: OutputPath(str), d: OutputPath("Dataset"), j: OutputPath(list)):
        for path, text in ((a, "42"), (s, "tä\n"), (d, "DD"), (j, '[1, "x"]')):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)

    @dsl.component
    def use(d: InputPath("Dataset"), a: int, s: str, j: list) -> str:
        with open(d, encoding="utf-8") as f:
            return repr((f.read(), a, s, j))
    o = write()
    return use(d=o.outputs["d"], a=o.outputs["a"], s=o.outputs["s"], j=o.outputs["j"]).output


# ---- containers

@dsl.container_component
def shell(a: str, out: OutputPath(str), b: Optional[str] = None):
    return dsl.ContainerSpec(
        image="alpine", command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; for i in "$@"; do printf "[%s]" "$i"; done > "$0"', out],
        args=[dsl.ConcatPlaceholder(["--a=", a, "/x"]), dsl.IfPresentPlaceholder(input_name="b", then=["--b", b], else_=["--no-b"]),
              dsl.ConcatPlaceholder(["p", dsl.ConcatPlaceholder([a, dsl.IfPresentPlaceholder(
                  input_name="b", then=dsl.ConcatPlaceholder(["+", b]), else_="-")])])])


@case(outputs={"x": "[--a=A B/x][--no-b][pA B-]", "y": '[--a="q"/x][--b][it\'s][p"q"+it\'s]'})
@dsl.pipeline
def concat_and_if_present() -> NamedTuple("O", [("x", str), ("y", str)]):
    O = NamedTuple("O", [("x", str), ("y", str)])
    return O(shell(a="A B").outputs["out"], shell(a='"q"', b="it's").outputs["out"])


@dsl.container_component
def arguments(text: str, n: int, f: float, b: bool, l: list, d: dict, out: OutputPath(str)):
    return dsl.ContainerSpec(image="alpine", command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf "%s|" "$@" > "$0"'], args=[out, text, n, f, b, l, d])


@case(outputs={"Output": 'ä "q"|5|2|true|[1,"a<b"]|{"a":2,"k":1.5}|'})
@dsl.pipeline
def arguments_of_every_type() -> str:
    return arguments(text='ä "q"', n=5, f=2.0, b=True, l=[1, "a<b"], d={"k": 1.5, "a": 2}).outputs["out"]


FROM_TEXT = components.load_component_from_text("""
name: From text
inputs:
- {name: In Text, type: String, default: 'dd'}
- {name: num, type: Integer, optional: true}
- {name: flag, type: Boolean, default: 'true'}
outputs:
- {name: Out Text, type: String}
implementation:
  container:
    image: alpine
    command: [sh, -c, 'mkdir -p "$(dirname "$0")"; printf "%s " "$@" > "$0"', {outputPath: Out Text}]
    args: [{inputValue: In Text}, {if: {cond: {isPresent: num}, then: [--num, {inputValue: num}], else: [--none]}},
           {concat: ['--c=', {inputValue: In Text}, '!']}, {inputValue: flag}]
""")


@case(outputs={"a": "hi --num 3 --c=hi! true ", "b": "dd --none --c=dd! true "})
@dsl.pipeline
def component_from_text() -> NamedTuple("O", [("a", str), ("b", str)]):
    O = NamedTuple("O", [("a", str), ("b", str)])
    return O(FROM_TEXT(in_text="hi", num=3).outputs["out_text"], FROM_TEXT().outputs["out_text"])


# ---- artifacts

@dsl.component
def artifacts(m: Output[Metrics], c: Output[ClassificationMetrics], sliced: Output[SlicedClassificationMetrics], page: Output[HTML],
              text: Output[Markdown], folder: Output[Artifact], model: Output[Model]):
    import os
    m.log_metric("acc", 0.5)
    c.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])
    c.log_roc_curve([0.0, 0.5, 1.0], [0.0, 0.7, 1.0], [1.0, 0.5, 0.0])
    sliced.metadata["evaluationSlices"] = [{"slice": "a", "sliceClassificationMetrics": {"confidenceMetrics": []}}]
    for path, content in ((page.path, "<b>x</b>"), (text.path, "# x"), (model.path, "m")):
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
    os.makedirs(folder.path)
    with open(folder.path + "/file", "w", encoding="utf-8") as f:
        f.write("1")
    model.metadata = {"s": "x", "i": 1, "f": 1.5, "b": True, "l": [1, "a"], "d": {"k": {"z": None}}}


@dsl.component
def look_at(m: Input[Metrics], c: Input[ClassificationMetrics], folder: Input[Artifact], model: Input[Model]) -> str:
    import json
    import os
    assert c.metadata["confusionMatrix"]["rows"][1]["row"] == [3, 4], c.metadata
    assert len(c.metadata["confidenceMetrics"]) == 3, c.metadata
    return json.dumps([m.metadata, os.listdir(folder.path), model.metadata], sort_keys=True)


def types_are_kept(run):
    got = {name: a[0]["type"] for name, a in named(run, "artifacts")[0]["outputs"]["artifacts"].items()}
    assert got == {"m": "system.Metrics", "c": "system.ClassificationMetrics", "sliced": "system.SlicedClassificationMetrics", "page": "system.HTML",
                   "text": "system.Markdown", "folder": "system.Artifact", "model": "system.Model"}, got


@case(outputs={"Output": json.dumps([{"acc": 0.5}, ["file"], {"s": "x", "i": 1, "f": 1.5, "b": True, "l": [1, "a"], "d": {"k": {"z": None}}}],
                                    sort_keys=True)}, look=types_are_kept)
@dsl.pipeline
def artifact_types() -> str:
    a = artifacts()
    return look_at(m=a.outputs["m"], c=a.outputs["c"], folder=a.outputs["folder"], model=a.outputs["model"]).output


for name in ("a", "b"):
    (HERE / name).write_text(f"imported {name}", encoding="utf-8")


@case(args={"folder": f"{HERE}/"}, outputs={"Output": "imported a|{'l': [1], 'label': 'a', 'n': 9};imported b|{'l': [1], 'label': 'b', 'n': 9}"})
@dsl.pipeline
def importers_in_a_loop(folder: str) -> str:
    with dsl.ParallelFor(["a", "b"]) as i:
        im = dsl.importer(artifact_uri=cat(a=folder, b=i).output, artifact_class=Dataset, metadata={"label": echo(text=i).output, "n": 9, "l": [1]})
        r = read(data=im.output)
    return join(xs=dsl.Collected(r.output)).output


@dsl.pipeline
def imported(uri: str) -> Dataset:
    return dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=True).output


@case(args={"uri": str(HERE / "a")}, outputs={"Output": "imported a|{}"})
@dsl.pipeline
def importer_in_a_branch_and_a_pipeline(uri: str, go: bool = True) -> str:
    with dsl.If(go == True):  # noqa: E712
        r = read(data=imported(uri=uri).output)
    with dsl.Else():
        n = echo(text="no")
    return dsl.OneOf(r.output, n.output)


(HERE / "embedded").mkdir()
(HERE / "embedded" / "the_embedded.py").write_text('V = "embedded"\n', encoding="utf-8")


@dsl.component(embedded_artifact_path=str(HERE / "embedded"))
def use_embedded(art: dsl.EmbeddedInput[Dataset]) -> str:
    import os

    import the_embedded
    return the_embedded.V + str(os.path.exists(os.path.join(art.path, "the_embedded.py")))


@case(outputs={"Output": "embeddedTrue"})
@dsl.pipeline
def embedded_artifact() -> str:
    return use_embedded().output


# ---- the run

@case(look=lambda run: run["outputs"]["Output"].split("|")[2:4] == [run["run_id"], "echo"] or (_ for _ in ()).throw(AssertionError(run["outputs"])))
@dsl.pipeline
def names_of_the_run() -> str:
    return echo(text="|".join((dsl.PIPELINE_JOB_NAME_PLACEHOLDER, dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER, dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                               dsl.PIPELINE_TASK_NAME_PLACEHOLDER, dsl.PIPELINE_TASK_ID_PLACEHOLDER, dsl.PIPELINE_ROOT_PLACEHOLDER,
                               dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER))).output


@case(outputs={"Output": "hello"})
@dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi", kubernetes=dsl.KubernetesWorkspaceConfig(
    pvcSpecPatch={"accessModes": ["ReadWriteOnce"]}))))
def workspace() -> str:
    @dsl.component
    def write(at: str, text: str) -> str:
        import os
        os.makedirs(at + "/deep", exist_ok=True)
        with open(at + "/deep/file", "w", encoding="utf-8") as f:
            f.write(text)
        return at + "/deep/file"

    @dsl.component
    def fetch(path: str) -> str:
        with open(path, encoding="utf-8") as f:
            return f.read()
    return fetch(path=write(at=dsl.WORKSPACE_PATH_PLACEHOLDER, text="hello").output).output


@dsl.component(task_config_passthroughs=[dsl.TaskConfigField.RESOURCES, dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.ENV, apply_to_task=True)])
def configured(config: dsl.TaskConfig) -> str:
    import json
    import os
    return json.dumps([config.resources["limits"], config.env, os.environ.get("COLOR")])


@case(outputs={"Output": '[{"cpu": "1", "memory": "512M"}, [{"name": "COLOR", "value": "blue"}], "blue"]'})
@dsl.pipeline
def task_config() -> str:
    return configured().set_cpu_limit("1").set_memory_limit("512M").set_env_variable("COLOR", "blue").output


@case(look=lambda run: named(run, "echo")[0]["display_name"] == "My Ünï task" or (_ for _ in ()).throw(AssertionError(named(run, "echo"))))
@dsl.pipeline(display_name="Anzeige ä")
def display_names():
    echo(text="1").set_display_name("My Ünï task")


main()
