"""The server on PostgreSQL and MariaDB: KFP's API as on SQLite; two servers on one record share its runs, and start none twice."""
import json
import pathlib
import tempfile
import urllib.parse

import databases
from server import Server
from specs import pipeline, step
from tap import check, done, skip, until

V2 = "/apis/v2beta1"


def spec(script: str = "true") -> dict:
    s = pipeline("shared", mark="x")
    step(s, "go", script, {}, {"mark": "=mark"}, artifacts={"out": "Dataset"}, cache=False)
    return s


def filtered(server: Server, what: str, **predicate):
    return server.ask(f"{V2}/{what}?sort_by=created_at%20desc&filter={urllib.parse.quote(json.dumps({'predicates': [predicate]}))}")[1]


def one(name: str, url: str, home: str) -> None:
    with Server(home, "--jobs", 3, env={"DHOW_DB": url}) as a, Server(home, "--jobs", 3, env={"DHOW_DB": url}) as b:
        status, e, _ = a.ask(f"{V2}/experiments", {"display_name": "both", "description": "d"})
        check(status == 200 and b.ask(f"{V2}/experiments/{e['experiment_id']}")[1]["display_name"] == "both", f"{name}: what one server makes the other has", str(e))
        check(a.ask(f"{V2}/experiments", {"display_name": "both"})[0] == 409, f"{name}: a name that is taken")
        status, p, _ = a.ask(f"{V2}/pipelines", {"name": "p", "tags": {"k": "v"}})
        check(status == 200 and a.ask(f"{V2}/pipelines/names/p")[1].get("tags") == {"k": "v"}, f"{name}: pipelines and tags", str(p))
        check(filtered(b, "pipelines", key="tags.k", operation="EQUALS", string_value="v").get("total_size") == 1, f"{name}: by tag")
        runs = []
        for i in range(12):
            server = (a, b)[i % 2]
            status, run, _ = server.ask(f"{V2}/runs", {"display_name": f"r{i}", "experiment_id": e["experiment_id"], "pipeline_spec": spec('echo x >> "$in_mark"; echo d > "$out_out"'),
                                                       "runtime_config": {"parameters": {"mark": f"{home}/m{i}"}}})
            runs.append(run.get("run_id"))
        states = [a.wait(r, 120)["state"] for r in runs]
        check(states == ["SUCCEEDED"] * 12, f"{name}: runs of both", str(states))
        marks = [pathlib.Path(home, f"m{i}").read_text() for i in range(12)]
        check(marks == ["x\n"] * 12, f"{name}: each ran once", str(marks))
        _, listed, _ = b.ask(f"{V2}/runs?page_size=5&sort_by=created_at%20desc&experiment_id={e['experiment_id']}")
        _, rest, _ = b.ask(f"{V2}/runs?page_token={listed['next_page_token']}&experiment_id={e['experiment_id']}&page_size=10")
        check(listed["total_size"] == 12 and len({r["run_id"] for r in listed["runs"] + rest["runs"]}) == 12, f"{name}: pages", str(rest)[:300])
        check(filtered(a, "runs", key="state", operation="EQUALS", string_value="SUCCEEDED").get("total_size") == 12
              and filtered(a, "runs", key="name", operation="IS_SUBSTRING", string_value="r1").get("total_size") == 3
              and filtered(a, "runs", key="created_at", operation="GREATER_THAN", string_value="1700000000").get("total_size") == 12, f"{name}: filters")
        for path in ("/ui/runs?name=r1&state=SUCCEEDED", f"/ui/runs/{runs[0]}", "/ui/artifacts", "/ui/pipelines", "/ui/experiments", "/ui/models", "/ui/system", "/ui/search?q=r", "/metrics",
                     "/ui/approvals", "/ui/schedules", f"{V2}/tasks?run_id={runs[0]}", f"{V2}/artifacts"):
            status, answer, _ = b.ask(path)
            check(status == 200, f"{name}: GET {path.split('?')[0].replace(runs[0], 'ID')}", str(answer)[:300])
        lists = ("/ui/runs?limit=5", f"{V2}/runs?page_size=5&sort_by=created_at%20desc")
        stale = []
        for i in range(10):  # what is kept of one server is never older than what the other has answered
            kept = [b.ask(path)[1] for path in lists for _ in range(2)]
            a.ask(f"/ui/runs/{runs[i]}", {"tags": {"round": str(i)}}, "PATCH")
            made = a.ask(f"{V2}/runs", {"display_name": f"new-{i}", "pipeline_spec": spec()})[1]["run_id"]
            stale += [path for path in lists if made not in str(b.ask(path)[1])] + (["differs"] if kept[0] != kept[1] or kept[2] != kept[3] else [])
        check(not [s for s in stale if s != "differs"], f"{name}: answers that are kept are never old", str(stale))
        status, c, _ = a.ask(f"{V2}/recurringruns", {"display_name": "often", "pipeline_spec": spec(), "mode": "ENABLE", "max_concurrency": "10",
                                                     "trigger": {"cron_schedule": {"cron": "* * * * * *"}}})

        def fires() -> list:
            return [r["scheduled_at"] for r in b.ask(f"{V2}/runs?page_size=100")[1]["runs"] if r["display_name"].startswith("often")]

        until(lambda: len(fires()) >= 3)
        a.ask(f"{V2}/recurringruns/{c['recurring_run_id']}:disable", b"", "POST")
        fired = fires()
        check(len(fired) >= 2 and len(set(fired)) == len(fired), f"{name}: two servers fire a schedule once", str(fired))
        check(a.ask(f"{V2}/runs/{runs[0]}:archive", b"", "POST")[0] == 200 and b.ask(f"{V2}/runs/{runs[1]}", method="DELETE")[0] == 200, f"{name}: archive, delete")
        check(a.ask(f"{V2}/experiments/{e['experiment_id']}:archive", b"", "POST")[0] == 200 and a.ask(f"{V2}/experiments/{e['experiment_id']}", method="DELETE")[0] == 200,
              f"{name}: an experiment archived, deleted")


def main() -> None:
    classes, _ = databases.servers()
    if not classes:
        skip("PostgreSQL and MariaDB", "neither is here")
    for kind in classes:
        with tempfile.TemporaryDirectory() as home, kind() as server:
            one(kind.name, server.url("dhowserve"), home)
    done()


main()
