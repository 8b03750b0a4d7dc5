"""Pipelines that the SDK compiles here, run, and compared with what KFP's backend makes of them.

@case(…) above @dsl.pipeline adds one; main() runs them all, in one home, so that the environment of the steps is made once."""
import json
import pathlib
import tempfile
import traceback
import warnings

from tap import check, dhow, done, says

warnings.simplefilter("ignore")
from kfp import compiler  # noqa: E402

CASES = []


def case(args=None, state="SUCCEEDED", outputs=None, counts=None, tasks=None, attempts=None, look=None, name=None):
    """args: parameters of the run, or a function of a folder that gives them; outputs: of the pipeline; counts: how often a task succeeded;
    tasks: the output parameters of each instance of a task; attempts: how many its first instance had; look: a check of one's own."""
    def add(pipeline):
        CASES.append((name or pipeline.name, pipeline, {"args": args or {}, "state": state, "outputs": outputs or {}, "counts": counts or {},
                                                        "tasks": tasks or {}, "attempts": attempts or {}, "look": look}))
        return pipeline
    return add


def named(run, name):
    return [t for t in run["tasks"] if t["name"] == name]


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def differences(run, want):
    if run["state"] != want["state"]:
        yield f"state {run['state']}, expected {want['state']}: {run['error']}"
    for key, value in want["outputs"].items():
        if not same(run["outputs"].get(key), value):
            yield f"output {key}: {run['outputs'].get(key)!r}, expected {value!r}"
    for task, n in want["counts"].items():
        got = sum(t["state"] in ("SUCCEEDED", "CACHED") for t in named(run, task))
        if got != n:
            yield f"{task} succeeded {got} times, expected {n}"
    for task, outputs in want["tasks"].items():
        got = [t["outputs"]["parameters"] for t in named(run, task)]
        if not same(got, outputs):
            yield f"{task}: {got}, expected {outputs}"
    for task, n in want["attempts"].items():
        if named(run, task)[0]["attempts"] != n:
            yield f"{task}: {named(run, task)[0]['attempts']} attempts, expected {n}"
    if want["look"]:
        try:
            want["look"](run)
        except (AssertionError, LookupError, TypeError, ValueError):
            yield traceback.format_exc()


def one(folder, home, name, pipeline, want):
    file = folder / f"{name}.yaml"
    scratch = folder / name
    scratch.mkdir()
    compiler.Compiler().compile(pipeline, str(file))
    args = want["args"](scratch) if callable(want["args"]) else want["args"]
    params = folder / f"{name}.json"
    params.write_text(json.dumps(args), encoding="utf-8")
    r = dhow("run", file, "--params", params, "--output", "json", home=home, timeout=300)
    try:
        run = json.loads(r.stdout)
    except ValueError:
        return says(r)
    why = list(differences(run, want))
    return "\n".join(why + [says(r)]) if why else ""


def main(prepare=None):
    with tempfile.TemporaryDirectory(prefix="dhow-sdk-") as top:
        folder = pathlib.Path(top)
        home = folder / "home"
        if prepare:
            prepare(home)
        for name, pipeline, want in CASES:
            why = one(folder, home, name, pipeline, want)
            check(not why, name, why)
    done()
