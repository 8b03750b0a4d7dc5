"""Tasks that wait for a person: decided from another process, over a crash, in time or too late; the SDK's form (kfp://human-input)."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from specs import output, pipeline, step, write
from tap import DHOW, check, dhow, done, says, until


def gated(options: dict | None = None, asks: dict | None = None, **more) -> dict:
    """before → gate → after, beside a step that waits for nobody; as the SDK's human_input compiles it."""
    s = pipeline("gated")
    step(s, "before", "echo 1 > $out_x", outputs=("x",))
    step(s, "beside", "echo 1 > $out_x", outputs=("x",), after=("before",))
    asks = asks if asks is not None else {"decision": {"description": "Deploy?", "default": "NO", "enum": ["YES", "NO"]}}
    s["components"]["comp-gate"] = {"executorLabel": "exec-gate", "outputDefinitions": {"parameters": {k: {"parameterType": "STRING"} for k in [*asks, *more.get("outputs", ())]}}}
    s["deploymentSpec"]["executors"]["exec-gate"] = {"container": {"image": "kfp://human-input", "args": [json.dumps(asks)] + ([json.dumps(options)] if options else [])}}
    s["root"]["dag"]["tasks"]["gate"] = {"componentRef": {"name": "comp-gate"}, "taskInfo": {"name": "gate"}, "dependentTasks": ["before"], "cachingOptions": {"enableCache": True}}
    first = next(iter(asks))
    step(s, "after", "printf %s \"$in_d\" > $out_x", inputs={"d": f"gate.{first}"}, outputs=("x",))
    return output(s, "said", "after", "x")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-approval-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"

        def start(spec, *args, command="run"):
            what = [write(folder, spec)] if command == "run" else []
            return subprocess.Popen([DHOW, command, *map(str, what), *args, "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    env={**os.environ, "DHOW_HOME": str(home)})

        def waiting():
            r = dhow("approvals", "--output", "json", home=home)
            return json.loads(r.stdout) if r.returncode == 0 else []

        def end(p):
            out, err = p.communicate(timeout=300)
            return p.returncode, json.loads(out) if out.startswith("{") else {}, err

        def task(run, key):
            return next((t for t in run["tasks"] if t["name"] == key), {"state": None, "reason": None})

        p = start(gated(outputs=("approved_by", "reason")), "--jobs", "1")
        check(until(lambda: len(waiting()) == 1), "it waits, and is listed")
        w = waiting()[0]
        check(w["task"] == "gate" and w["parameters"]["decision"]["enum"] == ["YES", "NO"] and w["decision"] is None, "what is asked", str(w))

        def shown(key):
            return task(json.loads(dhow("show", "last", "--output", "json", home=home).stdout), key)

        until(lambda: shown("gate")["reason"])
        check(shown("gate")["state"] == "RUNNING" and "waiting for approval" in shown("gate")["reason"], "RUNNING, and says what for", str(shown("gate")))
        check(until(lambda: shown("beside")["state"] in ("SUCCEEDED", "CACHED")), "it takes no slot")
        r = dhow("approve", "last/gate", "--set", "decision=PERHAPS", "--by", "anna", home=home)
        check(r.returncode == 2 and "YES" in r.stderr, "an answer that is no choice", says(r))
        r = dhow("approve", "last/gate", "--set", "x=1", "--by", "anna", home=home)
        check(r.returncode == 2 and "not asked" in r.stderr, "an answer that is not asked for", says(r))
        r = dhow("approve", "last/before", home=home)
        check(r.returncode == 2, "a task that asks for nothing", says(r))
        r = dhow("approve", "last/gate", "--set", "decision=NO", "--by", "anna", "--reason", "too early", home=home)
        check(r.returncode == 0, "decided from another process", says(r))
        code, run, err = end(p)
        check(code == 0 and run["outputs"] == {"said": "NO"}, "the answer is its output", str(run.get("outputs")) + err)
        check(task(run, "gate")["outputs"]["parameters"] == {"decision": "NO", "approved_by": "anna", "reason": "too early"}, "who and why, too", str(task(run, "gate")))
        r = dhow("reject", "last/gate", "--by", "bob", home=home)
        check(r.returncode == 2 and "already" in r.stderr, "once", says(r))
        check(waiting() == [] and len(json.loads(dhow("approvals", "--all", "--output", "json", home=home).stdout)) == 1, "the decision stays on record")

        p = start(gated())
        check(until(lambda: waiting()), "a second run waits again: no cache")
        check(dhow("approve", "last", "--by", "anna", home=home).returncode == 0, "the run alone names its only one")
        code, run, err = end(p)
        check(code == 0 and run["outputs"] == {"said": "YES"}, "approved without an answer: what means yes", err)

        p = start(gated())
        until(waiting)
        dhow("reject", "last/gate", "--by", "bob", "--reason", "recall", home=home)
        code, run, err = end(p)
        check(code == 1 and "rejected by bob: recall" in run["error"]["message"], "rejected: the run fails and says who and why", err)
        p = start(None, "last", command="retry")
        check(until(lambda: waiting()), "a retry asks anew")
        dhow("approve", "last/gate", "--by", "bob", home=home)
        code, run, err = end(p)
        check(code == 0 and run["outputs"] == {"said": "YES"}, "and goes on", err)

        for decide_when in ("dead", "alive"):
            p = start(gated())
            until(waiting)
            os.kill(p.pid, signal.SIGKILL)
            p.communicate()
            since = waiting()[0]["requested_at"]
            if decide_when == "dead":
                r = dhow("approve", "last/gate", "--by", "carl", home=home)
                check(r.returncode == 0, "decided while nobody runs it", says(r))
                p = start(None, "last", command="resume")
            else:
                p = start(None, "last", command="resume")
                check(until(lambda: "waiting" in (shown("gate")["reason"] or "")), "resumed: it still waits")
                check(waiting()[0]["requested_at"] == since, "since when it did")
                dhow("approve", "last/gate", "--by", "carl", home=home)
            code, run, err = end(p)
            check(code == 0 and run["outputs"] == {"said": "YES"}, f"killed with SIGKILL, decided {decide_when}, resumed", err)

        code, run, err = end(start(gated({"timeout": "1s", "message": "please"})))
        check(code == 1 and "nobody decided in time" in run["error"]["message"], "too late: it fails", err)
        code, run, err = end(start(gated({"timeout": "1s", "on_timeout": "default"})))
        check(code == 0 and run["outputs"] == {"said": "NO"}, "too late: the default, where that is asked for", err)

        for seconds in (2, 10, 60):  # to be seen waiting and to be killed it has the time: more of it where the machine is slow
            p = start(gated({"timeout": f"{seconds}s"}))
            until(lambda: waiting() or p.poll() is not None)
            p.kill()
            p.communicate()
            if shown("gate")["state"] == "RUNNING":
                break
        time.sleep(seconds + 0.2)
        code, run, err = end(start(None, "last", command="resume"))
        check(code == 1 and "nobody decided" in run["error"]["message"], "the time goes on while nobody runs it", err)

        p = start(gated())
        until(waiting)
        check(dhow("cancel", "last", home=home).returncode == 0 and end(p)[0] == 130, "canceled while it waits")
        check(waiting() == [], "then nobody is asked any more")
        r = dhow("approve", "last/gate", "--by", "anna", home=home)
        check(r.returncode == 2 and "waits no more" in r.stderr, "nor may answer", says(r))
        code, run, err = end(start(gated({"timeout": "soon"})))
        check(code == 1 and "timeout 'soon'" in run["error"]["message"], "options that cannot be read fail the task", err)
        r = dhow("plan", folder / "pipeline.json", home=home)
        check("a person decides each time" in r.stdout, "explain says it", says(r))
    done()


main()
