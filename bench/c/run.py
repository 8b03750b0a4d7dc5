#!/usr/bin/env python3
"""What C costs: a step over dhow/component.h beside an empty program; compiling 10,000 tasks. run.py DHOW

Each bar: its figure, and `falls short` where it does.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STEP = """#include <dhow/component.h>
#define ROWS(X) X(TEXT, text, "x", "") X(NUMBER, rate, "0.1", "") X(OUTPUT, model, "system.Model", "") X(OUTPUT_NUMBER, loss, "", "")
DHOW_COMPONENT(step_, "", ROWS) { a->loss = a->rate; dhow_metadata_text(step, &a->model, "text", a->text); return 0; }
"""
BIG = """#include <dhow/pipeline.h>
#define NUM(X) X(INTEGER, n, "1", "") X(OUTPUT_INTEGER, twice, "", "")
DHOW_CONTAINER(num, "", NUM, .image = "alpine", .command = {"n"})
#define IN(X) X(INTEGER, n, "1", "")
DHOW_PIPELINE(p, "p", "", IN)
{
    struct num_task t = DHOW_RUN(num, .n = in->n);
    for (int i = 1; i < 10000; i++)
        t = DHOW_RUN(num, .n = t.twice);
}
DHOW_MAIN(p)
"""


def build(folder, name, text, *flags, compiler="musl-gcc"):
    (folder / f"{name}.c").write_text(text)
    subprocess.run([compiler, "-std=gnu17", "-O2", *flags, "-o", folder / name, folder / f"{name}.c", "-lm"], check=True)
    return folder / name


def say(what, figure, bar, ok):
    print(f"{what:<58} {figure:>12}   {bar}{'' if ok else '   falls short'}", flush=True)


def main():
    dhow = str(pathlib.Path(sys.argv[1]).resolve())
    # In memory: a file that is written over on ext4 is flushed when it is closed, and a step writes new ones.
    shm = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dhow-bench-c-", dir=shm) as temp:
        folder = pathlib.Path(temp)
        empty = build(folder, "empty", "int main(void) { return 0; }\n", "-static", "-s")
        step = build(folder, "step", STEP, "-Os", "-static", "-s", "-idirafter", str(ROOT / "include"))
        driver = build(folder, "spawn", (HERE / "spawn.c").read_text(), compiler="gcc")
        given = {"inputs": {"parameterValues": {"text": "y", "rate": 0.5}},
                 "outputs": {"outputFile": str(folder / "out.json"), "parameters": {"loss": {"outputFile": str(folder / "loss")}},
                             "artifacts": {"model": {"artifacts": [{"uri": str(folder / "model"), "name": "model"}]}}}}
        out = subprocess.run([driver, "2000", empty, "--", step, "--executor_input", json.dumps(given)], check=True, capture_output=True, text=True).stdout
        nothing, cost = map(float, out.split())
        print(f"static: an empty program {empty.stat().st_size} bytes, a step {step.stat().st_size} bytes")
        say("a step with its executor input and output, beside an empty", f"{cost / nothing:.2f} x", f"<= 1.5 ({cost:.0f} and {nothing:.0f} us)", cost <= 1.5 * nothing)
        program = build(folder, "big", BIG, "-I", str(ROOT / "include"), compiler="gcc")
        lines = folder / "big.jsonl"
        with open(lines, "wb") as f:
            subprocess.run([program], check=True, stdout=f)
        best, busy = map(min, zip(*(timed([dhow, "compile", str(lines), "-o", str(folder / "big.json")]) for _ in range(15))))
        say("10,000 tasks: from what the program says to the spec", f"{best * 1e3:.0f} ms", f"<= 100 ms ({busy * 1e3:.0f} ms of processor)", best <= 0.1)
        best = min(timed([dhow, "compile", str(folder / "big.c"), "-o", str(folder / "big.json")])[0] for _ in range(5))
        say("10,000 tasks: with the C compiler and the program", f"{best * 1e3:.0f} ms", "", True)


def timed(argv):
    """Wall time, and the processor's: what else the machine does is only in the first."""
    start = time.monotonic()
    child = subprocess.Popen(argv)
    _, status, use = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv} fails")
    return time.monotonic() - start, use.ru_utime + use.ru_stime


if __name__ == "__main__":
    main()
