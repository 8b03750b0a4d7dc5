"""What the Python tests of this folder share: TAP lines, the program, a scratch folder."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DHOW = os.environ.get("DHOW", str(ROOT / "build" / "dhow"))
_count = {"run": 0, "failed": 0}


def check(ok: bool, name: str, detail: str = "") -> bool:
    """One test; what went wrong goes into comment lines."""
    _count["run"] += 1
    _count["failed"] += not ok
    print(f"{'ok' if ok else 'not ok'} {_count['run']} - {name}", flush=True)
    if not ok and detail:
        print("\n".join(f"# {line}" for line in detail.splitlines()), flush=True)
    return ok


def done() -> None:
    print(f"1..{_count['run']}")
    sys.exit(1 if _count["failed"] else 0)


def component(name: str, *args, fails: bool = False, timeout: float = 300, env: dict | None = None):
    """Runs `dhow component NAME args`; without `fails`, a failure stops the test with its message."""
    result = subprocess.run([DHOW, "component", name, *map(str, args)], capture_output=True, text=True, timeout=timeout,
                            env={**os.environ, **(env or {})}, check=False)
    if result.returncode and not fails:
        raise SystemExit(f"Bail out! {name} exits {result.returncode}: {result.stderr}")
    return result
