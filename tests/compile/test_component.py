"""A step in C over dhow/component.h: by hand, as KFP starts it, in a pipeline; what it refuses; its size."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tap
import yaml

INCLUDE = tap.ROOT / "include"
SOURCE = r'''
#include <dhow/component.h>
#define ROWS(X)                                                    \
    X(INPUT, data, "system.Dataset", "the rows")                   \
    X(OPTIONAL_INPUT, start, "system.Model", "where to start")     \
    X(INPUTS, more, "system.Artifact", "more of them")             \
    X(TEXT, label, "y", "the label")                               \
    X(NUMBER, rate, "0.1", "a number")                             \
    X(INTEGER, epochs, DHOW_REQUIRED, "an integer")                \
    X(BOOL, quick, "false", "a switch")                            \
    X(LIST, layers, "[1, 2]", "a list")                            \
    X(STRUCT, config, "", "a struct")                              \
    X(OUTPUT, model, "system.Model", "the model")                  \
    X(OUTPUT, scores, DHOW_CLASSIFICATION_METRICS, "the scores")   \
    X(OUTPUT_NUMBER, loss, "", "a number")                         \
    X(OUTPUT_TEXT, note, "", "a text")                             \
    X(OUTPUT_LIST, all, "", "a list")
DHOW_COMPONENT(train, "Trains", ROWS)
{
    static const char *const classes[] = {"no", "yes"};
    static const int64_t matrix[] = {5, 1, 2, 7};
    const double fpr[] = {0, 1}, tpr[] = {0, 1}, threshold[] = {1, 0};
    FILE *f = fopen(a->model.path, "w");
    if (!f)
        return dhow_fail(step, "%s: %s", a->model.path, strerror(errno));
    fprintf(f, "%s|%g|%lld|%d|%s|%s|%zu|%s|%s\n", a->label, a->rate, (long long)a->epochs, a->quick,
            a->layers, a->config, a->more.n, a->data.path, a->start.path);
    fclose(f);
    if (a->epochs == 13)
        return dhow_fail(step, "thirteen is too much");
    dhow_metadata_number(step, &a->model, "third", 1.0 / 3);
    dhow_metadata_text(step, &a->model, "said", "a \"b\"\n\xc3\xa9");
    dhow_metadata_bool(step, &a->model, "good", true);
    if (dhow_metadata_json(step, &a->model, "deep", "{\"x\": [1, null]}"))
        return 1;
    dhow_confusion_matrix(step, &a->scores, classes, 2, matrix);
    dhow_roc_curve(step, &a->scores, 2, fpr, tpr, threshold);
    for (int64_t i = 1; i <= a->epochs; i++) {
        dhow_live(step, i, "loss", 1.0 / (double)i);
        dhow_progress(step, i, a->epochs);
    }
    a->loss = 1.0 / 3;
    a->note = dhow_text(step, "%lld epochs", (long long)a->epochs);
    a->all = a->epochs == 14 ? "{}" : "[1, \"x\"]";
    return 0;
}
'''


def build(folder, name, source, *flags, compiler="gcc"):
    path = folder / f"{name}.c"
    path.write_text(source, encoding="utf-8")
    program = folder / name
    result = subprocess.run([compiler, "-std=c17", "-Wall", "-Wextra", "-Werror", *flags, "-o", str(program), str(path), "-lm"],
                            capture_output=True, text=True, timeout=120, check=False)
    tap.check(result.returncode == 0, f"{name}: compiles", result.stderr)
    return program


def run(program, *args, cwd=None, env=None):
    return subprocess.run([str(program), *args], capture_output=True, text=True, timeout=60, cwd=cwd, env={**os.environ, **(env or {})}, check=False)


def by_hand(program, folder):
    result = run(program, "--data", "rows.csv", "--epochs=3", "--more", "a", "--more", "b", "--quick", "true", cwd=folder)
    tap.check(result.returncode == 0 and "loss: 0.3333333333333333" in result.stdout and "note: 3 epochs" in result.stdout, "by hand: outputs are printed",
              tap.says(result))
    tap.check((folder / "model").read_text() == "y|0.1|3|1|[1, 2]|{}|2|rows.csv|\n", "by hand: an output that is not given is beside", (folder / "model").read_text())


def executor_input(folder):
    out = folder / "deep" / "er"
    return {"inputs": {"parameterValues": {"epochs": 3.0, "label": "\u00e9\U0001F600", "layers": [1, [2]], "config": {"a": None}, "rate": None},
                       "artifacts": {"data": {"artifacts": [{"uri": "minio://b/x/y", "name": "d", "metadata": {"k": 1}}]},
                                     "more": {"artifacts": [{"uri": "/a"}, {"uri": "oci://r/b/c"}]}}},
            "outputs": {"outputFile": str(out / "out.json"), "parameters": {"note": {"outputFile": str(out / "note")}, "all": {"outputFile": str(out / "all")}},
                        "artifacts": {"model": {"artifacts": [{"uri": str(out / "m" / "model"), "name": "m", "metadata": {"kept": 1, "good": False}}]},
                                      "scores": {"artifacts": [{"uri": str(out / "scores"), "name": "s"}]}}}}


def as_kfp(program, folder):
    live = folder / "live.jsonl"
    result = run(program, "--executor_input", json.dumps(executor_input(folder)), cwd=folder, env={"DHOW_METRICS": str(live)})
    out = folder / "deep" / "er"
    tap.check(result.returncode == 0 and not result.stdout, "as KFP starts it: done", tap.says(result))
    text = (out / "m" / "model").read_text(encoding="utf-8")
    tap.check(text == "\u00e9\U0001F600|0.1|3|0|[1, [2]]|{\"a\": null}|2|/minio/b/x/y|\n", "as KFP starts it: typed values and paths", text)
    got = json.loads((out / "out.json").read_text(encoding="utf-8"))
    tap.check(got["parameterValues"] == {"loss": 1 / 3, "note": "3 epochs", "all": [1, "x"]}, "executor output: parameters", json.dumps(got))
    model = got["artifacts"]["model"]["artifacts"][0]
    tap.check(model["metadata"] == {"kept": 1, "third": 1 / 3, "said": 'a "b"\n\u00e9', "good": True, "deep": {"x": [1, None]}} and model["name"] == "m",
              "executor output: metadata", json.dumps(model))
    scores = got["artifacts"]["scores"]["artifacts"][0]["metadata"]
    tap.check(scores["confusionMatrix"] == {"annotationSpecs": [{"displayName": "no"}, {"displayName": "yes"}], "rows": [{"row": [5, 1]}, {"row": [2, 7]}]}
              and scores["confidenceMetrics"][1] == {"confidenceThreshold": 0, "recall": 1, "falsePositiveRate": 1}, "executor output: classification metrics", json.dumps(scores))
    tap.check((out / "note").read_text() == "3 epochs" and json.loads((out / "all").read_text()) == [1, "x"], "output parameters' files")
    lines = [json.loads(line) for line in live.read_text().splitlines()]
    tap.check([line["loss"] for line in lines if "loss" in line] == [1, 0.5, 1 / 3] and lines[-1] == {"step": 3, "progress": 1}, "numbers while it runs", live.read_text())


def refusals(program, folder):
    cases = [
        (["--data", "x"], 2, "--epochs is missing: an integer"),
        (["--epochs", "3"], 2, "--data is missing: the rows"),
        (["--data", "x", "--epochs", "q"], 2, "--epochs 'q': expected integer"),
        (["--data", "x", "--epochs", "3", "--layers", "{}"], 2, "expected JSON array"),
        (["--data", "x", "--epochs", "3", "--quick", "maybe"], 2, "expected true or false"),
        (["--data", "x", "--data", "y"], 2, "--data is given twice"),
        (["--nothing", "x"], 2, "there is no option --nothing"),
        (["--data"], 2, "--data needs a value"),
        (["x"], 2, "'x' is no option"),
        (["--executor_input", "{"], 2, "no JSON object at byte 1"),
        (["--executor_input", "[" * 5000], 2, "no JSON object"),
        (["--executor_input", '{"inputs": {"parameterValues": {"epochs": "\\ud800"}}}'], 2, "no JSON object"),
        (["--data", "x", "--epochs", "13"], 1, "thirteen is too much"),
        (["--data", "x", "--epochs", "14"], 1, "output 'all' is no JSON array"),
        (["--data", "x", "--epochs", "3", "--model", "/proc/nothing/model"], 1, "/proc/nothing"),
    ]
    for args, status, text in cases:
        result = run(program, *args, cwd=folder)
        tap.check(result.returncode == status and text in result.stderr and result.stderr.startswith("train: "), f"refuses {' '.join(args)[:60]}", tap.says(result))


def described(program, folder):
    result = tap.dhow("component", "describe", program, "--image", "registry/train:1", "-o", folder / "train.yaml")
    tap.check(result.returncode == 0, "dhow component describe", tap.says(result))
    spec = yaml.safe_load((folder / "train.yaml").read_text(encoding="utf-8"))
    inputs = spec["root"]["inputDefinitions"]["parameters"]
    tap.check(inputs["epochs"] == {"parameterType": "NUMBER_INTEGER", "description": "an integer"} and inputs["layers"]["defaultValue"] == [1, 2]
              and inputs["config"] == {"parameterType": "STRUCT", "isOptional": True, "description": "a struct"}, "the description has types and defaults", str(inputs))
    program = f"from kfp import components; c = components.load_component_from_file({str(folder / 'train.yaml')!r}); print(sorted(c.component_spec.inputs))"
    result = subprocess.run([os.environ.get("DHOW_TEST_PYTHON", sys.executable), "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=120, check=False)
    tap.check(result.returncode == 0 and "'epochs'" in result.stdout, "the SDK loads it", result.stderr[-1500:])
    result = tap.dhow("component", "describe", "/bin/true", "--image", "x")
    tap.check(result.returncode == 2 and "does not describe itself" in result.stderr, "a program that does not describe itself", tap.says(result))
    result = tap.dhow("component", "describe", folder / "train")
    tap.check(result.returncode == 2 and "--image is missing" in result.stderr, "no image", tap.says(result))


PIPELINE = r'''
#include <dhow/pipeline.h>
#define ROWS(X) X(INTEGER, epochs, DHOW_REQUIRED, "") X(INPUT, data, "system.Dataset", "") X(OUTPUT, model, "system.Model", "") \
    X(OUTPUT_NUMBER, loss, "", "")
DHOW_CONTAINER(train, "", ROWS, .image = "train:1", .command = {"@train@", "--executor_input", "{{$}}"})
#define IN(X) X(TEXT, uri, DHOW_REQUIRED, "") X(OUTPUT_NUMBER, loss, "", "")
DHOW_PIPELINE(p, "p", "", IN)
{
    struct dhow_imported d = dhow_import(in->uri, "system.Dataset", NULL, false);
    struct train_task t = DHOW_RUN(train, .epochs = dhow_v(2), .data = d.artifact);
    out->loss = t.loss;
}
DHOW_MAIN(p)
'''


def in_a_pipeline(program, folder):
    (folder / "rows.csv").write_text("a\n")
    (folder / "p.c").write_text(PIPELINE.replace("@train@", str(program)), encoding="utf-8")
    result = tap.dhow("compile", folder / "p.c", "-o", folder / "p.yaml")
    tap.check(result.returncode == 0, "a pipeline of it compiles", tap.says(result))
    result = tap.dhow("run", folder / "p.yaml", "-p", f"uri={folder / 'rows.csv'}", "--output", "json", home=folder / "home")
    run_of = json.loads(result.stdout or "{}")
    tap.check(run_of.get("state") == "SUCCEEDED" and run_of.get("outputs") == {"loss": 1 / 3}, "and runs", tap.says(result))
    task = [t for t in run_of.get("tasks", []) if t["name"] == "train"]
    metadata = task[0]["outputs"]["artifacts"]["model"][0]["metadata"] if task else {}
    tap.check(metadata.get("third") == 1 / 3 and metadata.get("said") == 'a "b"\n\u00e9', "with its metadata on record", json.dumps(metadata))


PARTS = r'''
#include <dhow/component.h>
#define ONE(X) X(TEXT, a, "1", "")
#define TWO(X) X(TEXT, b, "2", "") X(FINAL_STATUS, status, "", "how it ended")
DHOW_PART(first_one, "The first", ONE) { dhow_say(step, "first %s", a->a); return 0; }
DHOW_PART(second, "The second", TWO) { dhow_say(step, "second %s %s", a->b, a->status); return 0; }
DHOW_PROGRAM(&first_one_component, &second_component)
'''


def several(folder):
    program = build(folder, "parts", PARTS, "-I", str(INCLUDE))
    result = run(program, "first-one", "--a", "x")
    tap.check(result.returncode == 0 and "first x" in result.stderr, "several components in a program", tap.says(result))
    result = run(program, "second", "--executor_input", '{"inputs": {"parameterValues": {"status": {"state": "FAILED"}}}}')
    tap.check('second 2 {"state": "FAILED"}' in result.stderr, "a final status is its JSON", tap.says(result))
    result = run(program)
    tap.check(result.returncode == 2 and "The second" in result.stderr, "without a name they are listed", tap.says(result))
    result = tap.dhow("component", "describe", program, "--part", "second", "--image", "x", "-o", folder / "second.yaml")
    spec = yaml.safe_load((folder / "second.yaml").read_text()) if result.returncode == 0 else {}
    tap.check(spec.get("deploymentSpec", {}).get("executors", {}).get("exec-second", {}).get("container", {}).get("command") == ["/parts", "second"],
              "one of them described", tap.says(result))


def static(folder):
    musl = shutil.which("musl-gcc")
    if not musl:
        tap.skip("static with musl", "no musl-gcc here (apt-get install musl-tools)")
        return
    program = build(folder, "small", SOURCE, "-Os", "-static", "-s", "-idirafter", str(INCLUDE), compiler=musl)
    size = program.stat().st_size if program.exists() else 1 << 30
    tap.check(size <= 1 << 20, "static with musl: at most 1 MB", f"{size} bytes")
    tap.check(run(program, "--data", "x", "--epochs", "1", cwd=folder).returncode == 0, "static with musl: runs")


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-component-") as temp:
        folder = pathlib.Path(temp)
        program = build(folder, "train", SOURCE, "-I", str(INCLUDE), "-g", "-fsanitize=address,undefined")
        by_hand(program, folder)
        as_kfp(program, folder)
        refusals(program, folder)
        described(program, folder)
        in_a_pipeline(program, folder)
        several(folder)
        static(folder)
    tap.done()


if __name__ == "__main__":
    main()
