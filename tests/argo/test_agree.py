"""What Argo would do with our Workflows, beside what the local engine did: the same pods, the same ends.

Each pipeline is run here; its Workflow is then walked through by Argo's rules (workflow/controller/dag.go), with Argo's own code for
tags and expressions, and with the outputs that the run has on record. Every pod that Argo would make has to be a task that ran, and
every task that ran a pod; a dag, a loop, the run have to end alike.
"""
# run: timeout=900
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from tap import check, dhow, done, skip
from test_lint import linter
from workflows import CONFORMANCE, parameters, pipelines, spec_of, workflow

# Those whose graph depends on what tasks give; `--all` takes all that run here.
NAMES = ("flip_coin", "pipeline_with_nested_loops", "pipeline_with_nested_conditions", "if_elif_else_complex", "if_else_with_oneof_parameters", "parameter_oneof",
         "pipeline_with_exit_handler", "pipeline_with_multiple_exit_handlers", "pipeline_with_input_status_state", "local_execution_pipeline_with_ignore_upstream_failure",
         "loop_consume_upstream", "collected_parameters", "cross_loop_after_topology", "pipeline_with_parallelfor_list_artifacts_GH-12033", "pipeline_in_pipeline_complex")
GOOD = ("SUCCEEDED", "CACHED")
RAN = (*GOOD, "FAILED")


