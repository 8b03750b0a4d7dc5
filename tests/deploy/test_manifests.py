"""The manifests: what `dhow deploy` prints is what kustomize makes, and every object keeps the rules of docs/kubernetes.md."""
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

from tap import ROOT, check, dhow, done, says, skip

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(p.name for p in (FOLDER / "overlays").iterdir())
STORE = {"minio": [], "s3": ["--pipeline-root", "s3://b/c"]}
# The fields that are known, by the kind or the place. A field that is not here is a typo, or a new thing that wants a rule.
META = {"name", "namespace", "labels", "annotations"}
POD = {"serviceAccountName", "automountServiceAccountToken", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes"}
CONTAINER = {"name", "image", "command", "args", "env", "ports", "startupProbe", "readinessProbe", "livenessProbe", "resources", "securityContext", "volumeMounts"}
KINDS = {
    "Namespace": ("v1", set()), "ServiceAccount": ("v1", {"automountServiceAccountToken"}), "ConfigMap": ("v1", {"data"}), "Secret": ("v1", {"type", "stringData"}),
    "PersistentVolumeClaim": ("v1", {"spec"}), "Service": ("v1", {"spec"}), "Deployment": ("apps/v1", {"spec"}), "NetworkPolicy": ("networking.k8s.io/v1", {"spec"}),
    "PodDisruptionBudget": ("policy/v1", {"spec"}),
    "Role": ("rbac.authorization.k8s.io/v1", {"rules"}), "RoleBinding": ("rbac.authorization.k8s.io/v1", {"roleRef", "subjects"}),
}
SPECS = {"PodDisruptionBudget": {"maxUnavailable", "unhealthyPodEvictionPolicy", "selector"}, "PersistentVolumeClaim": {"accessModes", "resources"}, "Service": {"type", "selector", "ports"}, "NetworkPolicy": {"podSelector", "policyTypes", "ingress", "egress"},
         "Deployment": {"replicas", "strategy", "selector", "template"}}


def name(o: dict) -> str:
    return f"{o['kind']}/{o['metadata']['name']}"


def printed(*args) -> list[dict]:
    r = dhow("deploy", *args)
    if r.returncode:
        check(False, f"dhow deploy {' '.join(args)}", says(r))
        return []
    return [o for o in yaml.safe_load_all(r.stdout) if o]


def same_as_kustomize() -> None:
    kubectl = shutil.which("kubectl") or shutil.which("kustomize")
    if not kubectl:
        skip("the same as kustomize", "neither kubectl nor kustomize is here (make deploy-test gets it)")
        return
    command = [kubectl, "kustomize"] if kubectl.endswith("kubectl") else [kubectl, "build"]
    with tempfile.TemporaryDirectory(prefix="dhow-deploy-") as top:
        shutil.copytree(FOLDER, f"{top}/k")
        # Argo's own manifest is far away: here it is one object, which the overlay's patches want.
        argo = pathlib.Path(top, "k/overlays/argo/kustomization.yaml")
        text = argo.read_text().replace(next(re.finditer(r"https://\S+", argo.read_text()))[0], "argo.yaml")
        argo.write_text(text)
        (argo.parent / "argo.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: workflow-controller-configmap}\n---\napiVersion: apps/v1\nkind: Deployment\n"
                                               "metadata: {name: workflow-controller}\nspec: {template: {spec: {containers: [{name: c, env: [{name: A, value: b}]}]}}}\n")
        for store, others in (("minio", []), ("minio", ["volumes", "kind"]), ("s3", ["postgres", "argo"]), ("s3", [o for o in OVERLAYS if o not in STORE])):
            overlays = [store, *others]
            at = pathlib.Path(top, "k", "-".join(overlays))
            at.mkdir()
            (at / "kustomization.yaml").write_text("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: team-a\nresources: [../base]\ncomponents:\n"
                                                   + "".join(f"  - ../overlays/{o}\n" for o in overlays))
            r = subprocess.run([*command, str(at)], capture_output=True, text=True, timeout=300, check=False)
            made = {name(o): o for o in yaml.safe_load_all(r.stdout) if o and o["metadata"]["name"] != "workflow-controller"}
            ours = {name(o): o for o in printed("-n", "team-a", *itertools.chain(*(["--overlay", o] for o in overlays)))}
            differ = [k for k in {*made, *ours} if made.get(k) != ours.get(k)]
            check(r.returncode == 0 and len(ours) > 15 and not differ, f"kustomize makes the same: {' '.join(overlays)}",
                  f"{r.stderr}\n" + " ".join(differ[:9]) + (f"\n{made.get(differ[0])}\n{ours.get(differ[0])}" if differ else ""))
        for example in sorted((FOLDER / "examples").iterdir()):
            r = subprocess.run([*command, str(pathlib.Path(top, "k/examples", example.name))], capture_output=True, text=True, timeout=300, check=False)
            server = next((o for o in yaml.safe_load_all(r.stdout) if o and name(o) == "Deployment/dhow-server"), None)
            args = server["spec"]["template"]["spec"]["containers"][0]["args"] if server else []
            known = dhow("serve", "--help").stdout
            check(server and not pod_faults(server["spec"]["template"]["spec"]) and all(a.split("=")[0] in known for a in args), f"examples/{example.name}", r.stderr + str(args))


def pod_faults(spec: dict) -> list[str]:
    faults = [f"unknown field {k}" for k in spec if k not in POD]
    context = spec["securityContext"]
    if not (context.get("runAsNonRoot") and context.get("runAsUser", 0) > 0 and context["seccompProfile"] == {"type": "RuntimeDefault"}):
        faults.append("the pod may be root's, or has no seccomp")
    if spec.get("automountServiceAccountToken") is not (spec.get("serviceAccountName") == "dhow-server"):
        faults.append("an API token where none is needed")
    volumes = {v["name"] for v in spec.get("volumes", [])}
    for c in spec["containers"]:
        faults += [f"{c['name']}: unknown field {k}" for k in c if k not in CONTAINER]
        s = c["securityContext"]
        if s != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}:
            faults.append(f"{c['name']}: not confined")
        if set(c["resources"]["requests"]) != {"cpu", "memory"} or "memory" not in c["resources"]["limits"]:
            faults.append(f"{c['name']}: no requests")
        if not c.get("readinessProbe") or not c.get("livenessProbe"):
            faults.append(f"{c['name']}: no probes")
        if re.search(r":latest$|^[^:]*$", c["image"]):
            faults.append(f"{c['name']}: an image without a version")
        if {m["name"] for m in c["volumeMounts"]} != volumes:
            faults.append(f"{c['name']}: mounts and volumes differ")
        ports = {p["name"] for p in c["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in c.get(probe, {}) and c[probe]["httpGet"]["port"] not in ports:
                faults.append(f"{c['name']}: {probe} asks a port that is none")
        for e in c.get("env", []):
            if re.search("KEY|PASSWORD|TOKEN|_DB$", e["name"]) and e["name"] != "POSTGRES_DB" and "value" in e:
                faults.append(f"{c['name']}: {e['name']} stands in the manifest")
    return faults


def rule_faults(rules: list[dict]) -> list[str]:
    faults = []
    for rule in rules:
        if set(rule) != {"apiGroups", "resources", "verbs"} or any("*" in v for values in rule.values() for v in values):
            faults.append(f"too wide: {rule}")
        if "secrets" in rule["resources"] and {"get", "list", "watch", "update"} & set(rule["verbs"]):
            faults.append(f"secrets can be read: {rule}")
        if {"pods/exec", "pods/attach", "serviceaccounts/token", "roles", "rolebindings"} & set(rule["resources"]):
            faults.append(f"a way around: {rule}")
    return faults


def faults_of(o: dict) -> list[str]:
    kind, faults = o["kind"], []
    if kind not in KINDS or o["apiVersion"] != KINDS[kind][0]:
        return [f"{o['apiVersion']} {kind} is not known"]
    faults += [f"unknown field {k}" for k in o if k not in {"apiVersion", "kind", "metadata", *KINDS[kind][1]}]
    faults += [f"unknown field metadata.{k}" for k in o["metadata"] if k not in META]
    faults += [f"unknown field spec.{k}" for k in o.get("spec", {}) if k not in SPECS[kind]]
    if kind != "Namespace" and o["metadata"].get("namespace") != "dhow":
        faults.append("in no namespace")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", o["metadata"]["name"]):
        faults.append("a name that none can have")
    if kind == "ServiceAccount" and o["automountServiceAccountToken"] is not False:
        faults.append("the account's token is mounted by itself")
    if kind == "Role":
        faults += rule_faults(o["rules"])
    if kind == "Secret" and o.get("stringData") or kind == "Secret" and "data" in o:
        faults.append("a secret in a manifest")
    if kind == "Deployment":
        faults += pod_faults(o["spec"]["template"]["spec"])
        labels = o["spec"]["template"]["metadata"]["labels"].items()
        if not o["spec"]["selector"]["matchLabels"].items() <= labels or o["spec"]["strategy"] != {"type": "Recreate"}:
            faults.append("does not select its own pods, or two of them at a time")
    if kind == "Namespace" and o["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") not in ("baseline", "restricted"):
        faults.append("no Pod Security")
    return faults


def rules() -> None:
    everything = {}
    for store, more in STORE.items():
        for o in printed("--overlay", store, *more, *itertools.chain(*(["--overlay", x] for x in OVERLAYS if x not in STORE))):
            everything[(store, name(o))] = o
    for (store, key), o in sorted(everything.items()):
        faults = faults_of(o)
        if faults or store == "minio" or key == "ConfigMap/kfp-launcher":
            check(not faults, key, "\n".join(faults))
    o = {k: v for (store, k), v in everything.items() if store == "minio"}
    check([n for n in o if n.startswith("RoleBinding")] and all(b["roleRef"]["name"] in {r["metadata"]["name"] for r in o.values() if r["kind"] == "Role"}
                                                              and {s["name"] for s in b["subjects"]} <= {"dhow-server", "dhow-executor"}
                                                              for b in o.values() if b["kind"] == "RoleBinding"), "the steps' account has no rights")
    deny = o["NetworkPolicy/dhow-deny"]["spec"]
    check(deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "what is not named is refused")
    for service in (s for s in o.values() if s["kind"] == "Service"):
        pods = [d for d in o.values() if d["kind"] == "Deployment" and service["spec"]["selector"].items() <= d["spec"]["template"]["metadata"]["labels"].items()]
        ports = {p["name"] for d in pods for c in d["spec"]["template"]["spec"]["containers"] for p in c["ports"]}
        check(len(pods) == 1 and {p["targetPort"] for p in service["spec"]["ports"]} <= ports, f"{name(service)} leads to a pod")
    for budget in (b["spec"] for b in o.values() if b["kind"] == "PodDisruptionBudget"):
        chosen = [d["spec"] for d in o.values() if d["kind"] == "Deployment" and budget["selector"]["matchLabels"].items() <= d["spec"]["template"]["metadata"]["labels"].items()]
        check(len(chosen) == 1 and budget["maxUnavailable"] >= chosen[0]["replicas"] and "minAvailable" not in budget, "the budget is that of one Deployment, and lets its node be drained", str(budget))
    claims = {n.split("/")[1] for n in o if n.startswith("PersistentVolumeClaim")}
    used = {v["persistentVolumeClaim"]["claimName"] for d in o.values() if d["kind"] == "Deployment" for v in d["spec"]["template"]["spec"]["volumes"] if "persistentVolumeClaim" in v}
    check(claims == used, "every volume is used, and is there", f"{claims} {used}")
    server = o["Deployment/dhow-server"]["spec"]["template"]["spec"]["containers"][0]
    known = dhow("serve", "--help").stdout
    missing = [a for a in server["args"] if a.startswith("--") and a.split("=")[0] not in known]
    check(not missing, "the server takes the options that it is given", str(missing))
    given = {e["name"] for e in server["env"]}
    check({v for a in server["args"] for v in re.findall(r"\$\((\w+)\)", a)} <= given, "and their variables are set")
    refs = {(k, r["name"], r["key"]) for e in server["env"] for k, r in e.get("valueFrom", {}).items() if k == "configMapKeyRef" and not r.get("optional")}
    check(all(key in o[f"ConfigMap/{n}"]["data"] for _, n, key in refs), "and what they refer to is there", str(refs))
    version = dhow("version").stdout
    check(server["image"] == f"dhow/server:{re.search(r'[0-9.]+[0-9]', version)[0]}", "the image is this version's", server["image"] + version)


def chart() -> None:
    """`dhow deploy chart`: by Helm it is what `dhow deploy` prints, without the namespace, which is Helm's to make."""
    helm = shutil.which("helm")
    with tempfile.TemporaryDirectory(prefix="dhow-chart-") as top:
        r = dhow("deploy", "chart", f"{top}/c", "--overlay", "s3", "--pipeline-root", "s3://b/c", "--registry", "reg.example/team")
        values = yaml.safe_load(pathlib.Path(top, "c/values.yaml").read_text()) if not r.returncode else {}
        check(values.get("overlays") == ["s3"] and values["s3"] == {"root": "s3://b/c", "endpoint": "", "port": 443} and values["images"]["server"].startswith("reg.example/team/server:")
              and yaml.safe_load(pathlib.Path(top, "c/Chart.yaml").read_text())["name"] == "dhow", "a chart is written, with what was chosen as its values", says(r) + str(values))
        if not helm:
            skip("the chart by Helm", "helm is not here (make deploy-test gets it)")
            return
        r = subprocess.run([helm, "lint", "--strict", f"{top}/c"], capture_output=True, text=True, check=False)
        check(r.returncode == 0, "helm lint --strict", r.stdout + r.stderr)
        every = [o for o in OVERLAYS if o not in ("s3", "argo")]
        for sets, args in (((f"overlays={{{','.join(every)}}}",), (*itertools.chain(*(["--overlay", o] for o in every)), "--registry", "reg.example/team")),
                           (("s3.endpoint=http://s:9000", "s3.port=9000", "images.server=r/s:1"), ("--overlay", "s3", "--pipeline-root", "s3://b/c", "--s3-endpoint", "http://s:9000", "--registry", "reg.example/team", "--image", "server=r/s:1"))):
            r = subprocess.run([helm, "template", "dhow", f"{top}/c", "-n", "team-a", *itertools.chain(*(["--set", s] for s in sets))], capture_output=True, text=True, check=False)
            made = {name(o): o for o in yaml.safe_load_all(r.stdout) if o}
            ours = {name(o): o for o in printed("-n", "team-a", *args) if o["kind"] != "Namespace"}
            differ = [k for k in {*made, *ours} if made.get(k) != ours.get(k)]
            check(len(ours) > 15 and not differ, f"Helm makes the same: {' '.join(sets)}", r.stderr + "\n".join(f"{k}: {made.get(k)} {ours.get(k)}" for k in differ[:2]))
        r = subprocess.run([helm, "template", f"{top}/c", "--set", "s3.root="], capture_output=True, text=True, check=False)
        check(r.returncode != 0 and "expected s3://BUCKET/PATH" in r.stderr, "a bucket that is not named is said", r.stderr)


def command() -> None:
    for args, words in (((), "say where artifacts go"), (("--overlay", "minio", "--overlay", "s3"), "say where"), (("--overlay", "nope"), "nope"), (("-n", "A_b", "--overlay", "minio"), "--namespace"),
                        (("--overlay", "s3", "--pipeline-root", "/x"), "expected s3://"), (("--overlay", "s3", "--pipeline-root", "s3://a\nb: c"), "no blanks"),
                        (("--overlay", "minio", "--image", "x=y"), "expected server="), (("--overlay", "minio", "what"), "expected 'secrets'")):
        r = dhow("deploy", *args)
        check(r.returncode == 2 and words in r.stderr and not r.stdout, f"refused: {' '.join(args) or 'without a store'}".replace("\n", " "), says(r))
    check(set(re.search(r"--overlay.*?\n\s*-n", dhow("deploy", "--help").stdout, re.S)[0].replace(",", " ").split()) >= set(OVERLAYS), "--help names every overlay")
    o = {name(x): x for x in printed("--overlay", "s3", "--pipeline-root", "s3://b/c", "--s3-endpoint", "http://s:9000", "--registry", "reg.example/team", "--image", "launcher=reg/l@sha256:00")}
    text = str(o)
    check([o["NetworkPolicy/dhow-to-bucket"]["spec"]["egress"][0]["ports"][0]["port"]] == [9000], "the endpoint's port is open")
    for endpoint, port in (("https://s", 443), ("http://s/", 80), ("http://ceph:7480/", 7480)):
        made = {name(x): x for x in printed("--overlay", "s3", "--s3-endpoint", endpoint)}
        check(made["NetworkPolicy/dhow-to-bucket"]["spec"]["egress"] == [{"ports": [{"protocol": "TCP", "port": port}]}], f"that of {endpoint} is {port}")
    check(o["ConfigMap/kfp-launcher"]["data"] == {"defaultPipelineRoot": "s3://b/c", "endpoint": "http://s:9000"} and "reg.example/team/server:" in text and "reg/l@sha256:00" in text
          and "dhow/launcher" not in text, "root, endpoint, registry and images are set")
    first, second = dhow("deploy", "secrets", "--overlay", "minio", "--overlay", "postgres"), dhow("deploy", "secrets", "--overlay", "minio")
    secrets = {name(x): x["stringData"] for x in yaml.safe_load_all(first.stdout) if x}
    token = first.stderr.split()[-1]
    check(set(secrets) == {"Secret/dhow-tokens", "Secret/mlpipeline-minio-artifact", "Secret/dhow-database"} and token not in first.stdout and len(token) == 48
          and secrets["Secret/dhow-database"]["password"] in secrets["Secret/dhow-database"]["url"], "secrets are made", says(first))
    check(second.stderr != first.stderr and "dhow-database" not in second.stdout, "new ones each time, and only those that are wanted", says(second))
    with tempfile.TemporaryDirectory(prefix="dhow-deploy-") as top:
        pathlib.Path(top, "tokens").write_text(secrets["Secret/dhow-tokens"]["tokens"])
        os.chmod(f"{top}/tokens", 0o600)
        from server import Server
        with Server(f"{top}/home", "--tokens", f"{top}/tokens") as s:
            check(s.ask("/apis/v2beta1/runs")[0] == 401 and s.ask("/apis/v2beta1/runs", headers={"Authorization": f"Bearer {token}"})[0] == 200 and s.ask("/readyz")[0] == 200,
                  "and a server takes that token")


same_as_kustomize()
rules()
chart()
command()
done()
