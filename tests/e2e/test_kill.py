# run: timeout=900
"""kill -9 of dhow at random moments of the demo, of a pipeline of 50 steps and of one with loops, each time followed by resume (which may be
killed as well): every run ends SUCCEEDED, nothing that had succeeded runs again, the record is whole, nothing strays.

DHOW_KILLS: how many in all (200; DHOW_QUICK: 40). DHOW_SEED: the moments."""
import os
import pathlib
import random
import sqlite3
import subprocess
import tempfile
import time

from specs import pipeline, step, write
from tap import DHOW, ROOT, check, done

KILLS = int(os.environ.get("DHOW_KILLS", "40" if os.environ.get("DHOW_QUICK") else "200"))
SEED = int(os.environ.get("DHOW_SEED") or time.time_ns() % 1000000)
DEMO = ROOT / "pipelines" / "model_selection" / "pipeline.yaml"
STEPS = 50
MANY = 150  # more than are handed over before the first of them does something


def fifty(folder: pathlib.Path, dice: random.Random) -> pathlib.Path:
    s = pipeline("fifty")
    for i in range(STEPS):
        after = tuple(f"t{j}" for j in range(max(0, i - 3), i) if dice.random() < 0.5)
        marks = folder / "marks"
        script = f"echo start t{i} >> {marks}; sleep 0.00{dice.randrange(10)}; printf v{i} > $out_o; echo data{i} > $out_a; echo done t{i} >> {marks}"
        step(s, f"t{i}", script, after, outputs=("o",), artifacts={"a": "Dataset"})
    return write(folder, s)


