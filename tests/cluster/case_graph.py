"""Our Workflows on the real Argo controller without dhow's server: pods whose work is a line of shell, named by their scope.

What is tested is what Argo makes of the graph: conditions, OneOf, loops over nothing, exit tasks, fields of pods known at run time.
"""
import json
import pathlib
import re
import tempfile

import kube
import yaml
from case_node import EXECUTOR, finished
from kube import apply, get, kubectl
from tap import check, dhow, done, says

SHELL = "dhow.test/shell:1"
MODEL = {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}


def parameters(**types) -> dict:
    return {"parameters": {name: {"parameterType": kind, **({"isOptional": True} if kind == "STRING" else {})} for name, kind in types.items()}}


def outputs(**types) -> dict:
    return {"parameters": {name: {"parameterType": kind} for name, kind in types.items()}}


def dag(tasks: dict, **values) -> dict:
    return {"tasks": tasks, "outputs": {"parameters": values}}


def task(component: str, after=(), condition=None, always=False, loop=None, retry=None, **inputs) -> dict:
    """Inputs: "task.key" of another task, "=name" of the dag's own."""
    made = {"taskInfo": {"name": component}, "componentRef": {"name": component}, "dependentTasks": list(after), "inputs": {"parameters": {}}}
    for name, source in inputs.items():
        producer, _, key = source.partition(".")
        made["inputs"]["parameters"][name] = ({"componentInputParameter": source[1:]} if source.startswith("=") else
                                              {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": key}})
    if condition or always:
        made["triggerPolicy"] = {**({"condition": condition} if condition else {}), **({"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"} if always else {})}
    if loop:
        made["parameterIterator"] = {"items": {"raw": loop} if loop.startswith("[") else {"inputParameter": loop}, "itemInput": "item"}
    return {**made, **({"retryPolicy": retry} if retry else {})}


def one_of(*sources: str) -> dict:
    return {"valueFromOneof": {"parameterSelectors": [{"producerSubtask": s.split(".")[0], "outputParameterKey": s.split(".")[1]} for s in sources]}}


def value(source: str) -> dict:
    return {"valueFromParameter": {"producerSubtask": source.split(".")[0], "outputParameterKey": source.split(".")[1]}}


P = "inputs.parameter_values['{}']".format
COMPONENTS = {
    "s": {"executorLabel": "e"},
    "p": {"executorLabel": "g", "outputDefinitions": outputs(o="STRING", l="LIST", m="STRUCT")},
    "t": {"executorLabel": "e", "inputDefinitions": parameters(x="STRING")},
    "dynamic": {"executorLabel": "d", "inputDefinitions": parameters(image="STRING", memory="STRING")},
    "import": {"executorLabel": "i", "outputDefinitions": {"artifacts": {"artifact": MODEL}}},
    "then": {"inputDefinitions": parameters(v="STRING"), "outputDefinitions": outputs(r="STRING"), "dag": dag({"inner": task("p")}, r=value("inner.o"))},
    "either": {"inputDefinitions": parameters(v="STRING"), "outputDefinitions": outputs(r="STRING"),
               "dag": dag({"one": task("then", condition=f"{P('v')} == 'x'", v="=v"), "two": task("then", condition=f"!({P('v')} == 'x')", v="=v")}, r=one_of("one.r", "two.r"))},
    "body": {"inputDefinitions": parameters(item="STRING"), "outputDefinitions": outputs(all="LIST"),
             "dag": dag({"inner": task("p"), "only-b": task("t", condition=f"{P('x')} == 'b'", x="=item")}, all=value("inner.o"))},
    "plain": {"inputDefinitions": {"parameters": {"item": {"parameterType": "STRING"}, "rest": {"parameterType": "LIST", "isOptional": True}}}, "dag": dag({"leaf": task("s")})},
    "grid": {"inputDefinitions": parameters(item="LIST"), "dag": dag({"deep": task("plain", loop="rest", rest="=item")})},
    "handler": {"dag": dag({"bad": task("s"), "end": task("s", after=["bad"], always=True)})},
}
TWICE = {"maxRetryCount": 2, "backoffDuration": "1s", "backoffFactor": 2, "backoffMaxDuration": "60s"}
NAMES = {"nodeSelector": {"nodeSelectorJson": {"taskOutputParameter": {"producerTask": "p", "outputParameterKey": "m"}}},
         "tolerations": [{"key": "a", "operator": "Exists"}, {"tolerationJson": {"taskOutputParameter": {"producerTask": "p", "outputParameterKey": "l"}}}],
         "secretAsVolume": [{"secretNameParameter": {"taskOutputParameter": {"producerTask": "p", "outputParameterKey": "o"}}, "mountPath": "/secret", "optional": True}],
         "enabledSharedMemory": {"volumeName": "shm", "size": "32Mi"}, "podMetadata": {"labels": {"team": "ml"}}, "securityContext": {"runAsUser": 1000}}
# What it is → (tasks, what pods do by scope, what nodes end as; "" is the Workflow itself).
CASES = {
    "one of two branches gives a value": (
        {"p": task("p"), "e": task("either", after=["p"], v="p.o"), "c": task("t", after=["e"], condition=f"{P('x')} == 'two'", x="e.r"), "d": task("s", after=["c"])},
        {"root.p": "printf y > $out/o", "root.e.two.inner": "printf two > $out/o"},
        {"one": "Skipped", "two": "Succeeded", "c": "Succeeded", "d": "Succeeded", "": "Succeeded"}),
    "an exit task does not hide a failure": (
        {"h": task("handler"), "after": task("s", after=["h"]), "other": task("s")}, {"root.h.bad": "exit 3"},
        {"bad": "Failed", "end": "Succeeded", "h": "Failed", "after": "Omitted", "other": "Succeeded", "": "Failed"}),
    "a loop over nothing is no skipped task": (
        {"l": task("plain", loop="[]"), "p": task("p"), "m": task("plain", after=["p"], loop="rest", rest="p.l"), "after": task("s", after=["l", "m"])},
        {"root.p": "printf 0 > $out/l-count"}, {"l": "Succeeded", "m": "Succeeded", "after": "Succeeded", "": "Succeeded"}),
    "a loop over what a loop collected": (
        {"l": task("body", loop='["a", "b"]'), "m": task("plain", after=["l"], loop="rest", rest="l.all")}, {".*inner": "printf \"v$iteration\" > $out/o"},
        {"l": "Succeeded", "m": "Succeeded", "iteration(1:1)": "Succeeded", "": "Succeeded"}),
    "loops in loops": ({"g": task("grid", loop="[[1, 2], [], [3]]"), "z": task("s", after=["g"])}, {}, {"g": "Succeeded", "z": "Succeeded", "": "Succeeded"}),
    "a condition on what may have failed": (
        {"p": task("p"), "c": task("t", after=["p"], condition=f"{P('x')} == ''", always=True, x="p.o")}, {"root.p": "exit 2"},
        {"p": "Failed", "c": "Succeeded", "": "Failed"}),
    "an importer with a condition is done at once": (
        {"p": task("p"), "get": task("import", after=["p"], condition="1 == 1"), "use": task("s", after=["get"])}, {}, {"get": "Succeeded", "use": "Succeeded", "": "Succeeded"}),
    "a retry knows which one it is": ({"r": task("s", retry=TWICE)}, {"root.r": "test $KFP_RETRY_INDEX = 1"}, {"r(0)": "Failed", "r(1)": "Succeeded", "": "Succeeded"}),
    "fields of a pod from outputs": (
        {"p": task("p"), "image": task("p"), "dynamic": task("dynamic", after=["p", "image"], image="image.o", memory="image.o")},
        {"root.p": """printf no-such > $out/o; printf '{"kubernetes.io/os":"linux"}' > $out/m; printf '[{"key":"b","operator":"Exists"}]' > $out/l""", "root.image": "printf 64Mi > $out/o"},
        {"dynamic": "Succeeded", "": "Succeeded"}),
}


def manifest(name: str, folder: str) -> dict:
    tasks, scripts, _ = CASES[name]
    images = {"e": {"image": SHELL}, "g": {"image": SHELL}, "d": {"image": SHELL, "resources": {"resourceMemoryLimit": "{{$.inputs.parameters['memory']}}"}}}
    executors = {label: {"container": {**image, "command": ["run"]}} for label, image in images.items()}
    executors["i"] = {"importer": {"artifactUri": {"constant": "s3://bucket/x"}, "typeSchema": MODEL["artifactType"]}}
    spec = {"schemaVersion": "2.1.0", "pipelineInfo": {"name": f"graph-{list(CASES).index(name)}"}, "deploymentSpec": {"executors": executors}, "components": COMPONENTS,
            "root": {"dag": {"tasks": tasks}}}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"d": NAMES}}}}} if "dynamic" in tasks else None
    path = pathlib.Path(folder) / "pipeline.yaml"
    path.write_text(yaml.safe_dump_all([spec, platform] if platform else [spec]))
    result = dhow("argo", path, "--output", "json", "--executor-account", "dhow-test-executor")
    if result.returncode:
        raise SystemExit(f"Bail out! {name}: {says(result)}")
    made = json.loads(result.stdout)
    work = "out=/dhow/out; mkdir -p $out; " + "".join(f"if echo $scope | grep -qE '^{re.escape(k) if '*' not in k else k}$'; then {v}; fi; " for k, v in scripts.items())
    for template in made["spec"]["templates"]:
        if container := template.get("container"):  # a line of shell in the launcher's place
            template.pop("initContainers", None)
            container.update(command=["sh", "-c"], args=[work])
            container["env"] += [{"name": "scope", "value": "{{inputs.parameters.scope}}"}, {"name": "iteration", "value": "{{inputs.parameters.iteration}}"}]
            container["volumeMounts"] = [m for m in container["volumeMounts"] if m["name"] != "dhow-token"]
    made["spec"]["volumes"] = [v for v in made["spec"]["volumes"] if v["name"] != "dhow-token"]
    made["spec"]["serviceAccountName"] = "default"
    made["metadata"]["labels"] = {"dhow-test": "graph"}
    made["spec"]["podMetadata"] = {"labels": {"dhow-test": "graph"}}
    return made


