"""The certificates and the kubeconfigs of the test cluster's programs, by openssl."""
import base64
import ipaddress
import json
import pathlib
import subprocess

USERS = {  # name: (subject's name, group)
    "admin": ("dhow-test-admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", None),
    "scheduler": ("system:kube-scheduler", None),
    "kubelet": ("system:node:node", "system:nodes"),
    "proxy": ("system:kube-proxy", None),
}


def openssl(*argv, stdin: str | None = None) -> None:
    subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True, text=True, input=stdin)


def key(at: pathlib.Path) -> None:
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at)
    at.chmod(0o600)


def signed(folder: pathlib.Path, name: str, subject: str, names: str | None) -> None:
    """A certificate by the cluster's authority, for a client, or with names for a server."""
    key(folder / f"{name}.key")
    openssl("req", "-new", "-key", folder / f"{name}.key", "-subj", subject, "-out", folder / f"{name}.csr")
    extensions = f"extendedKeyUsage={'serverAuth' if names else 'clientAuth'}\n" + (f"subjectAltName={names}\n" if names else "")
    (folder / f"{name}.ext").write_text(extensions)
    openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "365",
            "-extfile", folder / f"{name}.ext", "-out", folder / f"{name}.crt")
    for extra in (".csr", ".ext"):
        (folder / f"{name}{extra}").unlink()


def kubeconfig(folder: pathlib.Path, name: str, server: str) -> None:
    def data(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "dhow-test",
              "clusters": [{"name": "dhow-test", "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
              "users": [{"name": name, "user": {"client-certificate-data": data(f"{name}.crt"), "client-key-data": data(f"{name}.key")}}],
              "contexts": [{"name": "dhow-test", "context": {"cluster": "dhow-test", "user": name, "namespace": "dhow"}}]}
    to = folder / f"{name}.kubeconfig"
    to.write_text(json.dumps(config, indent=1))
    to.chmod(0o600)


def make(folder: pathlib.Path, address: str, services: str) -> None:
    """All keys, certificates and kubeconfigs, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    key(folder / "ca.key")
    openssl("req", "-x509", "-new", "-key", folder / "ca.key", "-days", "365", "-subj", "/CN=dhow test cluster", "-out", folder / "ca.crt")
    first = next(ipaddress.ip_network(services).hosts())
    names = ",".join(f"DNS:{n}" for n in ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"))
    signed(folder, "apiserver", "/CN=kube-apiserver", f"{names},IP:{address},IP:{first},IP:127.0.0.1")
    openssl("genrsa", "-out", folder / "sa.key", "2048")
    (folder / "sa.key").chmod(0o600)
    openssl("rsa", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub")
    for name, (user, group) in USERS.items():
        signed(folder, name, (f"/O={group}" if group else "") + f"/CN={user}", None)
        kubeconfig(folder, name, f"https://{address}:6443")
