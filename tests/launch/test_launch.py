"""The launcher as a program: what it brings, runs and publishes, by the protocol."""
# run: asan
import json
import os
import pathlib
import signal
import subprocess
import time

import pod
from pod import TOP, fresh
from standin import StandIn
from tap import check, done, says, skip


def sh(text: str, **more) -> dict:
    return {"command": ["sh", "-c", text], **more}


def outputs(at: pathlib.Path, artifacts=("model",), parameters=("n",)) -> dict:
    return {"executor_output": f"{at}/out/executor.json", "parameters": [{"name": n, "path": f"{at}/out/{n}"} for n in parameters],
            "artifacts": [{"name": n, "path": f"{at}/art/{n}"} for n in artifacts]}


def whole() -> None:
    at, s = fresh(), StandIn()
    files = [{"name": f"d/{i}.txt", **s.put(f"in/{i}", f"number {i}".encode())} for i in range(40)]
    s.job |= sh(f"""
        set -e
        cat {at}/in/one; cat {at}/in/many/d/39.txt; cat {at}/in/text; echo "$GREETING $FROM_IMAGE"; echo to-stderr >&2
        printf 7 > {at}/out/n
        echo '{{"parameterValues": {{"m": 1.5}}}}' > {at}/out/executor.json
        mkdir -p {at}/art/model/sub; echo a > {at}/art/model/a; echo b > "{at}/art/model/sub/b ü"; printf x > {at}/art/single
        cat /proc/self/environ /proc/$PPID/cmdline | tr '\\0' '\\n'
        """, env={"GREETING": "hello"}, dirs=[f"{at}/out", f"{at}/art"], beat_s=1,
        inputs=[{"path": f"{at}/in/one", "folder": False, "files": [{"name": "one", **s.put("one", b"one\n")}]},
                {"path": f"{at}/in/many", "folder": True, "files": files}, {"path": f"{at}/in/none", "folder": True, "files": []}],
        texts=[{"path": f"{at}/in/text", "text": "a text\n"}], outputs=outputs(at, ("model", "single", "missing")))
    s.control = [{"file": f"{at}/control/n", "value": "7"}, {"file": f"{at}/control/o", "value": [1, 2]}]
    r = pod.run(s, at, env={"FROM_IMAGE": "image"})
    check(r.returncode == 0 and "one\nnumber 39a text\nhello image\n" in r.stdout and "to-stderr" in r.stderr, "inputs, texts, environment, both streams", says(r))
    finish = s.finishes[0] if s.finishes else {}
    artifacts = {a["name"]: a for a in finish.get("artifacts", [])}
    check(finish.get("exit_code") == 0 and finish.get("parameters") == {"n": "7"} and finish.get("executor_output") == {"parameterValues": {"m": 1.5}}
          and set(artifacts) == {"model", "single"}, "the finish has parameters, the executor's output and the artifacts that are there", json.dumps(finish))
    check([f["name"] for f in artifacts["model"]["files"]] == ["a", "sub/b ü"] and artifacts["model"]["folder"] and not artifacts["single"]["folder"]
          and artifacts["single"]["files"][0] == {"name": "", "size": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},
          "files have names, sizes and SHA-256", json.dumps(artifacts))
    check(s.objects.get("out/model/a") == b"a\n" and s.objects.get("out/single") == b"x" and any(b == b"b\n" for b in s.objects.values()), "the store has them",
          str(sorted(s.objects)))
    check((at / "control/n").read_text() == "7" and (at / "control/o").read_text() == "[1,2]", "control values are files")
    check("artifact 'missing'" in r.stderr and len(r.stderr.splitlines()) == 2, "a missing artifact is one line", r.stderr)
    check("Bearer " not in r.stdout and pod.TOKEN not in r.stdout and s.state["secret"] not in r.stdout, "no secret in the command's environment or the launcher's arguments")
    others = {a for w, a in s.heard if "attempts" in w}
    check(others == {f"Bearer {s.state['secret']}"} and all(not a for w, a in s.heard if "/store/" in w), "the token is for the claim alone, the store gets none",
          str(others))
    check(s.claims == [{"run": "r1", "scope": "root.a", "iteration": [0, 3], "pod": {"name": "pod-1", "uid": "u-1"}, "retry": 0}], "the claim says who asks", str(s.claims))
    r = pod.run(s, at)
    check(r.returncode == 0 and len(s.finishes) == 1 and "nothing to run" in r.stderr, "claimed again after its publish: nothing runs", says(r))


