#!/usr/bin/env python3
"""Makes dhow's images without Docker: OCI layouts in a tar, with nothing in them but our program, the libraries that it loads, and an SBOM.

    build.py [--build DIR] [--out DIR] [--registry PREFIX] [--version V] [NAME…]      NAME: server, launcher, component-evaluate, …
    build.py --tree DIR NAME                                                          the files alone, as a Dockerfile copies them

Prints a line an image: NAME DIGEST FILE. Each file NAME.tar can be pushed (`skopeo copy oci-archive:server.tar docker://…`) and loaded (`ctr images import`,
`docker load`, `kind load image-archive`); beside it lies NAME.spdx.json, which is also in the image.

The same programs give the same bytes: names sorted, times of $SOURCE_DATE_EPOCH (or 1970), owners and modes fixed, layers not compressed. Programs are stripped of
what says where they were built. What is not the same: libraries of another version of Debian.
"""
import argparse
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER = 65532
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
# Loaded by name when they are wanted: ldd does not see them (callers of library_load, src/store/db-postgres.c, db-mysql.c).
LOADED = ["libcrypto.so.3", "libcurl.so.4", "libexpat.so.1", "libmicrohttpd.so.12", "libnghttp2.so.14", "libpq.so.5", "libmariadb.so.3"]
STATIC = {"dhow": ["libsqlite3-dev", "libssl-dev", "libuv1-dev", "libyaml-dev", "libzstd-dev", "zlib1g-dev"], "dhow-launch": ["libc6-dev", "libssl-dev"]}
LICENSE = "Apache-2.0"


def version() -> str:
    return re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]


def epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def components() -> list[str]:
    return sorted({p.parent.name for p in ROOT.glob("pipelines/*/components/*/Dockerfile")})


def names() -> list[str]:
    return ["server", "launcher", *(f"component-{c}" for c in components())]


# ---- what goes in ----

def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def libraries(program: pathlib.Path) -> dict[str, pathlib.Path]:
    """Path in the image → file here: what the program is linked with, what it loads, the loader, all of their own, and libc's parts."""
    cache = {}
    for line in output("/sbin/ldconfig", "-p").splitlines():
        found = re.match(r"\s+(\S+) \(.*x86-64.*\) => (\S+)|\s+(\S+) \(.*AArch64.*\) => (\S+)", line)
        if found:
            cache.setdefault(found[1] or found[3], found[2] or found[4])
    missing = [name for name in LOADED if name not in cache]
    if missing:
        sys.exit(f"build.py: not installed here: {' '.join(missing)} (tools/install-deps.sh build)")
    found = {}
    for one in [str(program), *(cache[name] for name in LOADED)]:
        if one != str(program):
            found[one] = one
        for name, path in re.findall(r"^\s*(?:(\S+) => )?(/\S+) \(0x", output("ldd", one), re.M):
            found[path if not name else path] = path
    # Where the loader looks without a cache: one folder for all, but for the loader itself, whose path the program has.
    return {(path if re.match(r".*/ld-linux", path) else f"/usr/lib/{os.path.basename(path)}"): pathlib.Path(path).resolve() for path in sorted(found)}


def stripped(program: pathlib.Path, folder: str) -> pathlib.Path:
    """Without names, and without the one number that says in which folder it was built."""
    to = pathlib.Path(folder, program.name)
    subprocess.run(["strip", "-s", "-R", ".comment", "-R", ".note.gnu.build-id", "-o", str(to), str(program)], check=True)
    return to


