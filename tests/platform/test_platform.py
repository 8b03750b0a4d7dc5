# run: asan
"""What a pipeline asks of Kubernetes, on one machine: secrets, config maps, volumes, field paths, what is said."""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import time

from specs import output, pipeline, step
from tap import DHOW, check, dhow, done, says, skip

VALUE = "s3cr3t-value-of-the-test"


def platform(spec: dict, executors: dict) -> str:
    """Both documents; {step: its Kubernetes config}."""
    second = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {f"exec-{k}": v for k, v in executors.items()}}}}}
    return f"---\n{json.dumps(spec)}\n---\n{json.dumps(second)}\n"


def run(home, spec: dict, executors: dict, *args):
    path = pathlib.Path(home) / "pipeline.yaml"
    path.write_text(platform(spec, executors))
    return dhow("run", path, "--output", "json", *args, home=home)


def outputs(result) -> dict:
    try:
        return json.loads(result.stdout)["outputs"]
    except ValueError:
        return {}


def error(result) -> str:
    try:
        return json.loads(result.stdout)["error"]["message"]
    except (ValueError, TypeError):
        return says(result)


def one(script: str, inputs: dict | None = None, **kwargs) -> dict:
    spec = step(pipeline("asks", **kwargs), "ask", script, (), inputs, ("out",))
    return output(spec, "out", "ask", "out")


def mounts_work() -> bool:
    return bool(shutil.which("bwrap")) and subprocess.run(["bwrap", "--dev-bind", "/", "/", "true"], check=False, capture_output=True).returncode == 0


def files_with(folder, text: str) -> list:
    return sorted(str(p) for p in pathlib.Path(folder).rglob("*") if p.is_file() and not p.is_symlink() and text.encode() in p.read_bytes())


def test_command(home) -> None:
    r = dhow("secrets", home=home)
    check(r.returncode == 0 and "no secrets" in r.stderr, "an empty list", says(r))
    r = dhow("secrets", "set", "db", "password", home=home, stdin=VALUE)
    check(r.returncode == 0 and VALUE not in r.stdout + r.stderr, "a value from standard input", says(r))
    (home / "more.env").write_text("# comment\nuser=ann\nurl=a=b\n")
    (home / "more.json").write_text('{"token": "t"}')
    r = dhow("secrets", "set", "db", "--from-file", home / "more.env", "--from-file", home / "more.json", "--from-file", f"cert={home}/more.json", home=home)
    check(r.returncode == 0, "values from files", says(r))
    r = dhow("secrets", "--output", "json", home=home)
    listed = json.loads(r.stdout)
    check([(x["name"], x["keys"]) for x in listed] == [("db", ["cert", "password", "token", "url", "user"])], "names and keys are listed", says(r))
    check(VALUE not in r.stdout, "values are not")
    path = home / "secrets" / "db" / "password"
    check(stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700, "only the owner may read")
    check((home / "secrets" / "db" / "url").read_text() == "a=b", "a .env value keeps its =")
    for words, status in ((("set", "../x", "k"), 2), (("set", "db", "a/b"), 2), (("remove", "nope"), 2), (("remove", "db", "nope"), 2), (("frob",), 2),
                          (("set", "db"), 2), (("remove", "db", "cert"), 0)):
        r = dhow("secrets", *words, home=home, stdin="x")
        check(r.returncode == status, f"secrets {' '.join(words)}: exit status {status}", says(r))
    (home / "bad.json").write_text('{"a": "' + VALUE)
    r = dhow("secrets", "set", "bad", "--from-file", home / "bad.json", home=home)
    check(r.returncode == 2 and VALUE not in r.stderr, "a broken file's text is not repeated", says(r))


