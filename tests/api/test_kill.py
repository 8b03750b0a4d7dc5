"""kill -9 of the server amid many runs: all of them go on, nothing is lost or done twice; a graceful stop leaves runs running."""
import os
import pathlib
import signal
import sqlite3
import tempfile
import time

from server import Server
from specs import pipeline, step
from tap import check, done

N = 50


def spec() -> dict:
    s = pipeline("counted", mark="x")
    step(s, "first", 'echo first >> "$in_mark"; sleep 0.3', {}, {"mark": "=mark"}, cache=False)
    step(s, "second", 'echo second >> "$in_mark"; sleep 0.2', ("first",), {"mark": "=mark"}, cache=False)
    return s


def ended(server: Server, ids: list, seconds: float) -> dict:
    until = time.monotonic() + seconds
    states = {}
    while time.monotonic() < until:
        states = {i: server.ask(f"/apis/v2beta1/runs/{i}")[1]["state"] for i in ids if states.get(i) not in ("SUCCEEDED", "FAILED", "CANCELED")} | {
            i: s for i, s in states.items() if s in ("SUCCEEDED", "FAILED", "CANCELED")}
        if len([s for s in states.values() if s in ("SUCCEEDED", "FAILED", "CANCELED")]) == len(ids):
            break
        time.sleep(0.2)
    return states


def elsewhere(home: str) -> None:
    """A run of a server on another machine that has gone: it is taken up when its lease is over, and not before."""
    with Server(home) as server:
        _, run, _ = server.ask("/apis/v2beta1/runs", {"display_name": "far", "pipeline_spec": spec(), "runtime_config": {"parameters": {"mark": f"{home}/far"}}})
        server.wait(run["run_id"])
        db = sqlite3.connect(f"{home}/dhow.db", timeout=20)
        for age, wanted in ((5, "RUNNING"), (60, "SUCCEEDED")):
            with db:
                db.execute("UPDATE run SET state = 'RUNNING', queue = 'run', owner_pid = 4711, owner_host = 'elsewhere', owner_token = 'x:1:1',"
                           " finished_us = NULL, lease_us = ? WHERE uuid = ?", (int((time.time() - age) * 1e6), run["run_id"]))
            until = time.monotonic() + (3 if wanted == "RUNNING" else 30)
            while time.monotonic() < until and server.ask(f"/apis/v2beta1/runs/{run['run_id']}")[1]["state"] == "RUNNING":
                time.sleep(0.2)
            state = server.ask(f"/apis/v2beta1/runs/{run['run_id']}")[1]["state"]
            check(state == wanted, f"a run elsewhere whose engine spoke {age} s ago: {wanted}", state)
        db.close()


def kept(server: Server, but: int = 0) -> int:
    """The process that the server keeps ready."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for pid in pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split():
            if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0resume\0--quiet\0-\0") and int(pid) != but:
                return int(pid)
        time.sleep(0.05)
    return 0


def lives(pid: int, seconds: float = 0) -> bool:
    until = time.monotonic() + seconds
    while pathlib.Path(f"/proc/{pid}").exists():
        if time.monotonic() > until:
            return True
        time.sleep(0.05)
    return False


def ready(home: str) -> None:
    """A process is kept ready for a run: it executes that one; one that has died is no run's end; it goes with its server."""
    with Server(home) as server:
        body = {"display_name": "quick", "pipeline_spec": spec(), "runtime_config": {"parameters": {"mark": f"{home}/quick"}}}
        first = kept(server)
        _, run, _ = server.ask("/apis/v2beta1/runs", body)
        owner, until = 0, time.monotonic() + 20
        while not owner and time.monotonic() < until:
            with sqlite3.connect(f"{home}/dhow.db", timeout=20) as db:
                owner = db.execute("SELECT owner_pid FROM run WHERE uuid = ?", (run["run_id"],)).fetchone()[0]
            db.close()
            time.sleep(0.01)
        check(first and owner == first, "a run is executed by the process that was kept ready", f"{owner}, not {first}")
        check(server.wait(run["run_id"])["state"] == "SUCCEEDED", "and succeeds")
        second = kept(server, first)
        if second:  # 0 would be the test itself
            os.kill(second, signal.SIGKILL)
        time.sleep(0.2)
        _, run, _ = server.ask("/apis/v2beta1/runs", body)
        check(second and server.wait(run["run_id"])["state"] == "SUCCEEDED", "one that was killed takes no run with it")
        third = kept(server, second)
    check(third and not lives(third), "the server's end is its end")
    server = Server(home)
    server.start()
    fourth = kept(server)
    server.kill()
    check(fourth and not lives(fourth, 20), "also where the server is killed")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        elsewhere(home)
    with tempfile.TemporaryDirectory() as home:
        ready(home)
    with tempfile.TemporaryDirectory() as home:
        server = Server(home, "--jobs", 6)
        server.start()
        port = server.port
        ids = []
        for i in range(N):
            status, run, _ = server.ask("/apis/v2beta1/runs", {"display_name": f"r{i}", "pipeline_spec": spec(),
                                                                "runtime_config": {"parameters": {"mark": f"{home}/mark-{i}"}}})
            ids.append(run["run_id"])
            if i == 25:
                server.kill()  # amid submitting
                server.start(port)
        time.sleep(1)
        states = [server.ask(f"/apis/v2beta1/runs/{i}")[1]["state"] for i in ids]
        check(0 < states.count("RUNNING") <= 14 and "PENDING" in states, "some run, at most --jobs of this server and what the one before left; others wait", str(states))
        server.kill()
        time.sleep(0.5)
        server.start(port)
        server.kill()
        server.start(port)
        final = ended(server, ids, 240)
        check(list(final.values()).count("SUCCEEDED") == N, f"all {N} runs succeed after three kills", str(final))
        marks = {i: pathlib.Path(home, f"mark-{i}").read_text().split() for i in range(N) if pathlib.Path(home, f"mark-{i}").exists()}
        check(len(marks) == N and all(m == ["first", "second"] for m in marks.values()), "each step ran once",
              str({i: m for i, m in marks.items() if m != ["first", "second"]}))
        _, run, _ = server.ask("/apis/v2beta1/runs", {"display_name": "last", "pipeline_spec": spec(), "runtime_config": {"parameters": {"mark": f"{home}/last"}}})
        time.sleep(0.2)
        server.__exit__()
        check(server.process.returncode == 0, "SIGTERM: it stops in order", str(server.process.returncode))
        until = time.monotonic() + 30
        while time.monotonic() < until and "second" not in (pathlib.Path(home, "last").read_text() if pathlib.Path(home, "last").exists() else ""):
            time.sleep(0.1)
        check(pathlib.Path(home, "last").read_text().split() == ["first", "second"], "and its run goes on without it")
        with Server(home) as again:
            check(again.wait(run["run_id"])["state"] == "SUCCEEDED", "as the next one says")
    done()


main()
