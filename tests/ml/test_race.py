"""The model race and the sweep, from start to finish: five kinds of model searched, evaluated, compared; the winner promoted with its card and its
ONNX file; a gate that is too high; a ParallelFor over values."""
import json
import pathlib
import tempfile

from tap import ROOT, check, component, dhow, done, says

RACE = ROOT / "pipelines" / "model_race" / "pipeline.yaml"
SWEEP = ROOT / "pipelines" / "model_race" / "sweep.yaml"
RACERS = ("ridge", "lasso", "tree", "forest", "boosting")


def run(home: pathlib.Path, path: pathlib.Path, *args) -> dict:
    result = dhow("run", path, "--output", "json", *args, home=home, timeout=500)
    if not check(result.returncode == 0, f"{path.stem} {' '.join(args)}: succeeds", says(result)):
        raise SystemExit(1)
    return json.loads(result.stdout)


def path_of(task: dict, output: str) -> pathlib.Path:
    return pathlib.Path(task["outputs"]["artifacts"][output][0]["uri"].removeprefix("file://"))


def race(home: pathlib.Path, folder: pathlib.Path) -> None:
    got = run(home, RACE)
    tasks = {t["name"]: t for t in got["tasks"]}
    searches = [t for n, t in tasks.items() if n.startswith("search")]
    kinds = sorted(json.loads(path_of(t, "model").read_text())["kind"] for t in searches)
    check(kinds == ["decision-tree", "gradient-boosting", "logistic-regression", "logistic-regression", "random-forest"], "five racers", str(kinds))
    check(all(len(json.loads(path_of(t, "trials_table").read_text())) >= 3 for t in searches), "each with its trials")
    evaluations = [t for n, t in tasks.items() if n.startswith("evaluate")]
    reports = [json.loads(path_of(t, "report").read_text()) for t in evaluations]
    check(len(reports) == 5 and all("intervals" in r and r["metrics"]["roc_auc"] > 0.9 for r in reports), "each evaluated, with intervals")
    choice = tasks["select-model"]["outputs"]["parameters"]
    check(choice["best"] in RACERS and choice["score"] == max(r["metrics"]["roc_auc"] for r in reports) and "McNemar" in choice["reason"], "the best is chosen, with its reason", str(choice))
    check(tasks["promote"]["state"] == "SUCCEEDED" and tasks["reject"]["state"] == "SKIPPED", "it is promoted")
    card = path_of(tasks["model-card"], "card").read_text()
    check("## Evaluation" in card and "roc_auc" in card, "with its card", card[:500])
    onnx = path_of(tasks["export-onnx"], "onnx")
    component("export-onnx", "--model", path_of(tasks["promote"], "registered"), "--onnx", folder / "again.onnx")
    check(onnx.read_bytes() == (folder / "again.onnx").read_bytes(), "and as ONNX: the registered model")
    models = json.loads(dhow("models", "breast-cancer-race", "--output", "json", home=home).stdout)
    check(len(models) == 1, "registered once", str(models))
    shut = run(home, RACE, "-p", "threshold=1.1")
    states = {t["name"]: t["state"] for t in shut["tasks"]}
    check(states["promote"] == "SKIPPED" and states["reject"] == "SUCCEEDED" and states["select-model"] == "CACHED", "a gate that is too high", str(states))


def sweep(home: pathlib.Path) -> None:
    got = run(home, SWEEP, "-p", "values=[0.01, 1.0, 100.0]")
    trained = sorted((t["iteration_index"] if t["iteration_index"] is not None else -1, t["inputs"]["parameters"]["c"]) for t in got["tasks"]
                     if t["name"] == "train-logistic-regression")
    check([c for _, c in sorted(trained, key=lambda t: t[1])] == [0.01, 1, 100], "a training for each value", str(trained))
    losses = [t["outputs"]["artifacts"]["metrics"][0]["metadata"]["log_loss"] for t in got["tasks"] if t["name"] == "evaluate"]
    check(len(set(losses)) == 3, "with metrics of its own", str(losses))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-race-") as name:
        folder = pathlib.Path(name)
        race(folder / "home", folder)
        sweep(folder / "home")
    done()


main()
