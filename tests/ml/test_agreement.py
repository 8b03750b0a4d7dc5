"""Fifteen kinds of data, good and bad, against scikit-learn: the same answers where there are any, one clear message
where there are none; never a wrong number, never a hang."""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

from tap import ROOT, check, component, done

PYTHON = os.environ.get("DHOW_TEST_PYTHON") or str(ROOT / ".venv" / "bin" / "python")


def data_sets():
    """name, features, labels, what the trainers must say (None: train and agree)."""
    import numpy as np
    from sklearn import datasets

    rng = np.random.default_rng(0)
    bc = datasets.load_breast_cancer()
    for name, d in (("breast cancer", bc), ("iris", datasets.load_iris()), ("wine", datasets.load_wine()),
                    ("digits", datasets.load_digits())):
        yield name, d.data, d.target, None
    x, y = datasets.make_classification(2000, 20, n_informative=6, n_classes=4, random_state=1)
    yield "four classes", x, y, None
    x, y = datasets.make_classification(3000, 10, weights=[0.97], random_state=2)
    yield "imbalanced", x, y, None
    x, y = datasets.make_classification(500, 8, random_state=3)
    yield "collinear", np.hstack([x, x[:, :3], x[:, :1] * 2 - x[:, 1:2]]), y, None
    yield "separable", np.vstack([rng.standard_normal((50, 3)) - 9, rng.standard_normal((50, 3)) + 9]), [0] * 50 + [1] * 50, None
    x, y = datasets.make_classification(400, 6, random_state=4)
    yield "constant features", np.hstack([x, np.full((400, 2), 7.25)]), y, None
    x, y = datasets.make_moons(1000, noise=0.2, random_state=5)
    yield "moons", x, y, None
    x, y = datasets.make_circles(1000, noise=0.1, random_state=6)
    yield "circles", x, y, None
    x, y = datasets.make_classification(300, 5, random_state=7)
    yield "huge scale", x * np.array([1e12, 1e-12, 1, 1e6, 1e-6]) + np.array([1e13, 0, 0, -1e7, 0]), y, None
    x, y = datasets.make_classification(80, 10000, n_informative=20, random_state=8)
    yield "10,000 features", x, y, None
    holes = bc.data.copy()
    holes[rng.random(holes.shape) < 0.05] = np.nan
    yield "missing values", holes, bc.target, None
    yield "one row", np.array([[1.0, 2.0]]), [1], "has one class only"
    yield "one class", rng.standard_normal((20, 2)), [1] * 20, "has one class only"
    bad = rng.standard_normal((20, 2))
    bad[3, 1] = np.inf
    yield "infinite value", bad, [0, 1] * 10, "infinite in data row 4"
    bad = rng.standard_normal((20, 2))
    bad[:, 1] = np.nan
    yield "empty column", bad, [0, 1] * 10, "has no value in any training row"


def write(path, x, y) -> None:
    import numpy as np

    with open(path, "w", encoding="utf-8") as out:
        out.write(",".join(f"f{i}" for i in range(x.shape[1])) + ",y\n")
        for row, label in zip(x, y):
            out.write(",".join("" if np.isnan(v) else repr(float(v)) for v in row) + f",class{label}\n")


def objective(z, y, coefficients, intercepts, c: float) -> float:
    import numpy as np

    w, b = np.asarray(coefficients), np.asarray(intercepts)
    s = z @ w.T + b
    y = np.asarray(y)
    if len(w) == 1:
        loss = np.logaddexp(0, -s[:, 0] * (2 * y - 1)).sum()
    else:
        top = s.max(1)
        loss = (np.log(np.exp(s - top[:, None]).sum(1)) + top - s[np.arange(len(y)), y]).sum()
    return float(c * loss + 0.5 * (w**2).sum())


