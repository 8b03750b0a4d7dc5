# run: timeout=900
"""Whole runs with their record on PostgreSQL and on MariaDB: the same results as with SQLite; several dhow at once; a cancel from
another process; the server restarted and connections cut in the middle. Passwords are shown nowhere.

DHOW_CUTS: rounds of cut connections (6)."""
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

from databases import Postgres, servers
from proxy import Proxy
from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says, skip, until

STEPS = 12
PASSWORD = "hunter2-of-the-database"


def steps(folder: pathlib.Path, marks: pathlib.Path, pause: str = "0.05") -> pathlib.Path:
    s = pipeline("steps", word="w")
    for i in range(STEPS):
        step(s, f"t{i}", f"sleep {pause}; echo t{i} >> {marks}; printf $in_word{i} > $out_o; echo data{i} > $out_a", (f"t{i - 2}",) if i > 1 else (),
             inputs={"word": "=word"}, outputs=("o",), artifacts={"a": "Dataset"})
    return write(folder, s, f"steps-{marks.name}.json")


def result(r: subprocess.CompletedProcess) -> dict:
    try:
        return json.loads(r.stdout)
    except ValueError:
        return {"state": says(r), "tasks": []}


def told(run: dict) -> list:
    """What must be the same wherever the record is."""
    return sorted((t["name"], t["state"], json.dumps(t["outputs"]["parameters"]), [a["digest"] for v in t["outputs"]["artifacts"].values() for a in v])
                  for t in run["tasks"])


class Case:
    def __init__(self, server, folder: pathlib.Path):
        self.server, self.folder, self.n = server, folder, 0

    def fresh(self, port=None) -> dict:
        """The environment of a dhow with an empty record, and a home of its own."""
        self.n += 1
        self.name = f"runs{self.n}"
        return {"DHOW_DB": self.server.url(self.name, port), "DHOW_HOME": str(self.folder / f"home{self.n}")}

    def count(self, sql: str) -> int:
        return self.server.count(self.name, sql)

    def whole(self, what: str, runs: int) -> None:
        tasks = self.count("SELECT count(*) FROM task WHERE type = 'RUNTIME' AND state = 'SUCCEEDED' AND name LIKE 't%'")
        artifacts = self.count("SELECT count(*) FROM artifacts")
        links = self.count("SELECT count(*) FROM artifact_task WHERE type = 'OUTPUT'")
        check((tasks, artifacts, links) == (runs * STEPS,) * 3, f"{what}: no row is lost or there twice", f"{tasks} {artifacts} {links}")


def same_as_sqlite(case: Case, expected: list) -> None:
    env = case.fresh()
    marks = case.folder / "same"
    path = steps(case.folder, marks, "0")
    r = result(dhow("run", path, "--output", "json", env=env))
    check(r["state"] == "SUCCEEDED" and told(r) == expected, f"{case.server.name}: a run gives what it gives with SQLite", str(told(r)))
    case.whole(case.server.name, 1)
    again = result(dhow("run", path, "--output", "json", env=env))
    check([t["state"] for t in again["tasks"] if t["type"] == "RUNTIME"] == ["CACHED"] * STEPS, f"{case.server.name}: the cache is in it", says_states(again))
    shown = dhow("show", "1", "--output", "json", env=env)
    check(told(result(shown)) == expected, f"{case.server.name}: show", says(shown))
    check(dhow("runs", env={**env, "DHOW_HOME": str(case.folder / "other")}).stdout.count("SUCCEEDED") == 2, f"{case.server.name}: another home sees it")
    check(dhow("gc", "--dry-run", env=env).returncode == 0 and dhow("doctor", env=env).stdout.count("sound") == 1, f"{case.server.name}: gc, doctor")


def says_states(run: dict) -> str:
    return str([(t["name"], t["state"]) for t in run["tasks"]])


