"""Pipelines that the tests run on the cluster and here: what must come out is the same."""
import json

from specs import output, pipeline, step


def nested(spec: dict, name: str, **task) -> dict:
    """A dag within; *its* dag."""
    dag = {"tasks": {}}
    spec["components"][f"comp-{name}"] = {"dag": dag}
    spec["root"]["dag"]["tasks"][name] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}, **task}
    return dag


def given(spec: dict, name: str, **kinds) -> None:
    spec["components"][f"comp-{name}"]["inputDefinitions"] = {"parameters": {k: {"parameterType": v} for k, v in kinds.items()}}


def hello(text: str = "hello") -> dict:
    return output(step(pipeline("hello"), "greet", f"echo saying; printf '{text}' > $out_text", outputs=("text",)), "said", "greet", "text")


def condition() -> dict:
    """Two branches on what a step says; one is taken."""
    s = step(pipeline("branches"), "flip", "printf heads > $out_side", outputs=("side",))
    for name, side in (("heads", "heads"), ("tails", "tails")):
        dag = nested(s, f"on-{name}", dependentTasks=["flip"],
                     inputs={"parameters": {"side": {"taskOutputParameter": {"producerTask": "flip", "outputParameterKey": "side"}}}},
                     triggerPolicy={"condition": f"inputs.parameter_values['side'] == '{side}'"})
        given(s, f"on-{name}", side="STRING")
        step(s, name, f"echo {name}", dag=dag)
    return s


def loop() -> dict:
    """Over a list that a step makes, with a limit; what is collected is read."""
    s = pipeline("loops")
    step(s, "list", "printf '[\"a\", \"b\", \"c\"]' > $out_items", outputs=("items",))
    s["components"]["comp-list"]["outputDefinitions"]["parameters"]["items"]["parameterType"] = "LIST"
    dag = nested(s, "each", dependentTasks=["list"], iteratorPolicy={"parallelismLimit": 2},
                 inputs={"parameters": {"items": {"taskOutputParameter": {"producerTask": "list", "outputParameterKey": "items"}}}},
                 parameterIterator={"items": {"inputParameter": "items"}, "itemInput": "item"})
    given(s, "each", items="LIST", item="STRING")
    step(s, "say", "echo item $in_item; printf \"<$in_item>\" > $out_text", inputs={"item": "=item"}, outputs=("text",), dag=dag)
    s["components"]["comp-each"]["outputDefinitions"] = {"parameters": {"texts": {"parameterType": "LIST"}}}
    dag["outputs"] = {"parameters": {"texts": {"valueFromParameter": {"producerSubtask": "say", "outputParameterKey": "text"}}}}
    step(s, "read", "printf '%s' \"$in_all\" > $out_all", inputs={"all": "each.texts"}, outputs=("all",))
    s["components"]["comp-read"]["inputDefinitions"]["parameters"]["all"]["parameterType"] = "LIST"
    return output(s, "all", "read", "all")


def files() -> dict:
    """A file that goes in parts, a folder with folders, one that is never written; read by the next step."""
    s = step(pipeline("files"), "make", "head -c 70000000 /dev/zero > $out_big; mkdir -p $out_tree/a/b; echo one > $out_tree/1; echo two > $out_tree/a/b/2; : > $out_empty",
             artifacts={"big": "Dataset", "tree": "Artifact", "empty": "Artifact", "never": "Metrics"})
    step(s, "read", "wc -c < $in_big; find $in_tree -type f | sed \"s|$in_tree||\" | sort | xargs; cat $in_tree/a/b/2; test -e $in_empty && echo there; printf \"$(cat $in_tree/1)\" > $out_text", outputs=("text",))
    names = ("big", "tree", "empty", "never")
    s["components"]["comp-read"]["inputDefinitions"] = {"artifacts": {k: {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}} for k in names}}
    s["root"]["dag"]["tasks"]["read"].update({"dependentTasks": ["make"], "inputs": {"artifacts": {
        k: {"taskOutputArtifact": {"producerTask": "make", "outputArtifactKey": k}} for k in names}}})
    s["deploymentSpec"]["executors"]["exec-read"]["container"]["args"] += [f"in_{k}={{{{$.inputs.artifacts['{k}'].path}}}}" for k in names]
    return output(s, "text", "read", "text")


