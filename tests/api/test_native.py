# run: asan
"""Tasks and artifacts of KFP's proposal 12147 that are written: of runs that are told from outside, and of no others."""
import json
import sqlite3
import tempfile
import urllib.parse
import uuid

from server import Server
from specs import pipeline, step
from tap import check, done

V2 = "/apis/v2beta1"


def told(home: str) -> str:
    """A run as ML Metadata's service leaves it when a client makes its context."""
    run = str(uuid.uuid4())
    db = sqlite3.connect(f"{home}/dhow.db")
    db.execute("INSERT INTO run(uuid, display_name, experiment_id, state, created_us, started_us, cache_mode, options)"
               " SELECT ?, 'told', id, 'RUNNING', 1, 1, 'off', '{\"mlmd\":true}' FROM experiment WHERE name = 'Default'", (run,))
    db.commit()
    db.close()
    return run


def tasks(server: Server, run: str) -> str:
    root = {"run_id": run, "name": "root", "type": "ROOT", "state": "RUNNING"}
    status, made, _ = server.ask(f"{V2}/tasks", root)
    check(status == 200 and made["type"] == "ROOT" and made["state"] == "RUNNING", "a root task is made", str(made))
    train = {"run_id": run, "name": "train", "parent_task_id": made["task_id"], "state": "RUNNING", "scope_path": "root.train", "cache_fingerprint": "f1",
             "inputs": {"parameters": [{"parameter_key": "rate", "value": 0.5, "type": "COMPONENT_INPUT"}]}}
    first, second = server.ask(f"{V2}/tasks", train)[1], server.ask(f"{V2}/tasks", train)[1]
    check(first["task_id"] == second["task_id"] and first["parent_task_id"] == made["task_id"] and first["inputs"]["parameters"][0]["value"] == 0.5,
          "the same place is the same task", f"{first} {second}")
    other = server.ask(f"{V2}/tasks", {**train, "type_attributes": {"iteration_index": "1"}})[1]
    check(other["task_id"] != first["task_id"] and other["type_attributes"] == {"iteration_index": "1"}, "another iteration is another", str(other))
    status, now, _ = server.ask(f"{V2}/tasks/{first['task_id']}", {"outputs": {"parameters": [{"parameter_key": "loss", "value": 1}]}}, "PATCH")
    status, now, _ = server.ask(f"{V2}/tasks/{first['task_id']}", {"task_id": first["task_id"], "state": "SUCCEEDED", "status_metadata": {"message": "well"},
                                "outputs": {"parameters": [{"parameter_key": "loss", "value": 0.1}, {"parameter_key": "n", "value": 2}]}}, "PATCH")
    check(status == 200 and now["state"] == "SUCCEEDED" and {p["parameter_key"]: p["value"] for p in now["outputs"]["parameters"]} == {"loss": 0.1, "n": 2}
          and now["cache_fingerprint"] == "f1", "a task is updated: the later value of a name wins", str(now))
    check(server.ask(f"{V2}/tasks/{first['task_id']}", {"task_id": other["task_id"]}, "PATCH")[0] == 400, "a body for another task is refused")
    for why, body in (("no run", {"name": "x"}), ("no name", {"run_id": run}), ("a state that is none", {**train, "state": "ILL"}),
                      ("a type that is none", {**train, "type": "ODD"}), ("a time that is none", {**train, "start_time": "now"}), ("a parent that is none", {**train, "parent_task_id": run})):
        check(server.ask(f"{V2}/tasks", body)[0] in (400, 404), f"refused: {why}")
    return first["task_id"]


