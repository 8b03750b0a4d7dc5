#!/usr/bin/env python3
"""A real Kubernetes of one node on this machine, for the tests: no virtual machine, no docker.

etcd, the API server, controllers, scheduler, kubelet and proxy are one program (tools/get-kubernetes.sh
builds it from the Go packages of Kubernetes), containerd and runc are Debian's, Argo Workflows is built
from its own packages too. All of it lives in its own network, mount and process namespaces: it leaves
no rule in the machine's firewall, no mount and no process behind. It needs root.

  cluster.py up       start it, and wait until pods run; prints KUBECONFIG=FILE
  cluster.py down     end it and remove what it kept
  cluster.py restart  end every process of the node at once, as a power cut does, and start it again
  cluster.py status   whether it runs: exit status 0 or 1; prints KUBECONFIG=FILE
  cluster.py load FILE.tar...   bring images into the node
  cluster.py kubectl ARGUMENT...
  cluster.py exec PROGRAM ARGUMENT...   run a program in the node's namespaces

The folder is DHOW_CLUSTER (.tools/cluster); its logs are in log/.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
import images  # noqa: E402
import pki  # noqa: E402

PROGRAMS = images.PROGRAMS
NODE = str(PROGRAMS / "node")
AT = pathlib.Path(os.environ.get("DHOW_CLUSTER", ROOT / ".tools" / "cluster")).resolve()
KUBECONFIG = AT / "kubeconfig"
NUMBER = zlib.crc32(str(AT).encode()) % 0x4000  # by its folder, so that several clusters can run side by side
HOST, ADDRESS = (f"10.87.{NUMBER >> 6}.{(NUMBER & 63) * 4 + end}" for end in (1, 2))  # the two ends of the wire between the machine and the node
PODS, SERVICES, DNS = "10.244.0.0/24", "10.96.0.0/16", "10.96.0.10"
LINK = f"dhow-{NUMBER}"
ARGO_NAMESPACE = "dhow"
PATIENCE = 900  # seconds that anything may take on a busy machine; what comes early is not waited for


def fail(why: str) -> None:
    print(f"cluster: {why}", file=sys.stderr)
    sys.exit(1)


def say(what: str) -> None:
    print(f"cluster: {what}", file=sys.stderr, flush=True)


def run(*argv, check: bool = True, **more) -> subprocess.CompletedProcess:
    result = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False, **more)
    if check and result.returncode:
        fail(f"{' '.join(map(str, argv[:4]))}: {result.stderr.strip() or result.stdout.strip()}")
    return result


def kubectl(*argv, check: bool = True, stdin: str | None = None, timeout: float = PATIENCE) -> subprocess.CompletedProcess:
    return run(NODE, "kubectl", *argv, check=check, input=stdin, timeout=timeout, env={**os.environ, "KUBECONFIG": str(KUBECONFIG), "HOME": str(AT)})


# ---- what each program is told -------------------------------------------------------------------


def containerd_config() -> str:
    return f"""version = 2
root = "{AT}/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "dhow.test/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{AT}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def cni_config() -> dict:
    return {"cniVersion": "1.0.0", "name": "dhow-test", "plugins": [
        {"type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "dataDir": "/var/lib/cni/networks", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}}]}


def kubelet_config() -> dict:
    return {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}, "x509": {"clientCAFile": str(AT / "pki/ca.crt")}},
            "authorization": {"mode": "Webhook"}, "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs", "cgroupsPerQOS": False, "enforceNodeAllocatable": [], "failCgroupV1": False, "failSwapOn": False,
            "featureGates": {"KubeletInUserNamespace": True}, "clusterDNS": [DNS], "clusterDomain": "cluster.local", "maxPods": 200,
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99, "imageMinimumGCAge": "24h",
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%", "imagefs.available": "1%"},
            "podLogsDir": "/var/log/pods", "resolvConf": str(AT / "resolv.conf"), "nodeStatusReportFrequency": "30s", "syncFrequency": "20s"}


def proxy_config() -> dict:
    return {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "clientConnection": {"kubeconfig": str(AT / "pki/proxy.kubeconfig")},
            "mode": "iptables", "clusterCIDR": PODS, "hostnameOverride": "node",
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}, "iptables": {"minSyncPeriod": "100ms"}}


