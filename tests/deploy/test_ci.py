"""Templates for build servers: their form, and what they run, with a stand-in for Docker and a real server at the end."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

import yaml

from server import Server
from tap import DHOW, ROOT, check, dhow, done, says, skip

CI = ROOT / "deploy" / "ci"
_TOP = tempfile.TemporaryDirectory(prefix="dhow-ci-", ignore_cleanup_errors=True)
TOP = pathlib.Path(_TOP.name)
COMMANDS = {"check", "images", "pin", "lock", "submit"}
SHA = {n: "sha256:" + n * 64 for n in "abcdef"}
PIPELINE = """\
# PIPELINE DEFINITION
# Name: greet
components:
  comp-fetch:
    executorLabel: exec-fetch
    outputDefinitions: {parameters: {out: {parameterType: STRING}}}
  comp-train:
    executorLabel: exec-train
    inputDefinitions: {parameters: {who: {parameterType: STRING}}}
deploymentSpec:
  executors:
    exec-fetch:
      container:
        args: ["echo -n world >$0", "{{$.outputs.parameters['out'].output_file}}"]
        command: [sh, -c]
        image: python:3.11   # not ours
    exec-train:
      container:
        args: ["echo hello $0", "{{$.inputs.parameters['who']}}"]
        command: [sh, -c]
        "image": 'components/train:dev'
pipelineInfo:
  name: greet
root:
  dag:
    tasks:
      fetch: {componentRef: {name: comp-fetch}, taskInfo: {name: fetch}}
      train:
        componentRef: {name: comp-train}
        dependentTasks: [fetch]
        inputs: {parameters: {who: {taskOutputParameter: {outputParameterKey: out, producerTask: fetch}}}}
        taskInfo: {name: train}
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.0
"""
TEST = "tests:\n- name: it greets\n  stub: {fetch: {outputs: {out: there}}}\n  expect: {ran: [fetch, train]}\n"
DOCKER = r"""#!/bin/sh
echo "docker $*" >>"$CALLS"
case "$*" in
"buildx imagetools inspect "*)
    if grep -qxF "$4" "$PUSHED"; then printf '%s' "$4" | sha256sum | sed 's/ .*//; s/^/sha256:/'
    elif [ "$4" = python:3.11 ]; then echo sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
    else exit 1; fi ;;
"buildx build "*)
    echo "at $SOURCE_DATE_EPOCH" >>"$CALLS"
    while [ "$1" != --tag ]; do shift; done
    echo "$2" >>"$PUSHED" ;;
