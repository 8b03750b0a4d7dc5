"""One measurement of one peer; the last line of output is JSON. Run by run.py: peer.py WHAT FILE."""
import json
import os
import pathlib
import sys
import time

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


class Stopwatch:
    """Wall time, and the processor time of all threads: what else the machine does is only in the first."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def stop(self) -> dict:
        return {"seconds": time.perf_counter() - self.wall, "processor": time.process_time() - self.processor}


def generate(folder: str, rows: str) -> None:
    """Half the features as doubles of 17 digits, as measurements come; all multiples of 2^-20, so that a library
    that narrows to 32-bit floats sees the same order of values."""
    rng = np.random.default_rng(0)
    n = int(rows)
    x = np.round(rng.standard_normal((n, 30)) * 2**14) / 2**14
    w = rng.standard_normal(30) * 0.4
    y = (rng.random(n) < 1 / (1 + np.exp(-(x @ w + 0.3 * x[:, 0] * x[:, 1] - 0.2)))).astype(int)
    with open(pathlib.Path(folder) / "data.csv", "w", encoding="utf-8") as out:
        out.write(",".join(f"f{i}" for i in range(30)) + ",y\n")
        for i in range(0, n, 10000):
            block = (",".join(f"{v:.16f}" for v in row) + f",{t}\n" for row, t in zip(x[i : i + 10000], y[i : i + 10000]))
            out.write("".join(block))
    np.savez(pathlib.Path(folder) / "data.npz", x=x, y=y)


def polars(path: str) -> dict:
    import polars as pl

    watch = Stopwatch()
    frame = pl.read_csv(path)
    return watch.stop() | {"rows": frame.height}


def logreg(x, y) -> dict:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    best = None
    for solver in ("newton-cholesky", "lbfgs"):
        watch = Stopwatch()
        scaler = StandardScaler().fit(x)
        z = scaler.transform(x)
        model = LogisticRegression(solver=solver).fit(z, y)
        took = watch.stop()
        margin = z @ model.coef_[0] + model.intercept_[0]
        objective = float(np.logaddexp(0, -margin * (2 * y - 1)).sum() + 0.5 * (model.coef_**2).sum())
        if best is None or took["seconds"] < best["seconds"]:
            best = took | {"objective": objective, "solver": solver}
    tight = LogisticRegression(solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(z, y)
    return best | {"tightest": tight.coef_[0].tolist()}


def tree(x, y) -> dict:
    from sklearn.tree import DecisionTreeClassifier

    watch = Stopwatch()
    t = DecisionTreeClassifier(max_depth=10, random_state=0).fit(x, y).tree_
    took = watch.stop()
    sums, stack = [0.0] * 11, [(0, 0)]
    while stack:
        i, depth = stack.pop()
        leaf = t.children_left[i] < 0
        for d in range(depth, 11 if leaf else depth + 1):
            sums[d] += t.impurity[i] * t.weighted_n_node_samples[i] / len(y)
        if not leaf:
            stack += [(t.children_left[i], depth + 1), (t.children_right[i], depth + 1)]
    return took | {"impurity": sums}


def lightgbm(x, y, what: str) -> dict:
    import lightgbm as lgb
    from sklearn.metrics import roc_auc_score

    params = {"objective": "binary", "num_threads": THREADS, "verbose": -1, "seed": 0}
    if what == "lightgbm-tree":
        params |= {"num_leaves": 1024, "max_depth": 10, "min_data_in_leaf": 1, "learning_rate": 1.0, "min_sum_hessian_in_leaf": 0}
    if what == "lightgbm-forest":
        params |= {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.632, "feature_fraction_bynode": 5 / 30,
                   "num_leaves": 255, "min_data_in_leaf": 1}
    watch = Stopwatch()
    model = lgb.train(params, lgb.Dataset(x, y), 1 if what == "lightgbm-tree" else 100)
    took = watch.stop()
    p = model.predict(x)
    return took | {"roc_auc": float(roc_auc_score(y, p)), "accuracy": float(((p > 0.5) == y).mean())}


def sklearn_boosting(x, y) -> dict:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    watch = Stopwatch()
    model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False).fit(x, y)
    return watch.stop() | {"roc_auc": float(roc_auc_score(y, model.predict_proba(x)[:, 1]))}


def main() -> None:
    what, path = sys.argv[1:3]
    if what == "generate":
        generate(path, sys.argv[3])
        return
    if what == "polars":
        print(json.dumps(polars(path)))
        return
    data = np.load(path)
    x, y = data["x"], data["y"]
    if what.startswith("lightgbm"):
        result = lightgbm(x, y, what)
    else:
        result = {"logreg": logreg, "tree": tree, "sklearn-boosting": sklearn_boosting}[what](x, y)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
