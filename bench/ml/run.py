"""The numeric core beside its peers: same data, same work, in one run. Prints each bar, its figure, and
`falls short` where it is missed.

    run.py DHOW [--rows N] [--threads 1,2] [--venv FOLDER] [--only csv,logreg,tree,…]

Peers (polars, scikit-learn, lightgbm) are installed with pip into the folder given by --venv (default: a new one
below the system's temporary folder, kept for the next run). Figures of both sides come from the median of three
runs taken in turn, so that what else the machine does falls on both.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ["polars", "scikit-learn", "lightgbm", "numpy"]


def peer_python(folder: pathlib.Path) -> str:
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    probe = subprocess.run([python, "-c", "import polars, sklearn, lightgbm"], capture_output=True, check=False)
    if probe.returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return str(python)


def timed(command: list, threads: int) -> dict:
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
           "POLARS_MAX_THREADS": str(threads)}
    out = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env, check=False)
    if out.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:4]))} fails: {out.stderr[-800:]}")
    return json.loads(out.stdout.strip().splitlines()[-1])


class Bars:
    def __init__(self) -> None:
        self.missed = 0

    def show(self, name: str, figure: float, bar: float, unit: str, least: bool, detail: str = "") -> None:
        good = figure >= bar if least else figure <= bar
        self.missed += not good
        sign = "≥" if least else "≤"
        print(f"{'ok         ' if good else 'falls short'}  {name}: {figure:.4g} {unit} (bar {sign} {bar:g}){detail}", flush=True)


def beside(ours: list, theirs: list, threads: int, runs: int) -> tuple:
    """How many times as fast, in words what both took, the last result of each. Taken in turn; medians."""
    a, b = [], []
    for _ in range(runs):
        a.append(timed(ours, threads))
        b.append(timed(theirs, threads))
    us, them, us_busy, them_busy = (statistics.median(x[key] for x in side) for key in ("seconds", "processor") for side in (a, b))
    words = f"  {us:.3f} s, {them:.3f} s; of processor {us_busy:.3f} s, {them_busy:.3f} s: {them_busy / us_busy:.2f} x"
    return us, them / us, words, a[-1], b[-1]


def csv_bars(o, bars, threads) -> None:
    us, ratio, words, mine, _ = beside([o.core, o.csv, threads, "csv"], [o.python, HERE / "peer.py", "polars", o.csv], threads, o.runs)
    bars.show(f"CSV, {threads} thread(s), against polars", ratio, 2, "x", True, words)
    touch = statistics.median(timed([o.core, o.csv, threads, "touch"], threads)["seconds"] for _ in range(o.runs))
    bars.show(f"CSV, {threads} thread(s), against reading and touching each byte", us / touch, 2, "x", False)
    bars.show("CSV, peak memory over the columns' size", mine["peak_bytes"] / mine["column_bytes"], 1.5, "x", False)


def logreg_bars(o, bars, threads) -> None:
    _, ratio, words, mine, theirs = beside([o.core, o.csv, threads, "logreg"], [o.python, HERE / "peer.py", "logreg", o.npz], threads, o.runs)
    bars.show(f"logistic regression, {threads} thread(s), against scikit-learn's best solver ({theirs['solver']})",
              ratio, 4, "x", True, words)
    bars.show("  objective over theirs, less 1", mine["objective"] / theirs["objective"] - 1, 1e-9, "", False)
    apart = max(abs(a - b) for a, b in zip(mine["coefficients"], theirs["tightest"]))
    bars.show("  coefficients against its tightest setting, largest difference", apart, 1e-6, "", False)
    bars.show("  peak memory over the columns' size", mine["peak_bytes"] / mine["column_bytes"], 1.5, "x", False)


def small_bar(o, bars) -> None:
    small = HERE.parents[1] / "pipelines" / "model_selection" / "data" / "breast_cancer.csv"
    best = min(timed([o.core, small, 1, "logreg"], 1)["seconds"] for _ in range(10))
    bars.show("logistic regression, 569 x 30", best * 1e3, 0.5, "ms", False)


def tree_bars(o, bars, threads) -> None:
    _, ratio, words, mine, theirs = beside([o.core, o.csv, threads, "tree"], [o.python, HERE / "peer.py", "tree", o.npz], threads, 1)
    bars.show(f"exact tree, depth 10, {threads} thread(s), against scikit-learn", ratio, 10, "x", True, words)
    apart = max(abs(a - b) for a, b in zip(mine["impurity"], theirs["impurity"]))
    bars.show("  impurity at every depth, largest difference", apart, 1e-9, "", False)
    bars.show("  peak memory over the columns' size", mine["peak_bytes"] / mine["column_bytes"], 1.5, "x", False)


def ensemble_bars(o, bars, threads) -> None:
    for name, peer, bar in (("histogram-tree", "lightgbm-tree", 1.5), ("boosting", "lightgbm", 1),
                            ("boosting", "sklearn-boosting", 1), ("forest", "lightgbm-forest", 1)):
        _, ratio, words, mine, theirs = beside([o.core, o.csv, threads, name], [o.python, HERE / "peer.py", peer, o.npz], threads, 1)
        bars.show(f"{name}, {threads} thread(s), against {peer}", ratio, bar, "x", True, words)
        score = "accuracy" if name == "histogram-tree" else "roc_auc"
        bars.show(f"  {score} less theirs", mine[score] - theirs[score], -0.001, "", True, f"  {mine[score]:.5f}")
        bars.show("  peak memory over the columns' size", mine["peak_bytes"] / mine["column_bytes"], 1.5, "x", False)


def instructions(o, bars) -> None:
    """What a loop costs whatever else the machine does; where valgrind is installed."""
    if not shutil.which("valgrind"):
        print("            instruction counts: valgrind is not installed")
        return
    counted = subprocess.run([sys.executable, HERE / "callgrind.py", o.core], check=False)
    bars.missed += counted.returncode != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dhow")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="csv,logreg,small,tree,ensembles,instructions")
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "dhow-bench-venv")
    o = parser.parse_args()
    o.core = pathlib.Path(os.environ.get("DHOW_BENCH_ML", pathlib.Path(o.dhow).resolve().parent / "src" / "ml" / "bench-ml"))
    if not o.core.exists():
        subprocess.run(["ninja", "-C", str(pathlib.Path(o.dhow).resolve().parent), "--quiet", "src/ml/bench-ml"], check=True)
    o.python = peer_python(o.venv)
    folder = pathlib.Path(tempfile.gettempdir()) / f"dhow-bench-{o.rows}"
    o.csv, o.npz = folder / "data.csv", folder / "data.npz"
    if not o.csv.exists():
        folder.mkdir(exist_ok=True)
        subprocess.run([o.python, HERE / "peer.py", "generate", folder, str(o.rows)], check=True)
    bars, only = Bars(), o.only.split(",")
    print(f"{o.rows} x 31, {o.csv.stat().st_size / 1e6:.0f} MB; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if "small" in only:
        small_bar(o, bars)
    if "instructions" in only:
        instructions(o, bars)
    for threads in map(int, o.threads.split(",")):
        for name, bar in (("csv", csv_bars), ("logreg", logreg_bars), ("tree", tree_bars), ("ensembles", ensemble_bars)):
            if name in only:
                bar(o, bars, threads)
    print(f"{bars.missed} bar(s) missed" if bars.missed else "all bars met")
    sys.exit(0)


if __name__ == "__main__":
    main()