def programs() -> list[tuple[str, list[str]]]:
    """The processes of the node in the order of their start."""
    k = AT / "pki"
    server = f"--tls-cert-file={k}/apiserver.crt --tls-private-key-file={k}/apiserver.key --client-ca-file={k}/ca.crt"
    lines = {
        "containerd": f"containerd --config {AT}/containerd.toml",
        "etcd": f"{NODE} etcd --data-dir {AT}/etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 "
                "--listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380 "
                "--unsafe-no-fsync --log-level warn",
        "apiserver": f"{NODE} apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address={ADDRESS} --secure-port=6443 --service-cluster-ip-range={SERVICES} {server} "
                     f"--service-account-issuer=https://kubernetes.default.svc --service-account-key-file={k}/sa.pub --service-account-signing-key-file={k}/sa.key "
                     f"--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true --kubelet-client-certificate={k}/admin.crt "
                     f"--kubelet-client-key={k}/admin.key --kubelet-preferred-address-types=InternalIP --service-node-port-range=30000-32767",
        "controllers": f"{NODE} controllers --kubeconfig={k}/controllers.kubeconfig --use-service-account-credentials=true --root-ca-file={k}/ca.crt "
                       f"--service-account-private-key-file={k}/sa.key --cluster-signing-cert-file={k}/ca.crt --cluster-signing-key-file={k}/ca.key --leader-elect=false "
                       "--terminated-pod-gc-threshold=2000",
        "scheduler": f"{NODE} scheduler --kubeconfig={k}/scheduler.kubeconfig --leader-elect=false",
        "kubelet": f"{NODE} kubelet --config={AT}/kubelet.json --kubeconfig={k}/kubelet.kubeconfig --root-dir={AT}/kubelet --cert-dir={AT}/kubelet-pki "
                   f"--hostname-override=node --node-ip={ADDRESS} --node-labels=dhow.test/node=one",
        "proxy": f"{NODE} proxy --config={AT}/proxy.json",
    }
    return [(name, line.split()) for name, line in lines.items()]


# ---- the first process of the node ----------------------------------------------------------------