esac
"""


# ---- their form ----

def blocks(node, at=()):
    """(place, text) of each `run` and `script`."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "run" and isinstance(value, str):
                yield at, value
            elif key == "script":
                yield from ((at, line) for line in value)
            else:
                yield from blocks(value, (*at, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from blocks(value, (*at, i))


def shell(path: pathlib.Path, doc: dict) -> None:
    for at, text in blocks(doc):
        r = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        called = re.findall(r"ci/pipeline\.sh (\w+)", text)
        check(r.returncode == 0 and set(called) <= COMMANDS and "${{" not in text, f"{path.name}: {'.'.join(map(str, at))}: shell without values pasted into it", r.stderr + text)


def steps_faults(steps: list[dict]) -> list[str]:
    faults = []
    for step in steps:
        if ("uses" in step) == ("run" in step) or set(step) - {"id", "if", "uses", "with", "run", "shell", "env", "name"}:
            faults.append(f"{step}")
        if not re.fullmatch(r"\./\.github/actions/[\w-]+|[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1")):
            faults.append(f"{step['uses']} has no version")
    return faults


def github() -> None:
    for path in sorted((CI / "github/workflows").glob("*.yml")):
        doc = yaml.safe_load(path.read_text())
        on = doc.get("on", doc.get(True))  # YAML 1.1 reads `on` as true
        faults = [f"unknown {k}" for k in set(doc) - {"name", "on", True, "permissions", "concurrency", "env", "jobs"}]
        for name, job in doc["jobs"].items():
            faults += [f"{name}: {f}" for f in steps_faults(job["steps"])]
            faults += [f"{name}: unknown {k}" for k in set(job) - {"needs", "runs-on", "timeout-minutes", "permissions", "environment", "env", "steps"}]
            if "timeout-minutes" not in job or job["runs-on"] == "ubuntu-latest":
                faults.append(f"{name}: no limit, or a machine of no version")
        check(not faults and on and doc["permissions"] == {"contents": "read"}, f"{path.name}: a workflow with the least rights", "\n".join(faults))
        shell(path, doc)
    release = yaml.safe_load((CI / "github/workflows/pipeline-release.yml").read_text())["jobs"]
    check(release["production"]["environment"] == "production" and release["production"]["needs"] == "staging" and release["staging"]["needs"] == "build"
          and not any("build" in str(s.get("run", "")) or "images" in str(s.get("run", "")) for j in ("staging", "production") for s in release[j]["steps"]),
          "production waits for approval, and gets the file that staging had")
    action = yaml.safe_load((CI / "github/actions/setup-dhow/action.yml").read_text())
    check(action["runs"]["using"] == "composite" and not steps_faults(action["runs"]["steps"]) and all("shell" in s for s in action["runs"]["steps"] if "run" in s)
          and all(i["description"] for i in action["inputs"].values()), "a composite action")
    shell(CI / "github/actions/setup-dhow/action.yml", action)
    used = {k for w in (CI / "github/workflows").glob("*.yml") for k in re.findall(r"^ +(repository|version|kfp):", w.read_text(), re.M)}
    check(used <= set(action["inputs"]), "its inputs are those that are given", str(used))


def actionlint() -> None:
    program = shutil.which("actionlint")
    if not program:
        skip("GitHub's workflows by actionlint", "it is not here (make deploy-test gets it)")
        return
    folder = TOP / "linted"
    shutil.copytree(CI / "github", folder / ".github")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    r = subprocess.run([program], cwd=folder, capture_output=True, text=True, check=False)
    check(r.returncode == 0, "GitHub's workflows by actionlint", r.stdout + r.stderr)


def schemas() -> None:
    """Each template by its host's own schema."""
    program = shutil.which("check-jsonschema")
    if not program:
        skip("templates by GitHub's and GitLab's schemas", "check-jsonschema is not here (make deploy-test gets it)")
        return
    for schema, pattern in (("gitlab-ci", "gitlab/*.yml"), ("github-workflows", "github/workflows/*.yml"), ("github-actions", "github/actions/*/action.yml")):
        files = sorted(map(str, CI.glob(pattern)))
        r = subprocess.run([program, "--builtin-schema", f"vendor.{schema}", *files], capture_output=True, text=True, check=False)
        check(files and r.returncode == 0, f"{pattern} is what the schema {schema} takes", r.stdout + r.stderr)


def gitlab() -> None:
    path = CI / "gitlab/gitlab-ci.yml"
    doc = yaml.safe_load(path.read_text())
    jobs = {k: v for k, v in doc.items() if k not in ("stages", "variables", "default")}
    check(all(j["stage"] in doc["stages"] and j["script"] and j["rules"] for j in jobs.values()) and set(doc["stages"]) == {j["stage"] for j in jobs.values()},
          "GitLab: each job has a stage, and when it runs")
    check(jobs["production"]["rules"][0]["when"] == "manual" and jobs["production"]["environment"] == "production", "GitLab: production waits for somebody")
    shell(path, jobs)


# ---- what they run ----

class Repository:
    def __init__(self):
        self.at = TOP / "repository"
        (self.at / "components/train").mkdir(parents=True)
        (self.at / "ci").mkdir()
        (TOP / "bin").mkdir()
        (self.at / "pipeline.yaml").write_text(PIPELINE)
        (self.at / "pipeline.test.yaml").write_text(TEST)
        (self.at / "components/train/Dockerfile").write_text("FROM scratch\n")
        (self.at / "ci/pipeline.sh").write_text((CI / "pipeline.sh").read_text())
        (self.at / "ci/pipeline.sh").chmod(0o755)
        (TOP / "bin/docker").write_text(DOCKER)
        (TOP / "bin/docker").chmod(0o755)
        (TOP / "bin/dhow").symlink_to(DHOW)
        for name in ("calls", "pushed"):
            (TOP / name).write_text("")
        self.git("init", "-q", "-b", "main")
        self.commit("first")

    def git(self, *args: str) -> str:
        who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": "1700000000 +0000",
               "GIT_COMMITTER_DATE": "1700000000 +0000", "GIT_CONFIG_GLOBAL": "/dev/null"}
        return subprocess.run(["git", "-C", str(self.at), *args], capture_output=True, text=True, check=True, env={**os.environ, **who}).stdout

    def commit(self, why: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", why)

    def run(self, *args: str, env: dict | None = None) -> subprocess.CompletedProcess:
        path = f"{TOP}/bin:{pathlib.Path(os.environ.get('DHOW_TEST_PYTHON', '/usr/bin/python3')).parent}:{os.environ['PATH']}"
        return subprocess.run(["ci/pipeline.sh", *args], cwd=self.at, capture_output=True, text=True, timeout=400, check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, "PATH": path, "CALLS": str(TOP / "calls"), "PUSHED": str(TOP / "pushed"), "REGISTRY": "reg.example/team", "DHOW_HOME": str(TOP / "home"), **(env or {})})

    def calls(self) -> str:
        text = (TOP / "calls").read_text()
        (TOP / "calls").write_text("")
        return text


