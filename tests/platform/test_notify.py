# run: asan
"""Who is told of a run: by a command, by a URL, of what, and what is said when it cannot be."""
import contextlib
import http.server
import json
import pathlib
import tempfile
import threading
import time

from specs import pipeline, step, write
from tap import check, dhow, done, says


class Server(http.server.BaseHTTPRequestHandler):
    got: list = []
    statuses: list = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(Server.statuses.pop(0) if Server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory(prefix="dhow-notify-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"
        s = step(step(pipeline("p"), "good", "true"), "bad", "exit 3", ("good",))
        path = write(folder, s)
        ok = write(folder, step(pipeline("p"), "good", "true", cache=False), "ok.json")
        out = folder / "out"
        command = f'printf "%s\\n" "$DHOW_EVENT" >> {out}; echo "$DHOW_STATE $DHOW_TASK" >> {out}.short; echo "it\'s $1"'

        def told() -> list:
            with contextlib.suppress(FileNotFoundError):
                return [json.loads(line) for line in out.read_text().splitlines()]
            return []

        r = dhow("run", ok, "--notify", command, home=home)
        check(r.returncode == 0 and [e["state"] for e in told()] == ["SUCCEEDED"], "a command, at the end", f"{told()}\n{says(r)}")
        e = told()[0]
        check(e["event"] == "run" and e["pipeline"] == "p" and e["task"] is None and e["final"] is True and e["text"].endswith("SUCCEEDED"), "the event", str(e))
        out.unlink()
        dhow("run", ok, "--notify", command, "--notify-on", "failure", home=home)
        check(told() == [], "of failures alone: a good run is none")
        r = dhow("run", path, "--notify", command, "--notify-on", "failure", home=home)
        check([(e["task"], e["state"], e["reason"]) for e in told()] == [("bad", "FAILED", "exit code 3"), (None, "FAILED", "exit code 3")], "a failed step, a failed run", f"{told()}\n{says(r)}")
        out.unlink()
        dhow("run", path, "--notify", command, "--notify-on", "all", "--cache", "off", home=home)
        check([(e["task"], e["state"]) for e in told()] == [(None, "RUNNING"), ("good", "RUNNING"), ("good", "SUCCEEDED"), ("bad", "RUNNING"), ("bad", "FAILED"), (None, "FAILED")],
              "all of it, in order", str([(e["task"], e["state"]) for e in told()]))
        out.unlink()
        dhow("retry", "4", home=home)
        check(len(told()) == 4, "a retry tells as its run did", str(told()))

        r = dhow("run", ok, "--notify", url + "/hook?key=1", home=home)
        check(r.returncode == 0 and len(Server.got) == 1 and Server.got[0][0] == "/hook?key=1" and Server.got[0][1] == "application/json" and Server.got[0][2]["state"] == "SUCCEEDED",
              "a URL", f"{Server.got}\n{says(r)}")
        Server.got.clear()
        Server.statuses[:] = [500]
        r = dhow("run", ok, "--notify", url, home=home)
        check(len(Server.got) == 2 and "notification" not in r.stderr, "is tried again", says(r))
        Server.statuses[:] = [500, 500, 500]
        r = dhow("run", ok, "--notify", url + "/secret-key", home=home)
        check(r.returncode == 0 and "HTTP status 500" in r.stderr and "secret-key" not in r.stderr, "a failure is said without the URL's path, and changes nothing", says(r))
        r = dhow("run", ok, "--notify", "echo why >&2; exit 1", home=home)
        check(r.returncode == 0 and "why" in r.stderr, "so is a command's", says(r))
        Server.got.clear()
        dhow("secrets", "set", "hooks", "team", home=home, stdin=url + "/very-secret-path\n")
        r = dhow("run", ok, "--notify", "secret:hooks/team", home=home)
        check([g[0] for g in Server.got] == ["/very-secret-path"], "a URL that is a secret", f"{Server.got}\n{says(r)}")
        found = [p for p in home.rglob("*") if p.is_file() and b"very-secret-path" in p.read_bytes() and p.parent.name != "hooks"]
        check(found == [], "is in no record", str(found))
        start = time.monotonic()
        r = dhow("run", ok, "--notify", "sleep 300", home=home, timeout=200)
        check(r.returncode == 0 and time.monotonic() - start < 120, "one that hangs is not waited for", f"{time.monotonic() - start} s\n{says(r)}")
    done()


main()
