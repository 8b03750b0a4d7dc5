# run: timeout=900
"""`dhow db check|backup|move` and the copy before a schema is changed: on a file, and on the servers that are there."""
import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

from databases import servers
from specs import pipeline, step, write
from tap import DHOW, ROOT, check, dhow, done, says, skip


def make(folder: pathlib.Path, name: str = "odd") -> pathlib.Path:
    """Texts that databases and drivers like to change."""
    s = pipeline(name, quote="it's \"\\ ", text="é 日本 \U0001f600", nothing="", spaces="a ", number=0.1 + 0.2, big=2**53 - 1, flag=True, many=[1, None, "x"])
    step(s, "a", "printf x > $out_o; echo data > $out_a", outputs=("o",), artifacts={"a": "Dataset"}, inputs={"quote": "=quote", "text": "=text"})
    step(s, "b", "true", ("a",))
    return write(folder, s, f"{name}.json")


def tables(r: subprocess.CompletedProcess) -> dict:
    try:
        return {t["name"]: (t["rows"], t.get("digest")) for t in json.loads(r.stdout)["tables"]}
    except ValueError:
        return {"": says(r)}


def rows(all_tables: dict) -> dict:
    return {k: v[0] for k, v in all_tables.items()}


def db(*args, at=None, home=None):
    return dhow("db", *args, "--output", "json", home=home, env={"DHOW_DB": str(at)} if at else None)


def of_a_file(folder: pathlib.Path, home: pathlib.Path) -> None:
    checked = db("check", home=home)
    v = json.loads(checked.stdout)
    check(checked.returncode == 0 and v["sound"] and v["faults"] == [] and rows(tables(checked))["run"] == 2, "check: sound", says(checked))
    saved = db("backup", folder / "saved.db", home=home)
    check(saved.returncode == 0 and not list(folder.glob("saved.db-*")) and rows(tables(saved)) == rows(tables(checked)), "backup", says(saved))
    check(dhow("runs", env={"DHOW_DB": str(folder / "saved.db")}).stdout.count("SUCCEEDED") == 2, "a backup is a record")
    check(db("backup", folder / "saved.db", home=home).returncode == 2, "a backup replaces nothing")
    check(db("backup", "postgresql://x/y", home=home).returncode == 2 and db("check", "more", home=home).returncode == 2 and db("what", home=home).returncode == 2
          and db("move", home=home).returncode == 2, "wrong use")
    check(db("check", home=folder / "none").returncode == 2, "no record")
    moved = db("move", folder / "moved.db", home=home)
    check(moved.returncode == 0 and rows(tables(moved)) == rows(tables(checked)), "move to a file", says(moved))
    check(db("move", folder / "moved.db", home=home).returncode == 2, "a move needs an empty target")
    check(db("move", folder / "no" / "where.db", home=home).returncode == 3 and not (folder / "no").exists(), "a move that cannot be")


def damaged(folder: pathlib.Path) -> None:
    shutil.copy(folder / "saved.db", folder / "bad.db")
    with sqlite3.connect(folder / "bad.db") as c:
        c.execute("UPDATE task SET inputs = '{' WHERE id = 2")
        c.execute("UPDATE task SET parent_task_id = 999 WHERE id = 3")
        c.execute("UPDATE run SET state = 'WHAT' WHERE id = 1")
    c.close()
    r = db("check", at=folder / "bad.db")
    text = "\n".join(json.loads(r.stdout)["faults"])
    check(r.returncode == 1 and all(w in text for w in ("no JSON", "parent_task_id", "state that there is not")), "check finds what is wrong", says(r))
    plain = dhow("db", "check", env={"DHOW_DB": str(folder / "bad.db")})
    check(plain.returncode == 1 and "✗" in plain.stdout, "and says so", says(plain))


