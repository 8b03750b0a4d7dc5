"""Workflows through Argo's own code: validation, expressions, packing (tests/argo/lint; `make argo-lint` builds it)."""
import concurrent.futures
import copy
import json
import pathlib
import subprocess
import tempfile

from tap import DHOW, ROOT, check, dhow, done, says, skip
from workflows import RUN_ID, asking, pipelines, workflow

LOOP = """
schemaVersion: 2.1.0
pipelineInfo: {name: wide}
deploymentSpec: {executors: {e: {container: {image: img, command: [run]}}}}
components:
  leaf: {executorLabel: e, inputDefinitions: {parameters: {item: {parameterType: STRING}}}}
  body:
    inputDefinitions: {parameters: {item: {parameterType: STRING}}}
    dag: {tasks: {work: {taskInfo: {name: work}, componentRef: {name: leaf}, inputs: {parameters: {item: {componentInputParameter: item}}}}}}
root:
  inputDefinitions: {parameters: {items: {parameterType: LIST}}}
  dag:
    tasks:
      for-loop-1:
        taskInfo: {name: for-loop-1}
        componentRef: {name: body}
        inputs: {parameters: {items: {componentInputParameter: items}}}
        parameterIterator: {items: {inputParameter: items}, itemInput: item}
"""
# Expressions that are not conditions, and what they have to give.
PARTS = (
    ("a nested list as one", "toJson(reduce(fromJSON(tasks['iteration'].outputs.parameters['x']), concat(#acc, #), []))",
     {"tasks.iteration.outputs.parameters.x": '[[1,"a"],[],[[2]]]'}, '[1,"a",[2]]'),
    ("a sum of lengths", "string(sum(map(fromJSON(tasks['iteration'].outputs.parameters['x']), int(#))))",
     {"tasks.iteration.outputs.parameters.x": "[1,2,1]"}, "4"),
    ("tolerations, one more", "toJson(flatten([fromJSON('[\\u007b\"key\":\"a\"\\u007d]'), fromJSON(inputs.parameters['t'])]))",
     {"inputs.parameters.t": '{"key":"b"}'}, '[{"key":"a"},{"key":"b"}]'),
    ("tolerations, a list more", "toJson(flatten([fromJSON('[]'), fromJSON(inputs.parameters['t'])]))",
     {"inputs.parameters.t": '[{"key":"b"},{"key":"c"}]'}, '[{"key":"b"},{"key":"c"}]'),
    ("an output that is not there", "(get(get(get(get(tasks, 'p'), 'outputs'), 'parameters'), 'o') ?? '') == 'a'", {"tasks.p.status": "Failed"}, "false"),
    ("one that is", "(get(get(get(get(tasks, 'p'), 'outputs'), 'parameters'), 'o') ?? '') == 'a'",
     {"tasks.p.status": "Failed", "tasks.p.outputs.parameters.o": "a"}, "true"),
    ("an item of a literal", "['a', 'b', '3'][int(item)]", {"item": "2"}, "3"),
    ("an item of a list", "fromJSON(inputs.parameters['dhow-items'])[int(item)]",
     {"item": "1", "inputs.parameters.dhow-items": '[1, {"a": "x\\"y"}]'}, '{"a":"x\\"y"}'),
    ("an item that is not known yet is left", "['a'][int(item)]", {}, "{{=['a'][int(item)]}}"),
    ("a length", "len(fromJSON(inputs.parameters['n']))", {"inputs.parameters.n": "[1,2,3]"}, "3"),
    ("an image's name", "('r/' + inputs.parameters['x'] + ':1')", {"inputs.parameters.x": "img"}, "r/img:1"),
    ("a text in a patch", "toJson(inputs.parameters['x'])", {"inputs.parameters.x": 'a"b'}, '"a\\"b"'),
)