class Tree:
    """An image's files: path → (mode, owner, bytes or None for a folder)."""

    def __init__(self):
        self.entries: dict[str, tuple[int, int, bytes | None]] = {}
        self.sources: dict[str, pathlib.Path] = {}

    def folder(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        for parent in [p for p in reversed(pathlib.PurePosixPath(path).parents) if str(p) != "/"]:
            self.entries.setdefault(str(parent), (0o755, 0, None))
        self.entries[path] = (mode, owner, None)

    def file(self, path: str, data: bytes | pathlib.Path, mode: int = 0o644) -> None:
        self.folder(str(pathlib.PurePosixPath(path).parent)) if str(pathlib.PurePosixPath(path).parent) != "/" else None
        if isinstance(data, pathlib.Path):
            self.sources[path] = data
            data = data.read_bytes()
        self.entries[path] = (mode, 0, data)


def tree_of(name: str, build: pathlib.Path, folder: str) -> Tree:
    tree = Tree()
    if name == "launcher":
        tree.file("/dhow-launch", stripped(build / "dhow-launch", folder), 0o755)
        return tree
    program = build / "dhow"
    for path, file in libraries(program).items():
        tree.file(path, file, 0o755)
    tree.file("/usr/bin/dhow", stripped(program, folder), 0o755)
    tree.file("/etc/ssl/certs/ca-certificates.crt", pathlib.Path("/etc/ssl/certs/ca-certificates.crt"))
    tree.file("/etc/passwd", f"root:x:0:0:root:/root:/sbin/nologin\ndhow:x:{USER}:{USER}:dhow:/var/lib/dhow:/sbin/nologin\n".encode())
    tree.file("/etc/group", f"root:x:0:\ndhow:x:{USER}:\n".encode())
    tree.file("/etc/nsswitch.conf", b"hosts: files dns\n")
    tree.folder("/tmp", 0o1777)
    tree.folder("/var/lib/dhow", 0o700, USER)
    if name == "server":
        tree.file("/usr/bin/dhow-launch", stripped(build / "dhow-launch", folder), 0o755)
        zones = pathlib.Path("/usr/share/zoneinfo")
        for path in sorted(zones.rglob("*")):
            if path.is_file() and path.relative_to(zones).parts[0] not in ("posix", "right"):
                tree.file(str(path), path)
    return tree


# ---- SBOM: SPDX 2.3 ----

def packages(files: dict[str, pathlib.Path]) -> dict[str, list[str]]:
    """Debian package → paths in the image."""
    owners: dict[str, list[str]] = {}
    by_file: dict[str, list[str]] = {}
    for path, file in files.items():
        for spelled in {str(file), str(file).removeprefix("/usr"), str(file.resolve())}:
            by_file.setdefault(spelled, []).append(path)
    listed = sorted(by_file)
    for at in range(0, len(listed), 500):
        answer = subprocess.run(["dpkg-query", "-S", *listed[at:at + 500]], capture_output=True, text=True, check=False).stdout
        for line in answer.splitlines():
            package, _, file = line.partition(": ")
            for path in by_file.get(file, []):
                where = owners.setdefault(package.split(",")[0], [])
                if path not in where:
                    where.append(path)
    return owners


def describe_package(name: str) -> dict:
    full, source = output("dpkg-query", "-W", "-f", "${Package} ${Version}\n${source:Package}", name).splitlines()[:2]
    package, wanted = full.split()
    return {"SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", package), "name": package, "versionInfo": wanted, "supplier": "Organization: Debian",
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "sourceInfo": f"source package {source}",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": f"pkg:deb/debian/{package}@{wanted}"}]}


def sbom(name: str, what: str, tree: Tree) -> bytes:
    files, relations, found = [], [], {}
    for path, (_, _, data) in sorted(tree.entries.items()):
        if data is not None:
            files.append({"SPDXID": f"SPDXRef-File-{hashlib.sha256(path.encode()).hexdigest()[:16]}", "fileName": "." + path,
                          "checksums": [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()},
                                        {"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()}],
                          "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION"})
    ids = {f["fileName"][1:]: f["SPDXID"] for f in files}
    for owner, paths in sorted(packages({p: s for p, s in tree.sources.items() if "dhow" not in s.name}).items()):
        found[owner] = describe_package(owner)
        relations += [(found[owner]["SPDXID"], "CONTAINS", ids[path]) for path in sorted(paths)]
        relations.append(("SPDXRef-dhow", "DEPENDS_ON" if any("/lib" in p for p in paths) else "CONTAINS", found[owner]["SPDXID"]))
    for path in ids:
        for package in STATIC.get(os.path.basename(path), []):
            found.setdefault(package, describe_package(package))
            relations.append((ids[path], "STATIC_LINK", found[package]["SPDXID"]))
    relations += [("SPDXRef-dhow", "CONTAINS", i) for p, i in sorted(ids.items()) if os.path.basename(p) in ("dhow", "dhow-launch")]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    created = __import__("datetime").datetime.fromtimestamp(epoch(), __import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"dhow-{name}-{what}",
        "documentNamespace": f"https://spdx.org/spdxdocs/dhow-{name}-{what}-{digest}",
        "creationInfo": {"created": created, "creators": ["Tool: dhow-images-build"]},
        "documentDescribes": ["SPDXRef-dhow"],
        "packages": [{"SPDXID": "SPDXRef-dhow", "name": "dhow", "versionInfo": what, "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                      "licenseConcluded": LICENSE, "licenseDeclared": LICENSE, "copyrightText": "NOASSERTION"}, *(found[k] for k in sorted(found))],
        "files": files,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-dhow"}]
        + [{"spdxElementId": a, "relationshipType": b, "relatedSpdxElement": c} for a, b, c in sorted(set(relations))],
    }, indent=1, sort_keys=True).encode() + b"\n"


# ---- the image ----

def tar_of(entries: dict[str, tuple[int, int, bytes | None]]) -> bytes:
    to = io.BytesIO()
    with tarfile.open(fileobj=to, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, (mode, owner, data) in sorted(entries.items()):
            info = tarfile.TarInfo(path.lstrip("/"))
            info.mode, info.uid, info.gid, info.mtime = mode, owner, owner, epoch()
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            info.size = len(data or b"")
            tar.addfile(info, io.BytesIO(data or b""))
    return to.getvalue()


def config_of(name: str, what: str) -> dict:
    title = f"dhow/{name.replace('component-', 'components/')}"
    config = {"User": f"{USER}:{USER}", "WorkingDir": "/", "Env": ["PATH=/usr/bin", "DHOW_HOME=/var/lib/dhow"], "Entrypoint": ["/usr/bin/dhow"],
              "Labels": {"org.opencontainers.image.title": title, "org.opencontainers.image.version": what, "org.opencontainers.image.licenses": LICENSE}}
    if name == "launcher":
        config |= {"Entrypoint": ["/dhow-launch"], "Env": ["PATH=/"]}
    elif name == "server":
        config |= {"ExposedPorts": {"8080/tcp": {}}, "Cmd": ["serve", "--host", "0.0.0.0", "--port", "8080"]}
    else:
        config |= {"Entrypoint": ["/usr/bin/dhow", "component", name.removeprefix("component-")]}
    return config


def image(name: str, tree: Tree, registry: str, what: str, to: pathlib.Path) -> str:
    layer = tar_of(tree.entries)
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, media: str) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)}

    created = __import__("datetime").datetime.fromtimestamp(epoch(), __import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    layer_blob = blob(layer, "application/vnd.oci.image.layer.v1.tar")
    config = blob(json.dumps({"architecture": ARCH.get(platform.machine(), platform.machine()), "os": "linux", "created": created, "config": config_of(name, what),
                              "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]},
                              "history": [{"created": created, "created_by": "dhow deploy/images/build.py"}]}, sort_keys=True).encode(),
                  "application/vnd.oci.image.config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer_blob],
                                "annotations": config_of(name, what)["Labels"]}, sort_keys=True).encode(), "application/vnd.oci.image.manifest.v1+json")
    tag = f"{registry}/{name.replace('component-', 'components/')}:{what}"
    full = tag if "." in tag.split("/")[0] else f"docker.io/{tag}"
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
             "manifests": [{**manifest, "annotations": {"io.containerd.image.name": full, "org.opencontainers.image.ref.name": what}}]}
    entries = {f"/blobs/sha256/{digest}": (0o644, 0, data) for digest, data in blobs.items()}
    entries |= {"/blobs": (0o755, 0, None), "/blobs/sha256": (0o755, 0, None), "/index.json": (0o644, 0, json.dumps(index, sort_keys=True).encode()),
                "/oci-layout": (0o644, 0, b'{"imageLayoutVersion":"1.0.0"}'),
                # What `docker load` of before version 25 reads.
                "/manifest.json": (0o644, 0, json.dumps([{"Config": "blobs/" + config["digest"].replace(":", "/"), "RepoTags": [tag],
                                                           "Layers": ["blobs/" + layer_blob["digest"].replace(":", "/")]}], sort_keys=True).encode())}
    to.write_bytes(tar_of(entries))
    return manifest["digest"]


