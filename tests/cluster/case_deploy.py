"""The manifests as the API server takes them: each overlay by kustomize and by `dhow deploy`; and every pod of ours where Pod Security is 'restricted'."""
import itertools
import json
import os
import shutil
import subprocess
import tempfile

import kube
import yaml
from dhow_cluster import DHOW
from kube import images, kubectl
from tap import check, done

NAMESPACE = "dhow-test-restricted"
KUSTOMIZE = images.ROOT / "deploy" / "kubernetes"
STORES = {"minio": [], "s3": ["--pipeline-root", "s3://b/c", "--s3-endpoint", "http://store:7480"]}
OVERLAYS = sorted(p.name for p in (KUSTOMIZE / "overlays").iterdir() if p.name != "argo")  # Argo's own manifest is far away


def dry_run(what: str, text: str, namespace: str) -> None:
    """The API server looks at all of it, strictly, and says what it warns of."""
    r = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text, check=False, namespace=namespace)
    said = [line for line in r.stderr.splitlines() if "last-applied-configuration" not in line]
    made = len(r.stdout.splitlines())
    wanted = sum(1 for o in yaml.safe_load_all(text) if o)
    check(r.returncode == 0 and not said and made == wanted, f"{what}: {made} objects are taken, without a warning", "\n".join(said) + r.stdout)


def by_kustomize(folder: str, overlays: list[str]) -> str:
    at = os.path.join(folder, "kubernetes", "-".join(overlays))
    os.mkdir(at)
    with open(f"{at}/kustomization.yaml", "w", encoding="utf-8") as out:
        out.write(f"namespace: {NAMESPACE}\nresources: [../base]\ncomponents: {json.dumps([f'../overlays/{o}' for o in overlays])}\n")
    return kubectl("kustomize", at, namespace=None).stdout


def pods_of(text: str) -> list[dict]:
    """The pods that the Deployments would make: Pod Security looks at pods alone."""
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": o["metadata"]["name"], "namespace": NAMESPACE}, "spec": o["spec"]["template"]["spec"]}
            for o in yaml.safe_load_all(text) if o and o["kind"] == "Deployment"]


def restricted(text: str) -> str:
    """The same in a namespace that lets in nothing else."""
    objects = [o for o in yaml.safe_load_all(text) if o]
    for o in objects:
        if o["kind"] == "Namespace":
            o["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    return yaml.safe_dump_all(objects)


def main() -> None:
    kube.needed("manifests by the API server")
    every = [o for o in OVERLAYS if o not in STORES]
    namespace = subprocess.run([DHOW, "deploy", "--overlay", "minio", "--namespace", NAMESPACE], capture_output=True, text=True, check=True).stdout.split("---\n")
    kubectl("apply", "-f", "-", stdin=restricted(next(t for t in namespace if "kind: Namespace" in t)), namespace=None)
    try:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(KUSTOMIZE, f"{folder}/kubernetes")
            for overlays in ([["minio"], ["s3"]] + [["minio", o] for o in every] + [["s3", *every]]):
                text = by_kustomize(folder, overlays)
                dry_run(f"kustomize {' '.join(overlays)}", restricted(text), NAMESPACE)
            args = itertools.chain(*(["--overlay", o] for o in ["s3", *every]))
            text = subprocess.run([DHOW, "deploy", "--namespace", NAMESPACE, *args, *STORES["s3"]], capture_output=True, text=True, check=True).stdout
            dry_run("dhow deploy", restricted(text), NAMESPACE)
            every_pod = pods_of(text) + pods_of(by_kustomize(folder, ["minio", "volumes", "kind"]))
            for pod in {p["metadata"]["name"]: p for p in every_pod}.values():
                # Its account is made by the controllers a moment after the namespace.
                pod["spec"].pop("serviceAccountName", None)
                r = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(pod), check=False, namespace=NAMESPACE)
                check(r.returncode == 0 and "restricted" not in r.stderr, f"Pod Security 'restricted' lets the pod of {pod['metadata']['name']} in", r.stderr)
            bad = kube.pod("root", "dhow.test/shell:1", ["true"])
            r = kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(bad), check=False, namespace=NAMESPACE)
            check(r.returncode != 0 and 'violates PodSecurity "restricted' in r.stderr, "and a pod that is not fit for it is refused", r.stderr)
            for example in sorted((KUSTOMIZE / "examples").iterdir()):
                dry_run(f"examples/{example.name}", kubectl("kustomize", example, namespace=None).stdout, "dhow")
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false", namespace=None)
    done()


main()
