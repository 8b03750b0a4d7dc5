"""Images without Docker: the same bytes each time, an SBOM that is true, and programs that run with nothing else in the root."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

from tap import DHOW, ROOT, check, done, says, skip

_TOP = tempfile.TemporaryDirectory(prefix="dhow-images-", ignore_cleanup_errors=True)
TOP = pathlib.Path(_TOP.name)
BUILD = pathlib.Path(DHOW).parent
NAMES = ["server", "launcher", "component-evaluate"]


def build(out: str, *args, env: dict | None = None, names: list[str] = NAMES) -> dict[str, str]:
    r = subprocess.run([sys.executable, str(ROOT / "deploy/images/build.py"), "--build", str(args[0] if args else BUILD), "--out", str(TOP / out), *args[1:], *names],
                       capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **(env or {})}, cwd=TOP)
    if r.returncode:
        raise SystemExit(f"Bail out! build.py: {r.stderr}")
    return dict(line.split()[:2] for line in r.stdout.splitlines())


def same_again() -> dict[str, str]:
    first = build("one")
    (TOP / "elsewhere").mkdir()
    for name in ("dhow", "dhow-launch"):  # other times, other folder
        shutil.copyfile(BUILD / name, TOP / "elsewhere" / name)
        (TOP / "elsewhere" / name).chmod(0o700)
    second = build("two", TOP / "elsewhere", env={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"})
    check(first == second and set(first) == set(NAMES), "two builds have the same digests", f"{first}\n{second}")
    check(all((TOP / "one" / f"{n}.tar").read_bytes() == (TOP / "two" / f"{n}.tar").read_bytes() for n in NAMES), "and the same bytes")
    later = build("three", BUILD, env={"SOURCE_DATE_EPOCH": "1700000000"}, names=["launcher"])
    check(later["launcher"] != first["launcher"], "SOURCE_DATE_EPOCH is in it")
    return first


def trees() -> None:
    """What a Dockerfile copies: the layer's files, in a folder that was not there."""
    for name in ("server", "launcher"):
        r = subprocess.run([sys.executable, str(ROOT / "deploy/images/build.py"), "--build", str(BUILD), "--tree", str(TOP / f"tree-{name}" / "image"), name],
                           capture_output=True, text=True, timeout=300, check=False)
        files = [{str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()} for top in (TOP / f"tree-{name}" / "image", TOP / f"root-{name}")]
        check(r.returncode == 0 and files[0] == files[1], f"{name}: --tree writes the files of its image", says(r))


