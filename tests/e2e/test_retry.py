# run: asan
"""Taking a run up again: what a retry may and may not touch, and what it is after a kill."""
import hashlib
import json
import pathlib
import signal
import sqlite3
import subprocess
import tempfile

from specs import output, pipeline, step, write
from tap import DHOW, check, dhow, done, says, until


def show(home, name: str = "last") -> dict:
    return json.loads(dhow("show", name, "--output", "json", home=home).stdout)


def states(got: dict) -> dict:
    return {t["name"]: t["state"] for t in got["tasks"]}


def lines(path: pathlib.Path) -> list:
    return path.read_text().split("\n")[:-1] if path.exists() else []


def start(home, *args) -> subprocess.Popen:
    return subprocess.Popen([DHOW, "--home", str(home), *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def importer(spec: dict, name: str, uri: str, **task) -> dict:
    kind = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
    spec["components"][f"comp-{name}"] = {"executorLabel": f"exec-{name}", "outputDefinitions": {"artifacts": {"artifact": {"artifactType": kind}}}}
    spec["deploymentSpec"]["executors"][f"exec-{name}"] = {"importer": {"artifactUri": {"constant": uri}, "typeSchema": kind, **task.pop("importer", {})}}
    spec["root"]["dag"]["tasks"][name] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}, **task}
    return spec


def importers(folder: pathlib.Path) -> None:
    home = folder / "importers"
    got = dhow("run", write(folder, importer(pipeline("no-uri"), "i", "", retryPolicy={"maxRetryCount": 1})), home=home)
    check(got.returncode == 1 and "no URI is given" in got.stderr, "an importer that fails is tried again as an importer", says(got))
    (folder / "data").write_text("data")
    path = write(folder, importer(pipeline("imports"), "i", str(folder / "data")))
    for _ in range(2):
        dhow("run", path, home=home)
    again = write(folder, importer(pipeline("imports"), "i", str(folder / "data"), importer={"reimport": True}))
    rows = lambda: sqlite3.connect(home / "dhow.db").execute("SELECT count(*) FROM artifacts").fetchone()[0]
    check(rows() == 1, "an equal artifact is imported once", str(rows()))
    dhow("run", again, home=home)
    check(rows() == 2, "reimport makes a new one", str(rows()))


def refused(folder: pathlib.Path) -> None:
    home = folder / "refused"
    good = write(folder, step(pipeline("refused"), "a", "true"), "good.json")
    dhow("run", good, home=home)
    before = show(home)
    got = dhow("retry", "last", "--from", "nosuch", home=home)
    check(got.returncode == 2 and "nosuch" in got.stderr and show(home) == before, "a retry from a task that is not there changes nothing", says(got))
    got = dhow("retry", "last", "--from", "root.nosuch.a", home=home)
    check(got.returncode == 2 and show(home) == before, "nor does a wrong path", says(got))
    bad = step(pipeline("refused"), "a", "true", triggerPolicy={"condition": "1 +"})
    got = dhow("retry", "last", "--file", write(folder, bad, "bad.json"), home=home)
    check(got.returncode == 2 and show(home) == before, "nor does a pipeline that cannot be planned", says(got))


def artifacts_stay(folder: pathlib.Path) -> None:
    home = folder / "artifacts"
    path = write(folder, step(pipeline("artifacts"), "m", 'date +%s%N > "$out_data"', artifacts={"data": "Dataset"}))
    dhow("run", path, home=home)
    dhow("run", path, home=home)
    second = show(home, "2")
    check(states(second) == {"m": "CACHED"}, "the second run uses the first one's result", str(states(second)))
    dhow("retry", "1", "--from", "m", home=home)
    check(states(show(home, "1")) == {"m": "SUCCEEDED"}, "--from is not answered by the cache", str(states(show(home, "1"))))
    artifact = second["tasks"][0]["outputs"]["artifacts"]["data"][0]
    digest = hashlib.sha256(pathlib.Path(artifact["uri"]).read_bytes()).hexdigest()
    check(digest in artifact["digest"], "and what the second run has is not overwritten", f"{digest} {artifact}")


def from_loops(folder: pathlib.Path) -> None:
    home, marks = folder / "loops", folder / "loop-marks"
    s = pipeline("loops")
    s["components"]["comp-l"] = {"dag": {"tasks": {}}, "inputDefinitions": {"parameters": {"item": {"parameterType": "STRING"}}}}
    step(s, "w", f'echo "$in_x" >> {marks}', cache=False, dag=s["components"]["comp-l"]["dag"])
    s["components"]["comp-w"]["inputDefinitions"] = {"parameters": {"x": {"parameterType": "STRING"}}}
    s["components"]["comp-l"]["dag"]["tasks"]["w"]["inputs"] = {"parameters": {"x": {"componentInputParameter": "item"}}}
    s["deploymentSpec"]["executors"]["exec-w"]["container"]["args"] = ["in_x={{$.inputs.parameters['x']}}"]
    s["root"]["dag"]["tasks"]["l"] = {"componentRef": {"name": "comp-l"}, "taskInfo": {"name": "l"},
                                      "parameterIterator": {"itemInput": "item", "items": {"raw": '["a", "b", "c"]'}}}
    dhow("run", write(folder, s), home=home)
    check(sorted(lines(marks)) == ["a", "b", "c"], "a loop", str(lines(marks)))
    dhow("retry", "last", "--from", "root.l[1]", home=home)
    check(sorted(lines(marks)) == ["a", "b", "b", "c"], "--from one iteration runs it alone", str(lines(marks)))
    for path, says_ in (("root.l[3]", "are [0] to [2]"), ("l[99].w", "are [0] to [2]"), ("root.l[1", "are [0] to [2]"), ("root.l[x].w", "are [0] to [2]"), ("l[1].w[0]", "no iterations")):
        got = dhow("retry", "last", "--from", path, home=home)
        check(got.returncode == 2 and says_ in got.stderr and len(lines(marks)) == 4, f"--from {path}: there is none, and nothing runs", says(got))
    dhow("retry", "last", "--from", "l", home=home)
    check(len(lines(marks)) == 7, "--from the loop runs all of it", str(lines(marks)))