def linter() -> str | None:
    found = subprocess.run([ROOT / "tools" / "get-argo-lint.sh", "--path"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def tool(name: str) -> pathlib.Path | None:
    """A program of src/argo beside the dhow that is tested."""
    path = pathlib.Path(DHOW).parent / "src" / "argo" / name
    return path if path.exists() else None


def lint(program: str, manifests: dict[str, dict]) -> dict[str, str]:
    """Name → "ok", or what Argo has against it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder) / f"{i}.json" for i, name in enumerate(manifests)}
        for name, path in paths.items():
            path.write_text(json.dumps(manifests[name]))
        out = subprocess.run([program, *map(str, paths.values())], capture_output=True, text=True, check=False).stdout
        said = dict(line.split(": ", 1) for line in out.splitlines())
        return {name: said.get(str(path), "no answer") for name, path in paths.items()}


def accepted(program: str) -> None:
    entries = pipelines()
    if not entries:
        skip("the conformance pipelines are accepted", "they are not here")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda e: workflow(e)[0], entries))
    manifests = {e["file"]: m for e, m in zip(entries, made) if m}
    if entries:
        manifests.update(asking())
    for options in (["--image-volume", "--namespace", "ml"], ["--lost-retries", "0", "--parallelism", "3", "--image-pull-secret", "s"]):
        for name in ("model_selection", "model_selection_c"):
            path = ROOT / "pipelines" / name / "pipeline.yaml"
            if path.exists():
                result = dhow("argo", path, "--run-id", RUN_ID, "--output", "json", *options)
                manifests[f"{name} {' '.join(options)}"] = json.loads(result.stdout) if result.returncode == 0 else {"x": says(result)}
    cases = tool("test-argo")
    if cases:
        lines = subprocess.run([cases, "--print"], capture_output=True, text=True, check=True).stdout.splitlines()
        manifests.update({f"unit test: {one['name']}": one["workflow"] for one in map(json.loads, lines)})
    for name, answer in lint(program, manifests).items():
        check(answer == "ok", f"{name} is accepted", answer)
    broken = copy.deepcopy(next(iter(manifests.values())))
    broken["spec"]["entrypoint"] = "nowhere"
    check(lint(program, {"broken": broken})["broken"] != "ok", "a broken one is not")


def evaluate(program: str, cases: list[dict]) -> list[str]:
    text = "\n".join(json.dumps({"expr": c["expr"], "env": c["env"]}) for c in cases)
    out = subprocess.run([program, "-expr"], input=text, capture_output=True, text=True, check=True).stdout
    return [answer.get("value", "error") for answer in map(json.loads, out.splitlines())]


def conditions(program: str) -> None:
    """The same answer as from CEL wherever CEL has one."""
    maker = tool("test-expr")
    if not maker:
        skip("conditions mean the same", "no test-expr in this build")
        return
    lines = subprocess.run([maker, "--cases"], capture_output=True, text=True, check=True).stdout
    cases = [c for c in map(json.loads, lines.splitlines()) if c["want"] != "error"]
    answers = evaluate(program, cases)
    wrong = [f"{c['cel']}\n  {c['expr']}\n  {c['env']}\n  CEL {c['want']}, Argo {a}" for c, a in zip(cases, answers) if c["want"] != a]
    check(len(cases) > 1000 and not wrong, f"{len(cases)} conditions mean the same to CEL and to Argo", "\n".join(wrong[:5]))


def parts(program: str) -> None:
    answers = evaluate(program, [{"expr": expr, "env": env} for _, expr, env, _ in PARTS])
    for (name, _, _, want), answer in zip(PARTS, answers):
        check(answer == want, name, f"{answer} instead of {want}")


def large_loop(program: str) -> None:
    """2,000 iterations, all of them in the status, stay below what Argo and etcd take."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline, made = pathlib.Path(folder) / "wide.yaml", pathlib.Path(folder) / "wide.json"
        pipeline.write_text(LOOP)
        items = json.dumps([f"item number {i}" for i in range(2000)])
        result = dhow("argo", pipeline, "-p", f"items={items}", "--run-id", RUN_ID, "--output", "json")
        made.write_text(result.stdout)
        if not check(result.returncode == 0 and len(result.stdout) < 20000, "a loop over 2,000 items is a small Workflow", says(result)):
            return
        out = subprocess.run([program, "-size", made, "2000"], capture_output=True, text=True, check=False)
        size = json.loads(out.stdout or "{}")
        print(f"# {size}")
        check(size.get("nodes", 0) > 6000 and size["stored_bytes"] < 1 << 20, "and below a megabyte when all has run", out.stdout + out.stderr)


def main() -> None:
    program = linter()
    if not program:
        skip("Argo's own validation", "it is not built: make argo-lint")
        done()
    accepted(program)
    conditions(program)
    parts(program)
    large_loop(program)
    done()


if __name__ == "__main__":
    main()