def handler(script: str = "echo WORKING; exit 3") -> dict:
    """A step that fails, and one that runs all the same."""
    s = step(pipeline("handler"), "work", script, cache=False)
    step(s, "after", "echo never", after=("work",))
    return step(s, "clean", "echo cleaned", after=("work",), cache=False, triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"})


def retried(script: str, n: int = 2) -> dict:
    return step(pipeline("again"), "work", script, cache=False, retryPolicy={"maxRetryCount": n, "backoffDuration": "0s", "backoffFactor": 1})


def slow(seconds: float = 60) -> dict:
    s = step(pipeline("slow"), "work", f"echo WORKING; sleep {seconds}; echo done", cache=False)
    return step(s, "clean", "echo cleaned", after=("work",), cache=False, triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"})


def person() -> dict:
    """A task that waits for a person, and a condition on the answer."""
    s = pipeline("person")
    s["components"]["comp-ask"] = {"executorLabel": "exec-ask", "outputDefinitions": {"parameters": {"go": {"parameterType": "STRING"}}}}
    s["deploymentSpec"]["executors"]["exec-ask"] = {"container": {"image": "kfp://human-input", "args": [json.dumps({"go": {"enum": ["YES", "NO"]}})]}}
    s["root"]["dag"]["tasks"]["ask"] = {"componentRef": {"name": "comp-ask"}, "taskInfo": {"name": "ask"}}
    dag = nested(s, "then", dependentTasks=["ask"], inputs={"parameters": {"go": {"taskOutputParameter": {"producerTask": "ask", "outputParameterKey": "go"}}}},
                 triggerPolicy={"condition": "inputs.parameter_values['go'] == 'YES'"})
    given(s, "then", go="STRING")
    step(s, "deploy", "echo deployed", dag=dag)
    return s


# ---- conditions that Argo cannot say ----

def after_status(name: str, script: str, test: str) -> dict:
    """A task that depends on how another one ended."""
    s = step(pipeline(name), "work", script, cache=False)
    dag = nested(s, "then", dependentTasks=["work"], inputs={"parameters": {"status": {"taskFinalStatus": {"producerTask": "work"}}}},
                 triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED", "condition": test})
    s["components"]["comp-then"]["inputDefinitions"] = {"parameters": {"status": {"parameterType": "TASK_FINAL_STATUS", "isOptional": True}}}
    step(s, "tell", "echo told", dag=dag, cache=False)
    return s


def numbers(test: str, name: str = "numbers") -> dict:
    """Two branches by arithmetic on what a step says; what one of them gives is the pipeline's output."""
    s = step(pipeline(name), "count", f"printf 7 > $out_n # {name}", outputs=("n",))
    s["components"]["comp-count"]["outputDefinitions"]["parameters"]["n"]["parameterType"] = "NUMBER_INTEGER"
    for name, text in (("odd", test), ("even", f"!({test})")):
        dag = nested(s, f"is-{name}", dependentTasks=["count"], triggerPolicy={"condition": text},
                     inputs={"parameters": {"n": {"taskOutputParameter": {"producerTask": "count", "outputParameterKey": "n"}}}})
        given(s, f"is-{name}", n="NUMBER_INTEGER")
        step(s, name, f"printf {name} > $out_said", outputs=("said",), dag=dag)
        s["components"][f"comp-is-{name}"]["outputDefinitions"] = {"parameters": {"said": {"parameterType": "STRING"}}}
        dag["outputs"] = {"parameters": {"said": {"valueFromParameter": {"producerSubtask": name, "outputParameterKey": "said"}}}}
    output(s, "said", "is-odd", "said")
    s["root"]["dag"]["outputs"]["parameters"]["said"] = {"valueFromOneof": {"parameterSelectors": [
        {"producerSubtask": f"is-{name}", "outputParameterKey": "said"} for name in ("odd", "even")]}}
    return s


def by_metadata() -> dict:
    """A condition on an artifact's metadata."""
    s = step(pipeline("metadata"), "train", "mkdir -p $(dirname $out_model); echo m > $out_model", artifacts={"model": "Model"})
    dag = nested(s, "then", dependentTasks=["train"], triggerPolicy={"condition": "size(inputs.artifacts['model'].artifacts) == 1 && inputs.artifacts['model'].artifacts[0].uri != ''"},
                 inputs={"artifacts": {"model": {"taskOutputArtifact": {"producerTask": "train", "outputArtifactKey": "model"}}}})
    s["components"]["comp-then"]["inputDefinitions"] = {"artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}}}
    step(s, "use", "echo used", dag=dag)
    return s