def test_env(home) -> None:
    dhow("secrets", "set", "db", "password", home=home, stdin=VALUE)
    dhow("configs", "set", "conf", "--from-literal", "region=eu", home=home)
    keys = [{"secretKey": "password", "envVar": "PASSWORD"}]
    spec = one('printf "%s" "$(printf "%s" "$PASSWORD" | wc -c) $REGION" > "$out_out"', secret="db")
    config = {"secretAsEnv": [{"secretNameParameter": {"componentInputParameter": "secret"}, "keyToEnv": keys}],
              "configMapAsEnv": [{"configMapName": "conf", "keyToEnv": [{"configMapKey": "region", "envVar": "REGION"}]}]}
    r = run(home, spec, {"ask": config})
    check(outputs(r).get("out") == f"{len(VALUE)} eu", "secret (its name an input) and config map as environment", says(r))
    found = [f for f in files_with(home, VALUE) if "/secrets/" not in f]
    check(not found, "the value is nowhere else below the home", str(found))
    r = run(home, spec, {"ask": config}, "-p", "secret=other", "--cache", "off")
    check(r.returncode == 1 and "secret 'other' is not there" in error(r) and "dhow secrets set other" in error(r), "a missing secret fails the step, with the way out", error(r))
    (home / "given").write_text("abc")
    (home / "given").chmod(0o600)
    r = run(home, spec, {"ask": config}, "-p", "secret=other", "--cache", "off", "--secret", f"other/password={home}/given")
    check(outputs(r).get("out") == "3 eu", "--secret NAME/KEY=FILE", says(r))
    r = run(home, spec, {"ask": config}, "--cache", "off", "--secret", f"db/password={home}/given")
    check(outputs(r).get("out") == "3 eu", "--secret goes before what is kept", says(r))
    config["secretAsEnv"][0]["keyToEnv"] = [{"secretKey": "nope", "envVar": "PASSWORD"}]
    r = run(home, spec, {"ask": config}, "--cache", "off")
    check("secret 'db' has no key 'nope'" in error(r), "a missing key", error(r))
    config["secretAsEnv"][0]["optional"] = True
    r = run(home, spec, {"ask": config}, "--cache", "off")
    check(outputs(r).get("out") == "0 eu", "an optional key may be missing", says(r))
    r = run(home, spec, {"ask": config}, "-p", "secret=other", "--cache", "off")
    check(outputs(r).get("out") == "0 eu", "and an optional secret", says(r))


def test_names_from_tasks(home) -> None:
    dhow("secrets", "set", "chosen", "k", home=home, stdin="12345")
    spec = one('printf "%s" "$K" > "$out_out"')
    step(spec, "choose", 'printf chosen > "$out_name"', outputs=("name",))
    spec["root"]["dag"]["tasks"]["ask"]["dependentTasks"] = ["choose"]
    config = {"secretAsEnv": [{"secretNameParameter": {"taskOutputParameter": {"producerTask": "choose", "outputParameterKey": "name"}},
                               "keyToEnv": [{"secretKey": "k", "envVar": "K"}]}]}
    r = run(home, spec, {"ask": config})
    check(outputs(r).get("out") == "12345", "a secret's name from a task's output", says(r))
    config["secretAsEnv"][0]["secretNameParameter"]["taskOutputParameter"]["producerTask"] = "nobody"
    r = run(home, spec, {"ask": config}, "--cache", "off")
    check(r.returncode in (1, 2) and "nobody" in r.stdout + r.stderr, "a producer that is not there", says(r))


def test_fields(home) -> None:
    spec = one('printf "%s" "$RUN|$NAME|$NS|$LABEL|$NONE" > "$out_out"')
    field = lambda name, path: {"name": name, "fieldPath": path}
    config = {"podMetadata": {"labels": {"team": "a"}}, "fieldPathAsEnv": [
        field("RUN", "metadata.annotations['pipelines.kubeflow.org/run_name']"), field("NAME", "metadata.name"), field("NS", "metadata.namespace"),
        field("LABEL", "metadata.labels['team']"), field("NONE", "metadata.labels['nope']")]}
    r = run(home, spec, {"ask": config}, "--name", "my run")
    task = next(t for t in json.loads(r.stdout)["tasks"] if t["name"] == "ask")
    check(outputs(r).get("out") == f"my run|{task['task_id']}|default|a|", "field paths", says(r))
    r = run(home, spec, {"ask": {"fieldPathAsEnv": [field("X", "spec.frob")]}}, "--cache", "off")
    check("there is no field 'spec.frob'" in error(r), "an unknown field path", error(r))


