"""MLflow's own client (mlflow-skinny) against `dhow serve`: registered models, versions, aliases, tags; experiments and runs."""
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.error
import urllib.request

from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says, skip

os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"})
try:
    import mlflow
    from mlflow.exceptions import MlflowException
except ImportError:
    mlflow = None


def training(accuracy: float) -> dict:
    s = pipeline("training", c=1.0, kind="l1")
    text = json.dumps({"artifacts": {
        "model": {"artifacts": [{"name": "model", "metadata": {"dhow.model_name": "m", "dhow.aliases": "candidate", "accuracy": accuracy}}]},
        "scores": {"artifacts": [{"name": "scores", "metadata": {"accuracy": accuracy, "log loss": 1 - accuracy}}]}}})
    step(s, "train", f"echo model {accuracy} > \"$out_model\"; mkdir -p \"$(dirname \"$in_file\")\"; printf %s '{text}' > \"$in_file\"", artifacts={"model": "Model", "scores": "Metrics"})
    s["deploymentSpec"]["executors"]["exec-train"]["container"]["args"].append("in_file={{$.outputs.output_file}}")
    return s


def refused(what, *args, **kwargs) -> str:
    try:
        what(*args, **kwargs)
    except MlflowException as e:
        return f"{e.error_code}: {e}"
    return ""


def registry(client, home) -> None:
    one = client.get_registered_model("m")
    check(one.name == "m" and one.aliases == {"candidate": "2"} and [v.version for v in one.latest_versions] == ["2"], "a registered model", str(one))
    v = client.get_model_version("m", "1")
    run = client.get_run(v.run_id)
    check(v.status == "READY" and run.data.metrics["accuracy"] == 0.8 and v.current_stage == "None", "a version, and its run", str(v))
    check(client.get_model_version_by_alias("m", "candidate").version == "2", "by alias")
    uri = client.get_model_version_download_uri("m", "2")
    check(pathlib.Path(uri.removeprefix("file://")).read_text() == "model 0.9\n", "where it lies", uri)
    check([v.version for v in client.search_model_versions("name='m'")] == ["2", "1"], "versions of a model")
    check([v.version for v in client.search_model_versions(f"run_id='{v.run_id}'")] == ["1"], "versions of a run")
    client.set_registered_model_alias("m", "champion", "1")
    check(client.get_model_version("m", "1").aliases == ["champion"], "an alias is set")
    dhow("models", "rule", "m", "champion", "--approved", home=home)
    error = refused(client.set_registered_model_alias, "m", "champion", "2")
    check("not approved" in error and "INVALID_STATE" in error, "a rule holds here as well", error)
    dhow("models", "approve", "m", "2", "--by", "anna", home=home)
    client.set_registered_model_alias("m", "champion", "2")
    check(client.get_model_version_by_alias("m", "champion").version == "2", "once it is approved")
    client.delete_registered_model_alias("m", "champion")
    check("not found" in refused(client.get_model_version_by_alias, "m", "champion"), "an alias is deleted")
    client.set_model_version_tag("m", "2", "risk", "low")
    client.set_registered_model_tag("m", "owner", "team")
    check(client.get_model_version("m", "2").tags == {"risk": "low"} and client.get_registered_model("m").tags == {"owner": "team"}, "tags")
    client.delete_model_version_tag("m", "2", "risk")
    client.delete_registered_model_tag("m", "owner")
    check(client.get_model_version("m", "2").tags == {} and client.get_registered_model("m").tags == {}, "tags are deleted")
    client.update_model_version("m", "2", description="the second")
    client.update_registered_model("m", description="what it is for")
    check(client.get_model_version("m", "2").description == "the second" and client.get_registered_model("m").description == "what it is for", "descriptions")
    client.transition_model_version_stage("m", "1", "Production")
    client.transition_model_version_stage("m", "2", "Production", archive_existing_versions=True)
    check([client.get_model_version("m", x).current_stage for x in "12"] == ["Archived", "Production"], "stages")
    check([v.version for v in client.get_latest_versions("m", stages=["Production"])] == ["2"], "the newest of a stage")

    numbers = [client.search_model_versions(text, order_by=order) for text, order in (
        ("version_number > 1", None), (f"run_id IN ('{v.run_id}', 'x')", None), ("name = 'm'", ["version_number ASC"]), ("name = 'm' AND creation_timestamp > 0", ["creation_timestamp DESC"]))]
    check([[x.version for x in some] for some in numbers] == [["2"], ["1"], ["1", "2"], ["2", "1"]], "versions by number, of some runs, in an order", str(numbers))
    client.create_registered_model("other", tags={"a": "b"}, description="new")
    check([m.name for m in client.search_registered_models()] == ["m", "other"], "a model is created, and listed")
    check([m.name for m in client.search_registered_models("name LIKE 'o%'")] == ["other"], "and searched")
    check("RESOURCE_ALREADY_EXISTS" in refused(client.create_registered_model, "m"), "once")
    page = client.search_registered_models(max_results=1)
    check(len(page) == 1 and [m.name for m in client.search_registered_models(max_results=1, page_token=page.token)] == ["other"], "in pages")
    check([m.name for m in client.search_registered_models(order_by=["name DESC"])] == ["other", "m"] and [m.name for m in client.search_registered_models("tags.a = 'b'")] == ["other"], "in an order, by a tag")
    made = client.create_model_version("other", source=uri)
    check(made.version == "1" and made.run_id == client.get_model_version("m", "2").run_id, "a version of an artifact on record, with its run", str(made))
    check("no artifact on record" in refused(client.create_model_version, "other", source="/etc/passwd"), "and of nothing else")
    client.rename_registered_model("other", "another")
    check(client.get_registered_model("another").tags == {"a": "b"}, "renamed")
    client.delete_model_version("another", "1")
    client.delete_registered_model("another")
    error = refused(client.get_registered_model, "another")
    check("RESOURCE_DOES_NOT_EXIST" in error, "deleted", error)
    check("RESOURCE_DOES_NOT_EXIST" in refused(client.get_model_version, "m", "9"), "a version that is not there")


