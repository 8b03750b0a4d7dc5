"""A pod for a test: a folder as its root where bubblewrap makes one, else this machine's own; and the launcher in it."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "runtime"))
import images  # noqa: E402,F401  (of tests/runtime)
from standin import TOKEN, StandIn

LAUNCH = os.environ.get("DHOW", "build/dhow") + "-launch"
BWRAP = shutil.which("bwrap")
_TOP = tempfile.TemporaryDirectory(prefix="dhow-launch-", ignore_cleanup_errors=True)
TOP = pathlib.Path(_TOP.name)


def fresh() -> pathlib.Path:
    """A new folder, which goes when the test has ended."""
    return pathlib.Path(tempfile.mkdtemp(dir=TOP))


def token(folder: pathlib.Path) -> str:
    path = folder / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o644)
    return str(path)


def argv(server: StandIn | str, token_file: str, *more) -> list[str]:
    url = server if isinstance(server, str) else server.url
    return ["--run", "r1", "--scope", "root.a", "--iteration", "0.3", "--server", url, "--token-file", token_file, "--pod-name", "pod-1",
            "--pod-uid", "u-1", "--patience", "30", *more]


def start(server, folder: pathlib.Path, *more, env: dict | None = None) -> subprocess.Popen:
    return subprocess.Popen([LAUNCH, *argv(server, token(folder), *more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, text=True, env={**os.environ, **(env or {})})


def run(server, folder: pathlib.Path, *more, env: dict | None = None, timeout: float = 180) -> subprocess.CompletedProcess:
    with start(server, folder, *more, env=env) as p:
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            err += "\nstill running: killed"
        return subprocess.CompletedProcess(p.args, p.returncode, out, err)


def in_root(root: pathlib.Path, command: list[str], *, uid: int = 0, read_only: bool = True, writable: list[str] = ()) -> subprocess.CompletedProcess:
    """Runs a command in a new root, as process 1 of it, as a kubelet would: the network is the machine's, /proc its own."""
    for name in ("proc", "dev", *writable):
        (root / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    outside = root.parent / (root.name + "-volumes")
    binds = []
    for name in writable:
        place = outside / name.strip("/")
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o777)
        binds += ["--bind", str(place), name]
    return subprocess.run([BWRAP, "--unshare-pid", "--unshare-ipc", "--as-pid-1", "--die-with-parent", *(["--unshare-user", "--uid", str(uid), "--gid", str(uid)] if uid else []),
                           "--ro-bind" if read_only else "--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", *binds, "--clearenv", *command],
                          capture_output=True, text=True, timeout=180, check=False)
