#!/usr/bin/env python3
"""Writes docs/conformance.md from a run of the conformance check.

conformance_table.py RESULTS.json MANIFEST.json > docs/conformance.md

RESULTS.json is what `check.py --out` wrote: a pipeline's name and what was not as expected. Of the
manifest only names and features are taken. What differs on purpose is in tests/conformance-differences.txt.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
KINDS = (("pipelines", "Pipelines that run", "runs as expected"), ("load_only", "Pipelines that need a cloud or an image", "validates and plans"),
         ("negative", "Pipelines and arguments that are refused", "refused"))
HEAD = """\
# Conformance

The pipelines are those that the official Kubeflow Pipelines SDK compiled: its test data, its samples, and what its own
tests compile. They are not part of this repository. Each that can run without cloud services is run, and its state, the
outputs of the pipeline and of each task, artifacts with their types, metadata and bytes are compared with what is known
of them; all others are validated and planned. Of these, the ones that ask a cluster for secrets, config maps or volumes
also run, with these made on one machine first (`tests/platform/test_sdk_platform.py`, `docs/platform.md`). `make
conformance` does the check; this page is written from its result by `tools/conformance_table.py`.

{summary}
"""


def differences() -> dict:
    lines = (ROOT / "tests" / "conformance-differences.txt").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def on_one_machine() -> set:
    """Those that need a cluster's objects and run here all the same, by a test of their own."""
    text = (ROOT / "tests" / "platform" / "test_sdk_platform.py").read_text()
    return set(re.findall(r'^    \("([^"]+)", \{', text, re.M))


def row(pipeline: dict, wrong: list, reason: str | None, word: str, local: set) -> str:
    features = ", ".join(f.replace("_", " ") for f in pipeline.get("features", []))
    if pipeline["name"] in local and word == "validates and plans":
        word += "; runs with its objects made here"
    result = word if not wrong else "differs on purpose, see above" if reason else "**fails**"
    return f"| {pipeline['name'].replace('|', ' ')} | {features} | {result} |"


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    manifest = json.loads(pathlib.Path(sys.argv[2]).read_text())
    known, local = differences(), on_one_machine()
    sections, summary = [], ["| | pipelines | as expected | differ on purpose | fail |", "|---|---:|---:|---:|---:|"]
    for kind, title, word in KINDS:
        all_of_it = sorted((p for p in manifest[kind] if p["name"] in results), key=lambda p: p["name"])
        wrong = [p["name"] for p in all_of_it if results[p["name"]]]
        meant = sum(name in known for name in wrong)
        summary.append(f"| {title} | {len(all_of_it)} | {len(all_of_it) - len(wrong)} | {meant} | {len(wrong) - meant} |")
        rows = [row(p, results[p["name"]], known.get(p["name"]), word, local) for p in all_of_it]
        sections.append("\n".join([f"## {title}", "", "| Pipeline | Features | Result |", "|---|---|---|", *rows]))
    print(HEAD.format(summary="\n".join(summary)))
    print("## Where dhow differs on purpose\n\nThe expected results come from the official local runner. Where the backend means something else, the backend "
          "counts.\n")
    print("\n".join(f"- `{name}`: {why}." for name, why in sorted(known.items())))
    print("\n" + "\n\n".join(sections))


main()
