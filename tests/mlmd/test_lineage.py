"""`dhow lineage`: from any artifact up and down, in all its forms, which other people's libraries read."""
# run: asan
import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile
import uuid

from tap import ROOT, check, dhow, done, says, skip

FILE = pathlib.Path(__file__).with_name("pipeline.yaml")
made = subprocess.run([ROOT / "tools" / "make-mlmd-venv.sh"], capture_output=True, text=True, check=False)


def lineage(home, artifact, *args) -> str:
    result = dhow("lineage", artifact, *args, home=home)
    check(result.returncode == 0 and not result.stderr, f"lineage {' '.join(map(str, args))}", says(result))
    return result.stdout


def read_by_others(kind: str, text: str, tmp: str) -> dict | None:
    if made.returncode:
        skip(f"{kind} read by its own library", "it cannot be installed here")
        return None
    path = pathlib.Path(tmp, kind)
    path.write_text(text)
    result = subprocess.run([made.stdout.strip(), pathlib.Path(__file__).with_name("exports.py"), kind, path], capture_output=True, text=True, check=False)
    check(result.returncode == 0, f"{kind} is read by its own library", result.stderr[-2000:])
    return json.loads(result.stdout) if result.returncode == 0 else None


with tempfile.TemporaryDirectory() as tmp:
    home = pathlib.Path(tmp, "home")
    source = pathlib.Path(tmp, "source")
    source.write_text("a\nb\n")
    result = dhow("lineage", "1", home=home)
    check(result.returncode == 2 and "artifacts" in result.stderr, "an empty home says so", says(result))
    for _ in range(2):
        dhow("run", FILE, "-p", f"source=file://{source}", home=home)
    artifacts = json.loads(dhow("artifacts", "--output", "json", home=home).stdout)
    page = next(a for a in artifacts if a["output"] == "page")
    data = next(a for a in artifacts if a["output"] == "data")

    tree = lineage(home, page["artifact_id"])
    up = tree[tree.index("MADE FROM"):tree.index("USED BY")]
    check(re.findall(r"✓ ([\w.]+) ", up) == ["publish", "inner.train", "prepare", "importer"], "the tree goes up to the import", tree)
    check("nothing on the record" in tree, "and says where there is no more", tree)
    down = lineage(home, data["artifact_id"], "--down")
    check("for-loop-2.train [0]" in down and "for-loop-2.train [1]" in down and "page" in down and "MADE FROM" not in down, "down through loops", down)
    check(lineage(home, data["uri"], "--down") == down and lineage(home, "file://" + data["uri"], "--down") == down, "by path or URI")
    result = dhow("lineage", "nothing-like-it", home=home)
    check(result.returncode == 2 and "nothing-like-it" in result.stderr, "an artifact that is not there", says(result))
    result = dhow("lineage", data["artifact_id"], "--format", "xml", home=home)
    check(result.returncode == 2, "a form that is none", says(result))

    graph = json.loads(lineage(home, data["artifact_id"], "--format", "json"))
    check(graph == json.loads(lineage(home, data["artifact_id"], "--output", "json")), "--output json is the same")
    check(graph["artifact_id"] == data["artifact_id"] and len(graph["tasks"]) == 6 and len(graph["artifacts"]) == 9, "all of it as JSON", json.dumps(graph)[:2000])
    ids = {a["artifact_id"] for a in graph["artifacts"]} | {t["task_id"] for t in graph["tasks"]}
    check(all(e["artifact_id"] in ids and e["task_id"] in ids for e in graph["edges"]), "edges lead to what is there")
    near = json.loads(lineage(home, page["artifact_id"], "--format", "json", "--depth", "1"))
    check([a["name"] for a in near["artifacts"]] == ["page", "model"] and near["cut"], "--depth", json.dumps(near)[:500])

    dot = lineage(home, data["artifact_id"], "--format", "dot")
    check(dot.startswith("digraph lineage {") and dot.count(" -> ") == len(graph["edges"]) and dot.rstrip().endswith("}"), "a graph for Graphviz", dot)

    text = lineage(home, data["artifact_id"], "--format", "prov")
    counts = read_by_others("prov", text, tmp)
    if counts:
        check(counts["same"] and counts["counts"]["ProvEntity"] == 9 and counts["counts"]["ProvActivity"] == 6 and counts["counts"]["ProvGeneration"] == 9
              and counts["counts"]["ProvUsage"] == 5 and counts["counts"]["ProvAssociation"] == 6, "with all entities, activities and relations", str(counts))

    events = [json.loads(line) for line in lineage(home, page["artifact_id"], "--format", "openlineage").splitlines()]
    check([e["job"]["name"] for e in events] == ["mlmd-all.importer", "mlmd-all.prepare", "mlmd-all.inner.train", "mlmd-all.publish"], "an event a task, in order", str(events)[:500])
    for e in events:
        good = uuid.UUID(e["run"]["runId"]) and uuid.UUID(e["run"]["facets"]["parent"]["run"]["runId"]) and datetime.datetime.fromisoformat(e["eventTime"].replace("Z", "+00:00"))
        sets = e["inputs"] + e["outputs"]
        check(bool(good) and e["eventType"] == "COMPLETE" and e["schemaURL"].endswith("#/$defs/RunEvent") and ":" in e["producer"]
              and all(d["namespace"] == "file" and d["name"].startswith("/") for d in sets), f"the event of {e['job']['name']}", json.dumps(e)[:1500])
    check({d["name"] for d in events[1]["inputs"]} == {str(source)}, "an import's name is the file's")

    statement = json.loads(lineage(home, page["artifact_id"], "--format", "slsa"))
    check(statement["_type"] == "https://in-toto.io/Statement/v1" and statement["subject"][0]["uri"] == "file://" + page["uri"], "a statement about the artifact")
    said = read_by_others("slsa", json.dumps(statement), tmp)
    if said:
        model = next(a for a in artifacts if a["artifact_id"] == statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]["annotations"]["artifact_id"])
        check(said["subject"] == hashlib.sha256(pathlib.Path(page["uri"]).read_bytes()).hexdigest() and said["predicate"] == "https://slsa.dev/provenance/v1"
              and said["dependencies"] == [{"sha256": model["digest"]}] and said["parameters"] == {"note": "done"} and said["builder"] == "urn:dhow:engine",
              "of these bytes, from these inputs", str(said))
    imported = next(a for a in artifacts if a["output"] == "artifact")
    check(json.loads(lineage(home, imported["artifact_id"], "--format", "slsa"))["predicate"]["buildDefinition"]["buildType"] == "urn:dhow:import:v1", "of an import")

    # What was made is imported by a later run, with other metadata: another artifact of the same URI.
    result = dhow("run", FILE, "-p", f"source=file://{data['uri']}", home=home)
    check(result.returncode == 0, "a run that imports what another has made", says(result))
    newest = next(a for a in json.loads(dhow("artifacts", "--output", "json", home=home).stdout) if a["output"] == "data")
    far = json.loads(lineage(home, newest["artifact_id"], "--up", "--format", "json"))
    same = [e for e in far["edges"] if e["kind"] == "same_uri"]
    check(len({t["run_id"] for t in far["tasks"]}) == 2 and [e["from"] for e in same] == [data["artifact_id"]], "lineage goes on in the run that made it", json.dumps(far)[:1500])
    check("the same URI: " in lineage(home, newest["artifact_id"]), "and the tree says so")
    down = json.loads(lineage(home, imported["artifact_id"], "--down", "--format", "json"))
    check(newest["artifact_id"] in [a["artifact_id"] for a in down["artifacts"]], "down across runs too")
done()