def artifacts(server: Server, run: str, task: str) -> None:
    ask = {"run_id": run, "task_id": task, "producer_key": "model", "artifact": {"name": "m", "type": "Model", "uri": "s3://b/m", "namespace": "n", "metadata": {"a": 1}}}
    status, made, _ = server.ask(f"{V2}/artifacts", ask)
    check(status == 200 and made["type"] == "Model" and made["metadata"] == {"a": 1} and server.ask(f"{V2}/artifacts/{made['artifact_id']}")[1] == made,
          "an artifact is made", str(made))
    metric = {**ask, "producer_key": "metrics", "artifact": {"name": "accuracy", "type": "Metric", "number_value": 0.75, "namespace": "n"}}
    status, both, _ = server.ask(f"{V2}/artifacts:batchCreate", {"artifacts": [metric, {**ask, "producer_key": "copy"}]})
    check(status == 200 and [a["type"] for a in both["artifacts"]] == ["Metric", "Model"], "several at once", str(both))
    check(server.ask(f"/ui/runs/{run}")[1]["metrics"] == {"accuracy": 0.75}, "a metric is the run's")
    before = len(server.ask(f"{V2}/artifacts")[1]["artifacts"])
    status, said, _ = server.ask(f"{V2}/artifacts:batchCreate", {"artifacts": [ask, {**metric, "artifact": {"name": "x", "type": "Metric"}}]})
    check(status == 400 and "artifacts[1]" in said["message"] and len(server.ask(f"{V2}/artifacts")[1]["artifacts"]) == before, "all of a request, or nothing", str(said))
    link = {"artifact_id": made["artifact_id"], "task_id": server.ask(f"{V2}/tasks", {"run_id": run, "name": "use"})[1]["task_id"], "run_id": run, "type": "TASK_OUTPUT_INPUT",
            "producer": {"task_name": "train"}, "key": "in"}
    status, linked, _ = server.ask(f"{V2}/artifact_tasks", {"artifact_task": link})
    check(status == 200 and linked["id"] and linked["type"] == "TASK_OUTPUT_INPUT", "a link", str(linked))
    check(server.ask(f"{V2}/artifact_tasks:batchCreate", {"artifact_tasks": [link, {**link, "key": "again"}]})[0] == 200, "links at once; the same again is fine")
    links = server.ask(f"{V2}/artifact_tasks?task_ids={link['task_id']}")[1]["artifact_tasks"]
    check([k["artifact_id"] for k in links] == [made["artifact_id"]] and links[0]["producer"]["task_name"] == "train", "it is there, with who made it", str(links))
    for key in ("artifact_id", "task_id", "run_id", "type", "producer", "key"):
        check(server.ask(f"{V2}/artifact_tasks", {k: v for k, v in link.items() if k != key})[0] == 400, f"a link without {key}")


def ours(server: Server) -> None:
    """What the engine ran stays as it ran."""
    s = pipeline("ours")
    step(s, "make", 'printf x > "$out_table"', artifacts={"table": "Dataset"}, cache=False)
    run = server.ask(f"{V2}/runs", {"display_name": "ours", "pipeline_spec": s})[1]["run_id"]
    server.wait(run)
    before = server.ask(f"/ui/runs/{run}")[1]
    task = [t["task_id"] for t in before["tasks_list"] if t["name"] == "make"][0]
    artifact = server.ask(f"{V2}/artifacts")[1]["artifacts"][0]["artifact_id"]
    for path, method, body in (("tasks", "POST", {"run_id": run, "name": "x"}), (f"tasks/{task}", "PATCH", {"state": "FAILED"}),
                               ("tasks:batchUpdate", "POST", {"tasks": {task: {"state": "FAILED"}}}),
                               ("artifacts", "POST", {"run_id": run, "task_id": task, "producer_key": "k", "artifact": {"name": "m", "type": "Model"}}),
                               ("artifact_tasks", "POST", {"artifact_id": artifact, "task_id": task, "run_id": run, "type": "OUTPUT", "producer": {}, "key": "k"})):
        status, said, _ = server.ask(f"{V2}/{path}", body, method)
        check(status == 400 and said["code"] == 9 and "executed by this server" in said["message"], f"{method} {path} of a run of the engine is refused", f"{status} {said}")
    after = server.ask(f"/ui/runs/{run}")[1]
    check({**before, "last_event_id": 0} == {**after, "last_event_id": 0}, "and nothing of it has changed")