def metrics() -> None:
    """What the step appends to $DHOW_METRICS is sent on while it runs, and the rest before its end, whatever that is."""
    at = fresh()
    s = StandIn(sh(f"echo first >> {at}/m; while ! [ -e {at}/go ]; do sleep 0.1; done; echo second >> {at}/m; head -c 700000 /dev/zero >> {at}/m; exit 3", metrics=f"{at}/m", beat_s=1))
    with pod.start(s, at) as p:
        end = time.monotonic() + 120
        while s.metrics != b"first\n" and time.monotonic() < end:
            time.sleep(0.05)
        check(s.metrics == b"first\n" and not s.finishes, "numbers come while the step runs", repr(s.metrics[:99]))
        s.metrics = b""  # a server that forgot: it says so, and gets them again
        (at / "go").touch()
        p.communicate(timeout=60)
        check(p.returncode == 3 and s.metrics == b"first\nsecond\n" + bytes(700000), "all of them, before a step's bad end too", repr((p.returncode, len(s.metrics), s.metrics[:99])))
    for what, make in (("no file", "true"), ("a folder", "mkdir {at}/m"), ("a link", "ln -s /etc/passwd {at}/m"), ("a pipe", "mkfifo {at}/m")):
        at = fresh()
        s = StandIn(sh(make.format(at=at), metrics=f"{at}/m"))
        r = pod.run(s, at)
        check(r.returncode == 0 and s.metrics == b"", f"{what} in its place is left alone", says(r))


def masks() -> None:
    """Values of secrets do not stand in what the step says, in pieces neither."""
    at = fresh()
    (at / "keys").mkdir()
    (at / "keys" / "..data").write_text("no key of its own")
    (at / "keys" / ".config").write_text("from-a-folder\n")
    script = """printf 'a hunt'; sleep 0.3; printf 'er2-secret b\n'; echo "is $PASSWORD" >&2; printf %s "$PASSWORD" | base64; cat "$KEYS"/.config; echo no key of its own; printf 'ends hunter'; (sleep 0.2; echo late) & exit 4"""
    s = StandIn(sh(script, secrets={"env": ["PASSWORD", "UNSET"], "folders": [f"{at}/keys", f"{at}/none"]}))
    r = pod.run(s, at, env={"PASSWORD": "hunter2-secret", "KEYS": f"{at}/keys"})
    check(r.returncode == 4 and r.stdout.startswith("a *** b\n***") and "***\nno key of its own\nends hunter" in r.stdout and "is ***" in r.stderr
          and "from-a-folder" not in r.stdout and "hunter2" not in r.stdout + r.stderr, "values of the environment and of folders are hidden, on both streams, to the last byte", says(r))
    at = fresh()
    s = StandIn(sh("exec setsid sh -c 'sleep 50' & printf 'my hunter2-secret'", secrets={"env": ["PASSWORD"], "folders": []}))
    begin = time.monotonic()
    r = pod.run(s, at, env={"PASSWORD": "hunter2-secret"})
    check(r.returncode == 0 and r.stdout == "my ***" and time.monotonic() - begin < 45, "what a step leaves behind is not waited for", says(r))
    at = fresh()
    r = pod.run(StandIn({"command": ["no-such-program"], "secrets": {"env": ["PASSWORD"], "folders": []}}), at, env={"PASSWORD": "hunter2-secret"})
    check(r.returncode == 127, "a program that is not there, with secrets", says(r))
    at = fresh()
    r = pod.run(StandIn(sh("readlink /proc/self/fd/1 /proc/$PPID/fd/1", secrets={"env": ["UNSET"], "folders": []})), at)
    own = r.stdout.split()
    check(r.returncode == 0 and len(own) >= 1 and len(set(own)) == 1, "without secrets the step has the container's own streams", says(r))


