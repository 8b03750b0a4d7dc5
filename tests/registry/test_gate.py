# run: asan
"""The gate against the champion: by a margin, by chance (McNemar), with no champion yet; importers of registered models."""
import json
import pathlib
import tempfile

from specs import pipeline, step, write
from tap import check, component, dhow, done, says

ARTIFACT = {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}
MODEL = {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}


def importer(s: dict, name: str, uri: str, kind: dict) -> None:
    s["components"][f"comp-{name}"] = {"executorLabel": f"exec-{name}", "outputDefinitions": {"artifacts": {"artifact": kind}}}
    s["deploymentSpec"]["executors"][f"exec-{name}"] = {"importer": {"artifactUri": {"constant": uri}, "typeSchema": kind["artifactType"]}}
    s["root"]["dag"]["tasks"][name] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}}


def built_in(s: dict, name: str, args: list, inputs: dict, kinds: dict, outputs: dict, parameters: dict | None = None) -> None:
    """`dhow component NAME`; inputs: {input: (task, output)}."""
    s["components"][f"comp-{name}"] = {"executorLabel": f"exec-{name}", "inputDefinitions": {"artifacts": {k: kinds[k] for k in inputs}},
                                       "outputDefinitions": {"artifacts": outputs, "parameters": parameters or {}}}
    s["deploymentSpec"]["executors"][f"exec-{name}"] = {"container": {"image": "dhow", "command": ["dhow", "component", name], "args": ["--executor-input", "{{$}}", *args]}}
    s["root"]["dag"]["tasks"][name] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}, "cachingOptions": {"enableCache": True},
                                       "inputs": {"artifacts": {k: {"taskOutputArtifact": {"producerTask": t, "outputArtifactKey": o}} for k, (t, o) in inputs.items()}},
                                       "dependentTasks": sorted({t for t, _ in inputs.values()})}


