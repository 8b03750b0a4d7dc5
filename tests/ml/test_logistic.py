"""Logistic regression, each penalty and solver, two classes and three: the objective that scikit-learn minimises, at least as low as its solvers
bring it, and the same coefficients; what did not converge says so."""
import importlib.util
import json
import pathlib
import tempfile
import warnings

from tap import check, component, done


def write(path: pathlib.Path, x, y) -> None:
    path.write_text(",".join(f"f{i}" for i in range(x.shape[1])) + ",y\n" + "".join(",".join(map(repr, map(float, r))) + f",c{t}\n" for r, t in zip(x, y)))


def objective(z, y, w, b, c: float, l1: float, l2: float) -> float:
    import numpy as np

    s = z @ w.T + b
    if len(w) == 1:
        loss = np.logaddexp(0, -s[:, 0] * (2 * y - 1)).sum()
    else:
        top = s.max(1)
        loss = (np.log(np.exp(s - top[:, None]).sum(1)) + top - s[np.arange(len(y)), y]).sum()
    return float(c * loss + l2 * 0.5 * (w**2).sum() + l1 * np.abs(w).sum())


def compare(folder: pathlib.Path, path: pathlib.Path, x, y, penalty: str, solver: str, c: float) -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    ratio = {"l1": 1.0, "elastic-net": 0.3, "l2": 0.0, "none": 0.0}[penalty]
    l1, l2 = (0.0, 0.0) if penalty == "none" else (ratio, 1 - ratio)
    z = StandardScaler().fit_transform(x)
    options = {"C": np.inf if penalty == "none" else c, "l1_ratio": ratio, "solver": "saga" if l1 else "lbfgs"}
    theirs = LogisticRegression(tol=1e-9 if l1 else 1e-12, max_iter=50000, random_state=0, **options).fit(z, y)
    component("train-logistic-regression", "--train", path, "--label", "y", "--penalty", penalty, "--l1-ratio", ratio if penalty == "elastic-net" else 0.5,
              "--solver", solver, "--c", c, "--model", folder / "m.json")
    m = json.loads((folder / "m.json").read_text())
    w, b = np.array(m["coefficients"]), np.array(m["intercepts"])
    ours, want = objective(z, y, w, b, c, l1, l2), objective(z, y, theirs.coef_, theirs.intercept_, c, l1, l2)
    title = f"{len(set(y))} classes, {penalty}, {solver}, C {c}"
    t = m["training"]
    check(ours <= want * (1 + 1e-8) and t["converged"] and t["iterations"] > 0 and t["gradient_norm"] < 1e-6, f"{title}: objective {ours:.8f}", f"{ours!r} {want!r} {t}")
    apart = float(np.abs(w - theirs.coef_).max())
    if penalty != "none" or len(w) == 1:  # without a penalty a constant may be added to all classes
        check(apart < 1e-6 if not l1 else apart < 2e-4, f"{title}: coefficients", str(apart))
    if l1:
        check((w == 0).sum() >= ((np.abs(theirs.coef_) < 1e-8).sum()), f"{title}: as many are 0", f"{(w == 0).sum()}")


def main() -> None:
    if not importlib.util.find_spec("sklearn"):
        print("1..0 # SKIP scikit-learn is not installed in this Python")
        return
    warnings.filterwarnings("ignore")
    from sklearn.datasets import make_classification

    with tempfile.TemporaryDirectory(prefix="dhow-logistic-") as name:
        folder = pathlib.Path(name)
        for classes in (2, 3):
            x, y = make_classification(500, 8, n_informative=5, n_redundant=0, n_classes=classes, flip_y=0.2, random_state=classes)
            path = folder / f"{classes}.csv"
            write(path, x, y)
            solvers = {"l2": ["auto", "newton", "lbfgs"], "l1": ["auto", "coordinate"], "elastic-net": ["auto", "coordinate"], "none": ["auto", "newton", "lbfgs"]}
            for penalty, names in solvers.items():
                for solver in names:
                    if classes == 2 or solver in ("auto", "lbfgs"):
                        for c in (0.05, 1.0):
                            compare(folder, path, x, y, penalty, solver, c)
        x, y = make_classification(300, 200, random_state=5)
        write(folder / "wide.csv", x, y)
        compare(folder, folder / "wide.csv", x, y, "l2", "auto", 0.5)
        got = component("train-logistic-regression", "--train", folder / "wide.csv", "--label", "y", "--solver", "lbfgs", "--max-iter", 2, "--model", folder / "m.json")
        t = json.loads((folder / "m.json").read_text())["training"]
        check(not t["converged"] and t["gradient_norm"] > 0 and "did not converge" in got.stdout + got.stderr, "what did not converge says so", f"{t} {got.stdout}{got.stderr}")
    done()


main()
