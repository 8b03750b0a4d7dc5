# run: asan
"""The run loop from outside: retries, timeouts, exit handlers, cancel, loops, types, slots, the cache in flight."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from specs import KINDS, output, pipeline, step, write
from tap import DHOW, check, dhow, done, says, until


def run(path, home, *args, code: int = 0, name: str = "") -> dict:
    result = dhow("run", path, "--output", "json", *args, home=home)
    check(result.returncode == code, f"{name or path.stem}: exit status {code}", says(result))
    return json.loads(result.stdout)


def task(got: dict, name: str, index: int | None = None) -> dict:
    return next(t for t in got["tasks"] if t["name"] == name and t["type"] in ("RUNTIME", "IMPORTER") and index in (None, t["iteration_index"]))


def states(got: dict) -> dict:
    return {t["name"]: t["state"] for t in got["tasks"]}


def lines(path: pathlib.Path) -> list:
    return path.read_text().split("\n")[:-1] if path.exists() else []


def retries(folder: pathlib.Path) -> None:
    home, marks = folder / "retries", folder / "attempts"
    s = step(pipeline("retries"), "flaky", f'date +%s.%N >> {marks}; echo "attempt $(wc -l < {marks})"; [ "$(wc -l < {marks})" -ge 3 ] || exit 5', cache=False,
             retryPolicy={"maxRetryCount": 3, "backoffDuration": "0.2s", "backoffFactor": 2, "backoffMaxDuration": "10s"})
    step(s, "after", "true", ("flaky",), cache=False)
    events = folder / "events"
    got = run(write(folder, s), home, "--events", events, name="a flaky step")
    check(task(got, "flaky")["attempts"] == 3 and task(got, "flaky")["state"] == "SUCCEEDED" and task(got, "after")["state"] == "SUCCEEDED",
          "it succeeds at the third attempt", str(task(got, "flaky")))
    at = [float(t) for t in lines(marks)]
    asked = [e["retry_in_ms"] for e in map(json.loads, lines(events)) if e.get("retry_in_ms") is not None]
    check(len(at) == 3 and 0.2 <= at[1] - at[0] and 0.4 <= at[2] - at[1] and asked == [200, 400], "with the backoff that was asked for, doubled", f"{at} {asked}")
    logs = dhow("logs", "last/flaky", home=home).stdout
    check(all(f"attempt {i}" in logs for i in (1, 2, 3)), "the log has all attempts", logs)

    marks.unlink()
    s = step(pipeline("gives-up"), "broken", f"echo x >> {marks}; exit 5", cache=False, retryPolicy={"maxRetryCount": 2, "backoffDuration": "0s"})
    got = run(write(folder, s), home, code=1, name="a broken step")
    check(len(lines(marks)) == 3 and task(got, "broken")["attempts"] == 3 and task(got, "broken")["exit_code"] == 5, "it gives up after the retries", str(got["error"]))


def timeout(folder: pathlib.Path) -> None:
    home = folder / "timeout"
    s = step(pipeline("timeout"), "slow", "echo begun; exec sleep 661.5", cache=False)
    step(s, "beside", "true", cache=False)
    for seconds in (1, 10, 60):  # long enough for the step to have begun on this machine
        platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-slow": {"activeDeadlineSeconds": seconds}}}}}}
        start = time.monotonic()
        got = run(write(folder, {"pipeline_spec": s, "platform_spec": platform}), home, code=1, name=f"a timeout of {seconds} s")
        check(time.monotonic() - start < 180, "the step is stopped in time")
        if got["error"]["log_tail"]:
            break
    check(task(got, "slow")["state"] == "FAILED" and "timed out" in got["error"]["message"] and "begun" in got["error"]["log_tail"], "it FAILED and says so", str(got["error"]))
    check(task(got, "beside")["state"] == "SUCCEEDED", "the other step is not touched")


def exit_handler(folder: pathlib.Path, script: str, seen: pathlib.Path, last: str = "") -> dict:
    """A group with one step, and behind it a step that gets its final status."""
    s = pipeline("exits")
    group = {"tasks": {}}
    step(s, "work", script, cache=False, dag=group)
    step(s, "never", "true", ("work",), cache=False, dag=group)
    s["components"]["comp-exit-handler-1"] = {"dag": group}
    tasks = s["root"]["dag"]["tasks"]
    tasks["exit-handler-1"] = {"componentRef": {"name": "comp-exit-handler-1"}, "taskInfo": {"name": "exit-handler-1"}}
    s["components"]["comp-last"] = {"executorLabel": "exec-last", "inputDefinitions": {"parameters": {"status": {"parameterType": "TASK_FINAL_STATUS", "isOptional": True}}}}
    s["deploymentSpec"]["executors"]["exec-last"] = {"container": {"image": "test", "command": ["sh", "-c", f'printf "%s" "$0" > {seen}; {last}'],
                                                                   "args": ["{{$.inputs.parameters['status']}}"]}}
    tasks["last"] = {"componentRef": {"name": "comp-last"}, "taskInfo": {"name": "last"}, "dependentTasks": ["exit-handler-1"],
                     "inputs": {"parameters": {"status": {"taskFinalStatus": {"producerTask": "exit-handler-1"}}}},
                     "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}
    return s


def handlers(folder: pathlib.Path) -> None:
    home, seen = folder / "handlers", folder / "status.json"
    run(write(folder, exit_handler(folder, "true", seen)), home, name="an exit handler after a success")
    check(json.loads(seen.read_text())["state"] == "COMPLETE", "is told of the success", seen.read_text())
    got = run(write(folder, exit_handler(folder, "exit 3", seen)), home, code=1, name="after a failure")
    status = json.loads(seen.read_text())
    check(status["state"] == "FAILED" and status["pipelineTaskName"] == "exit-handler-1" and "work" in status["error"]["message"], "is told of the failure", seen.read_text())
    check(states(got) | {"exit-handler-1": "FAILED", "work": "FAILED", "never": "SKIPPED", "last": "SUCCEEDED"} == states(got) and got["error"]["task"].endswith("work"),
          "and the run has failed", str(states(got)))


def interrupts(folder: pathlib.Path) -> None:
    home, seen, begun = folder / "interrupts", folder / "canceled.json", folder / "begun"
    for how in ("once", "cancel", "twice"):
        # The second signal comes while the handler runs, however late: it does not end by itself.
        path = write(folder, exit_handler(folder, f"touch {begun}; exec sleep 662.5", seen, "exec sleep 663.5" if how == "twice" else "sleep 0.3"))
        seen.unlink(missing_ok=True)
        begun.unlink(missing_ok=True)
        with subprocess.Popen([DHOW, "run", path], env={**os.environ, "DHOW_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as p:
            check(until(begun.exists), f"{how}: it runs")
            if how == "cancel":
                asked = dhow("cancel", "last", home=home)
                check(asked.returncode == 0, "cancel from another process", says(asked))
            else:
                p.send_signal(signal.SIGINT)
            if how == "twice":
                end = time.monotonic() + 120
                while p.poll() is None and time.monotonic() < end:  # two that come at once are one
                    time.sleep(0.05)
                    p.send_signal(signal.SIGINT)
            code = p.wait(timeout=120)  # a signal that comes when all is done ends it at once: 130 to a shell, too
            check(code == 130 or (how == "twice" and code == -signal.SIGINT), f"{how}: exit status 130", f"{code} {p.stderr.read()}")
        got = json.loads(dhow("show", "last", "--output", "json", home=home).stdout)
        check(got["state"] == "CANCELED" and task(got, "work")["state"] == "CANCELED", f"{how}: recorded as CANCELED", str(states(got)))
        if how == "twice":
            check(task(got, "last")["state"] == "CANCELED", "twice: the exit handler too", str(states(got)))
        else:
            check(task(got, "last")["state"] == "SUCCEEDED" and json.loads(seen.read_text())["state"] == "CANCELED", f"{how}: the exit handler ran, and knows", str(states(got)))


def canceled_and_killed(folder: pathlib.Path) -> None:
    """dhow is killed after a step's end as CANCELED is on record: what the step left goes with the resume, should it have had no time to go before."""
    home, seen, begun = folder / "home", folder / "canceled.json", folder / "begun"
    kill = 'read _ _ _ engine _ < /proc/$PPID/stat; [ -e {0} ] || {{ touch {0}; kill -9 $engine; }}'.format(folder / "killed")
    path = write(folder, exit_handler(folder, f"[ ! -e {begun} ] || exit 0; touch {begun}; exec sleep 662.5", seen, kill))
    with subprocess.Popen([DHOW, "run", "-q", path], env={**os.environ, "DHOW_HOME": str(home)}, stderr=subprocess.DEVNULL) as p:
        check(until(begun.exists), "a step runs")
        p.send_signal(signal.SIGINT)
        check(p.wait(timeout=120) == -signal.SIGKILL, "canceled, and killed by its exit handler", str(p.returncode))
    with contextlib.closing(sqlite3.connect(home / "dhow.db")) as db:
        left, = (pathlib.Path(row[0]) for row in db.execute("SELECT folder FROM task WHERE name = 'work' AND state = 'CANCELED'"))
    left.mkdir(parents=True, exist_ok=True)
    (left / "o").write_text("half")
    again = dhow("resume", "last", "--output", "json", home=home)
    check(again.returncode == 0 and set(states(json.loads(again.stdout)).values()) == {"SUCCEEDED"}, "resumed: it runs", says(again))
    check(not left.exists() and not [f for f in (home / "runs").glob("*/*") if f.is_dir()], "and nothing of it stays", str(left))


