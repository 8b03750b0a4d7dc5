# run: asan
"""Runs from start to finish by the command line: the JSON contract, exit statuses, retry, cancel, logs, the record's commands."""
import contextlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios

from specs import output, pipeline, step, write
from tap import DHOW, check, dhow, done, processes, says, until

STATES = {"SUCCEEDED", "FAILED", "CANCELED", "RUNNING", "PENDING", "SKIPPED", "CACHED"}
TYPES = {"RUNTIME", "CONDITION", "CONDITION_BRANCH", "LOOP", "LOOP_ITERATION", "EXIT_HANDLER", "IMPORTER", "DAG"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def spec(word: str = "hello") -> dict:
    s = pipeline("greeting", word=word, limit=3, ratio=0.5, items=[1, 2])
    step(s, "make", 'echo making; printf "%s" "$in_word" > "$out_text"; echo data > "$out_table"', {}, {"word": "=word"}, ("text",), {"table": "Dataset"})
    step(s, "use", 'echo "using $in_text"; printf "%s!" "$in_text" > "$out_loud"', (), {"text": "make.text"}, ("loud",))
    step(s, "never", "exit 9", ("make",), {"word": "=word"})
    s["root"]["dag"]["tasks"]["never"]["triggerPolicy"] = {"condition": "inputs.parameter_values['word'] == 'never'"}
    return output(s, "greeting", "use", "loud")


def contract(run: dict) -> list:
    """What of the contract this object does not keep."""
    wrong = []

    def want(ok: bool, what: str) -> None:
        if not ok:
            wrong.append(what)

    want(UUID.fullmatch(run["run_id"]) is not None, "run_id")
    want(isinstance(run["display_name"], str), "display_name")
    want(isinstance(run["pipeline"], str), "pipeline")
    want(run["state"] in STATES, "state")
    for key in ("started_at", "finished_at"):
        want(run[key] is None or TIME.fullmatch(run[key]) is not None, key)
    want(run["error"] is None or {"task", "message", "log_tail"} <= run["error"].keys(), "error")
    for key in ("parameters", "outputs", "artifacts"):
        want(isinstance(run[key], dict), key)
    for task in run["tasks"]:
        name = task.get("name")
        want(UUID.fullmatch(task["task_id"]) is not None, f"{name}: task_id")
        want(task["scope_path"].startswith("root.") and task["scope_path"].endswith(name), f"{name}: scope_path {task['scope_path']}")
        want(task["type"] in TYPES, f"{name}: type {task['type']}")
        want(task["iteration_index"] is None or isinstance(task["iteration_index"], int), f"{name}: iteration_index")
        want(task["state"] in STATES, f"{name}: state")
        want(isinstance(task["attempts"], int), f"{name}: attempts")
        want(task["cached_from"] is None or UUID.fullmatch(task["cached_from"]) is not None, f"{name}: cached_from")
        want(task["exit_code"] is None or isinstance(task["exit_code"], int), f"{name}: exit_code")
        for key in ("started_at", "finished_at", "error"):
            want(key in task, f"{name}: {key}")
        for side in ("inputs", "outputs"):
            want(task[side].keys() == {"parameters", "artifacts"}, f"{name}: {side}")
            for artifacts in task[side]["artifacts"].values():
                for artifact in artifacts:
                    want({"artifact_id", "type", "uri", "digest", "metadata"} <= artifact.keys(), f"{name}: an artifact's keys")
    return wrong


def task(run: dict, name: str) -> dict:
    return next(t for t in run["tasks"] if t["name"] == name)


def first_runs(folder: pathlib.Path, home: pathlib.Path) -> None:
    path = write(folder, spec())
    plain = dhow("run", path, home=home)
    check(plain.returncode == 0 and plain.stdout == "greeting=hello!\n", "outputs go to standard output", says(plain))
    check("SUCCEEDED" in plain.stderr and "\033" not in plain.stderr, "progress to standard error, without colours", says(plain))
    for state in ("RUNNING   make", "SUCCEEDED make", "SUCCEEDED use", "SKIPPED   never"):
        check(state in plain.stderr, f"a line for {state}", plain.stderr)
    quiet = dhow("run", path, "--quiet", home=home)
    check(quiet.returncode == 0 and quiet.stdout == "greeting=hello!\n" and not quiet.stderr, "--quiet says results alone", says(quiet))

    ran = dhow("run", path, "-p", "word=grüß", "--experiment", "words", "--name", "my run", "--output", "json", home=home)
    run = json.loads(ran.stdout)
    check(ran.returncode == 0 and not contract(run), "run --output json keeps the contract", "\n".join(contract(run)))
    check(run["outputs"] == {"greeting": "grüß!"} and run["parameters"] == {"word": "grüß", "limit": 3, "ratio": 0.5, "items": [1, 2]}
          and run["display_name"] == "my run" and run["error"] is None, "parameters and outputs", ran.stdout)
    check([task(run, n)["state"] for n in ("make", "use", "never")] == ["SUCCEEDED", "SUCCEEDED", "SKIPPED"], "states", ran.stdout)
    table = task(run, "make")["outputs"]["artifacts"]["table"][0]
    check(table["type"] == "system.Dataset" and table["digest"] and task(run, "make")["exit_code"] == 0, "an artifact with its digest", str(table))
    for name in (run["run_id"], run["run_id"][:13], "last", "my run", str(run["number"])):
        shown = dhow("show", name, "--output", "json", home=home)
        check(shown.stdout == ran.stdout, f"show {name} prints the same object as run", says(shown))
    again = json.loads(dhow("run", path, "-p", "word=grüß", "--output", "json", home=home).stdout)
    check(not contract(again) and task(again, "make")["state"] == "CACHED" and task(again, "make")["cached_from"] == task(run, "make")["task_id"],
          "a second run is cached, and says from which task")
    piped = dhow("run", "-", "-q", home=home, stdin=path.read_text())
    check(piped.returncode == 0 and piped.stdout == "greeting=hello!\n", "a pipeline from standard input", says(piped))


def record_commands(home: pathlib.Path) -> None:
    def table(*argv: str) -> str:
        result = dhow(*argv, home=home)
        check(result.returncode == 0, " ".join(argv), says(result))
        return result.stdout

    def value(*argv: str):
        result = dhow(*argv, "--output", "json", home=home)
        check(result.returncode == 0, f"{' '.join(argv)} --output json", says(result))
        return json.loads(result.stdout)

    runs = value("runs")
    check(len(runs) == 5 and [r["number"] for r in runs] == [5, 4, 3, 2, 1], "runs, newest first")
    check(len(table("runs").splitlines()) == 6, "a line a run")
    check([r["number"] for r in value("runs", "--experiment", "words")] == [3], "runs of an experiment")
    check(value("runs", "--state", "FAILED") == [] and len(value("runs", "-n", "2")) == 2, "runs by state, and how many")
    check({e["name"]: e["runs"] for e in value("experiments")} == {"Default": 4, "words": 1}, "experiments")
    check([(p["name"], p["versions"], p["runs"]) for p in value("pipelines")] == [("greeting", 1, 5)], "pipelines")
    check(len(value("pipelines", "greeting")) == 1, "a pipeline's versions")
    check(value("models") == [] and "no models" in dhow("models", home=home).stderr, "no models yet")
    artifacts = value("artifacts", "--run", "3")
    check([(a["task"], a["output"], a["type"]) for a in artifacts] == [("make", "table", "system.Dataset")], "artifacts of a run", str(artifacts))
    check(len(value("artifacts", "--type", "Dataset")) >= 2 and value("artifacts", "--type", "Model") == [], "artifacts by type")
    both = value("compare", "1", "3")
    check(both["parameters"]["word"] == ["hello", "grüß"] and both["states"]["make"] == ["SUCCEEDED", "SUCCEEDED"]
          and both["outputs"]["greeting"] == ["hello!", "grüß!"], "compare", str(both))
    shown = table("compare", "1", "3", "4")
    check("word" in shown and "RUN 4" in shown and "limit" not in shown and "limit" in table("compare", "--all", "1", "3"), "compare shows what differs", shown)
    one = value("show", "3/make")
    check(one["name"] == "make" and one == task(value("show", "3"), "make"), "show RUN/TASK")
    check(value("show", "3/root.make") == one and value("show", f"3/{one['task_id'][:20]}") == one, "a task by its path and id")
    check(table("show", "3/make/text") == "grüß\n" and value("show", "3/make/text") == "grüß", "show RUN/TASK/PARAMETER")
    check("data" in table("show", "3/make/table") and table("show", "3/make/table", "--content") == "data\n", "show RUN/TASK/ARTIFACT")
    check("making" in table("logs", "3/make") and "making" not in table("logs", "3/use"), "a task's log")
    logs = table("logs", "3")
    check("make | making" in logs and "use | using grüß" in logs, "a run's logs, with prefixes", logs)
    objects = [json.loads(line) for line in table("logs", "3", "--output", "json").splitlines()]
    check({"task": "use", "line": "using grüß"} in objects and {"task": "make", "line": "making"} in objects, "a run's logs, an object a line", str(objects))
    check("making" in table("logs", "4/make"), "a cached task's log is its origin's")
    check("making" in table("logs", "3", "-f"), "logs -f of a run that is over ends")
    for kind, word in {"run": runs[0]["run_id"], "task": "make", "experiment": "words", "pipeline": "greeting", "artifact": artifacts[0]["artifact_id"]}.items():
        check(word in table("completion", "--words", kind), f"completion knows each {kind}")
    doctor = value("doctor")
    check(doctor["ok"] and {"home", "record", "process"} <= {c["check"] for c in doctor["checks"]}, "doctor", str(doctor))
    planned = value("plan", str(home.parent / "pipeline.json"))
    check({t["key"]: t["would"] for t in planned} == {"root.make": "CACHED", "root.use": "CACHED", "root.never": "SKIP"}, "plan: all cached", str(planned))
    planned = value("plan", str(home.parent / "pipeline.json"), "-p", "word=new")
    check({t["key"]: t["would"] for t in planned} == {"root.make": "RUN", "root.use": "UNKNOWN", "root.never": "UNKNOWN"}
          and len(value("runs")) == 5, "plan: what would run", str(planned))
    explained = value("explain", "3")
    check({t["key"]: t["state"] for t in explained} == {"root.make": "SUCCEEDED", "root.use": "SUCCEEDED", "root.never": "SKIPPED"}, "explain", str(explained))
    check("changed from \"hello\" to \"grüß\"" in explained[0]["reason"] and "(since run" in explained[0]["reason"], "explain says which input differed then", str(explained))


def standard_files(folder: pathlib.Path) -> None:
    """Closed ones: nothing else gets their numbers, and what cannot be printed is the machine's fault."""
    home = folder / "closed"
    path = write(folder, step(pipeline("closed"), "one", "echo hello", cache=False), "closed.json")

    def closed(which: str, *args) -> int:
        return subprocess.run(["sh", "-c", f'exec "$0" "$@" {which}', DHOW, "--home", home, *args], capture_output=True, check=False).returncode

    check(closed("<&- >&- 2>&-", "run", path) == 0, "run with all of the standard files closed")
    check(closed("<&- 2>&-", "run", path, "--output", "json") == 0, "run with standard error closed")
    check(closed(">&-", "plan", path) == 3 and closed(">&-", "runs") == 3, "results that cannot be printed: exit status 3")
    check([r["state"] for r in json.loads(dhow("runs", "--output", "json", home=home).stdout)] == ["SUCCEEDED"] * 2
          and dhow("logs", "1", home=home).stdout == "one | hello\n", "the record has them")


def shown(folder: pathlib.Path) -> None:
    """What others named does not reach the terminal as commands to it; what is gone is said to be."""
    home = folder / "shown"
    s = step(pipeline("shown"), "make", 'echo data > "$out_table"', artifacts={"table": "Dataset"})
    step(s, "bad", "exit 3", ("make",), cache=False)
    for name in ("make", "bad"):
        s["root"]["dag"]["tasks"][name]["taskInfo"]["name"] = f"{name}\x1b[31m\nred"
    path = write(folder, s, "shown.json")
    ran = dhow("run", path, "--name", "a\x1b]0;b\nc", home=home)
    text = dhow("show", "last", home=home).stdout
    told = ran.stderr + text + dhow("runs", home=home).stdout + dhow("show", "last/make", home=home).stdout
    check(ran.returncode == 1 and "\x1b" not in told and "\nred" not in told and "\nc" not in told, "no control characters of names", ascii(told))
    check(text.count("exit code 3") == 2, "show: the reason once in the table, once below it", text)
    lines = [line for argv in (("runs",), ("show", "last/make"), ("explain", "last"), ("experiments",), ("artifacts",))
             for line in dhow(*argv, home=home).stdout.splitlines()] + text[text.index("TASK"):].splitlines()
    check(not any(line.endswith(" ") for line in lines), "no line of a table ends with blanks", "\n".join(f"{line}|" for line in lines))
    dhow("run", path, "--name", "long " * 100, home=home)
    check(all(len(line) < 250 for line in dhow("runs", home=home).stdout.splitlines()), "a long name is cut in the list")
    check("gone" not in dhow("show", "1/make/table", home=home).stdout, "an artifact that is there")
    pathlib.Path(json.loads(dhow("show", "1/make/table", "--output", "json", home=home).stdout)[0]["uri"]).unlink()
    check("gone: " in dhow("show", "1/make/table", home=home).stdout, "an artifact that is gone")


def explaining(folder: pathlib.Path) -> None:
    home = folder / "explaining"
    s = pipeline("explained", word="no")
    step(s, "z-first", "true", cache=False)
    step(s, "beside", "true", cache=False)
    step(s, "a-last", "true", ("beside", "m-middle"), cache=False)
    step(s, "m-middle", "true", ("z-first",), cache=False)
    step(s, "maybe", "true", inputs={"word": "=word"}, triggerPolicy={"condition": "inputs.parameter_values['word'] == 'yes'"})
    path = write(folder, s, "explained.json")
    planned = json.loads(dhow("plan", path, "--output", "json", home=home).stdout)
    names = [t["key"].removeprefix("root.") for t in planned]
    check(names == ["z-first", "beside", "maybe", "m-middle", "a-last"], "plan: in an order in which they can run", str(names))
    because = {t["key"]: t["because"] for t in planned}
    check("'z-first'" in because["root.m-middle"] and "'beside'" in because["root.a-last"], "what each waits for is upstream of it", str(because))
    for word in ("no", "yes"):
        dhow("run", path, "-p", f"word={word}", home=home)
    explained = {t["key"]: t["reason"] for t in json.loads(dhow("explain", "last", "--output", "json", home=home).stdout)}
    check(explained["root.maybe"] == "run 1 skipped it", "explain: the run before skipped it", str(explained))
    dhow("run", path, home=home)
    planned = {t["key"]: t["because"] for t in json.loads(dhow("plan", path, "-p", "word=yes", "--compare", "1", "--cache", "on", "--output", "json", home=home).stdout)}
    check("had this result" in planned["root.maybe"], "plan: an older run's result", str(planned))


def failing(folder: pathlib.Path) -> None:
    home = folder / "failing"
    flag = folder / "mended"
    s = pipeline("breaks")
    step(s, "first", "echo one", cache=False)
    step(s, "bad", f'echo "about to fail"; echo "the last line" >&2; [ -e {flag} ] || exit 7', ("first",), cache=False)
    step(s, "after-bad", "true", ("bad",), cache=False)
    step(s, "beside", "sleep 0.2; echo done", ("first",), cache=False)
    path = write(folder, s, "breaks.json")
    ran = dhow("run", path, "--output", "json", home=home)
    run = json.loads(ran.stdout)
    check(ran.returncode == 1 and run["state"] == "FAILED" and not contract(run), "a step that exits 7: the run FAILED, exit status 1", says(ran))
    check(run["error"]["task"] == "bad" and "7" in run["error"]["message"] and "the last line" in run["error"]["log_tail"], "with task, code and log", str(run["error"]))
    check([task(run, n)["state"] for n in ("first", "bad", "after-bad", "beside")] == ["SUCCEEDED", "FAILED", "SKIPPED", "SUCCEEDED"]
          and task(run, "bad")["exit_code"] == 7, "the other branch finished")
    shown = dhow("run", path, home=home)
    check(shown.returncode == 1 and not shown.stdout and "the last line" in shown.stderr and "dhow retry 2" in shown.stderr and "dhow logs 2/bad" in shown.stderr,
          "the summary shows the log's tail and what to do next", says(shown))
    quiet = dhow("run", path, "-q", home=home)
    check(quiet.returncode == 1 and "bad" in quiet.stderr and "7" in quiet.stderr and "the last line" in quiet.stderr, "--quiet still says what failed, with the log's last lines", says(quiet))
    check("the last line" in dhow("show", "1/bad", home=home).stdout and "bad" in dhow("show", "1", home=home).stdout, "show has it too")
    flag.write_text("")
    retried = json.loads(dhow("retry", "1", "--output", "json", home=home).stdout)
    check(retried["state"] == "SUCCEEDED" and retried["run_id"] == run["run_id"] and retried["error"] is None, "retry after mending succeeds", str(retried["error"]))
    kept = [task(retried, n)["finished_at"] == task(run, n)["finished_at"] for n in ("first", "bad", "after-bad", "beside")]
    check(kept == [True, False, False, True], "and runs only what failed and what follows from it", str(kept))
    partly = json.loads(dhow("retry", "1", "--from", "bad", "--output", "json", home=home).stdout)
    kept = [task(retried, n)["finished_at"] == task(partly, n)["finished_at"] for n in ("first", "bad", "after-bad", "beside")]
    check(partly["state"] == "SUCCEEDED" and kept == [True, False, False, True], "retry --from TASK", str(kept))
    s["deploymentSpec"]["executors"]["exec-bad"]["container"]["command"][2] += "\necho mended"
    write(folder, s, "breaks.json")
    changed = dhow("retry", "1", "--file", path, "--from", "bad", home=home)
    check(changed.returncode == 0 and "mended" in dhow("logs", "1/bad", home=home).stdout, "retry with the pipeline as it is now", says(changed))
    check(dhow("run", path, "--from", "bad", home=home).returncode == 0, "run --from TASK takes up the newest run")


SLEEP = f"60.25{os.getpid()}"  # the same script may run beside this one, on the sanitizer build


def sleepers() -> list:
    return processes(lambda line: line == f"sleep\0{SLEEP}\0".encode())


def stopping(folder: pathlib.Path) -> None:
    home = folder / "stopping"
    s = step(pipeline("slow"), "wait", f"echo started; exec sleep {SLEEP}", cache=False)
    step(s, "later", "true", ("wait",))
    path = write(folder, s, "slow.json")
    env = {**os.environ, "DHOW_HOME": str(home)}

    def state() -> dict:
        shown = dhow("show", "last", "--output", "json", home=home)
        return json.loads(shown.stdout) if shown.returncode == 0 else {"state": None, "tasks": []}

    def running() -> bool:
        return any(t["name"] == "wait" and t["state"] == "RUNNING" for t in state()["tasks"]) and "started" in dhow("logs", "last", home=home).stdout

    with subprocess.Popen([DHOW, "run", path], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        check(until(running), "a slow run runs, and its log can be read")
        p.send_signal(signal.SIGINT)
        told = p.communicate(timeout=120)[1]
        check(p.returncode == 130 and "retry" in told, "Ctrl-C: exit status 130, and what may come next", told)
    check(state()["state"] == "CANCELED" and [t["state"] for t in state()["tasks"] if t["name"] == "wait"] == ["CANCELED"], "and it is recorded", str(state()))
    check(not sleepers(), "and its child is gone", str(sleepers()))

    with subprocess.Popen([DHOW, "run", path], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        check(until(running), "another one")
        asked = dhow("cancel", "last", home=home)
        check(asked.returncode == 0 and "CANCELED" in asked.stdout, "cancel from another process", says(asked))
        check(p.wait(timeout=120) == 130, "ends it with 130", p.stderr.read())

    detached = dhow("run", path, "--detach", home=home)
    run_id = detached.stdout.strip()
    check(detached.returncode == 0 and UUID.fullmatch(run_id) is not None, "--detach prints the id", says(detached))
    with subprocess.Popen([DHOW, "logs", run_id, "-f"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        check(until(running), "and goes on in the background")
        ready, _, _ = select.select([p.stdout], [], [], 120)
        check(bool(ready) and "started" in p.stdout.readline(), "logs -f follows it")
        check(dhow("cancel", run_id, home=home).returncode == 0, "it can be cancelled")
        check(p.wait(timeout=120) == 0, "logs -f ends with it")

    with subprocess.Popen([DHOW, "run", path], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        check(until(running), "a run to be killed")
        p.kill()
        p.wait()
    check(state()["state"] == "RUNNING", "after kill -9 the record says RUNNING")
    for command in (("runs",), ("show", "last")):
        r = dhow(*command, home=home)
        check("stands still" in r.stderr and "dhow resume" in r.stderr, f"and '{command[0]}' that nobody runs it", says(r))
    closed = dhow("cancel", "last", home=home)
    check(closed.returncode == 0 and state()["state"] == "CANCELED" and all(t["state"] in ("CANCELED", "SKIPPED") for t in state()["tasks"]),
          "cancel closes a run that nobody runs", says(closed))

    once = folder / "once"
    s = step(pipeline("killed"), "before", f"echo x >> {once}", cache=False)
    step(s, "wait", f"[ -e {folder}/go ] || exec sleep {SLEEP}", ("before",), cache=False)
    path = write(folder, s, "killed.json")
    with subprocess.Popen([DHOW, "run", path], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        check(until(lambda: any(t["name"] == "wait" and t["state"] == "RUNNING" for t in state()["tasks"])), "a run to be resumed")
        p.kill()
        p.wait()
    (folder / "go").write_text("")
    resumed = dhow("resume", "last", "--output", "json", home=home)
    check(resumed.returncode == 0 and json.loads(resumed.stdout)["state"] == "SUCCEEDED" and once.read_text() == "x\n",
          "resume goes on, and what had succeeded does not run again", says(resumed))


def on_terminal(argv: list, env: dict, rows: int, seen) -> tuple[int, str]:
    """Its exit status, and what it wrote to a terminal of so many rows; seen() is called with that as it grows."""
    main, other = pty.openpty()
    termios.tcsetwinsize(main, (rows, 80))
    shown = b""
    with subprocess.Popen(argv, env={**os.environ, "TERM": "xterm", **env}, stdout=subprocess.DEVNULL, stderr=other) as p:
        os.close(other)
        with contextlib.suppress(OSError):
            while part := os.read(main, 65536):
                shown += part
                seen(shown.decode(errors="replace"))
    os.close(main)
    return p.returncode, shown.decode()


def small_terminal(folder: pathlib.Path) -> None:
    """No more lines are drawn than can be taken away again: the cursor does not go above the first row."""
    s = pipeline("many")
    for i in range(8):
        step(s, f"step-{i}", f"for i in $(seq 2400); do [ -e {folder}/many ] && break; sleep 0.05; done", cache=False)
    path = write(folder, s, "many.json")

    def seen(text: str) -> None:
        if "8 running" in text:
            (folder / "many").touch()

    status, text = on_terminal([DHOW, "run", path, "-j", "8"], {"DHOW_HOME": str(folder / "live")}, 6, seen)
    up = [int(n) for n in re.findall(r"\033\[(\d+)A", text)]
    check(status == 0 and up and max(up) == 5, "the live list fits a small terminal", repr(text))


def terminal(folder: pathlib.Path) -> None:
    """The live list: drawn, taken away, and what stays is what happened."""
    path = write(folder, step(pipeline("live"), "work", f"for i in $(seq 2400); do [ -e {folder}/drawn ] && break; sleep 0.05; done", cache=False), "live.json")
    for extra, colours in (({}, True), ({"NO_COLOR": "1"}, False)):
        (folder / "drawn").unlink(missing_ok=True)
        status, text = on_terminal([DHOW, "run", path], {"DHOW_HOME": str(folder / "live"), **extra}, 24,
                                   lambda shown: (folder / "drawn").touch() if "● work" in shown else None)
        check(status == 0, "a run on a terminal")
        check("● work" in text and "\033[1A\033[J" in text, "its live list is drawn and taken away", repr(text))
        check(("\033[32m" in text) == colours, "with colours" if colours else "without, where NO_COLOR is set", repr(text))
        check(re.search(r"SUCCEEDED.*work", text) is not None, "and the end stays", repr(text))


def told(folder: pathlib.Path) -> None:
    """--events: a line of JSON for each change, of a run that is on record."""
    home, lines = folder / "told", folder / "events"
    path = write(folder, step(pipeline("told"), "work", f"{DHOW} --home {home} runs --output json >{folder}/seen", cache=False), "told.json")
    no = dhow("run", path, "--events", folder / "nowhere" / "events", home=home)
    check(no.returncode == 3 and "nowhere" in no.stderr and not json.loads(dhow("runs", "--output", "json", home=home).stdout), "--events into nowhere: no run", says(no))
    ok = dhow("run", path, "--events", lines, "--output", "json", home=home)
    run_id = json.loads(ok.stdout)["run_id"]
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    of_run = [e["state"] for e in events if e["event"] == "run"]
    check(ok.returncode == 0 and of_run == ["RUNNING", "SUCCEEDED"] and events[0]["event"] == events[-1]["event"] == "run", "the run's states, first and last", str(events))
    check([e["state"] for e in events if e.get("task") == "root.work"] == ["RUNNING", "SUCCEEDED"] and {e["run_id"] for e in events} == {run_id}, "its tasks' between them", str(events))
    seen = json.loads((folder / "seen").read_text())
    check([(r["run_id"], r["state"]) for r in seen] == [(run_id, "RUNNING")], "a step sees its run on record, RUNNING", str(seen[:1]))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-test-") as name:
        folder = pathlib.Path(name)
        first_runs(folder, folder / "home")
        record_commands(folder / "home")
        standard_files(folder)
        shown(folder)
        explaining(folder)
        failing(folder)
        stopping(folder)
        terminal(folder)
        small_terminal(folder)
        told(folder)
    done()


if __name__ == "__main__":
    main()