def tracking(client) -> None:
    all_ = client.search_experiments()
    check("tuning" in [e.name for e in all_], "experiments", str(all_))
    e = client.get_experiment_by_name("tuning")
    check(client.get_experiment(e.experiment_id).name == "tuning" and client.get_experiment_by_name("none") is None, "an experiment by id and name")
    runs = client.search_runs([e.experiment_id])
    check([r.info.run_name for r in runs] == ["b", "a"] and all(r.info.status == "FINISHED" for r in runs), "runs, newest first", str(runs))
    a = runs[1]
    check(a.data.params == {"c": "1.0", "kind": "l1"} and a.data.metrics["accuracy"] == 0.8 and a.data.metrics["log loss"] == 0.19999999999999996, "their params and metrics", str(a.data))
    check(a.info.end_time >= a.info.start_time > 1.6e12, "times in milliseconds")
    for text, want in (("metrics.accuracy > 0.85", ["b"]), ("params.kind = 'l2'", ["b"]), ("attributes.status = 'FINISHED' and metrics.accuracy < 0.85", ["a"]),
                       ("tags.team = 'x'", ["b"]), ("metrics.`log loss` > 0.15", ["a"]), ("params.kind LIKE 'l%'", ["b", "a"])):
        check([r.info.run_name for r in client.search_runs([e.experiment_id], filter_string=text)] == want, f"search: {text}")
    check([r.info.run_name for r in client.search_runs([e.experiment_id], order_by=["metrics.accuracy ASC"])] == ["a", "b"], "in an order")
    check([r.info.run_name for r in client.search_runs([e.experiment_id], order_by=["params.c DESC", "metrics.`log loss` ASC"])] == ["b", "a"], "by several keys")
    check([r.info.run_name for r in client.search_runs([e.experiment_id], order_by=["metrics.none DESC", "attributes.start_time ASC"])] == ["a", "b"], "what none has leaves none out")
    page = client.search_runs([e.experiment_id], max_results=1)
    check([r.info.run_name for r in client.search_runs([e.experiment_id], max_results=1, page_token=page.token)] == ["a"], "in pages")
    client.set_tag(a.info.run_id, "seen", "yes")
    check(client.get_run(a.info.run_id).data.tags["seen"] == "yes", "a tag is set")
    client.delete_tag(a.info.run_id, "seen")
    check("seen" not in client.get_run(a.info.run_id).data.tags, "and deleted")
    check([m.value for m in client.get_metric_history(a.info.run_id, "accuracy")] == [0.8], "a metric's history")
    check("RESOURCE_DOES_NOT_EXIST" in refused(client.get_run, "0" * 32), "a run that is not there")
    check("INVALID_PARAMETER_VALUE" in refused(client.search_runs, [e.experiment_id], "metrics.accuracy >> 1"), "a filter that cannot be read")
    for what, args in ((client.log_metric, ("x", 1.0)), (client.log_param, ("x", 1)), (client.set_terminated, ("FAILED",)), (client.delete_run, ())):
        check("INVALID_STATE" in refused(what, a.info.run_id, *args), f"what dhow ran is not to be changed: {what.__name__}")