def types(folder: pathlib.Path) -> None:
    home = folder / "types"
    values = {"text": "h\u00e9llo \u20ac \U0001f42b \"q\" 'a'\n$HOME `x` \\ {{$.nothing}}", "whole": -9007199254740991, "ratio": 1e-7, "yes": True, "no": False,
              "list": [1, 2.5, "x", None, {"k": []}], "struct": {"\u00fc": {"deep": [True]}}, "empty": "", "zero": 0, "big": 1e300}
    s = pipeline("types", **values)
    parameters = {k: {"parameterType": KINDS[type(v)]} for k, v in values.items()}
    s["components"]["comp-echo"] = {"executorLabel": "exec-echo", "inputDefinitions": {"parameters": parameters}, "outputDefinitions": {"parameters": parameters}}
    command = ["sh", "-c", 'while [ $# -gt 0 ]; do mkdir -p "$(dirname "$2")"; printf "%s" "$1" > "$2"; shift 2; done', "sh"]
    for k in values:
        command += [f"{{{{$.inputs.parameters['{k}']}}}}", f"{{{{$.outputs.parameters['{k}'].output_file}}}}"]
    s["deploymentSpec"]["executors"]["exec-echo"] = {"container": {"image": "test", "command": command}}

    def echo(name: str, source) -> None:
        s["root"]["dag"]["tasks"][name] = {"componentRef": {"name": "comp-echo"}, "taskInfo": {"name": name}, "inputs": {"parameters": {k: source(k) for k in values}}}

    echo("one", lambda k: {"componentInputParameter": k})
    echo("two", lambda k: {"taskOutputParameter": {"producerTask": "one", "outputParameterKey": k}})
    for k, v in values.items():
        output(s, k, "two", k)
        s["root"]["outputDefinitions"]["parameters"][k] = parameters[k]
    got = run(write(folder, s), home, name="all types")
    check(got["outputs"] == values, "every type comes through two steps unchanged", f"{got['outputs']}\n{values}")
    given = {"text": "\u4f60\u597d", "whole": 7, "ratio": 2, "yes": False, "list": [], "struct": {}, "zero": -0}
    args = [a for k, v in given.items() for a in ("-p", f"{k}={v if isinstance(v, str) else json.dumps(v)}")]
    got = run(folder / "pipeline.json", home, *args, name="-p of each type")
    check(got["outputs"] == values | given, "-p is read by the declared type", str(got["outputs"]))
    wrong = dhow("run", folder / "pipeline.json", "-p", "whole=seven", home=home)
    check(wrong.returncode == 2 and "whole" in wrong.stderr, "a value of a wrong type: exit status 2", says(wrong))


