"""Runs on a cluster: what comes out is what the local engine gives; results are used again; what no pod can say is said."""
import json

import yaml

from bench import API, bench, decided, here, needed, outcome
from flows import condition, files, handler, hello, loop, retried
from specs import pipeline, step
from tap import ROOT, check, dhow, done


def same_as_here(b, name: str, spec: dict) -> str:
    run = b.submit(spec, name)
    b.wait(run)
    there, local = outcome(b.show(run)), outcome(here(b.folder, spec, name))
    check(there == local, f"{name}: as on this machine", f"cluster: {there}\nhere:    {local}\n{b.log(run)}\n{b.errors()}")
    return run


def test_equal(b) -> None:
    run = same_as_here(b, "hello", hello())
    check(b.log(run) == "saying\n" or "saying" in b.log(run), "its log is kept", b.log(run))
    check(b.workflow_ended(run) == "Succeeded", "Argo's Workflow succeeds too")
    again = b.submit(hello(), "hello")
    b.wait(again)
    shown = b.show(again)
    check([t["state"] for t in shown["tasks"]] == ["CACHED"] and shown["outputs"] == {"said": "hello"}, "the second run uses the first one's result", str(shown))
    check(b.workflow_ended(again) == "Succeeded", "its pod had nothing to do")
    same_as_here(b, "branches", condition())
    same_as_here(b, "loops", loop())
    run = same_as_here(b, "handler", handler())
    error = b.show(run)["error"]
    check(error["log_tail"] == "WORKING" and next(t for t in b.show(run)["tasks"] if t["name"] == "work")["error"] == error, "an error has the last lines of its log", str(error))
    check("cleaned" in b.log(run) and b.workflow_ended(run) == "Failed", "an exit task ran after the failure", b.log(run))
    run = same_as_here(b, "again", retried('test "$KFP_RETRY_INDEX" = 2 || exit 4'))


def digests(run: dict) -> list:
    return sorted((t["scope_path"], key, a["digest"], a["size_bytes"]) for t in run["tasks"] for key, items in t["outputs"]["artifacts"].items() for a in items
                  if a["type"] != "system.Metrics" and a.get("digest"))


def test_files(b) -> None:
    run = same_as_here(b, "files", files())
    local = json.loads(dhow("show", "last", "--output", "json", home=b.folder / "here-files").stdout)
    check(digests(b.show(run)) == digests(local) and len(digests(local)) == 3, "digests of a large file, a folder, an empty file: as here", f"{digests(b.show(run))}\n{digests(local)}")
    check("70000000" in b.log(run) and "/1 /a/b/2" in b.log(run) and "two" in b.log(run) and "there" in b.log(run), "the next step has all of it", b.log(run))
    verified = dhow("artifacts", "verify", f"{run}/make/big", f"{run}/make/tree", "--full", home=b.home, env=b.env)
    check(verified.returncode == 0, "what is in the bucket is what is on record", verified.stdout + verified.stderr)
    again = b.submit(files(), "files")
    b.wait(again)
    check({t["state"] for t in b.show(again)["tasks"]} == {"CACHED"}, "and it is used again", str(b.show(again)["tasks"]))


def test_claims(b) -> None:
    """A volume claim that a component makes, a pod that mounts it, and its end."""
    s = step(pipeline("claims"), "use", "echo used", cache=False, after=("make",))
    for name, image, inputs in (("make", "createpvc", {"pvc_name_suffix": "-data", "size": "2Gi", "access_modes": ["ReadWriteMany"]}), ("drop", "deletepvc", {})):
        s["components"][f"comp-{name}"] = {"executorLabel": f"exec-{name}", "inputDefinitions": {"parameters": {
            **{k: {"parameterType": "LIST" if isinstance(v, list) else "STRING"} for k, v in inputs.items()}, "pvc_name": {"parameterType": "STRING", "isOptional": True}}}}
        s["deploymentSpec"]["executors"][f"exec-{name}"] = {"container": {"image": f"argostub/{image}"}}
        s["root"]["dag"]["tasks"][name] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name},
                                           "inputs": {"parameters": {k: {"runtimeValue": {"constant": v}} for k, v in inputs.items()}}}
    s["components"]["comp-make"]["outputDefinitions"] = {"parameters": {"name": {"parameterType": "STRING"}}}
    s["root"]["dag"]["tasks"]["drop"].update({"dependentTasks": ["make", "use"], "inputs": {"parameters": {
        "pvc_name": {"taskOutputParameter": {"producerTask": "make", "outputParameterKey": "name"}}}}})
    run = b.submit(s, "claims")
    made = b.until(lambda: b.cluster.made)
    check(b.wait(run)["state"] == "SUCCEEDED" and made and not b.cluster.objects["persistentvolumeclaims"], "a volume claim is made and deleted, without a pod", str(b.show(run)))
    claim = b.cluster.made[0]
    check(claim["spec"]["resources"]["requests"]["storage"] == "2Gi" and claim["spec"]["accessModes"] == ["ReadWriteMany"] and len(b.cluster.pods(run)) == 1, "as it was asked for", str(claim))