def compare_regression(name, path, x, y, folder) -> None:
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    component("train-logistic-regression", "--train", path, "--label", "y", "--model", folder / "m.json")
    m = json.loads((folder / "m.json").read_text())
    z = make_pipeline(SimpleImputer(), StandardScaler()).fit_transform(x)
    theirs = LogisticRegression(tol=1e-10, max_iter=20000).fit(z, y)
    ours_value = objective(z, y, m["coefficients"], m["intercepts"], 1.0)
    their_value = objective(z, y, theirs.coef_, theirs.intercept_, 1.0)
    check(ours_value <= their_value * (1 + 1e-9) + 1e-9, f"{name}: logistic regression, objective",
          f"{ours_value!r} against {their_value!r}")
    check(m["training"]["converged"], f"{name}: logistic regression, converged", str(m["training"]))
    p = theirs.predict_proba(z)
    component("predict", "--model", folder / "m.json", "--data", path, "--predictions", folder / "p.csv")
    rows = [line.split(",")[1:] for line in (folder / "p.csv").read_text().splitlines()[1:]]
    apart = float(np.abs(np.array(rows, dtype=float) - p).max())
    check(apart < 2e-5, f"{name}: logistic regression, probabilities", str(apart))


def compare_tree(name, path, x, y, folder) -> None:
    """Splits may differ where they are equally good, and the split that follows with them; with one level the
    impurity is determined, and with more it must be close."""
    import numpy as np
    from sklearn.tree import DecisionTreeClassifier

    for depth, room in ((1, 1e-9), (4, 0.02)):
        component("train-decision-tree", "--train", path, "--label", "y", "--max-depth", depth, "--model", folder / "m.json")
        m = json.loads((folder / "m.json").read_text())["trees"][0]
        leaf = np.array([f is None for f in m["feature"]])
        ours = float((np.array(m["impurity"]) * np.array(m["weight"]))[leaf].sum() / len(y))
        t = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(x, y).tree_
        ends = t.children_left < 0
        theirs = float((t.impurity * t.weighted_n_node_samples)[ends].sum() / len(y))
        check(ours <= theirs + room and ours >= theirs - 0.05, f"{name}: tree of depth {depth}, impurity",
              f"{ours!r} against {theirs!r}")


def main() -> None:
    warnings.filterwarnings("ignore")
    trainers = ["train-logistic-regression", "train-decision-tree", "train-random-forest", "train-gradient-boosting"]
    with tempfile.TemporaryDirectory() as name_of:
        folder = pathlib.Path(name_of)
        path = folder / "data.csv"
        for name, x, y, message in data_sets():
            write(path, x, y)
            if message is None:
                compare_regression(name, path, x, y, folder)
                compare_tree(name, path, x, y, folder)
                for trainer in trainers[2:] if x.shape[1] < 1000 else []:
                    component(trainer, "--train", path, "--label", "y", "--model", folder / "m.json")
                    component("evaluate", "--model", folder / "m.json", "--test", path, "--report", folder / "r.json")
                    got = json.loads((folder / "r.json").read_text())["metrics"]["accuracy"]
                    check(got > 0.85, f"{name}: {trainer[6:]} learns", str(got))
                continue
            for trainer in trainers:
                if message.startswith("has no value") and trainer != trainers[0]:
                    continue # trees take a column of missing values as it is
                result = component(trainer, "--train", path, "--label", "y", "--model", folder / "m.json", fails=True, timeout=60)
                check(result.returncode == 1 and message in result.stderr, f"{name}: {trainer} says why", result.stderr)
    done()


if __name__ == "__main__":
    if os.environ.get("DHOW_ML_INSIDE") == "1":
        if not importlib.util.find_spec("sklearn"):
            print("1..0 # SKIP scikit-learn is not installed in this Python")
            sys.exit(0)
        main()
    else:
        sys.exit(subprocess.run([PYTHON, __file__], env={**os.environ, "DHOW_ML_INSIDE": "1"}, check=False).returncode)