def codes() -> None:
    for what, job, code in (("status 3", sh("exit 3"), 3), ("KILL", sh("kill -9 $$"), 137), ("no such program", {"command": ["no-such-program"]}, 127),
                            ("a program that is no program", {"command": ["/etc/passwd"]}, 126), ("too late", sh("sleep 60", timeout_s=1), 143),
                            ("deaf", sh(f"trap '' TERM; touch {TOP}/deaf; while :; do sleep 0.1; done", timeout_s=1, grace_s=1), 137)):
        at, s = fresh(), StandIn(job)
        r = pod.run(s, at)
        while what == "deaf" and not (TOP / "deaf").exists() and job["timeout_s"] < 30:  # it had not begun when it was late
            job["timeout_s"] += 9
            s.stop()
            at, s = fresh(), StandIn(job)
            r = pod.run(s, at)
        finish = s.finishes[0] if s.finishes else {}
        check(r.returncode == code and finish.get("exit_code") == code, f"exit status {code}: {what}", says(r) + str(finish))
        if what == "KILL":
            check(finish["signal"] == 9, "the signal is told")
        if what in ("too late", "deaf"):
            check(finish["message"] == f"timed out after {job['timeout_s']} s", "and that it was late", str(finish))
        s.stop()
    at, s = fresh(), StandIn(sh("exit 0"))
    s.state["exit_code"] = 1
    check(pod.run(s, at).returncode == 1, "the server has the last word about the exit status")
    at = fresh()
    s = StandIn(sh(f"mkdir -p {at}/art; echo x > {at}/art/model; echo '{{' > {at}/x.json; exit 1", outputs={**outputs(at), "executor_output": f"{at}/x.json"}))
    r = pod.run(s, at)
    check(s.finishes[0]["artifacts"] == [] and s.finishes[0]["executor_output"] == "{\n" and "out/model" not in s.objects,
          "a failed step's artifacts stay; its text that is no JSON is handed on", says(r))


def refused() -> None:
    for job, words in (({"do": "fail", "message": "input 'x' is gone"}, "input 'x' is gone"), ({"do": "what"}, "makes no sense"), ({"do": "run", "command": []}, "makes no sense")):
        at, s = fresh(), StandIn(job)
        r = pod.run(s, at)
        check(r.returncode == 1 and words in r.stderr and not s.finishes, f"claim: {words}", says(r))
    at, s = fresh(), StandIn()
    for status in ("401", "403", "404", "409"):
        s.faults["POST /launch/v1/claim"] = [status]
        r = pod.run(s, at)
        check(r.returncode == 1 and f"answers {status}: fault {status}" in r.stderr and not s.finishes, f"claim answered {status}", says(r))
    (at / "empty").write_text("\n")
    for args, words in ((["--token-file", str(at / "empty")], "no token"), (["--token-file", str(at / "none")], "No such file"), (["--iteration", "1."], "--iteration"),
                        (["--parallel", "0"], "--parallel"), (["--server", "ftp://x"], "no http or https"), (["x"], "comes from the server"),
                        (["--server", "http://127.0.0.1:1", "--patience", "0"], "refused")):
        r = pod.run(s, at, *args)
        check(r.returncode in (1, 2) and words in r.stderr, f"{' '.join(args[-2:])}: {words}".replace(str(TOP), ""), says(r))
    s.job |= {"inputs": [{"path": f"{at}/in", "folder": True, "files": [{"name": "../out-of-it", **s.put("x", b"x")}]}]}
    r = pod.run(s, at)
    check(r.returncode == 1 and not (at / "out-of-it").exists() and "cannot be" in s.finishes[0]["message"], "a name that leads out of its folder", says(r))


def signals() -> None:
    at, s = fresh(), StandIn(sh("trap 'echo got-usr1' USR1; trap 'echo got-term; exit 5' TERM; echo ready; while :; do sleep 0.05; done"))
    p = pod.start(s, at)
    p.stdout.readline()
    p.send_signal(signal.SIGUSR1)
    line = p.stdout.readline()
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    check(line == "got-usr1\n" and "got-term" in out and p.returncode == 143 and not s.finishes, "signals go on to the command; an end by TERM from outside is not published", line + out + err)

    at, s = fresh(), StandIn(sh("echo ran"))
    s.faults["POST /launch/v1/claim"] = ["503"] * 50
    p = pod.start(s, at)
    while s.count("claim") < 2:
        time.sleep(0.02)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    check(p.returncode == 143 and "ran" not in out, "TERM while the server is away ends it", out + err)

    at, s = fresh(), StandIn(sh("echo ran"))
    s.job |= {"inputs": [{"path": f"{at}/in", "folder": False, "files": [{"name": "x", **s.put("x", b"x")}]}]}
    s.faults["GET .*"] = ["500"] * 500
    p = pod.start(s, at)
    while s.count("GET") < 1:
        time.sleep(0.02)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    check(p.returncode == 143 and "ran" not in out and not s.finishes, "TERM while inputs come: the attempt is left to the next pod", out + err)

    for what, key in (("cancelled", "cancel"), ("replaced", "lost")):
        at, s = fresh(), StandIn(sh("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done", beat_s=1))
        p = pod.start(s, at)
        p.stdout.readline()
        s.state[key] = True
        out, err = p.communicate(timeout=30)
        check(p.returncode == (9 if key == "cancel" else 1) and len(s.finishes) == (key == "cancel"), f"the beat hears that the attempt is {what}", out + err)