def changed_file(folder: pathlib.Path) -> None:
    home = folder / "changed"
    old = step(pipeline("changed", p="given"), "a", "exit 3", cache=False)
    dhow("run", write(folder, old, "old.json"), "-p", "p=mine", home=home)
    new = step(pipeline("changed", p="given", q="dflt"), "a", 'printf %s "$in_p-$in_q" > "$out_o"', inputs={"p": "=p", "q": "=q"}, outputs=("o",))
    got = dhow("retry", "last", "--file", write(folder, output(new, "o", "a", "o"), "new.json"), home=home)
    check(show(home)["outputs"] == {"o": "mine-dflt"}, "a changed pipeline has the parameters that were given, and its new defaults", says(got))


def canceled_retry(folder: pathlib.Path) -> None:
    home, marks, block = folder / "canceled", folder / "cancel-marks", folder / "block"
    s = step(pipeline("canceled"), "first", f'echo first >> {marks}; if [ -e {block} ]; then exec sleep 61.7; fi; [ $(wc -l < {marks}) -gt 3 ]', cache=False)
    step(s, "second", f"echo second >> {marks}", cache=False)
    step(s, "third", f"echo third >> {marks}", cache=False)
    dhow("run", write(folder, s), "--jobs", "1", home=home)
    check(states(show(home)) == {"first": "FAILED", "second": "SUCCEEDED", "third": "SUCCEEDED"}, "one task fails", str(states(show(home))))
    block.touch()
    retry = start(home, "retry", "last")
    check(until(lambda: lines(marks).count("first") == 2), "its retry begins")
    retry.send_signal(signal.SIGINT)
    check(retry.wait(120) == 130, "and is canceled")
    check(states(show(home)) == {"first": "CANCELED", "second": "SUCCEEDED", "third": "SUCCEEDED"}, "what had succeeded stays", str(states(show(home))))
    block.unlink()
    dhow("retry", "last", home=home)
    check(lines(marks).count("second") == 1 and lines(marks).count("first") == 3, "and does not run again", str(lines(marks)))


def killed_retry(folder: pathlib.Path) -> None:
    home, marks, mended, killed = folder / "killed", folder / "kill-marks", folder / "mended", folder / "was-killed"
    s = pipeline("killed")
    for name in ("a", "b"):
        step(s, name, f"echo {name} >> {marks}; [ -e {mended} ] || exit 1; [ -e {killed} ] || exec sleep 600", cache=False)
    dhow("run", write(folder, s), "--jobs", "1", home=home)
    mended.touch()
    retry = start(home, "retry", "last", "--jobs", "1")
    check(until(lambda: len(lines(marks)) == 3), "a retry of two failed tasks begins")
    retry.kill()
    retry.wait()
    killed.touch()
    got = dhow("resume", "last", home=home)
    check(got.returncode == 0 and states(show(home)) == {"a": "SUCCEEDED", "b": "SUCCEEDED"}, "killed and resumed, it is the same retry", says(got))


def keys(folder: pathlib.Path) -> None:
    home = folder / "keys"
    for name in ("one", "two"):
        s = step(pipeline(name), "train", f'printf {name} > "$out_o"', outputs=("o",), cachingOptions={"enableCache": True, "cacheKey": "v1"}, cache=False)
        got = dhow("run", write(folder, output(s, "o", "train", "o")), home=home)
        check(show(home)["outputs"] == {"o": name}, f"a cache key of its own counts within its pipeline: {name}", says(got))
    s = step(pipeline("ids"), "a", 'printf %s "$in_id" > "$out_o"', inputs={"id": "{{$.pipeline_task_uuid}}"}, outputs=("o",))
    s["root"]["dag"]["tasks"]["a"]["inputs"] = {"parameters": {"id": {"runtimeValue": {"constant": "{{$.pipeline_task_uuid}}"}}}}
    s["root"]["dag"]["tasks"]["a"].pop("dependentTasks", None)
    dhow("run", write(folder, output(s, "o", "a", "o")), home=home)
    got = show(home)
    check(got["outputs"] == {"o": got["tasks"][0]["task_id"]}, "a task's id as its input", str(got["outputs"]))


def answers(folder: pathlib.Path) -> None:
    home, precious = folder / "answers", folder / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    s = step(pipeline("answers"), "evil", "", artifacts={"data": "Dataset"}, cache=False)
    s["deploymentSpec"]["executors"]["exec-evil"]["container"] = {"image": "x", "command": ["sh", "-c", 'echo x > f; printf %s "$1" > "$0"'], "args": [
        "{{$.outputs.output_file}}",
        json.dumps({"artifacts": {"data": {"artifacts": [{"name": "data", "uri": str(precious), "customPath": str(precious / "file")}]}}})]}
    dhow("run", write(folder, s), home=home)
    check((precious / "file").exists() and (precious / "file").read_text() == "keep", "an answer cannot have a folder removed that is not the step's")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="test-retry-") as folder:
        for test in (importers, refused, artifacts_stay, from_loops, changed_file, canceled_retry, killed_retry, keys, answers):
            sub = pathlib.Path(folder) / test.__name__
            sub.mkdir()
            test(sub)
    done()


main()
