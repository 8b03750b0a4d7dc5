# run: asan
"""Tables as people have them, and what is learned from them before a model is: every way to write a CSV gives the same model; imputation,
scaling, encodings and weights as scikit-learn has them."""
import gzip
import importlib.util
import json
import pathlib
import random
import shutil
import subprocess
import tempfile

from tap import check, component, done, skip


def table(n: int = 400) -> list:
    rng = random.Random(3)
    rows = [["size", "shop", "open", "day", "label"]]
    for i in range(n):
        size, shop, is_open = rng.gauss(10, 3), rng.choice(["north, old", 'the "big" one', "süd", "two\nlines"]), rng.random() < 0.5
        yes = size + 2 * is_open + (shop == "süd") + rng.gauss(0, 1) > 11.5
        rows.append([f"{size:.6f}" if i % 17 else "", shop if i % 19 else "", str(is_open).lower(), f"2024-0{1 + i % 9}-1{i % 10}", "yes" if yes else "no"])
    return rows


def text(rows: list, delimiter: str = ",", end: str = "\n", always: bool = False) -> str:
    def field(s: str) -> str:
        return '"' + s.replace('"', '""') + '"' if always or any(c in s for c in f'{delimiter}"\n') else s
    return "".join(delimiter.join(field(s) for s in row) + end for row in rows)


def model_of(folder: pathlib.Path, path: pathlib.Path, *args, trainer: str = "train-logistic-regression", label: str = "label") -> dict:
    component(trainer, "--train", path, "--label", label, "--model", folder / "m.json", *args)
    return json.loads((folder / "m.json").read_text())


def ways_to_write(folder: pathlib.Path) -> None:
    rows = table()
    plain = folder / "plain.csv"
    plain.write_text(text(rows))
    want = model_of(folder, plain)
    types = {i["name"]: i["type"] for i in want["inputs"]}
    check(types == {"size": "number", "shop": "category", "open": "boolean", "day": "date"}, "types are inferred", str(types))
    ways = {
        "CRLF": (text(rows, end="\r\n"), []),
        "all quoted": (text(rows, always=True), []),
        "a byte order mark": ("\ufeff" + text(rows), []),
        "no newline at the end": (text(rows)[:-1], []),
        "blank lines": (text(rows[:5]) + "\n" + text(rows[5:]) + "\n\n", []),
        "semicolons": (text(rows, ";"), ["--delimiter", ";"]),
        "tabs": (text(rows, "\t"), ["--delimiter", "tab"]),
        "bars": (text(rows, "|"), ["--delimiter", "|"]),
        "words for what is missing": (text([[s or "unknown" for s in row] for row in rows]), ["--missing", "unknown,-"]),
    }
    for name, (body, args) in ways.items():
        path = folder / "way.csv"
        path.write_bytes(body.encode())
        check(model_of(folder, path, *args) == want, f"{name}: the same model")
    path.write_text(text(rows[1:]))
    bare = model_of(folder, path, "--header", "false", label="column_5")
    check([i["name"] for i in bare["inputs"]] == ["column_1", "column_2", "column_3", "column_4"] and bare["coefficients"] == want["coefficients"],
          "no header: the same coefficients")
    said = model_of(folder, plain, "--types", "day=category,open=category")
    check({i["name"]: i["type"] for i in said["inputs"]} == {**types, "day": "category", "open": "category"}, "types that are said")
    packed = folder / "packed"
    packed.write_bytes(gzip.compress(text(rows).encode()))
    check(model_of(folder, packed) == want, "gzip: the same model")
    packed.write_bytes(gzip.compress(text(rows[:200]).encode()) + gzip.compress(text(rows[200:]).encode()))
    check(model_of(folder, packed) == want, "gzip in two members")
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", "-f", "-o", packed, plain], check=True)
        check(model_of(folder, packed) == want, "zstd: the same model")
    else:
        skip("zstd", "no zstd here to pack it")


