"""Secrets: a planted value is searched for in the home, the database and its log, logs, command lines, the API; where values come from."""
import base64
import ctypes
import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import urllib.parse

from server import Server
from specs import output, pipeline, step
from tap import DHOW, check, dhow, done, processes, says, skip, until

VALUE = "Tr0ub4dor&3/never-to-be-seen"
OTHER = "line one of the key\nline two of the key\n"


def asking(script: str, keys: dict, mount: str | None = None) -> list:
    """A pipeline with one step that gets keys of secret `db` as variables; and its platform spec."""
    s = pipeline("asking")
    step(s, "ask", script, outputs=("x",), cache=True)
    output(s, "x", "ask", "x")
    k = {"secretAsEnv": [{"secretName": "db", "keyToEnv": [{"secretKey": a, "envVar": b} for a, b in keys.items()]}]}
    if mount:
        k["secretAsVolume"] = [{"secretName": "db", "mountPath": mount}]
    return [s, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-ask": k}}}}}]


def put(folder, docs: list, name: str = "p.yaml") -> pathlib.Path:
    path = pathlib.Path(folder) / name
    path.write_text("---\n".join(json.dumps(d) + "\n" for d in docs))
    return path


def forms(value: str) -> list:
    """The value as it may be written down."""
    raw = value.encode()
    return [raw, base64.b64encode(raw).rstrip(b"=")[:-2], raw.hex().encode(), urllib.parse.quote(value, safe="").encode(), json.dumps(value)[1:-1].encode(), *[x for x in raw.split(b"\n") if x]]


def places(folder, value: str, but: tuple = ()) -> list:
    wanted = forms(value)
    found = []
    for path in pathlib.Path(folder).rglob("*"):
        try:
            if path.is_file() and not any(b in str(path) for b in but) and any(w in path.read_bytes() for w in wanted):
                found.append(str(path))
        except OSError:
            pass
    return found


def command_lines(value: str) -> list:
    return processes(lambda line: any(w in line for w in forms(value)))


def search(folder: pathlib.Path) -> None:
    home = folder / "home"
    dhow("secrets", "set", "db", "password", home=home, stdin=VALUE)
    dhow("secrets", "set", "db", "key", home=home, stdin=OTHER)
    mode = (home / "secrets" / "db" / "password").stat().st_mode & 0o777
    check(mode == 0o600, "it is kept in a file of mode 600", oct(mode))
    script = """grep '^Max core' /proc/self/limits > /dev/stderr
printf %s "$PASSWORD" | head -c 9; sleep 0.3; printf %s "$PASSWORD" | tail -c +10; echo
echo "in the middle: x${PASSWORD}y"; printf %s "$PASSWORD" | base64 -w 0; echo; echo "$KEY"; printf '%s' "$KEY" | head -n 1
cat /tmp/none-such-file-$$ "$PASSWORD"
i=0; while [ ! -e "$GO" ] && [ $i -lt 6000 ]; do sleep 0.1; i=$((i+1)); done
echo said > $out_x; printf %s "$PASSWORD"; exit $CODE"""
    go = folder / "go"
    text = script.replace("$GO", str(go))
    path = put(folder, asking(text.replace("$CODE", "1"), {"password": "PASSWORD", "key": "KEY"}))
    p = subprocess.Popen([DHOW, "run", str(path), "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "DHOW_HOME": str(home)})
    logs = until(lambda: [log for log in (home / "runs").glob("*/*.log") if b"No such file" in log.read_bytes()])
    kept = ("/secrets/db/",)
    check(not places(folder, VALUE, kept) and not places(folder, OTHER, kept), "while it runs: in no file", str(places(folder, VALUE, kept) + places(folder, OTHER, kept)))
    check(not command_lines(VALUE), "while it runs: on no command line", str(command_lines(VALUE)))
    go.touch()
    out, err = p.communicate(timeout=300)
    log = logs[0].read_text()
    check(p.returncode == 1, "the step fails in the end", err)
    check("***bg==" not in log and log.count("***") >= 6 and "in the middle: x***y" in log and log.endswith("***"), "its log is masked, also where it came in pieces", log)
    core = next((line.split()[4] for line in log.splitlines() if line.startswith("Max core")), None)
    check(core in ("1", "0") and (core == "1" or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0), "it dumps no core", log)
    found = places(folder, VALUE, kept) + places(folder, OTHER, kept)
    check(not found, "afterwards: in no file, database or write-ahead log", str(found))
    texts = out + err
    for argv in (("show", "last", "--output", "json"), ("show", "last/ask"), ("logs", "last"), ("runs", "--output", "json"), ("explain", "last"), ("secrets", "--output", "json"), ("secrets", "check", "db")):
        r = dhow(*argv, home=home)
        texts += r.stdout + r.stderr
    check(not any(w in texts.encode() for w in forms(VALUE)) and "***" in texts, "in nothing that is printed", texts)
    served(home)
    path = put(folder, asking(text.replace("$CODE", "0"), {"password": "PASSWORD", "key": "KEY"}, mount=str(folder / "mnt")))
    r = dhow("run", path, home=home)
    found = places(folder, VALUE, kept)
    check(not found, "a mounted secret is gone with its step", str(found) + says(r))
    go.unlink()
    p = subprocess.Popen([DHOW, "run", str(path), "--cache", "off"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "DHOW_HOME": str(home)})
    mounted = until(lambda: places(home, VALUE, kept))  # most often before the step has begun
    p.kill()
    p.wait()
    until(lambda: not places(home, VALUE, kept))
    check(mounted and not places(home, VALUE, kept), "where dhow is killed, a mounted secret goes as well", f"{mounted} {places(home, VALUE, kept)}")
    go.touch()
    dhow("secrets", "set", "db", "password", home=home, stdin="another value entirely")
    again = dhow("run", path, "--output", "json", home=home)
    check(r.returncode == 0 and json.loads(again.stdout)["tasks"][0]["state"] == "CACHED", "the value is no part of the cache's key", says(r) + says(again))


def served(home) -> None:
    """What `dhow serve` answers of the run."""
    if "serve" not in dhow("help").stdout:
        skip("the API", "there is no server")
        return
    with Server(home) as server:
        text = server.ask("/apis/v2beta1/runs?page_size=10", raw=True)[1]
        for run in json.loads(text).get("runs", []):
            text += server.ask("/apis/v2beta1/runs/" + run["run_id"], raw=True)[1]
        check(b"run_id" in text and not any(w in text for w in forms(VALUE)), "in nothing that the API answers")


def sources(folder: pathlib.Path) -> None:
    home = folder / "other"
    path = put(folder, asking('printf %s "$P" | md5sum | head -c 32 > $out_x', {"p": "P"}), "s.yaml")
    import hashlib
    want = hashlib.md5(VALUE.encode(), usedforsecurity=False).hexdigest()

    def run(*args, env=None):
        r = dhow("run", path, "--output", "json", "--cache", "off", *args, home=home, env=env)
        v = json.loads(r.stdout) if r.stdout.startswith("{") else {}
        return v.get("outputs", {}).get("x") == want, (v.get("error") or {}).get("message", "") + r.stderr

    plain = folder / "plain"
    plain.write_text(VALUE)
    plain.chmod(0o644)
    ok, error = run("--secret", f"db/p={plain}")
    check(not ok and "mode 644" in error and "chmod 600" in error, "a file that others can read is refused", error)
    plain.chmod(0o600)
    check(run("--secret", f"db/p={plain}")[0] and run("--secret", f"db/p=file:{plain}")[0], "a file of mode 600")
    check(run("--secret", "db/p=env:PLANTED", env={"PLANTED": VALUE})[0], "a variable")
    ok, error = run("--secret", "db/p=env:PLANTED")
    check(not ok and "the environment has no PLANTED" in error, "a variable that is not there", error)

    r = dhow("secrets", "link", "db/p", "env:PLANTED", home=home)
    check(r.returncode == 0 and "cannot be read now" in r.stderr, "a link to what is not there yet is said", says(r))
    check(run(env={"PLANTED": VALUE})[0], "a link")
    check(json.loads(dhow("secrets", "--output", "json", home=home).stdout)[0]["keys"] == ["p (env:PLANTED)"], "links are listed")
    check(dhow("secrets", "check", "db", home=home, env={"PLANTED": "x"}).stdout == "p\n", "check names keys, not values")
    check(dhow("secrets", "remove", "db", "p", home=home).returncode == 0 and dhow("secrets", "check", "db", home=home).stdout == "", "a link is removed")
    check(dhow("secrets", "link", "db", "env:X", home=home).returncode == 2, "one value is no set")
    (home / "secrets" / "db" / "p").write_text(VALUE)
    (home / "secrets" / "db" / "p").chmod(0o640)
    ok, error = run()
    check(not ok and "mode 640" in error, "a kept file whose mode was loosened is refused", error)
    (home / "secrets" / "db" / "p").unlink()

    if shutil.which("age") and shutil.which("age-keygen"):
        key = folder / "age.key"
        subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
        recipient = next(line.split(": ")[1] for line in key.read_text().splitlines() if "public key" in line)
        subprocess.run(["age", "-r", recipient, "-o", folder / "db.env.age"], input=f"p={VALUE}\nq=2\n".encode(), check=True)
        dhow("secrets", "link", "db", f"age:{folder}/db.env.age", home=home)
        check(run(env={"DHOW_AGE_IDENTITY": str(key)})[0], "a set encrypted with age")
        check(run("--secret", f"db/p=age:{folder}/db.env.age", env={"DHOW_AGE_IDENTITY": str(key)})[0] is False, "as one key it is the whole text")
        ok, error = run(env={"DHOW_AGE_IDENTITY": str(folder / "none.key")})
        check(not ok and "none.key" in error, "no identity", error)
        key.chmod(0o644)
        ok, error = run(env={"DHOW_AGE_IDENTITY": str(key)})
        check(not ok and "mode 644" in error, "an identity that others can read", error)
        key.unlink()
        subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
        ok, error = run(env={"DHOW_AGE_IDENTITY": str(key)})
        check(not ok and "age:" in error and VALUE not in error, "another identity", error)
        dhow("secrets", "remove", "db", home=home)
        found = [f for f in places(folder, VALUE) if f != str(plain)]
        check(not found, "nothing decrypted stays", str(found))
    else:
        skip("age", "no age here")

    r = dhow("secrets", "set", "db", "p", "--keyring", home=home, stdin=VALUE)
    if r.returncode == 3 and "no keyrings" in r.stderr:
        skip("the kernel's keyring", "this system gives none")
    else:
        ok, error = run()
        if r.returncode == 0 and not ok and ("Permission denied" in error or "Required key not available" in error):
            skip("the kernel's keyring", "a process without a session may not read it here")
        else:
            check(r.returncode == 0 and ok, "the kernel's keyring", says(r) + error)
        found = [f for f in places(folder, VALUE) if f != str(plain)]
        check(not found, "then it is in no file", str(found))
        dhow("secrets", "remove", "db", home=home)
        libc = ctypes.CDLL(None)
        key = libc.syscall(250, 10, -4, b"user", b"dhow:db/p", 0) if os.uname().machine == "x86_64" else -1
        if key > 0:
            libc.syscall(250, 3, key)


def main() -> None:
    for part in (search, sources):
        with tempfile.TemporaryDirectory(prefix="dhow-secrets-") as folder:
            part(pathlib.Path(folder))
    done()


main()
