# run: timeout=900
"""The page's sources are sound, what is checked in is what they give, and it is small."""
import gzip
import pathlib
import re
import shutil
import tempfile

from node import UI, count, passes, tool
from tap import ROOT, check, done, skip

FIRST_KIB, ALL_KIB = 60, 250


def sources() -> None:
    passes("tsc finds nothing", tool("node_modules/.bin/tsc", "--noEmit"))
    passes("eslint finds nothing", tool("node_modules/.bin/eslint", ".", "--max-warnings", "0"))
    units = tool("node", "test/unit/run.mjs")
    count("\n".join(line for line in units.stdout.splitlines() if re.match(r"(not ok|ok) ", line)))
    check(units.returncode == 0, "unit tests", units.stdout[-3000:] + units.stderr[-1000:])
    with tempfile.TemporaryDirectory() as fresh:
        passes("the page builds", tool(ROOT / "tools" / "build-ui.sh", fresh))
        mine, theirs = contents(UI / "dist"), contents(pathlib.Path(fresh))
        differ = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
        check(not differ, "what is checked in is what the sources give (else: make ui)", "\n".join(differ))


def contents(folder: pathlib.Path) -> dict:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def sizes() -> None:
    files = contents(UI / "dist")
    kib = {n: len(gzip.compress(b, 9)) / 1024 for n, b in files.items()}
    first = sum(kib[n] for n in kib if n == "index.html" or "/" + n in files["index.html"].decode())
    print(f"# first load {first:.1f} KiB, all {sum(kib.values()):.1f} KiB gzip")
    check(first <= FIRST_KIB, f"the first load is at most {FIRST_KIB} KiB", f"{first:.1f} KiB")
    check(sum(kib.values()) <= ALL_KIB, f"all of it is at most {ALL_KIB} KiB", f"{sum(kib.values()):.1f} KiB")
    addresses = sorted({a for b in files.values() for a in re.findall(rb"https?://[\w.-]+", b)} - {b"http://www.w3.org"})
    check(not any(re.search(rb"(src|href|import)\s*[=(]\s*[\"']" + re.escape(a), b) for b in files.values() for a in addresses), "nothing is fetched from elsewhere", str(addresses))


def main() -> None:
    sizes()
    if not shutil.which("npm"):
        skip("the page's sources", "there is no npm here")
    elif passes("the packages of the lock file are there", tool(ROOT / "tools" / "build-ui.sh", "packages")):
        sources()


main()
done()
