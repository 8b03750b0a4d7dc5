"""`dhow submit`: a pipeline to a KFP server (dhow serve), watched to its end; what is wrong is told."""
import http.server
import json
import pathlib
import signal
import subprocess
import tempfile
import threading

from server import Server
from specs import pipeline, step
from tap import DHOW, check, dhow, done, says, skip  # noqa: F401


def spec(command: str, name: str = "sent") -> dict:
    s = pipeline(name, word="hello")
    step(s, "say", command, {}, {"word": "=word"})
    return s


def write(folder: pathlib.Path, name: str, s: dict) -> pathlib.Path:
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(s))
    return path


class Flaky(http.server.BaseHTTPRequestHandler):
    """Answers 503 twice, then says who may ask."""
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        self.send_response(503 if self.asked < 3 else 401)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Kubeflow(http.server.BaseHTTPRequestHandler):
    """Answers as Kubeflow Pipelines 2.17 was seen to for a run of `say`, then `fails` (in its second attempt too): details are the
    engine's nodes, a child is named by its node and not by its pod, and a log that is not there is an error with status 200."""
    nodes = [("root-driver", "SUCCEEDED", "853903115"), ("breaks-q4t2v", "FAILED", "1178023276"), ("root", "FAILED", "3200227383"), ("say-driver", "SUCCEEDED", "115697298"),
             ("say", "SUCCEEDED", "715469113"), ("executor", "SUCCEEDED", "3344291669"), ("fails-driver", "SUCCEEDED", "316923976"), ("fails", "FAILED", "991687955"),
             ("executor", "FAILED", "11"), ("executor(0)", "FAILED", None), ("executor(1)", "FAILED", None), ("for-loop-1", "FAILED", "21"), ("iteration-driver", "SUCCEEDED", "22"),
             ("iteration-iterations", "FAILED", "23"), ("iteration-iterations(0:0)", "FAILED", "24"), ("iteration-item", "FAILED", "25"), ("exit-handler-1.onExit", "SUCCEEDED", "31"), ("absent-driver", "FAILED", None)]

    def answer(self, what) -> None:
        body = what.encode() if isinstance(what, str) else json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.answer({"run_id": "r1", "state": "PENDING"})

    def do_GET(self):
        if self.path == "/apis/v2beta1/runs/r1":
            details = [{"task_id": str(i), "display_name": name, "state": state, **({"child_tasks": [{"pod_name": f"breaks-q4t2v-{child}"}]} if child else {})}
                       for i, (name, state, child) in enumerate(self.nodes)]
            self.answer({"run_id": "r1", "state": "FAILED", "state_history": [{"state": state} for state in self.history], "run_details": {"task_details": details}})
        elif self.path == "/apis/v1beta1/runs/r1":
            pod = {"type": "Pod", "templateName": "retry-system-container-impl", "phase": "Failed"}
            nodes = {"breaks-q4t2v-991687955": {"type": "Retry", "phase": "Failed", "children": ["breaks-q4t2v-11", "breaks-q4t2v-12"]},
                     "breaks-q4t2v-11": {**pod, "id": "breaks-q4t2v-11", "message": "the first"}, "breaks-q4t2v-12": {**pod, "id": "breaks-q4t2v-12", "message": "main: Error (exit code 1)"}}
            manifest = {"metadata": {"name": "breaks-q4t2v"}, "status": {"nodes": nodes}}
            self.answer({"pipeline_runtime": {"workflow_manifest": json.dumps(manifest)}})
        elif self.path == "/apis/v1alpha1/runs/r1/nodes/breaks-q4t2v-retry-system-container-impl-12/log" and self.has_log:
            self.answer("about to fail\n")
        else:
            self.answer({"error_message": "BadRequestError: Failed to read logs", "error_details": "NoSuchKey"})

    has_log, history = True, ["PENDING", "RUNNING", "FAILED"]
    log_message = Flaky.log_message


