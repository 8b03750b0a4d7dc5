"""What goes wrong on a cluster: what no pod can say, processes that are killed, an API server that is busy or forgets."""
import base64
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

from bench import API, bench, engines, needed
from flows import handler, hello, retried, slow
from tap import check, dhow, done


def task(b, run: str, name: str) -> dict:
    return next((t for t in b.show(run)["tasks"] if t["name"] == name), {})


# ---- what no pod can say ----

def test_reasons(b) -> None:
    runs = {}
    for kind in ("image", "oom", "evict", "init"):
        spec = handler("echo WORKING; sleep 60")
        spec["pipelineInfo"]["name"] = kind
        name = f"bad-{kind}"
        spec["root"]["dag"]["tasks"][name] = spec["root"]["dag"]["tasks"].pop("work")
        for t in spec["root"]["dag"]["tasks"].values():
            t["dependentTasks"] = [name] if "dependentTasks" in t else []
            if not t["dependentTasks"]:
                del t["dependentTasks"]
        b.cluster.bad[f"root.{name}"] = [kind] * 5
        runs[kind] = b.submit(spec, kind)
    reasons = [""]
    b.until(lambda: reasons.append(task(b, runs["image"], "bad-image").get("reason") or "") or "cannot be pulled" in reasons[-1])
    reason = reasons[-1]
    check(reason.startswith("waiting for its pod: image test cannot be pulled (ErrImagePull)") and "not found" in reason, "an image that cannot be pulled is said while it waits", str(reason))
    expected = {"image": "image test cannot be pulled (ErrImagePull): rpc error: test: not found", "oom": "out of memory (OOMKilled)", "evict": "evicted from node node-1: The node was low on resource: memory.", "init": "init container init failed with exit code 2"}
    for kind, run in runs.items():
        state = b.wait(run)["state"]
        t, clean = task(b, run, f"bad-{kind}"), task(b, run, "clean")
        check(state == "FAILED" and t["state"] == "FAILED" and expected[kind] in (t["reason"] or "") and clean["state"] == "SUCCEEDED", f"{kind}: it failed, and why is said", json.dumps(t)[:1500])


def test_room(b) -> None:
    b.cluster.bad["root.work"] = ["room"]
    run = b.submit(retried("echo ok", 0), "room")
    ok = b.until(lambda: "no node takes it (Unschedulable): 0/1 nodes are available" in (task(b, run, "work").get("reason") or ""))
    check(ok, "a pod that no node takes: the scheduler's words are shown", str(task(b, run, "work").get("reason")))
    b.cluster.bad["room"] = True
    check(b.wait(run)["state"] == "SUCCEEDED" and task(b, run, "work")["reason"] is None, "and it runs when there is room")
    del b.cluster.bad["room"]


def test_deleted(b) -> None:
    b.cluster.bad["root.work"] = ["delete"]
    run = b.submit(retried("echo WORKING; sleep 1", 0), "deleted")
    check(b.wait(run)["state"] == "SUCCEEDED" and task(b, run, "work")["attempts"] == 2, "a pod that was deleted is made anew", str(task(b, run, "work")))


# ---- cancel ----

def test_terminate(b) -> None:
    run = b.submit(slow(), "stopped")
    check(b.until(lambda: "WORKING" in b.log(run)), "its log is seen while it runs", b.log(run))
    b.ask(API + f"runs/{run}:terminate", "POST", {})
    state = b.wait(run)["state"]
    states = {t["name"]: t["state"] for t in b.show(run)["tasks"]}
    check(state == "CANCELED" and states == {"work": "CANCELED", "clean": "SUCCEEDED"}, "terminate: the step is stopped, its exit task runs", f"{state} {states}\n{b.log(run)}")
    check(b.workflow_ended(run) == "Failed" and not any(p["status"]["phase"] == "Running" for p in b.cluster.pods(run)), "no pod is left")


# ---- kills ----

def test_server_killed(b) -> None:
    run = b.submit(slow(2), "server")
    b.until(lambda: "WORKING" in b.log(run))
    b.server.kill()
    time.sleep(2.5)
    b.server.start(b.port)
    r = b.wait(run)
    check(r["state"] == "SUCCEEDED" and b.log(run).count("WORKING") == 1 and "done" in b.log(run), "the server is killed while a step runs and ends: nothing is lost", b.log(run))


def numbers(b, run: str) -> list:
    """What the run's step has reported by $DHOW_METRICS, as it is on record."""
    with contextlib.closing(sqlite3.connect(f"file:{b.home}/dhow.db?mode=ro", uri=True, timeout=20)) as db:
        return [n for (n,) in db.execute("SELECT m.number_value FROM metric m JOIN run r ON r.id = m.run_id WHERE r.uuid = ? ORDER BY m.id", (run,))]