def test_volumes(home) -> None:
    dhow("secrets", "set", "db", "password", home=home, stdin=VALUE)
    dhow("configs", "set", "conf", "--from-literal", "region=eu", home=home)
    spec = one('touch /mnt/dhow-test/keys/x 2>/dev/null && exit 7; echo 1 > /dhow-test-empty/x; printf "%s" "$(wc -c < /mnt/dhow-test/keys/password)'
               '$(cat /dhow-test-conf/region)$(ls /dhow-test-empty)$(ls -a /dhow-test-none | wc -l)" > "$out_out"; test -e /etc/passwd')
    config = {"secretAsVolume": [{"secretName": "db", "mountPath": "/mnt/dhow-test/keys"}, {"secretName": "none", "mountPath": "/dhow-test-none", "optional": True}],
              "configMapAsVolume": [{"configMapName": "conf", "mountPath": "/dhow-test-conf"}],
              "emptyDirMounts": [{"volumeName": "e", "mountPath": "dhow-test-empty", "medium": "Memory", "sizeLimit": "1Gi"}]}
    r = run(home, spec, {"ask": config})
    check(outputs(r).get("out") == f"{len(VALUE)}eux2", "secret, config map and empty folder as volumes; read-only where that is so", says(r))
    check("on disk here" in r.stderr and "size limit" in r.stderr, "what does not hold is said", r.stderr)
    check(not os.path.exists("/mnt/dhow-test") and not os.path.exists("/dhow-test-empty"), "the machine's own folders are as before")
    found = [f for f in files_with(home, VALUE) if "/secrets/" not in f]
    check(not found, "the copies are gone", str(found))
    r = run(home, spec, {"ask": config}, "--runtime", "sandbox", "--cache", "off")
    check(outputs(r).get("out") == f"{len(VALUE)}eux2", "the same in the sandbox", says(r))
    hidden = one(f'cat {home}/secrets/db/password 2>/dev/null || printf hidden > "$out_out"')
    r = run(home, hidden, {}, "--runtime", "sandbox", "--cache", "off")
    check(outputs(r).get("out") == "hidden", "where a secret that was not given is not to be seen", says(r))
    spec["deploymentSpec"]["executors"]["exec-ask"]["container"]["command"][2] += "; exit 3"
    r = run(home, spec, {"ask": config})
    check(r.returncode == 1 and "exit code 3" in error(r), "the exit code comes through", says(r))
    found = [f for f in files_with(home, VALUE) if "/secrets/" not in f]
    check(not found, "and after a failure", str(found))


def test_crowded(home) -> None:
    """A volume's place among more entries than bubblewrap takes arguments."""
    spec = one('cat place/region 2>/dev/null >"$out_out" || cat "$(cat /dhow-test-at/at)/region" >"$out_out"')
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/mnt" if os.access("/mnt", os.W_OK) else None) as other:
        for where, good in ((folder, True), (other, not other.startswith("/mnt"))):
            for i in range(8100):
                os.symlink("nowhere", f"{where}/{i}")
            dhow("configs", "set", "conf", "--from-literal", "region=eu", home=home)
            dhow("configs", "set", "at", "--from-literal", f"at={where}/place", home=home)
            config = {"configMapAsVolume": [{"configMapName": "conf", "mountPath": f"{where}/place"}, {"configMapName": "at", "mountPath": "/dhow-test-at"}]}
            r = run(home, spec, {"ask": config}, "--cache", "off")
            if good:
                check(outputs(r).get("out") == "eu", "a volume in a crowded folder of ours", says(r))
            else:
                check(r.returncode == 1 and "too much lies" in error(r) and other in error(r), "in a crowded folder of the system: refused in words", says(r))


def test_deadline(home) -> None:
    """A step with a volume is told to end, may say goodbye, and is gone."""
    marker, ready, word = home / "said", home / "ready", f"1234.5{os.getpid()}"
    spec = one(f"trap 'echo bye > {marker}; kill $!; exit 4' TERM; touch {ready}; sleep {word} & wait")
    for seconds in (1, 10, 60):  # long enough for the step to have begun on this machine
        start = time.monotonic()
        r = run(home, spec, {"ask": {"activeDeadlineSeconds": str(seconds), "emptyDirMounts": [{"volumeName": "e", "mountPath": "/dhow-test-empty"}]}})
        check("timed out" in error(r) and time.monotonic() - start < 60 + seconds, f"a deadline of {seconds} s holds", says(r))
        if ready.exists():
            break
    check(marker.exists(), "the step itself was told, not what mounted for it")
    check(subprocess.run(["pgrep", "-f", f"sleep {word.replace('.', '[.]')}"], check=False, capture_output=True).returncode == 1, "nothing of it runs on")


