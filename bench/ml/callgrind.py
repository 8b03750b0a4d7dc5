"""Instruction counts of the hot loops, which do not depend on what else the machine does.

    callgrind.py BENCH_ML [--record]

Runs `bench-ml` under valgrind on a small table and compares with callgrind.json: more than 3 % above is a slip.
"""
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WHAT = ["csv", "logreg", "tree", "histogram-tree", "boosting"]
ROOM = 1.03


def make(path: pathlib.Path) -> None:
    rng = random.Random(0)
    with open(path, "w", encoding="utf-8") as out:
        out.write(",".join(f"f{i}" for i in range(10)) + ",y\n")
        for _ in range(20000):
            row = [rng.gauss(0, 1) for _ in range(10)]
            out.write(",".join(f"{v:.15f}" for v in row) + f",{int(row[0] + row[1] * row[2] + rng.gauss(0, 1) > 0)}\n")


def count(program: str, data: pathlib.Path, what: str) -> int:
    with tempfile.NamedTemporaryFile() as out:
        run = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, str(data), "1", what],
                             capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def main() -> None:
    program, store = sys.argv[1], HERE / "callgrind.json"
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data.csv"
        make(data)
        counts = {what: count(program, data, what) for what in WHAT}
    if "--record" in sys.argv:
        store.write_text(json.dumps(counts, indent=2) + "\n")
    known, slips = json.loads(store.read_text()), 0
    for what, n in counts.items():
        slip = n > known[what] * ROOM
        slips += slip
        print(f"{'slipped' if slip else 'ok     '}  {what}: {n:,} instructions, {n / known[what] - 1:+.2%} against the record")
    sys.exit(1 if slips else 0)


if __name__ == "__main__":
    main()