def test_process_killed(b) -> None:
    gate = b.folder / "process-may-end"
    b.cluster.binds.append(str(b.folder))
    script = f"i=0; while [ $i -lt 40 ]; do [ $i -lt 30 ] || until [ -e {gate} ]; do sleep 0.1; done; echo line $i; echo '{{\"name\": \"i\", \"value\": '$i'}}' >>$DHOW_METRICS; i=$((i+1)); sleep 0.1; done; echo WORKING"
    run = b.submit(retried(script, 0), "process")
    b.until(lambda: "line 5" in b.log(run))
    for also_server in (False, True):
        if also_server:
            b.server.kill()
        pid = b.kill_process(run)
        if also_server:
            b.server.start(b.port)
        b.until(lambda: b.process(run) not in (0, pid))
    gate.touch()
    r = b.wait(run)
    b.cluster.binds.clear()
    log = [line.split("| ", 1)[-1] for line in b.log(run).splitlines() if "line " in line]
    check(r["state"] == "SUCCEEDED" and task(b, run, "work")["attempts"] == 1, "the run's process is killed, then with the server: the pod's attempt goes on", json.dumps(task(b, run, "work"))[:800])
    check(numbers(b, run) == list(range(40)), "nor a number that it reported", str(numbers(b, run)))
    check(log == [f"line {i}" for i in range(40)], "no line of its log is lost or there twice", "\n".join(log))


def test_lingers(b) -> None:
    """The API server is away as a run ends: its process waits to see the Workflow end, but not for one who tells it to go."""
    run = b.submit(retried("echo WORKING; sleep 1", 0), "lingers")
    b.until(lambda: "WORKING" in b.log(run))
    pid = str(b.process(run))
    b.cluster.down = True
    r = b.wait(run)
    there = pid in engines(b.home)
    os.kill(int(pid), signal.SIGTERM)
    check(r["state"] == "SUCCEEDED" and there and b.until(lambda: pid not in engines(b.home)), "a process that waits for Argo alone ends when told to", f"{r['state']} {there}")
    b.cluster.down = False


# ---- the protocol ----