def impostor() -> None:
    """The step can read the token, and asks as its launcher did."""
    at = fresh()
    s = StandIn(sh("", outputs=outputs(at), dirs=[f"{at}/out"]))
    again = " ".join([os.path.abspath(pod.LAUNCH), *pod.argv(s, str(at / "token"))])
    s.job["command"] = ["sh", "-c", f"{again}; echo impostor $?; printf 1 > {at}/out/n"]
    r = pod.run(s, at)
    check(r.returncode == 0 and "impostor 1\n" in r.stdout and "claimed by another" in r.stderr and len(s.claims) == 2 and len(s.finishes) == 1 and s.finishes[0]["parameters"] == {"n": "1"},
          "a claim for the pod by who is not its launcher is refused, and the attempt goes on", says(r) + str(s.finishes))
    check(len(s.state["secret"]) == 64 and s.state["secret"] not in r.stdout, "the attempt's secret is the launcher's own")


def copy() -> None:
    at = fresh()
    for to, path in ((at / "here", at / "here"), (at, at / "launch")):
        r = subprocess.run([pod.LAUNCH, "--copy", str(to)], capture_output=True, text=True, timeout=60, check=False, preexec_fn=lambda: os.umask(0o77))
        check(r.returncode == 0 and path.read_bytes() == pathlib.Path(pod.LAUNCH).read_bytes() and path.stat().st_mode & 0o777 == 0o755, f"--copy {path.name}", says(r))
    r = subprocess.run([pod.LAUNCH, "--copy", str(at / "none" / "x")], capture_output=True, text=True, timeout=60, check=False)
    check(r.returncode == 1 and "No such file" in r.stderr and len(r.stderr.splitlines()) == 1, "--copy where there is no folder", says(r))


def tls() -> None:
    at = fresh()
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dhow", "-addext", "subjectAltName=DNS:localhost",
                           "-keyout", str(at / "key"), "-out", str(at / "cert"), "-days", "2"], capture_output=True, check=False) if _has("openssl") else None
    if not made or made.returncode:
        skip("TLS", "openssl is not here to make a certificate")
        return
    s = StandIn(sh("echo over TLS"), tls=(str(at / "cert"), str(at / "key")))
    s.job |= {"inputs": [{"path": f"{at}/in", "folder": False, "files": [{"name": "x", **s.put("x", os.urandom(3 << 20))}]}],
              "outputs": {"artifacts": [{"name": "back", "path": f"{at}/in"}]}}
    r = pod.run(s, at, "--ca", str(at / "cert"))
    check(r.returncode == 0 and s.objects["out/back"] == s.objects["x"], "TLS by --ca, 3 MiB both ways", says(r))
    s.state |= {"published": None, "secret": ""}
    r = pod.run(s, at, env={"SSL_CERT_FILE": str(at / "cert")})
    check(r.returncode == 0, "TLS by SSL_CERT_FILE", says(r))
    r = pod.run(s, at)
    check(r.returncode == 1 and "certificate of localhost is not accepted" in r.stderr and "--ca" in r.stderr, "a certificate that nobody vouches for", says(r))
    r = pod.run(s.url.replace("localhost", "127.0.0.1"), at, "--ca", str(at / "cert"))
    check(r.returncode == 1 and "not accepted" in r.stderr, "a certificate for another name", says(r))
    (at / "broken").write_text("nonsense")
    r = pod.run(s, at, "--ca", str(at / "broken"))
    check(r.returncode == 1 and "holds no certificates" in r.stderr, "a bundle that is none", says(r))


def _has(program: str) -> bool:
    return subprocess.run(["which", program], capture_output=True, check=False).returncode == 0


for case in (whole, metrics, masks, codes, refused, signals, impostor, copy, tls):
    case()
done()
