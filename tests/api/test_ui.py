# run: asan
"""What the page reads: /ui of docs/api.md, and its streams of events."""
import json
import pathlib
import tempfile
import threading
import time
import urllib.request

from server import Server
from specs import pipeline, step
from tap import check, dhow, done, says


def spec(gate: pathlib.Path) -> dict:
    """Nothing is written before the gate is there: whoever watches watches by then."""
    s = pipeline("greet", word="hello")
    step(s, "make", f'until [ -e {gate} ]; do sleep 0.05; done; ' 'echo "<script>1</script>" > "$out_page"; printf "%s" "$in_word" > "$out_text"; for i in 1 2 3 4; do echo "line $i ✓"; sleep 0.15; done',
         {}, {"word": "=word"}, ("text",), {"page": "HTML"})
    step(s, "use", 'echo "using $in_text"', (), {"text": "make.text"})
    return s


class Stream(threading.Thread):
    """Collects the events of a stream."""

    def __init__(self, url: str, headers: dict | None = None):
        super().__init__(daemon=True)
        self.request = urllib.request.Request(url, headers=headers or {})
        self.events, self.ended = [], False
        self.opened = threading.Event()
        self.start()
        self.opened.wait(120)

    def run(self):
        event = {}
        try:
            with urllib.request.urlopen(self.request, timeout=120) as answer:
                self.opened.set()
                for line in answer:
                    key, _, value = line.decode().rstrip("\n").partition(": ")
                    if not key:
                        if "event" in event:
                            self.events.append({**event, "data": json.loads(event["data"]), "at": time.monotonic()})
                        event = {}
                    elif key:
                        event[key] = value
        except OSError:
            pass
        self.ended = True

    def wait(self, found, seconds: float = 120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for event in list(self.events):
                if found(event):
                    return event
            time.sleep(0.01)
        return None


def live(server: Server) -> str:
    gate = pathlib.Path(server.home, "gate")
    status, made, _ = server.ask("/ui/runs", {"pipeline_spec": spec(gate), "parameters": {"word": "it's"}, "display_name": "first"})
    check(status == 200 and made.get("run_id"), "POST /ui/runs", str(made))
    run_id = made["run_id"]
    _, run, _ = server.ask(f"/ui/runs/{run_id}")
    stream = Stream(f"{server.url}/ui/events?run={run_id}&last_event_id={run['last_event_id']}")
    everything = Stream(f"{server.url}/ui/events")
    def runs(task: dict) -> bool:
        return task["name"] == "make" and task["state"] == "RUNNING"

    # Where it ran already when the run was read, the answer has told it and no event will.
    started = next(filter(runs, run["tasks_list"]), None) or (stream.wait(lambda e: e["event"] == "task" and runs(e["data"])) or {}).get("data")
    check(started is not None, "a task that starts is told", str(stream.events))
    task = started["task_id"]
    log = Stream(f"{server.url}/ui/tasks/{task}/log/events")
    gate.touch()
    check(stream.wait(lambda e: e["event"] == "run" and e["data"]["state"] == "SUCCEEDED") is not None, "the run's end is told", str(stream.events))
    done_tasks = {e["data"]["name"] for e in stream.events if e["event"] == "task" and e["data"]["state"] == "SUCCEEDED"}
    check(done_tasks == {"root", "make", "use"}, "the end of each task is told", str(done_tasks))
    check(any(e["event"] == "log" and e["data"]["task_id"] == task for e in stream.events), "a log that grows is told")
    check(everything.wait(lambda e: e["event"] == "run" and e["data"]["run_id"] == run_id and e["data"]["state"] == "SUCCEEDED") is not None,
          "the stream of all runs tells it too")
    check(log.wait(lambda e: e["event"] == "end") is not None, "a followed log ends")
    text = "".join(e["data"]["text"] for e in log.events if e["event"] == "log")
    check(text == "".join(f"line {i} ✓\n" for i in (1, 2, 3, 4)), "all of the log has come, in whole characters", text)
    first = stream.events[0]["id"]
    again = Stream(f"{server.url}/ui/events?run={run_id}", {"Last-Event-ID": first})
    check(again.wait(lambda e: e["event"] == "run" and e["data"]["state"] == "SUCCEEDED") is not None
          and [e["id"] for e in again.events] == [e["id"] for e in stream.events[1:]], "Last-Event-ID brings what was missed",
          f"{[e['id'] for e in again.events]} {[e['id'] for e in stream.events]}")
    other = Stream(f"{server.url}/ui/events?run={run_id}", {"Last-Event-ID": "1-1"})
    check(other.wait(lambda e: e["event"] == "reset") is not None, "an id of another server is answered by reset")
    return run_id


def half(server: Server) -> None:
    """A log whose last bytes are no whole character ends all the same."""
    s = pipeline("half")
    step(s, "say", "printf 'caf\\351'", cache=False)
    _, made, _ = server.ask("/ui/runs", {"pipeline_spec": s, "display_name": "half"})
    server.wait(made["run_id"])
    tasks = {t["name"]: t["task_id"] for t in server.ask(f"/ui/runs/{made['run_id']}")[1]["tasks_list"]}
    log = Stream(f"{server.url}/ui/tasks/{tasks['say']}/log/events")
    ended = log.wait(lambda e: e["event"] == "end", 30)
    text = "".join(e["data"]["text"] for e in log.events if e["event"] == "log")
    check(ended and ended["data"]["size"] == 4 and text == "caf\ufffd", "a followed log ends, though its last character is cut off", f"{text!r} {ended}")
    none = Stream(f"{server.url}/ui/tasks/{tasks['root']}/log/events?offset=-100")
    ended = none.wait(lambda e: e["event"] == "end", 30)
    check(ended and ended["data"]["size"] == 0, "and one that is not there", str(ended))


def reads(server: Server, run_id: str) -> None:
    _, run, _ = server.ask(f"/ui/runs/{run_id}")
    tasks = {t["name"]: t for t in run["tasks_list"]}
    check(tasks["make"]["inputs"]["parameters"] == {"word": "it's"} and tasks["make"]["outputs"]["parameters"] == {"text": "it's"},
          "a task has its inputs and outputs", str(tasks["make"]))
    check(tasks["use"]["key"] == "root.use" and tasks["use"]["parent_task_id"] == tasks["root"]["task_id"], "and its place")
    check(tasks["make"]["attempt_list"][0]["log_bytes"] == 44, "and its attempts", str(tasks["make"]["attempt_list"]))
    check(run["tasks"] == {"total": 2, "done": 2, "failed": 0, "running": 0}, "a run counts its steps", str(run["tasks"]))
    _, brief, _ = server.ask(f"/ui/runs/{run_id}?io=0")
    check(brief["tasks_list"][0]["inputs"] is None, "io=0 leaves inputs out")
    for query, n in (("", 1), ("?state=SUCCEEDED", 1), ("?state=FAILED,CANCELED", 0), ("?param=word=it's", 1), ("?param=word=x", 0),
                     ("?name=FIR", 1), ("?archived=1", 0), ("?sort=-duration", 1), ("?since=2020-01-01T00:00:00Z", 1)):
        status, found, _ = server.ask("/ui/runs" + query)
        check(status == 200 and len(found["items"]) == n, f"GET /ui/runs{query}", str(found)[:300])
    status, _, _ = server.ask("/ui/runs?metric=x")
    check(status == 400, "a condition that is none is refused")
    task = tasks["make"]["task_id"]
    status, text, headers = server.ask(f"/ui/tasks/{task}/log", headers={"Range": "bytes=0-5"})
    check(status == 206 and text == "line 1" and headers["Content-Range"] == "bytes 0-5/44", "a range of a log", f"{status} {text}")
    status, _, headers = server.ask(f"/ui/tasks/{task}/log", headers={"Range": "bytes=44-"})
    check(status == 416 and headers["Content-Range"] == "bytes */44", "a range past its end")
    artifact = tasks["make"]["outputs"]["artifacts"]["page"][0]["artifact_id"]
    status, text, headers = server.ask(f"/ui/artifacts/{artifact}/content")
    check(status == 200 and "sandbox" in headers["Content-Security-Policy"] and "allow-same-origin" not in headers["Content-Security-Policy"]
          and headers["Content-Type"].startswith("text/html"), "an HTML artifact comes in a sandbox", str(dict(headers)))
    check(server.ask(f"/ui/artifacts/{artifact}/content?path=../../x")[0] == 404, "no path leads out of an artifact")
    check(server.ask("/ui/artifacts/1/content")[0] == 404, "artifacts are found by their uuid alone")
    _, lineage, _ = server.ask(f"/ui/artifacts/{artifact}/lineage")
    check({n["kind"] for n in lineage["nodes"]} == {"artifact", "task"} and len(lineage["edges"]) == 1, "lineage", str(lineage))
    _, side, _ = server.ask(f"/ui/compare?runs={run_id},{run_id}")
    check(len(side["runs"]) == 2 and side["parameters"] == [{"name": "word", "values": ["it's", "it's"], "differs": False}], "compare", str(side)[:400])
    for path in ("artifacts", "pipelines", "experiments", "models", "system", "search?q=gre"):
        status, found, _ = server.ask(f"/ui/{path}")
        check(status == 200, f"GET /ui/{path}", str(found)[:300])
    _, found, _ = server.ask("/ui/pipelines")
    _, found, _ = server.ask(f"/ui/pipelines/{found['items'][0]['id']}")
    _, version, _ = server.ask(f"/ui/versions/{found['versions'][0]['id']}")
    check(version["inputs"] == [{"name": "word", "type": "STRING", "optional": True, "default": "hello", "literals": None, "description": None}],
          "a version's inputs", str(version["inputs"]))
    _, trace, _ = server.ask(f"/ui/runs/{run_id}/trace")
    spans = trace["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ids = {s["spanId"] for s in spans}
    check(len(spans) == 4 and len(ids) == 4 and {s["traceId"] for s in spans} == {run_id.replace("-", "")} and all(s.get("parentSpanId", next(iter(ids))) in ids for s in spans)
          and all(int(s["startTimeUnixNano"]) <= int(s["endTimeUnixNano"]) for s in spans), "a run as a trace", str(spans)[:500])
    printed = dhow("show", "--trace", run_id, home=server.home)
    check(json.loads(printed.stdout) == trace, "as show --trace prints it", says(printed)[:500])
    first, again = server.ask("/ui/runs")[1], server.ask("/ui/runs")[1]
    tagged = dhow("runs", "tag", run_id, "team=blue", home=server.home)
    check(tagged.returncode == 0 and first == again and [r["tags"] for r in server.ask("/ui/runs")[1]["items"] if r["run_id"] == run_id] == [{"team": "blue"}],
          "a list that is asked again is the same, until another process has written")
    status, _, _ = server.ask(f"/ui/runs/{run_id}", {"notes": "good ✓", "tags": {"team": None, "kind": "x=y", "bare": ""}}, "PATCH")
    now = server.ask(f"/ui/runs/{run_id}")[1]
    check(status == 200 and now["notes"] == "good ✓" and now["tags"] == {"bare": "", "kind": "x=y"}, "notes and tags are changed", str(now["tags"]))
    check(server.ask(f"/ui/runs/{run_id}", {"notes": "x", "tags": {"a=b": "c"}}, "PATCH")[0] == 400 and server.ask(f"/ui/runs/{run_id}", {"tags": {"a": 1}}, "PATCH")[0] == 400
          and server.ask(f"/ui/runs/{run_id}")[1]["notes"] == "good ✓", "all of it, or nothing")
    check(server.ask(f"/ui/runs/{run_id}", {"notes": None}, "PATCH")[0] == 200 and server.ask(f"/ui/runs/{run_id}")[1]["notes"] is None, "notes are taken away")
    check(server.ask("/ui/runs/no-such")[0] == 404 and server.ask("/ui/nothing")[0] == 404, "what is not there is 404")


def marks(server: Server, run_id: str) -> None:
    """What another window, or another process, writes onto a run that has ended, and what it makes."""
    one, every = Stream(f"{server.url}/ui/events?run={run_id}"), Stream(f"{server.url}/ui/events")

    def told(stream: Stream, what: str, change, found) -> None:
        begin = time.monotonic()
        change()
        asked = time.monotonic()
        event = stream.wait(lambda e: e["at"] >= begin and found(e))
        check(event is not None, f"{what} is told", str(stream.events)[-400:])
        if event:
            print(f"# {what}: {1000 * (event['at'] - asked):.0f} ms after the answer", flush=True)

    def run_with(**members):
        return lambda e: e["event"] == "run" and e["data"]["run_id"] == run_id and all(e["data"][k] == v for k, v in members.items())

    for stream, name in ((one, "its own stream"), (every, "the stream of all runs")):
        told(stream, f"a tag, to {name}", lambda n=name: server.ask(f"/ui/runs/{run_id}", {"tags": {"seen": n}}, "PATCH"), lambda e, n=name: e["event"] == "run" and e["data"]["tags"].get("seen") == n)
        told(stream, f"a tag by the command line, to {name}", lambda n=name: dhow("runs", "tag", run_id, f"by={n}", home=server.home), lambda e, n=name: e["event"] == "run" and e["data"]["tags"].get("by") == n)
        told(stream, f"notes, to {name}", lambda n=name: server.ask(f"/ui/runs/{run_id}", {"notes": n}, "PATCH"), run_with(notes=name))
    told(every, "a run that is archived", lambda: server.ask(f"/ui/runs/{run_id}/archive", {}), run_with(archived=True))
    told(every, "and taken back", lambda: server.ask(f"/ui/runs/{run_id}/unarchive", {}), run_with(archived=False))
    told(every, "an experiment that is made", lambda: server.ask("/apis/v2beta1/experiments", {"display_name": "fresh"}), lambda e: e["event"] == "experiment")
    n = len(every.events)
    server.ask("/apis/v2beta1/experiments")
    server.ask(f"/ui/runs/{run_id}", {"tags": {"last": "1"}}, "PATCH")
    every.wait(lambda e: e["event"] == "run" and "last" in e["data"]["tags"])
    check([e["event"] for e in every.events[n:]] == ["run"], "and nothing but what has changed", str(every.events[n:])[:400])


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        with Server(home) as server:
            run_id = live(server)
            reads(server, run_id)
            marks(server, run_id)
            status, _, _ = server.ask(f"/ui/runs/{run_id}/retry", {"from": ["use"]})
            check(status == 200 and server.wait(run_id)["state"] == "SUCCEEDED", "retry from a task")
            check(server.ask(f"/ui/runs/{run_id}/retry", {"from": ["x" * 200000]})[0] == 400, "more of them than a process can be given are refused")
            check(server.ask(f"/ui/runs/{run_id}", method="DELETE")[0] == 200 and server.ask(f"/ui/runs/{run_id}")[0] == 404, "delete")
            half(server)
        check(server.process.returncode == 0, "the server stops with streams open", str(server.process.returncode))
    done()


main()