class Argo:
    """Tags and expressions by Argo's code, one at a time."""

    def __init__(self, program: str):
        self.process = subprocess.Popen([program, "-expr"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def replaced(self, text: str, env: dict) -> str:
        if "{{" not in text:
            return text
        return self.ask({"text": text, "env": env})

    def ask(self, case: dict) -> str:
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise ValueError(f"{case}: {answer['error']}")
        return answer["value"]


def text_of(value) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Walk:
    """One Workflow. `record`: plan key → the task as it was."""

    def __init__(self, argo: Argo, manifest: dict, record: dict):
        self.argo, self.record, self.ran, self.wrong = argo, record, set(), []
        self.templates = {t["name"]: t for t in manifest["spec"]["templates"]}

    def pod(self, template: dict, given: dict):
        indices = given["iteration"].split(".") if given["iteration"] else []
        key = self.key(given["scope"], indices)
        task = self.record.get(key)
        if not task or task["state"] not in RAN:
            self.wrong.append(f"a pod for {key}, which was {task and task['state']}")
            return "Failed", {}
        self.ran.add(key)
        outputs = {}
        for parameter in template.get("outputs", {}).get("parameters", []):
            outputs[parameter["name"]] = self.control(task, parameter["name"])
        return ("Succeeded" if task["state"] in GOOD else "Failed"), outputs

    def key(self, scope: str, indices: list) -> str:
        """root.loop.train and [3] → root.loop[3].train: the loops are known from the record."""
        key, left = "", list(indices)
        for part in scope.split("."):
            key += ("." if key else "") + part
            if self.record.get(key, {}).get("type") == "LOOP":
                key += f"[{left.pop(0)}]"
        return key

    @staticmethod
    def control(task: dict, name: str) -> str:
        given = task["outputs"]["parameters"]
        if name.endswith("-artifacts") and name not in given:
            return str(len(task["outputs"]["artifacts"].get(name[:-len("-artifacts")], [])))
        if name.endswith("-count") and name not in given:
            value = given.get(name[:-len("-count")], "")
            return str(len(value if isinstance(value, list) else json.loads(value)))
        return text_of(given.get(name, ""))

    def call(self, name: str, given: dict):
        """The phase and outputs of a template."""
        template = self.templates[name]
        if "container" in template:
            return self.pod(template, given)
        if "suspend" in template:
            return "Succeeded", {}
        env = {f"inputs.parameters.{k}": v for k, v in given.items()}
        phases, tasks = {}, {t["name"]: t for t in template["dag"]["tasks"]}
        while len(phases) < len(tasks):
            for task in tasks.values():
                before = re.findall(r"([a-z0-9-]+)\.[A-Z]", task.get("depends", ""))
                if task["name"] not in phases and all(b in phases for b in before):
                    phases[task["name"]] = self.task(task, phases, env)
        outputs = {p["name"]: self.output(p["valueFrom"], env) for p in template.get("outputs", {}).get("parameters", [])}
        return self.phase(template["dag"], tasks, phases), outputs

    def output(self, source: dict, env: dict) -> str:
        try:
            return self.argo.ask({"expr": source["expression"], "env": env})
        except ValueError:
            return source["default"]

    def task(self, task: dict, phases: dict, env: dict) -> str:
        phase, outputs = self.begin(task, phases, env)
        env[f"tasks.{task['name']}.status"] = phase
        if phase == "Succeeded":
            env.update({f"tasks.{task['name']}.outputs.parameters.{k}": v for k, v in outputs.items()})
        return phase

    def begin(self, task: dict, phases: dict, env: dict):
        depends = re.sub(r"([a-z0-9-]+)\.([A-Z][a-z]+)", lambda m: str(phases[m[1]] == m[2]), task.get("depends", "True"))
        if not eval(depends.replace("&&", " and ").replace("||", " or ")):  # of True, False, and, or
            return "Omitted", {}
        if self.argo.replaced(task.get("when", "true"), env) != "true":
            return "Skipped", {}
        arguments = {p["name"]: p["value"] for p in task.get("arguments", {}).get("parameters", [])}
        if "withSequence" not in task:
            return self.call(task["template"], {k: self.argo.replaced(v, env) for k, v in arguments.items()})
        count = int(self.argo.replaced(task["withSequence"]["count"], env))
        if not count:
            return "Skipped", {}
        all_of_it = [self.call(task["template"], {k: self.argo.replaced(v, {**env, "item": str(i)}) for k, v in arguments.items()}) for i in range(count)]
        names = {k for _, outputs in all_of_it for k in outputs}
        lists = {k: json.dumps([self.item(outputs[k]) for _, outputs in all_of_it if k in outputs]) for k in names}
        return ("Failed" if any(p != "Succeeded" for p, _ in all_of_it) else "Succeeded"), lists

    @staticmethod
    def item(text: str):
        try:
            return json.loads(text)
        except ValueError:
            return text

    @staticmethod
    def phase(dag: dict, tasks: dict, phases: dict) -> str:
        """assessDAGPhase: a task that did not run has the phase of those before it."""
        before = {name: re.findall(r"([a-z0-9-]+)\.[A-Z]", task.get("depends", "")) for name, task in tasks.items()}

        def branch(name: str) -> str:
            if phases[name] in ("Succeeded", "Failed"):
                return phases[name]
            return "Failed" if any(branch(b) == "Failed" for b in before[name]) else "Succeeded"

        targets = dag["target"].split() if "target" in dag else [n for n in tasks if not any(n in b for b in before.values())]
        return "Failed" if any(branch(t) == "Failed" for t in targets) else "Succeeded"


def local_run(entry: dict, folder: str) -> dict | None:
    path = CONFORMANCE / "pipelines" / entry["file"]
    given = pathlib.Path(folder) / "parameters.json"
    given.write_text(json.dumps(parameters(entry, spec_of(path))).replace("@TMP@", folder))
    result = dhow("run", path, "--params", given, "--output", "json", home=folder)
    return json.loads(result.stdout) if result.stdout.startswith("{") else None


def differences(argo: Argo, manifest: dict, run: dict | None) -> str:
    """What differs; "" where nothing does."""
    if not run:
        return "it does not run here"
    record = {t["key"]: t for t in run["tasks"]}
    walk = Walk(argo, manifest, record)
    phase, _ = walk.call(manifest["spec"]["entrypoint"], {})
    wrong = walk.wrong + [f"{k} ran, and has no pod" for k, t in record.items()
                          if t["type"] == "RUNTIME" and t["state"] in RAN and k not in walk.ran and "pvc" not in k]
    if (phase == "Succeeded") != (run["state"] == "SUCCEEDED"):
        wrong.append(f"the Workflow is {phase}, the run was {run['state']}")
    return "\n".join(wrong)


def main() -> None:
    program, entries = linter(), {pathlib.Path(e["file"]).stem: e for e in pipelines() if "expected_status" in e}
    if not program or not entries:
        skip("Argo and the local engine agree", "make argo-lint has not built Argo's code, or the pipelines are not here")
        done()
    names = entries if "--all" in sys.argv else [n for n in NAMES if n in entries]
    with tempfile.TemporaryDirectory() as folder:
        argo = Argo(program)
        for name in names:
            manifest, run = workflow(entries[name])[0], local_run(entries[name], folder)
            wrong = differences(argo, manifest, run)
            check(not wrong, f"{name}: the same pods, the same end", wrong)
        root = next(t for t in manifest["spec"]["templates"] if t["name"] == "root")
        root["dag"]["tasks"][0]["when"] = "false"
        check(differences(argo, manifest, run) != "", "a Workflow that leaves out a task differs")
    done()


if __name__ == "__main__":
    main()
