# run: asan
"""Recurring runs: triggers, macros, concurrency, catch-up, switching on and off; through KFP's API and through the page's."""
import datetime
import pathlib
import tempfile
import time
import urllib.request

from server import Server
from specs import pipeline, step
from tap import check, done, until

BASE = "/apis/v2beta1/recurringruns"


def spec(script: str = "true", **parameters) -> dict:
    s = pipeline("tick", **parameters)
    step(s, "go", script, {}, {name: f"={name}" for name in parameters}, cache=False)
    return s


def iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def runs_of(server: Server, name: str) -> list:
    _, listed, _ = server.ask("/apis/v2beta1/runs?sort_by=created_at%20asc&page_size=200")
    return [r for r in listed.get("runs", []) if r["display_name"].startswith(name)]


def make(server: Server, name: str, trigger: dict | None, s: dict, **more) -> tuple:
    body = {"display_name": name, "pipeline_spec": s, "mode": "ENABLE", "max_concurrency": "2", **({"trigger": trigger} if trigger else {}), **more}
    status, made, _ = server.ask(BASE, body)
    return status, made


def wire(server: Server) -> None:
    status, made = make(server, "hello world", {"periodic_schedule": {"interval_second": "3600", "start_time": iso(3600)}}, spec(),
                        no_catchup=True, description="d")
    check(status == 200 and made["status"] == "ENABLED" and made["mode"] == "ENABLE" and made["max_concurrency"] == "2"
          and made["trigger"]["periodic_schedule"]["interval_second"] == "3600" and made["no_catchup"] is True, "create: as KFP says it", str(made))
    one = made["recurring_run_id"]
    _, listed, _ = server.ask(BASE)
    check(len(listed["recurringRuns"]) == 1 and listed["total_size"] == 1, "list: recurringRuns", str(listed)[:200])
    check(server.ask(f"{BASE}/{one}:disable", b"", "POST")[0] == 200 and server.ask(f"{BASE}/{one}")[1]["status"] == "DISABLED", "disable")
    check("no_catchup" in server.ask(f"{BASE}/{one}")[1], "the rest stays")
    check(server.ask(f"{BASE}/{one}:enable", b"", "POST")[0] == 200 and server.ask(f"{BASE}/{one}")[1]["status"] == "ENABLED", "enable")
    for cron in ("* * * *", "61 * * * * *", "x", "0 0 0 32 * *", "@sometimes", "@every x"):
        status, answer = make(server, "bad", {"cron_schedule": {"cron": cron}}, spec())
        check(status == 400 and answer["code"] == 3, f"cron '{cron}' is refused", str(answer))
    check(make(server, "bad", {"periodic_schedule": {"interval_second": "0"}}, spec())[0] == 400, "an interval of nothing is refused")
    for n in (None, "0", "11", "x"):
        status, answer = make(server, "bad", None, spec(), max_concurrency=n)
        check(status == 400 and answer["code"] == 3, f"max_concurrency {n} is refused", str(answer))
    check(make(server, "", None, spec())[0] == 400, "no name is refused")
    check(server.ask(f"{BASE}/{one}", method="DELETE")[0] == 200 and server.ask(f"{BASE}/{one}")[0] == 404, "delete")


def fires(server: Server) -> None:
    s = spec('echo "$in_at $in_n"', at="x", n="y")
    before = iso(0)
    status, made = make(server, "Every Second!", {"cron_schedule": {"cron": "* * * * * *"}}, s,
                        runtime_config={"parameters": {"at": "[[ScheduledTime.2006-01-02]]", "n": "n[[Index]]"}})
    check(status == 200, "a cron of every second", str(made))
    two = until(lambda: [r for r in runs_of(server, "everysecond-") if r["state"] == "SUCCEEDED"][1:2])
    check(bool(two), "it fires")
    server.ask(f"{BASE}/{made['recurring_run_id']}:disable", b"", "POST")
    all_runs = runs_of(server, "everysecond-")
    times = [r["scheduled_at"] for r in all_runs]
    check(len(set(times)) == len(times), "no moment twice", str(times))
    check(all(r["recurring_run_id"] == made["recurring_run_id"] for r in all_runs), "runs know their recurring run")
    given = server.ask(f"/apis/v2beta1/runs/{all_runs[0]['run_id']}")[1]["runtime_config"]["parameters"]
    check(given == {"at": times[0][:10], "n": "n1"} and before <= times[0] <= iso(0), "macros", f"{given} {times[0]}")  # it may have been yesterday
    status, made = make(server, "once", None, spec())
    check(bool(until(lambda: runs_of(server, "once-"))), "no trigger: one run at once")
    time.sleep(1.5)
    check(len(runs_of(server, "once-")) == 1, "and only one")


