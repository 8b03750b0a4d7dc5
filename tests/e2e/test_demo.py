# run: asan
"""The model selection pipeline: what the README promises of it."""
import json
import pathlib
import shutil
import sqlite3
import tempfile

from tap import ROOT, check, dhow, done, says

PIPELINE = ROOT / "pipelines" / "model_selection" / "pipeline.yaml"
LEAVES = {"download-data", "train-logistic-regression", "train-decision-tree", "evaluate", "evaluate-2", "select-model", "promote", "reject"}


def run(home, *args, code: int = 0, name: str = "runs") -> dict:
    result = dhow("run", PIPELINE, "--output", "json", *args, home=home)
    check(result.returncode == code, f"{name}: exit status {code}", says(result))
    return json.loads(result.stdout)


def states(got: dict) -> dict:
    return {t["name"]: t["state"] for t in got["tasks"] if t["name"] in LEAVES}


def gate_open(home: pathlib.Path) -> None:
    first = run(home, name="a first run")
    want = dict.fromkeys(LEAVES, "SUCCEEDED") | {"reject": "SKIPPED"}
    check(first["state"] == "SUCCEEDED" and states(first) == want, "a first run: all ran, the model was promoted", str(states(first)))
    second = run(home, name="a second run")
    want = dict.fromkeys(LEAVES, "CACHED") | {"reject": "SKIPPED"}
    check(second["state"] == "SUCCEEDED" and states(second) == want, "a second run: all cached", str(states(second)))
    by_name = {t["name"]: t for t in first["tasks"]}
    check(all(t["cached_from"] == by_name[t["name"]]["task_id"] for t in second["tasks"] if t["state"] == "CACHED"), "and it says from which tasks")
    check(all(t["outputs"]["parameters"] == by_name[t["name"]]["outputs"]["parameters"] for t in second["tasks"]), "with the same outputs")
    metrics = {t["name"]: a[0]["metadata"] for t in first["tasks"] for n, a in t["outputs"]["artifacts"].items() if a[0]["type"] == "system.Metrics"}
    check(len(metrics) >= 2 and all({"accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"} <= m.keys() for n, m in metrics.items() if n.startswith("evaluate")),
          "both models have their metrics", str(metrics))
    third = run(home, "--cache", "off", name="without the cache")
    check(states(third) == dict.fromkeys(LEAVES, "SUCCEEDED") | {"reject": "SKIPPED"}, "--cache off runs all again", str(states(third)))
    same = [t["name"] for t in third["tasks"] for n, arts in t["outputs"]["artifacts"].items()
            if [a["digest"] for a in arts] != [a["digest"] for a in by_name[t["name"]]["outputs"]["artifacts"][n]]]
    check(not same, "and gives the same bytes", str(same))


def gate_closed(home: pathlib.Path) -> None:
    closed = run(home, "-p", "threshold=0.999", name="threshold=0.999")
    got = states(closed)
    check(closed["state"] == "SUCCEEDED", "threshold=0.999: the run SUCCEEDED")
    check(got["promote"] == "SKIPPED" and got["reject"] == "SUCCEEDED", "promote SKIPPED, reject ran", str(got))
    check(all(got[n] == "CACHED" for n in LEAVES - {"promote", "reject"}), "what the threshold does not touch came from the cache", str(got))
    reject = next(t for t in closed["tasks"] if t["name"] == "reject")
    check("0.999" in reject["outputs"]["parameters"]["reason"], "reject says why", str(reject["outputs"]))
    skipped = next(t for t in closed["tasks"] if t["state"] == "SKIPPED" and t["type"] == "CONDITION")
    check("threshold = 0.999" in skipped["reason"], "and so does the condition, with its values", str(skipped["reason"]))


def a_seed(home: pathlib.Path) -> None:
    other = run(home, "-p", "seed=7", name="another seed")
    check(states(other)["download-data"] == "SUCCEEDED", "another seed splits anew")
    both = json.loads(dhow("compare", "1", "last", "--output", "json", home=home).stdout)
    check(both["parameters"]["seed"][0] != both["parameters"]["seed"][1], "compare shows the seeds", str(both["parameters"]))


def lost_artifact(home: pathlib.Path) -> None:
    first = json.loads(dhow("show", "1", "--output", "json", home=home).stdout)
    model = next(t for t in first["tasks"] if t["name"] == "train-decision-tree")["outputs"]["artifacts"]["model"][0]
    for uri in {a["uri"] for a in json.loads(dhow("artifacts", "--type", "Model", "--output", "json", home=home).stdout) if a["digest"] == model["digest"]}:
        path = pathlib.Path(uri.removeprefix("file://"))
        path.unlink() if path.is_file() else shutil.rmtree(path)
    got = states(run(home, name="with a lost artifact"))
    check(got["train-decision-tree"] == "SUCCEEDED", "a result whose artifact is gone is not used", str(got))
    check(got["train-logistic-regression"] == "CACHED" and got["evaluate-2"] == "CACHED", "equal bytes are equal inputs: what follows stays cached", str(got))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-demo-") as folder:
        home = pathlib.Path(folder) / "home"
        gate_open(home)
        gate_closed(home)
        a_seed(home)
        lost_artifact(home)
        with sqlite3.connect(home / "dhow.db") as db:
            check(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the record is whole")
        left = [str(p) for p in (home / "runs").glob("*/*") if p.is_dir()]
        check(not left, "no working folders are left", str(left))
    done()


main()
