"""The runs that the page is shown with: every state, loops, conditions, a nested pipeline, attempts, all kinds of artifacts."""
import json

import specs

CSV = "id,kind,score\\n" + "".join(f"{i},{'abc'[i % 3]},{i / 7:.3f}\\n" for i in range(300))
REPORT = "# Report\\n\\nThe **better** model is `B`.\\n\\n| model | accuracy |\\n|---|---|\\n| A | 0.91 |\\n| B | 0.95 |\\n"
HTML = "<html><body style=\"font-family:sans-serif\"><h1>Card</h1><p>Made by a step.</p></body></html>"
# 1 x 1, red.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
LOG = r"""printf '\033[1mstart\033[0m\n\033[32mok\033[0m \033[33mwarning: slow disk\033[0m\n\033[31merror: none\033[0m\n'
for i in $(seq 1 400); do echo "epoch $i loss 0.$((1000 - i))"; done
printf '10%%\r50%%\r100%%\n'"""


def group(spec, name, parent=None, after=(), **task):
    """A component that is a DAG, and a task of it; the DAG."""
    dag = {"tasks": {}}
    spec["components"][f"comp-{name}"] = {"dag": dag}
    node = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}, **task}
    if after:
        node["dependentTasks"] = sorted(after)
    (parent or spec["root"]["dag"])["tasks"][name] = node
    return dag


def loop(spec, name, items, **more):
    dag = group(spec, name, parameterIterator={"itemInput": f"{name}-item", "items": {"raw": json.dumps(items)}}, **more)
    spec["components"][f"comp-{name}"]["inputDefinitions"] = {"parameters": {f"{name}-item": {"parameterType": "NUMBER_INTEGER"}}}
    return dag


def everything(pause=0.0, gate=None):
    """One pipeline with one of everything; `pause` seconds in each step; its first one waits for a file where a gate is named."""
    s = specs.pipeline("nightly-training", threshold=0.9, rows=300, label="diagnosis", options={"deep": True}, folds=[1, 2, 3])
    wait = f"sleep {pause}\n" if pause else ""
    files = f"""
printf '{CSV}' > "$out_data"; printf '{REPORT}' > "$out_report"; printf '{HTML}' > "$out_card"; echo {PNG} | base64 -d > "$out_picture"
"""
    specs.step(s, "load", (f"until [ -e {gate} ]; do sleep 0.05; done\n" if gate else "") + wait + LOG + files,
               artifacts={"data": "Dataset", "report": "Markdown", "card": "HTML", "picture": "Artifact"}, inputs={"label": "=label"})
    folds = loop(s, "folds", [1, 2, 3, 4, 5, 6], after=("load",))
    specs.step(s, "fit", wait + "echo fitting", dag=folds)
    specs.step(s, "score", wait + "echo scoring", after=("fit",), dag=folds)
    report = group(s, "report-pipeline", after=("folds",))
    specs.step(s, "draw", wait + "echo drawing; mkdir -p \"$out_plots/deep\"; echo 1 > \"$out_plots/a.txt\"; echo 2 > \"$out_plots/deep/b.txt\"", artifacts={"plots": "Artifact"}, dag=report)
    specs.step(s, "send", wait + "echo sending", after=("draw",), dag=report)
    specs.step(s, "judge", wait + 'printf yes > "$out_good"', outputs=("good",), after=("folds",))
    branches = group(s, "condition-branches-1", after=("judge",), inputs={"parameters": {"good": {"taskOutputParameter": {"producerTask": "judge", "outputParameterKey": "good"}}}})
    s["components"]["comp-condition-branches-1"]["inputDefinitions"] = {"parameters": {"good": {"parameterType": "STRING"}}}
    for name, condition in (("condition-2", "== 'yes'"), ("condition-3", "!= 'yes'")):
        inner = group(s, name, parent=branches, triggerPolicy={"condition": f"inputs.parameter_values['good'] {condition}"}, inputs={"parameters": {"good": {"componentInputParameter": "good"}}})
        s["components"][f"comp-{name}"]["inputDefinitions"] = {"parameters": {"good": {"parameterType": "STRING"}}}
        specs.step(s, "promote" if "==" in condition else "reject", wait + "echo decided", dag=inner)
    return s


def failing():
    """Fails in its second step, after three attempts."""
    s = specs.pipeline("breaks")
    specs.step(s, "fetch", "echo fetched")
    specs.step(s, "parse", "echo 'line 17: expected a number, found \"n/a\"' >&2; exit 3", after=("fetch",), retryPolicy={"maxRetryCount": 2, "backoffDuration": "0s"})
    specs.step(s, "store", "echo stored", after=("parse",))
    return s


def many(n):
    """n steps side by side in layers of 50, each after one of the layer before."""
    s = specs.pipeline("a-thousand")
    for i in range(n):
        specs.step(s, f"step-{i:04d}", ":", after=(f"step-{i - 50:04d}",) if i >= 50 else (), cache=False)
    return s


def gate():
    """Waits for a person."""
    s = specs.pipeline("with-a-gate")
    specs.step(s, "train", "echo trained")
    s["components"]["comp-gate"] = {"executorLabel": "exec-gate", "outputDefinitions": {"parameters": {"verdict": {"parameterType": "STRING"}, "note": {"parameterType": "STRING"}}}}
    s["deploymentSpec"]["executors"]["exec-gate"] = {"container": {"image": "kfp://human-input", "args": [
        json.dumps({"verdict": {"description": "May it go to production?", "enum": ["YES", "NO"]}, "note": {"description": "For the changelog", "default": "none"}}),
        json.dumps({"message": "Accuracy is 0.95, the champion has 0.93."})]}}
    s["root"]["dag"]["tasks"]["gate"] = {"componentRef": {"name": "comp-gate"}, "taskInfo": {"name": "gate"}, "dependentTasks": ["train"]}
    specs.step(s, "deploy", "echo deployed", after=("gate",))
    return s