def whole() -> None:
    repo = Repository()
    r = repo.run("check")
    check(r.returncode == 0 and "junit" in str(list((repo.at / "dist").iterdir())), "check: valid, tests pass, JUnit's XML is there", says(r))
    (repo.at / "pipeline.test.yaml").write_text(TEST.replace("[fetch, train]", "[fetch]"))
    check(repo.run("check").returncode != 0, "check: a test that fails")
    (repo.at / "pipeline.test.yaml").write_text(TEST)
    (repo.at / "broken.yaml").write_text(PIPELINE.replace("comp-train}", "comp-none}"))
    r = repo.run("check")
    check(r.returncode != 0 and "broken.yaml:" in r.stderr, "check: a pipeline that is not valid", says(r))
    (repo.at / "broken.yaml").unlink()

    r = repo.run("images")
    tag = repo.git("rev-parse", "HEAD:components/train")[:16]
    calls = repo.calls()
    made = json.loads((repo.at / "dist/images.json").read_text()) if r.returncode == 0 else {}
    check(r.returncode == 0 and re.fullmatch(rf"reg\.example/team/train:{tag}@sha256:[0-9a-f]{{64}}", made.get("components/train:dev", ""))
          and f"--label org.opencontainers.image.version={tag}" in calls and "at 1700000000\n" in calls, "images: built, tagged by content, at the time of the change", says(r) + calls)
    r = repo.run("images")
    check(r.returncode == 0 and "buildx build" not in repo.calls() and json.loads((repo.at / "dist/images.json").read_text()) == made, "images: the same again is not built", says(r))

    r = repo.run("pin")
    check(r.returncode == 1 and "not pinned: python:3.11" in r.stderr and not (repo.at / "dist/pipeline.yaml").exists(), "pin: an image that nobody has fixed", says(r))
    r = repo.run("lock")
    check(r.returncode == 0 and json.loads((repo.at / "images.lock.json").read_text()) == {"python:3.11": SHA["c"]}, "lock: others' images", says(r))
    r = repo.run("pin")
    text = (repo.at / "dist/pipeline.yaml").read_text() if r.returncode == 0 else ""
    expected = PIPELINE.replace("image: python:3.11 ", f"image: python:3.11@{SHA['c']} ").replace("components/train:dev", made["components/train:dev"])
    check(text == expected, "pin: every image by digest, and not a byte more", says(r) + text)
    repo.run("pin")
    check((repo.at / "dist/pipeline.yaml").read_text() == text, "pin: the same again")
    (repo.at / "components/train/Dockerfile").write_text("FROM scratch\nENV A=1\n")
    repo.commit("second")
    repo.run("images")
    check(json.loads((repo.at / "dist/images.json").read_text()) != made and "buildx build" in repo.calls(), "images: what changed is built under another tag")

    with Server(TOP / "served") as server:
        r = repo.run("submit", "pipeline.yaml", env={"KF_PIPELINES_ENDPOINT": server.url, "REVISION": "abc"})
        runs = server.ask("/apis/v2beta1/runs")[1].get("runs", [])
        check(r.returncode == 0 and [(x["display_name"], x["state"]) for x in runs] == [("pipeline abc", "SUCCEEDED")], "submit: runs, waits, and says how it went", says(r) + str(runs))
        bad = (repo.at / "dist/pipeline.yaml")
        bad.write_text(text.replace("echo hello $0", "exit 3"))
        check(repo.run("submit", "pipeline.yaml", env={"KF_PIPELINES_ENDPOINT": server.url}).returncode == 1, "submit: a run that fails fails the job")
    r = repo.run()
    check(r.returncode == 2 and "pipeline.sh check" in r.stderr, "without a command it says what there is", says(r))
    compiled(repo)