def lists(server: Server) -> None:
    """Pages, sort, filter and total_size as of KFP's other lists; what a fingerprint has made."""
    s = pipeline("cached")
    step(s, "make", 'printf again > "$out_table"', artifacts={"table": "Dataset"})
    runs = []
    for _ in range(2):
        runs.append(server.ask(f"{V2}/runs", {"display_name": "cached", "pipeline_spec": s})[1]["run_id"])
        server.wait(runs[-1])
    _, first, _ = server.ask(f"{V2}/tasks?run_id={runs[0]}&page_size=1")
    root = first["tasks"][0]
    _, rest, _ = server.ask(f"{V2}/tasks?run_id={runs[0]}&page_token={first['next_page_token']}")
    check(first["total_size"] == rest["total_size"] == 2 and [t["name"] for t in rest["tasks"]] == ["make"] and "next_page_token" not in rest, "pages of tasks", str(rest)[:300])
    make = rest["tasks"][0]
    check(root["child_tasks"] == [{"task_id": make["task_id"]}] and "child_tasks" not in make and make["scope_path"] == ["root", "make"], "who is below, and where", str(root)[:300])
    _, below, _ = server.ask(f"{V2}/tasks?parent_id={root['task_id']}")
    check([t["task_id"] for t in below["tasks"]] == [make["task_id"]] and below["total_size"] == 1, "tasks of a parent")
    _, last, _ = server.ask(f"{V2}/tasks?run_id={runs[0]}&order_by=name%20desc")
    check([t["name"] for t in last["tasks"]] == ["root", "make"], "in another order")
    filtered = urllib.parse.quote(json.dumps({"predicates": [{"key": "cache_fingerprint", "operation": "EQUALS", "string_value": make["cache_fingerprint"]},
                                                             {"key": "status", "operation": "EQUALS", "string_value": "SUCCEEDED"}]}))
    for found in (server.ask(f"{V2}/tasks?namespace=any&filter={filtered}")[1]["tasks"], [server.ask(f"{V2}/tasks:findCached?cache_fingerprint={make['cache_fingerprint']}")[1]["task"]]):
        check([t["task_id"] for t in found] == [make["task_id"]] and found[0]["outputs"]["artifacts"], "the task that a fingerprint stands for", str(found)[:300])
    check(server.ask(f"{V2}/tasks:findCached?cache_fingerprint=none")[:2] == (200, {}) and server.ask(f"{V2}/tasks:findCached")[0] == 400, "none, and no fingerprint")
    check(server.ask(f"{V2}/tasks?run_id={runs[1]}&filter=" + urllib.parse.quote('{"predicates":[{"key":"state","operation":1,"string_value":"cached"}]}'))[1]["total_size"] == 1,
          "what came from the cache")
    _, made, _ = server.ask(f"{V2}/artifacts?page_size=1&sort_by=created_at%20desc")
    check(made["total_size"] == len(server.ask(f"{V2}/artifacts?page_size=200")[1]["artifacts"]) and made["next_page_token"], "pages of artifacts")
    _, links, _ = server.ask(f"{V2}/artifact_tasks?run_ids={runs[0]}")
    check(links["total_size"] == len(links["artifact_tasks"]), "links are counted")
    for bad in ("tasks?page_size=-1", "tasks?order_by=nope", "tasks?run_id=none", "tasks?parent_id=none", "artifacts?page_token=x", "artifacts?filter=x"):
        check(server.ask(f"{V2}/{bad}")[0] in (400, 404), f"{bad} is refused")


