"""`dhow mlmd serve`: Google's client over gRPC gets the answers that it gets from the database itself."""
# run: asan
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

import server as web_server
from tap import DHOW, ROOT, check, dhow, done, says, skip

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
made = subprocess.run([ROOT / "tools" / "make-mlmd-venv.sh"], capture_output=True, text=True, check=False)
if made.returncode:
    skip("gRPC", "Google's ML Metadata client cannot be installed here")
    done()


class Server:
    def __init__(self, home, *args):
        self.process = subprocess.Popen([DHOW, "mlmd", "serve", "--port", "0", "--home", str(home), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"grpc://127\.0\.0\.1:(\d+)\n", line)
        check(bool(found), "it says where it listens", line + (self.process.stderr.read() if not found else ""))
        self.port = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=120)
        check(self.process.returncode == 0 and not err, "it ends when it is told to", f"{self.process.returncode} {err}")


def client(script: str, *args) -> dict:
    result = subprocess.run([made.stdout.strip(), HERE / script, *map(str, args)], capture_output=True, text=True, check=False, timeout=300)
    if result.returncode:
        raise SystemExit(f"Bail out! {script} {args} says: {result.stderr[-3000:]}")
    return json.loads(result.stdout)


def strict(message):
    """Order does not matter where a service promises none."""
    if isinstance(message, dict):
        return {k: strict(v) for k, v in message.items()}
    return sorted((strict(m) for m in message), key=lambda m: json.dumps(m, sort_keys=True)) if isinstance(message, list) else message


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
        s.sendall(data)
        out = b""
        while more := s.recv(65536):
            out += more
    return out


