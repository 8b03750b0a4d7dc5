#!/usr/bin/env python3
"""Pods of each conformance pipeline, as KFP compiles it and as dhow does: the table of docs/kubernetes.md.

pods.py            prints it
pods.py --update   writes it into the page

KFP's are counted by the rules of its compiler (backend/src/v2/compiler/argocompiler): one for the root's driver, one for each
call of a dag, two for a container (driver and launcher), one for an importer or a volume claim; a loop has one more, for the
driver of the iteration. Each loop counts as one iteration, each condition as true.
"""
import concurrent.futures
import pathlib
import sys

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tap import ROOT
from workflows import CONFORMANCE, pipelines, spec_of, workflow

PAGE = ROOT / "docs" / "kubernetes.md"
BEGIN, END = "<!-- pods: written by tests/argo/pods.py -->", "<!-- end of pods -->"


def kfp_pods(spec: dict, component: dict | None = None) -> int:
    """With the driver of this dag."""
    total = 1
    for task in (component or spec["root"]).get("dag", {}).get("tasks", {}).values():
        called = spec.get("components", {})[task["componentRef"]["name"]]
        is_loop = "parameterIterator" in task or "artifactIterator" in task
        if "dag" in called:
            total += kfp_pods(spec, called)
        else:
            executor = spec["deploymentSpec"]["executors"][called["executorLabel"]]
            one = "importer" in executor or executor.get("container", {}).get("image", "").startswith("argostub/")
            total += 1 if one else 2
        total += is_loop
    return total


def dhow_pods(manifest: dict) -> int:
    templates = {t["name"]: t for t in manifest["spec"]["templates"]}

    def count(name: str) -> int:
        template = templates[name]
        if "container" in template:
            return 1
        return sum(count(task["template"]) for task in template.get("dag", {}).get("tasks", []))

    return count(manifest["spec"]["entrypoint"])


def table(made: dict | None = None) -> str:
    """`made`: name → (Workflow, message), where it is there already."""
    entries = pipelines()
    if made is None:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            made = dict(zip([e["name"] for e in entries], pool.map(workflow, entries)))
    rows = []
    for entry in entries:
        manifest = made[entry["name"]][0]
        rows.append((entry["name"], kfp_pods(spec_of(CONFORMANCE / "pipelines" / entry["file"])), dhow_pods(manifest) if manifest else None))
    said = [(name, kfp, ours) for name, kfp, ours in rows if ours is not None]
    kfp, ours = sum(r[1] for r in said), sum(r[2] for r in said)
    lines = [BEGIN,
             f"Over the {len(said)} pipelines of `docs/conformance.md` that become a Workflow: **{ours} pods, where KFP makes {kfp}** "
             f"({kfp / ours:.2f} times as many). Loops count once, conditions as true; a task that is skipped has none here, and a driver there.", "",
             "<details><summary>Pipeline by pipeline</summary>", "", "| pipeline | KFP | dhow |", "|---|---:|---:|"]
    lines += [f"| {name.replace('|', ' ')} | {k} | {'refused' if o is None else o} |" for name, k, o in sorted(rows)]
    return "\n".join([*lines, "", "</details>", END])


def main() -> None:
    text = table()
    if "--update" not in sys.argv[1:]:
        print(text)
        return
    page = PAGE.read_text()
    before, rest = page.split(BEGIN, 1)
    PAGE.write_text(before + text + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