def errors(folder: pathlib.Path) -> None:
    path = folder / "bad.csv"
    for name, body, args, words in (
        ("too few fields", "a,b,label\n1,2,x\n3,y\n", [], ["bad.csv:3:", "2 of 3 fields", "'label'"]),
        ("too many fields", "a,label\n1,x\n2,y,z\n", [], ["bad.csv:3:"]),
        ("a quote that never ends", 'a,label\n"1,x\n2,y\n', [], ["bad.csv:2:1"]),
        ("a stray quote", 'a,label\n1"2,x\n', [], ["bad.csv:2:"]),
        ("text after a quote", 'a,label\n"1"2,x\n', [], ["bad.csv:2:"]),
        ("two columns of one name", "a,a,label\n1,2,x\n", [], ["bad.csv:1:3", "'a'"]),
        ("an empty file", "", [], ["bad.csv", "empty"]),
        ("a value of another type than said", "a,label\n1,x\ntwo,y\n", ["--types", "a=number"], ["bad.csv:3:1"]),
        ("an unknown type", "a,label\n1,x\n", ["--types", "a=text"], ["--types", "category"]),
        ("a type of no column", "a,label\n1,x\n", ["--types", "b=number"], ["'b'"]),
        ("a delimiter of two characters", "a,label\n1,x\n", ["--delimiter", "::"], ["one character"]),
        ("a delimiter that numbers have", "a,label\n1,x\n", ["--delimiter", "."], ["delimiter"]),
    ):
        path.write_text(body)
        got = component("train-decision-tree", "--train", path, "--label", "label", "--model", folder / "m.json", *args, fails=True)
        check(got.returncode == 1 and all(w in got.stderr for w in words) and len(got.stderr.splitlines()) == 1, f"{name}: says where", got.stderr)
    for name, raw, words in (("Parquet", b"PAR1\x15\x04", "a Parquet file"), ("UTF-16", "a,label\n1,x\n".encode("utf-16"), "UTF-16"),
                             ("an Excel file", b"PK\3\4....", "Excel"), ("Latin-1", "a,label\nsüd,x\n".encode("latin-1"), "bad.csv:2:1: a text that is not UTF-8"),
                             ("a name in Latin-1", "süd,label\n1,x\n".encode("latin-1"), "bad.csv:1:1")):
        path.write_bytes(raw)
        got = component("train-decision-tree", "--train", path, "--label", "label", "--model", folder / "m.json", fails=True)
        check(got.returncode == 1 and words in got.stderr and len(got.stderr.splitlines()) == 1, f"{name}: says what it is", got.stderr)
    path.write_text("a,label\n1,x\n2,y\n")
    for trainer, flag, value in (("random-forest", "trees", -5), ("random-forest", "threads", -1), ("decision-tree", "max-depth", -1), ("logistic-regression", "max-iter", 1.5),
                                 ("decision-tree", "min-samples-leaf", 10**12), ("gradient-boosting", "learning-rate", 0),
                                 ("logistic-regression", "tol", -1)):
        got = component(f"train-{trainer}", "--train", path, "--label", "label", "--model", folder / "m.json", f"--{flag}", value, fails=True)
        check(got.returncode in (1, 2) and f"{flag} " in got.stderr, f"--{flag} {value} is refused", got.stderr)
    for name, raw in (("gzip", gzip.compress(b"a,label\n1,x\n" * 1000)[:-20]), ("zstd", bytes.fromhex("28b52ffd0458"))):
        path.write_bytes(raw)
        got = component("train-decision-tree", "--train", path, "--label", "label", "--model", folder / "m.json", fails=True)
        check(got.returncode == 1 and len(got.stderr.splitlines()) == 1, f"a cut {name} file: one message", got.stderr)


def other_looks(folder: pathlib.Path) -> None:
    """What was text in training is text in the test set, too, where only its numbers are left; a level that training had not is as missing."""
    train, test = folder / "train.csv", folder / "test.csv"
    train.write_text("zip,label\n" + "01,x\nB2,y\n01,x\n2,y\n2,x\nB2,y\n" * 5)
    test.write_text("zip,label\n01,x\n2,y\n")
    for trainer in ("train-logistic-regression", "train-decision-tree"):
        component(trainer, "--train", train, "--label", "label", "--model", folder / "m.json")
        component("predict", "--model", folder / "m.json", "--data", test, "--predictions", folder / "p.csv")
        lines = (folder / "p.csv").read_text().splitlines()
        check(len(lines) == 3 and lines[1].startswith("x,"), f"{trainer[6:]}: texts that look like numbers", str(lines))
    test.write_text("zip,label\nnew,x\n,x\n")
    component("predict", "--model", folder / "m.json", "--data", test, "--predictions", folder / "p.csv")
    lines = (folder / "p.csv").read_text().splitlines()
    check(lines[1] == lines[2], "a level that training had not is as a missing one", str(lines))
    test.write_text("zap,label\nnew,x\n")
    got = component("predict", "--model", folder / "m.json", "--data", test, "--predictions", folder / "p.csv", fails=True)
    check(got.returncode == 1 and "lack the column 'zip'" in got.stderr, "a column that is not there is named", got.stderr)