def under_way(folder: pathlib.Path) -> None:
    home = folder / "busy"
    s = pipeline("long")
    step(s, "wait", f"for i in $(seq 6000); do [ -e {folder}/busy-go ] && break; sleep 0.05; done")
    path = write(folder, s, "long.json")
    running = subprocess.Popen([DHOW, "--home", home, "run", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while "RUNNING" not in dhow("runs", home=home).stdout and time.monotonic() < until:
        time.sleep(0.02)
    r = db("move", folder / "busy.db", home=home)
    check(r.returncode == 1 and "under way" in r.stderr and not (folder / "busy.db").exists(), "no move while a run is under way", says(r))
    saved = db("backup", folder / "busy-saved.db", home=home)
    check(saved.returncode == 0 and rows(tables(saved))["run"] == 1, "a backup while a run is under way", says(saved))
    (folder / "busy-go").touch()
    check(running.wait(120) == 0, "the run is not disturbed")


def first_schema(folder: pathlib.Path) -> None:
    """As a dhow of before has left it: the first step of the schema, with a run in it."""
    old = folder / "old"
    old.mkdir()
    r = subprocess.run([pathlib.Path(DHOW).parent / "src" / "store" / "old-schema", old / "dhow.db"], capture_output=True, text=True, check=False)
    check(r.returncode == 0, "an old record", says(r))
    racing = [threading.Thread(target=lambda: dhow("runs", home=old)) for _ in range(4)]
    for t in racing:
        t.start()
    for t in racing:
        t.join()
    kept = sqlite3.connect(old / "dhow.db.v1")
    check(kept.execute("PRAGMA user_version").fetchone() == (1,) and kept.execute("SELECT display_name FROM run").fetchone() == ("old",),
          "a copy is kept before the schema is changed")
    kept.close()
    r = dhow("runs", home=old)
    check(r.returncode == 0 and "old" in r.stdout and db("check", home=old).returncode == 0, "the record goes on", says(r))
    with sqlite3.connect(old / "dhow.db") as c:
        c.execute("PRAGMA user_version = 9999")
    c.close()
    r = dhow("runs", home=old)
    check(r.returncode == 2 and "newer dhow" in r.stderr, "a newer schema is refused", says(r))


def of_a_server(server, folder: pathlib.Path, home: pathlib.Path) -> None:
    one, two = server.url("one"), server.url("two")
    expected = rows(tables(db("check", home=home)))
    moved = db("move", one, home=home)
    first = tables(moved)
    check(moved.returncode == 0 and rows(first) == expected, f"move to {server.name}", says(moved))
    second = tables(db("move", two, at=one))
    check(second == first, f"{server.name}: moved on, the same digests", str({k: (first[k], second.get(k)) for k in first if first[k] != second.get(k)}))
    back = tables(db("move", folder / f"back-{server.name}.db", at=two))
    check(back == first, f"{server.name}: and back to a file", str({k: (first[k], back.get(k)) for k in first if first[k] != back.get(k)}))
    check(db("check", at=one).returncode == 0 and db("check", at=folder / f"back-{server.name}.db").returncode == 0, f"{server.name}: sound")
    env = {"DHOW_DB": one, "DHOW_HOME": str(home)}
    again = dhow("run", make(folder), "--output", "json", env=env)
    states = {t["state"] for t in json.loads(again.stdout)["tasks"] if t["type"] == "RUNTIME"} if again.returncode == 0 else says(again)
    check(states == {"CACHED"}, f"{server.name}: the cache moved with it", str(states))
    check(server.count("one", "SELECT max(id) FROM run") == 3 and db("check", at=one).returncode == 0, f"{server.name}: numbers go on")
    saved = db("backup", folder / f"saved-{server.name}.db", at=one)
    check(saved.returncode == 0 and rows(tables(saved))["run"] == 3 and not list(folder.glob(f"saved-{server.name}.db?*")), f"{server.name}: backup", says(saved))
    check(db("check", at=folder / f"saved-{server.name}.db").returncode == 0, f"{server.name}: a backup is a record")
    r = db("move", two, at=one)
    check(r.returncode == 2 and "already" in r.stderr, f"{server.name}: a target with a record in it", says(r))
    server.sql("CREATE TABLE three.theirs(x INTEGER)" if server.url("three") else "")
    r = db("move", server.url("three"), home=home)
    check(r.returncode == 2 and "another program" in r.stderr, f"{server.name}: a database of another program", says(r))
    versions(server, folder)
    if server.name == "MariaDB":
        googles_client(server, folder, home)


def googles_client(server, folder: pathlib.Path, home: pathlib.Path) -> None:
    """ML Metadata's client finds the same on MariaDB as in the file that it came from."""
    r = subprocess.run([ROOT / "tools" / "make-mlmd-venv.sh"], capture_output=True, text=True, timeout=600, check=False)
    if r.returncode:
        skip("ML Metadata's client on MariaDB", "it cannot be installed here")
        return
    check(db("move", server.url("mlmd"), home=home).returncode == 0, "moved for ML Metadata's client")
    shutil.copy(folder / "saved.db", folder / "mlmd.db")
    read = [subprocess.run([r.stdout.strip(), ROOT / "tests" / "mlmd" / "client.py", *where], capture_output=True, text=True, timeout=300, check=False)
            for where in (("sqlite", str(folder / "mlmd.db"), "1"), ("mysql", "127.0.0.1", str(server.port), "root", "", "mlmd"))]
    found = [json.dumps(json.loads(r.stdout or "null"), sort_keys=True) for r in read]
    check(read[0].returncode == 0 and found[0] == found[1] and len(found[0]) > 1000, "ML Metadata's client finds the same on MariaDB",
          read[1].stderr[-2000:] + first_difference(*found))


def first_difference(a: str, b: str) -> str:
    n = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {n}: {a[max(0, n - 200):n + 200]!r} / {b[max(0, n - 200):n + 200]!r}"


def versions(server, folder: pathlib.Path) -> None:
    old = server.url("old")
    r = subprocess.run([pathlib.Path(DHOW).parent / "src" / "store" / "old-schema", old], capture_output=True, text=True, check=False)
    check(r.returncode == 0, f"{server.name}: an old record", says(r))
    racing = [threading.Thread(target=lambda: dhow("runs", home=folder / "x", env={"DHOW_DB": old})) for _ in range(4)]
    for t in racing:
        t.start()
    for t in racing:
        t.join()
    r = dhow("runs", home=folder / "x", env={"DHOW_DB": old})
    check(r.returncode == 0 and "old" in r.stdout and db("check", at=old).returncode == 0, f"{server.name}: the schema is brought up", says(r))
    check(server.count("old", "SELECT count(*) FROM dhow_v1_run") == 1, f"{server.name}: a copy is kept before")
    server.sql("UPDATE old.dhow_meta SET value = 9999 WHERE name = 'version'")
    r = dhow("runs", home=folder / "x", env={"DHOW_DB": old})
    check(r.returncode == 2 and "newer dhow" in r.stderr, f"{server.name}: a newer schema is refused", says(r))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-db-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"
        for _ in range(2):
            dhow("run", make(folder), "--cache", "refresh", home=home)
        of_a_file(folder, home)
        damaged(folder)
        under_way(folder)
        first_schema(folder)
        there, missing = servers()
        for kind in missing:
            skip(kind.name, "it is not installed")
        for kind in there:
            with kind() as server:
                of_a_server(server, folder, home)
    done()


main()
