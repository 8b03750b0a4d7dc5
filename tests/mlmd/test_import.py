"""`dhow import`: a metadata store that Google's client has filled as KFP does, taken in; again; and what had not ended, when it has."""
# run: asan
import json
import pathlib
import sqlite3
import subprocess
import tempfile

from databases import MariaDB, servers
from tap import ROOT, check, dhow, done, says, skip

HERE = pathlib.Path(__file__).parent
made = subprocess.run([ROOT / "tools" / "make-mlmd-venv.sh"], capture_output=True, text=True, check=False)
if made.returncode:
    skip("import", "Google's ML Metadata client cannot be installed here")
    done()


def client(script: str, *args) -> dict:
    result = subprocess.run([made.stdout.strip(), HERE / script, *map(str, args)], capture_output=True, text=True, check=False, timeout=300)
    if result.returncode:
        raise SystemExit(f"Bail out! {script} says: {result.stderr[-3000:]}")
    return json.loads(result.stdout)


def take(home, source) -> dict:
    result = dhow("import", source, "--output", "json", home=home)
    check(result.returncode == 0, "import", says(result))
    return json.loads(result.stdout) if result.returncode == 0 else {}


def show(home, run) -> dict:
    return json.loads(dhow("show", run, "--output", "json", home=home).stdout)


