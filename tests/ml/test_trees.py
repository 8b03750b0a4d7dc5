"""Trees: every option beside scikit-learn, split by split; and what that library has not: sets of categories,
pictures. Forests and boosting learn what there is to learn."""
import importlib.util
import itertools
import json
import pathlib
import tempfile
import xml.etree.ElementTree

from tap import check, component, done


def write(path: pathlib.Path, x, y) -> None:
    import numpy as np

    with path.open("w", encoding="utf-8") as out:
        out.write(",".join(f"f{i}" for i in range(x.shape[1])) + ",y\n")
        for row, label in zip(x, y):
            out.write(",".join("" if np.isnan(v) else repr(float(v)) for v in row) + f",{label}\n")


def train(folder: pathlib.Path, path: pathlib.Path, *args, trainer: str = "train-decision-tree") -> dict:
    component(trainer, "--train", path, "--label", "y", "--model", folder / "m.json", *args)
    return json.loads((folder / "m.json").read_text())


def beside(ours: dict, t) -> tuple:
    """Both trees walked together: (what differs, how often two splits were equally good). Below a tie they may go different ways."""
    wrong, ties, stack = [], 0, [(0, 0)]
    while stack:
        i, k = stack.pop()
        feature, leaf = ours["feature"][i], t.children_left[k] < 0
        if abs(ours["impurity"][i] - t.impurity[k]) > 1e-9 or ours["samples"][i] != t.n_node_samples[k] or (feature is None) != leaf:
            wrong.append(f"nodes {i} and {k} differ")
            continue
        if leaf:
            continue
        mine, theirs = (ours["left"][i], ours["right"][i]), (t.children_left[k], t.children_right[k])
        if feature == f"f{t.feature[k]}" and abs(ours["threshold"][i] - t.threshold[k]) < 1e-9:
            stack += zip(mine, theirs)
            continue
        ties += 1
        left = sum(ours["impurity"][j] * ours["weight"][j] for j in mine), sum(t.impurity[j] * t.weighted_n_node_samples[j] for j in theirs)
        if abs(left[0] - left[1]) > 1e-9 * ours["weight"][i]:
            wrong.append(f"node {i}: {feature} <= {ours['threshold'][i]} leaves {left[0]}, f{t.feature[k]} <= {t.threshold[k]} leaves {left[1]}")
    return wrong, ties


def classification(folder: pathlib.Path) -> None:
    import numpy as np
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(7)
    x = np.round(rng.standard_normal((1500, 4)) * 2**14) / 2**14  # they narrow to 32 bits: these values bear it
    y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.standard_normal(1500) > 0).astype(int) + (x[:, 3] > 1.2)
    path = folder / "classes.csv"
    write(path, x, y)
    for args, options in (
        ([], {"max_depth": 5}),
        ([], {"max_depth": 4, "criterion": "entropy"}),
        ([], {"max_depth": 8, "min_samples_leaf": 20}),
        ([], {"max_depth": 8, "min_samples_split": 150}),
        ([], {"max_depth": 8, "min_impurity_decrease": 0.004}),
        ([], {"max_depth": 6, "ccp_alpha": 0.003}),
    ):
        args = list(itertools.chain(*([f"--{k.replace('_', '-')}", v] for k, v in options.items())))
        m = train(folder, path, *args)
        fitted = DecisionTreeClassifier(random_state=0, **options).fit(x, y)
        title = ", ".join(f"{k} {v}" for k, v in options.items())
        wrong, ties = beside(m["trees"][0], fitted.tree_)
        check(not wrong and ties < 4, f"tree, {title}: the same splits ({ties} ties)", "\n".join(wrong))
        if "ccp_alpha" not in options and not ties:
            apart = max(abs(m["training"]["importance"][f"f{i}"] - v) for i, v in enumerate(fitted.feature_importances_))
            check(apart < 1e-9, f"tree, {title}: the same importances", str(apart))
    again = train(folder, path, "--max-depth", 5, "--threads", 1)
    check(again == train(folder, path, "--max-depth", 5, "--threads", 2), "the number of threads changes nothing")
    exact = DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y).score(x, y)
    train(folder, path, "--max-depth", 6, "--histogram", "true")
    component("evaluate", "--model", folder / "m.json", "--test", path, "--report", folder / "r.json")
    got = json.loads((folder / "r.json").read_text())["metrics"]["accuracy"]
    check(abs(got - exact) < 0.02, "histogram splits are nearly as good", f"{got} {exact}")


