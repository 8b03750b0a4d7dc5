"""`dhow submit`: a pipeline to a KFP server (dhow serve), watched to its end; what is wrong is told."""
# run: timeout=200
import http.server
import json
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

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
            time.sleep(3)
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=60)
            check(p.returncode == 130 and "CANCELED" in err, "Ctrl-C stops it on the server", out + err)
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
    done()


if __name__ == "__main__":
    main()