class Node:
    """Process 1 of the node's namespaces: starts the programs, starts again one that ends, reaps."""

    def __init__(self):
        self.pids: dict[int, str] = {}
        self.argv = dict(programs())
        self.since: dict[str, float] = {}

    def mounts(self) -> None:
        """What the programs write to fixed places goes to the cluster's folder, or is gone with it."""
        run("mount", "--make-rprivate", "/")
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for place, to in {"/var/log": "varlog", "/var/lib/cni": "varcni"}.items():
            (AT / to).mkdir(parents=True, exist_ok=True)
            pathlib.Path(place).mkdir(parents=True, exist_ok=True)
            run("mount", "--bind", AT / to, place)
        pathlib.Path("/run/netns").mkdir()

    def network(self) -> None:
        for _ in range(200):  # the other end of the wire is given by the process outside
            if run("ip", "link", "show", "eth0", check=False).returncode == 0:
                break
            time.sleep(0.05)
        for command in ("link set lo up", f"addr add {ADDRESS}/30 dev eth0", "link set eth0 up", f"route add default via {HOST}"):
            run("ip", *command.split())
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        for key in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
            at = pathlib.Path("/proc/sys/net/bridge") / key
            if at.exists():
                at.write_text("1")
        self.policies()

    def policies(self) -> None:
        """What pods send is judged by the program that enforces NetworkPolicies (manifests/policies.yaml); while it is not there, everything
        passes. The rules are its own, said to iptables: nftables' queue is not in every kernel. It would pass what goes to the node that
        the pod is on; the API server is there, so here that is judged as well."""
        for rule in ("POSTROUTING -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN", "POSTROUTING -m owner --uid-owner 0 -j RETURN", f"POSTROUTING -s {PODS} -j QUEUED",
                     f"POSTROUTING -d {PODS} -j QUEUED", "INPUT -i pods0 -m conntrack --ctstate NEW -j QUEUED"):
            run("iptables", "-t", "mangle", "-A", *rule.replace("QUEUED", "NFQUEUE --queue-num 100 --queue-bypass").split())

    def start(self, name: str) -> None:
        log = open(AT / "log" / f"{name}.log", "ab")
        env = {**os.environ, "HOME": str(AT), "GOMAXPROCS": "2"}
        child = subprocess.Popen(self.argv[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=AT, start_new_session=True)
        log.close()
        self.pids[child.pid] = name
        self.since[name] = time.monotonic()
        child.returncode = 0  # reaped below, with all the others

    def live(self) -> None:
        for name in self.argv:
            self.start(name)
            time.sleep(0.3)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            pid, _ = os.wait()
            name = self.pids.pop(pid, None)
            if name:
                if time.monotonic() - self.since[name] < 5:
                    time.sleep(1)
                self.start(name)


def node_main() -> None:
    node = Node()
    node.mounts()
    node.network()
    node.live()


# ---- from outside ------------------------------------------------------------------------------------


def first_pid() -> int | None:
    """The first process of the node as the machine sees it, where it lives."""
    try:
        pid = int((AT / "pid").read_text())
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if b"--node" in words and str(AT).encode() in words else None


def inside(*argv) -> list[str]:
    pid = first_pid()
    if pid is None:
        fail("it does not run")
    return ["nsenter", "--target", str(pid), "--mount", "--net", "--pid", "--", *map(str, argv)]


def ctr(*argv, check: bool = True, timeout: float = PATIENCE) -> subprocess.CompletedProcess:
    return run(*inside("ctr", "--address", "/run/containerd/containerd.sock", "-n", "k8s.io", *argv), check=check, timeout=timeout)


def wait_for(what: str, ready, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if first_pid() is None:
            fail(f"the node ended while it waited for {what}; see {AT}/log")
        if time.monotonic() > end:
            fail(f"{what}: not after {seconds:.0f} seconds; see {AT}/log")
        time.sleep(0.5)


def needed() -> None:
    if os.geteuid() != 0:
        fail("root is needed: the node makes namespaces and mounts (or give the tests another cluster by KUBECONFIG)")
    for program in ("containerd", "runc", "unshare", "nsenter", "ip", "iptables", "conntrack", "openssl"):
        if not shutil.which(program):
            fail(f"there is no {program}; tools/install-deps.sh cluster installs what is needed")
    for program in ("node", "workflow-controller", "argoexec", "coredns", "policies"):
        if not (PROGRAMS / program).exists():
            fail(f"there is no {PROGRAMS}/{program}; tools/get-kubernetes.sh builds it")


def write_files() -> None:
    for folder in ("log", "cni", "kubelet", "images"):
        (AT / folder).mkdir(parents=True, exist_ok=True)
    (AT / "etcd").mkdir(mode=0o700, exist_ok=True)
    (AT / "containerd.toml").write_text(containerd_config())
    (AT / "cni" / "10-pods.conflist").write_text(json.dumps(cni_config()))
    (AT / "kubelet.json").write_text(json.dumps(kubelet_config()))
    (AT / "proxy.json").write_text(json.dumps(proxy_config()))
    (AT / "resolv.conf").write_text("")
    if not KUBECONFIG.exists():
        pki.make(AT / "pki", ADDRESS, SERVICES)
        shutil.copyfile(AT / "pki" / "admin.kubeconfig", KUBECONFIG)
        KUBECONFIG.chmod(0o600)


def start_node() -> None:
    run("ip", "link", "del", LINK, check=False)
    with open(AT / "log" / "node.log", "ab") as log:
        outer = subprocess.Popen(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, str(HERE / "cluster.py"), "--node", str(AT)],
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "DHOW_CLUSTER": str(AT)})
    children = pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    for _ in range(100):
        if outer.poll() is not None:
            fail(f"the node did not start; see {AT}/log/node.log")
        if found := children.read_text().split():
            break
        time.sleep(0.05)
    (AT / "pid").write_text(found[0])
    for _ in range(100):
        if first_pid():
            break
        time.sleep(0.05)
    run("ip", "link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", found[0])
    run("ip", "addr", "add", f"{HOST}/30", "dev", LINK)
    run("ip", "link", "set", LINK, "up")


def load(archives: list[pathlib.Path]) -> None:
    for archive in archives:
        ctr("images", "import", archive)


