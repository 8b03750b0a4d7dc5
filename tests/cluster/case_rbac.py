"""What each service account may do, and that all else is refused: asked with its own token, not as an admin."""
import json
import os
import subprocess
import tempfile

import kube
import pipelines
from dhow_cluster import Cluster, deploy
from kube import NAMESPACE, kubectl
from tap import check, done

REFUSED_TO_ALL = [("get", "nodes"), ("list", "namespaces"), ("create", "pods"), ("create", "pods/exec"), ("create", "deployments.apps"), ("create", "rolebindings.rbac.authorization.k8s.io"),
                  ("create", "serviceaccounts/token"), ("list", "secrets"), ("get", "secrets"), ("patch", "clusterroles.rbac.authorization.k8s.io"), ("update", "workflows.argoproj.io/status"),
                  ("impersonate", "serviceaccounts"), ("create", "daemonsets.apps"), ("delete", "persistentvolumes")]
MAY = {
    "dhow-server": [("create", "workflows.argoproj.io"), ("watch", "workflows.argoproj.io"), ("delete", "workflows.argoproj.io"), ("list", "pods"), ("watch", "pods"), ("get", "pods/log"),
                    ("create", "secrets"), ("delete", "secrets")],
    "dhow-executor": [("create", "workflowtaskresults.argoproj.io"), ("patch", "workflowtaskresults.argoproj.io")],
    "dhow-runner": [],
}
ELSE_REFUSED = {
    "dhow-server": [("list", "workflowtaskresults.argoproj.io"), ("create", "configmaps")],
    "dhow-executor": [("get", "workflows.argoproj.io"), ("list", "pods"), ("get", "pods/log"), ("create", "secrets"), ("delete", "workflowtaskresults.argoproj.io")],
    "dhow-runner": [("get", "workflows.argoproj.io"), ("create", "workflows.argoproj.io"), ("list", "pods"), ("get", "pods/log"), ("get", "configmaps"), ("create", "workflowtaskresults.argoproj.io")],
}


def as_account(account: str, folder: str) -> dict:
    """An environment in which kubectl is that service account."""
    token = kubectl("create", "token", account, "--duration=10m").stdout.strip()
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "--output", "json", namespace=None).stdout)
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = os.path.join(folder, account)
    with open(path, "w") as out:
        json.dump(config, out)
    return {**os.environ, "KUBECONFIG": path}


def ask(env: dict, *argv) -> str:
    result = subprocess.run([*kube.kubectl_program(), *argv], capture_output=True, text=True, env=env, check=False)
    return result.stdout.strip() or result.stderr.strip()


def accounts(folder: str) -> None:
    for account, may in MAY.items():
        env = as_account(account, folder)
        for verb, what in may:
            said = ask(env, "auth", "can-i", verb, what, "--namespace", NAMESPACE)
            check(said == "yes", f"{account} may {verb} {what}", said)
        wrong = [f"{verb} {what}" for verb, what in REFUSED_TO_ALL + ELSE_REFUSED[account] if ask(env, "auth", "can-i", verb, what, "--namespace", NAMESPACE).split()[-1] != "no"]
        check(not wrong, f"{account} may do none of {len(REFUSED_TO_ALL + ELSE_REFUSED[account])} other things", "it may " + ", ".join(wrong))
        wrong = [f"{verb} {what}" for verb, what in may if ask(env, "auth", "can-i", verb, what, "--namespace", "kube-system").split()[-1] != "no"]
        check(not wrong, f"{account} may do nothing in another namespace", ", ".join(wrong))
        # Not only asked: tried.
        for argv in (["get", "secrets", "--namespace", NAMESPACE], ["run", "tried", "--image=dhow.test/shell:1", "--namespace", NAMESPACE, "--restart=Never"],
                     ["get", "pods", "--namespace", "kube-system"]):
            said = ask(env, *argv)
            check("orbidden" in said, f"{account}: kubectl {' '.join(argv[:2])} is refused", said)


def inside(cluster: Cluster, folder: str) -> None:
    """From within a step: no token of the API server, and one run's token is no good for another run."""
    run = cluster.run(pipelines.compiled(pipelines.looks_around, folder), {})
    said = cluster.log(run, "looks")
    check(run["state"] == "SUCCEEDED" and "no api token" in said, "a step finds no token of the API server", said)
    check("anonymous is refused with 403" in said, "without one the API server refuses it", said)
    check("its own claim is refused with 409" in said, "the run's token, which it can read, is good for nothing any more", said)
    one, other = cluster.run(pipelines.compiled(pipelines.artifacts, folder), {}), cluster.run(pipelines.compiled(pipelines.conditions, folder), {})
    claim = {"scope": "root.write", "iteration": [], "pod": {"name": "x", "uid": "y"}, "retry": 0, "secret": "0" * 64}
    for what, token, run_id in (("another run's token", cluster.token(one), other["run_id"]), ("no token", "", one["run_id"]), ("a wrong token", "0" * 64, one["run_id"])):
        status = cluster.claim({**claim, "run": run_id}, token)
        check(status in (401, 403, 404), f"a claim with {what} is refused", str(status))
    status = cluster.claim({**claim, "run": one["run_id"]}, cluster.token(one))
    check(status in (0, 403, 404, 409), "so is one by what is no pod of the run", str(status))


def main() -> None:
    kube.needed("rights on the cluster")
    with deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        accounts(folder)
        inside(cluster, folder)
    done()


main()