def fields(workflow: str) -> None:
    pod = next(p for p in get("pods", selector=f"workflows.argoproj.io/workflow={workflow}") if "-dynamic-" in p["metadata"]["name"])
    main = next(c for c in pod["spec"]["containers"] if c["name"] == "main")
    keys = {t.get("key") for t in pod["spec"]["tolerations"]}
    secret = next(v for v in pod["spec"]["volumes"] if v["name"] == "secret-0")["secret"]["secretName"]
    check(main["resources"]["limits"]["memory"] == "64Mi", "a limit that a task gave", json.dumps(main["resources"]))
    check(pod["spec"].get("nodeSelector") == {"kubernetes.io/os": "linux"} and {"a", "b"} <= keys, "a node selector and tolerations", json.dumps(pod["spec"].get("nodeSelector")) + str(keys))
    check(secret == "no-such" and pod["metadata"]["labels"]["team"] == "ml" and main["securityContext"]["runAsUser"] == 1000, "a secret's name, labels, a user", secret)
    check(pod["metadata"]["annotations"]["dhow/scope"] == "root.dynamic" and not pod["spec"].get("automountServiceAccountToken"), "the pod says which task it is, and holds no token")


def main() -> None:
    kube.needed("graphs on Argo")
    kube.load("shell")
    kubectl("delete", "pods,workflows", "-l", "dhow-test=graph", "--wait=true", "--ignore-not-found")
    apply(EXECUTOR)
    with tempfile.TemporaryDirectory() as folder:
        made = {name: manifest(name, folder) for name in CASES}
    kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(made.values())}))
    for name, (_, _, want) in CASES.items():
        ran = finished(made[name]["metadata"]["name"])
        nodes = {n["displayName"]: n["phase"] for n in ran["status"].get("nodes", {}).values()} | {"": ran["status"]["phase"]}
        check({k: nodes.get(k) for k in want} == want, name, json.dumps(nodes) + ran["status"].get("message", ""))
    fields(made["fields of a pod from outputs"]["metadata"]["name"])
    kubectl("delete", "pods,workflows", "-l", "dhow-test=graph", "--wait=false", "--ignore-not-found")
    done()


if __name__ == "__main__":
    main()