def test_demo(b) -> None:
    """The example: built-in components, models, metrics, a condition and an exit task."""
    folder = ROOT / "pipelines" / "model_selection"
    spec = yaml.safe_load((folder / "pipeline.yaml").read_text().split("\n---\n")[0])
    source = str(folder / "data" / "breast_cancer.csv")
    run = b.submit(spec, "demo", runtime_config={"parameters": {"source": source}})
    b.wait(run)
    home = b.folder / "here-demo"
    dhow("run", folder / "pipeline.yaml", "-p", f"source={source}", "--quiet", home=home)
    shown, local = b.show(run), json.loads(dhow("show", "last", "--output", "json", home=home).stdout)
    check(outcome(shown) == outcome(local) and shown["state"] == "SUCCEEDED", "demo: as on this machine", f"cluster: {outcome(shown)}\nhere:    {outcome(local)}\n{b.log(run)[-3000:]}")
    check(digests(shown) == digests(local) and len(digests(shown)) > 5, "its artifacts have the same digests", f"{digests(shown)}\n{digests(local)}")
    listed = [m["model"] if "model" in m else m["name"] for m in json.loads(dhow("models", "--output", "json", home=b.home, env=b.env).stdout)]
    check(listed == ["breast-cancer"], "its model is registered", str(listed))
    compared = dhow("compare", run, run, "--output", "json", home=b.home, env=b.env)
    check(compared.returncode == 0 and "accuracy" in compared.stdout, "its metrics are on record", compared.stdout + compared.stderr)


def test_person(b) -> None:
    """A task that waits for a person, and a condition on the answer."""
    decided(b)


def test_wishes(b) -> None:
    """Retry, delete, doctor."""
    flag = b.folder / "fixed"
    s = step(pipeline("wishes"), "first", "echo once; printf 1 > $out_n", outputs=("n",), cache=False)
    step(s, "second", f"test -e {flag} || exit 7", cache=False, after=("first",))
    b.cluster.binds.append(str(b.folder))
    run = b.submit(s, "wishes")
    check(b.wait(run)["state"] == "FAILED", "a run fails")
    b.workflow_ended(run)
    flag.write_text("")
    b.ask(API + f"runs/{run}:retry", "POST", {})
    b.until(lambda: b.run(run)["state"] == "RUNNING")
    state = b.wait(run)["state"]
    tasks = {t["name"]: (t["state"], t["attempts"]) for t in b.show(run)["tasks"]}
    check(state == "SUCCEEDED" and tasks == {"first": ("SUCCEEDED", 1), "second": ("SUCCEEDED", 2)}, "retried: what had succeeded is not run again", str(tasks))
    b.until(lambda: all(w["status"].get("phase") in ("Succeeded", "Failed") for w in b.cluster.objects["workflows"].values()))
    b.ask(API + f"runs/{run}", "DELETE")
    gone = b.until(lambda: b.cluster.workflow(run) is None and not b.cluster.pods(run) and not any(x["metadata"]["labels"]["dhow-run"] == run for x in b.cluster.objects["secrets"].values()))
    check(gone and b.run(run).get("error_status") == 404, "deleted: its Workflows, pods and Secrets go too")
    checks = {c["detail"] for c in json.loads(dhow("doctor", "--output", "json", home=b.home, env=b.env).stdout)["checks"] if c["check"] == "argo"}
    check(any("v1.36.0" in c for c in checks) and any("may do what it has to" in c for c in checks), "doctor looks at the cluster", str(checks))
    b.cluster.refused.add(("create", "secrets"))
    checks = [c for c in json.loads(dhow("doctor", "--output", "json", home=b.home, env=b.env).stdout)["checks"] if c["check"] == "argo"]
    check(any(c["state"] == "note" and "may not: create secrets" in c["detail"] for c in checks), "and says what it may not", str(checks))
    b.cluster.refused.clear()
    refused = b.ask(API + "runs", "POST", {"display_name": "x", "pipeline_spec": hello(), "runtime_config": {"pipeline_root": "/tmp/here"}})
    check(refused.get("error_status") == 400 and "pods reach buckets alone" in refused["text"], "a root that no pod reaches is refused", str(refused))


def main() -> None:
    needed("runs on a cluster")
    with bench() as b:
        for test in (test_equal, test_demo, test_files, test_claims, test_person, test_wishes):
            test(b)
    done()


main()
