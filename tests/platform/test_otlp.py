# run: asan
"""A run's telemetry goes to a collector when the run ends: what, where to, with which headers, and what is said when it is not taken."""
import http.server
import json
import os
import pathlib
import tempfile
import threading

from specs import pipeline, step, write
from tap import check, dhow, done, says


class Collector(http.server.BaseHTTPRequestHandler):
    got: list = []
    status = 200

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Collector.got.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(Collector.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory(prefix="dhow-otlp-") as name:
        folder = pathlib.Path(name)
        s = step(pipeline("p"), "train", "true")
        path = write(folder, step(s, "fail", "exit 3", ("train",)))

        def run(**env):
            Collector.got.clear()
            return dhow("run", path, home=folder / "home", env={**os.environ, **env})

        r = run(OTEL_EXPORTER_OTLP_ENDPOINT=url + "/", OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b,other=c", OTEL_SERVICE_NAME="mine")
        check(r.returncode == 1 and [g[0] for g in Collector.got] == ["/v1/traces", "/v1/metrics"], "a trace and what can be measured", f"{Collector.got}\n{says(r)}")
        traces, metrics = (g[2] for g in Collector.got)
        headers = Collector.got[0][1]
        check(headers["Content-Type"] == "application/json" and headers["x-key"] == "a b" and headers["other"] == "c", "with the headers that are given", str(headers))
        resource = {a["key"]: a["value"]["stringValue"] for a in traces["resourceSpans"][0]["resource"]["attributes"]}
        spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"]
        check(resource["service.name"] == "mine" and {"p", "root", "train", "fail"} >= {x["name"] for x in spans[1:]} and len(spans) == 4, "a span a task", str(spans)[:800])
        check([x["status"]["code"] for x in spans if x["name"] == "fail"] == [2], "what failed is an error")
        points = {m["name"]: m["gauge"]["dataPoints"] for m in metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
        states = {a["value"]["stringValue"]: p["asDouble"] for p in points["dhow.run.tasks"] for a in p["attributes"] if a["key"] == "dhow.task.state"}
        check(states == {"SUCCEEDED": 1, "FAILED": 1} and points["dhow.run.duration"][0]["asDouble"] > 0, "tasks by state, and how long it took", str(points))
        r = run(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=url + "/only/here")
        check([g[0] for g in Collector.got] == ["/only/here"], "one signal with an address of its own", str([g[0] for g in Collector.got]))
        run(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SDK_DISABLED="true")
        check(Collector.got == [], "nothing, where it is switched off")
        Collector.status = 503
        r = run(OTEL_EXPORTER_OTLP_ENDPOINT=url + "/secret-key")
        check(r.returncode == 1 and "/v1/traces: HTTP status 503" in r.stderr and "secret-key" not in r.stderr, "not taken: it is said, without the address, and changes nothing", says(r))
        server.shutdown()
        server.server_close()
        r = run(OTEL_EXPORTER_OTLP_ENDPOINT=url)
        check(r.returncode == 1 and "telemetry was not taken" in r.stderr, "nobody is there", says(r))
    done()


main()
