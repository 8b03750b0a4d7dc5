"""The network as it is: what breaks, stalls, lies or goes away while the launcher works, and comes right in the end."""
# run: asan
import json
import os
import pathlib
import time

import pod
from pod import TOP, fresh
from ports import free_port
from standin import StandIn
from tap import check, done, says


def through(s: StandIn, at: pathlib.Path, data: dict[str, bytes], **more) -> None:
    """A job whose command copies its input folder to its output folder."""
    files = [{"name": name, **s.put(f"in/{name}", blob)} for name, blob in data.items()]
    s.job |= {"command": ["cp", "-r", f"{at}/in", f"{at}/out"], "inputs": [{"path": f"{at}/in", "folder": True, "files": files}],
              "outputs": {"artifacts": [{"name": "copy", "path": f"{at}/out"}]}, **more}


def arrived(s: StandIn, data: dict[str, bytes]) -> bool:
    return len(s.finishes) == 1 and s.finishes[0]["exit_code"] == 0 and all(s.objects.get(f"out/copy/{n}") == b for n, b in data.items())


def each() -> None:
    data = {"big": os.urandom(1 << 20), "small": b"x", "empty": b""}
    for what, faults in (
            ("the server answers 503", {"POST /launch/v1/claim": ["503", "503"], "POST .*/sign": ["503"], "POST .*/finish": ["500", "502"]}),
            ("connections are reset", {"POST /launch/v1/claim": ["reset"], "GET .*/big": ["reset"], "PUT .*/big": ["reset", "reset"], "POST .*/(sign|finish)": ["reset", "reset"]}),
            ("answers are cut in half", {"POST /launch/v1/claim": ["half"], "GET .*/big": ["half", "half"], "POST .*/sign": ["half"]}),
            ("the store answers 500, 503 and 429", {"GET .*": ["500", "503", "429"], "PUT .*": ["500", "503", "429"]}),
            ("answers are late", {"POST .*": ["slow"] * 3, "GET .*": ["slow"], "PUT .*": ["slow"]}),
            ("answers are no HTTP", {"POST /launch/v1/claim": ["garbage"], "GET .*/small": ["garbage"], "PUT .*/small": ["garbage"]}),
            ("URLs expire", {"GET .*/small": ["403"], "PUT .*/small": ["403"]})):
        at, s = fresh(), StandIn()
        through(s, at, data)
        s.faults = faults
        r = pod.run(s, at)
        check(r.returncode == 0 and arrived(s, data), what, says(r) + json.dumps(s.finishes))
        if "half" in what:
            check(len(s.ranges) == 2 and s.ranges[0] != "bytes=0-", "and a file goes on where it broke off", str(s.ranges))
        if "expire" in what:
            check(len(s.claims) == 2 and s.count("/sign") == 2, "and new ones are asked for", str(s.heard))
        if "500, 503" in what:
            check("trying again" in r.stderr or r.stderr == "", "and says little about it", r.stderr)
        s.stop()


def publish_once() -> None:
    """The finish was heard, its answer was lost: the same again, and the record has it once."""
    at, s = fresh(), StandIn()
    through(s, at, {"a": b"a"})
    s.faults = {"POST .*/finish": ["half", "slow"]}
    r = pod.run(s, at)
    check(r.returncode == 0 and len(s.finishes) == 2 and s.finishes[0] == s.finishes[1], "a finish whose answer is lost is told again, the same", says(r) + str(s.finishes))


def away() -> None:
    at, port = fresh(), free_port()
    s = StandIn(port=port)
    s.stop()
    s.job |= {"command": ["sh", "-c", f"echo running; while ! test -e {at}/go; do sleep 0.05; done"], "beat_s": 1}
    p = pod.start(f"http://127.0.0.1:{port}", at)
    late = p.stderr.readline()
    s.start(port)
    p.stdout.readline()
    s.stop()  # …and away it is while the command runs and ends
    (at / "go").touch()
    again = p.stderr.readline()
    s.start(port)
    out, err = p.communicate(timeout=60)
    check(p.returncode == 0 and len(s.finishes) == 1 and "asking again" in late and "asking again" in again, "the server starts late, and is started anew at the end",
          f"{late}{again}{out}{err}")


def silent_beat() -> None:
    """A beat that is not heard is no news for the step's log."""
    at, s = fresh(), StandIn({"command": ["sh", "-c", f"while ! test -e {TOP}/go; do sleep 0.05; done"], "beat_s": 1})
    s.faults = {"POST .*/beat": ["503", "reset", "503"]}
    p = pod.start(s, at)
    while s.count("/beat") < 4:
        time.sleep(0.05)
    (TOP / "go").touch()
    _, err = p.communicate(timeout=30)
    check(p.returncode == 0 and err == "" and len(s.finishes) == 1, "beats that are not heard", err)