def claims(suffix: dict) -> tuple:
    spec = pipeline("claims")
    for name, image in (("createpvc", "argostub/createpvc"), ("deletepvc", "argostub/deletepvc")):
        spec["components"][f"comp-{name}"] = {"executorLabel": f"exec-{name}", "inputDefinitions": {"parameters": {
            k: {"parameterType": t, "isOptional": True} for k, t in (("pvc_name", "STRING"), ("pvc_name_suffix", "STRING"), ("size", "STRING"), ("access_modes", "LIST"))}}}
        spec["deploymentSpec"]["executors"][f"exec-{name}"] = {"container": {"image": image}}
    spec["components"]["comp-createpvc"]["outputDefinitions"] = {"parameters": {"name": {"parameterType": "STRING"}}}
    constant = lambda v: {"runtimeValue": {"constant": v}}
    made = {"taskOutputParameter": {"producerTask": "createpvc", "outputParameterKey": "name"}}
    tasks = spec["root"]["dag"]["tasks"]
    cache = {"cachingOptions": {"enableCache": True}}
    tasks["createpvc"] = {"componentRef": {"name": "comp-createpvc"}, "taskInfo": {"name": "createpvc"}, **cache,
                          "inputs": {"parameters": {**{k: constant(v) for k, v in suffix.items()}, "size": constant("5Mi"), "access_modes": constant(["ReadWriteOnce"])}}}
    step(spec, "put", "echo hello > /dhow-test-data/file", ("createpvc",))
    step(spec, "get", 'cat /dhow-test-data/file > "$out_out"', ("createpvc", "put"), outputs=("out",))
    tasks["deletepvc"] = {"componentRef": {"name": "comp-deletepvc"}, "taskInfo": {"name": "deletepvc"}, "dependentTasks": ["createpvc", "get"], **cache,
                          "inputs": {"parameters": {"pvc_name": made}}}
    mount = {"pvcMount": [{"mountPath": "/dhow-test-data", "pvcNameParameter": made, **made}]}
    return output(spec, "out", "get", "out"), {"put": mount, "get": mount}


def test_claims(home) -> None:
    spec, executors = claims({"pvc_name_suffix": "-mine"})
    for turn in ("once", "again: a new volume takes nothing from the cache"):
        r = run(home, spec, executors)
        check(outputs(r).get("out") == "hello\n", f"a volume claim is made, mounted, deleted; {turn}", says(r))
    states = {t["name"]: t["state"] for t in json.loads(r.stdout)["tasks"]}
    check(set(states.values()) == {"SUCCEEDED"}, "no step of it is cached", str(states))
    check(not [p for p in (home / "volumes").iterdir()], "nothing is left")
    spec, executors = claims({"pvc_name": "fixed"})
    del spec["root"]["dag"]["tasks"]["deletepvc"], spec["components"]["comp-deletepvc"], spec["deploymentSpec"]["executors"]["exec-deletepvc"]
    r = run(home, spec, executors)
    check(r.returncode == 0 and (home / "volumes" / "fixed" / "file").read_text() == "hello\n", "a named one stays", says(r))
    r = run(home, spec, executors)
    check("exists already" in error(r), "and is not made twice", error(r))
    spec, executors = claims({"pvc_name": "a", "pvc_name_suffix": "b"})
    check("not both" in error(run(home, spec, executors)), "name and suffix exclude each other")
    spec, executors = claims({"pvc_name": "../x"})
    check("cannot be a volume's name" in error(run(home, spec, executors)), "a name is no path")
    spec = one('cat /dhow-test-data/b/file > "$out_out"')
    (home / "volumes" / "kept" / "a" / "b").mkdir(parents=True)
    (home / "volumes" / "kept" / "a" / "b" / "file").write_text("deep")
    mount = {"constant": "kept", "mountPath": "/dhow-test-data", "subPath": "a"}
    r = run(home, spec, {"ask": {"pvcMount": [mount]}})
    check(outputs(r).get("out") == "deep", "an existing volume, a folder of it", says(r))
    r = run(home, spec, {"ask": {"pvcMount": [{**mount, "subPath": "../.."}]}}, "--cache", "off")
    check("'..' is not allowed" in error(r), "a sub path stays inside", error(r))


def test_said(home) -> None:
    spec = one('printf x > "$out_out"')
    step(spec, "other", "true")
    config = {"nodeSelector": {"labels": {"disk": "ssd"}}, "tolerations": [{"key": "k", "operator": "Exists"}],
              "nodeAffinity": [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}], "securityContext": {"runAsUser": 1000},
              "imagePullSecret": [{"secretName": "x"}], "imagePullPolicy": "Always"}
    spec["deploymentSpec"]["executors"]["exec-ask"]["container"]["resources"] = {"accelerator": {"type": "frob.com/tpu", "count": "1"}}
    r = run(home, spec, {"ask": config, "other": config})
    check(r.returncode == 0, "what cannot hold does not stop a run", says(r))
    for word in ("node selectors", "tolerations", "affinity", "security contexts", "frob.com/tpu"):
        check(r.stderr.count(word) == 1, f"{word}: said once", r.stderr)
    check("pull" not in r.stderr, "what holds is not talked about", r.stderr)


def main() -> None:
    tests = [test_command, test_env, test_names_from_tasks, test_fields, test_said]
    if mounts_work():
        tests += [test_volumes, test_crowded, test_deadline, test_claims]
    else:
        skip("volumes", "bubblewrap cannot mount here")
    for test in tests:
        with tempfile.TemporaryDirectory(prefix="dhow-platform-") as folder:
            test(pathlib.Path(folder))
    done()


main()