def regression(folder: pathlib.Path) -> None:
    import numpy as np
    from sklearn.metrics import r2_score
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.default_rng(8)
    x = np.round(rng.standard_normal((1200, 3)) * 2**14) / 2**14
    y = np.sin(x[:, 0]) * 3 + x[:, 1] ** 2 + rng.standard_normal(1200) * 0.3
    path = folder / "values.csv"
    write(path, x, [repr(float(v)) for v in y])
    for options in ({"max_depth": 5}, {"max_depth": 7, "min_samples_leaf": 30}, {"max_depth": 7, "ccp_alpha": 0.05}):
        args = list(itertools.chain(*([f"--{k.replace('_', '-')}", v] for k, v in options.items())))
        m = train(folder, path, "--regression", "true", *args)
        fitted = DecisionTreeRegressor(random_state=0, **options).fit(x, y)
        wrong, ties = beside(m["trees"][0], fitted.tree_)
        check(not wrong and ties < 4, f"regression, {options}: the same splits ({ties} ties)", "\n".join(wrong))
        component("evaluate", "--model", folder / "m.json", "--test", path, "--report", folder / "r.json")
        got = json.loads((folder / "r.json").read_text())["metrics"]
        check(abs(got["r2"] - r2_score(y, fitted.predict(x))) < 1e-9, f"regression, {options}: R2", str(got))
    for trainer, floor in (("train-random-forest", 0.9), ("train-gradient-boosting", 0.95)):
        train(folder, path, "--regression", "true", trainer=trainer)
        component("evaluate", "--model", folder / "m.json", "--test", path, "--report", folder / "r.json")
        got = json.loads((folder / "r.json").read_text())["metrics"]["r2"]
        check(got > floor, f"{trainer[6:]}: a regression", str(got))


def missing(folder: pathlib.Path) -> None:
    import numpy as np
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(9)
    x = np.round(rng.standard_normal((1000, 3)) * 2**14) / 2**14
    y = (x[:, 0] > 0.3).astype(int)
    hole = rng.random(1000) < 0.2
    y[hole] = rng.random(hole.sum()) < 0.9  # that it is missing tells something
    x[hole, 0] = np.nan
    path = folder / "holes.csv"
    write(path, x, y)
    m = train(folder, path, "--max-depth", 3)["trees"][0]
    theirs = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, y)
    leaf = np.array([f is None for f in m["feature"]])
    ours = float((np.array(m["impurity"]) * np.array(m["weight"]))[leaf].sum() / 1000)
    t = theirs.tree_
    want = float((t.impurity * t.weighted_n_node_samples)[t.children_left < 0].sum() / 1000)
    check(ours <= want + 1e-9, "missing values go to the side that is purer", f"{ours} against {want}")
    for trainer in ("train-random-forest", "train-gradient-boosting"):
        train(folder, path, trainer=trainer)
        component("evaluate", "--model", folder / "m.json", "--test", path, "--report", folder / "r.json")
        got = json.loads((folder / "r.json").read_text())["metrics"]["accuracy"]
        check(got > 0.97, f"{trainer[6:]}: missing values tell something", str(got))


def categories(folder: pathlib.Path) -> None:
    """The best of all ways to part six levels in two is found: all 31 are tried here."""
    import numpy as np

    rng = np.random.default_rng(10)
    levels = np.array(["e", "a", "d", "b", "f", "c"])
    colour = rng.choice(levels, 800)
    p = dict(zip(levels, [0.1, 0.8, 0.3, 0.75, 0.2, 0.6]))
    y = np.array([rng.random() < p[c] for c in colour]).astype(int)
    path = folder / "categories.csv"
    path.write_text("colour,y\n" + "".join(f"{c},{t}\n" for c, t in zip(colour, y)))

    def impurity(left) -> float:
        total = 0.0
        for side in (left, ~left):
            share = y[side].mean() if side.any() else 0
            total += side.sum() * 2 * share * (1 - share)
        return total / len(y)

    best = min(impurity(np.isin(colour, s)) for n in range(1, 4) for s in itertools.combinations(levels, n))
    for args in ([], ["--histogram", "true"]):
        m = train(folder, path, "--max-depth", 1, *args)["trees"][0]
        ours = impurity(np.isin(colour, m["categories"][0]))
        check(abs(ours - best) < 1e-12, f"the best set of categories {' '.join(args)}", f"{m['categories'][0]}: {ours} against {best}")


