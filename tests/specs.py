"""Small pipelines for the tests, as the SDK's compiler would write them: dicts, dumped as JSON."""
import json
import pathlib

KINDS = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", bool: "BOOLEAN", list: "LIST", dict: "STRUCT"}


def pipeline(name: str = "test", **parameters) -> dict:
    """An empty pipeline; a parameter is a default value, or a type where it is required."""
    spec = {
        "pipelineInfo": {"name": name},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
        "components": {},
        "deploymentSpec": {"executors": {}},
        "root": {"dag": {"tasks": {}}},
    }
    if parameters:
        spec["root"]["inputDefinitions"] = {"parameters": {
            key: {"parameterType": KINDS[value]} if isinstance(value, type)
            else {"parameterType": KINDS[type(value)], "defaultValue": value, "isOptional": True}
            for key, value in parameters.items()}}
    return spec


def step(spec: dict, name: str, script: str, after: tuple = (), inputs: dict | None = None, outputs: tuple = (), artifacts: dict | None = None,
         cache: bool = True, dag: dict | None = None, **task) -> dict:
    """A container step that runs `sh -c script`. inputs: {name: "task.output", "=parameter", or a constant};
    outputs: names of STRING output parameters, written by the script to "$out_NAME"; artifacts: {output: type}."""
    component = {"executorLabel": f"exec-{name}"}
    args = []
    given = {}
    for key, value in (inputs or {}).items():
        kind = KINDS[type(value)] if not isinstance(value, str) else "STRING"
        component.setdefault("inputDefinitions", {}).setdefault("parameters", {})[key] = {"parameterType": kind}
        args.append(f"in_{key}={{{{$.inputs.parameters['{key}']}}}}")
        if isinstance(value, str) and value.startswith("="):
            given[key] = {"componentInputParameter": value[1:]}
        elif isinstance(value, str) and "." in value:
            producer, output = value.split(".")
            given[key] = {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": output}}
            after = (*after, producer)
        else:
            given[key] = {"runtimeValue": {"constant": value}}
    for key in outputs:
        component.setdefault("outputDefinitions", {}).setdefault("parameters", {})[key] = {"parameterType": "STRING"}
        args.append(f"out_{key}={{{{$.outputs.parameters['{key}'].output_file}}}}")
    for key, kind in (artifacts or {}).items():
        component.setdefault("outputDefinitions", {}).setdefault("artifacts", {})[key] = {
            "artifactType": {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"}}
        args.append(f"out_{key}={{{{$.outputs.artifacts['{key}'].path}}}}")
    setup = 'for a in "$@"; do case $a in out_*) mkdir -p "$(dirname "${a#*=}")";; esac; export "$a"; done\n'
    spec["components"][f"comp-{name}"] = component
    spec["deploymentSpec"]["executors"][f"exec-{name}"] = {
        "container": {"image": "test", "command": ["sh", "-c", setup + script, "sh"], "args": args}}
    node = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}, **task}
    if given:
        node["inputs"] = {"parameters": given}
    if after:
        node["dependentTasks"] = sorted(set(after))
    if cache:
        node["cachingOptions"] = {"enableCache": True}
    (dag or spec["root"]["dag"])["tasks"][name] = node
    return spec


def output(spec: dict, name: str, task: str, key: str) -> dict:
    """Makes a step's output parameter one of the pipeline."""
    spec["root"].setdefault("outputDefinitions", {}).setdefault("parameters", {})[name] = {"parameterType": "STRING"}
    spec["root"]["dag"].setdefault("outputs", {}).setdefault("parameters", {})[name] = {
        "valueFromParameter": {"producerSubtask": task, "outputParameterKey": key}}
    return spec


def write(folder, spec: dict, name: str = "pipeline.json") -> pathlib.Path:
    path = pathlib.Path(folder) / name
    path.write_text(json.dumps(spec))
    return path