def told_to_wait() -> None:
    """A server that says when to ask again is not away: that does not wear out the patience."""
    at, s = fresh(), StandIn()
    s.faults = {"POST /launch/v1/claim": ["later 1"] * 3}
    began = time.monotonic()
    r = pod.run(s, at, "--patience", "1")
    check(r.returncode == 0 and s.count("claim") == 4 and time.monotonic() - began > 2, "told to ask again later, for longer than its patience", says(r))


def wrong_bytes() -> None:
    at, s = fresh(), StandIn()
    through(s, at, {"a": b"right"})
    s.objects["in/a"] = b"wrong"
    r = pod.run(s, at)
    check(r.returncode == 1 and "other bytes (sha256" in s.finishes[0]["message"] and not (at / "in/a").exists() and s.count("GET") == 3,
          "bytes that are not the record's: asked for again, then refused", says(r) + str(s.finishes))
    for blob, words in ((b"longer than it", "longer than the record says"), (None, "answers 404")):
        at, s = fresh(), StandIn()
        through(s, at, {"a": b"right"})
        if blob is None:
            del s.objects["in/a"]
        else:
            s.objects["in/a"] = blob
        r = pod.run(s, at)
        check(r.returncode == 1 and words in s.finishes[0]["message"] and "s3cr3t" not in r.stderr, f"the object is not what it was: {words}", says(r))


def parts() -> None:
    data = {"big": os.urandom((5 << 16) + 77), "exact": os.urandom(2 << 16), "small": b"s"}
    at, s = fresh(), StandIn(part=1 << 16)
    through(s, at, data)
    s.faults = {"PUT .*/big": ["500", "reset", "503"], "POST .*/complete": ["503"]}
    r = pod.run(s, at)
    check(r.returncode == 0 and arrived(s, data) and s.count("/complete") == 3, "large files in parts, some of them twice", says(r) + str(s.finishes))
    at, s = fresh(), StandIn(part=1 << 16)
    through(s, at, data)
    s.faults = {"PUT .*/big": ["403"]}
    r = pod.run(s, at)
    check(r.returncode == 0 and arrived(s, data), "a part's URL expires", says(r))


def many() -> None:
    data = {f"{i % 7}/{i}": str(i).encode() for i in range(450)}
    at, s = fresh(), StandIn()
    through(s, at, data)
    s.faults = {"GET .*": ["reset", "503"] * 5, "PUT .*": ["reset", "500"] * 5}
    r = pod.run(s, at)
    check(r.returncode == 0 and arrived(s, data) and s.count("/sign") == 3, "450 files, with faults among them", says(r))


def empty_folders() -> None:
    """They go up as objects whose names end with a slash, and come down as folders."""
    at, s = fresh(), StandIn()
    through(s, at, {"a/b": b"b"})
    s.job["inputs"][0]["files"] += [{"name": "none/", "size": 0}, {"name": "x/y/", "size": 0}]
    r = pod.run(s, at)
    names = [f["name"] for f in s.finishes[0]["artifacts"][0]["files"]] if s.finishes and s.finishes[0]["artifacts"] else []
    check(r.returncode == 0 and names == ["a/b", "none/", "x/y/"] and s.objects.get("out/copy/x/y/") == b"" and (at / "in/x/y").is_dir(), "empty folders, both ways", says(r) + str(names))
    at, s = fresh(), StandIn()
    through(s, at, {"a": b"a"})
    s.job["inputs"][0]["files"] += [{"name": "../out-of-it/", "size": 0}]
    r = pod.run(s, at)
    check(r.returncode == 1 and not (at / "out-of-it").exists(), "an empty folder that leads out of it", says(r))


def no_room() -> None:
    at, s = fresh(), StandIn()
    through(s, at, {"a": b"a"})
    s.job["inputs"][0]["path"] = "/proc/nowhere"
    r = pod.run(s, at)
    check(r.returncode == 1 and "/proc/nowhere" in s.finishes[0]["message"], "an input's place that cannot be written is told", says(r))
    at, s = fresh(), StandIn({"command": ["sh", "-c", f"mkdir -p {fresh()}; mkfifo {TOP}/pipe"]})
    s.job |= {"outputs": {"artifacts": [{"name": "p", "path": f"{TOP}/pipe"}]}}
    r = pod.run(s, at)
    check(r.returncode == 1 and "neither file nor folder" in s.finishes[0]["message"] and s.finishes[0]["artifacts"] == [], "an artifact that is no file is told", says(r))


for case in (each, publish_once, away, silent_beat, told_to_wait, wrong_bytes, parts, many, empty_folders, no_room):
    case()
done()