def layout(name: str, digest: str) -> pathlib.Path:
    """Checks the image's form, unpacks it, and gives the folder."""
    at = TOP / f"layout-{name}"
    with tarfile.open(TOP / "one" / f"{name}.tar") as tar:
        tar.extractall(at)  # noqa: S202 - ours
    blobs = {p.name: p.read_bytes() for p in (at / "blobs/sha256").iterdir()}
    check(all(hashlib.sha256(b).hexdigest() == n for n, b in blobs.items()), f"{name}: every blob has its digest")
    entry = json.loads((at / "index.json").read_text())["manifests"][0]
    manifest = json.loads(blobs[entry["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    labels = config["config"]["Labels"]
    check(entry["digest"] == digest and config["rootfs"]["diff_ids"] == [x["digest"] for x in manifest["layers"]] and config["config"]["User"] == "65532:65532"
          and labels["org.opencontainers.image.version"] and entry["annotations"]["io.containerd.image.name"].startswith("docker.io/dhow/"), f"{name}: an OCI image with labels", str(config))
    root = TOP / f"root-{name}"
    with tarfile.open(at / "blobs/sha256" / manifest["layers"][0]["digest"].removeprefix("sha256:")) as tar:
        members = tar.getmembers()
        tar.extractall(root)  # noqa: S202
    check([m.name for m in members] == sorted((m.name for m in members), key=lambda n: "/" + n) and {m.mtime for m in members} == {0}
          and all(m.isdir() or m.isreg() for m in members), f"{name}: a layer in order")
    return root


def bill(name: str, root: pathlib.Path) -> None:
    doc = json.loads((root / "usr/share/doc/dhow/sbom.spdx.json").read_text())
    files = {f["fileName"][1:]: f["checksums"][0]["checksumValue"] for f in doc["files"]}
    there = {"/" + str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file() and p.name != "sbom.spdx.json"}
    check(files == there and doc["spdxVersion"] == "SPDX-2.3", f"{name}: the SBOM names every file with its SHA-256", str(set(files) ^ set(there)))
    ids = {"SPDXRef-DOCUMENT", *(p["SPDXID"] for p in doc["packages"]), *(f["SPDXID"] for f in doc["files"])}
    check(all(r["spdxElementId"] in ids and r["relatedSpdxElement"] in ids for r in doc["relationships"]) and len(ids) == 1 + len(doc["packages"]) + len(doc["files"]),
          f"{name}: and its parts fit")
    packages = {p["name"]: p["versionInfo"] for p in doc["packages"]}
    wanted = {"libssl-dev", "libc6-dev"} if name == "launcher" else {"libc6", "libssl3", "libssl-dev", "libsqlite3-dev"}
    check(wanted <= set(packages) and all(v for v in packages.values()), f"{name}: and the packages they are of", str(packages))
    if name != "launcher":
        owned = {r["relatedSpdxElement"] for r in doc["relationships"] if r["relationshipType"] == "CONTAINS"}
        lost = [f["fileName"] for f in doc["files"] if re.search(r"\.so", f["fileName"]) and f["SPDXID"] not in owned]
        check(not lost, f"{name}: every library has one", str(lost))


def inside(root: pathlib.Path, *command: str, home: pathlib.Path | None = None, background: bool = False):
    for name in ("proc", "dev", "tmp", "var/lib/dhow"):
        (root / name).mkdir(parents=True, exist_ok=True)
    argv = ["bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *(["--bind", str(home), "/var/lib/dhow"] if home else []),
            "--unshare-user", "--uid", "65532", "--gid", "65532", "--unshare-pid", "--die-with-parent", "--clearenv", "--setenv", "PATH", "/usr/bin",
            "--setenv", "DHOW_HOME", "/var/lib/dhow", *command]
    if background:
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)


def serves(root: pathlib.Path) -> None:
    home = TOP / "home"
    home.mkdir()
    with inside(root, "/usr/bin/dhow", "serve", "--port", "0", "--output", "json", home=home, background=True) as p:
        line = p.stdout.readline()
        url = json.loads(line)["url"] if line else ""
        ready = b""
        for _ in range(600) if url else []:
            try:
                ready = urllib.request.urlopen(f"{url}/readyz", timeout=60).read()
                break
            except OSError:
                time.sleep(0.1)
        page = urllib.request.urlopen(url, timeout=60).read() if url else b""
        p.terminate()
        _, err = p.communicate(timeout=120)
        check(bool(ready) and (page[:2] == b"\x1f\x8b" or b"<html" in page), "server: serves from its image, as any user, from a read-only root", f"{ready!r} {page[:40]!r} {err}")
    for db, words in (("postgresql://127.0.0.1:1/x", "refused"), ("mysql://a:b@127.0.0.1:1/x", "")):
        r = inside(root, "/usr/bin/dhow", "--db", db, "runs", home=home)
        check(r.returncode == 3 and "not installed" not in r.stderr and words in r.stderr, f"server: has the client of {db.split(':')[0]}", says(r))
    r = inside(root, "/usr/bin/dhow", "launch", "--version", home=home)
    check(r.returncode == 0 and r.stdout.startswith("dhow-launch"), "server: has the launcher", says(r))


def dockerfiles() -> None:
    for path in sorted([*(ROOT / "deploy/images").glob("Dockerfile.*"), *ROOT.glob("pipelines/*/components/*/Dockerfile")]):
        text = path.read_text()
        last = text[text.rindex("\nFROM "):] if "\nFROM " in text else text
        check(re.search(r'org\.opencontainers\.image\.version="\$\{VERSION\}"', last) and re.search(r"^USER (65532:65532|65534:65534)$", last, re.M)
              and re.search(r'^ENTRYPOINT \[".*"\]$', last, re.M) and "latest" not in text, f"{path.relative_to(ROOT)}: version label, user, entry point")


if not shutil.which("dpkg-query"):
    skip("images", "dpkg-query is not here")
    done()
digests = same_again()
roots = {n: layout(n, digests[n]) for n in NAMES}
for n, r in roots.items():
    bill(n, r)
trees()
for n in ("launcher", "component-evaluate"):
    if not shutil.which("bwrap"):
        skip(f"{n} runs", "bubblewrap is not here")
        continue
    ran = inside(roots[n], *(["/dhow-launch", "--version"] if n == "launcher" else ["/usr/bin/dhow", "component", "evaluate", "--help"]))
    check(ran.returncode == 0 and ran.stdout, f"{n}: runs in its image", says(ran))
if shutil.which("bwrap"):
    serves(roots["server"])
dockerfiles()
done()
