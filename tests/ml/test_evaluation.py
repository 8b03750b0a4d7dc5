"""What evaluate, select-model, search and model-card say, beside scikit-learn and SciPy: averages over classes, precision-recall, calibration,
slices, intervals, McNemar's test, cross-validation."""
import importlib.util
import json
import pathlib
import tempfile

from tap import check, component, done



def near(a, b, room: float = 1e-9) -> bool:
    return a is not None and abs(a - b) < room


def evaluated(folder: pathlib.Path, test: pathlib.Path, trainer: str, train: pathlib.Path, *args, more: tuple = (), name: str = "r") -> tuple:
    """(report, predicted labels, probabilities) of a model trained on one file and evaluated on another."""
    import numpy as np
    import pandas as pd

    component(trainer, "--train", train, "--label", "y", "--model", folder / f"{name}.model", *args)
    component("evaluate", "--model", folder / f"{name}.model", "--test", test, "--report", folder / f"{name}.json", *more)
    component("predict", "--model", folder / f"{name}.model", "--data", test, "--predictions", folder / "p.csv")
    frame = pd.read_csv(folder / "p.csv", dtype={"prediction": str})
    return json.loads((folder / f"{name}.json").read_text()), frame["prediction"].to_numpy(), frame.iloc[:, 1:].to_numpy(dtype=np.float64)


def write(path: pathlib.Path, x, y, group) -> None:
    path.write_text(",".join(f"f{i}" for i in range(x.shape[1])) + ",group,y\n" + "".join(
        ",".join(map(repr, map(float, r))) + f",{g},{t}\n" for r, g, t in zip(x, group, y)))


def data(folder: pathlib.Path, classes: int, n: int = 900) -> tuple:
    import numpy as np
    from sklearn.datasets import make_classification

    x, y = make_classification(n, 8, n_informative=5, n_classes=classes, flip_y=0.1, random_state=classes)
    group = np.random.default_rng(classes).choice(["old", "new", "other"], n)
    y = np.array([f"c{t}" for t in y])
    write(folder / "train.csv", x[:600], y[:600], group[:600])
    write(folder / "test.csv", x[600:], y[600:], group[600:])
    return folder / "train.csv", folder / "test.csv", y[600:], group[600:]


def many_classes(folder: pathlib.Path) -> None:
    import sklearn.metrics as skm

    train, test, y, _ = data(folder, 4)
    report, labels, p = evaluated(folder, test, "train-decision-tree", train, "--max-depth", 5)
    metrics = report["metrics"]
    for average in ("macro", "micro", "weighted"):
        want = skm.precision_recall_fscore_support(y, labels, average=average)[:3]
        got = report["averages"][average]
        check(all(near(got[k], w) for k, w in zip(("precision", "recall", "f1"), want)), f"four classes: {average} averages", f"{got} {want}")
    for name, value in (("accuracy", skm.accuracy_score(y, labels)), ("balanced_accuracy", skm.balanced_accuracy_score(y, labels)),
                        ("matthews", skm.matthews_corrcoef(y, labels)), ("roc_auc", skm.roc_auc_score(y, p, multi_class="ovr"))):
        check(near(metrics[name], value), f"four classes: {name}", f"{metrics[name]} {value}")


def two_classes(folder: pathlib.Path) -> None:
    import numpy as np
    import sklearn.metrics as skm
    from sklearn.calibration import calibration_curve

    train, test, y, group = data(folder, 2)
    report, labels, p = evaluated(folder, test, "train-logistic-regression", train, more=("--slice", "group", "--bootstrap", 2000, "--seed", 5))
    metrics, score = report["metrics"], p[:, 1]
    check(near(metrics["average_precision"], skm.average_precision_score(y == "c1", score)), "average precision", str(metrics))
    check(near(metrics["brier_score"], skm.brier_score_loss(y == "c1", score)), "Brier score", str(metrics))
    precision, recall, threshold = skm.precision_recall_curve(y == "c1", score)
    theirs = {(round(t, 12)): (a, b) for a, b, t in zip(precision, recall, threshold)}
    points = [q for q in report["precision_recall"] if q["threshold"] is not None and round(q["threshold"], 12) in theirs]
    fits = all(near(q["precision"], theirs[round(q["threshold"], 12)][0]) and near(q["recall"], theirs[round(q["threshold"], 12)][1]) for q in points)
    check(fits and len(points) > 250, "the precision-recall curve", f"{len(points)} points")
    observed, predicted = calibration_curve(y == "c1", score, n_bins=10)
    bins = report["calibration"]
    check(len(bins) == len(observed) and all(near(b["observed"], o) and near(b["predicted"], q) for b, o, q in zip(bins, observed, predicted)), "calibration", str(bins))
    check(sum(b["rows"] for b in bins) == len(y), "its bins have all rows")
    for name in sorted(set(group)):
        here = group == name
        got = report["slices"][name]
        check(got["rows"] == here.sum() and near(got["accuracy"], skm.accuracy_score(y[here], labels[here])) and
              near(got["roc_auc"], skm.roc_auc_score(y[here] == "c1", score[here])) and near(got["f1"], skm.f1_score(y[here], labels[here], pos_label="c1")),
              f"the slice '{name}'", str(got))
    rng = np.random.default_rng(0)
    hit, truth = labels == y, y == "c1"
    draws = [rng.integers(0, len(y), len(y)) for _ in range(2000)]
    for name, value in (("accuracy", [hit[d].mean() for d in draws]), ("roc_auc", [skm.roc_auc_score(truth[d], score[d]) for d in draws])):
        want, got = np.percentile(value, [2.5, 97.5]), report["intervals"][name]
        check(all(abs(a - b) < 0.15 * (want[1] - want[0]) for a, b in zip(got, want)) and got[0] < metrics[name] < got[1], f"bootstrap interval: {name}", f"{got} {want}")
    again, _, _ = evaluated(folder, test, "train-logistic-regression", train, more=("--slice", "group", "--bootstrap", 2000, "--seed", 5))
    check(again == report, "the same seed gives the same report")