def catches_up(server: Server) -> None:
    status, made = make(server, "missed", {"periodic_schedule": {"interval_second": "10", "start_time": iso(-45), "end_time": iso(-1)}}, spec(),
                        max_concurrency="10")
    check(bool(until(lambda: len(runs_of(server, "missed-")) == 4)), "with catch-up, what was missed is made up for", str(len(runs_of(server, "missed-"))))
    status, made = make(server, "latest", {"cron_schedule": {"cron": "*/10 * * * * *", "start_time": iso(-65), "end_time": iso(-1)}}, spec(), no_catchup=True)
    until(lambda: runs_of(server, "latest-"))
    time.sleep(1.5)
    check(len(runs_of(server, "latest-")) == 1, "without, the latest alone", str(len(runs_of(server, "latest-"))))


def waits(server: Server) -> None:
    gate = pathlib.Path(server.home, "slow-may-end")
    status, made = make(server, "slow", {"periodic_schedule": {"interval_second": "1"}}, spec(f"until [ -e {gate} ]; do sleep 0.05; done"), max_concurrency="1")
    until(lambda: runs_of(server, "slow-"))
    time.sleep(2.5)
    check(len(runs_of(server, "slow-")) == 1, "at most max_concurrency at a time", str(len(runs_of(server, "slow-"))))
    gate.touch()
    check(bool(until(lambda: len(runs_of(server, "slow-")) > 1)), "the next when that has ended")
    server.ask(f"{BASE}/{made['recurring_run_id']}", method="DELETE")


def page(server: Server) -> None:
    with urllib.request.urlopen(f"{server.url}/ui/events", timeout=30) as stream:
        stream.readline()
        server.ask("/apis/v2beta1/recurringruns", {"display_name": "seen", "pipeline_spec": spec(), "mode": "DISABLE", "max_concurrency": 1})
        while (line := stream.readline()) and line != b"event: schedule\n":
            pass
        check(line == b"event: schedule\n", "a schedule that is made is told")
    status, found, _ = server.ask("/ui/cron", {"cron": "0 30 2 * * *", "time_zone": "Europe/Berlin"})
    check(status == 200 and len(found["next"]) == 10, "the coming times of a cron", str(found))
    check(server.ask("/ui/cron", {"cron": "0 0 0 * * *", "time_zone": "Nowhere/None"})[0] == 400, "a zone that is none is refused")
    _, pipelines, _ = server.ask("/ui/pipelines")
    pipeline_id = pipelines["items"][0]["id"]
    _, detail, _ = server.ask(f"/ui/pipelines/{pipeline_id}")
    status, made, _ = server.ask("/ui/schedules", {"name": "mine", "version_id": detail["versions"][0]["id"], "overlap": "skip",
                                                   "trigger": {"cron": "0 0 9 * * MON-FRI", "time_zone": "America/New_York"}})
    check(status == 200 and made["trigger"]["time_zone"] == "America/New_York" and len(made["next"]) == 10, "a schedule of the page", str(made)[:300])
    check(server.ask(f"/ui/schedules/{made['id']}", {"trigger": {"interval_s": 2**63 - 1}}, "PATCH")[0] == 400, "an interval of ages is refused")
    status, changed, _ = server.ask(f"/ui/schedules/{made['id']}", {"trigger": {"interval_s": 3600}, "parameters": {}}, "PATCH")
    check(status == 200 and changed["trigger"]["cron"] is None and changed["trigger"]["interval_s"] == 3600 and changed["name"] == "mine", "changed",
          str(changed)[:300])
    status, run, _ = server.ask(f"/ui/schedules/{made['id']}/trigger", {})
    check(status == 200 and server.wait(run["run_id"])["state"] == "SUCCEEDED", "triggered", str(run))
    check(len(server.ask(f"/ui/runs?schedule={made['id']}")[1]["items"]) == 1, "the runs of a schedule")
    check(len(server.ask("/ui/schedules")[1]["items"]) >= 1, "listed")


def main() -> None:
    with tempfile.TemporaryDirectory() as home, Server(home, "--jobs", 8) as server:
        wire(server)
        fires(server)
        catches_up(server)
        waits(server)
        page(server)
    done()


main()
