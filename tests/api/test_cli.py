"""The `kfp` command line, and each call of the generated kfp-server-api, against `dhow serve`."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from server import Server
from specs import pipeline, step
from tap import check, done

import kfp_server_api as api


def spec() -> dict:
    s = pipeline("cli", word="hello")
    step(s, "say", 'echo "$in_word"', {}, {"word": "=word"})
    return s


def command_line(server: Server, home: str) -> None:
    package = pathlib.Path(home, "cli.yaml")
    package.write_text(json.dumps(spec()))
    kfp = pathlib.Path(sys.executable).parent / "kfp"

    def run(*args, ok: bool = True):
        result = subprocess.run([str(kfp), "--endpoint", server.url, "--output", "json", *map(str, args)], capture_output=True, text=True, timeout=120,
                                env={**os.environ, "HOME": home}, check=False)
        check((result.returncode == 0) == ok, "kfp " + " ".join(str(a) for a in args if "/" not in str(a))[:70], result.stderr[-800:] + result.stdout[-300:])
        text = result.stdout[result.stdout.find("\n{") + 1:] if "\n{" in result.stdout else result.stdout
        try:
            return json.loads(text[min((i for i in (text.find("{"), text.find("[")) if i >= 0), default=0):])
        except ValueError:
            return {}

    made = run("pipeline", "create", "-p", "fromcli", package)
    pipeline_id = made.get("pipeline_id", "")
    check(bool(pipeline_id), "pipeline create prints its id", str(made))
    run("pipeline", "create-version", "-p", pipeline_id, "-v", "second", package)
    run("pipeline", "list")
    run("pipeline", "get", pipeline_id)
    versions = run("pipeline", "list-versions", pipeline_id)
    check(isinstance(versions, list) and len(versions) == 2, "two versions", str(versions)[:300])
    run("experiment", "create", "cliexp")
    experiments = run("experiment", "list")
    experiment = next((e["experiment_id"] for e in experiments if e.get("display_name") == "cliexp"), "")
    run("experiment", "get", experiment)
    made = run("run", "create", "-e", "cliexp", "-r", "clirun", "-f", package, "word=hi")
    run_id = made.get("run_id", "")
    check(server.wait(run_id).get("state") == "SUCCEEDED", "run create", str(made)[:300])
    run("run", "list")
    run("run", "get", run_id)
    run("run", "archive", run_id)
    run("run", "unarchive", run_id)
    made = run("recurring-run", "create", "--job-name", "cliweekly", "--experiment-name", "cliexp", "--cron-expression", "0 0 0 * * 1", "--pipeline-id", pipeline_id, "--version-id", versions[0]["pipeline_version_id"])
    recurring = made.get("recurring_run_id", "")
    run("recurring-run", "list")
    run("recurring-run", "get", recurring)
    run("recurring-run", "disable", recurring)
    run("recurring-run", "enable", recurring)
    run("run", "get", "none", ok=False)


def generated(server: Server, home: str) -> None:
    """Each operation of the swagger file that a server answers."""
    client = api.ApiClient(api.Configuration(host=server.url))
    experiments, pipelines, runs = api.ExperimentServiceApi(client), api.PipelineServiceApi(client), api.RunServiceApi(client)
    recurring, uploads = api.RecurringRunServiceApi(client), api.PipelineUploadServiceApi(client)
    package = f"{home}/cli.yaml"
    names = {n for o in (experiments, pipelines, runs, recurring, uploads) for n in dir(o)
             if n.split("_service_")[0] in ("experiment", "pipeline", "run", "recurring_run", "pipeline_upload") and "_service_" in n or n.startswith("upload_pipeline")}

    def call(service, operation: str, *args, **kwargs):
        found = [n for n in names if n.endswith(operation) and hasattr(service, n)]
        try:
            answer = getattr(service, found[0] if found else operation)(*args, **kwargs)
            check(True, operation)
            return answer
        except Exception as e:  # noqa: BLE001 - any exception is the finding
            check(False, operation, repr(e)[:600])
            return None

    e = call(experiments, "create_experiment", experiment=api.V2beta1Experiment(display_name="gen"))
    call(experiments, "get_experiment", e.experiment_id)
    call(experiments, "list_experiments", page_size=2, sort_by="created_at desc")
    call(experiments, "archive_experiment", e.experiment_id)
    call(experiments, "unarchive_experiment", e.experiment_id)
    p = call(uploads, "upload_pipeline", package, name="gen")
    v = call(uploads, "upload_pipeline_version", package, name="gen2", pipelineid=p.pipeline_id)
    empty = call(pipelines, "create_pipeline", pipeline=api.V2beta1Pipeline(name="genempty", display_name="genempty"))
    call(pipelines, "get_pipeline", p.pipeline_id)
    call(pipelines, "get_pipeline_by_name", "gen")
    call(pipelines, "list_pipelines")
    call(pipelines, "update_pipeline", p.pipeline_id, pipeline=api.V2beta1Pipeline(display_name="Gen", tags={"a": "b"}))
    call(pipelines, "get_pipeline_version", p.pipeline_id, v.pipeline_version_id)
    call(pipelines, "list_pipeline_versions", p.pipeline_id)
    call(pipelines, "update_pipeline_version", p.pipeline_id, v.pipeline_version_id, pipeline_version=api.V2beta1PipelineVersion(display_name="Gen2"))
    reference = api.V2beta1PipelineVersionReference(pipeline_id=p.pipeline_id, pipeline_version_id=v.pipeline_version_id)
    r = call(runs, "create_run", run=api.V2beta1Run(display_name="gen", experiment_id=e.experiment_id, pipeline_version_reference=reference))
    server.wait(r.run_id)
    got = call(runs, "get_run", r.run_id)
    check(got.state == "SUCCEEDED" and len(got.run_details.task_details) == 2, "its details", str(got)[:400])
    call(runs, "list_runs", experiment_id=e.experiment_id)
    call(runs, "archive_run", r.run_id)
    call(runs, "unarchive_run", r.run_id)
    slow = spec()
    step(slow, "wait", "sleep 60", ("say",), cache=False)
    s = call(runs, "create_run", run=api.V2beta1Run(display_name="slow", pipeline_spec=slow))
    call(runs, "terminate_run", s.run_id)
    server.wait(s.run_id)
    call(runs, "retry_run", s.run_id)
    call(runs, "delete_run", s.run_id)
    trigger = api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron="0 0 0 1 1 *"))
    c = call(recurring, "create_recurring_run", recurring_run=api.V2beta1RecurringRun(display_name="gen", pipeline_version_reference=reference, trigger=trigger,
                                                                                       mode="ENABLE", max_concurrency="1", experiment_id=e.experiment_id))
    call(recurring, "get_recurring_run", c.recurring_run_id)
    listed = call(recurring, "list_recurring_runs")
    check(bool(listed.recurring_runs), "recurringRuns is read by the client", str(listed))
    call(recurring, "disable_recurring_run", c.recurring_run_id)
    call(recurring, "enable_recurring_run", c.recurring_run_id)
    call(recurring, "delete_recurring_run", c.recurring_run_id)
    call(pipelines, "delete_pipeline_version", p.pipeline_id, v.pipeline_version_id)
    call(pipelines, "delete_pipeline", empty.pipeline_id)
    call(experiments, "delete_experiment", e.experiment_id)
    call(api.HealthzServiceApi(client), "healthz_service_get_healthz")


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, Server(home) as server:
        command_line(server, home)
        generated(server, home)
    done()


main()