def noise(folder: pathlib.Path) -> None:
    """select-model's p is that of the exact test."""
    from scipy.stats import binomtest

    train, test, y, _ = data(folder, 2)
    hits = {}
    for name, trainer, args in (("good", "train-gradient-boosting", ("--rounds", 60)), ("close", "train-random-forest", ()), ("weak", "train-decision-tree", ("--max-depth", 1))):
        _, labels, _ = evaluated(folder, test, trainer, train, *args, name=name)
        hits[name] = labels == y
    for pair in (("good", "weak"), ("good", "close")):
        a, b = (hits[n] for n in pair)
        p = binomtest(int((a & ~b).sum()), int((a != b).sum()), 0.5).pvalue
        args = [x for n in pair for x in ("--candidate", n, "--report", folder / f"{n}.json", "--model", folder / f"{n}.model")]
        component("select-model", "--metric", "accuracy", *args, "--chosen", folder / "chosen", "--reason", folder / "reason")
        reason = (folder / "reason").read_text()
        said = float(reason.split("McNemar p = ")[1].rstrip(")"))
        word = "more than noise" if p < 0.05 else "within noise"
        check(abs(said - p) < 0.006 * max(p, 0.01) and word in reason, f"McNemar's test, {pair[0]} against {pair[1]}: {word}", f"{reason}\n{p}")


def searches(folder: pathlib.Path) -> None:
    import numpy as np

    train, test, _, _ = data(folder, 2)
    params = {"max_depth": [1, 2, 4, 8], "min_samples_leaf": [1, 10, 40]}

    def search(*args, kind: str = "decision-tree", options: dict = params, metric: str = "roc_auc") -> tuple:
        component("search", "--train", train, "--label", "y", "--kind", kind, "--params", json.dumps(options), "--metric", metric, "--model", folder / "best.json",
                  "--trials-table", folder / "trials.json", *args)
        return json.loads((folder / "best.json").read_text()), json.loads((folder / "trials.json").read_text())

    best, trials = search()
    top = max(trials, key=lambda t: t["score"])
    check(len(trials) == 12 and all(t["rows"] == 480 for t in trials[:1]), "grid: all twelve are tried, on four fifths of the rows", str(trials[:2]))
    component("train-decision-tree", "--train", train, "--label", "y", *[x for k, v in top["params"].items() for x in (f"--{k.replace('_', '-')}", v)], "--model", folder / "direct.json")
    check(best == json.loads((folder / "direct.json").read_text()), "grid: the best one is trained on all rows", str(top))
    _, some = search("--strategy", "random", "--trials", 5, "--seed", 3)
    check(len({json.dumps(t["params"]) for t in some}) == 5 and search("--strategy", "random", "--trials", 5, "--seed", 3)[1] == some, "random: five different ones, the same again")
    _, rungs = search("--strategy", "halving")
    sizes = [t["rows"] for t in rungs]
    counts = [sizes.count(n) for n in sorted(set(sizes))]
    check(counts[0] == 12 and counts == sorted(counts, reverse=True) and len(counts) >= 3 and max(sizes) == 480, "halving: fewer of them on more rows each time", str(counts))
    for kind, options in (("logistic-regression", {"c": [0.1, 1], "penalty": ["l2", "l1"]}), ("random-forest", {"trees": [10, 30]}), ("gradient-boosting", {"rounds": [10, 30]})):
        best, trials = search(kind=kind, options=options, metric="log_loss")
        found = min(trials, key=lambda t: t["score"])["params"]
        component(f"train-{kind}", "--train", train, "--label", "y", *[x for k, v in found.items() for x in (f"--{k}", v)], "--model", folder / "direct.json")
        check(len(trials) == np.prod([len(v) for v in options.values()]) and best == json.loads((folder / "direct.json").read_text()), f"{kind}: the smallest loss wins", str(trials))
    got = component("search", "--train", train, "--label", "y", "--kind", "decision-tree", "--params", '{"depth": [1]}', "--model", folder / "best.json", fails=True)
    check(got.returncode == 1 and "'depth'" in got.stderr, "an option that is not there is named", got.stderr)


def cards(folder: pathlib.Path) -> None:
    train, test, _, _ = data(folder, 2)
    evaluated(folder, test, "train-decision-tree", train, "--max-depth", 3, more=("--slice", "group", "--bootstrap", 200))
    component("model-card", "--model", folder / "r.model", "--report", folder / "r.json", "--title", "A <tree>", "--notes", "For tests | only.", "--card", folder / "card.md",
              "--html", folder / "card.html")
    text, page = (folder / "card.md").read_text(), (folder / "card.html").read_text()
    check(all(w in text for w in ("# A <tree>", "For tests | only.", "## Training", "## Importance", "## Evaluation", "## Slices", "95 %", "| accuracy |", "<=")),
          "a card in Markdown", text)
    check("<h1>A &lt;tree&gt;</h1>" in page and "<svg" in page and "<table>" in page, "a card in HTML, with the tree's picture", page[:2000])


def main() -> None:
    if not importlib.util.find_spec("sklearn"):
        print("1..0 # SKIP scikit-learn is not installed in this Python")
        return
    with tempfile.TemporaryDirectory(prefix="dhow-evaluation-") as name:
        folder = pathlib.Path(name)
        for part in (many_classes, two_classes, noise, searches, cards):
            part(folder)
    done()


main()
