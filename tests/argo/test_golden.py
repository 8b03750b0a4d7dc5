"""Each conformance pipeline as a Workflow, compared with what it was.

tests/argo/golden/NAME.txt has a line for each thing that is the pipeline's own: the Workflow without what
all of them have in common (golden/common.json: that of a single task, whole). `--update` writes them anew.
"""
# run: asan
import concurrent.futures
import json
import pathlib
import sys

from tap import check, done, skip
import pods
from workflows import asking, pipelines, workflow

GOLDEN = pathlib.Path(__file__).parent / "golden"
COMMON = GOLDEN / "common.json"
ONE_TASK = "hello_world.yaml"


def line(value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def without(value, common):
    """What of `value` is not as in `common`; None: nothing. Lists of things lose the things that are alike."""
    if value == common:
        return None
    if isinstance(value, dict) and isinstance(common, dict):
        rest = {k: without(v, common.get(k)) for k, v in value.items() if v != common.get(k)}
        rest.update({f"no {k}": True for k in common if k not in value})
        return rest
    if isinstance(value, list) and isinstance(common, list) and value and isinstance(value[0], dict):
        rest = [v for v in value if v not in common]
        return rest + [{"no": v} for v in common if v not in value]
    return value


def compact(manifest: dict, common: dict) -> str:
    """The lines of one Workflow."""
    pod = next(t for t in common["spec"]["templates"] if "container" in t)
    lines = []
    for template in manifest["spec"]["templates"]:
        if "container" in template:
            lines.append(line({"pod": template["name"], **(without({**template, "name": ""}, {**pod, "name": ""}) or {})}))
            continue
        dag = dict(template.get("dag", {}))
        tasks = dag.pop("tasks", [])
        lines.append(line({**template, "dag": dag} if dag else template))
        lines += ["  " + line(task) for task in tasks]
    rest = {k: v for k, v in manifest["spec"].items() if k != "templates"}
    rest = without(rest, {k: v for k, v in common["spec"].items() if k != "templates"})
    head = {"name": manifest["metadata"]["name"], **(rest or {})}
    return "\n".join([line(head), *lines]) + "\n"


def golden_path(entry: dict) -> pathlib.Path:
    return GOLDEN / (pathlib.Path(entry["file"]).stem + ".txt")


def expect(path: pathlib.Path, text: str, update: bool) -> None:
    if update:
        path.write_text(text)
    old = path.read_text() if path.exists() else ""
    detail = "\n".join(f"{a} {b}" for a, b in [("-", x) for x in old.splitlines() if x not in text.splitlines()] +
                       [("+", x) for x in text.splitlines() if x not in old.splitlines()])
    check(old == text, path.stem, detail[:3000] or "there is no such file: --update writes it")


def main() -> None:
    update = "--update" in sys.argv[1:]
    entries = pipelines()
    if not entries:
        skip("the conformance pipelines as Workflows", "they are not here")
        done()
    GOLDEN.mkdir(exist_ok=True)
    one = next(e for e in entries if e["file"] == ONE_TASK)
    common = workflow(one)[0]
    expect(COMMON, json.dumps(common, indent=1) + "\n", update)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(pool.map(workflow, entries))
    for entry, (manifest, message) in zip(entries, made):
        expect(golden_path(entry), compact(manifest, common) if manifest else message + "\n", update)
    questions = asking()
    for name, manifest in questions:
        expect(GOLDEN / f"{name}.txt", compact(manifest, common), update)
    known = {golden_path(e).name for e in entries} | {COMMON.name} | {f"{name}.txt" for name, _ in questions}
    left = sorted(p.name for p in GOLDEN.iterdir() if p.name not in known)
    check(not left, "no golden file is left over", ", ".join(left))
    page = pods.PAGE.read_text()
    check(pods.table(dict(zip([e["name"] for e in entries], made))) in page, "docs/kubernetes.md has the pods of today", "tests/argo/pods.py --update writes them")
    done()


if __name__ == "__main__":
    main()
