# run: asan
"""The model registry: aliases, stages, tags, approval, rules that hold an alias, history, retention, export."""
import hashlib
import json
import pathlib
import tempfile

from specs import pipeline, step, write
from tap import ROOT, check, dhow, done, says

SELECTION = ROOT / "pipelines" / "model_selection" / "pipeline.yaml"


def promoting(accuracy: float, aliases: str = "") -> dict:
    """A dataset, and a step that makes a model of it and asks to register it."""
    s = pipeline("promoting")
    step(s, "data", "echo 1,2,3 > \"$out_set\"", artifacts={"set": "Dataset"})
    text = json.dumps({"artifacts": {"model": {"artifacts": [{"name": "model", "metadata": {
        "dhow.model_name": "m", "dhow.aliases": aliases, "accuracy": accuracy, "framework": "sklearn"}}]}}})
    step(s, "train", f"echo model {accuracy} > \"$out_model\"; mkdir -p \"$(dirname \"$in_file\")\"; printf %s '{text}' > \"$in_file\"", artifacts={"model": "Model"})
    s["deploymentSpec"]["executors"]["exec-train"]["container"]["args"] += ["in_file={{$.outputs.output_file}}", "in_set={{$.inputs.artifacts['set'].path}}"]
    s["components"]["comp-train"]["inputDefinitions"] = {"artifacts": {"set": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}
    s["root"]["dag"]["tasks"]["train"]["inputs"] = {"artifacts": {"set": {"taskOutputArtifact": {"producerTask": "data", "outputArtifactKey": "set"}}}}
    s["root"]["dag"]["tasks"]["train"]["dependentTasks"] = ["data"]
    return s


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-models-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"

        def models(*args, code=0, says_=""):
            r = dhow("models", *args, home=home)
            check(r.returncode == code and says_ in r.stderr, f"models {' '.join(map(str, args))[:90]}", says(r))
            return r.stdout

        def show(model, version="latest"):
            return json.loads(dhow("models", "show", model, version, "--output", "json", home=home).stdout)

        def run(accuracy, aliases=""):
            r = dhow("run", write(folder, promoting(accuracy, aliases), f"{accuracy}.json"), "--output", "json", home=home)
            check(r.returncode == 0, f"a model of accuracy {accuracy}", says(r))
            return r, json.loads(r.stdout)

        _, first = run(0.80, "champion")
        v = show("m", "champion")
        check(v["version"] == "1" and v["metrics"]["accuracy"] == 0.8 and v["run_id"] == first["run_id"], "registered with its run and metrics", str(v))
        p = v["provenance"]
        check(p["task"] == "train" and p["pipeline"] == "promoting" and len(p["spec_digest"]) == 64, "provenance: run, task, code", str(p))
        check([d["digest"] for d in p["data"]] == [hashlib.sha256(b"1,2,3\n").hexdigest()], "provenance: data digests", str(p["data"]))

        models("rule", "m", "champion", "--metric", "accuracy", "--min", "0.75", "--better-by", "0.02", "--approved")
        r, _ = run(0.85, "champion,candidate")
        check("is not 'champion'" in r.stderr and "not approved" in r.stderr, "a step that promotes is told that the alias is held", says(r))
        check(show("m", "champion")["version"] == "1" and show("m", "candidate")["version"] == "2", "held: the other alias moved")
        models("alias", "m", "champion", "2", code=1, says_="not approved")
        models("approve", "m", "2", "--by", "anna", "--reason", "card reviewed")
        check(show("m", "2")["approval"]["who"] == "anna" and show("m", "2")["approval"]["why"] == "card reviewed", "who, why")
        models("alias", "m", "champion", "2", "--by", "anna")
        check(show("m", "champion")["version"] == "2", "the alias moved")
        run(0.86)
        models("approve", "m", "3", "--by", "anna")
        models("alias", "m", "champion", "3", code=1, says_="gain of 0.02")
        models("alias", "m", "champion", "3", "--force", "--by", "bob", "--reason", "urgent")
        models("alias", "m", "champion", "2", code=1, says_="gain")  # back: 0.85 is no gain over 0.86
        history = json.loads(dhow("models", "history", "m", "--output", "json", home=home).stdout)
        whats = [(h["version"], h["what"].split(":")[0], h["who"]) for h in history]
        check(("3", "alias 'champion' set in spite of its rule", "bob") in whats, "the log has the force", str(whats))
        check(("2", "approved", "anna") in whats and ("2", "alias 'champion' held", None) in whats, "the log has approval and what was held", str(whats))

        models("stage", "m", "3", "Production")
        models("tag", "m", "3", "risk=low", "x=y")
        models("tag", "m", "-", "owner=team")
        models("describe", "m", "-", "what it is for")
        models("describe", "m", "3", "the third")
        v = show("m", "3")
        check(v["stage"] == "Production" and v["tags"] == {"risk": "low", "x": "y"} and v["description"] == "the third", "stage, tags, description", str(v))
        m = json.loads(dhow("models", "--output", "json", home=home).stdout)[0]
        check(m["description"] == "what it is for" and m["tags"] == {"owner": "team"} and m["rules"][0]["alias"] == "champion", "of the model", str(m))
        models("reject", "m", "1", "--by", "carl", "--reason", "biased")
        check(show("m", "1")["approval"]["decision"] == "REJECTED", "rejected")

        models("kserve", "m", "3", code=2, says_="--storage-uri")
        text = models("kserve", "m", "3", "--storage-uri", "s3://models/m/3", "--namespace", "prod")
        check("kind: InferenceService" in text and 'storageUri: "s3://models/m/3"' in text and "name: sklearn" in text, "KServe", text)
        out = folder / "out"
        models("export", "m", "3", "--to", out)
        manifest = json.loads((out / "manifest.json").read_text())
        files = {f: d["sha256"] for f, d in manifest["files"].items()}
        check(files == {"model/model": hashlib.sha256(b"model 0.86\n").hexdigest()} and (out / "model" / "model").exists(), "export: files and digests", str(files))
        check("accuracy" in (out / "card.md").read_text() and "the third" in (out / "card.md").read_text(), "export: the card")
        models("export", "m", "3", "--to", out, code=2, says_="not empty")
        models("export", "m", "3", "--to", folder / "o2", "--onnx", code=2, says_="ONNX")

        for accuracy in (0.5, 0.51, 0.52, 0.53):
            run(accuracy)
        gone = models("prune", "m", "--keep", "2", "--dry-run").split()
        check(gone == ["5", "4", "1"], "prune: those that may go, but for the newest two", str(gone))
        r = dhow("gc", "models", home=home)
        check(r.returncode == 2 and "--keep" in r.stderr, "gc models: how many stay is to be said", says(r))
        r = dhow("gc", "models", "--keep", "2", "--dry-run", "--output", "json", home=home)
        check(r.returncode == 0 and [i["name"] for i in json.loads(r.stdout)["items"]] == ["m 5", "m 4", "m 1"], "gc models: the same", says(r))
        r = dhow("gc", "models", "--keep", "3", home=home)
        check(r.returncode == 0 and [line.split()[:4] for line in r.stdout.splitlines()[1:]] == [["model", "version", "m", "4"], ["model", "version", "m", "1"]], "and does it", says(r))
        models("prune", "m", "--keep", "2")
        left = [v["version"] for v in json.loads(dhow("models", "m", "--output", "json", home=home).stdout)]
        check(left == ["7", "6", "3", "2"], "prune: what has an alias, an approval or is in production stays", str(left))
        r = dhow("runs", "delete", first["run_id"], home=home)
        check(r.returncode == 0, "a run whose version is gone can go", says(r))
        r = dhow("runs", "delete", "last", home=home)
        check(r.returncode == 2 and "registered model" in r.stderr, "a run that made a version cannot", says(r))
        models("delete", "m", "3", code=2, says_="aliases")
        models("alias", "m", "champion", "--remove")
        models("delete", "m", "3")
        models("show", "m", "3", code=2)
        models("delete", "m", "--force")
        check(json.loads(dhow("models", "--output", "json", home=home).stdout) == [], "all of it is gone")
        models("approve", "none", "1", code=2)

        check(dhow("run", SELECTION, "--quiet", home=home).returncode == 0, "the example promotes a model of ours")
        models("export", "breast-cancer", "champion", "--to", folder / "ours", "--onnx")
        check((folder / "ours" / "model.onnx").stat().st_size > 200, "export: ONNX")
        p = show("breast-cancer")["provenance"]
        check(len(p["data"]) >= 1 and all(d["digest"] for d in p["data"]), "its data, by digest", str(p["data"]))
        check(dhow("run", SELECTION, "--quiet", home=home).returncode == 0 and show("breast-cancer")["provenance"]["data"] == p["data"], "also where it came from the cache")
    done()


main()
