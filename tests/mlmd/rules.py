"""What ML Metadata should hold of a dhow database, by the rules of KFP's driver and launcher, worked out from the tables of the record."""
import json
import sqlite3

STATES = {"RUNNING": "RUNNING", "SUCCEEDED": "COMPLETE", "FAILED": "FAILED", "CACHED": "CACHED", "SKIPPED": "CANCELED", "CANCELED": "CANCELED"}
DAGS = ("DAG", "CONDITION", "CONDITION_BRANCH", "LOOP", "LOOP_ITERATION", "EXIT_HANDLER")


def text(value: str) -> dict:
    return {"string_value": value}


def number(value: int) -> dict:
    return {"int_value": str(value)}


def struct(json_text: str | None) -> dict:
    return {"struct_value": floats(json.loads(json_text or "{}"))}


def floats(value):
    """As a Struct has them: every number is a double."""
    if isinstance(value, dict):
        return {k: floats(v) for k, v in value.items()}
    if isinstance(value, list):
        return [floats(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Record:
    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        self.runs = {r["id"]: r for r in self.rows("SELECT r.*, p.name AS pipeline FROM run r JOIN pipeline p ON p.id = r.pipeline_id")}
        self.tasks = {t["id"]: t for t in self.rows("SELECT * FROM task ORDER BY id") if self.triggered(t)}
        self.artifacts = {a["id"]: a for a in self.rows("SELECT * FROM artifacts")}
        self.links = self.rows("SELECT l.*, t.type AS task_type, t.run_id AS run_id FROM artifact_task l JOIN task t ON t.id = l.task_id ORDER BY l.id")

    def rows(self, sql: str) -> list:
        return self.db.execute(sql).fetchall()

    @staticmethod
    def triggered(task) -> bool:
        """KFP makes an execution of what a driver has seen: not of what is pending, nor of what is below a branch not taken."""
        return task["state"] != "PENDING" and (task["state"] != "SKIPPED" or (task["state_reason"] or "").startswith("condition "))

    # ---- executions ----

    def dag(self, task) -> dict:
        spec = json.loads(self.rows(f"SELECT json FROM spec WHERE digest = '{self.runs[task['run_id']]['spec_digest']}'")[0][0])
        spec = spec.get("pipeline_spec", spec)
        component = spec["root"]
        for name in task["scope_path"].split(".")[1:]:
            component = spec["components"][component["dag"]["tasks"][name]["componentRef"]["name"]]
        return component["dag"]

    def of_dag(self, task) -> dict:
        dag, out = self.dag(task), {}
        out["total_dag_tasks"] = number(len(dag["tasks"]))
        if dag.get("outputs", {}).get("parameters"):
            out["parameter_producer_task"] = {"struct_value": {k: json.dumps(v, separators=(",", ":"), ensure_ascii=False)
                                                               for k, v in dag["outputs"]["parameters"].items()}}
        if dag.get("outputs", {}).get("artifacts"):
            out["artifact_producer_task"] = text(json.dumps({name: {"artifact_selectors": [
                {"producer_subtask": s["producerSubtask"], "output_artifact_key": s["outputArtifactKey"]} for s in output["artifactSelectors"]]}
                for name, output in sorted(dag["outputs"]["artifacts"].items())}, separators=(",", ":")))
        return out

    def properties(self, t) -> dict:
        if t["type"] == "ROOT":
            return {"display_name": text(""), "task_name": text(""), "inputs": struct(t["inputs"])}
        out = {"parent_dag_id": number(t["parent_task_id"])}
        if t["type"] == "IMPORTER":
            return {**out, "display_name": text(""), "task_name": text(t["display_name"])}
        out |= {"display_name": text(t["display_name"]), "task_name": text(t["name"]), "inputs": struct(t["inputs"])}
        if t["type"] == "RUNTIME":
            out |= {name: text("") for name in ("pod_name", "pod_uid", "namespace", "image")}
            if t["cache_fingerprint"]:
                out["cache_fingerprint"] = text(t["cache_fingerprint"])
            if t["cached_from_id"]:
                out["cached_execution_id"] = text(str(t["cached_from_id"]))
            if t["state"] in ("SUCCEEDED", "CACHED"):
                out["outputs"] = struct(t["outputs"])
            return out
        if t["type"] == "LOOP_ITERATION":
            out["iteration_index"] = number(t["iteration_index"])
        if t["type"] == "LOOP" and t["iteration_count"] is not None:
            out["iteration_count"] = number(t["iteration_count"])
        return {**out, **self.of_dag(t)}

    def execution(self, t) -> dict:
        kind = {"RUNTIME": "system.ContainerExecution", "IMPORTER": "system.ImporterExecution"}.get(t["type"], "system.DAGExecution")
        out = {"id": str(t["id"]), "type": kind, "last_known_state": STATES[t["state"]], "custom_properties": self.properties(t),
               "create_time_since_epoch": str(t["created_us"] // 1000),
               "last_update_time_since_epoch": str((t["finished_us"] or t["started_us"] or t["created_us"]) // 1000)}
        if t["type"] == "ROOT":
            out["name"] = "run/" + self.runs[t["run_id"]]["uuid"]
        return out

    # ---- artifacts ----

    def artifact(self, a) -> dict:
        maker = next(link for link in self.links if link["artifact_id"] == a["id"] and link["type"] == "OUTPUT")
        properties = {}
        for key, value in json.loads(a["metadata"] or "{}").items():
            if isinstance(value, bool):
                properties[key] = number(int(value))
            elif isinstance(value, (int, float)):
                properties[key] = {"double_value": float(value)}
            elif isinstance(value, str):
                properties[key] = text(value)
            elif value is not None:
                properties[key] = {"struct_value": {"list" if isinstance(value, list) else "struct": floats(value)}}
        if maker["task_type"] == "RUNTIME":
            properties.setdefault("display_name", text(maker["key"]))
        scheme = a["uri"].split("://")[0] if "://" in a["uri"] else "file"
        properties.setdefault("store_session_info", text('{"Provider":"%s","Params":{"fromEnv":"true"}}' % scheme))
        return {"id": str(a["id"]), "type": a["type"], "uri": a["uri"], "state": "LIVE" if a["state"] == "LIVE" else "DELETED",
                "custom_properties": properties, "create_time_since_epoch": str(a["created_us"] // 1000),
                "last_update_time_since_epoch": str(a["created_us"] // 1000)}

    # ---- the rest ----

    def events(self) -> list:
        return sorted((link["artifact_id"], link["task_id"], link["type"], link["key"]) for link in self.links
                      if link["type"] == "INPUT" or link["task_type"] in ("RUNTIME", "IMPORTER"))

    def run_properties(self, run) -> dict:
        root = run["pipeline_root"].rstrip("/")
        scheme = root.split("://")[0] if "://" in root else "file"
        return {"namespace": text(""), "resource_name": text("run-resource"), "pipeline_root": text(f"{root}/{run['pipeline']}/{run['uuid']}"),
                "store_session_info": text('{"Provider":"%s","Params":{"fromEnv":"true"}}' % scheme)}

    def executions_of(self, run_id: int) -> list:
        return sorted(t["id"] for t in self.tasks.values() if t["run_id"] == run_id)

    def artifacts_of(self, run_id: int) -> list:
        return sorted({link["artifact_id"] for link in self.links if link["run_id"] == run_id})