def loop(s: dict, items: str, script: str, outputs: tuple = (), **policy) -> dict:
    body = {"tasks": {}}
    step(s, "body", script, inputs={"it": "=it"}, outputs=outputs, cache=False, dag=body)
    s["components"]["comp-loop"] = {"inputDefinitions": {"parameters": {"it": {"parameterType": "STRING"}}}, "dag": body}
    for key in outputs:
        s["components"]["comp-loop"].setdefault("outputDefinitions", {}).setdefault("parameters", {})[key] = {"parameterType": "STRING"}
        body.setdefault("outputs", {}).setdefault("parameters", {})[key] = {"valueFromParameter": {"producerSubtask": "body", "outputParameterKey": key}}
    s["root"]["dag"]["tasks"]["loop"] = {"componentRef": {"name": "comp-loop"}, "taskInfo": {"name": "loop"},
                                         "parameterIterator": {"itemInput": "it", "items": {"raw": items}}, **policy}
    return s


def loops(folder: pathlib.Path) -> None:
    home, flag, marks = folder / "loops", folder / "fixed", folder / "ran"
    s = loop(pipeline("loops"), '["a", "b", "c", "d"]', f'echo "$in_it" >> {marks}; [ "$in_it" != c ] || [ -e {flag} ] || exit 4; printf "%s" "<$in_it>" > "$out_o"', ("o",))
    s["components"]["comp-all"] = {"executorLabel": "exec-all", "inputDefinitions": {"parameters": {"l": {"parameterType": "LIST"}}}}
    s["deploymentSpec"]["executors"]["exec-all"] = {"container": {"image": "test", "command": ["echo", "{{$.inputs.parameters['l']}}"]}}
    s["root"]["dag"]["tasks"]["all"] = {"componentRef": {"name": "comp-all"}, "taskInfo": {"name": "all"},
                                        "inputs": {"parameters": {"l": {"taskOutputParameter": {"producerTask": "loop", "outputParameterKey": "o"}}}}}
    path = write(folder, s)
    got = run(path, home, code=1, name="a loop with a failing iteration")
    check([task(got, "body", i)["state"] for i in range(4)] == ["SUCCEEDED", "SUCCEEDED", "FAILED", "SUCCEEDED"] and task(got, "all")["state"] == "SKIPPED",
          "the other iterations finished", str([(t["name"], t["iteration_index"], t["state"]) for t in got["tasks"]]))
    flag.touch()
    again = json.loads(dhow("retry", "last", "--output", "json", home=home).stdout)
    check(again["state"] == "SUCCEEDED" and sorted(lines(marks)) == ["a", "b", "c", "c", "d"], "retry runs that iteration alone", str(lines(marks)))
    check('["<a>","<b>","<c>","<d>"]' in dhow("logs", "last/all", home=home).stdout.replace(" ", ""), "what they gave is collected in order")
    once_more = json.loads(dhow("retry", "last", "--from", "root.loop[1].body", "--output", "json", home=home).stdout)
    check(once_more["state"] == "SUCCEEDED" and sorted(lines(marks)) == ["a", "b", "b", "c", "c", "d"], "--from one iteration", str(lines(marks)))


