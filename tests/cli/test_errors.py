# run: asan
"""Bad input: one clear message each and exit status 2; a machine that fails: exit status 3, nothing half-written."""
import contextlib
import copy
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says, skip


def good() -> dict:
    spec = pipeline("good", count=int, word="x", rate=0.5, flag=True, items=[1], table={"a": 1})
    return step(spec, "one", "echo $in_word", inputs={"word": "=word"})


def refused(name: str, result: subprocess.CompletedProcess, *words: str) -> None:
    """Exit status 2, nothing on standard output, one message that has the words."""
    lines = result.stderr.strip().splitlines()
    ok = result.returncode == 2 and not result.stdout and len(lines) == 1 and all(w in lines[0] for w in words)
    check(ok, f"{name}: refused with one clear message", says(result))


def files(folder: pathlib.Path, home: pathlib.Path) -> None:
    def text(name: str, body: str | bytes) -> pathlib.Path:
        path = folder / name
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        return path

    refused("an empty name", dhow("run", "", home=home), "is empty")
    refused("no such file", dhow("run", folder / "nowhere.yaml", home=home), "nowhere.yaml", "No such file")
    refused("a folder", dhow("run", folder, home=home), str(folder))
    refused("empty file", dhow("run", text("empty.yaml", ""), home=home), "empty.yaml")
    refused("not YAML", dhow("run", text("not.yaml", "a: [1, 2\nb: }"), home=home), "not.yaml:2:")
    refused("binary", dhow("run", text("binary.yaml", bytes(range(256))), home=home), "binary.yaml")
    refused("another YAML", dhow("run", text("other.yaml", "kind: Pod\nmetadata: {name: x}\n"), home=home), "other.yaml")
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefghi", "bcdefghij"))
    refused("YAML bomb", dhow("run", text("bomb.yaml", bomb), home=home, timeout=120), "bomb.yaml", "aliases")
    refused("deep YAML", dhow("run", text("deep.yaml", "a: " + "[" * 100000), home=home, timeout=120), "deep.yaml")
    big = folder / "big.yaml"
    with big.open("wb") as f:
        f.truncate(100 << 20)
    refused("100 MB file", dhow("run", big, home=home, timeout=120), "big.yaml", "too large")
    big.unlink()
    spec = good()
    spec["schemaVersion"] = "9.9.9"
    refused("wrong schema version", dhow("run", write(folder, spec), home=home), "9.9.9", "2.1.0")
    spec = good()
    step(spec, "two", "true", after=("one",))
    spec["root"]["dag"]["tasks"]["one"]["dependentTasks"] = ["two"]
    refused("a cycle", dhow("run", write(folder, spec), "-p", "count=1", home=home), "one", "two")
    spec = good()
    spec["root"]["dag"]["tasks"]["one"]["componentRef"]["name"] = "comp-nothing"
    refused("unknown component", dhow("run", write(folder, spec), "-p", "count=1", home=home), "comp-nothing")
    spec = good()
    spec["root"]["dag"]["tasks"]["one"]["triggerPolicy"] = {"condition": "inputs.parameter_values['word'] == = 'x'"}
    refused("a condition that does not parse", dhow("run", write(folder, spec), "-p", "count=1", home=home), "pipeline.json:", "condition")
    validated = dhow("validate", write(folder, spec), home=home)
    check(validated.returncode == 2, "validate refuses it too", says(validated))


def parameters(folder: pathlib.Path, home: pathlib.Path) -> None:
    path = write(folder, good())

    def run(*args: str) -> subprocess.CompletedProcess:
        return dhow("run", path, *args, home=home)

    def params(body: str) -> str:
        (folder / "params.json").write_text(body)
        return str(folder / "params.json")

    refused("missing parameter", run(), "count")
    refused("a value that is no text", run("-p", "count=1", "-p", os.fsdecode(b"word=\xff")), "UTF-8")
    refused("a name that is no text", run("-p", "count=1", "--name", os.fsdecode(b"\xff")), "--name", "UTF-8")
    refused("unknown parameter", run("-p", "count=1", "-p", "wrod=x"), "wrod", "word")
    refused("no value", run("-p", "count"), "expected NAME=VALUE")
    refused("wrong type", run("-p", "count=three"), "count", "three")
    refused("a fraction for an integer", run("-p", "count=1.5"), "count")
    refused("no number", run("-p", "count=1", "-p", "rate=fast"), "rate")
    refused("no boolean", run("-p", "count=1", "-p", "flag=perhaps"), "flag")
    refused("no list", run("-p", "count=1", "-p", "items={}"), "items")
    refused("no JSON", run("-p", "count=1", "-p", "table={"), "table")
    refused("--params: no such file", run("--params", str(folder / "none.json")), "none.json")
    refused("--params: no JSON", run("--params", params("{")), "params.json")
    refused("--params: no object", run("--params", params("[1]")), "expected a JSON object", "got an array")
    refused("--params: unknown name", run("--params", params('{"count": 1, "other": 2}')), "other")
    refused("--params: wrong type", run("--params", params('{"count": "1"}')), "count")
    refused("secret without a file", run("-p", "count=1", "--secret", "token"), "expected NAME=FILE")
    refused("secret that is not there", run("-p", "count=1", "--secret", f"token={folder}/none"), "none")
    refused("--from without an earlier run", run("--from", "one"), "good")
    fine = run("-p", "count=3", "-p", "word=a=b", "-p", "items=[2]", "--output", "json")
    check(fine.returncode == 0 and json.loads(fine.stdout)["parameters"]
          == {"count": 3, "word": "a=b", "rate": 0.5, "flag": True, "items": [2], "table": {"a": 1}}, "values are read by their types", says(fine))
    mixed = run("--params", params('{"count": 4, "word": "file"}'), "-p", "word=argument", "--output", "json")
    check(mixed.returncode == 0 and json.loads(mixed.stdout)["parameters"]["word"] == "argument", "-p goes before --params", says(mixed))