def start(path: pathlib.Path, env: dict, *args) -> subprocess.Popen:
    return subprocess.Popen([DHOW, "run", path, "--cache", "off", "--output", "json", *args], env={**os.environ, **env}, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def several_at_once(case: Case) -> None:
    env = case.fresh()
    path = steps(case.folder, case.folder / "several", "0.02")
    running = [start(path, env) for _ in range(4)]
    states = []
    for p in running:
        out, err = p.communicate(timeout=120)
        states.append(json.loads(out)["state"] if p.returncode == 0 else err)
    check(states == ["SUCCEEDED"] * 4, f"{case.server.name}: four dhow at once", "\n".join(states))
    case.whole(f"{case.server.name}: four at once", 4)


def wait_for(marks: pathlib.Path, n: int) -> None:
    until(lambda: marks.exists() and marks.read_text().count("\n") >= n)


def canceled_from_elsewhere(case: Case) -> None:
    env = case.fresh()
    marks = case.folder / "canceled"
    p = start(steps(case.folder, marks, f"$([ -s {marks} ] && echo 600 || echo 0.1)"), env)
    wait_for(marks, 1)
    c = dhow("cancel", "last", env=env)
    p.communicate(timeout=120)
    check(p.returncode == 130 and c.returncode == 0, f"{case.server.name}: canceled by another process", f"{p.returncode} {says(c)}")


def decided_elsewhere(case: Case) -> None:
    """A person approves from another process; the run is then found by its tag and parameter, and deleted."""
    env = case.fresh()
    s = pipeline("asks", c=2)
    s["components"]["comp-gate"] = {"executorLabel": "exec-gate", "outputDefinitions": {"parameters": {"d": {"parameterType": "STRING"}}}}
    s["deploymentSpec"]["executors"]["exec-gate"] = {"container": {"image": "kfp://human-input", "args": [json.dumps({"d": {"enum": ["YES", "NO"]}})]}}
    s["root"]["dag"]["tasks"]["gate"] = {"componentRef": {"name": "comp-gate"}, "taskInfo": {"name": "gate"}}
    step(s, "after", "printf %s \"$in_d\" > $out_x", inputs={"d": "gate.d"}, outputs=("x",))
    p = start(write(case.folder, s, "asks.json"), env, "--tag", "team=x")
    for _ in range(1200):
        if "gate" in dhow("approvals", env=env).stdout:
            break
        time.sleep(0.1)
    r = dhow("approve", "last/gate", "--by", "anna", env=env)
    out, err = p.communicate(timeout=120)
    check(r.returncode == 0 and p.returncode == 0, f"{case.server.name}: approved from another process", says(r) + out + err)
    r = dhow("runs", "--where", "tag.team = x and param.c = 2 and state = SUCCEEDED and created > 1d", "--output", "json", env=env)
    check(len(result_list(r)) == 1 and result_list(r)[0]["tags"] == {"team": "x"}, f"{case.server.name}: found by tag, parameter, state, time", says(r))
    r = dhow("runs", "delete", "last", env=env)
    check(r.returncode == 0 and case.count("SELECT count(*) FROM run") + case.count("SELECT count(*) FROM approval") == 0, f"{case.server.name}: deleted", says(r))


def result_list(r: subprocess.CompletedProcess) -> list:
    return json.loads(r.stdout) if r.returncode == 0 else []


def killed_and_resumed(case: Case) -> None:
    env = case.fresh()
    marks, go = case.folder / "killed", case.folder / "killed-go"
    # Those that begin after the third has ended wait: the run does not end before it is killed.
    p = start(steps(case.folder, marks, f"0.1; [ $(cat {marks} 2>/dev/null | wc -l) -lt 3 ] || until [ -e {go} ]; do sleep 0.05; done"), env)
    wait_for(marks, 3)
    p.send_signal(signal.SIGKILL)
    p.communicate()
    go.touch()
    r = dhow("resume", "last", env=env)
    check(r.returncode == 0, f"{case.server.name}: resumed after kill -9", says(r))
    case.whole(f"{case.server.name}: resumed", 1)


def finish(case: Case, what: str, p: subprocess.Popen, env: dict, fine: tuple = (0,)) -> None:
    """The run ends right, or says that the machine failed and can be resumed."""
    out, err = p.communicate(timeout=180)
    ok = p.returncode in (0, 3)
    resumed = 0
    while ok and p.returncode == 3 and resumed < 5:
        r = dhow("resume", "last", env=env)
        resumed += 1
        if r.returncode == 0:
            break
        err += r.stderr
        if "is over (SUCCEEDED)" in r.stderr:  # its end was recorded, the answer to that was lost
            break
        ok = r.returncode == 3 and resumed < 5
    check(ok, f"{case.server.name}: {what}: ends right" + (f", resumed {resumed} times" if resumed else ""), f"{p.returncode}\n{out[-500:]}\n{err[-3000:]}")
    case.whole(f"{case.server.name}: {what}", 1)


def restarted(case: Case) -> None:
    for how in (None, signal.SIGKILL):
        env = case.fresh()
        marks = case.folder / f"restarted-{how}"
        p = start(steps(case.folder, marks, "0.1"), env)
        wait_for(marks, 3)
        case.server.restart(how, pause=0.3)
        finish(case, "the server is " + ("killed" if how else "restarted") + " in the middle", p, env)


def cut_off(case: Case, rounds: int) -> None:
    proxy = Proxy(case.server.port)
    first = pipeline("first")
    step(first, "make", "true")
    first = write(case.folder, first, "first.json")
    for i in range(rounds):
        env = case.fresh(proxy.port)
        proxy.every = 0
        dhow("run", first, env=env)
        proxy.every = random.Random(i).choice((8000, 20000, 60000))
        before = proxy.cuts
        p = start(steps(case.folder, case.folder / f"cut-{i}", "0.01"), env)
        out, err = p.communicate(timeout=180)
        proxy.every = 0
        resumed = 0
        if p.returncode == 3:
            r = dhow("resume", "last", env=env)
            resumed = 1
            made = case.count("SELECT count(*) FROM run") > 1  # else it could not even begin
            ok = r.returncode == 0 or not made or "is over (SUCCEEDED)" in r.stderr
        else:
            ok = made = p.returncode == 0
        check(ok, f"{case.server.name}: {proxy.cuts - before} cut connections{', resumed' if resumed else ''}", f"{p.returncode}\n{out[-500:]}\n{err[-2000:]}")
        if made:
            case.whole(f"{case.server.name}: cut connections", 1)
    check(proxy.cuts > 0, f"{case.server.name}: connections were cut")
    proxy.close()


def refused(case: Case) -> None:
    env = case.fresh()
    for db in ("postgresql://u:%s@127.0.0.1:1/x", "mysql://u:%s@127.0.0.1:1/x", "mysql://u:%s@127.0.0.1:x/x", "postgresql://127.0.0.1:1/x?password=%s"):
        r = dhow("--db", db % PASSWORD, "runs", env=env)
        check(r.returncode in (2, 3) and PASSWORD not in r.stdout + r.stderr and ("127.0.0.1" in r.stderr or "port" in r.stderr), f"{case.server.name}: a password is not shown", says(r))


def files(folder: pathlib.Path) -> list:
    """A detached run whose end is on record may still be tidying up."""
    return [pathlib.Path(at) / name for at, _, names in os.walk(folder) for name in names]


def holds(path: pathlib.Path, word: bytes) -> bool:
    try:
        return path.is_file() and word in path.read_bytes()
    except FileNotFoundError:
        return False


def secret(case: Case) -> None:
    """A user with a password: it works, and stands nowhere afterwards."""
    name = "secret"
    env = {"DHOW_HOME": str(case.folder / "secret")}
    url = case.server.url(name)
    if isinstance(case.server, Postgres):
        case.server.sql(f"CREATE ROLE teller LOGIN PASSWORD '{PASSWORD}'; GRANT ALL ON SCHEMA {name} TO teller")
        url = url.replace("dhow@", f"teller:{PASSWORD}@")
    else:
        case.server.sql(f"CREATE USER teller@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {name}.* TO teller@'127.0.0.1'")
        url = url.replace("root@", f"teller:{PASSWORD}@")
    s = pipeline("tell")
    step(s, "env", "env > $out_a; cat /proc/*/cmdline > $out_b 2>/dev/null; cat /proc/$PPID/environ >> $out_a 2>/dev/null; true",
         artifacts={"a": "Artifact", "b": "Artifact"})
    path = write(case.folder, s, "tell.json")
    r = dhow("run", path, "--output", "json", "--db", url, env=env)
    e = dhow("run", path, "--cache", "off", "--output", "json", env={**env, "DHOW_DB": url})
    detached = dhow("run", path, "--cache", "off", "--detach", env={**env, "DHOW_DB": url})
    for _ in range(1200):
        if dhow("runs", env={**env, "DHOW_DB": url}).stdout.count("SUCCEEDED") == 3:
            break
        time.sleep(0.1)
    else:
        check(False, f"{case.server.name}: a detached run ends", says(detached))
    printed = r.stdout + r.stderr + e.stdout + e.stderr + dhow("doctor", env={**env, "DHOW_DB": url}).stdout
    kept = [str(p) for p in files(case.folder / "secret") if holds(p, PASSWORD.encode())]
    check(result(r)["state"] == "SUCCEEDED" and result(e)["state"] == "SUCCEEDED", f"{case.server.name}: a user with a password", says(r) + says(e))
    check(PASSWORD not in printed and not kept, f"{case.server.name}: the password is nowhere", printed + "\n".join(kept))


def encrypted(kind, folder: pathlib.Path) -> None:
    """With TLS where the address asks for it; never in the clear, nor to a server that cannot show who it is."""
    postgres = kind is Postgres
    ways = {"required": "&sslmode=require" if postgres else "?ssl-mode=required",
            "verified": "&sslmode=verify-full&sslrootcert=CERT" if postgres else "?ssl-mode=verify_identity&ssl-ca=CERT",
            "another authority": "&sslmode=verify-full&sslrootcert=OTHER" if postgres else "?ssl-mode=verify_ca&ssl-ca=OTHER"}
    other = folder / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "other.key", "-out", other, "-subj", "/CN=other"],
                   capture_output=True, check=True)
    for tls in (False, True):
        with kind(tls=tls) as server:
            for name, way in ways.items():
                url = server.url("tls") + way.replace("CERT", str(server.folder / "cert.pem")).replace("OTHER", str(other))
                r = dhow("runs", home=folder / "tls", env={"DHOW_DB": url})
                good = r.returncode == 0 if tls and name != "another authority" else r.returncode == 3
                check(good, f"{kind.name}: {'TLS' if tls else 'no TLS'}, {name}", says(r))


def main() -> None:
    there, missing = servers()
    for kind in missing:
        skip(kind.name, "it is not installed")
    with tempfile.TemporaryDirectory(prefix="dhow-dbs-") as name:
        folder = pathlib.Path(name)
        expected = told(result(dhow("run", steps(folder, folder / "sqlite", "0"), "--output", "json", home=folder / "sqlite-home")))
        for kind in there:
            with kind() as server:
                (folder / kind.name).mkdir()
                case = Case(server, folder / kind.name)
                same_as_sqlite(case, expected)
                several_at_once(case)
                canceled_from_elsewhere(case)
                decided_elsewhere(case)
                killed_and_resumed(case)
                restarted(case)
                cut_off(case, int(os.environ.get("DHOW_CUTS", "6")))
                refused(case)
                secret(case)
            encrypted(kind, folder)
    done()


main()