def slots(folder: pathlib.Path) -> None:
    home, marks = folder / "slots", folder / "slots.log"
    for jobs, limit, most in ((3, 0, 3), (4, 2, 2)):
        # The first ones wait for each other: a slow start does not keep them apart.
        script = (f'echo + >> {marks}; for i in $(seq 1200); do [ $(grep -c + {marks}) -ge {most} ] && break; sleep 0.05; done; '
                  f'sleep 0.1; echo - >> {marks}')
        marks.unlink(missing_ok=True)
        run(write(folder, loop(pipeline("slots"), json.dumps([str(i) for i in range(8)]), script, iteratorPolicy={"parallelismLimit": limit})), home, "--jobs", jobs,
            name=f"--jobs {jobs}, limit {limit}")
        open_now = peak = 0
        for mark in lines(marks):
            open_now += 1 if mark == "+" else -1
            peak = max(peak, open_now)
        check(open_now == 0 and peak == most, f"{most} steps at a time, never more", str(peak))


def in_flight(folder: pathlib.Path) -> None:
    home, marks = folder / "flight", folder / "flight.log"
    s = pipeline("flight")
    for name in ("one", "two", "three"):
        step(s, name, f'echo x >> {marks}; sleep 0.3; printf same > "$out_o"', outputs=("o",))
    for name in ("two", "three"):  # the same component: an equal task
        s["root"]["dag"]["tasks"][name]["componentRef"] = {"name": "comp-one"}
    got = run(write(folder, s), home, "--jobs", "3", name="equal tasks at once")
    check(len(lines(marks)) == 1 and sorted(states(got).values()) == ["CACHED", "CACHED", "SUCCEEDED"], "one runs, the others take its result", str(states(got)))


