"""The demo's two models beside scikit-learn's on the same split: the same prediction for every row."""
import os
import pathlib
import subprocess
import sys
import tempfile

from tap import ROOT, check, component, done

PYTHON = os.environ.get("DHOW_TEST_PYTHON") or str(ROOT / ".venv" / "bin" / "python")
DATA = ROOT / "pipelines" / "model_selection" / "data" / "breast_cancer.csv"


def split(folder: pathlib.Path, seed: int, test_size: float) -> tuple:
    train, test = folder / "train.csv", folder / "test.csv"
    component("download-data", "--source", DATA, "--label", "diagnosis", "--test-size", test_size, "--seed", seed,
              "--train", train, "--test", test)
    return train, test


def report(folder: pathlib.Path, model, test) -> dict:
    import json

    component("evaluate", "--model", model, "--test", test, "--report", folder / "report.json")
    return json.loads((folder / "report.json").read_text())


def dhow_says(folder: pathlib.Path, trainer: str, train, test, *args):
    """Predictions, probabilities of 'malignant' and the report of one of our models."""
    import pandas as pd

    model, out = folder / "model.json", folder / "predictions.csv"
    component(trainer, "--train", train, "--label", "diagnosis", "--positive", "malignant", "--model", model, *args)
    component("predict", "--model", model, "--data", test, "--predictions", out)
    frame = pd.read_csv(out)
    return frame["prediction"].tolist(), frame["probability_malignant"].to_numpy(), report(folder, model, test)


def same_metrics(name: str, ours: dict, truth, labels, p) -> None:
    import sklearn.metrics as skm

    want = {
        "accuracy": skm.accuracy_score(truth, labels),
        "precision": skm.precision_score(truth, labels, pos_label="malignant"),
        "recall": skm.recall_score(truth, labels, pos_label="malignant"),
        "f1": skm.f1_score(truth, labels, pos_label="malignant"),
        "roc_auc": skm.roc_auc_score(truth == "malignant", p),
        "log_loss": skm.log_loss(truth == "malignant", p),
    }
    for key, value in want.items():
        check(abs(ours["metrics"][key] - value) < 1e-9, f"{name}: {key}", f"{ours['metrics'][key]} against {value}")
    matrix = [row["row"] for row in ours["classification"]["confusionMatrix"]["rows"]]
    check(matrix == skm.confusion_matrix(truth, labels, labels=["benign", "malignant"]).tolist(), f"{name}: matrix")
    fpr, tpr, _ = skm.roc_curve(truth == "malignant", p)
    theirs = list(zip(fpr.tolist(), tpr.tolist()))
    points = [(q["falsePositiveRate"], q["recall"]) for q in ours["classification"]["confidenceMetrics"]]
    # they keep some points in the middle of straight runs, we none: ours are among theirs, around the same area
    among = all(min(abs(a - c) + abs(b - d) for c, d in theirs) < 1e-12 for a, b in points)
    area = skm.auc(*zip(*points))
    check(among and abs(area - want["roc_auc"]) < 1e-12, f"{name}: ROC curve", f"{points}\n{theirs}")


def same_tree(name: str, theirs, model: dict) -> None:
    """Where two splits are equally good the libraries may choose differently; the impurity must be the same."""
    import numpy as np

    tree, ours = theirs.tree_, model["trees"][0]
    total = tree.weighted_n_node_samples[0]
    leaves = tree.children_left < 0
    want = float((tree.impurity * tree.weighted_n_node_samples)[leaves].sum() / total)
    own = np.array([f is None for f in ours["feature"]])
    have = float((np.array(ours["impurity"]) * np.array(ours["weight"]))[own].sum() / total)
    check(abs(want - have) < 1e-12, f"{name}: impurity of the leaves", f"{have} against {want}")


def compare() -> None:
    import json

    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for seed, test_size, c in [(42, 0.2, 1.0), (0, 0.2, 1.0), (1, 0.25, 0.1), (2, 0.3, 10.0), (3, 0.5, 1.0)]:
            train, test = split(folder, seed, test_size)
            a, b = pd.read_csv(train), pd.read_csv(test)
            check(len(a) + len(b) == 569 and len(b) == int(np.ceil(test_size * 569)), f"split {seed}: sizes")
            share = abs((b["diagnosis"] == "malignant").mean() - 212 / 569)
            check(share < 1 / len(b), f"split {seed}: stratified", str(share))
            x, y = a.drop(columns="diagnosis"), a["diagnosis"]
            u, v = b.drop(columns="diagnosis"), b["diagnosis"]

            regression = make_pipeline(StandardScaler(), LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10)).fit(x, y)
            labels, p, found = dhow_says(folder, "train-logistic-regression", train, test, "--c", c)
            title = f"logistic regression, split {seed}, C {c}"
            check(labels == regression.predict(u).tolist(), f"{title}: every prediction")
            apart = float(np.abs(p - regression.predict_proba(u)[:, 1]).max())
            check(apart < 1e-6, f"{title}: probabilities", str(apart))
            same_metrics(title, found, v, regression.predict(u), p)

            labels, p, found = dhow_says(folder, "train-decision-tree", train, test, "--max-depth", 3)
            tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, y)
            title = f"decision tree, split {seed}"
            same_tree(title, tree, json.loads((folder / "model.json").read_text()))
            # ties are broken by chance there: one of its seeds gives our tree
            trees = [DecisionTreeClassifier(max_depth=3, random_state=s).fit(x, y).predict(u).tolist() for s in range(40)]
            check(labels in trees, f"{title}: every prediction",
                  f"differs in {min(sum(m != n for m, n in zip(labels, t)) for t in trees)} rows at least")
            same_metrics(title, found, v, np.array(labels), p)
    done()


if __name__ == "__main__":
    if os.environ.get("DHOW_ML_INSIDE") == "1":
        compare()
    else: # scikit-learn lives in the tests' own Python
        sys.exit(subprocess.run([PYTHON, __file__], env={**os.environ, "DHOW_ML_INSIDE": "1"}, check=False).returncode)
