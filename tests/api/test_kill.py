"""kill -9 of the server amid many runs: all of them go on, nothing is lost or done twice; a graceful stop leaves runs running."""
import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import tempfile
import time

from ports import free_port
from server import Server
from specs import pipeline, step
from tap import check, done, until

N = 50


def spec() -> dict:
    """Its first step stays until the gate is there: what is looked at while it runs does not end meanwhile, however late one looks."""
    s = pipeline("counted", mark="x", gate="/")
    step(s, "first", 'echo first >> "$in_mark"; until [ -e "$in_gate" ]; do sleep 0.05; done; sleep 0.3', {}, {"mark": "=mark", "gate": "=gate"}, cache=False)
    step(s, "second", 'echo second >> "$in_mark"; sleep 0.2', ("first",), {"mark": "=mark"}, cache=False)
    return s


def ended(server: Server, ids: list, seconds: float) -> dict:
    end = time.monotonic() + seconds
    states = {}
    while time.monotonic() < end:
        states = {i: state(server, i) for i in ids if states.get(i) not in ("SUCCEEDED", "FAILED", "CANCELED")} | {
            i: s for i, s in states.items() if s in ("SUCCEEDED", "FAILED", "CANCELED")}
        if len([s for s in states.values() if s in ("SUCCEEDED", "FAILED", "CANCELED")]) == len(ids):
            break
        time.sleep(0.2)
    return states


def submit(server: Server, name: str, gate: str = "/") -> str:
    parameters = {"mark": f"{server.home}/{name}", "gate": gate if gate == "/" else f"{server.home}/{gate}"}
    return server.ask("/apis/v2beta1/runs", {"display_name": name, "pipeline_spec": spec(), "runtime_config": {"parameters": parameters}})[1]["run_id"]


def state(server: Server, run: str) -> str:
    return server.ask(f"/apis/v2beta1/runs/{run}")[1]["state"]


def marks(home: str, name: str) -> list:
    path = pathlib.Path(home, name)
    return path.read_text().split() if path.exists() else []


def elsewhere(home: str) -> None:
    """A run of a server on another machine that has gone: it is taken up when its lease is over, and not before."""
    with Server(home) as server:
        run = submit(server, "far")
        server.wait(run)
        db = sqlite3.connect(f"{home}/dhow.db", timeout=60)
        for age, wanted in ((5, "RUNNING"), (60, "SUCCEEDED")):
            with db:
                db.execute("UPDATE run SET state = 'RUNNING', queue = 'run', owner_pid = 4711, owner_host = 'elsewhere', owner_token = 'x:1:1',"
                           " finished_us = NULL, lease_us = ? WHERE uuid = ?", (int((time.time() - age) * 1e6), run))
            until(lambda: state(server, run) != "RUNNING", 3 if wanted == "RUNNING" else 120)
            got = state(server, run)
            check(got == wanted, f"a run elsewhere whose engine spoke {age} s ago: {wanted}", got)
        db.close()


def cannot(home: str) -> None:
    """A run whose process cannot go on (its folder cannot be made) is tried again, but not all the time."""
    with Server(home) as server:
        run = submit(server, "stuck", "stuck-may-end")
        until(lambda: marks(home, "stuck"))
        folder = pathlib.Path(home, "runs", run)
        shutil.rmtree(folder)
        folder.touch()
        db = sqlite3.connect(f"{home}/dhow.db", timeout=60)

        def tries() -> int:
            return db.execute("SELECT generation FROM run WHERE uuid = ?", (run,)).fetchone()[0]

        until(lambda: tries() > 1)
        time.sleep(2)
        check(tries() < 5 and state(server, run) == "RUNNING", "between two tries there is a pause", f"{tries()} {state(server, run)}")
        folder.unlink()
        pathlib.Path(home, "stuck-may-end").touch()
        check(server.wait(run)["state"] == "SUCCEEDED", "and it goes on once it can", state(server, run))


def kept(server: Server, but: int = 0) -> int:
    """The process that the server keeps ready."""
    def found() -> int:
        for pid in pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):  # it has ended since
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0resume\0--quiet\0-\0") and int(pid) != but:
                    return int(pid)
        return 0

    return until(found)


def lives(pid: int, seconds: float = 0) -> bool:
    return not until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), seconds)


def owner(home: str, run: str) -> int | None:
    with contextlib.closing(sqlite3.connect(f"{home}/dhow.db", timeout=60)) as db:
        return db.execute("SELECT owner_pid FROM run WHERE uuid = ?", (run,)).fetchone()[0]


def ready(home: str) -> None:
    """A process is kept ready for a run: it executes that one; one that has died is no run's end; it goes with its server."""
    with Server(home) as server:
        first = kept(server)
        run = submit(server, "quick", "quick-may-end")
        by = until(lambda: owner(home, run))
        check(first and by == first, "a run is executed by the process that was kept ready", f"{by}, not {first}")
        pathlib.Path(home, "quick-may-end").touch()
        check(server.wait(run)["state"] == "SUCCEEDED", "and succeeds")
        second = kept(server, first)
        if second:  # 0 would be the test itself
            os.kill(second, signal.SIGKILL)
        time.sleep(0.2)
        check(second and server.wait(submit(server, "again"))["state"] == "SUCCEEDED", "one that was killed takes no run with it")
        third = kept(server, second)
    check(third and not lives(third), "the server's end is its end")
    server = Server(home)
    server.start()
    fourth = kept(server)
    server.kill()
    check(fourth and not lives(fourth, 120), "also where the server is killed")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        elsewhere(home)
    with tempfile.TemporaryDirectory() as home:
        cannot(home)
    with tempfile.TemporaryDirectory() as home:
        ready(home)
    with tempfile.TemporaryDirectory() as home:
        server = Server(home, "--jobs", 6)
        port = free_port()  # it comes back there
        server.start(port)
        ids = []
        for i in range(N):
            ids.append(submit(server, f"mark-{i}", "all-may-end"))
            if i == 25:
                server.kill()  # amid submitting
                server.start(port)

        def states() -> list:  # of one moment
            return [r["state"] for r in server.ask("/apis/v2beta1/runs?page_size=200")[1]["runs"]]

        until(lambda: states().count("RUNNING") >= 6)
        time.sleep(1)
        now = states()
        check(6 <= now.count("RUNNING") <= 14 and "PENDING" in now, "as many run as --jobs of this server says, and what the one before left; others wait", str(now))
        pathlib.Path(home, "all-may-end").touch()
        server.kill()
        time.sleep(0.5)
        server.start(port)
        server.kill()
        server.start(port)
        final = ended(server, ids, 240)
        check(list(final.values()).count("SUCCEEDED") == N, f"all {N} runs succeed after three kills", str(final))
        made = {i: marks(home, f"mark-{i}") for i in range(N)}
        check(all(m == ["first", "second"] for m in made.values()), "each step ran once", str({i: m for i, m in made.items() if m != ["first", "second"]}))
        run = submit(server, "last", "last-may-end")
        check(until(lambda: marks(home, "last")) == ["first"], "a run that takes a while")
        server.__exit__()
        check(server.process.returncode == 0, "SIGTERM: it stops in order", str(server.process.returncode))
        pathlib.Path(home, "last-may-end").touch()
        until(lambda: len(marks(home, "last")) == 2)
        check(marks(home, "last") == ["first", "second"], "and its run goes on without it")
        with Server(home) as again:
            check(again.wait(run)["state"] == "SUCCEEDED", "as the next one says")
    done()


main()
