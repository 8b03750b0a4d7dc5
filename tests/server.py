"""A `dhow serve` for a test: starts on a free port, is stopped at the end, and says what it wrote."""
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

from tap import DHOW


class Server:
    def __init__(self, home: str | pathlib.Path, *args, env: dict | None = None):
        self.home, self.args = str(home), [str(a) for a in args]
        self.env = {**os.environ, "KF_PIPELINES_ENDPOINT": "", **(env or {})}
        self.process = None
        self.url = ""

    def __enter__(self):
        self.start()
        return self

    def start(self, port: int = 0) -> None:
        pathlib.Path(self.home).mkdir(parents=True, exist_ok=True)
        self.errors = open(f"{self.home}/serve.err", "ab")
        self.process = subprocess.Popen([DHOW, "--home", self.home, "serve", "--port", str(port), "--output", "json", *self.args],
                                        stdout=subprocess.PIPE, stderr=self.errors, env=self.env)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(60)
            raise SystemExit(f"Bail out! dhow serve does not start: {pathlib.Path(self.home, 'serve.err').read_text()}")
        self.url = json.loads(line)["url"]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.stdout.close()
        self.errors.close()
        if self.process.returncode not in (0, -9):
            print("\n".join(f"# {line}" for line in pathlib.Path(self.home, "serve.err").read_text(errors="replace").splitlines()[-60:]), flush=True)

    def ask(self, path: str, body=None, method: str | None = None, headers: dict | None = None, raw: bool = False):
        """(status, parsed JSON or text, headers)"""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text, got = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            status, text, got = error.code, error.read(), error.headers
        if raw:
            return status, text, got
        try:
            return status, json.loads(text), got
        except ValueError:
            return status, text.decode(errors="replace"), got

    def wait(self, run_id: str, seconds: float = 120) -> dict:
        """The run when it has ended."""
        until = time.monotonic() + seconds
        while True:
            _, run, _ = self.ask(f"/apis/v2beta1/runs/{run_id}")
            if run.get("state") in ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED") or time.monotonic() > until:
                return run
            time.sleep(0.05)