def write_tree(tree: Tree, to: pathlib.Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for path, (mode, _, data) in sorted(tree.entries.items()):
        at = to / path.lstrip("/")
        if data is None:
            at.mkdir(parents=True, exist_ok=True)
        else:
            at.write_bytes(data)
        at.chmod(mode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="where dhow and dhow-launch were built")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("images"))
    parser.add_argument("--registry", default="dhow")
    parser.add_argument("--version", default=version())
    parser.add_argument("--tree", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    wanted = args.names or names()
    unknown = [n for n in wanted if n not in names()]
    if unknown or (args.tree and len(wanted) != 1):
        parser.error(f"expected {' '.join(names())}" if unknown else "--tree wants one NAME")
    if not shutil.which("dpkg-query"):
        parser.error("the libraries' packages are asked of dpkg-query: build on Debian")
    with tempfile.TemporaryDirectory(prefix="dhow-images-") as folder:
        for name in wanted:
            tree = tree_of(name, args.build, folder)
            spdx = sbom(name, args.version, tree)
            tree.file("/usr/share/doc/dhow/sbom.spdx.json", spdx)
            if args.tree:
                write_tree(tree, args.tree)
                continue
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / f"{name}.spdx.json").write_bytes(spdx)
            file = args.out / f"{name}.tar"
            print(name, image(name, tree, args.registry, args.version, file), file, flush=True)


if __name__ == "__main__":
    main()
