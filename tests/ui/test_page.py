# run: alone
# run: timeout=1500
"""The page as a person with a browser has it: every place, by hand and by keyboard, while runs go on, and how quick it is.

Screenshots are left in build/page. `test_page.py PART…` runs some of pages, links, reads, keys, change, live, speed, login.
"""
import contextlib
import gzip
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile
import time

import fixtures
import specs
from server import Server
from node import count, passes, tool
from tap import ROOT, check, dhow, done, says, skip, until

SHOTS = ROOT / "build" / "page"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PARTS = sys.argv[1:] or ["pages", "links", "reads", "keys", "change", "live", "speed", "login"]


# ---- what it is shown with ----

def make_runs(home: str) -> dict:
    """Through the command line, as most runs are; the ids by name."""
    def go(spec, *args, code=0, name="x.json"):
        path = specs.write(home, spec, name) if isinstance(spec, dict) else spec
        result = dhow("run", path, "--output", "json", *args, home=home, timeout=300)
        if result.returncode != code:
            raise SystemExit(f"Bail out! a run for the page: {says(result)}")
        return json.loads(result.stdout)

    demo = ROOT / "pipelines" / "model_selection" / "pipeline.yaml"
    tagged = ("--tag", "team=risk")
    models = [go(demo, "-p", f"max_depth={d}", "-p", f"test_size={t}", "-p", f"seed={s}", "--experiment", "tuning", *(tagged if d == 5 else ()))["run_id"] for d, t, s in ((3, 0.2, 42), (5, 0.3, 7), (2, 0.25, 1), (8, 0.4, 3))]
    whole = fixtures.everything()
    everything = go(whole)
    go(whole)
    specs.step(whole, "notify", "echo told", after=("judge",))
    go(whole)
    failing = go(fixtures.failing(), code=1)
    long = specs.pipeline("long")
    specs.step(long, "write", "seq 1 100000 | sed 's/.*/line & of a long log with some words in it/'")
    long = go(long)
    many = go(fixtures.many(1000), "--jobs", "4", "--cache", "off")
    load = next(t for t in everything["tasks"] if t["name"] == "load")
    data = load["outputs"]["artifacts"]["data"][0]
    with contextlib.closing(sqlite3.connect(f"{home}/dhow.db")) as db:  # MLMD's numbers, as links of KFP's page have them
        execution, = db.execute("SELECT id FROM task WHERE uuid = ?", (load["task_id"],)).fetchone()
        artifact, = db.execute("SELECT id FROM artifacts WHERE uuid = ?", (data["artifact_id"],)).fetchone()
    return {"execution": execution, "artifact_number": artifact, "models": ",".join(models), "model": models[0], "everything": everything["run_id"], "failing": failing["run_id"], "many": many["run_id"], "long": long["run_id"], "artifact": data["artifact_id"]}


