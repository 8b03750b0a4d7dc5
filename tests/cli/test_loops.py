# run: asan
"""Loops in whole runs: what `show` prints of them, retry and --from inside them, resume of a killed one, cancel with grace."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile

from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says, until


def loop(name: str, items: list, first: str, second: str, **more) -> dict:
    """A loop whose iterations are nested pipelines of two steps, one after the other."""
    s = pipeline(name)
    inner, body = {"tasks": {}}, {"tasks": {}}
    step(s, "first", first, inputs={"it": "=it"}, outputs=("o",), dag=inner, **more)
    step(s, "second", second, inputs={"o": "first.o"}, outputs=("o",), dag=inner, **more)
    given = {"inputDefinitions": {"parameters": {"it": {"parameterType": "STRING"}}}}
    s["components"]["comp-sub"] = {**given, "dag": inner}
    body["tasks"]["sub"] = {"componentRef": {"name": "comp-sub"}, "taskInfo": {"name": "sub"},
                            "inputs": {"parameters": {"it": {"componentInputParameter": "it"}}}}
    s["components"]["comp-loop"] = {**given, "dag": body}
    s["root"]["dag"]["tasks"]["for-loop-1"] = {"componentRef": {"name": "comp-loop"}, "taskInfo": {"name": "for-loop-1"},
                                               "parameterIterator": {"itemInput": "it", "items": {"raw": json.dumps(items)}}}
    return s


def marks(folder: pathlib.Path) -> list:
    return sorted((folder / "marks").read_text(encoding="utf-8").split()) if (folder / "marks").exists() else []


def shown(folder: pathlib.Path) -> None:
    s = loop("shown", ["a", "b", "c"], 'printf "$in_it" >$out_o', 'printf "$in_o" >$out_o')
    home = folder / "home"
    r = dhow("run", write(folder, s), "--jobs", "2", home=home)
    tree = re.findall(r"^  ( *\S+) +✓ SUCCEEDED", dhow("show", "last", home=home).stdout, re.M)
    want = ["for-loop-1"] + [line for i in range(3) for line in (f"  [{i}]", "    sub", "      first", "      second")]
    check(tree == want, "show prints a tree, whatever the order in which steps began", f"{tree}\n{says(r)}")


def retried(folder: pathlib.Path) -> None:
    home = folder / "home"
    s = loop("retried", ["a", "b", "c"], f'echo "first-$in_it" >>{folder}/marks; [ "$in_it" != b ] || [ -e {folder}/good ] || exit 3; printf "$in_it" >$out_o',
             f'echo "second-$in_o" >>{folder}/marks; printf "$in_o" >$out_o')
    r = dhow("run", write(folder, s), "--cache", "off", "--output", "json", home=home)
    check(r.returncode == 1 and marks(folder) == ["first-a", "first-b", "first-c", "second-a", "second-c"], "one iteration fails, the others go on", says(r))
    (folder / "marks").unlink()
    (folder / "good").touch()
    r = dhow("retry", "last", "--output", "json", home=home)
    check(r.returncode == 0 and marks(folder) == ["first-b", "second-b"], "retry runs what failed in the loop and what follows it", f"{marks(folder)}\n{says(r)}")
    (folder / "marks").unlink()
    r = dhow("retry", "last", "--from", "for-loop-1[2].sub.second", home=home)
    check(r.returncode == 0 and marks(folder) == ["second-c"], "--from one step of one iteration", f"{marks(folder)}\n{says(r)}")
    (folder / "marks").unlink()
    r = dhow("retry", "last", "--from", "second", home=home)
    check(r.returncode == 0 and marks(folder) == ["second-a", "second-b", "second-c"], "--from a step of all iterations", f"{marks(folder)}\n{says(r)}")


def resumed(folder: pathlib.Path) -> None:
    home = folder / "home"
    s = loop("resumed", ["a", "b", "c"], f'echo "first-$in_it" >>{folder}/marks; printf "$in_it" >$out_o',
             f'if [ "$in_o" = b ] && [ ! -e {folder}/begun ]; then : >{folder}/begun; sleep 600; fi; echo "second-$in_o" >>{folder}/marks; printf "$in_o" >$out_o')
    env = {**os.environ, "DHOW_HOME": str(home)}
    with subprocess.Popen([DHOW, "run", write(folder, s), "--jobs", "1", "--cache", "off"], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as p:
        until((folder / "begun").exists)
        p.kill()
    before = marks(folder)
    r = dhow("resume", "last", "--output", "json", home=home)
    attempts = {t["key"]: t["attempts"] for t in json.loads(r.stdout)["tasks"]} if r.returncode == 0 else {}
    check(r.returncode == 0 and marks(folder) == ["first-a", "first-b", "first-c", "second-a", "second-b", "second-c"],
          "a killed loop is taken up: each step once to its end", f"{before}\n{marks(folder)}\n{says(r)}")
    ended = {f"root.for-loop-1[{'abc'.index(item)}].sub.{name}" for name, item in (mark.split("-") for mark in before)}
    check(bool(ended) and all(attempts.get(key) == 1 for key in ended), "what had ended did not begin again", f"{before}\n{attempts}")


def canceled(folder: pathlib.Path) -> None:
    home = folder / "home"
    s = loop("canceled", ["a", "b", "c"], f'trap "echo ended-$in_it >>{folder}/marks; exit 0" TERM; : >{folder}/begun-$in_it; while :; do sleep 0.1; done',
             f"echo second >>{folder}/marks")
    step(s, "last", f"echo last >>{folder}/marks", ("for-loop-1",), triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"})
    env = {**os.environ, "DHOW_HOME": str(home)}
    with subprocess.Popen([DHOW, "run", write(folder, s), "--jobs", "2", "--cache", "off"], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as p:
        until((folder / "begun-a").exists)
        until((folder / "begun-b").exists)
        p.send_signal(signal.SIGINT)
        try:
            code = p.wait(120)
        except subprocess.TimeoutExpired:
            p.kill()
            code = None
    check(code == 130 and marks(folder) == ["ended-a", "ended-b", "last"], "cancelled: running steps end themselves, no other begins, the exit step runs",
          f"{code} {marks(folder)}")


def live(folder: pathlib.Path) -> None:
    """On a terminal: a tree of what runs, with the loop's count; redrawn in place."""
    s = loop("live", ["a", "b", "c"], f'while [ "$in_it" = c ] && [ ! -e {folder}/go ]; do sleep 0.05; done; printf "$in_it" >$out_o', 'printf "$in_o" >$out_o')
    ours, theirs = pty.openpty()
    env = {**os.environ, "DHOW_HOME": str(folder / "home"), "TERM": "xterm"}
    with subprocess.Popen([DHOW, "run", write(folder, s), "--jobs", "3"], env=env, stdout=subprocess.DEVNULL, stderr=theirs) as p:
        os.close(theirs)
        seen = b""
        try:
            while True:
                ready, _, _ = select.select([ours], [], [], 120)
                got = os.read(ours, 65536) if ready else b""
                if not got:
                    break
                seen += got
                if b"2 of 3" in seen:
                    (folder / "go").touch()
        except OSError:  # the other end is closed
            pass
        (folder / "go").touch()
        try:
            code = p.wait(120)
        except subprocess.TimeoutExpired:
            p.kill()
            code = None
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;]*[mJ]", "", seen.decode("utf-8", "replace")).replace("\r", "")
    check(code == 0 and re.search(r"^(\x1b\[\d+A)?● for-loop-1 .* 2 of 3\n  ● \[2\]\.sub\.first ", text, re.M) is not None,
          "a terminal shows a tree with the loop's count", f"{code}\n{text[-3000:]}")


def main() -> None:
    for part in (shown, live, retried, resumed, canceled):
        with tempfile.TemporaryDirectory(prefix="dhow-loops-") as name:
            part(pathlib.Path(name))
    done()


main()
