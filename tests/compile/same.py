"""Compares pipeline specs by what they say: names that only generators choose do not count.

A component is put where it is referred to, an executor where its label stands, so that two specs are
equal where each task means the same.
"""
import yaml


def load(path):
    """(spec, platform spec or {}) of a compiled file."""
    with open(path, encoding="utf-8") as f:
        documents = list(yaml.safe_load_all(f))
    return documents[0], documents[1] if len(documents) > 1 else {}


def meaning(path):
    """The spec with its references followed; without who made it, and without empty members."""
    spec, platform = load(path)
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    kubernetes = platform.get("platforms", {}).get("kubernetes", {})
    configs = kubernetes.get("deploymentSpec", {}).get("executors", {})

    def component(body):
        body = dict(body)
        label = body.pop("executorLabel", None)
        if label:
            body["executor"] = executors[label]
            body["kubernetes"] = configs.get(label, {})
        if "dag" in body:
            dag = dict(body["dag"])
            dag["tasks"] = {name: task(t) for name, t in dag.get("tasks", {}).items()}
            body["dag"] = dag
        return body

    def task(body):
        body = dict(body)
        body["component"] = component(spec["components"][body.pop("componentRef")["name"]])
        return body

    return prune({"root": component(spec["root"]), "info": spec["pipelineInfo"], "schema": spec["schemaVersion"],
                  "pipelineRoot": spec.get("defaultPipelineRoot"), "config": kubernetes.get("pipelineConfig")})


def prune(value):
    if isinstance(value, dict):
        pruned = {k: prune(v) for k, v in value.items()}
        return {k: v for k, v in pruned.items() if v not in ({}, [], None, False) or k in ("constant", "defaultValue")}
    if isinstance(value, list):
        return [prune(v) for v in value]
    return value


def difference(a, b, path="spec"):
    """The first few places in which two meanings differ, as text."""
    if isinstance(a, dict) and isinstance(b, dict):
        out = []
        for key in sorted(set(a) | set(b)):
            if key not in a:
                out.append(f"{path}.{key}: only in the second: {b[key]!r:.200}")
            elif key not in b:
                out.append(f"{path}.{key}: only in the first: {a[key]!r:.200}")
            else:
                out += difference(a[key], b[key], f"{path}.{key}")
        return out[:20]
    return [] if a == b and isinstance(a, bool) == isinstance(b, bool) else [f"{path}: {a!r:.200} / {b!r:.200}"]