def compiled(repo: Repository) -> None:
    """With the SDK: what is committed must be what the source compiles to."""
    bin_ = pathlib.Path(os.environ.get("DHOW_TEST_PYTHON", "/nowhere")).parent
    if not (bin_ / "kfp").exists():
        skip("check: compiled anew", "the SDK is not here")
        return
    (repo.at / "hello.py").write_text("from kfp import dsl\n@dsl.container_component\ndef hello():\n    return dsl.ContainerSpec(image='components/train:dev', command=['true'])\n"
                                      "@dsl.pipeline(name='hello')\ndef pipeline():\n    hello()\n")
    subprocess.run([str(bin_ / "kfp"), "dsl", "compile", "--py", "hello.py", "--output", "hello.yaml"], cwd=repo.at, check=True, capture_output=True)
    r = repo.run("check")
    check(r.returncode == 0, "check: compiled anew, and the same", says(r))
    text = (repo.at / "hello.yaml").read_text()
    (repo.at / "hello.yaml").write_text(text.replace("- 'true'", "- 'false'").replace("- true", "- false").replace("name: hello", "name: hallo", 1))
    r = repo.run("check")
    check(r.returncode != 0 and "is not what" in r.stderr, "check: what is committed is old", says(r))


# ---- dhow pin ----

def pins() -> None:
    file = TOP / "p.yaml"
    file.write_text(PIPELINE)
    for args, words in ((["--image", "x"], "expected IMAGE=DIGEST"), (["--image", "python:3.11=sha256:12"], "neither sha256"), (["--image", f"python:3.11=x y@{SHA['a']}"], "no such characters"),
                        (["-o", "x"], "nothing to pin"), (["--map", str(file)], "p.yaml"), (["--check"], "without a digest")):
        r = dhow("pin", file, *args)
        check(r.returncode == (1 if args == ["--check"] else 2) and words in r.stderr and not r.stdout, f"pin {args[0]}: {words}", says(r))
    again = dhow("pin", file, "--image", f"python:3.11={SHA['a']}")
    file.write_text(again.stdout)
    r = dhow("pin", file, "--image", f"python:3.11={SHA['b']}")
    check(r.stdout == PIPELINE.replace("python:3.11 ", f"python:3.11@{SHA['b']} "), "pinned before: pinned anew", says(r))
    asked = json.loads(dhow("pin", file, "--output", "json").stdout)
    check(asked == [{"image": f"python:3.11@{SHA['a']}", "pinned": True, "executors": 1}, {"image": "components/train:dev", "pinned": False, "executors": 1}], "images are listed", str(asked))
    tricky = PIPELINE.replace("inputDefinitions: {parameters: {who: {parameterType: STRING}}}",
                              "inputDefinitions: {parameters: {who: {parameterType: STRING}, s: {parameterType: STRUCT, isOptional: true, defaultValue: {image: python:3.11}}}}")
    file.write_text(tricky)
    r = dhow("pin", file, "--image", f"python:3.11={SHA['a']}")
    check(r.returncode == 2 and "cannot be changed in place" in r.stderr and not r.stdout, "a value that only looks like an image is not changed", says(r))
    (TOP / "j.json").write_text(json.dumps(yaml.safe_load(PIPELINE)))
    r = dhow("pin", TOP / "j.json", "--image", f"components/train:dev=reg/train@{SHA['d']}")
    check(json.loads(r.stdout)["deploymentSpec"]["executors"]["exec-train"]["container"]["image"] == f"reg/train@{SHA['d']}", "JSON, and another name", says(r))
    shipped = ROOT / "pipelines/model_selection/pipeline.yaml"
    names = sorted({m for m in re.findall(r"image: (\S+)", shipped.read_text())})
    r = dhow("pin", shipped, "--check", *(x for n in names for x in ("--image", f"{n}={SHA['e']}")), "-o", TOP / "out.yaml")
    check(r.returncode == 0 and dhow("validate", TOP / "out.yaml").returncode == 0 and dhow("pin", TOP / "out.yaml", "--check").returncode == 0
          and stat.S_IMODE((TOP / "out.yaml").stat().st_mode) & 0o044, "the demo, all of it", says(r))


github()
actionlint()
schemas()
gitlab()
pins()
whole()
done()