def writing(client, home) -> None:
    """Runs of the client's own: the fluent calls, as people write them."""
    e = client.create_experiment("outside", tags={"team": "x"})
    named = [[x.name for x in client.search_experiments(filter_string=text, order_by=["name DESC"])] for text in ("name LIKE 'out%'", "attribute.name = 'tuning'", "tags.team = 'x'", "creation_time > 0")]
    check(named == [["outside"], ["tuning"], ["outside"], ["tuning", "outside", "Default"]], "experiments are searched", str(named))
    check("RESOURCE_ALREADY_EXISTS" in refused(client.create_experiment, "outside") and client.get_experiment(e).tags == {"team": "x"}, "an experiment is created, once")
    mlflow.set_experiment("outside")
    with mlflow.start_run(run_name="mine", tags={"stage": "try"}) as run:
        check(client.get_run(run.info.run_id).info.status == "RUNNING", "a run is begun")
        shown = dhow("runs", "--output", "json", home=home)
        check(next(r for r in json.loads(shown.stdout) if r["run_id"] == run.info.run_id)["state"] == "RUNNING", "and is among dhow's", says(shown))
        mlflow.log_param("depth", 3)
        mlflow.log_params({"rate": "0.10", "kind": "tree", "odd": "1e-3"})
        for step, loss in enumerate((0.9, 0.5, 0.25)):
            mlflow.log_metric("loss", loss, step=step)
        mlflow.log_metrics({"accuracy": 0.875, "nothing": float("nan")})
        mlflow.set_tag("note", "from outside")
        check("Changing param values" in refused(mlflow.log_param, "depth", 4), "a parameter stays what it was")
    mine = client.get_run(run.info.run_id)
    check(mine.info.status == "FINISHED" and mine.info.run_name == "mine" and mine.info.end_time >= mine.info.start_time, "it ends", str(mine.info))
    check(mine.data.params == {"depth": "3", "rate": "0.10", "kind": "tree", "odd": "1e-3"}, "parameters come back as they were", str(mine.data.params))
    check(mine.data.metrics["loss"] == 0.25 and mine.data.metrics["accuracy"] == 0.875 and mine.data.tags["note"] == "from outside" and mine.data.tags["stage"] == "try", "metrics and tags", str(mine.data))
    check([(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(0, 0.9), (1, 0.5), (2, 0.25)], "a metric's history")
    try:
        with mlflow.start_run() as bad:
            raise ValueError
    except ValueError:
        pass
    check(client.get_run(bad.info.run_id).info.status == "FAILED", "a run that breaks off")
    found = dhow("runs", "--where", "param.depth = 3 and metric.loss < 0.3 and experiment = outside", "--output", "json", home=home)
    check([r["run_id"] for r in json.loads(found.stdout)] == [run.info.run_id], "dhow finds it by what it logged", says(found))
    for words in (("show", run.info.run_id), ("compare", run.info.run_id, bad.info.run_id), ("experiments", "best", "outside", "--metric", "accuracy"), ("db", "check")):
        r = dhow(*words, home=home)
        check(r.returncode == 0, f"dhow {' '.join(words[:1])} takes it", says(r))
    client.delete_run(bad.info.run_id)
    check([r.info.run_id for r in client.search_runs([e])] == [run.info.run_id], "a run is archived")
    client.restore_run(bad.info.run_id)
    client.delete_experiment(e)
    check(client.get_experiment(e).lifecycle_stage == "deleted", "an experiment, too")
    client.restore_experiment(e)
    other = client.create_run("0")
    check(client.get_experiment(other.info.experiment_id).name == "Default", "a run of no experiment")
    client.set_terminated(other.info.run_id, "KILLED")
    check(client.get_run(other.info.run_id).info.status == "KILLED", "killed")
    check("RESOURCE_DOES_NOT_EXIST" in refused(client.create_run, "12345"), "an experiment that is not there")


def files(client, home, folder) -> None:
    """Files and models of a client's run; and what steps of dhow have made, which is only read."""
    big = pathlib.Path(folder, "big.bin")
    big.write_bytes(os.urandom(40 << 20))  # more than the server keeps in memory
    odd = pathlib.Path(folder, "odd")
    odd.mkdir()
    (odd / "\u00fc 1%.txt").write_text("odd")
    (odd / "empty").write_text("")
    mlflow.set_experiment("outside")
    with mlflow.start_run() as run:
        mlflow.log_text("one", "notes/a.txt")
        mlflow.log_text("two", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "d.json")
        mlflow.log_artifact(str(big))
        mlflow.log_artifacts(str(odd), "some/odd")
        mlflow.log_text("dist", "notes/.gitignore")
    id_ = run.info.run_id
    check([(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(id_)] == [("big.bin", False, 40 << 20), ("d.json", False, 12), ("notes", True, None), ("some", True, None)],
          "files are logged, and listed", str(client.list_artifacts(id_)))
    check([f.path for f in client.list_artifacts(id_, "some/odd")] == ["some/odd/empty", "some/odd/\u00fc 1%.txt"] and client.list_artifacts(id_, "d.json") == []
          and client.list_artifacts(id_, "none") == [], "in folders")
    check([f.path for f in client.list_artifacts(id_, "notes")] == ["notes/.gitignore", "notes/a.txt"], "names with a dot", str(client.list_artifacts(id_, "notes")))
    check(mlflow.artifacts.load_text(f"runs:/{id_}/notes/a.txt") == "two", "the last one stands")
    got = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=id_, artifact_path="big.bin", dst_path=folder + "/got"))
    check(got.read_bytes() == big.read_bytes(), "a large one comes back")
    got = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=id_, artifact_path="some", dst_path=folder + "/got"))
    check({p.name: p.read_text() for p in (got / "odd").iterdir()} == {"empty": "", "\u00fc 1%.txt": "odd"}, "and a folder")
    r = dhow("artifacts", "verify", "--run", id_, home=home)
    check(r.returncode == 0 and r.stdout.count("whole") == 6, "they are on record, with their digests", says(r))

    client.create_registered_model("folder")
    source = f"mlflow-artifacts:/{id_}/artifacts/some"
    client.create_model_version("folder", source=source)
    r = dhow("artifacts", "verify", "--run", id_, home=home)
    check(r.returncode == 0 and r.stdout.count("whole") == 7, "a folder is registered, with the digest of its files", says(r))
    client.log_text(id_, "more", "some/odd/more.txt")
    client.create_model_version("folder", source=source)
    r = dhow("artifacts", "verify", "--run", id_, home=home)
    check(r.returncode == 0 and r.stdout.count("whole") == 8, "and measured anew when a file is added", says(r))
    check(not getattr(client.get_run(id_).outputs, "model_outputs", None), "it is no logged model", str(client.get_run(id_).outputs))
    check([v.version for v in client.search_model_versions(f"source_path = '{source}'")] == ["2", "1"], "versions by the source that is shown")
    client.delete_registered_model("folder")

    from sklearn.linear_model import LogisticRegression
    model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    with mlflow.start_run() as run:
        mlflow.log_param("c", 1)
        info = mlflow.sklearn.log_model(model, name="clf", registered_model_name="logged", pip_requirements=["scikit-learn"], serialization_format="cloudpickle", tags={"kind": "linear"})
    client.set_registered_model_alias("logged", "champion", "1")
    for uri in (info.model_uri, f"runs:/{run.info.run_id}/clf", "models:/logged/1", "models:/logged@champion"):
        check(list(mlflow.sklearn.load_model(uri).predict([[0.0], [3.0]])) == [0, 1], f"a logged model is loaded: {uri.split('/')[0]}")
    client.log_text(run.info.run_id, "text", "clf")
    r = dhow("artifacts", "verify", "--run", run.info.run_id, home=home)
    check(r.returncode == 0 and r.stdout.count("whole") == 2, "a file has the name of a model; both have digests", says(r))
    check(len(refused(client.create_logged_model, run.info.experiment_id, "n" * 300, run.info.run_id)) > 0, "a name has an end")
    check(client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id, "a run's outputs name it")
    found = client.search_logged_models([run.info.experiment_id], filter_string="name = 'clf'")
    check([(m.model_id, str(m.status), m.params, m.tags["kind"]) for m in found] == [(info.model_id, "READY", {"c": "1"}, "linear")], "it is found", str(found))
    check(client.search_logged_models([run.info.experiment_id], filter_string="name = 'other'") == [], "by its name")
    client.set_logged_model_tags(info.model_id, {"seen": "yes"})
    client.delete_logged_model_tag(info.model_id, "kind")
    tags = client.get_logged_model(info.model_id).tags
    check(tags["seen"] == "yes" and "kind" not in tags, "its tags", str(tags))
    check(client.get_model_version("logged", "1").run_id == run.info.run_id, "its version has the run that logged it")
    for words in (("lineage", info.model_id), ("models", "show", "logged"), ("db", "check")):
        r = dhow(*words, home=home)
        check(r.returncode == 0, f"dhow {words[0]} takes it", says(r))

    ran = client.search_runs([client.get_experiment_by_name("tuning").experiment_id], order_by=["attributes.start_time ASC"])[0].info.run_id
    listed = [[f.path for f in client.list_artifacts(ran, *at)] for at in ((), ("train",))]
    check(listed == [["train"], ["train/model"]], "what a step made is listed, as far as it has bytes", str(listed))
    check(mlflow.artifacts.load_text(f"runs:/{ran}/train/model") == "model 0.8\n", "and read")
    try:
        client.log_text(ran, "x", "y.txt")
        error = ""
    except Exception as e:  # noqa: BLE001: of another library
        error = str(e)
    check("takes no files" in error, "but nothing is added to it", error)
    url = mlflow.get_tracking_uri() + "/api/2.0/mlflow-artifacts/artifacts/"
    for path in (f"{id_}/artifacts/%2e%2e/x", f"{id_}/artifacts/a%2F..%2F..%2Fx", f"{id_}/artifacts/.dhow-tmp-x", f"{id_}/x", "x", f"{id_}/artifacts//x", f"{id_}/models/{ran}/x"):
        try:
            urllib.request.urlopen(urllib.request.Request(url + path, data=b"x", method="PUT"))
            check(False, f"a path that is none: {path}")
        except urllib.error.HTTPError as e:
            check(e.code in (400, 404), f"a path that is none: {path}", str(e.code))
    urllib.request.urlopen(urllib.request.Request(url + f"{id_}/artifacts/pieces.txt", data=iter([b"one ", b"two"]), method="PUT"))
    check(mlflow.artifacts.load_text(f"runs:/{id_}/pieces.txt") == "one two", "a body of no said length")
    with urllib.request.urlopen(mlflow.get_tracking_uri() + "/api/2.0/mlflow/registered-models/search?page_token=9223372036854775807") as r:
        check(json.load(r) == {"registered_models": []}, "a page behind the last one")
    check(sorted(p.name for p in (home / "artifacts" / "mlflow").iterdir()) == sorted([id_, run.info.run_id]), "nothing is left beside, nor of a server that was killed")

    client.delete_run(id_)
    r = dhow("gc", "--older-than", "0s", home=home)
    check(r.returncode == 0 and not (home / "artifacts" / "mlflow" / id_ / "artifacts" / "big.bin").exists() and (home / "artifacts" / "mlflow" / run.info.run_id).exists(),
          "gc frees a run's files, and keeps what a model's version comes from", says(r))


