# run: asan
"""`dhow gc`: what goes and what must stay; a dry run changes nothing."""
import json
import pathlib
import sqlite3
import tempfile

from specs import pipeline, step, write
from tap import check, dhow, done, says


def tree(folder) -> dict:
    return {str(p.relative_to(folder)): p.stat().st_size for p in pathlib.Path(folder).rglob("*") if p.is_file() and "dhow.db" not in p.name}


def make(word: str) -> dict:
    s = pipeline(f"p-{word}")
    step(s, "make", f"echo {word} > $out_data; echo said", artifacts={"data": "Dataset"}, outputs=("x",))
    s["components"]["comp-make"].pop("outputDefinitions")
    s["components"]["comp-make"]["outputDefinitions"] = {"artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}
    s["deploymentSpec"]["executors"]["exec-make"]["container"]["args"] = ["out_data={{$.outputs.artifacts['data'].path}}"]
    return s


def run(home, path, *args) -> dict:
    r = dhow("run", path, "--output", "json", *args, home=home)
    return json.loads(r.stdout)


def gc(home, *args) -> tuple:
    r = dhow("gc", "--output", "json", *args, home=home)
    try:
        v = json.loads(r.stdout)
        return [(i["kind"], i["id"] or i["name"]) for i in v["items"]], v["bytes"], r
    except ValueError:
        return [], -1, r


def runs(home) -> set:
    return {r["run_id"] for r in json.loads(dhow("runs", "--output", "json", "-n", "1000", home=home).stdout)}


def data(run: dict) -> dict:
    return next(t for t in run["tasks"] if t["name"] == "make")["outputs"]["artifacts"]["data"][0]


def local(uri: str) -> pathlib.Path:
    return pathlib.Path(uri.removeprefix("file://"))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-gc-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"
        check(dhow("gc", home=home).returncode == 2, "nothing has been run")
        a = run(home, write(folder, make("a"), "a.json"))
        again = run(home, folder / "a.json")  # cached: it uses the first one's artifact
        b = run(home, write(folder, make("b"), "b.json"), "--root", folder / "elsewhere")
        (folder / "mine.txt").write_text("mine")
        imports = pipeline("imports")
        imports["components"]["comp-get"] = {"executorLabel": "exec-get", "outputDefinitions": {"artifacts": {"artifact": {"artifactType": {"schemaTitle": "system.Dataset"}}}}}
        imports["deploymentSpec"]["executors"]["exec-get"] = {"importer": {"artifactUri": {"constant": str(folder / "mine.txt")}, "typeSchema": {"schemaTitle": "system.Dataset"}}}
        imports["root"]["dag"]["tasks"]["get"] = {"componentRef": {"name": "comp-get"}, "taskInfo": {"name": "get"}}
        run(home, write(folder, imports, "imports.json"))
        check(data(a)["artifact_id"] == data(again)["artifact_id"], "the second run uses the first one's artifact")

        items, size, r = gc(home)
        check(items == [] and size == 0, "nothing is old", says(r))
        before, known = tree(home), runs(home)
        items, size, r = gc(home, "--older-than", "0s", "--dry-run")
        check({i for i in items if i[0] == "run"} == {("run", x) for x in known} and ("artifact", data(a)["artifact_id"]) in items and size > 0, "a dry run says what would go", says(r))
        check(tree(home) == before and runs(home) == known, "and changes nothing")
        items, size, r = gc(home, "--older-than", "0s", "--keep", "1")
        check([i for i in items if i[0] == "run"] == [("run", a["run_id"])], "--keep: of each pipeline the newest stays", says(r))
        check(local(data(a)["uri"]).read_text() == "a\n", "what another run uses stays")
        check(not (home / "runs" / a["run_id"]).exists() and runs(home) == known - {a["run_id"]}, "the run is gone")
        items, size, r = gc(home, "left-over")
        check(items == [], "its folder is not left over while it is used", says(r))
        check(json.loads(dhow("run", folder / "a.json", "--output", "json", home=home).stdout)["tasks"][0]["state"] in ("CACHED", "SUCCEEDED"), "the pipeline runs again")

        items, size, r = gc(home, "runs", "--older-than", "0s")
        check(runs(home) == set() and ("artifact", data(a)["artifact_id"]) in items, "all runs go, and now the artifact", says(r))
        check(not local(data(a)["uri"]).exists() and not local(data(b)["uri"]).exists(), "artifacts go wherever the root was")
        check((folder / "mine.txt").read_text() == "mine", "an imported file is not ours to remove")
        check([p for p in tree(home) if p.startswith(("runs/", "artifacts/"))] == [], "nothing is left", str(tree(home)))
        fresh = run(home, folder / "a.json")
        check([t["state"] for t in fresh["tasks"] if t["name"] == "make"] == ["SUCCEEDED"], "what is gone is not taken from the cache")

        imports["deploymentSpec"]["executors"]["exec-get"]["importer"]["artifactUri"]["constant"] = data(fresh)["uri"]
        taken = run(home, write(folder, imports, "imports.json"))
        db = sqlite3.connect(home / "dhow.db")
        db.execute("UPDATE run SET finished_us = 1 WHERE uuid = ?", (fresh["run_id"],))
        db.commit()
        db.close()
        items, size, r = gc(home, "--older-than", "1h")
        check(items == [("run", fresh["run_id"])] and local(data(fresh)["uri"]).exists(), "an artifact that was imported again stays", says(r))
        fresh = run(home, folder / "a.json")

        lost = home / "artifacts" / "p-a" / "01a20a12-4b02-7c41-b330-3ee50df1513f" / "make" / "x"
        lost.mkdir(parents=True)
        (lost / "data").write_text("x" * 1000)
        (home / "runs" / "01a20a12-4b02-7c41-b330-3ee50df1513f").mkdir()
        (home / "artifacts" / "p-a" / "my notes").mkdir()
        items, size, r = gc(home)
        check([i[0] for i in items] == ["left over"] * 2 and size == 1000, "folders of runs that are not on record", says(r))
        check((home / "artifacts" / "p-a" / "my notes").exists(), "other folders stay")

        log = pathlib.Path(next(t for t in fresh["tasks"] if t["name"] == "make")["log"])
        check(log.exists(), "there is a log")
        items, size, r = gc(home, "logs", "--older-than", "0s")
        check([i[0] for i in items] == ["log"] and not log.exists() and fresh["run_id"] in runs(home), "logs go, their runs stay", says(r))
        check(dhow("show", fresh["run_id"], home=home).returncode == 0, "the run can still be shown")

        db = sqlite3.connect(home / "dhow.db")
        db.execute("UPDATE run SET state = 'RUNNING'")
        db.commit()
        items, size, r = gc(home, "runs", "--older-than", "0s")
        check(items == [], "a run that has not ended stays", says(r))
        db.execute("UPDATE run SET state = 'SUCCEEDED'")
        now = db.execute("SELECT id FROM artifacts WHERE state = 'LIVE' ORDER BY id DESC").fetchone()[0]
        db.execute("INSERT INTO model (uuid, name, created_us, updated_us) VALUES ('m', 'best', 1, 1)")
        db.execute("INSERT INTO model_version (uuid, model_id, version, artifact_id, run_id, created_us, ordinal) SELECT 'v', id, '1', ?, (SELECT max(id) FROM run), 1, 1 FROM model", (now,))
        db.commit()
        db.close()
        items, size, r = gc(home, "runs", "--older-than", "0s")
        check(("run", fresh["run_id"]) not in items and fresh["run_id"] in runs(home) and local(data(fresh)["uri"]).exists(), "what a model version comes from stays", says(r))
        for words in (("--older-than", "x"), ("--older-than", "-3d"), ("--keep", "-1"), ("everything",)):
            r = dhow("gc", *words, home=home)
            check(r.returncode == 2, f"wrong use: {' '.join(words)}", says(r))
    done()


main()
