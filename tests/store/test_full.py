# run: timeout=300
"""A database server whose disk is full: the run stops and says so, nothing of its record is lost or half there, and it goes on when there
is room. PostgreSQL in a table space of a few megabytes (a mount, which needs root), MariaDB with one data file that does not grow."""
import os
import pathlib
import subprocess
import tempfile
import time

from databases import MariaDB, Postgres, servers
from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says, skip

STEPS = 4


class SmallPostgres(Postgres):
    """Its tables are on a disk of their own."""

    def __enter__(self):
        super().__enter__()
        small = self.folder / "small"
        small.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=777", "none", str(small)], capture_output=True, text=True, check=False)
        self.mounted = made.returncode == 0
        try:
            if self.mounted:
                if self.as_user:
                    os.chown(small, self.as_user["user"], self.as_user["group"])
                self.sql(f"CREATE TABLESPACE small LOCATION '{small}'")
                self.sql("ALTER ROLE dhow SET default_tablespace = small")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.kill()
        if getattr(self, "mounted", False):
            subprocess.run(["umount", "-l", str(self.folder / "small")], check=False)
        super().__exit__()

    def insert(self, rows: int) -> None:
        self.sql(f"INSERT INTO filler SELECT repeat(md5(random()::text), 60) FROM generate_series(1, {rows})")

    def fill(self) -> None:
        self.sql("CREATE TABLE filler(x text)")
        self.sql("ALTER TABLE filler ALTER x SET STORAGE PLAIN")
        until_full(self)

    def free(self) -> None:
        self.sql("DROP TABLE filler")


class SmallMariaDB(MariaDB):
    mounted = True

    def command(self):
        return [*super().command(), "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:24M"]

    def prepare(self):
        real = self.run

        def small(program, *args):
            return real(program, *args, "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:24M") if "install-db" in str(program) else real(program, *args)

        self.run = small
        try:
            super().prepare()
        finally:
            del self.run

    def insert(self, rows: int) -> None:
        self.sql(f"INSERT INTO filler SELECT repeat(md5(rand()), 60) FROM seq_1_to_{rows}", "filler")

    def fill(self) -> None:
        self.sql("CREATE DATABASE IF NOT EXISTS filler")
        self.sql("CREATE TABLE filler(x TEXT)", "filler")
        until_full(self)

    def free(self) -> None:
        self.sql("DROP TABLE filler", "filler")
        until = time.monotonic() + 120
        while time.monotonic() < until:  # InnoDB gives the room back by and by
            try:
                self.sql("CREATE TABLE IF NOT EXISTS filler(x TEXT)", "filler")
                self.insert(500)
                self.sql("DROP TABLE filler", "filler")
                return
            except RuntimeError:
                time.sleep(0.2)


def until_full(server) -> None:
    for rows in (2000, 200, 10, 1):
        while True:
            try:
                server.insert(rows)
            except RuntimeError:
                break


def full(server, folder: pathlib.Path) -> None:
    marks, go = folder / "marks", folder / "go"
    s = pipeline("full")
    for i in range(STEPS):  # each needs room: an output of 60 kB that does not shrink
        wait = f"while [ ! -e {go} ]; do sleep 0.05; done; " if i == 1 else ""
        step(s, f"t{i}", f"{wait}echo t{i} >> {marks}; head -c 45000 /dev/urandom | base64 -w 0 > $out_o; echo data{i} > $out_a", (f"t{i - 1}",) if i else (),
             outputs=("o",), artifacts={"a": "Dataset"})
    path = write(folder, s)
    env = {"DHOW_DB": server.url("full_disk"), "DHOW_HOME": str(folder / "home")}
    with subprocess.Popen([DHOW, "run", str(path), "-q"], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        while not marks.exists() and p.poll() is None:
            time.sleep(0.02)
        server.fill()
        go.touch()
        out, err = p.communicate(timeout=100)
    check(p.returncode == 3 and any(word in err for word in ("space", "full", "extend")), f"{server.name}: a full disk stops the run, and it says why", f"{p.returncode} {out[-500:]} {err[-1500:]}")
    r = dhow("show", "last", "--output", "json", env=env)
    check(r.returncode == 0, f"{server.name}: what is on record can be read", says(r))
    server.free()
    r = dhow("resume", "last", "-q", env=env, timeout=100)
    check(r.returncode == 0, f"{server.name}: with room again it goes on to its end", says(r))
    done_steps = marks.read_text().split()
    check(sorted(set(done_steps)) == sorted(f"t{i}" for i in range(STEPS)) and len(done_steps) <= STEPS + 1, f"{server.name}: no step is lost, and at most the one that broke off ran again", str(done_steps))
    r = dhow("db", "check", env=env)
    check(r.returncode == 0 and server.count("full_disk", "SELECT count(*) FROM task WHERE state = 'SUCCEEDED' AND type = 'RUNTIME'") == STEPS
          and server.count("full_disk", "SELECT count(*) FROM artifacts") == STEPS, f"{server.name}: no row is lost or there twice", says(r))


def main() -> None:
    there, missing = servers()
    for kind in missing:
        skip(kind.name, "it is not installed")
    for kind in (SmallPostgres, SmallMariaDB):
        if kind.__base__ not in there:
            continue
        with kind() as server, tempfile.TemporaryDirectory(prefix="dhow-full-") as name:
            if server.mounted:
                full(server, pathlib.Path(name))
            else:
                skip(f"{server.name}: a full disk", "nothing can be mounted here")
    done()


main()