with tempfile.TemporaryDirectory() as tmp:
    home, db = pathlib.Path(tmp, "home"), pathlib.Path(tmp, "metadb.sqlite")
    ids = client("kfp_writer.py", db, "new")
    before = db.read_bytes()
    n = take(home, db)
    check((n["runs_new"], n["pipelines"], n["tasks"], n["artifacts_new"], n["left_executions"], n["left_contexts"]) == (3, 2, 14, 6, 0, 1), "counts", json.dumps(n))
    check(db.read_bytes() == before, "the source is only read")

    run = show(home, ids["runs"][0])
    check(run["state"] == "SUCCEEDED" and run["pipeline"] == "train" and run["parameters"] == {"rows": 3, "words": ["a", "ü"], "deep": {"x": [1.5, None, True]}},
          "a run: its state though the root runs for ever, parameters", json.dumps(run)[:1500])
    tasks = {}
    for t in run["tasks"]:
        tasks.setdefault(t["name"], []).append(t)
    check([t["type"] for t in tasks["for-loop-1"]] == ["LOOP", "LOOP_ITERATION", "LOOP_ITERATION"], "a loop and its iterations", str(tasks["for-loop-1"]))
    check([t["iteration_index"] for t in tasks["train"]] == [0, 1] and {t["scope_path"] for t in tasks["train"]} == {"root.for-loop-1.train"}, "what is in it", str(tasks["train"])[:800])
    check(tasks["condition-2"][0]["state"] == "SKIPPED" and tasks["condition-2"][0]["type"] == "CONDITION", "a branch not taken")
    check(tasks["importer"][0]["type"] == "IMPORTER" and tasks["prepare"][0]["outputs"]["parameters"] == {"count": 3}, "an importer, a step's outputs", str(tasks["prepare"]))
    model = tasks["train"][1]["outputs"]["artifacts"]["model"][0]
    check(model["type"] == "system.Model" and model["uri"].endswith("/1/model1") and model["metadata"] == {"layers": [1, 2], "shape": {"in": 3}, "final": 1},
          "an artifact with its metadata", str(model))
    check(tasks["prepare"][0]["inputs"]["artifacts"]["source"][0]["uri"] == "s3://data/set.csv", "what it used")
    root = sqlite3.connect(home / "dhow.db").execute("SELECT pipeline_root FROM run ORDER BY id").fetchone()[0]
    check(root == "minio://mlpipeline/v2/artifacts", "the pipeline root", root)

    failed = show(home, ids["runs"][1])
    states = {t["name"]: t["state"] for t in failed["tasks"]}
    check(failed["state"] == "FAILED" and states["train"] == "FAILED" and states["prepare"] == "CACHED", "a run that failed", str(states))
    check(next(t for t in failed["tasks"] if t["name"] == "prepare")["cached_from"] == tasks["prepare"][0]["task_id"], "a cached step knows whose result it took, of another run")
    check(show(home, ids["runs"][2])["state"] == "CANCELED", "a run that has not ended is not said to be running")

    result = dhow("retry", ids["runs"][1], home=home)
    check(result.returncode == 2 and "no pipeline spec" in result.stderr, "it cannot be retried here, and that is said", says(result))
    tree = dhow("lineage", model["artifact_id"], home=home)
    check(all(w in tree.stdout for w in ("train [1]", "prepare", "importer")), "lineage", says(tree))
    compared = dhow("compare", ids["runs"][0], ids["runs"][1], home=home)
    check(compared.returncode == 0 and "accuracy" in compared.stdout, "metrics are compared", says(compared))

    n = take(home, db)
    check((n["runs_new"], n["runs_same"], n["runs_renewed"], n["tasks"], n["artifacts_new"]) == (0, 2, 1, 2, 0), "again: only what had not ended", json.dumps(n))
    client("kfp_writer.py", db, "finish")
    n = take(home, db)
    check(n["runs_renewed"] == 1 and show(home, ids["runs"][2])["state"] == "SUCCEEDED", "it has ended", json.dumps(n))
    n = take(home, db)
    check((n["runs_new"], n["runs_same"], n["runs_renewed"], n["tasks"]) == (0, 3, 0, 0), "then there is nothing to do", json.dumps(n))
    check(len(json.loads(dhow("runs", "--output", "json", home=home).stdout)) == 3, "three runs are there")

    # What came in is what goes out: the same client reads the record.
    there, here = client("client.py", "sqlite", db, 1), client("client.py", "sqlite", home / "dhow.db", 1)
    for kind in ("executions", "artifacts", "events"):
        wanted = len([e for e in there[kind] if e.get("type", "").startswith("system.") or kind == "events"])
        check(len(here[kind]) == wanted, f"as many {kind}", f"{len(here[kind])} {wanted}")
    names = lambda all_: sorted((e["type"], e["custom_properties"]["task_name"].get("string_value", ""), json.dumps(e["custom_properties"].get("inputs"), sort_keys=True))  # noqa: E731
                                for e in all_ if e["type"].startswith("system."))
    check(names(here["executions"]) == names(there["executions"]), "with the same types, names and inputs", f"{names(here['executions'])}\n{names(there['executions'])}")

    # A dhow's own file is a metadata store, too; and its own runs are not taken twice.
    result = dhow("run", HERE / "pipeline.yaml", home=home)
    n = take(home, home / "dhow.db")
    check(n["runs_own"] == 1 and n["runs_same"] == 3 and n["runs_new"] == 0, "its own record", json.dumps(n))
    other = pathlib.Path(tmp, "other")
    n = take(other, home / "dhow.db")
    check(n["runs_new"] == 4, "another home's record", json.dumps(n))

    for name, content, words in (("text", b"hello", "not a database"), ("empty.db", None, "no ML Metadata"), ("old.db", 9, "version 9")):
        path = pathlib.Path(tmp, name)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            with sqlite3.connect(path) as c:
                c.execute("CREATE TABLE MLMDEnv(schema_version INTEGER PRIMARY KEY)" if content else "CREATE TABLE x(y)")
                if content:
                    c.execute(f"INSERT INTO MLMDEnv VALUES ({content})")
        result = dhow("import", path, home=home)
        check(result.returncode in (2, 3) and words in result.stderr, f"refused: {name}", says(result))

# The database that KFP itself has: MySQL.
if MariaDB in servers()[0]:
    with tempfile.TemporaryDirectory() as tmp, MariaDB() as server:
        home, url = pathlib.Path(tmp, "home"), server.url("metadb")
        ids = client("kfp_writer.py", url, "new")
        n = take(home, url)
        check((n["runs_new"], n["tasks"], n["artifacts_new"], n["links"]) == (3, 14, 6, 15), "counts of a MySQL database", json.dumps(n))
        run = show(home, ids["runs"][0])
        check(run["state"] == "SUCCEEDED" and run["parameters"] == {"rows": 3, "words": ["a", "ü"], "deep": {"x": [1.5, None, True]}}, "the same run", json.dumps(run)[:500])
        n = take(home, url)
        check((n["runs_same"], n["runs_renewed"]) == (2, 1), "again", json.dumps(n))
else:
    skip("import from MySQL", "MariaDB is not installed")
done()
