# run: alone
# run: timeout=1500
"""The page: its sources are sound, what is checked in is what they give, it is small, and a person with a browser can use it.

Screenshots are left in build/page. `test_page.py PART…` runs some of sources, pages, live, keys, speed.
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import fixtures
import specs
from server import Server
from tap import ROOT, check, dhow, done, says, skip

UI = ROOT / "ui"
SHOTS = ROOT / "build" / "page"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FIRST_KIB, ALL_KIB = 60, 250
PARTS = sys.argv[1:] or ["sources", "pages", "keys", "live", "speed"]


def tool(*argv, cwd=UI, env=None, timeout=900) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in argv], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=timeout, check=False)


def passes(name: str, result: subprocess.CompletedProcess) -> bool:
    return check(result.returncode == 0, name, says(result))


def count(text: str) -> None:
    """TAP of others, as ours; their comments are shown."""
    failing, detail = None, []
    for line in [*text.splitlines(), "ok - "]:
        m = re.match(r"(not ok|ok)\b[\s\d]*(?:- )?(.*)", line)
        if m:
            if failing:
                check(False, failing, "\n".join(detail))
            failing, detail = (m.group(2) if m.group(1) == "not ok" else None), []
            if m.group(1) == "ok" and m.group(2):
                check(True, m.group(2))
        elif failing:
            detail.append(line.lstrip("# "))
        elif line.startswith("# "):
            print(line, flush=True)


# ---- the sources ----

def sources() -> None:
    passes("tsc finds nothing", tool("node_modules/.bin/tsc", "--noEmit"))
    passes("eslint finds nothing", tool("node_modules/.bin/eslint", ".", "--max-warnings", "0"))
    units = tool("node", "test/unit/run.mjs")
    count("\n".join(line for line in units.stdout.splitlines() if re.match(r"(not ok|ok) ", line)))
    check(units.returncode == 0, "unit tests", units.stdout[-3000:] + units.stderr[-1000:])
    with tempfile.TemporaryDirectory() as fresh:
        passes("the page builds", tool(ROOT / "tools" / "build-ui.sh", fresh))
        mine, theirs = contents(UI / "dist"), contents(pathlib.Path(fresh))
        differ = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
        check(not differ, "what is checked in is what the sources give (else: make ui)", "\n".join(differ))


def contents(folder: pathlib.Path) -> dict:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def sizes() -> None:
    files = contents(UI / "dist")
    kib = {n: len(gzip.compress(b, 9)) / 1024 for n, b in files.items()}
    first = sum(kib[n] for n in kib if n == "index.html" or "/" + n in files["index.html"].decode())
    print(f"# first load {first:.1f} KiB, all {sum(kib.values()):.1f} KiB gzip")
    check(first <= FIRST_KIB, f"the first load is at most {FIRST_KIB} KiB", f"{first:.1f} KiB")
    check(sum(kib.values()) <= ALL_KIB, f"all of it is at most {ALL_KIB} KiB", f"{sum(kib.values()):.1f} KiB")
    addresses = sorted({a for b in files.values() for a in re.findall(rb"https?://[\w.-]+", b)} - {b"http://www.w3.org"})
    check(not any(re.search(rb"(src|href|import)\s*[=(]\s*[\"']" + re.escape(a), b) for b in files.values() for a in addresses), "nothing is fetched from elsewhere", str(addresses))


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
    models = [go(demo, "-p", f"max_depth={d}", "-p", f"test_size={t}", "-p", f"seed={s}", "--experiment", "tuning")["run_id"] for d, t, s in ((3, 0.2, 42), (5, 0.3, 7), (2, 0.25, 1), (8, 0.4, 3))]
    whole = fixtures.everything()
    everything = go(whole)
    go(whole)
    fixtures.specs.step(whole, "notify", "echo told", after=("judge",))
    go(whole)
    failing = go(fixtures.failing(), code=1)
    many = go(fixtures.many(1000), "--jobs", "4", "--cache", "off")
    data = next(t for t in everything["tasks"] if t["name"] == "load")["outputs"]["artifacts"]["data"][0]
    return {"models": ",".join(models), "model": models[0], "everything": everything["run_id"], "failing": failing["run_id"], "many": many["run_id"], "artifact": data["artifact_id"]}


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
    slow = fixtures.everything(pause=0.25)
    slow["pipelineInfo"]["name"] = "slow-training"
    talks = specs.pipeline("talks")
    specs.step(talks, "talk", "seq 1 100; for i in $(seq 1 30); do printf '\\033[32mword %s\\033[0m\\n' $i; sleep 0.1; done", cache=False)
    ids = {**ids, "slow": upload(server, slow), "talks": upload(server, talks), "gated": upload(server, fixtures.gate()),
           "pipeline": named(server, "/ui/pipelines", "nightly-training"), "experiment": named(server, "/ui/experiments", "tuning")}
    _, made, _ = server.ask("/ui/runs", {"pipeline_id": ids["gated"], "parameters": {}, "display_name": "release candidate"})
    ids["gate"] = made.get("run_id", "")
    status, made, _ = server.ask("/ui/schedules", {"name": "every night", "pipeline_id": ids["pipeline"], "enabled": True, "no_catchup": True, "max_concurrency": 1, "overlap": "wait", "parameters": {"threshold": 0.9},
                                                   "trigger": {"cron": "0 30 2 * * *", "interval_s": None, "start_time": None, "end_time": None, "time_zone": "Europe/Berlin"}})
    ids["schedule"] = (made.get("id") or made.get("schedule_id") or "") if status == 200 else ""
    until = time.monotonic() + 20
    while time.monotonic() < until and not server.ask("/ui/approvals?state=waiting")[1].get("items"):
        time.sleep(0.1)
    return ids


def browser(part: str, server: Server, ids: dict) -> None:
    result = tool("node", f"test/browser/{part}.mjs", env={"DHOW_URL": server.url, "DHOW_SHOTS": str(SHOTS), "DHOW_RUNS": json.dumps(ids), "DHOW_CHROMIUM": CHROMIUM})
    count(result.stdout)
    check(result.returncode == 0, f"{part}: the browser's test ends well", says(result))


def main() -> None:
    if not shutil.which("npm"):
        skip("the page", "there is no npm here")
        return
    if not passes("the packages of the lock file are there", tool(ROOT / "tools" / "build-ui.sh", "packages")):
        return
    if "sources" in PARTS:
        sources()
        sizes()
    parts = [p for p in PARTS if p != "sources"]
    if not parts:
        return
    if not CHROMIUM:
        skip("the page in a browser", "there is no chromium here")
        return
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dhow-page-") as home:
        ids = make_runs(home)
        with Server(home) as server:
            ids = prepare(server, ids)
            for part in parts:
                browser(part, server, ids)


main()
done()
