# run: asan
"""The official client against `dhow serve`: kfp.Client as users have it."""
import json
import os
import pathlib
import tempfile
import warnings

from server import Server
from specs import pipeline, step
from tap import check, done

warnings.filterwarnings("ignore")
os.environ["HOME"] = tempfile.mkdtemp(prefix="dhow-home-")  # the SDK keeps its context there
import kfp  # noqa: E402


def greeting(path: pathlib.Path, gate: pathlib.Path) -> str:
    """It waits for the gate: a run that is just made has not ended, however late its answer is read."""
    s = pipeline("greeting", word="hello")
    step(s, "make", f'until [ -e {gate} ]; do sleep 0.05; done; printf "%s" "$in_word" > "$out_text"', {}, {"word": "=word"}, ("text",))
    step(s, "use", 'echo "using $in_text"', (), {"text": "make.text"})
    path.write_text(json.dumps(s))
    return str(path)


def pipelines(client: kfp.Client, package: str) -> tuple:
    made = client.upload_pipeline(package, pipeline_name="greeting", description="says hello")
    check(made.name == "greeting" and made.description == "says hello" and made.pipeline_id, "upload_pipeline", str(made))
    version = client.upload_pipeline_version(package, "second", pipeline_id=made.pipeline_id)
    check(version.name == "second" and version.pipeline_id == made.pipeline_id, "upload_pipeline_version", str(version))
    check(client.get_pipeline_id("greeting") == made.pipeline_id, "get_pipeline_id")
    check(client.get_pipeline_id("no such") is None, "get_pipeline_id of none")
    check(client.list_pipelines().total_size == 1, "list_pipelines")
    listed = client.list_pipeline_versions(made.pipeline_id)
    check([v.name for v in listed.pipeline_versions] == ["greeting", "second"], "list_pipeline_versions", str(listed))
    got = client.get_pipeline_version(made.pipeline_id, version.pipeline_version_id)
    check(got.pipeline_spec["pipelineInfo"]["name"] == "greeting", "get_pipeline_version has the spec", str(got))
    check(client.get_pipeline(made.pipeline_id).pipeline_id == made.pipeline_id, "get_pipeline")
    return made, version


def runs(client: kfp.Client, package: str, made, version, gate: pathlib.Path) -> None:
    experiment = client.create_experiment("tuning", description="d")
    check(client.get_experiment(experiment_name="tuning").experiment_id == experiment.experiment_id, "get_experiment by name")
    check(client.create_experiment("tuning").experiment_id == experiment.experiment_id, "create_experiment again gives the same")
    run = client.run_pipeline(experiment.experiment_id, "job", pipeline_id=made.pipeline_id, version_id=version.pipeline_version_id,
                              params={"word": "hey"})
    check(run.run_id and run.state in ("PENDING", "RUNNING"), "run_pipeline", str(run))
    check(run.pipeline_spec is None and run.pipeline_version_reference.pipeline_version_id == version.pipeline_version_id,
          "a run of a version refers to it", str(run))
    gate.touch()
    ended = client.wait_for_run_completion(run.run_id, timeout=300, sleep_duration=1)
    check(ended.state == "SUCCEEDED", "wait_for_run_completion", str(ended))
    tasks = {t.display_name: t.state for t in ended.run_details.task_details}
    check(tasks == {"root": "SUCCEEDED", "make": "SUCCEEDED", "use": "SUCCEEDED"}, "task_details", str(tasks))
    check(ended.runtime_config.parameters == {"word": "hey"}, "runtime_config as it was given", str(ended.runtime_config))
    inline = client.create_run_from_pipeline_package(package, arguments={}, experiment_name="tuning", enable_caching=False)
    ended = inline.wait_for_run_completion(timeout=300)
    check(ended.state == "SUCCEEDED" and ended.pipeline_spec["pipelineInfo"]["name"] == "greeting", "create_run_from_pipeline_package",
          str(ended))
    listed = client.list_runs(experiment_id=experiment.experiment_id, sort_by="created_at desc")
    check([r.run_id for r in listed.runs] == [inline.run_id, run.run_id] and listed.total_size == 2, "list_runs", str(listed))
    client.archive_run(run.run_id)
    check(client.get_run(run.run_id).storage_state == "ARCHIVED", "archive_run")
    client.unarchive_run(run.run_id)
    check(client.get_run(run.run_id).storage_state == "AVAILABLE", "unarchive_run")
    client.delete_run(run.run_id)
    check(client.list_runs(experiment_id=experiment.experiment_id).total_size == 1, "delete_run")


def main() -> None:
    with tempfile.TemporaryDirectory() as home, Server(home) as server:
        gate = pathlib.Path(home, "gate")
        package = greeting(pathlib.Path(home, "greeting.yaml"), gate)
        client = kfp.Client(server.url)
        check(not client.get_kfp_healthz().multi_user, "get_kfp_healthz")
        made, version = pipelines(client, package)
        runs(client, package, made, version, gate)
    done()


main()