def kubeflow(pipeline: pathlib.Path) -> None:
    """What is told of a run by a server whose engine has nodes that are no tasks."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubeflow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for Kubeflow.has_log in (True, False):
        result = dhow("submit", pipeline, "--host", f"http://127.0.0.1:{server.server_port}")
        told = [line.split()[-1] for line in result.stderr.splitlines() if " FAILED " in line or " SUCCEEDED " in line]
        check(result.returncode == 1 and told == ["say", "fails", "for-loop-1", "absent-driver"], "the author's tasks are told, and a driver that failed", says(result))
        check("main: Error (exit code 1)" in result.stderr and "the first" not in result.stderr and ("about to fail" in result.stderr) is Kubeflow.has_log and "error_message" not in result.stderr,
              "why the last attempt failed, and its log" if Kubeflow.has_log else "a log that is not there is not told", says(result))
    Kubeflow.history = ["RUNNING", "CANCELING", "FAILED"]
    result = dhow("submit", pipeline, "--host", f"http://127.0.0.1:{server.server_port}")
    check(result.returncode == 130 and "CANCELED" in result.stderr.splitlines()[-1], "a run that was stopped there is canceled, whatever its last state", says(result))
    server.shutdown()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-submit-") as temp:
        folder = pathlib.Path(temp)
        with Server(folder / "home") as server:
            good = write(folder, "good", spec('echo "$in_word"'))
            result = dhow("submit", good, "--host", server.url, "-p", "word=hi", "--experiment", "sent here", "--output", "json")
            run = json.loads(result.stdout or "{}")
            check(result.returncode == 0 and run.get("state") == "SUCCEEDED" and run["runtime_config"]["parameters"] == {"word": "hi"}, "a run, to its end", says(result))
            check("SUCCEEDED say" in result.stderr and "/#/runs/details/" in result.stderr, "its tasks are told", result.stderr)
            again = dhow("submit", good, "--host", server.url + "/", "--experiment", "sent here", "--cache", "off", "-d")
            check(again.returncode == 0 and len(again.stdout.strip()) == 36, "--detach prints the id", says(again))
            other = server.wait(again.stdout.strip())
            check(other.get("state") == "SUCCEEDED" and other.get("experiment_id") == run.get("experiment_id"), "in the same experiment", str(other)[:400])
            bad = write(folder, "bad", spec("echo doomed >&2; exit 3", "bad"))
            result = dhow("submit", bad, "--host", server.url)
            check(result.returncode == 1 and "FAILED" in result.stderr and "doomed" in result.stderr, "one that fails: status 1, the log's end", says(result))
            slow = write(folder, "slow", spec("sleep 60", "slow"))
            p = subprocess.Popen([DHOW, "submit", str(slow), "--host", server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            where = p.stderr.readline()  # the run's address: from here on it listens
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=180)
            check(p.returncode == 130 and "CANCELED" in err, "Ctrl-C stops it on the server", out + where + err)
            check(server.wait(where.strip().rsplit("/", 1)[1])["state"] == "CANCELED", "as the server says too")
            result = dhow("submit", good, "--host", server.url, "-p", "nothing=1")
            check(result.returncode == 2 and "nothing" in result.stderr, "a parameter that is not there", says(result))
        result = dhow("submit", good, "--host", "localhost:1")
        check(result.returncode == 2 and "is no server" in result.stderr, "no address", says(result))
        result = dhow("submit", good)
        check(result.returncode == 2 and "--host is missing" in result.stderr, "no host", says(result))
        flaky = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
        threading.Thread(target=flaky.serve_forever, daemon=True).start()
        result = dhow("submit", good, "--host", f"http://127.0.0.1:{flaky.server_port}", "--experiment", "e")
        check(result.returncode == 2 and "--token" in result.stderr and Flaky.asked == 3, "a server that is busy is asked again; one that wants a token says so", says(result))
        flaky.shutdown()
        kubeflow(good)
    done()


if __name__ == "__main__":
    main()