def loops(folder: pathlib.Path) -> pathlib.Path:
    """A loop of dags with two steps each inside an exit handler, and the exit step."""
    s = pipeline("loops")
    marks = folder / "marks"
    body, group = {"tasks": {}}, {"tasks": {}}
    step(s, "first", f'printf "$in_it" > "$out_o"; echo done "first-$in_it" >> {marks}', inputs={"it": "=it"}, outputs=("o",), dag=body)
    step(s, "second", f'sleep 0.01; echo done "second-$in_o" >> {marks}', inputs={"o": "first.o"}, dag=body)
    s["components"]["comp-loop"] = {"inputDefinitions": {"parameters": {"it": {"parameterType": "STRING"}}}, "dag": body}
    s["components"]["comp-group"] = {"dag": group}
    group["tasks"]["for-loop-1"] = {"componentRef": {"name": "comp-loop"}, "taskInfo": {"name": "for-loop-1"},
                                    "parameterIterator": {"itemInput": "it", "items": {"raw": '["a", "b", "c", "d", "e", "f"]'}}}
    s["root"]["dag"]["tasks"]["exit-handler-1"] = {"componentRef": {"name": "comp-group"}, "taskInfo": {"name": "exit-handler-1"}}
    step(s, "last", f"echo done last >> {marks}", ("exit-handler-1",), triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"})
    return write(folder, s)


def waiting(folder: pathlib.Path) -> pathlib.Path:
    """Steps side by side that wait for a file; the first to find another file kills the engine, the parent of its parent."""
    s = pipeline("waiting")
    # One alone: once the engine is dead, its children's parent is another process.
    kill = f"if [ -e {folder}/boom ] && [ ! -e {folder}/go ] && mkdir {folder}/killer; then read _ _ _ engine _ < /proc/$PPID/stat; kill -9 $engine; fi"
    for i in range(MANY):
        step(s, f"t{i}", f"{kill}; echo start t{i} >> {folder}/marks; until [ -e {folder}/go ]; do sleep 0.05; done; echo data{i} > $out_a", artifacts={"a": "Dataset"}, cache=False)
    return write(folder, s)


class Kills:
    def __init__(self, name: str, folder: pathlib.Path, path: pathlib.Path, dice: random.Random):
        self.name, self.folder, self.path, self.dice = name, folder, path, dice
        self.home = folder / "home"
        self.env = {**os.environ, "DHOW_HOME": str(self.home)}
        self.kills = self.runs = 0
        self.seconds = 0.0
        self.wrong: list = []

    def rows(self, query: str, *values) -> list:
        db = sqlite3.connect(self.home / "dhow.db", timeout=30)
        try:
            return db.execute(query, values).fetchall()
        finally:
            db.close()

    def newest(self):
        if not (self.home / "dhow.db").exists():
            return None
        try:
            rows = self.rows("SELECT id, uuid, state FROM run ORDER BY id DESC LIMIT 1")
        except sqlite3.OperationalError:  # killed before the tables were there
            return None
        return rows[0] if rows else None

    def succeeded(self, run_id: int) -> dict:
        return {uuid: (finished, attempts) for uuid, finished, attempts in
                self.rows("SELECT uuid, finished_us, attempts FROM task WHERE run_id = ? AND state = ? AND type = ?", run_id, "SUCCEEDED", "RUNTIME")}

    def go(self, *args, within: float | None) -> bool:
        """Starts dhow and kills it somewhere within that time; False: it had ended by itself. None: it is left alone."""
        with subprocess.Popen([DHOW, *map(str, args)], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as p:
            try:
                _, said = p.communicate(timeout=300 if within is None else self.dice.random() * within * 0.8 + 0.002)
            except subprocess.TimeoutExpired:
                p.kill()
                self.kills += 1
                p.communicate()
                if within is None:
                    self.wrong.append(f"{args[0]} does not end")
                return True
            if p.returncode != 0:
                self.wrong.append(f"{args[0]} exits {p.returncode}: {said[-500:]}")
            return False

    def finish(self, run_id: int, uuid: str) -> None:
        """Resumes until it has ended; the first times it may be killed again."""
        for attempt in range(4):
            if self.rows("SELECT state FROM run WHERE id = ?", run_id)[0][0] == "SUCCEEDED":
                break
            before = self.succeeded(run_id)
            self.go("resume", uuid, within=self.seconds if attempt < 3 and self.dice.random() < 0.3 else None)
            after = self.succeeded(run_id)
            again = [u for u, row in before.items() if after.get(u) != row]
            if again:
                self.wrong.append(f"run {run_id}: {len(again)} steps that had succeeded ran again")
        state = self.rows("SELECT state FROM run WHERE id = ?", run_id)[0][0]
        if state != "SUCCEEDED":
            self.wrong.append(f"run {run_id} ({uuid}): state {state}")

    def strays(self, run_id: int, uuid: str) -> None:
        folder = self.home / "runs" / uuid
        left = [p for p in folder.rglob("*") if p.is_dir() or p.suffix != ".log" and p.name != "journal"]
        known = {row[0].removeprefix("file://") for row in self.rows("SELECT uri FROM artifacts")}
        for at, folders, files in os.walk(self.home / "artifacts"):
            if at in known:
                folders.clear()
                continue
            left += [os.path.join(at, f) for f in files if os.path.join(at, f) not in known]
            if not folders and not files:
                left.append(at)
        if left:
            self.wrong.append(f"run {run_id}: strays {[str(p) for p in left[:5]]}")

    def n_killed(self, uuid: str) -> int:
        """How many steps the shepherds killed."""
        journal = self.home / "runs" / uuid / "journal"
        return sum(line.startswith("K ") for line in journal.read_text().splitlines()) if journal.exists() else 0

    def measure(self) -> None:
        start = time.monotonic()
        subprocess.run([DHOW, "run", "-q", "--cache", "off", self.path], env=self.env, check=True, stdout=subprocess.DEVNULL)
        self.seconds = time.monotonic() - start
        self.n_tasks = len(self.succeeded(self.newest()[0]))

    def loop(self, kills: int) -> None:
        marks = self.folder / "marks"
        while self.kills < kills and not self.wrong:
            marks.write_text("")
            before = self.newest()
            start = time.monotonic()
            if not self.go("run", "-q", "--cache", "off", self.path, within=self.seconds):
                self.seconds = time.monotonic() - start  # the machine may have been slower when it was measured
            row = self.newest()
            if row is None or row == before or before and row[0] == before[0]:
                continue  # killed before the run was there
            self.runs += 1
            self.finish(row[0], row[1])
            if len(self.succeeded(row[0])) != self.n_tasks:
                self.wrong.append(f"run {row[0]}: {len(self.succeeded(row[0]))} of {self.n_tasks} steps succeeded")
            self.strays(row[0], row[1])
            ended = [line.split()[1] for line in marks.read_text().splitlines() if line.startswith("done")]
            # One that had written its last line, but not exited within the grace after its engine's death, was killed; the journal says so.
            killed = self.n_killed(row[1])
            if len(ended) - len(set(ended)) > killed:
                self.wrong.append(f"run {row[0]}: ran twice to their ends, {killed} killed: {sorted({n for n in ended if ended.count(n) > 1})}")

    def while_it_starts(self) -> None:
        """Killed while steps run; and the resume while it starts them again, so that it has had no time to clean up."""
        marks = self.folder / "marks"
        with subprocess.Popen([DHOW, "run", "-q", "--no-warm", "--jobs", str(MANY), self.path], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            while p.poll() is None and (not marks.exists() or len(marks.read_text().split("\n")) <= MANY):
                time.sleep(0.02)
            p.kill()
        run_id, uuid, _ = self.newest()
        (self.folder / "boom").touch()
        for ends in (-9, 0):
            r = subprocess.run([DHOW, "resume", uuid], env=self.env, capture_output=True, text=True, timeout=120)
            self.kills += 1
            if r.returncode != ends:
                self.wrong.append(f"resume ends with {r.returncode}, not {ends}: {r.stderr[-500:]}")
            (self.folder / "go").touch()
        self.runs = 1
        self.strays(run_id, uuid)

    def judge(self) -> None:
        check(not self.wrong, f"{self.name}: {self.kills} kills in {self.runs} runs, all ended SUCCEEDED, nothing ran again, nothing strays",
              "\n".join([f"DHOW_SEED={SEED}", *self.wrong]))
        check(self.rows("PRAGMA integrity_check") == [("ok",)] and not self.rows("PRAGMA foreign_key_check"), f"{self.name}: the record is whole")


def main() -> None:
    dice = random.Random(SEED)
    print(f"# seed {SEED}")
    for name, share in (("demo", 9), ("fifty", 9), ("loops", 2)):
        with tempfile.TemporaryDirectory(prefix="dhow-kill-") as at:
            folder = pathlib.Path(at)
            kills = Kills(name, folder, DEMO if name == "demo" else fifty(folder, dice) if name == "fifty" else loops(folder), dice)
            kills.measure()
            kills.loop(max(2, KILLS * share // 20))
            kills.judge()
    with tempfile.TemporaryDirectory(prefix="dhow-kill-") as at:
        kills = Kills("waiting", pathlib.Path(at), waiting(pathlib.Path(at)), dice)
        kills.while_it_starts()
        kills.judge()
    done()


main()
