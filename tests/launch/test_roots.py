"""The launcher in images of every kind: it needs nothing of them. As process 1, with a read-only root, as any user."""
import os
import pathlib
import shutil
import subprocess

import pod
from pod import TOP, images
from standin import TOKEN, StandIn
from tap import check, done, says, skip

VOLUMES = ["/dhow", "/minio"]
MUSL_STEP = r"""
#include <stdio.h>
int main(int argc, char **argv)
{
    FILE *in = fopen(argv[1], "r"), *out = fopen(argv[2], "w");
    char line[100] = "";
    if (argc < 3 || !in || !out || !fgets(line, sizeof line, in) || fprintf(out, "musl has read %s", line) < 0)
        return 1;
    return fclose(out) ? 1 : 0;
}
"""


def works() -> bool:
    if not pod.BWRAP:
        return False
    (TOP / "try").mkdir()
    shutil.copy(pod.LAUNCH, TOP / "try" / "launch")
    return pod.in_root(TOP / "try", ["/launch", "--version"], uid=65534).returncode == 0


def pod_of(name: str, s: StandIn | str, uid: int, make=lambda root: None) -> subprocess.CompletedProcess:
    """First the init container, in an image with the launcher alone; then the step's own, which got it by a volume."""
    root, init = TOP / f"{name}-{uid}", TOP / f"{name}-{uid}-init"
    root.mkdir()
    init.mkdir()
    make(root)
    shutil.copy(pod.LAUNCH, init / "dhow-launch")
    volumes = TOP / f"{name}-{uid}-volumes"
    (TOP / f"{name}-{uid}-init-volumes").symlink_to(volumes)
    volumes.mkdir()
    (root / "token").write_text(TOKEN)
    r = pod.in_root(init, ["/dhow-launch", "--copy", "/dhow/launch"], uid=uid, writable=VOLUMES)
    check(r.returncode == 0 and (volumes / "dhow/launch").exists(), f"{name}, user {uid}: the init container, from an image with nothing else", says(r))
    return pod.in_root(root, ["/dhow/launch", *pod.argv(s, "/token")], uid=uid, writable=VOLUMES)


def scratch(uid: int) -> None:
    s = StandIn({"command": ["/dhow/launch", "--version"]})
    s.job |= {"inputs": [{"path": "/minio/b/x", "folder": False, "files": [{"name": "x", **s.put("x", b"bytes")}]}],
              "outputs": {"artifacts": [{"name": "x", "path": "/minio/b/x"}]}}
    r = pod_of("scratch", s, uid)
    check(r.returncode == 0 and r.stdout.startswith("dhow-launch ") and s.objects.get("out/x") == b"bytes" and (TOP / f"scratch-{uid}-volumes/dhow/out/n").read_text() == "3",
          f"an empty, read-only root, user {uid}", says(r))
    s.stop()


def musl(uid: int) -> None:
    loader = pathlib.Path("/lib/ld-musl-x86_64.so.1")
    if not shutil.which("musl-gcc") or not loader.exists():
        skip("an image with musl", "musl-tools is not here")
        return
    (TOP / "step.c").write_text(MUSL_STEP)
    subprocess.run(["musl-gcc", "-o", str(TOP / "step"), str(TOP / "step.c")], check=True)

    def make(root: pathlib.Path) -> None:
        (root / "lib").mkdir()
        shutil.copy(loader, root / "lib" / loader.name)
        shutil.copy(TOP / "step", root / "step")

    s = StandIn({"command": ["/step", "/minio/b/in", "/minio/b/out"]})
    s.job |= {"inputs": [{"path": "/minio/b/in", "folder": False, "files": [{"name": "x", **s.put("x", b"a line")}]}],
              "outputs": {"artifacts": [{"name": "out", "path": "/minio/b/out"}]}}
    r = pod_of("musl", s, uid, make)
    check(r.returncode == 0 and s.objects.get("out/out") == b"musl has read a line", f"an image with musl alone, user {uid}", says(r))
    s.stop()


def shell(uid: int) -> None:
    def make(root: pathlib.Path) -> None:
        images.make_root(root)
        (root / "etc/nsswitch.conf").write_text("hosts: nonsense\n")

    s = StandIn({"command": ["sh", "-c", """
        (sleep 0.1; exit 0) & (true &) ; wait
        echo "user $(id -u)"; touch /bin/x 2>/dev/null || echo read-only
        head -c 1 /proc/1/environ >/dev/null 2>&1 && echo OPEN || echo closed
        head -c 1 /proc/1/mem >/dev/null 2>&1 && echo OPEN
        i=0; while z=$(cat /proc/[0-9]*/stat | grep -c ' Z '); [ "$z" != 0 ] && [ $i -lt 300 ]; do i=$((i + 1)); sleep 0.1; done
        echo "$z"; kill -KILL $$"""], "env": {"PATH": "/bin"}})
    s.job |= {"command": s.job["command"]}
    r = pod_of("shell", s, uid, make)
    check(r.returncode == 137 and f"user {uid}" in r.stdout and "read-only" in r.stdout and s.finishes and s.finishes[0]["signal"] == 9,
          f"as process 1 of a read-only root, user {uid}", says(r))
    lines = r.stdout.splitlines()
    check("0" in lines, "what dies is reaped", says(r))
    if uid:
        check("closed" in lines and "OPEN" not in lines, "the command cannot look into the launcher", says(r))
    s.stop()


def name(uid: int) -> None:
    s = StandIn({"command": ["/dhow/launch", "--version"]})
    s.job |= {"inputs": [{"path": "/minio/x", "folder": False, "files": [{"name": "x", **s.put("x", b"bytes")}]}]}

    def make(root: pathlib.Path) -> None:
        (root / "etc").mkdir()
        # Who opens this waits for ever: the image's settings of OpenSSL, which may name modules, are not read.
        (root / "usr/lib/ssl").mkdir(parents=True)
        os.mkfifo(root / "usr/lib/ssl/openssl.cnf")
        (root / "etc/hosts").write_text("127.0.0.1 the-server.example\n")
        (root / "etc/nsswitch.conf").write_text("hosts: mymachines nonsense\n")

    named = s.url.replace("127.0.0.1", "the-server.example")
    r = pod_of("name", named, uid, make)
    check(r.returncode == 0 and len(s.finishes) == 1, "no settings and no modules of the image's are used", says(r))
    s.stop()


size = pathlib.Path(pod.LAUNCH).stat().st_size
check(size <= 6_000_000, "the launcher has at most 6 MB", str(size))
shown = subprocess.run(["readelf", "-ld", pod.LAUNCH], capture_output=True, text=True, check=False).stdout
check("INTERP" not in shown and "NEEDED" not in shown and shown, "and is static", shown)
if not works():
    skip("images of every kind", "bubblewrap cannot make a root here")
else:
    for user in (0, 65534):
        scratch(user)
        musl(user)
        shell(user)
    name(65534)
done()
