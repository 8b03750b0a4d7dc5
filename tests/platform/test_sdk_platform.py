# run: timeout=900
"""The SDK's own pipelines that ask a cluster for something, as far as one machine has it: they run."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from tap import check, dhow, done, says, skip

CASES = [  # pipeline, parameters, outputs of tasks to be found
    ("config_map_as_env", {}, {}),
    ("config_map_as_vol", {}, {}),
    ("create_mount_delete_dynamic_pvc", {}, {"producer": "Hello world", "consumer": "Hello world"}),
    ("create_mount_delete_existing_pvc", {}, {}),
    ("create_mount_delete_existing_pvc_from_task_output", {}, {}),
    ("empty_dir_mounts", {}, {}),
    ("field_path_as_env", {}, {}),
    ("general_ephemeral_volume", {}, {}),
    ("image_pull_secrets", {}, {}),
    ("nested_parallel_for_secret", {}, {"worker-component": "user1"}),
    ("node_selector", {}, {}),
    ("nodeaffinity", {}, {}),
    ("parallel_for_mount_pvc", {}, {}),
    ("pipeline_with_pod_metadata", {}, {}),
    ("pipeline_with_secret_as_env", {}, {}),
    ("pipeline_with_secret_as_volume", {}, {}),
    ("pipeline_with_volume", {}, {"consumer": "Hello world"}),
    ("pipeline_with_volume_long_name", {}, {}),
    ("pipeline_with_volume_no_cache", {}, {"consumer": "Hello world"}),
    ("pvc_mount", {"pvc_name": "mine"}, {}),
    ("secret_as_env", {}, {}),
    ("secret_as_vol", {}, {}),
    ("security_context", {}, {}),
    ("src__task_config", {}, {}),
    ("timeout", {}, {}),
    ("toleration", {}, {}),
]
SECRETS = (("test-secret-1", "username", "user1"), ("test-secret-2", "password", "psw1"), ("test-secret-3", "password", "psw2"), ("my-secret", "password", "x"))


def main() -> None:
    data = pathlib.Path(os.environ.get("DHOW_CONFORMANCE", "/nonexistent")) / "pipelines"
    if not data.is_dir():
        skip("the SDK's pipelines", "they are not here")
        return done()
    if not shutil.which("bwrap") or subprocess.run(["bwrap", "--dev-bind", "/", "/", "true"], check=False, capture_output=True).returncode:
        skip("the SDK's pipelines", "bubblewrap cannot mount here")
        return done()
    with tempfile.TemporaryDirectory(prefix="dhow-sdk-") as name:
        home = pathlib.Path(name)
        for secret, key, value in SECRETS:
            dhow("secrets", "set", secret, key, home=home, stdin=value)
        dhow("configs", "set", "my-cm", "--from-literal", "foo=bar", "--from-literal", "key1=x", home=home)
        for pipeline, parameters, outputs in CASES:
            args = [x for k, v in parameters.items() for x in ("-p", f"{k}={v}")]
            if not (data / f"{pipeline}.yaml").exists():
                continue
            r = dhow("run", data / f"{pipeline}.yaml", *args, "--output", "json", "--cache", "off", home=home, timeout=300)
            try:
                run = json.loads(r.stdout)
                got = {t["name"]: (t["outputs"]["parameters"] or {}).get("Output") for t in run["tasks"]}
                check(run["state"] == "SUCCEEDED" and all(got.get(k) == v for k, v in outputs.items()), pipeline, f"{got}\n{says(r)}")
            except ValueError:
                check(False, pipeline, says(r))
    return done()


main()
