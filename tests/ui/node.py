"""Tools of node for the tests of the page: run in ui/, their TAP as ours."""
import os
import re
import subprocess

from tap import ROOT, check, says

UI = ROOT / "ui"


def tool(*argv, cwd=UI, env=None, timeout=900) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in argv], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=timeout, check=False)


def passes(name: str, result: subprocess.CompletedProcess) -> bool:
    return check(result.returncode == 0, name, says(result))


def count(text: str) -> None:
    """TAP of others, as ours; their comments are shown."""
    failing, detail = None, []
    for line in [*text.splitlines(), "ok - "]:
        m = re.match(r"(not ok|ok)\b[\s\d]*(?:- )?(.*)", line)
        if m:
            if failing:
                check(False, failing, "\n".join(detail))
            failing, detail = (m.group(2) if m.group(1) == "not ok" else None), []
            if m.group(1) == "ok" and m.group(2):
                check(True, m.group(2))
        elif failing:
            detail.append(line.lstrip("# "))
        elif line.startswith("# "):
            print(line, flush=True)