def names(home: pathlib.Path) -> None:
    for argv, word in {("show", "999"): "999", ("show", "last/none"): "one", ("show", "last/one/none"): "none", ("logs", "nothing-here"): "nothing-here",
                       ("cancel", "last"): "over already", ("resume", "last"): "", ("retry", "999"): "999", ("compare", "1", "999"): "999",
                       ("models", "none"): "none", ("pipelines", "none"): "none", ("artifacts", "--run", "999"): "999", ("explain", "999"): "999"}.items():
        refused(" ".join(argv), dhow(*argv, home=home), word)
    for argv in (("resume", "last"), ("retry", "last")):
        refused(f"{argv[0]} of a run that succeeded names it by its number", dhow(*argv, home=home), "run 2 ")
    refused("a database of no kind that there is", dhow("--db", "oracle://u:secret@h/d", "runs", home=home), "'oracle'", "postgresql://")
    refused("the same in the environment", dhow("runs", home=home, env={"DHOW_DB": "oracle://h/d"}), "'oracle'")
    latin = os.fsdecode(os.fsencode(home.parent) + b"/caf\xe9")
    refused("a home whose name is not UTF-8", dhow("runs", env={"DHOW_HOME": latin}), "UTF-8")
    refused("a home that is a file", dhow("runs", home=home / "dhow.db"), "dhow.db", "folder")


def machine(folder: pathlib.Path) -> None:
    path = write(folder, copy.deepcopy(good()))
    broken = folder / "broken"
    broken.mkdir()
    (broken / "dhow.db").write_bytes(b"not a database, but long enough to look like one. " * 100)
    for argv in (("runs",), ("run", path, "-p", "count=1")):
        result = dhow(*argv, home=broken)
        check(result.returncode in (2, 3) and len(result.stderr.strip().splitlines()) == 1 and "dhow.db" in result.stderr,
              f"{argv[0]} with a file that is no database: one message", says(result))
    blocked = folder / "file"
    blocked.write_text("")
    result = dhow("run", path, "-p", "count=1", home=blocked / "home")
    check(result.returncode == 3 and len(result.stderr.strip().splitlines()) == 1, "a home that cannot be made: exit status 3", says(result))
    read_only(folder, path)
    full_disk(folder, path)


@contextlib.contextmanager
def mounted(where: pathlib.Path, options: str):
    where.mkdir()
    done_by = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "dhow-test", where], capture_output=True, check=False)
    try:
        yield done_by.returncode == 0
    finally:
        if done_by.returncode == 0:
            subprocess.run(["umount", "-l", where], check=False)


def read_only(folder: pathlib.Path, path: pathlib.Path) -> None:
    with mounted(folder / "ro", "size=64m") as works:
        if not works:
            skip("a read-only home", "cannot mount here")
            return
        home = folder / "ro" / "home"
        first = dhow("run", path, "-p", "count=1", home=home)
        check(first.returncode == 0, "a run before the home becomes read-only", says(first))
        subprocess.run(["mount", "-o", "remount,ro", folder / "ro"], check=True)
        result = dhow("run", path, "-p", "count=2", home=home)
        check(result.returncode == 3 and len(result.stderr.strip().splitlines()) == 1, "run in a read-only home: exit status 3", says(result))
        for argv in (("runs",), ("show", "last"), ("logs", "last"), ("models",)):
            result = dhow(*argv, home=home)
            check(result.returncode == 0, f"{argv[0]} reads a read-only home", says(result))


def full_disk(folder: pathlib.Path, path: pathlib.Path) -> None:
    with mounted(folder / "full", "size=2m") as works:
        if not works:
            skip("a full disk", "cannot mount here")
            return
        home = folder / "full" / "home"
        first = dhow("run", path, "-p", "count=1", "--cache", "off", home=home)
        check(first.returncode == 0, "a run before the disk is full", says(first))
        ballast = folder / "full" / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as f:
            while f.write(b"\0" * 4096):
                pass
        result = dhow("run", path, "-p", "count=1", "--cache", "off", home=home)
        check(result.returncode == 3 and "dhow run:" in result.stderr, "run on a full disk: exit status 3", says(result))
        ballast.unlink()
        check(dhow("runs", home=home).returncode == 0, "the record is sound after it")
        doctor = dhow("doctor", "--output", "json", home=home)
        record = next(c for c in json.loads(doctor.stdout)["checks"] if c["check"] == "record")
        check(record["state"] == "ok", "and complete", str(record))
        states = [r["state"] for r in json.loads(dhow("runs", "--output", "json", home=home).stdout)]
        for number, state in enumerate(reversed(states), 1):
            if state in ("PENDING", "RUNNING"):
                again = dhow("resume", number, home=home)
                check(again.returncode == 0, "what was cut off is finished by resume", says(again))
        after = dhow("run", path, "-p", "count=1", "--cache", "off", home=home)
        check(after.returncode == 0, "with room again a run succeeds", says(after))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-test-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"
        files(folder, home)
        check(not (home / "artifacts").exists(), "refused pipelines leave nothing behind")
        parameters(folder, home)
        names(home)
        machine(folder)
    done()


if __name__ == "__main__":
    main()