def cache_modes(folder: pathlib.Path) -> None:
    home = folder / "modes"
    path = write(folder, step(pipeline("modes"), "a", 'printf same > "$out_o"', outputs=("o",)))
    for mode, want in (("off", "SUCCEEDED"), ("read", "SUCCEEDED"), ("refresh", "SUCCEEDED"), ("read", "CACHED"), ("on", "CACHED"), ("off", "SUCCEEDED")):
        got = run(path, home, "--cache", mode, name=f"--cache {mode}")
        check(states(got)["a"] == want, f"--cache {mode}: {want}", str(states(got)))
    never = write(folder, step(pipeline("never"), "a", "true", cache=False))
    run(never, home, name="a task that is not to be cached")
    got = run(write(folder, step(pipeline("ever"), "a", "true")), home, name="the same, but to be cached")
    check(states(got)["a"] == "SUCCEEDED", "does not take the other's result", str(states(got)))


def mending(folder: pathlib.Path) -> None:
    """Retry with a mended file: what was not touched stays."""
    home, marks = folder / "mending", folder / "mending.log"
    s = pipeline("mending")
    for name, after in (("a", ()), ("b", ("a",)), ("c", ("b",)), ("other", ())):
        step(s, name, f"echo {name} >> {marks}" + ("; exit 7" if name == "b" else ""), after, cache=False)
    path = write(folder, s)
    run(path, home, code=1, name="a broken pipeline")
    s["deploymentSpec"]["executors"]["exec-b"]["container"]["command"][2] = f"echo mended >> {marks}"
    write(folder, s)
    again = dhow("retry", "last", "--file", path, "--output", "json", home=home)
    check(again.returncode == 0 and sorted(lines(marks)) == ["a", "b", "c", "mended", "other"], "retry --file runs the mended step and what follows", says(again))
    check(set(states(json.loads(again.stdout)).values()) == {"SUCCEEDED"}, "all succeeded")


def shepherd(folder: pathlib.Path) -> None:
    """The process that starts the steps is killed: its steps go with it, dhow says so, and retry runs them again (more of this: test_kill_parent)."""
    home, marks = folder / "shepherd", folder / "marks"
    s = step(pipeline("shepherd"), "a", f"echo begun >> {marks}; [ $(wc -l <{marks}) -gt 1 ] || sleep 600; echo ended >> {marks}", cache=False)
    path = write(folder, step(s, "b", "true", ("a",), cache=False))
    with subprocess.Popen([DHOW, "run", "-q", path], env={**os.environ, "DHOW_HOME": str(home)}, stderr=subprocess.PIPE, text=True) as p:
        check(until(lambda: lines(marks)), "a run with a step that takes a while")  # its line, not the file alone: retry counts lines
        for child in pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        try:
            said = p.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            p.kill()
            said = "it waits for ever: " + p.communicate()[1]
    check(p.returncode == 1 and "killed with it" in said, "its shepherd is killed: the step failed", f"{p.returncode} {said}")
    resumed = dhow("retry", "last", home=home)
    check(resumed.returncode == 0 and lines(marks) == ["begun", "begun", "ended"], "retry runs the step again, which did not outlive its shepherd",
          f"{says(resumed)} {lines(marks)}")


