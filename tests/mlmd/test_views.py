"""A run with loops, conditions, cache and importers, read by Google's ML Metadata client from dhow's own database: every answer is what KFP's backend
would have written."""
# run: asan
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

from tap import ROOT, check, dhow, done, says, skip

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from rules import DAGS, Record  # noqa: E402

made = subprocess.run([ROOT / "tools" / "make-mlmd-venv.sh"], capture_output=True, text=True, check=False)
CLIENT = made.stdout.strip()
if made.returncode:
    skip("Google's ML Metadata client", "it cannot be installed here: " + (made.stderr.strip().splitlines() or ["?"])[-1])
    done()


def read(*args) -> dict:
    result = subprocess.run([CLIENT, pathlib.Path(__file__).parent / "client.py", *map(str, args)], capture_output=True, text=True, check=False, timeout=300)
    if result.returncode:
        raise SystemExit(f"Bail out! the client says: {result.stderr[-3000:]}")
    return json.loads(result.stdout)


def without(message: dict, *names: str) -> dict:
    return {k: v for k, v in message.items() if k not in names}


def same(got, wanted, name: str) -> None:
    """Equal, or the first place where they are not."""
    if got == wanted:
        check(True, name)
        return
    if isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        for g, w in zip(got, wanted):
            if g != w:
                got, wanted = g, w
                break
    check(False, name, f"got    {json.dumps(got)[:1500]}\nwanted {json.dumps(wanted)[:1500]}")


