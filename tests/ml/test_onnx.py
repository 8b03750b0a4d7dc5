"""Every kind of model as ONNX: onnxruntime's answers equal ours to 1e-6; onnx's own checker accepts the file."""
import csv
import importlib.util
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from tap import ROOT, check, component, done

PYTHON = os.environ.get("DHOW_TEST_PYTHON") or str(ROOT / ".venv" / "bin" / "python")
TRAINERS = {
    "logistic-regression": [],
    "logistic-regression, ordinal": ["--encode", "ordinal", "--impute", "median"],
    "logistic-regression, l1": ["--penalty", "l1", "--c", "0.1", "--impute", "most-frequent"],
    "decision-tree": ["--max-depth", "6"],
    "decision-tree, pruned": ["--ccp-alpha", "0.002"],
    "decision-tree, histogram": ["--histogram", "true", "--max-leaves", "40"],
    "random-forest": ["--trees", "10", "--max-depth", "8"],
    "gradient-boosting": ["--rounds", "20"],
}


def make_data(path: pathlib.Path, label: str, seed: int) -> None:
    """Numbers with holes, a boolean, texts with holes; a label of two or three classes or a number."""
    rng = random.Random(seed)
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["a", "b", "flag", "colour", "label"])
        for _ in range(600):
            a, b, flag = rng.gauss(0, 3), rng.gauss(1e4, 500), rng.random() < 0.5
            colour = rng.choice(["red", "green", "blue, dark", "grün"])
            score = a + (b - 1e4) / 500 + 2 * flag + (colour == "red") + rng.gauss(0, 1)
            answer = {"two": "yes" if score > 1 else "no", "three": min(2, max(0, int(score + 1))), "number": score}[label]
            writer.writerow(["" if rng.random() < 0.05 else a, "" if rng.random() < 0.05 else b, str(flag).lower(),
                             "" if rng.random() < 0.05 else colour, answer])


def compare(name: str, model: pathlib.Path, data: pathlib.Path, folder: pathlib.Path, regression: bool) -> None:
    import json

    import numpy as np
    import onnxruntime

    component("export-onnx", "--model", model, "--onnx", folder / "m.onnx")
    component("predict", "--model", model, "--data", data, "--predictions", folder / "p.csv")
    if importlib.util.find_spec("onnx"):
        import onnx

        onnx.checker.check_model(str(folder / "m.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(folder / "m.onnx"), providers=["CPUExecutionProvider"])
    rows = list(csv.DictReader(open(data, encoding="utf-8")))
    kinds = {i["name"]: i["type"] for i in json.loads(model.read_text())["inputs"]}
    feed = {}
    for column, kind in kinds.items():
        texts = [r[column] for r in rows]
        if kind == "category":
            feed[column] = np.array([[t] for t in texts], dtype=object)
        else:
            words = {"": float("nan"), "true": 1.0, "false": 0.0}
            feed[column] = np.array([[words[t] if t in words else float(t)] for t in texts])
    answers = list(csv.reader(open(folder / "p.csv", encoding="utf-8")))
    got = session.run(None, feed)
    if regression:
        own = np.array([float(r[0]) for r in answers[1:]])
        apart = float(np.abs(got[0][:, 0] - own).max())
        check(apart < 1e-6 * max(1, float(np.abs(own).max())), f"{name}: values", str(apart))
        return
    own = np.array([[float(v) for v in r[1:]] for r in answers[1:]])
    apart = float(np.abs(got[1] - own).max())
    check(apart < 1e-6, f"{name}: probabilities", str(apart))
    clear = np.sort(own, 1)[:, -1] - np.sort(own, 1)[:, -2] > 1e-6
    same = [a == r[0] for a, r, c in zip(got[0].tolist(), answers[1:], clear) if c]
    check(all(same), f"{name}: labels", f"{same.count(False)} differ")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for seed, label in enumerate(["two", "three", "number"]):
            data = folder / f"{label}.csv"
            make_data(data, label, seed)
            for kind, args in TRAINERS.items():
                trainer = "train-" + kind.split(",", maxsplit=1)[0]
                if label == "number" and trainer == "train-logistic-regression":
                    continue
                more = ["--regression", "true"] if label == "number" else []
                component(trainer, "--train", data, "--label", "label", "--model", folder / "m.json", *args, *more)
                compare(f"{kind}, {label}", folder / "m.json", data, folder, label == "number")
    done()


if __name__ == "__main__":
    if os.environ.get("DHOW_ML_INSIDE") == "1":
        if not importlib.util.find_spec("onnxruntime"):
            print("1..0 # SKIP onnxruntime is not installed in this Python")
            sys.exit(0)
        main()
    else:
        sys.exit(subprocess.run([PYTHON, __file__], env={**os.environ, "DHOW_ML_INSIDE": "1"}, check=False).returncode)
