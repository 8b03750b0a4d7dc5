"""The cluster itself: plain pods, names, services, volumes, limits; then Argo with a workflow by hand."""
import json
import time

import kube
from kube import apply, ended, get, kubectl, pod
from tap import check, done

SHELL = "dhow.test/shell:1"


def finished(name: str) -> dict:
    """A Workflow once it has ended."""
    return kube.wait(f"the end of workflow {name}", lambda: (w := get("workflow", name)) and w.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error") and w)


def workflow(name: str, templates: list, **spec) -> dict:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": {"dhow-test": "yes"}},
            "spec": {"entrypoint": "main", "templates": templates, "automountServiceAccountToken": False, "executor": {"serviceAccountName": "dhow-test-executor"}, **spec}}


EXECUTOR = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "dhow-test-executor"}},
            {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
             "metadata": {"name": "dhow-test-executor.service-account-token", "annotations": {"kubernetes.io/service-account.name": "dhow-test-executor"}}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "dhow-test-executor"},
             "rules": [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "dhow-test-executor"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dhow-test-executor"},
             "subjects": [{"kind": "ServiceAccount", "name": "dhow-test-executor"}]}]


def pods() -> None:
    begin = time.monotonic()
    apply([pod("plain", SHELL, ["sh", "-c", "echo said $((6*7)); id -u"], securityContext={"runAsUser": 1234})])
    check(ended("plain") == "Succeeded", f"a pod runs to its end ({time.monotonic() - begin:.1f} s)")
    said = kubectl("logs", "plain").stdout
    check(said == "said 42\n1234\n", "its log is read by the API", said)
    serves = pod("serves", SHELL, ["sh", "-c", "echo it >/tmp/index.html; httpd -f -p 8000 -h /tmp"])
    serves["metadata"]["labels"]["app"] = "dhow-test-serves"
    apply([serves, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dhow-test-serves"}, "spec": {"selector": {"app": "dhow-test-serves"}, "ports": [{"port": 8000}]}}])
    kube.wait("the serving pod", lambda: kube.phase("serves") == "Running")
    apply([pod("fails", SHELL, ["sh", "-c", "exit 7"]),
           pod("eats", SHELL, ["sh", "-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"], resources={"limits": {"memory": "32Mi"}}),
           pod("absent", "dhow.test/there-is-none:1", ["true"]),
           pod("nowhere", SHELL, ["true"], nodeSelector={"dhow.test/none": "x"}),
           pod("asks", SHELL, ["sh", "-c", "nslookup kubernetes.default.svc.cluster.local >/tmp/o && grep -A1 Name: /tmp/o; wget -qO- http://dhow-test-serves:8000/ && echo lives"])])
    ended("fails")
    check(get("pod", "fails")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7, "a failed container's exit status is kept")
    ended("eats")
    state = get("pod", "eats")["status"]["containerStatuses"][0]["state"]["terminated"]
    check(state["reason"] == "OOMKilled", "a container above its memory limit is OOMKilled", json.dumps(state))
    kube.wait("the pull error", lambda: "ErrImage" in json.dumps(get("pod", "absent")["status"]) or "ImagePullBackOff" in json.dumps(get("pod", "absent")["status"]))
    check(True, "an image that is not there is a pull error")
    check("Unschedulable" in json.dumps(get("pod", "nowhere")["status"]), "a pod that fits nowhere is unschedulable")
    check(ended("asks") == "Succeeded" and "lives" in kubectl("logs", "asks").stdout, "a service is found by its name and answers", kubectl("logs", "asks").stdout)
    result = kubectl("auth", "can-i", "create", "pods", "--as", f"system:serviceaccount:{kube.NAMESPACE}:default", check=False)
    check(result.stdout.strip() == "no", "RBAC holds", result.stdout + result.stderr)


def argo() -> None:
    apply(EXECUTOR)
    step = {"name": "step", "inputs": {"parameters": [{"name": "text"}]}, "outputs": {"parameters": [{"name": "out", "valueFrom": {"path": "/out/text"}}]},
            "volumes": [{"name": "out", "emptyDir": {}}],
            "container": {"image": SHELL, "command": ["sh", "-c", "echo $0 >/out/text"], "args": ["{{inputs.parameters.text}}"], "volumeMounts": [{"name": "out", "mountPath": "/out"}]}}
    tasks = [{"name": "a", "template": "step", "arguments": {"parameters": [{"name": "text", "value": "heads"}]}},
             {"name": "b", "template": "step", "depends": "a", "when": "'{{tasks.a.outputs.parameters.out}}' == 'heads'", "arguments": {"parameters": [{"name": "text", "value": "b"}]}},
             {"name": "c", "template": "step", "depends": "a", "when": "'{{tasks.a.outputs.parameters.out}}' == 'tails'", "arguments": {"parameters": [{"name": "text", "value": "c"}]}},
             {"name": "l", "template": "step", "depends": "b", "withSequence": {"count": "2"}, "arguments": {"parameters": [{"name": "text", "value": "{{item}}"}]}}]
    begin = time.monotonic()
    apply(workflow("by-hand", [step, {"name": "main", "dag": {"tasks": tasks}}]))
    ran = finished("by-hand")
    states = {n["displayName"]: n["phase"] for n in ran["status"]["nodes"].values()}
    check(ran["status"]["phase"] == "Succeeded" and states.get("c") == "Skipped" and states.get("l(1:1)") == "Succeeded",
          f"a workflow with a condition and a loop ends right ({time.monotonic() - begin:.1f} s)", json.dumps(states) + ran["status"].get("message", ""))
    tokens = [m["mountPath"] for p in get("pods", selector="workflows.argoproj.io/workflow=by-hand") for c in p["spec"]["containers"] if c["name"] == "main" for m in c["volumeMounts"]
              if "serviceaccount" in m["mountPath"]]
    check(tokens == [], "the user's container holds no token of the API", str(tokens))


def main() -> None:
    kube.needed("the cluster's own tests")
    kube.load("shell")
    kubectl("delete", "pods,workflows", "-l", "dhow-test=yes", "--wait=true", "--ignore-not-found")
    pods()
    argo()
    kubectl("delete", "pods,workflows", "-l", "dhow-test=yes", "--wait=false")
    done()


if __name__ == "__main__":
    main()