def post(b, path: str, token: str, body: dict):
    request = urllib.request.Request(f"http://127.0.0.1:{b.port}/launch/v1/{path}", method="POST", data=json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as e:
        return e.code, json.loads(e.read())


def test_protocol(b) -> None:
    """A pod that we are ourselves."""
    b.cluster.bad["root.work"] = ["idle"]
    spec = retried("exit 9", 0)
    spec["components"]["comp-work"]["outputDefinitions"] = {"artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}
    run = b.submit(spec, "protocol")
    b.until(lambda: b.cluster.pods(run))
    pod = b.cluster.pods(run)[0]["metadata"]
    token = next(s["stringData"]["token"] for s in b.cluster.objects["secrets"].values() if s["metadata"]["labels"]["dhow-run"] == run)
    body = {"run": run, "scope": "root.work", "iteration": [], "pod": {"name": pod["name"], "uid": pod["uid"]}, "retry": 0, "secret": "5" * 64}
    check(post(b, "claim", "wrong", body)[0] == 401, "a wrong token is refused")
    check(post(b, "claim", token, {**body, "scope": "root.other"})[0] == 403, "a pod claims its own task alone")
    status, job = post(b, "claim", token, body)
    check(status == 200 and job["do"] == "run" and job["command"][0] == "sh", "a claim is answered", str(job))
    status, again = post(b, "claim", token, body)
    check(again == {**job, "inputs": again["inputs"]}, "the same pod gets the same attempt", str(again))
    check(post(b, "claim", token, {**body, "secret": "6" * 64})[0] == 409, "but not by another than who claimed it")
    check(post(b, "claim", token, {**body, "secret": "6"})[0] == 400, "a secret that could be guessed is refused")
    check(post(b, f"attempts/{job['attempt']}/beat", "6" * 64, {})[0] == 403, "nor is another's secret taken")
    secret = body["secret"]
    call = f"attempts/{job['attempt']}/"
    check(post(b, call + "beat", secret, {}) == (200, {"cancel": False}), "a beat is answered")
    for at, text, has in ((0, '{"loss": 1}\n{"lo', 16), (0, '{"loss": 1}\n{"loss"', 19), (40, "beyond", 19), (-1, "x", -1), (19, ": 2}\n", 24)):
        said = post(b, call + "beat", secret, {"metrics": {"at": at, "data": base64.b64encode(text.encode()).decode()}})
        check(said == (200, {"cancel": False, "metrics_at": has}), f"numbers from byte {at} on: so many are here", str(said))
    check(post(b, call + "beat", secret, {"metrics": {"at": 24, "data": "?"}}) == (200, {"cancel": False}) and b.until(lambda: numbers(b, run) == [1, 2]), "and are on record", str(numbers(b, run)))
    check(post(b, call + "sign", secret, {"artifact": "other", "files": []})[0] == 404, "an artifact that is not the task's is refused")
    for name in ("../x", "/x", "a/../../b", "a//b"):
        check(post(b, call + "sign", secret, {"artifact": "data", "files": [{"name": name, "size": 1}]})[0] == 400, f"no URL for {name}")
    digest = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    signed = post(b, call + "sign", secret, {"artifact": "data", "folder": False, "files": [{"name": "", "size": 6, "sha256": digest}]})[1]["files"][0]
    with urllib.request.urlopen(urllib.request.Request(signed["url"], method="PUT", data=b"hello\n", headers=signed["headers"]), timeout=20) as answer:
        check(answer.status == 200, "the URL takes the file")
    finish = {"exit_code": 0, "signal": None, "message": None, "executor_output": None, "parameters": {}, "artifacts": [{"name": "data", "folder": False, "files": [{"name": "", "size": 6, "sha256": digest}]}]}
    pid = b.process(run)
    check(pid > 0, "somebody runs it")
    first = post(b, call + "finish", secret, finish)
    check(first[0] == 200 and first[1]["state"] == "SUCCEEDED", "it finishes", str(first))
    check(post(b, call + "finish", secret, finish) == first, "the same finish gets the same answer")
    check(post(b, call + "beat", secret, {})[0] in (409, 410), "then the attempt is over")
    check(b.wait(run)["state"] == "SUCCEEDED", "the run has ended")
    made = next(t for t in b.show(run)["tasks"] if t["name"] == "work")["outputs"]["artifacts"]["data"][0]
    key = made["uri"].split("?")[0].removeprefix("s3://bkt/")
    check(made["digest"] == digest and b.store.client().head_object(Bucket="bkt", Key=key)["Metadata"] == {"dhow-sha256": digest}, "the digest is on record, and with the object", str(made))
    with contextlib.suppress(ProcessLookupError):  # it may have ended
        os.kill(pid, signal.SIGKILL)
    late = [None]
    b.until(lambda: late.__setitem__(0, post(b, "claim", token, body)) or late[0][0] == 200)
    check(late[0] == (200, {"do": "done", "state": "SUCCEEDED", "message": "the run is over: it is SUCCEEDED", "control": []}), "a pod that comes when nobody runs it any more has nothing to do", str(late))
    b.cluster.release.set()


# ---- the API server ----

def test_api_faults(b) -> None:
    b.cluster.busy, b.cluster.cuts = 3, 2
    run = b.submit(slow(1.5), "busy")
    b.until(lambda: "WORKING" in b.log(run))
    b.cluster.forget()
    b.cluster.cuts = 2
    check(b.wait(run)["state"] == "SUCCEEDED", "429, watches that are cut, 410: the run ends right")
    b.cluster.bad["root.work"] = ["room"]
    run = b.submit(retried("echo ok", 0), "away")
    b.until(lambda: "no node takes it" in (task(b, run, "work").get("reason") or ""))
    b.cluster.down = True
    check(b.until(lambda: "Kubernetes does not answer" in (task(b, run, "work").get("reason") or "")), "an API server that is away is said where something waits", str(task(b, run, "work").get("reason")))
    b.cluster.down = False
    b.cluster.bad["room"] = True
    check(b.wait(run)["state"] == "SUCCEEDED", "and the run goes on when it is back")
    b.cluster.refused.add(("POST", "workflows"))
    run = b.submit(hello("x"), "refused")
    r = b.wait(run)
    check(r["state"] == "FAILED" and "its Workflow cannot be made" in json.dumps(r.get("error")) and "forbidden" in json.dumps(r.get("error")), "what may not be made is said", json.dumps(r)[-600:])
    b.cluster.refused.clear()


def main() -> None:
    needed("faults of a cluster")
    with bench() as b:
        for test in (test_reasons, test_room, test_deleted, test_terminate, test_server_killed, test_process_killed, test_lingers, test_protocol, test_api_faults):
            begun = time.time()
            test(b)
            print(f"# {test.__name__}: {time.time() - begun:.1f} s", flush=True)
    done()


main()