def labels(folder: pathlib.Path) -> None:
    """Whatever the classes are, they come back as they were written; a class that weighs nothing is none."""
    path = folder / "labels.csv"
    for name, (a, b) in (("negative numbers", ("-1.5", "1")), ("booleans", ("false", "true")), ("dates", ("1969-12-31", "2024-02-29T12:30:00")),
                         ("texts", ('"a, b"', "it's"))):
        path.write_text("f,y\n" + "".join(f"{i},{b if i > 20 else a}\n" for i in range(40)))
        for trainer in ("train-logistic-regression", "train-random-forest"):
            component(trainer, "--train", path, "--label", "y", "--positive", a.strip('"'), "--model", folder / "m.json")
            component("predict", "--model", folder / "m.json", "--data", path, "--predictions", folder / "p.csv")
            lines = (folder / "p.csv").read_text().splitlines()
            check(lines[1].startswith(a + ",") and lines[-1].startswith(b + ","), f"{trainer[6:]}: classes that are {name}", f"{lines[1]} {lines[-1]}")
    path.write_text("f,w,y\n" + "".join(f"{i},{i % 2},{'ab'[i % 2]}\n" for i in range(40)))
    for trainer in ("train-logistic-regression", "train-decision-tree", "train-random-forest", "train-gradient-boosting"):
        got = component(trainer, "--train", path, "--label", "y", "--weight", "w", "--model", folder / "m.json", fails=True)
        check(got.returncode == 1 and "all rows of class 'a' of 'y' weigh 0" in got.stderr, f"{trainer[6:]}: a class without weight is refused", got.stderr)


def beside_sklearn(folder: pathlib.Path) -> None:
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    rng = np.random.default_rng(1)
    n = 600
    x = rng.standard_normal((n, 3)) * [1, 10, 0.1] + [0, 100, 5]
    x[:, 0] = np.round(x[:, 0], 1)
    holes = rng.random((n, 3)) < [0.2, 0.05, 0]
    colour = rng.choice(["blue", "green", "red"], n)
    y = np.where(x[:, 0] + (x[:, 1] - 100) / 10 + (colour == "red") + rng.standard_normal(n) > 0.8, "yes", "no").astype(object)
    y[rng.random(n) < 0.02] = "maybe"
    weight = rng.integers(0, 4, n)
    path = folder / "data.csv"
    x[holes] = np.nan
    rows = [["" if np.isnan(v) else repr(float(v)) for v in r] + [c, str(w), t] for r, c, w, t in zip(x, colour, weight, y)]
    path.write_text(text([["a", "b", "c", "colour", "w", "y"], *rows]))

    def compare(name: str, args: list, strategy: str, ordinal: bool = False, **fit) -> None:
        numbers = StandardScaler().fit_transform(SimpleImputer(strategy=strategy).fit_transform(x))
        encoder = OrdinalEncoder() if ordinal else OneHotEncoder(sparse_output=False)
        codes = encoder.fit_transform(colour[:, None])
        z = np.hstack([numbers, StandardScaler().fit_transform(codes) if ordinal else codes])
        weights = fit.pop("sample_weight", None)
        theirs = LogisticRegression(tol=1e-9, max_iter=5000, **fit).fit(z, y, sample_weight=weights)
        component("train-logistic-regression", "--train", path, "--label", "y", "--drop" if weights is None else "--weight", "w", "--model", folder / "m.json", *args)
        m = json.loads((folder / "m.json").read_text())
        component("predict", "--model", folder / "m.json", "--data", path, "--predictions", folder / "p.csv")
        ours = np.loadtxt(folder / "p.csv", delimiter=",", skiprows=1, usecols=range(1, 4))
        apart = float(np.abs(ours - theirs.predict_proba(z)).max())
        check(m["classes"] == theirs.classes_.tolist() and apart < 1e-5, f"{name}: probabilities as scikit-learn's", str(apart))

    for how in ("mean", "median", "most-frequent"):
        compare(f"impute {how}", ["--impute", how], how.replace("-", "_"))
    compare("ordinal codes", ["--encode", "ordinal"], "mean", ordinal=True)
    compare("sample weights", [], "mean", sample_weight=weight)
    compare("balanced classes", ["--class-weight", "balanced"], "mean", class_weight="balanced")
    compare("weights of classes", ["--class-weight", '{"maybe": 20, "no": 2}'], "mean", class_weight={"maybe": 20, "no": 2, "yes": 1})
    compare("both", ["--class-weight", '{"maybe": 7}'], "mean", class_weight={"maybe": 7, "no": 1, "yes": 1}, sample_weight=weight)
    got = component("train-logistic-regression", "--train", path, "--label", "y", "--class-weight", '{"other": 2}', "--model", folder / "m.json", fails=True)
    check(got.returncode == 1 and "'other'" in got.stderr, "a weight of no class is refused", got.stderr)
    got = component("train-logistic-regression", "--train", path, "--label", "y", "--impute", "none", "--model", folder / "m.json", fails=True)
    check(got.returncode == 1 and "imputation is off" in got.stderr, "no imputation: what is missing is refused", got.stderr)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-prep-") as name:
        folder = pathlib.Path(name)
        ways_to_write(folder)
        errors(folder)
        other_looks(folder)
        labels(folder)
        if importlib.util.find_spec("sklearn"):
            beside_sklearn(folder)
        else:
            skip("beside scikit-learn", "it is not installed in this Python")
    done()


main()
