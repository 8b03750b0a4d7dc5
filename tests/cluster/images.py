#!/usr/bin/env python3
"""Makes the images of the test cluster from files of this machine, without a registry or an engine.

An image is an archive in the OCI layout with docker's manifest beside it, so `ctr images import`,
`kind load image-archive`, `docker load` and `podman load` all take it. The same files give the same
bytes: times are 0, owners are 0, names are sorted.

  images.py FOLDER [NAME...]   make these (all that can be made here, without names) in FOLDER
  images.py --list             what there is
"""
import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".tools" / "kubernetes"
HERE = pathlib.Path(__file__).resolve().parent
ARGO = "v4.0.7"


class Layer:
    """The files of an image, one layer: a dictionary of path to what is there."""

    def __init__(self):
        self.entries: dict[str, tuple] = {}

    def folder(self, path: str, mode: int = 0o755) -> None:
        path = path.strip("/")
        if not path or path in self.entries:
            return
        self.folder(os.path.dirname(path))
        self.entries[path] = ("folder", mode, None)

    def text(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = ("bytes", mode, content.encode() if isinstance(content, str) else content)

    def link(self, path: str, target: str) -> None:
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = ("link", 0o777, target)

    def file(self, path: str, source: str | pathlib.Path, mode: int | None = None) -> None:
        source = pathlib.Path(source).resolve()
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = ("file", mode or (source.stat().st_mode & 0o755), source)

    def tree(self, path: str, source: str | pathlib.Path, leave: str = r"__pycache__$|\.pyc$|/tests?$") -> None:
        """A folder with all that is in it but the names that `leave` finds."""
        for base, folders, files in os.walk(source):
            folders[:] = [name for name in folders if not re.search(leave, f"{base}/{name}")]
            inside = os.path.join(path, os.path.relpath(base, source))
            self.folder(os.path.normpath(inside))
            for name in folders + files:
                at, whole = os.path.normpath(os.path.join(inside, name)), os.path.join(base, name)
                if re.search(leave, whole):
                    continue
                if os.path.islink(whole):
                    self.link(at, os.readlink(whole))
                elif os.path.isfile(whole):
                    self.file(at, whole)

    def program(self, path: str, source: str | pathlib.Path) -> None:
        """A program with the shared libraries that it is linked with, where it looks for them."""
        self.file(path, source, 0o755)
        self.libraries(source)

    def libraries(self, source: str | pathlib.Path) -> None:
        said = subprocess.run(["ldd", str(source)], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+)", said):
            if os.path.exists(library):
                self.file(library, library, 0o755)

    def write(self, to: pathlib.Path) -> str:
        """The layer as a tar; its digest is returned."""
        with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as tar:
            for path, (kind, mode, what) in sorted(self.entries.items()):
                info = tarfile.TarInfo(path)
                info.mode = mode
                if kind == "folder":
                    info.type = tarfile.DIRTYPE
                    tar.addfile(info)
                elif kind == "link":
                    info.type, info.linkname = tarfile.SYMTYPE, what
                    tar.addfile(info)
                elif kind == "bytes":
                    info.size = len(what)
                    tar.addfile(info, io.BytesIO(what))
                else:
                    info.size = what.stat().st_size
                    with open(what, "rb") as source:
                        tar.addfile(info, source)
        with open(to, "rb") as done:
            return hashlib.file_digest(done, "sha256").hexdigest()


def archive(names: list[str], layer: Layer, config: dict, to: pathlib.Path) -> None:
    """Writes the image as one archive that every engine loads."""
    with tempfile.TemporaryDirectory(dir=to.parent) as scratch:
        tar = pathlib.Path(scratch) / "layer.tar"
        digest = layer.write(tar)
        image = json.dumps({"architecture": "amd64", "os": "linux", "config": config, "created": "1970-01-01T00:00:00Z",
                            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}, "history": [{"created": "1970-01-01T00:00:00Z"}]}).encode()
        image_digest = hashlib.sha256(image).hexdigest()
        oci = "application/vnd.oci.image"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": f"{oci}.manifest.v1+json",
                               "config": {"mediaType": f"{oci}.config.v1+json", "digest": f"sha256:{image_digest}", "size": len(image)},
                               "layers": [{"mediaType": f"{oci}.layer.v1.tar", "digest": f"sha256:{digest}", "size": tar.stat().st_size}]}).encode()
        manifest_digest = hashlib.sha256(manifest).hexdigest()
        index = {"schemaVersion": 2, "manifests": [
            {"mediaType": f"{oci}.manifest.v1+json", "digest": f"sha256:{manifest_digest}", "size": len(manifest),
             "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.split(":")[-1]}} for name in names]}
        dockers = [{"Config": f"blobs/sha256/{image_digest}", "RepoTags": names, "Layers": [f"blobs/sha256/{digest}"]}]
        part = to.with_suffix(".part")
        with tarfile.open(part, "w") as out:
            def add(path: str, content: bytes) -> None:
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(content), 0o644
                out.addfile(info, io.BytesIO(content))
            add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            add("index.json", json.dumps(index).encode())
            add("manifest.json", json.dumps(dockers).encode())
            add(f"blobs/sha256/{image_digest}", image)
            add(f"blobs/sha256/{manifest_digest}", manifest)
            info = tarfile.TarInfo(f"blobs/sha256/{digest}")
            info.size, info.mode = tar.stat().st_size, 0o644
            with open(tar, "rb") as source:
                out.addfile(info, source)
        part.rename(to)


def base() -> Layer:
    """What an image needs to be a place to run in: users, a folder for what is temporary, certificates."""
    layer = Layer()
    layer.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    layer.text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
    layer.folder("/tmp", 0o1777)
    layer.folder("/root", 0o700)
    return layer


def shell() -> Layer:
    """The busybox of Debian with its commands: a small image that has /bin/sh."""
    layer = base()
    busybox = "/bin/busybox"
    layer.file("/bin/busybox", busybox, 0o755)
    for command in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if command != "busybox":
            layer.link(f"/bin/{command}", "busybox")
    layer.link("/usr/bin/env", "/bin/busybox")
    return layer


def pause() -> Layer:
    """The program that holds a pod's namespaces: sleeps, and reaps what is left to it."""
    layer = Layer()
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "pause"
        subprocess.run(["gcc", "-static", "-Os", "-s", "-o", str(program), str(HERE / "pause.c")], check=True)
        layer.text("/pause", program.read_bytes(), 0o755)
    return layer


def one(path: str, source: pathlib.Path) -> Layer:
    """One program, with certificates."""
    layer = base()
    layer.program(path, source)
    with contextlib.suppress(FileNotFoundError):
        layer.file("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
    return layer


def python() -> Layer:
    """The interpreter and the packages of .venv, the SDK among them, where they are on this machine."""
    layer = shell()
    venv = ROOT / ".venv"
    asked = subprocess.run([str(venv / "bin" / "python"), "-c", "import sys, sysconfig; print(sys.base_prefix); print(sysconfig.get_paths()['purelib'])"],
                           capture_output=True, text=True, check=True).stdout.split()
    prefix, packages = map(pathlib.Path, asked)
    version = packages.parent.name
    skip = r"__pycache__$|\.pyc$|/tests?$|/idlelib$|/turtledemo$|/config-3[^/]*$|\.a$|/site-packages$|/include$|/share$"
    layer.tree("/usr/local/lib/" + version, prefix / "lib" / version, skip)
    layer.tree("/usr/local/lib/" + version + "/ensurepip", prefix / "lib" / version / "ensurepip", r"__pycache__$|\.pyc$")
    wanted = r"__pycache__$|\.pyc$|/tests?$|/site-packages/(?:onnxruntime|sklearn|scipy|pandas|numpy|mlflow|botocore|boto3|schemathesis|hypothesis|polars|pyarrow|scikit_learn)[^/]*$"
    layer.tree(f"/usr/local/lib/{version}/site-packages", packages, wanted)
    layer.program(f"/usr/local/bin/{version}", (prefix / "bin" / version).resolve())
    for module in (prefix / "lib" / version / "lib-dynload").glob("*.so"):
        layer.libraries(module)
    for name in ("python", "python3"):
        layer.link(f"/usr/local/bin/{name}", version)
    layer.link("/usr/bin/python3", f"/usr/local/bin/{version}")
    layer.text("/usr/local/bin/pip", f"#!/usr/local/bin/{version}\nfrom pip._internal.cli.main import main\nraise SystemExit(main())\n", 0o755)
    return layer


def minio() -> Layer:
    """MinIO with a shell, as the image that the overlay names has one."""
    layer = shell()
    layer.program("/bin/minio", ROOT / ".tools" / "minio" / "minio")
    return layer


def overlays_minio() -> str:
    """The image that deploy/ names."""
    return re.search(r"image: (\S*minio\S*)", (ROOT / "deploy" / "kubernetes" / "overlays" / "minio" / "minio.yaml").read_text())[1]


PATH = "PATH=/usr/local/bin:/usr/bin:/bin"
IMAGES = {
    "pause": (pause, "dhow.test/pause:1", {"Entrypoint": ["/pause"], "User": "65535:65535"}),
    "shell": (shell, "dhow.test/shell:1", {"Cmd": ["/bin/sh"], "Env": [PATH]}),
    "python": (python, "dhow.test/python:1", {"Cmd": ["python3"], "Env": [PATH, "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"]}),
    "minio": (minio, overlays_minio(), {"Entrypoint": ["/bin/minio"], "Env": [PATH, "HOME=/tmp"], "User": "65534"}),
    "coredns": (lambda: one("/coredns", PROGRAMS / "coredns"), "dhow.test/coredns:1", {"Entrypoint": ["/coredns"]}),
    "policies": (lambda: one("/policies", PROGRAMS / "policies"), "dhow.test/policies:1", {"Entrypoint": ["/policies"]}),
    "workflow-controller": (lambda: one("/bin/workflow-controller", PROGRAMS / "workflow-controller"), f"dhow.test/workflow-controller:{ARGO}",
                            {"Entrypoint": ["workflow-controller"], "Env": [PATH], "User": "8737"}),
    "argoexec": (lambda: one("/bin/argoexec", PROGRAMS / "argoexec"), f"dhow.test/argoexec:{ARGO}", {"Entrypoint": ["argoexec"], "Env": [PATH], "User": "8737"}),
}

def make(folder: pathlib.Path, names: list[str]) -> list[pathlib.Path]:
    """Makes these images anew and returns their archives."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in names:
        build, reference, config = IMAGES[name]
        to = folder / f"{name}.tar"
        archive([reference], build(), config, to)
        made.append(to)
    return made


def ours(folder: pathlib.Path) -> list[pathlib.Path]:
    """dhow's own images, by its own builder: the server, the launcher and a component each."""
    program = pathlib.Path(os.environ.get("DHOW", ROOT / "build" / "dhow")).resolve()
    said = subprocess.run([sys.executable, str(ROOT / "deploy" / "images" / "build.py"), "--build", str(program.parent), "--out", str(folder)],
                          capture_output=True, text=True, check=True).stdout
    return [pathlib.Path(line.split()[-1]) for line in said.splitlines() if line.strip()]


def main() -> None:
    if sys.argv[1:] in ([], ["--list"]):
        print("\n".join(f"{name}\t{reference}" for name, (_, reference, _) in IMAGES.items()))
        return
    for to in make(pathlib.Path(sys.argv[1]), sys.argv[2:] or list(IMAGES)):
        print(to)


if __name__ == "__main__":
    main()