def pictures(folder: pathlib.Path) -> None:
    path = folder / "draw.csv"
    path.write_text("size,colour <&>,y\n" + "".join(f"{i % 37},{'rgb'[i % 3]},{'yes' if i % 37 > 12 and i % 3 else 'no'}\n" for i in range(300)))
    train(folder, path)
    component("draw-tree", "--model", folder / "m.json", "--text", folder / "t.md", "--dot", folder / "t.dot", "--svg", folder / "t.svg", "--html", folder / "t.html")
    text, dot = (folder / "t.md").read_text(), (folder / "t.dot").read_text()
    nodes = len(json.loads((folder / "m.json").read_text())["trees"][0]["feature"])
    check("size <= 12.5" in text and "colour <&> in {" in text, "a tree as text", text)
    check(dot.startswith("digraph") and dot.count("label=") == nodes + nodes - 1, "a tree for Graphviz", dot)
    root = xml.etree.ElementTree.parse(folder / "t.svg").getroot()
    boxes = [e for e in root.iter() if e.tag.endswith("}rect")]
    check(len(boxes) == nodes and root.tag.endswith("}svg"), "a tree as a picture: a box a node", f"{len(boxes)} {nodes}")
    check("size &#60;= 12.5" in (folder / "t.html").read_text(), "and on a page, with its texts escaped")
    component("draw-tree", "--model", folder / "m.json", "--depth", 1, "--svg", folder / "t.svg", "--text", folder / "t.md")
    check("…" in (folder / "t.svg").read_text() and "…" in (folder / "t.md").read_text(), "no deeper than asked for, and it shows")
    got = component("draw-tree", "--model", folder / "m.json", "--tree", 1, "--svg", folder / "t.svg", fails=True)
    check(got.returncode == 1 and "has no tree 1" in got.stderr, "a tree that is not there", got.stderr)


def targets(folder: pathlib.Path) -> None:
    """The same numbers in another unit, or far from 0, give the same trees."""
    import numpy as np

    rng = np.random.default_rng(9)
    x = rng.standard_normal((80, 3))
    y = np.round(x[:, 0] + 0.3 * rng.standard_normal(80), 6)
    path = folder / "units.csv"
    kinds = (("train-decision-tree", ()), ("train-decision-tree", ("--histogram", "true")), ("train-random-forest", ("--trees", 5)), ("train-gradient-boosting", ()))
    for trainer, more in kinds:
        def predictions(target, trainer=trainer, more=more):
            write(path, x, map(repr, map(float, target)))
            train(folder, path, "--regression", "true", *more, trainer=trainer)
            component("predict", "--model", folder / "m.json", "--data", path, "--predictions", folder / "p.csv")
            return np.array((folder / "p.csv").read_text().split()[1:], dtype=float)
        want = predictions(y)
        for name, scale, shift in (("tiny", 2.0**-600, 0), ("huge", 2.0**490, 0), ("far from 0", 1, 2.0**30)):
            apart = np.abs((predictions(y * scale + shift) - shift) / scale - want).max()
            check(apart < 1e-5, f"{' '.join(map(str, (trainer[6:], *more)))}: a target that is {name}", str(apart))
    write(path, x, map(repr, map(float, y * 1e200)))
    got = component("train-decision-tree", "--regression", "true", "--train", path, "--label", "y", "--model", folder / "m.json", fails=True)
    check(got.returncode == 1 and "'y' in data row 1 is too large" in got.stderr, "a target whose square is no number is refused", got.stderr)


def shares(folder: pathlib.Path) -> None:
    """What a forest is sure of has a probability of 1, not a little more."""
    path = folder / "sure.csv"
    path.write_text("f,y\n" + "".join(f"{i},{'ab'[i > 20]}\n" for i in range(40)))
    for trees in (20, 49):
        train(folder, path, "--trees", trees, trainer="train-random-forest")
        component("predict", "--model", folder / "m.json", "--data", path, "--predictions", folder / "p.csv")
        lines = (folder / "p.csv").read_text().splitlines()
        check(lines[1] == "a,1,0" and lines[-1] == "b,0,1", f"a forest of {trees} trees is sure", f"{lines[1]} {lines[-1]}")


def main() -> None:
    if not importlib.util.find_spec("sklearn"):
        print("1..0 # SKIP scikit-learn is not installed in this Python")
        return
    with tempfile.TemporaryDirectory(prefix="dhow-trees-") as name:
        folder = pathlib.Path(name)
        classification(folder)
        regression(folder)
        targets(folder)
        shares(folder)
        missing(folder)
        categories(folder)
        pictures(folder)
    done()


main()