def main() -> None:
    if mlflow is None:
        skip("MLflow", "mlflow-skinny is not installed")
        done()
    with tempfile.TemporaryDirectory(prefix="dhow-mlflow-") as folder:
        home = pathlib.Path(folder) / "home"
        for name, accuracy, kind in (("a", 0.8, "l1"), ("b", 0.9, "l2")):
            r = dhow("run", write(folder, training(accuracy), f"{name}.json"), "--name", name, "--experiment", "tuning", "-p", f"kind={kind}", "--tag", f"team={'x' if name == 'b' else 'y'}",
                     "--quiet", home=home)
            check(r.returncode == 0, f"run {name}", says(r))
        (home / "artifacts" / "mlflow").mkdir(parents=True)
        (home / "artifacts" / "mlflow" / ".dhow-tmp-killed").write_text("half")
        p = subprocess.Popen([DHOW, "serve", "--port", "0"], env={**os.environ, "DHOW_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            url = next(word for line in p.stdout for word in line.split() if word.startswith("http://")).rstrip("/.,")
            mlflow.set_tracking_uri(url)
            client = mlflow.MlflowClient()
            registry(client, home)
            tracking(client)
            writing(client, home)
            files(client, home, folder)
            try:
                urllib.request.urlopen(url + "/api/2.0/mlflow/runs/none")
                check(False, "no such call")
            except urllib.error.HTTPError as e:
                check(e.code == 404 and "ENDPOINT_NOT_FOUND" in e.read().decode(), "no such call")
        finally:
            p.terminate()
            p.communicate(timeout=120)
    done()


main()
