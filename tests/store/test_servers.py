# run: timeout=900
"""The unit tests of the record on PostgreSQL and MariaDB: the same programs, told where by DHOW_TEST_DB."""
import os
import pathlib
import re
import subprocess

from databases import servers
from tap import DHOW, check, done, skip


def unit_tests(server) -> None:
    folder = pathlib.Path(DHOW).resolve().parent / "src" / "store"
    for name in ("test-store", "test-store-artifacts", "test-run-query", "test-store-govern", "test-lineage", "test-store-server"):
        r = subprocess.run([folder / name], capture_output=True, text=True, timeout=300, check=False,
                           env={**os.environ, "DHOW_TEST_DB": server.pattern(), "CMOCKA_MESSAGE_OUTPUT": "TAP"})
        cases = re.findall(r"^(not ok|ok) \d+ - (\S+)([^\n]*)((?:\n#[^\n]*)*)", r.stdout, re.M)
        for verdict, case, rest, why in cases:
            if "SKIP" in rest:
                skip(f"{server.name}: {name}: {case}", rest.split("SKIP")[-1].strip())
            else:
                check(verdict == "ok", f"{server.name}: {name}: {case}", why)
        check(r.returncode == 0 and cases, f"{server.name}: {name} ends well", f"{r.returncode}\n{r.stdout[-3000:]}\n{r.stderr[-3000:]}")


def main() -> None:
    there, missing = servers()
    for kind in missing:
        skip(kind.name, "it is not installed")
    for kind in there:
        with kind() as server:
            unit_tests(server)
    done()


main()
