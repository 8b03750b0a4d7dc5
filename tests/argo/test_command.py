"""`dhow argo`: its two forms of output, its options, what it refuses."""
import json
import pathlib
import tempfile

import yaml

from tap import check, dhow, done, says
from workflows import RUN_ID

PIPELINE = """
schemaVersion: 2.1.0
pipelineInfo: {name: Two steps}
deploymentSpec: {executors: {e: {container: {image: img, command: [run]}}}}
components:
  give: {executorLabel: e, outputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}}}}
  take: {executorLabel: e, inputDefinitions: {parameters: {n: {parameterType: NUMBER_INTEGER}}}}
root:
  inputDefinitions: {parameters: {limit: {parameterType: NUMBER_INTEGER}}}
  dag:
    tasks:
      give: {taskInfo: {name: give}, componentRef: {name: give}}
      take:
        taskInfo: {name: take}
        componentRef: {name: take}
        dependentTasks: [give]
        inputs: {parameters: {n: {taskOutputParameter: {producerTask: give, outputParameterKey: n}}}}
        triggerPolicy: {condition: "CONDITION"}
"""
SAYABLE, UNSAYABLE = "int(inputs.parameter_values['n']) > 3", "int(inputs.parameter_values['n']) % 2 == 0"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "two.yaml"
        path.write_text(PIPELINE.replace("CONDITION", SAYABLE))
        common = ["argo", path, "-p", "limit=3", "--run-id", RUN_ID]
        as_yaml, as_json = dhow(*common), dhow(*common, "--output", "json")
        check(as_yaml.returncode == 0 and yaml.safe_load(as_yaml.stdout) == json.loads(as_json.stdout), "YAML and JSON are the same Workflow", says(as_yaml))
        check(dhow(*common).stdout == as_yaml.stdout, "again it is the same text")
        made = json.loads(dhow(*common, "--namespace", "ml", "--launch-url", "https://d:1", "--launcher-image", "r/l:2", "--image-volume", "--name", "mine",
                               "--parallelism", "4", "--lost-retries", "0", "--output", "json").stdout)
        pod = next(t for t in made["spec"]["templates"] if "container" in t)
        check(made["metadata"]["name"] == "mine" and made["metadata"]["namespace"] == "ml" and made["spec"]["parallelism"] == 4, "name, namespace, parallelism")
        check("retryStrategy" not in pod and "initContainers" not in pod and pod["container"]["args"][-1] == "https://d:1" and
              {"name": "dhow-launcher", "image": {"reference": "r/l:2"}} in made["spec"]["volumes"], "no retries, the launcher as a volume, the server", json.dumps(pod))
        for argv, word in ((["argo", path, "--run-id", RUN_ID], "limit"), ([*common, "--run-id", "x"], "UUID"), (["argo", "no-such.yaml"], "no-such.yaml")):
            result = dhow(*argv)
            check(result.returncode == 2 and word in result.stderr and not result.stdout, f"refused: {word}", says(result))
        path.write_text(PIPELINE.replace("CONDITION", UNSAYABLE))
        result = dhow(*common)
        check(result.returncode == 2 and "two.yaml:18:" in result.stderr and "task 'take', triggerPolicy.condition" in result.stderr,
              "what Argo cannot say names file, line, task and field", says(result))
    done()


if __name__ == "__main__":
    main()
