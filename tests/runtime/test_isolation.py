#!/usr/bin/env python3
# run: timeout=900
"""Whole runs in a sandbox and in a container (and what holds without them): what flows between steps still does; a step sees nothing that it was not given, stays in
its bounds, and does not outlive its run. DHOW_LOG_GB: how much the step that writes too much writes in a sandbox (10; DHOW_QUICK: 2; elsewhere: 2)."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import images
from specs import output, pipeline, step, write
from tap import DHOW, check, dhow, done, processes, says, skip, until

LOG_GB = int(os.environ.get("DHOW_LOG_GB") or ("2" if os.environ.get("DHOW_QUICK") else "10"))
LOG_MAX = 1 << 30


def sleepers(word: str) -> list:
    return processes(lambda line: word.encode() in line.split(b"\0") and line.split(b"\0")[0].endswith(b"sleep"))


def number(n: int) -> str:
    """How long a sleep takes by which it is found again: another run of this script has its own."""
    return f"{n}.25{os.getpid()}"


def logs(home: pathlib.Path) -> str:
    """Of all runs in it, while folders come and go."""
    paths = [pathlib.Path(at) / name for at, _, names in os.walk(home / "runs") for name in names if name.endswith(".log")]
    return "".join(p.read_text(errors="replace") for p in paths)


def gone(word: str, seconds: float = 60) -> bool:
    return until(lambda: not sleepers(word), seconds)


class Suite:
    def __init__(self, runtime: str, env: dict, folder: pathlib.Path):
        self.runtime, self.env, self.folder = runtime, env, folder
        self.label = env.get("DHOW_CONTAINER_ENGINE", runtime)
        self.home = folder / "home"
        self.image = "test"
        self.home.mkdir(parents=True)
        if runtime == "oci":
            (folder / "image").mkdir()
            self.image = images.make(folder / "image", WorkingDir="/work")

    def check(self, ok, name, detail=""):
        return check(ok, f"{self.label}: {name}", detail)

    def works(self) -> str:
        """Empty, or why not."""
        r = dhow("run", self.write(self.one("true")), "--runtime", self.runtime, home=self.home, env=self.env)
        return "" if r.returncode == 0 else r.stderr.strip().splitlines()[-1]

    def write(self, spec: dict) -> pathlib.Path:
        for executor in spec["deploymentSpec"]["executors"].values():
            executor["container"]["image"] = self.image
        return write(self.folder, spec)

    def one(self, script: str, **more) -> dict:
        return step(pipeline("one"), "only", script, cache=False, **more)

    def run(self, spec: dict, *options, timeout: float = 300):
        r = dhow("run", self.write(spec), "--runtime", self.runtime, "--output", "json", *options, home=self.home, env=self.env, timeout=timeout)
        try:
            return r, json.loads(r.stdout)
        except ValueError:
            return r, {"state": None, "outputs": {}, "tasks": [], "artifacts": {}}

    def log(self, run: dict) -> str:
        return dhow("logs", run.get("run_id", ""), home=self.home).stdout

    def start(self, spec: dict):
        return subprocess.Popen([DHOW, "run", str(self.write(spec)), "--runtime", self.runtime], env={**os.environ, **self.env, "DHOW_HOME": str(self.home)},
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    # ---- the cases ----

    def data_flows(self):
        s = pipeline("flow")
        step(s, "make", 'printf hello > "$out_word"; printf "1,2\\n" > "$out_data"', outputs=("word",), artifacts={"data": "Dataset"})
        step(s, "use", 'printf "%s and %s" "$in_word" "$(cat "$in_path")" > "$out_both"', inputs={"word": "make.word"}, outputs=("both",))
        use = s["components"]["comp-use"]
        use["inputDefinitions"]["artifacts"] = {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}
        s["deploymentSpec"]["executors"]["exec-use"]["container"]["args"].append("in_path={{$.inputs.artifacts['data'].path}}")
        s["deploymentSpec"]["executors"]["exec-use"]["container"]["command"][2] = s["deploymentSpec"]["executors"]["exec-use"]["container"]["command"][2].replace(
            "out_*)", "out_*)", 1)
        s["root"]["dag"]["tasks"]["use"]["inputs"]["artifacts"] = {"data": {"taskOutputArtifact": {"producerTask": "make", "outputArtifactKey": "data"}}}
        output(s, "both", "use", "both")
        r, run = self.run(s)
        self.check(run["outputs"].get("both") == "hello and 1,2", "parameters and artifacts flow", says(r))

    def codes(self):
        for code in (1, 7, 255):
            r, run = self.run(self.one(f"exit {code}"))
            got = [t.get("exit_code") for t in run["tasks"]]
            self.check(r.returncode == 1 and got == [code], f"exit code {code}", f"{got}\n{says(r)}")
        r, run = self.run(self.one("echo to out; echo to err >&2"))
        log = self.log(run)
        self.check("to out" in log and "to err" in log, "what it writes is in its log", log)

    def sees_nothing_else(self):
        dhow("secrets", "set", "db", "password", home=self.home, stdin="s3cr3t-value")
        s = pipeline("other")
        step(s, "private", 'printf "another-tasks-data" > "$out_data"', artifacts={"data": "Dataset"})
        paths = " ".join([f"{self.home}/dhow.db", f"{self.home}/secrets", f"{self.home}/secrets/db/password", "/etc/shadow", f"{pathlib.Path.home()}/.bashrc",
                          f"{self.home}/runs", f"{self.home}/envs", f"{self.folder}/pipeline.json"])
        script = (f'n=; for f in {paths}; do if [ -f "$f" ] && cat "$f" >/dev/null 2>&1; then n="$n $f"; fi; done\n'
                  f'n="$n $(grep -rl another-tasks-data {self.home} 2>/dev/null | head -1)"\n'
                  f'n="$n $(grep -rl s3cr3t-value {self.home} 2>/dev/null | head -1)"\n'
                  f'n="$n $(ls {self.home} 2>/dev/null | grep -v -x -e runs -e artifacts | head -3)"\n'
                  'env | grep -q s3cr3t && n="$n environment"\n'
                  'printf "%s" "$n" | tr -d " \\n" > "$out_seen"; printf x > "$out_seen2"')
        step(s, "curious", script, ("private",), outputs=("seen", "seen2"), cache=False)
        output(s, "seen", "curious", "seen")
        output(s, "ran", "curious", "seen2")
        r, run = self.run(s)
        self.check(run["outputs"] == {"seen": "", "ran": "x"}, "a step sees no other task's data, no database, no secret", f"{run['outputs']}\n{says(r)}")

    def network(self):
        s = output(self.one('grep -c : /proc/net/dev > "$out_n"', outputs=("n",)), "n", "only", "n")
        r, run = self.run(s, "--network", "off")
        self.check(run["outputs"].get("n", "").strip() == "1", "no network where it is off", says(r))
        if self.runtime == "sandbox":
            r, run = self.run(s)
            self.check(run["outputs"].get("n", "").strip() == "1", "and none unless asked", says(r))

    def bomb(self):
        start = time.monotonic()
        r, run = self.run(self.one("i=0; while [ $i -lt 30000 ]; do sleep " + number(4711) + " & i=$((i+1)); done 2>/dev/null"))
        self.check(run["state"] == "FAILED" and time.monotonic() - start < 300, "a fork bomb fails", says(r))
        self.check(gone(number(4711)), "and leaves nothing", str(len(sleepers(number(4711)))))

    def big_log(self):
        gb = LOG_GB if self.runtime == "sandbox" else 2
        r, run = self.run(self.one(f"head -c {gb}000000000 /dev/zero"))
        size = sum(p.stat().st_size for p in (self.home / "runs").rglob("*.log"))
        self.check(run["state"] == "SUCCEEDED", f"a step may write {gb} GB", says(r))
        self.check(LOG_MAX // 2 < size <= LOG_MAX + (1 << 20), "but not all of it is kept", f"{size} bytes")
        for path in (self.home / "runs").rglob("*.log"):
            path.unlink()

    def memory(self):
        s = self.one("head -c 300000000 /dev/zero | tail -c 250000000 >/dev/null")
        s["deploymentSpec"]["executors"]["exec-only"]["container"]["resources"] = {"resourceMemoryLimit": "64Mi"}
        r, run = self.run(s)
        if "limit is" in r.stderr and "not held" in r.stderr or "for each process" in r.stderr:
            skip(f"{self.label}: memory is bounded", "no control groups here")
        else:
            self.check(run["state"] == "FAILED" and "memory" in json.dumps(run["tasks"]) and "64 MiB" in json.dumps(run["tasks"]), "memory is bounded, and the reason said",
                       says(r))

    def daemon(self):
        r, run = self.run(self.one(f"setsid sleep {number(4712)} >/dev/null 2>&1 & sleep 0.2"))
        self.check(run["state"] == "SUCCEEDED" and gone(number(4712)), "what a step leaves in the background ends with it", says(r))

    def killed(self):
        word = number(4713)
        p = self.start(self.one(f"setsid sleep {word} & trap '' TERM; sleep {word}"))
        began = until(lambda: len(sleepers(word)) == 2)
        p.send_signal(signal.SIGKILL)
        p.wait()
        self.check(began and gone(word), "nothing outlives a killed dhow", str(sleepers(word)))
        r, run = self.run(self.one("true"))
        left = [str(x) for x in (self.home / "containers").glob("dhow-*")] if self.runtime == "oci" else []
        self.check(run["state"] == "SUCCEEDED" and not left, "and the next run removes what it left", f"{left}\n{says(r)}")

    def canceled(self):
        p = self.start(self.one("trap 'echo cleaned up; exit 9' TERM; sleep 0.3; echo ready; while :; do sleep 0.1; done"))
        until(lambda: "ready" in logs(self.home))
        p.send_signal(signal.SIGINT)
        p.wait(120)
        said = logs(self.home)
        self.check(p.returncode == 130 and "cleaned up" in said, "a cancelled step may end itself", f"{p.returncode}\n{said[-500:]}\n{p.stderr.read()}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-isolation-") as folder:
        plain = Suite("process", {}, pathlib.Path(folder) / "process")
        for case in (plain.codes, plain.memory, plain.daemon, plain.bomb, plain.killed, plain.canceled, plain.big_log):
            case()
        kinds = [("sandbox", {}), ("oci", {"DHOW_CONTAINER_ENGINE": "runc"}), ("oci", {"DHOW_CONTAINER_ENGINE": "crun"})]
        for i, (runtime, env) in enumerate(kinds):
            suite = Suite(runtime, env, pathlib.Path(folder) / str(i))
            why = suite.works()
            if why:
                skip(f"{suite.label}: isolation", why)
                continue
            for case in (suite.data_flows, suite.codes, suite.sees_nothing_else, suite.network, suite.memory, suite.daemon, suite.bomb, suite.killed, suite.canceled,
                         suite.big_log):
                case()
    done()


main()