def argo() -> None:
    """Argo's own manifests of the version that was built, from its Go module, in a namespace of its own."""
    folder = run("go", "list", "-m", "-f", "{{.Dir}}", f"github.com/argoproj/argo-workflows/v4@{images.ARGO}", cwd="/", check=False).stdout.strip()
    if not folder:
        folder = json.loads(run("go", "mod", "download", "-json", f"github.com/argoproj/argo-workflows/v4@{images.ARGO}", cwd="/").stdout)["Dir"]
    install = AT / "argo"
    install.mkdir(exist_ok=True)
    text = (HERE / "manifests" / "argo.yaml").read_text()
    text = text.replace("MODULE", os.path.relpath(folder, install)).replace("VERSION", images.ARGO).replace("NAMESPACE", ARGO_NAMESPACE)
    (install / "kustomization.yaml").write_text(text)
    rendered = kubectl("kustomize", "--load-restrictor", "LoadRestrictionsNone", install).stdout
    kubectl("create", "namespace", ARGO_NAMESPACE, check=False)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=rendered)


def manifest(name: str) -> str:
    return (HERE / "manifests" / f"{name}.yaml").read_text().replace("DNS_ADDRESS", DNS).replace("HOST_ADDRESS", ADDRESS)


@contextlib.contextmanager
def enforced():
    """NetworkPolicies hold meanwhile: each new connection of a pod is judged by a program, which has its price."""
    kubectl("apply", "-f", "-", stdin=manifest("policies"))
    try:
        kubectl("-n", "kube-system", "rollout", "status", "daemonset/policies", f"--timeout={PATIENCE}s")
        yield
    finally:
        kubectl("delete", "-f", "-", "--wait=true", stdin=manifest("policies"))


def up() -> None:
    needed()
    if first_pid():
        say("it runs already")
        print(f"KUBECONFIG={KUBECONFIG}")
        return
    begin = time.monotonic()
    write_files()
    start_node()
    wait_for("containerd", lambda: ctr("version", check=False).returncode == 0)
    load(images.make(AT / "images", ["pause", "coredns", "policies", "workflow-controller", "argoexec"]))
    wait_for("the API server", lambda: kubectl("get", "--raw", "/readyz", check=False).returncode == 0)
    say(f"the API server answers after {time.monotonic() - begin:.1f} s")
    wait_for("the node", lambda: "True" in kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}", check=False).stdout)
    kubectl("apply", "-f", "-", stdin=manifest("coredns"))
    argo()
    for namespace, what in (("kube-system", "deployment/coredns"), (ARGO_NAMESPACE, "deployment/workflow-controller")):
        kubectl("-n", namespace, "rollout", "status", what, f"--timeout={PATIENCE}s")
    say(f"pods run after {time.monotonic() - begin:.1f} s")
    print(f"KUBECONFIG={KUBECONFIG}")


def stop_node() -> None:
    pid = first_pid()
    if pid is None:
        return
    os.kill(pid, signal.SIGKILL)  # the first process of the namespace: all others end with it
    for _ in range(200):
        if first_pid() is None:
            break
        time.sleep(0.05)
    run("ip", "link", "del", LINK, check=False)
    (AT / "pid").unlink(missing_ok=True)
    for top in pathlib.Path("/sys/fs/cgroup").glob("*/k8s.io"):
        for folder in sorted(top.rglob("*/"), key=lambda p: -len(p.parts)) + [top]:
            try:
                folder.rmdir()
            except OSError:
                pass


def down() -> None:
    stop_node()
    if AT.exists() and (AT / "containerd.toml").exists():
        shutil.rmtree(AT, ignore_errors=True)


def restart() -> None:
    stop_node()
    start_node()
    wait_for("the API server", lambda: kubectl("get", "--raw", "/readyz", check=False).returncode == 0)


def main() -> None:
    command, rest = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if command == "--node":
        node_main()
    elif command in ("up", "down", "restart"):
        {"up": up, "down": down, "restart": restart}[command]()
    elif command == "status":
        if not first_pid():
            sys.exit(1)
        print(f"KUBECONFIG={KUBECONFIG}")
    elif command == "load":
        load([pathlib.Path(p).resolve() for p in rest])
    elif command == "exec":
        os.execvp("nsenter", inside(*rest))
    elif command == "kubectl":
        os.environ["KUBECONFIG"] = str(KUBECONFIG)
        os.execv(NODE, ["node", "kubectl", *rest])
    else:
        print(__doc__)
        sys.exit(0 if command in ("--help", "-h", "help") else 2)


if __name__ == "__main__":
    main()