with tempfile.TemporaryDirectory() as tmp:
    home = pathlib.Path(tmp, "home")
    source = pathlib.Path(tmp, "source")
    source.write_text("a\n")
    for _ in range(2):
        dhow("run", HERE / "pipeline.yaml", "-p", f"source=file://{source}", home=home)
    wanted = client("client.py", "sqlite", home / "dhow.db", 1)
    with Server(home, "--read-only") as server:
        got = client("client.py", "grpc", "127.0.0.1", server.port)
        by_change = sorted(wanted["executions"], key=lambda e: (int(e["last_update_time_since_epoch"]), int(e["id"])))
        steps = [e for e in by_change if e["type"] == "system.ContainerExecution"]
        check([" ".join(x).split() for x in client("client.py", "changed", "127.0.0.1", server.port)] ==
              [[e["id"] for e in some] for some in (by_change, by_change[::-1], steps, steps[::-1])], "executions by their last change, in pages, both ways")
        for key in wanted:
            check(strict(got[key]) == strict(wanted[key]), f"{key}: the same as from the database", f"got {json.dumps(got[key])[:700]}\nwanted {json.dumps(wanted[key])[:700]}")
        asked_of_both = client("subgraph.py", "sqlite", home / "dhow.db", 1), client("subgraph.py", "grpc", "127.0.0.1", server.port)
        wrong = [k for k in asked_of_both[0] if strict(asked_of_both[0][k]) != strict(asked_of_both[1][k])]
        check(len(asked_of_both[0]) > 100 and not wrong, "GetLineageSubgraph: the same answers and words as ML Metadata's own",
              "".join(f"{k}: got {json.dumps(asked_of_both[1][k])[:700]}\nwanted {json.dumps(asked_of_both[0][k])[:700]}\n" for k in wrong[:4]))
        check(all(b"HTTP" not in raw(server.port, junk)[:4] for junk in (b"GET / HTTP/1.1\r\n\r\n" * 4, b"\0" * 100)), "what is no HTTP/2 is hung up on")
        check(client("client.py", "grpc", "127.0.0.1", server.port)["roots"] == wanted["roots"], "and others are served on")
    # A driver and a launcher of KFP that write here: their runs are runs like any others.
    with Server(home) as server:
        url = f"grpc://127.0.0.1:{server.port}"
        words = client("kfp_writer.py", url, "refused")
        for what, error in {"execution": "PermissionDenied", "artifact": "PermissionDenied", "event": "PermissionDenied", "run": "PermissionDenied",
                            "again": "AlreadyExists", "context": "Unimplemented", "type": "NotFound"}.items():
            check(words[what].startswith(error), f"refused: {what}", words[what])
        check(strict(client("client.py", "sqlite", home / "dhow.db", 1)["executions"]) == strict(wanted["executions"]), "and nothing has changed")
        ids = client("kfp_writer.py", url, "kfp")
        run = json.loads(dhow("show", ids["runs"][0], "--output", "json", home=home).stdout)
        tasks = {t["name"]: t for t in run["tasks"]}
        check(run["state"] == "RUNNING" and run["pipeline"] == "train" and run["parameters"] == {"rows": 3, "words": ["a", "ü"], "deep": {"x": [1.5, None, True]}},
              "a run that a driver has made", json.dumps(run)[:800])
        check(tasks["train"]["scope_path"] == "root.for-loop-1.train" and tasks["train"]["iteration_index"] == 1 and tasks["condition-2"]["state"] == "SKIPPED", "its tasks")
        model = tasks["train"]["outputs"]["artifacts"]["model"][0]
        check(model["metadata"] == {"layers": [1, 2], "shape": {"in": 3}, "final": 1} and "importer" in dhow("lineage", model["artifact_id"], home=home).stdout, "artifacts and lineage", str(model))
        check("accuracy" in dhow("compare", ids["runs"][0], ids["runs"][1], home=home).stdout, "metrics")
        both = client("client.py", "grpc", "127.0.0.1", server.port)
        check(len(both["executions"]) == len(wanted["executions"]) + 14 and strict(both) == strict({k: v for k, v in client("client.py", "sqlite", home / "dhow.db", 1).items()}),
              "all of it is read back, by both ways", str(len(both["executions"])))
        run_id = "019f0000-0000-7000-8000-00000000000a"
        got = client("subgraph.py", "put", "127.0.0.1", server.port, run_id)
        for what, error in {"outside": "OutOfRangeError: The event_edge has an artifact_index 3 that", "below": "OutOfRangeError: The event_edge has an execution_index -1 that",
                            "no execution": "InvalidArgumentError: Event_edge is missing an execution", "no artifact": "InvalidArgumentError: Event_edge is missing an artifact",
                            "no event": "InvalidArgumentError: No event found", "another": "InvalidArgumentError: Artifact ID mismatch", "no type": "InvalidArgumentError: ",
                            "again": "AlreadyExistsError: "}.items():
            check(got["refused"][what].startswith(error), f"PutLineageSubgraph refuses: {what}", got["refused"][what])
        check(got["before"] == [len(both["executions"]), len(both["contexts"])], "and nothing of it is left", str(got["before"]))
        made_run = json.loads(dhow("show", run_id, "--output", "json", home=home).stdout)
        step = next(t for t in made_run["tasks"] if t["name"] == "step")
        check(len(got["executions"]) == 1 and len(got["artifacts"]) == 2 and len(got["contexts"]) == 2 and got["more"][2] == got["contexts"] and made_run["pipeline"] == "graphs"
              and [a["uri"] for a in step["outputs"]["artifacts"]["model"]] == ["s3://models/m"] and len(step["inputs"]["artifacts"]["data"]) == 1,
              "a subgraph is a run like any other", json.dumps(made_run)[:900])
        check(strict(got["graph"]) == strict({"artifacts": [{"id": str(got["artifacts"][0])}], "executions": [{"id": str(i)} for i in got["executions"] + got["more"][0]],
                                              "contexts": [{"id": str(i)} for i in got["contexts"]], "events": got["graph"]["events"]}) and len(got["graph"]["events"]) == 2,
              "and is read back", json.dumps(got["graph"]))
        client("kfp_writer.py", url, "finish")
        result = dhow("db", "check", home=home)
        check(result.returncode == 0, "the record is sound", says(result))
        answer = next(t for t in json.loads(dhow("show", ids["runs"][2], "--output", "json", home=home).stdout)["tasks"] if t["name"] == "slow")
        check(answer["state"] == "SUCCEEDED" and answer["outputs"]["parameters"] == {"answer": 42}, "a step that ends", json.dumps(answer))
    # The page's way: gRPC-web from `dhow serve`.
    with web_server.Server(home) as server:
        root = wanted["roots"][max(wanted["roots"])]
        asked = json.dumps({"options": {"filter_query": f"custom_properties.parent_dag_id.int_value = {root}", "max_result_size": 4}})
        for how in ((), ("text",)):
            got = client("web.py", server.url, "GetExecutions", asked, *how)
            check(got["status"] == 0 and [int(e["id"]) for e in got["response"]["executions"]] == wanted["children"][str(root)][:4]
                  and got["response"]["next_page_token"], f"gRPC-web{' as text' if how else ''}", json.dumps(got)[:800])
        page = {**json.loads(asked)["options"], "next_page_token": got["response"]["next_page_token"]}
        got = client("web.py", server.url, "GetExecutions", json.dumps({"options": page}))
        check([int(e["id"]) for e in got["response"]["executions"]] == wanted["children"][str(root)][4:] and "next_page_token" not in got["response"], "the next page", json.dumps(got)[:500])
        run = next(c for c in wanted["contexts"] if c["name"] == max(wanted["roots"]))
        got = client("web.py", server.url, "GetExecutionsByContext", json.dumps({"context_id": run["id"], "options": {**json.loads(asked)["options"], "max_result_size": 100}}))
        check([int(e["id"]) for e in got["response"]["executions"]] == wanted["children"][str(root)], "a DAG's tasks, as KFP's driver asks for them", json.dumps(got)[:500])
        got = client("web.py", server.url, "GetContextByTypeAndName", json.dumps({"type_name": "system.PipelineRun", "context_name": "nobody"}))
        check(got["status"] == 0 and got["response"] == {}, "what is not there", json.dumps(got))
        got = client("web.py", server.url, "GetExecutionType", json.dumps({"type_name": "no.such"}))
        check(got["status"] == 5 and "no.such" in got["message"], "a type that is not there", json.dumps(got))
        got = client("web.py", server.url, "GetExecutions", json.dumps({"options": {"filter_query": "name = 'x' XOR id = 1"}}))
        check(got["status"] == 3 and "column 12" in got["message"], "a filter that is not taken says where", json.dumps(got))
        got = client("web.py", server.url, "Nonsense", "{}")
        check(got["status"] == 12, "a method that is none", json.dumps(got))
        got = client("web.py", server.url, "GetLineageSubgraph", "{}")
        check(got["status"] == 3 and "starting nodes" in got["message"], "a subgraph of nothing", json.dumps(got))
        got = client("web.py", server.url, "GetLineageGraph", "{}")
        check(got["status"] == 12 and "Subgraph" in got["message"], "one that nobody serves", json.dumps(got))
    result = dhow("mlmd", "fly", home=home)
    check(result.returncode == 2 and "serve" in result.stderr, "another word", says(result))
    result = dhow("mlmd", "serve", home=pathlib.Path(tmp, "none"))
    check(result.returncode == 2, "a home without a record", says(result))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = dhow("mlmd", "serve", "--port", taken.getsockname()[1], home=home)
        check(result.returncode == 3 and "listen" in result.stderr, "a port that is taken", says(result))
done()