def compare(got: dict, record: Record) -> None:
    types = got["types"]
    check({"system.Pipeline", "system.PipelineRun"} <= set(types["context"]), "types of contexts")
    check({"system.DAGExecution", "system.ContainerExecution", "system.ImporterExecution"} <= set(types["execution"]), "types of executions")
    check({"system.Dataset", "system.Model", "system.Metrics", "system.Artifact"} <= set(types["artifact"]), "types of artifacts")
    same([without(e, "type_id") for e in got["executions"]], [record.execution(t) for t in record.tasks.values()], "executions with their properties")
    same([e["type_id"] for e in got["executions"]], [str(types["execution"][e["type"]]) for e in got["executions"]], "… of the types that have these ids")
    same([without(a, "type_id") for a in got["artifacts"]], [record.artifact(a) for a in record.artifacts.values()], "artifacts with their properties")
    events = sorted((int(e["artifact_id"]), int(e["execution_id"]), e["type"], e["path"]["steps"][0]["key"]) for e in got["events"])
    same(events, record.events(), "events with their paths")
    same(sorted(map(json.dumps, got["events_by_artifact"])), sorted(map(json.dumps, got["events"])), "the same events by artifact")
    runs = {r["uuid"]: r for r in record.runs.values()}
    same({c["name"]: c["custom_properties"] for c in got["contexts"] if c["type"] == "system.PipelineRun"},
         {uuid: record.run_properties(r) for uuid, r in runs.items()}, "a context each run, with properties")
    same({c["name"]: c.get("custom_properties") for c in got["contexts"] if c["type"] == "system.Pipeline"},
         {r["pipeline"]: None for r in runs.values()}, "a context each pipeline")
    same(got["parents"], {uuid: [r["pipeline"]] for uuid, r in runs.items()}, "a run's parent is its pipeline")
    same(got["pipeline_runs"], {p: sorted(u for u, r in runs.items() if r["pipeline"] == p) for p in {r["pipeline"] for r in runs.values()}}, "and a pipeline's children its runs")
    same(got["children"], {str(d): sorted(t["id"] for t in record.tasks.values() if t["parent_task_id"] == d)
                           for d, task in record.tasks.items() if task["type"] in (*DAGS, "ROOT")}, "the tasks of each DAG by the filter parent_dag_id")
    wanted = {uuid: record.executions_of(r["id"]) for uuid, r in runs.items()}
    pipelines = {p: [r["id"] for r in runs.values() if r["pipeline"] == p] for p in {r["pipeline"] for r in runs.values()}}
    wanted |= {p: sorted(sum((record.executions_of(i) for i in ids), [])) for p, ids in pipelines.items()}
    same(got["executions_of"], wanted, "executions by context: of the run, of the pipeline")
    wanted = {uuid: record.artifacts_of(r["id"]) for uuid, r in runs.items()}
    wanted |= {p: sorted(set(sum((record.artifacts_of(i) for i in ids), []))) for p, ids in pipelines.items()}
    same(got["artifacts_of"], wanted, "artifacts by context")
    ids = {c["name"]: int(c["id"]) for c in got["contexts"]}
    same(got["contexts_of_artifact"], {str(a): sorted({i for n, i in ids.items() if a in wanted[n]}) for a in record.artifacts}, "contexts by artifact")
    check(all(len(c) == 2 for c in got["contexts_of_execution"].values()), "an execution is of its run and its pipeline")
    same(got["by_uri"], {a["uri"]: sorted(b["id"] for b in record.artifacts.values() if b["uri"] == a["uri"]) for a in record.artifacts.values()}, "artifacts by URI")
    same(got["roots"], {runs_uuid: next(t["id"] for t in record.tasks.values() if t["type"] == "ROOT" and t["run_id"] == r["id"]) for runs_uuid, r in runs.items()},
         "the root by its name run/ID")
    same(got["run_by_name"], {u: ids[u] for u in runs}, "a run's context by its name")
    same(got["by_type"], {"system.ContainerExecution": [t["id"] for t in record.tasks.values() if t["type"] == "RUNTIME"],
                          "system.ImporterExecution": [t["id"] for t in record.tasks.values() if t["type"] == "IMPORTER"]}, "executions by type")
    same(got["artifacts_by_type"], {k: [a["id"] for a in record.artifacts.values() if a["type"] == k] for k in ("system.Dataset", "system.Model")}, "artifacts by type")
    same(got["five"], list(record.tasks)[:5], "the first five by id")
    same(got["newest"], [t["id"] for t in sorted(record.tasks.values(), key=lambda t: (t["created_us"] // 1000, t["id"]), reverse=True)][:5], "the newest five")
    same(got["by_state"], [t["id"] for t in record.tasks.values() if t["state"] == "CACHED"], "executions by state")
    same(got["datasets"], [a["id"] for a in record.artifacts.values() if a["type"] == "system.Dataset" and a["state"] == "LIVE"], "artifacts by a filter")
    same(got["accurate"], [a["id"] for a in record.artifacts.values() if json.loads(a["metadata"] or "{}").get("accuracy", 0) > 0.5], "artifacts by a property")


with tempfile.TemporaryDirectory() as tmp:
    home = pathlib.Path(tmp, "home")
    source = pathlib.Path(tmp, "source")
    source.write_text("a\nb\n")
    file = pathlib.Path(__file__).with_name("pipeline.yaml")
    for times in range(2):
        result = dhow("run", file, "-p", f"source=file://{source}", home=home)
        check(result.returncode == 0, f"run {times + 1}", says(result))
    result = dhow("run", file, "-p", f"source=file://{tmp}/nowhere", "-p", "rows=4", home=home)
    check(result.returncode == 1, "a run that fails", says(result))
    db = home / "dhow.db"
    states = {t["state"] for t in Record(db).tasks.values()}
    check({"SUCCEEDED", "CACHED", "SKIPPED", "FAILED"} <= states, "they have tasks in all states", str(states))
    for mode, words in ((1, "to read"), (2, "to read and write"), (3, "to read, write and make")):
        got = read("sqlite", db, mode)
        print(f"# opened {words}")
        compare(got, Record(db))
        if mode != 1:
            check(got["write"]["type"] == got["write"]["again"] and "view" in got["write"]["refused"], "a client's type is kept, its artifact refused", str(got["write"]))
    result = dhow("run", file, "-p", f"source=file://{source}", home=home)
    check(result.returncode == 0, "dhow goes on after a client has written", says(result))
    compare(read("sqlite", db, 1), Record(db))

    missing = [i[0] for i in sqlite3.connect(db).execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    check(len([v for v in missing if v[0].isupper()]) == 11, "eleven of the fifteen tables are views", str(missing))
done()