def homeless(folder: pathlib.Path) -> None:
    """The home is removed under a run: it ends, and its step with it."""
    home, marks = folder / "home", folder / "marks"
    path = write(folder, step(pipeline("homeless"), "a", f"echo $$ > {marks}; sleep 600", cache=False))
    with subprocess.Popen([DHOW, "run", "-q", path], env={**os.environ, "DHOW_HOME": str(home)}, stderr=subprocess.PIPE, text=True) as p:
        check(until(lambda: marks.exists() and marks.read_text().strip()), "a run with a step that takes a while")
        gone = until(lambda: shutil.rmtree(home, ignore_errors=True) or not home.exists())  # a file that is made meanwhile keeps a folder
        check(gone, "its home is removed")
        ended = until(lambda: p.poll() is not None)
        if not ended:
            p.kill()
        said = p.communicate(timeout=60)[1]
    check(p.returncode == 3 and "is gone" in said, "a run whose home is removed ends", f"{p.returncode} {said}")
    check(until(lambda: not pathlib.Path(f"/proc/{marks.read_text().strip()}").exists()), "and so does its step")


def many_at_once(folder: pathlib.Path) -> None:
    """More steps begin in one turn than the sockets to the shepherd hold words of, and than the usual limit of descriptors is made for."""
    s, marks, most = pipeline("many"), folder / "marks", resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for i in range(400):
        step(s, f"s{i}", f"ulimit -n >> {marks}; sleep 0.3", cache=False)
    path = write(folder, s)
    with subprocess.Popen([DHOW, "run", "-q", "--jobs", "400", path], env={**os.environ, "DHOW_HOME": str(folder / "home")}, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))) as p:
        try:
            said = p.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            p.kill()
            said = "it waits for ever: " + p.communicate()[1]
    check(p.returncode == 0 and lines(marks) == ["1024"] * 400, "400 steps at once, each with the limits that were there", f"{p.returncode} {said} {set(lines(marks))}")


def folders(folder: pathlib.Path) -> None:
    """Working folders: empty for each step, whatever others do; none stays."""
    home, program, marks = folder / "home", folder / "program", folder / "marks"
    program.write_bytes(b"\x7fnot a program")
    program.chmod(0o755)
    s = pipeline("folders")
    step(s, "removes", "true", cache=False)
    step(s, "other", "rm -rf ../w*", ("removes",), cache=False)
    step(s, "late", "cd /; (sleep 0.1; touch $TMPDIR/late) >/dev/null 2>&1 & sleep 0.05", ("other",), cache=False)
    step(s, "leaves", f"ls -A >> {marks}; echo x > file; mkdir -p folder/.b", ("late",), cache=False)
    for i in range(3):
        step(s, f"next-{i}", f"ls -A >> {marks}; pwd >> {marks}.all", ("leaves",), cache=False)
    step(s, "bad", "true", ("leaves",), cache=False)
    s["deploymentSpec"]["executors"]["exec-bad"]["container"].update(command=[str(program)], args=[])
    got = run(write(folder, s), home, code=1)
    check([n for n, state in states(got).items() if state != "SUCCEEDED"] == ["bad"], "a program that cannot be started fails alone", str(states(got)))
    check(lines(marks) == [] and len(lines(folder / "marks.all")) == 3, "each step begins in an empty folder", str(lines(marks)))
    left = [str(f) for f in (home / "runs").glob("*/*") if f.is_dir()]
    check(left == [], "no working folder stays", str(left))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-engine-") as name:
        for part in (retries, timeout, handlers, interrupts, canceled_and_killed, types, loops, slots, in_flight, cache_modes, mending, shepherd, homeless, many_at_once, folders):
            folder = pathlib.Path(name) / part.__name__
            folder.mkdir()
            part(folder)
    done()


main()