def race(accuracy: float, hits: str) -> dict:
    """A candidate with its report, the gate against the champion's, and promotion where it is open (the gate is enforced)."""
    s = pipeline("race")
    report = json.dumps({"metrics": {"accuracy": accuracy}, "hits": hits})
    step(s, "train", f"echo model {accuracy} > \"$out_model\"; printf %s '{report}' > \"$out_report\"", artifacts={"model": "Model", "report": "Artifact"})
    importer(s, "champion", "models:/m@champion?part=report&missing=empty", ARTIFACT)
    built_in(s, "gate", ["--candidate-report", "{{$.inputs.artifacts['new'].path}}", "--champion-report", "{{$.inputs.artifacts['now'].path}}", "--better-by", "0.01",
                         "--enforce", "true", "--reason", "{{$.outputs.parameters['reason'].output_file}}"],
             {"new": ("train", "report"), "now": ("champion", "artifact")}, {"new": ARTIFACT, "now": ARTIFACT}, {}, {"reason": {"parameterType": "STRING"}})
    built_in(s, "promote", ["--model", "{{$.inputs.artifacts['model'].path}}", "--report", "{{$.inputs.artifacts['report'].path}}", "--model-name", "m", "--version", str(accuracy),
                            "--aliases", "champion", "--registered", "{{$.outputs.artifacts['registered'].path}}"],
             {"model": ("train", "model"), "report": ("train", "report")}, {"model": MODEL, "report": ARTIFACT}, {"registered": MODEL})
    s["root"]["dag"]["tasks"]["promote"]["dependentTasks"] = ["gate", "train"]
    return s


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-gate-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"

        def run(spec):
            r = dhow("run", write(folder, spec), "--output", "json", home=home)
            value = json.loads(r.stdout) if r.stdout.startswith("{") else {"tasks": []}
            return r, {t["name"]: t for t in value["tasks"]}

        r, t = run(race(0.80, "1" * 80 + "0" * 20))
        check(r.returncode == 0 and "no champion yet" in t["gate"]["outputs"]["parameters"]["reason"], "the first one becomes champion", says(r))
        r, t = run(race(0.805, "1" * 80 + "0" * 20))
        check(r.returncode == 1 and t["gate"]["state"] == "FAILED" and "gain of 0.005" in t["gate"]["error"]["log_tail"], "too small a gain: the gate is shut", says(r))
        r, t = run(race(0.90, "1" * 90 + "0" * 10))
        check(r.returncode == 0 and "the champion has 0.8" in t["gate"]["outputs"]["parameters"]["reason"], "a gain: open", says(r))
        check([a["name"] for a in t["gate"]["inputs"]["artifacts"]["now"]] != [] and t["champion"]["outputs"]["artifacts"]["artifact"][0]["artifact_id"]
              == t["gate"]["inputs"]["artifacts"]["now"][0]["artifact_id"], "what it was compared with is on record")
        r, t = run(race(0.90, "1" * 90 + "0" * 10))
        check(r.returncode == 1, "the same again is no gain over the new champion: the cache knows of it", says(r))

        s = pipeline("use")
        importer(s, "get", "models:/m@champion", MODEL)
        importer(s, "old", "models:/m/0.8", MODEL)
        r, t = run(s)
        got = t["get"]["outputs"]["artifacts"]["artifact"][0]
        check(r.returncode == 0 and pathlib.Path(got["uri"]).read_text() == "model 0.9\n", "an importer brings the champion", says(r))
        check(got["metadata"]["dhow.model_version"] == "0.9", "with its metadata, as the artifact that it is", str(got))
        check(pathlib.Path(t["old"]["outputs"]["artifacts"]["artifact"][0]["uri"]).read_text() == "model 0.8\n", "or a version")
        for uri, says_ in (("models:/none@champion", "there is no model 'none'"), ("models:/m@none", "no version 'none'"), ("models:/", "expected models:/NAME"),
                           ("models:/m?part=soul", "expected part=model"), ("models:/m@champion?part=report", "")):
            s = pipeline("use")
            importer(s, "get", uri, ARTIFACT)
            r, t = run(s)
            check((r.returncode == 1 and says_ in r.stderr) if says_ else r.returncode == 0, f"importer of {uri}", says(r))

        def gate(new: dict, now: dict | None, *args, fails=False):
            (folder / "new").write_text(json.dumps(new))
            (folder / "now").write_text(json.dumps(now or {}))
            given = ["--champion-report", folder / "now"] if now is not None else []
            r = component("gate", "--candidate-report", folder / "new", *given, "--passed", folder / "passed", "--reason", folder / "reason", *args, fails=fails)
            return (folder / "passed").read_text() == "true", (folder / "reason").read_text(), r

        def report(n: int, of: int = 100, **metrics) -> dict:
            return {"metrics": {"accuracy": n / of, **metrics}, "hits": "1" * n + "0" * (of - n)}

        check(gate(report(80), None)[0], "no champion is named")
        check(not gate(report(80), None, "--min", "0.9")[0] and gate(report(80), None, "--min", "0.8")[0], "a bound")
        check(gate(report(80, log_loss=0.3), None, "--metric", "log_loss", "--min", "0.4")[0], "of a loss: at most")
        check(gate(report(80, log_loss=0.3), report(80, log_loss=0.5), "--metric", "log_loss", "--better-by", "0.1")[0], "of a loss: less is a gain")
        check(gate(report(80), report(81), "--better-by", "-0.02")[0], "no worse than by a margin")
        passed, reason, _ = gate(report(83), report(80), "--significance", "0.05")
        check(not passed and "may be chance" in reason, "a gain that may be chance", reason)
        passed, reason, _ = gate(report(95), report(80), "--significance", "0.05")
        check(passed and "McNemar p = " in reason, "a gain that is more than chance", reason)
        _, _, r = gate(report(95), report(8, 10), "--significance", "0.05", fails=True)
        check(r.returncode != 0 and "same test rows" in r.stderr, "chance is not told of different rows", r.stderr)
        _, _, r = gate(report(95), {"metrics": {}}, fails=True)
        check(r.returncode != 0 and "the champion" in r.stderr, "a champion without that metric", r.stderr)
    done()


main()