def upload(server: Server, spec: dict) -> str:
    name = spec["pipelineInfo"]["name"]
    body = f'--x\r\nContent-Disposition: form-data; name="uploadfile"; filename="{name}.json"\r\n\r\n{json.dumps(spec)}\r\n--x--\r\n'.encode()
    status, made, _ = server.ask(f"/apis/v2beta1/pipelines/upload?name={name}", body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    check(status == 200, f"{name} is uploaded", str(made))
    return made["pipeline_id"]


def named(server: Server, path: str, name: str) -> str:
    _, answer, _ = server.ask(path)
    return next((i["id"] for i in answer["items"] if i["name"] == name), "")


def prepare(server: Server, ids: dict) -> dict:
    slow = fixtures.everything(pause=0.25, gate=f"{server.home}/slow-may-go-on")
    slow["pipelineInfo"]["name"] = "slow-training"
    talks = specs.pipeline("talks")
    specs.step(talks, "talk", f"seq 1 100; i=0; until [ $i -ge 30 ] && [ -e {server.home}/talked ]; do i=$((i+1)); printf '\\033[32mword %s\\033[0m\\n' $i; sleep 0.1; done", cache=False)
    stopped = specs.pipeline("stopped")  # until it is stopped, and no longer when it is retried: however slow the machine is
    specs.step(stopped, "hold", f"test -e {server.home}/held || {{ touch {server.home}/held; sleep 300; }}", cache=False)
    ids = {**ids, "home": server.home, "stopped": upload(server, stopped), "slow": upload(server, slow), "talks": upload(server, talks), "gated": upload(server, fixtures.gate()),
           "pipeline": named(server, "/ui/pipelines", "nightly-training"), "experiment": named(server, "/ui/experiments", "tuning")}
    ids["version"] = server.ask(f"/ui/pipelines/{ids['pipeline']}")[1]["versions"][0]["id"]
    _, made, _ = server.ask("/ui/runs", {"pipeline_id": ids["gated"], "parameters": {}, "display_name": "release candidate"})
    ids["gate"] = made.get("run_id", "")
    status, made, _ = server.ask("/ui/schedules", {"name": "every night", "pipeline_id": ids["pipeline"], "enabled": True, "no_catchup": True, "max_concurrency": 1, "overlap": "wait", "parameters": {"threshold": 0.9},
                                                   "trigger": {"cron": "0 30 2 * * *", "interval_s": None, "start_time": None, "end_time": None, "time_zone": "Europe/Berlin"}})
    ids["schedule"] = (made.get("id") or made.get("schedule_id") or "") if status == 200 else ""
    until(lambda: server.ask("/ui/approvals?state=waiting")[1].get("items"))
    return ids


def served(server: Server) -> None:
    """The files as they are served: once, as long as they are the same."""
    _, page, headers = server.ask("/", raw=True)
    status, again, _ = server.ask("/", headers={"If-None-Match": headers["ETag"]}, raw=True)
    check(status == 304 and not again, "a page that is known is not sent again", str(status))
    html = gzip.decompress(page).decode()
    for path in re.findall(r'(?:src|href)="(/assets/[^"]+)"', html):
        _, _, got = server.ask(path, raw=True)
        check("immutable" in got["Cache-Control"] and got["Content-Encoding"] == "gzip", f"{path.split('-')[0]}… is kept for ever", str(got))
    check("unsafe" not in headers["Content-Security-Policy"] and "<script>" not in html and "<style" not in html, "nothing inline, and nothing inline allowed")


def browser(part: str, server: Server, ids: dict) -> None:
    begin = time.monotonic()
    result = tool("node", f"test/browser/{part}.mjs", env={"DHOW_URL": server.url, "DHOW_SHOTS": str(SHOTS), "DHOW_RUNS": json.dumps(ids), "DHOW_CHROMIUM": CHROMIUM, "DHOW_TOKEN": "a-token-of-ann-for-the-test"})
    count(result.stdout)
    check(result.returncode == 0, f"{part}: the browser's test ends well", says(result))
    print(f"# {part}: {time.monotonic() - begin:.1f} s", flush=True)


def main() -> None:
    if not shutil.which("npm"):
        skip("the page", "there is no npm here")
        return
    if not passes("the packages of the lock file are there", tool(ROOT / "tools" / "build-ui.sh", "packages")):
        return
    if not CHROMIUM:
        skip("the page in a browser", "there is no chromium here")
        return
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dhow-page-") as home:
        begin = time.monotonic()
        ids = make_runs(home)
        print(f"# the runs that it is shown with: {time.monotonic() - begin:.1f} s", flush=True)
        with Server(home) as server:
            served(server)
            ids = prepare(server, ids)
            for part in [p for p in PARTS if p != "login"]:
                browser(part, server, ids)
            server.ask(f"/ui/runs/{ids['gate']}/cancel", {})  # where nobody has let it go on
            server.wait(ids["gate"])
        tokens = pathlib.Path(home, "tokens")
        tokens.write_text("ann viewer * a-token-of-ann-for-the-test\n")
        tokens.chmod(0o600)
        if "login" in PARTS:
            with Server(home, "--tokens", tokens) as server:
                browser("login", server, ids)


main()
done()