def by_metric(server: Server) -> None:
    """sort_by=metric:NAME, as KFP's own list has it: the last value; runs without it come first, or last."""
    runs = [told(server.home) for _ in range(6)]
    db = sqlite3.connect(f"{server.home}/dhow.db")
    for i, values in enumerate([[0.25], [0.9, 0.5], [0.75], [0.5], [], [-1.5]]):
        for at, value in enumerate(values):
            db.execute("INSERT INTO run_metric(run_id, name, number_value, time_us) SELECT id, 'log loss', ?, ? FROM run WHERE uuid = ?", (value, at, runs[i]))
    db.commit()
    db.close()
    for way, expected in (("asc", [4, 5, 0, 1, 3, 2]), ("desc", [2, 3, 1, 0, 5, 4])):
        seen, token = [], ""
        while True:
            _, page, _ = server.ask(f"{V2}/runs?page_size=2&page_token={token}" + ("" if token else f"&sort_by=metric:log%20loss%20{way}"))
            seen += [runs.index(r["run_id"]) for r in page["runs"] if r["run_id"] in runs]
            token = page.get("next_page_token")
            if not token:
                break
        check(seen == expected, f"runs by a metric, {way}, page by page", str(seen))
    for bad in ("metric:", "metric:a'b", "metric:a%3Fb", "metric:a%5Cb"):
        check(server.ask(f"{V2}/runs?sort_by={bad}")[0] == 400, f"sort_by={bad} is refused")
    check(server.ask(f"{V2}/experiments?sort_by=metric:a")[0] == 400, "experiments have no metrics")


def large(server: Server) -> None:
    """A run of more tasks than are written at once is answered as one of fewer is."""
    run = told(server.home)
    db = sqlite3.connect(f"{server.home}/dhow.db")

    def add(name: str, kind: str, parent: int | None, index: int | None = None) -> int:
        return db.execute("INSERT INTO task(uuid, run_id, parent_task_id, name, display_name, scope_path, type, iteration_index, state, attempts, created_us, started_us, inputs)"
                          " SELECT ?, id, ?, ?, ?, ?, ?, ?, 'RUNNING', 1, 1, 2, '{\"a\":1}' FROM run WHERE uuid = ?",
                          (str(uuid.uuid4()), parent, name, name, f"root.{name}", kind, index, run)).lastrowid

    root = add("root", "ROOT", None)
    loop = add("loop", "LOOP", root)
    turns = [add("loop", "LOOP_ITERATION", loop, i) for i in range(3)]
    for i in range(1995):
        add(f"step-{i}", "RUNTIME", turns[i % 3])
    db.commit()

    def ask() -> list:
        return [server.ask(f"{V2}/runs/{run}")[1], server.ask(f"/ui/runs/{run}")[1], server.ask(f"/ui/runs/{run}?io=0")[1]]

    whole = ask()
    last = add("one-more", "RUNTIME", loop)
    db.commit()
    more = ask()
    uid = db.execute("SELECT uuid FROM task WHERE id = ?", (last,)).fetchone()[0]
    db.close()
    details = [a["run_details"].pop("task_details") for a in (whole[0], more[0])]
    check(len(details[0]) == 2000 and details[1][-1]["task_id"] == uid and details[1][1]["child_tasks"].pop() == {"task_id": uid} and details[1][:-1] == details[0] and whole[0] == more[0],
          "KFP's run, in pieces", str(details[1][:2])[:500])
    for a, b, what in ((whole[1], more[1], "the page's run"), (whole[2], more[2], "and without inputs")):
        lists = [x.pop("tasks_list") for x in (a, b)]
        for x in (a, b):
            x.pop("last_event_id"), x.pop("tasks")
        check(lists[1][-1]["key"] == "root.loop.one-more" and lists[1][:-1] == lists[0] and lists[0][5]["key"] == "root.loop[0].step-0" and a == b, what, str(lists[1][:6])[:900])


def main() -> None:
    with tempfile.TemporaryDirectory() as home, Server(home) as server:
        run = told(home)
        task = tasks(server, run)
        artifacts(server, run, task)
        ours(server)
        lists(server)
        by_metric(server)
        large(server)
        all_tasks = server.ask(f"{V2}/tasks?run_id={run}")[1]["tasks"]
        status, said, _ = server.ask(f"{V2}/tasks:batchUpdate", {"tasks": {t["task_id"]: {"state": "FAILED" if t["type"] == "ROOT" else "SUCCEEDED"} for t in all_tasks}})
        check(status == 200 and len(said["tasks"]) == len(all_tasks) and server.ask(f"{V2}/runs/{run}")[1]["state"] == "FAILED", "the root's end is the run's", str(said)[:300])
        check(server.ask(f"{V2}/tasks:batchUpdate", {"tasks": {}})[0] == 400, "an update of nothing is refused")
    done()


main()
