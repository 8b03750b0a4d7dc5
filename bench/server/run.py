#!/usr/bin/env python3
"""The server's speed with a long record: wrk on run list, run get, tasks of a run; event streams; submit to first task; start to ready.

run.py DHOW [--runs N] [--tasks N] [--home DIR] [--seconds S] [--watchers N]

The record is filled by SQL, as runs would have left it (25 tasks a run); a home that is filled already is used again. Needs wrk
(apt-get install wrk). Prints a line a measure; with --json FILE the figures too.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
TIME0 = 1_700_000_000_000_000


def uid(n: int) -> str:
    return str(uuid.UUID(int=(0x0190 << 112) | (7 << 76) | (2 << 62) | n))


def fill(home: str, dhow: str, runs: int, tasks: int) -> None:
    """Runs and tasks as the engine records them."""
    spec = {"pipelineInfo": {"name": "bench"}, "schemaVersion": "2.1.0", "root": {"dag": {"tasks": {}}}, "components": {},
            "deploymentSpec": {"executors": {}}}
    with Server(home, dhow):
        pass  # makes the database
    db = sqlite3.connect(f"{home}/dhow.db", isolation_level=None)
    if db.execute("SELECT count(*) FROM run").fetchone()[0] >= runs:
        return
    print(f"filling {home} with {runs} runs and {tasks} tasks", file=sys.stderr)
    each = max(1, tasks // runs)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("BEGIN")
    db.execute("INSERT OR IGNORE INTO spec(digest, json, created_us) VALUES ('bench', ?, 0)", (json.dumps(spec),))
    db.execute("INSERT OR IGNORE INTO pipeline(uuid, name, created_us, uploaded) VALUES (?, 'bench', ?, 1)", (uid(1), TIME0))
    pipeline = db.execute("SELECT id FROM pipeline WHERE name = 'bench'").fetchone()[0]
    db.execute("INSERT OR IGNORE INTO pipeline_version(uuid, pipeline_id, name, ordinal, spec_digest, created_us, uploaded)"
               " VALUES (?, ?, 'one', 1, 'bench', ?, 1)", (uid(2), pipeline, TIME0))
    version = db.execute("SELECT id FROM pipeline_version WHERE pipeline_id = ?", (pipeline,)).fetchone()[0]
    experiment = db.execute("SELECT id FROM experiment WHERE name = 'Default'").fetchone()[0]
    states = ["SUCCEEDED"] * 8 + ["FAILED", "CANCELED"]
    first_run = db.execute("SELECT coalesce(max(id), 0) + 1 FROM run").fetchone()[0]
    first_task = db.execute("SELECT coalesce(max(id), 0) + 1 FROM task").fetchone()[0]

    def run_rows():
        for i in range(runs):
            at = TIME0 + i * 1_000_000
            yield (first_run + i, uid(1000 + i), f"bench {i}", experiment, pipeline, version, "bench", states[i % 10], at, at + 1000, at + 500_000, "on",
                   "/tmp", '{"rate":0.5,"layers":3}', '{}', '{"by_version":true,"parameters":{"rate":0.5,"layers":3}}')

    def task_rows():
        task = first_task
        for i in range(runs):
            at = TIME0 + i * 1_000_000
            root = task
            for k in range(each):
                yield (task, uid(10_000_000 + task), first_run + i, None if k == 0 else root, "root" if k == 0 else f"step-{k}",
                       "root" if k == 0 else f"step-{k}", "root" if k == 0 else f"root.step-{k}", "ROOT" if k == 0 else "RUNTIME", "SUCCEEDED", 1,
                       at, at + 1000 * k, at + 2000 * k, '{"rate":0.5}')
                task += 1

    db.executemany("INSERT INTO run(id, uuid, display_name, experiment_id, pipeline_id, pipeline_version_id, spec_digest, state, created_us, started_us,"
                   " finished_us, cache_mode, pipeline_root, parameters, options, request, generation) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1)", run_rows())
    db.executemany("INSERT INTO task(id, uuid, run_id, parent_task_id, name, display_name, scope_path, type, state, attempts, created_us, started_us,"
                   " finished_us, inputs) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", task_rows())
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


class Server:
    def __init__(self, home: str, dhow: str, *args):
        self.argv = [dhow, "--home", home, "serve", "--port", "0", "--output", "json", *args]

    def __enter__(self):
        begin = time.perf_counter()
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.ready_ms = (time.perf_counter() - begin) * 1000
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def memory_mb(self) -> float:
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def cpu_s(self) -> float:
        parts = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, path: str, body=None):
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


LUA = """
local n = 0
function request()
  n = n + 1
  return wrk.format("GET", PATHS[n % #PATHS + 1])
end
"""


def wrk(server: Server, name: str, paths: list, seconds: int, connections: int) -> dict:
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as f:
        f.write("PATHS = {" + ",".join(json.dumps(p) for p in paths) + "}\n" + LUA)
    before = server.cpu_s()
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", f.name, server.url], capture_output=True, text=True, check=True)
    os.unlink(f.name)
    cpu = server.cpu_s() - before
    total = int(re.search(r"(\d+) requests in", out.stdout).group(1))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out.stdout)
    ms = float(p99.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[p99.group(2)]
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out.stdout)
    result = {"requests_per_s": round(total / seconds), "requests_per_core_s": round(total / max(cpu, 0.01)), "p99_ms": ms,
              "errors": int(errors.group(1)) if errors else 0}
    print(f"{name:<34} {result['requests_per_s']:>7} requests/s  {result['requests_per_core_s']:>7} a core-second  p99 {ms:.2f} ms"
          + (f"  {result['errors']} ERRORS" if errors else ""))
    return result


def walk(server: Server, path: str, name: str, argument: str) -> list:
    """More pages than the server keeps answers of."""
    pages = [path]
    while len(pages) < 40:
        pages.append(f"{path}&{argument}={urllib.request.quote(server.ask(pages[-1])[name])}")
    return pages


def watchers(server: Server, n: int, run_id: str) -> dict:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, n + 200)), hard))
    host, port = server.url.split("//")[1].split(":")
    sockets = []
    for i in range(n):
        s = socket.create_connection((host, int(port)))
        s.sendall(f"GET /ui/events{'?run=' + run_id if i % 2 else ''} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        sockets.append(s)
    for s in sockets:
        s.settimeout(20)
        s.recv(4096)
    memory, before = server.memory_mb(), server.cpu_s()
    time.sleep(3)
    cpu = (server.cpu_s() - before) / 3
    begin = time.perf_counter()
    made = server.ask("/apis/v2beta1/runs", {"display_name": "watched", "pipeline_spec": spec_of_one()})
    seen = 0
    for s in sockets[0::2]:
        text = b""
        while made["run_id"].encode() not in text:
            text += s.recv(65536)
        seen += 1
    told = (time.perf_counter() - begin) * 1000
    for s in sockets:
        s.close()
    print(f"{n} watchers: {memory:.1f} MB, {cpu * 100:.1f} % of a core while nothing happens; a new run is told to {seen} of them within {told:.0f} ms")
    return {"watchers": n, "memory_mb": memory, "idle_cpu": cpu, "told_ms": told}


def spec_of_one() -> dict:
    from specs import pipeline, step
    s = pipeline("one")
    step(s, "go", "true", cache=False)
    return s


def first_task(server: Server, home: str) -> dict:
    """From the request to the first task's start, as the record has it; and what the answer took."""
    delays, answers = [], []
    for i in range(20):
        begin, wall = time.perf_counter(), time.time()
        made = server.ask("/apis/v2beta1/runs", {"display_name": f"quick {i}", "pipeline_spec": spec_of_one()})
        answers.append((time.perf_counter() - begin) * 1000)
        while server.ask(f"/apis/v2beta1/runs/{made['run_id']}")["state"] not in ("SUCCEEDED", "FAILED"):
            time.sleep(0.01)
        db = sqlite3.connect(f"file:{home}/dhow.db?mode=ro", uri=True)
        row = db.execute("SELECT min(t.started_us) FROM task t JOIN run r ON r.id = t.run_id WHERE r.uuid = ? AND t.type = 'RUNTIME'",
                         (made["run_id"],)).fetchone()
        db.close()
        delays.append(row[0] / 1000 - wall * 1000)
    delays.sort()
    answers.sort()
    print(f"submit to first task: {delays[len(delays) // 2]:.1f} ms (median of {len(delays)}; best {delays[0]:.1f}); the answer after {answers[len(answers) // 2]:.1f} ms")
    return {"submit_to_first_task_ms": delays[len(delays) // 2], "best_ms": delays[0], "answer_ms": answers[len(answers) // 2]}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("dhow")
    p.add_argument("--runs", type=int, default=20000)
    p.add_argument("--tasks", type=int)
    p.add_argument("--home")
    p.add_argument("--seconds", type=int, default=5)
    p.add_argument("--connections", type=int, default=16)
    p.add_argument("--watchers", type=int, default=1000)
    p.add_argument("--json")
    a = p.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("bench/server needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as scratch:
        home = a.home or scratch
        os.makedirs(home, exist_ok=True)
        fill(home, a.dhow, a.runs, a.tasks or a.runs * 25)
        starts = []
        for _ in range(5):
            with Server(home, a.dhow) as server:
                starts.append(server.ready_ms)
        figures = {"runs": a.runs, "tasks": a.tasks or a.runs * 25, "start_to_ready_ms": min(starts)}
        print(f"{a.runs} runs, {figures['tasks']} tasks; start to ready {min(starts):.0f} ms (best of 5; worst {max(starts):.0f})")
        with Server(home, a.dhow) as server:
            page = server.ask("/apis/v2beta1/runs?page_size=20")
            deep = [server.ask(f"/apis/v2beta1/runs?page_size=20&sort_by=created_at%20desc")["next_page_token"]]
            for _ in range(3):
                deep.append(server.ask(f"/apis/v2beta1/runs?page_token={deep[-1]}")["next_page_token"])
            ids = [uid(1000 + i * 7919 % a.runs) for i in range(500)]
            lists = ["/apis/v2beta1/runs", "/apis/v2beta1/runs?sort_by=created_at%20desc", *(f"/apis/v2beta1/runs?page_token={t}" for t in deep)]
            ask = lambda name, paths: wrk(server, name, paths, a.seconds, a.connections)
            figures["healthz"] = ask("healthz", ["/healthz"])
            figures["run_list"] = ask("run list (20 a page)", lists)
            figures["run_list_filtered"] = ask("run list, by state", ["/apis/v2beta1/runs?filter=" + urllib.request.quote(json.dumps(
                {"predicates": [{"operation": "EQUALS", "key": "state", "string_value": "FAILED"}]}))])
            figures["run_get"] = ask("run get, with 25 tasks", [f"/apis/v2beta1/runs/{i}" for i in ids])
            figures["task_list"] = ask("the page's run, without inputs", [f"/ui/runs/{i}?io=0" for i in ids])
            figures["ui_list"] = ask("the page's list of runs (50)", ["/ui/runs"])
            figures["run_pages"] = ask("run list, 40 pages (20 a page)", walk(server, "/apis/v2beta1/runs?page_size=20", "next_page_token", "page_token"))
            figures["ui_pages"] = ask("the page's list, 40 pages (50)", walk(server, "/ui/runs?limit=50", "next", "after"))
            figures["memory_mb"] = server.memory_mb()
            print(f"memory after that: {server.memory_mb():.1f} MB")
            figures["first_task"] = first_task(server, home)
            figures["streams"] = watchers(server, a.watchers, page["runs"][0]["run_id"])
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(figures, indent=2))


main()
