"""What the tests of tests/argo share: the conformance pipelines, and the Workflow of each."""
import json
import pathlib
import tempfile

import yaml

from tap import ROOT, dhow

CONFORMANCE = ROOT.parent / "shared" / "conformance"
RUN_ID = "11111111-2222-3333-4444-666677778888"
STAND_INS = {"NUMBER_INTEGER": 1, "INT": 1, "NUMBER_DOUBLE": 0.5, "DOUBLE": 0.5, "BOOLEAN": True, "LIST": ["a", "b"], "STRUCT": {"a": "b"}}


# Pipelines whose Workflows with questions to the server are looked at, too: the file, and what is asked.
ASKING = (("collected_parameters.yaml", "all"), ("if_else_with_oneof_parameters.yaml", "all"), ("src__runtime_resource_request_gpu.yaml", "large"))


def spec_of(path: pathlib.Path) -> dict:
    """The pipeline spec in a file, however it is wrapped."""
    first = next(d for d in yaml.load_all(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if d)
    while "root" not in first:
        first = first.get("pipelineSpec") or first.get("pipeline_spec") or first["spec"]
    return first


def stand_in(definition: dict):
    if definition.get("literals"):
        return definition["literals"][0]
    return STAND_INS.get(definition.get("parameterType") or definition.get("type"), "text")


def parameters(entry: dict, spec: dict) -> dict:
    """A run's parameters: the manifest's, and something for what else has to be given."""
    given = dict(entry.get("args") or {})
    for name, definition in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        missing = name not in given and "defaultValue" not in definition and not definition.get("isOptional")
        if missing or given.get(name) not in definition.get("literals", [given.get(name)]):
            given[name] = stand_in(definition)
    return given


def pipelines() -> list[dict]:
    """The manifest's pipelines that could run somewhere; [] where the data are not here."""
    manifest = CONFORMANCE / "manifest.json"
    if not manifest.exists():
        return []
    all_of_it = json.loads(manifest.read_text())
    return sorted(all_of_it["pipelines"] + all_of_it["load_only"], key=lambda p: p["file"])


def asking() -> list[tuple[str, dict]]:
    """(name, Workflow) of those."""
    known = {e["file"]: e for e in pipelines()}
    return [(f"{pathlib.Path(file).stem}.asks-{what}", workflow(known[file], "--agent", what)[0]) for file, what in ASKING]


def workflow(entry: dict, *more: str):
    """(Workflow, None), or (None, message) where Argo cannot say it."""
    path = CONFORMANCE / "pipelines" / entry["file"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(parameters(entry, spec_of(path)), f)
        f.flush()
        result = dhow("argo", path, "--run-id", RUN_ID, "--params", f.name, "--output", "json", *more)
    if result.returncode == 0:
        return json.loads(result.stdout), None
    return None, result.stderr.replace(str(path), entry["file"]).strip()
