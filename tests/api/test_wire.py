# run: asan
"""KFP's API on the wire: zero values, int64, times, both forms of errors, pages, filters, uploads, tags, rules of archiving and deleting."""
import base64
import http.server
import io
import json
import socket
import tarfile
import tempfile
import threading
import urllib.parse
import zipfile

from server import Server
from specs import pipeline, step
from tap import check, done, until

V2 = "/apis/v2beta1"
PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-go": {"imagePullPolicy": "Always"}}}}}}


def spec(name: str = "wired", script: str = "true", **parameters) -> dict:
    s = pipeline(name, **parameters)
    step(s, "go", script, {}, {n: f"={n}" for n in parameters}, cache=False)
    return s


def upload(server: Server, data: bytes, file: str, path: str = "/pipelines/upload", boundary: str = "xXx", **query):
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--{boundary}\r\n'
            f'Content-Disposition: form-data; name="uploadfile"; filename="{file}"\r\nContent-Type: application/octet-stream\r\n\r\n').encode()
    body += data + f"\r\n--{boundary}--\r\n".encode()
    return server.ask(f"{V2}{path}?{urllib.parse.urlencode(query)}", body, "POST", {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def tar(data: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(data: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, data)
    return out.getvalue()


def uploads(server: Server) -> str:
    plain = json.dumps(spec()).encode()
    status, made, _ = upload(server, plain, "a.yaml", name="one", description="d", tags='{"team":"x"}')
    check(status == 200 and made["name"] == "one" and made["display_name"] == "one" and made["tags"] == {"team": "x"}, "upload yaml", str(made))
    check(upload(server, tar(plain, "pipeline.yaml"), "a.tar.gz", name="two")[0] == 200, "upload tar.gz")
    check(upload(server, zipped(plain, "pipeline.yaml"), "a.zip", name="three")[0] == 200, "upload zip")
    check(upload(server, plain, "by-file.yaml")[1].get("name") == "by-file.yaml", "the name of the file where there is no other")
    status, answer, _ = upload(server, plain, "a.yaml", name="one")
    check(status == 409 and "already exist" in answer["error_message"] and "error_details" in answer, "the same name: 409, in the form of uploads", str(answer))
    check(upload(server, b"not a pipeline", "a.yaml", name="bad")[0] == 400, "no pipeline: 400")
    check(upload(server, plain, "a.yaml", name="bad", tags='{"a.b":"x"}')[0] == 400, "a tag with a dot: 400")
    check(upload(server, plain, "a.yaml", name="n" * 129)[0] == 400, "a name that is too long: 400")
    check(server.ask(f"{V2}/pipelines/upload", plain, "POST")[0] == 400, "no multipart: 400")
    two_docs = (json.dumps(spec("platform")) + "\n---\n" + json.dumps(PLATFORM)).encode()
    status, version, _ = upload(server, two_docs, "v.yaml", "/pipelines/upload_version", pipelineid=made["pipeline_id"], name="second")
    check(status == 200 and set(version["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}, "a version with a platform spec", str(version)[:300])
    status, again, _ = upload(server, two_docs, "v.yaml", "/pipelines/upload_version", pipelineid=made["pipeline_id"], name="second")
    check(status == 409, "a version's name is unique in its pipeline", str(again))
    status, answer, _ = upload(server, plain, "v.yaml", "/pipelines/upload_version", pipelineid="none", name="x")
    check(status == 400 and "Pipeline none not found" in answer["error_message"], "a version of no pipeline: 400, as KFP's server has it", str(answer))
    check(upload(server, plain, "v.yaml", "/pipelines/upload_version", name="x")[0] == 400, "a version without pipelineid: 400")
    for data, file in ((b"PK\x03\x04cut", "a.zip"), (b"\x1f\x8bcut", "a.tar.gz"), (plain, "a.txt"), (plain, "none")):
        check(upload(server, data, file, name="bad")[0] == 400, f"{file} of {data[:4]} is no package: 400")
    # chunked, as Go's client sends it
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = [b'--b\r\nContent-Disposition: form-data; name="uploadfile"; filename="c.yaml"\r\n\r\n', plain, b"\r\n--b--\r\n"]
    connection.request("POST", f"{V2}/pipelines/upload?name=chunked", body=iter(body), headers={"Content-Type": "multipart/form-data; boundary=b"},
                       encode_chunked=True)
    check(connection.getresponse().status == 200, "a chunked upload")
    connection.close()
    return made["pipeline_id"]


def catalogue(server: Server, one: str) -> None:
    status, named, _ = server.ask(f"{V2}/pipelines/names/one")
    check(status == 200 and named["pipeline_id"] == one, "by name")
    status, changed, _ = server.ask(f"{V2}/pipelines/{one}", {"display_name": "Eins"}, "PATCH")
    check(status == 200 and changed["display_name"] == "Eins" and changed["name"] == "one" and changed["tags"] == {"team": "x"}, "PATCH keeps what it does not name")
    check(server.ask(f"{V2}/pipelines/{one}", {"display_name": ""}, "PATCH")[1]["display_name"] == "Eins", "PATCH with an empty name keeps it")
    check("tags" not in server.ask(f"{V2}/pipelines/{one}", {"tags": {}}, "PATCH")[1], "PATCH with {} clears tags")
    server.ask(f"{V2}/pipelines/{one}", {"tags": {"stage": "prod"}}, "PATCH")
    for predicate, n in (({"key": "tags.stage", "operation": "EQUALS", "string_value": "prod"}, 1), ({"key": "tags.stage", "operation": 1, "stringValue": "x"}, 0),
                         ({"key": "name", "operation": "IS_SUBSTRING", "string_value": "TW"}, 1), ({"key": "name", "operation": 8, "string_values": {"values": ["one", "two"]}}, 2),
                         ({"key": "created_at", "operation": "GREATER_THAN", "timestamp_value": "2020-01-01T00:00:00Z"}, 5),
                         ({"key": "created_at", "operation": "LESS_THAN", "string_value": "1700000000"}, 0), ({"key": "name", "operation": 2, "string_value": "one"}, 4)):
        text = urllib.parse.quote(json.dumps({"predicates": [predicate]}))
        for encoded in (text, urllib.parse.quote(text)):
            _, found, _ = server.ask(f"{V2}/pipelines?filter={encoded}")
            check(len(found.get("pipelines", [])) == n and found.get("total_size", 0) == n, f"filter {predicate}", str(found)[:300])
    for bad in ("x", "[]", '{"predicates":[{"key":"nope","operation":1,"string_value":"x"}]}', '{"predicates":[{"key":"name","operation":4,"string_value":"x"}]}',
                '{"predicates":[{"key":"name","operation":1}]}', '{"predicate":[]}', '{"predicates":[{"key":"name","operation":8,"string_value":"x"}]}'):
        status, answer, _ = server.ask(f"{V2}/pipelines?filter={urllib.parse.quote(bad)}")
        check(status == 400 and answer["code"] == 3 and answer["details"][0]["@type"].endswith("google.rpc.Status"), f"bad filter {bad}", str(answer))
    status, answer, _ = server.ask(f"{V2}/pipelines/{one}", method="DELETE")
    check(status == 400 and answer["code"] == 3 and "Set cascade=true to delete all versions" in answer["message"],
          "a pipeline with versions is deleted with cascade alone", str(answer))
    _, versions, _ = server.ask(f"{V2}/pipelines/{one}/versions?sort_by=created_at%20desc")
    check([v["name"] for v in versions["pipeline_versions"]] == ["second", "one"], "versions, newest first")
    check(server.ask(f"{V2}/pipelines/{one}?cascade=true", method="DELETE")[1] == {} and server.ask(f"{V2}/pipelines/{one}")[0] == 404, "deleted with cascade")
    check(server.ask(f"{V2}/pipelines", {"name": "empty"})[0] == 200 and server.ask(f"{V2}/pipelines", {"name": "empty"})[0] == 409, "without a version")
    check(server.ask(f"{V2}/pipelines/create", {"pipeline": {"name": "u"}, "pipeline_version": {"package_url": {"pipeline_url": "file:///etc/passwd"}}})[0] == 400,
          "a pipeline of a file's address is refused")


def pages(server: Server) -> None:
    ids = [server.ask(f"{V2}/experiments", {"display_name": f"e{i:02}"})[1]["experiment_id"] for i in range(25)]
    for sort in ("created_at", "created_at desc", "name desc", "display_name"):
        seen, token, n = [], "", 0
        while True:
            _, page, _ = server.ask(f"{V2}/experiments?page_size=7&page_token={token}&sort_by={urllib.parse.quote(sort) if not token or n % 2 else ''}")
            seen += [e["experiment_id"] for e in page["experiments"]]
            token = page.get("next_page_token", "")
            n += 1
            if not token:
                break
        check(len(seen) == 26 and len(set(seen)) == 26 and page["total_size"] == 26, f"pages by {sort}", f"{len(seen)} {len(set(seen))}")
    _, page, _ = server.ask(f"{V2}/experiments?page_size=5&sort_by=name")
    check(server.ask(f"{V2}/experiments?page_token={page['next_page_token']}&sort_by=created_at")[0] == 400, "a token with another order is refused")
    for bad in ("page_size=-1", "page_size=x", "page_token=zzz", "sort_by=nope", "sort_by=name%20up", "page_token=e30"):
        check(server.ask(f"{V2}/experiments?{bad}")[0] == 400, f"{bad} is refused")
    check(len(server.ask(f"{V2}/experiments?page_size=1000")[1]["experiments"]) == 26 and len(server.ask(f"{V2}/experiments")[1]["experiments"]) == 20, "page sizes")
    _, made, _ = server.ask(f"{V2}/experiments/{ids[0]}")
    check(made["last_run_created_at"] == "1970-01-01T00:00:00Z" and "description" not in made and made["storage_state"] == "AVAILABLE", "zero values", str(made))
    check(server.ask(f"{V2}/experiments", {"display_name": "e00"})[0] == 409 and server.ask(f"{V2}/experiments", {})[0] == 400
          and server.ask(f"{V2}/experiments", {"display_name": "q", "colour": 1})[0] == 400, "experiments that cannot be")
    check(server.ask(f"{V2}/experiments/{ids[1]}", method="DELETE")[1] == {}, "an experiment is deleted")
    default = [e for e in server.ask(f"{V2}/experiments?page_size=200")[1]["experiments"] if e["display_name"] == "Default"][0]
    check(server.ask(f"{V2}/experiments/{default['experiment_id']}", method="DELETE")[0] == 409, "but not the default one")
    check(server.ask(f"{V2}/recurringruns")[1] == {}, "an empty list is {}")


def run_rules(server: Server) -> None:
    e = server.ask(f"{V2}/experiments", {"display_name": "rules"})[1]["experiment_id"]
    check(server.ask(f"{V2}/runs", {"display_name": "x"})[0] == 400 and server.ask(f"{V2}/runs", {"pipeline_spec": spec()})[0] == 400, "runs that cannot be")
    status, answer, _ = server.ask(f"{V2}/runs", {"display_name": "x", "pipeline_spec": spec(n=1), "runtime_config": {"parameters": {"m": 1}}})
    check(status == 400 and "m" in answer["message"], "a parameter that is not there", str(answer))
    slow = server.ask(f"{V2}/runs", {"display_name": "slow", "experiment_id": e, "pipeline_spec": spec("slow", "sleep 60")})[1]
    check("run_details" not in slow and slow["finished_at"] == "1970-01-01T00:00:00Z" and "runtime_config" not in slow and slow["service_account"] == "pipeline-runner",
          "a new run", str(slow))
    check(server.ask(f"{V2}/runs/{slow['run_id']}:retry", b"", "POST")[0] == 400, "a run that has not failed is not retried")
    check(server.ask(f"{V2}/runs/{slow['run_id']}:terminate", b"", "POST")[1] == {}, "terminate")
    ended = server.wait(slow["run_id"])
    check(ended["state"] == "CANCELED", "it ends CANCELED", ended["state"])
    check(server.ask(f"{V2}/runs/{slow['run_id']}:terminate", b"", "POST")[0] == 400, "terminate again")
    bad = server.ask(f"{V2}/runs", {"display_name": "bad", "experiment_id": e, "pipeline_spec": spec("bad", '[ -e "$in_flag" ] || exit 3', flag=f"{server.home}/flag"),
                                    "runtime_config": {"parameters": {}}})[1]
    ended = server.wait(bad["run_id"])
    check(ended["state"] == "FAILED" and ended["error"]["message"] and [h["state"] for h in ended["state_history"]] == ["PENDING", "RUNNING", "FAILED"],
          "a failed run says why", str(ended.get("error")))
    open(f"{server.home}/flag", "w").close()
    status, _, _ = server.ask(f"{V2}/runs/{bad['run_id']}:retry", b"", "POST")
    now = server.ask(f"{V2}/runs/{bad['run_id']}")[1]
    check(status == 200 and now["state"] in ("PENDING", "RUNNING", "SUCCEEDED"), "retry: the same run is open again", now["state"])
    until(lambda: server.wait(bad["run_id"])["state"] == "SUCCEEDED")
    check(server.ask(f"{V2}/runs/{bad['run_id']}")[1]["state"] == "SUCCEEDED", "and succeeds")
    server.ask(f"{V2}/experiments/{e}:archive", b"", "POST")
    check(server.ask(f"{V2}/runs/{bad['run_id']}")[1]["storage_state"] == "ARCHIVED", "archiving an experiment archives its runs")
    check(server.ask(f"{V2}/runs/{bad['run_id']}:unarchive", b"", "POST")[0] == 400, "a run of an archived experiment is not unarchived")
    check(server.ask(f"{V2}/runs", {"display_name": "x", "experiment_id": e, "pipeline_spec": spec()})[0] == 400, "nor is one made in it")
    server.ask(f"{V2}/experiments/{e}:unarchive", b"", "POST")
    check(server.ask(f"{V2}/runs/{bad['run_id']}")[1]["storage_state"] == "ARCHIVED", "unarchiving leaves its runs as they are")
    check(server.ask(f"{V2}/runs/{bad['run_id']}:unarchive", b"", "POST")[0] == 200, "now it may")
    made = bad["created_at"]
    for predicate, n in (({"key": "state", "operation": "EQUALS", "string_value": "CANCELED"}, 1), ({"key": "status", "operation": 1, "string_value": "Canceled"}, 1),
                         ({"key": "state", "operation": "IN", "string_values": {"values": ["canceled", "SUCCEEDED"]}}, 2),
                         ({"key": "storage_state", "operation": "EQUALS", "string_value": "ARCHIVED"}, 1), ({"key": "storage_state", "operation": 2, "string_value": "ARCHIVED"}, 1),
                         ({"key": "storage_state", "operation": "EQUALS", "string_value": "NEITHER"}, 0), ({"key": "storage_state", "operation": 9, "string_value": "avail"}, 1),
                         ({"key": "created_at", "operation": "IN", "long_values": {"values": ["1", "2"]}}, 0), ({"key": "created_at", "operation": 1, "timestamp_value": made}, None),
                         ({"key": "created_at", "operation": "IN", "string_values": {"values": [made, "1"]}}, None), ({"key": "display_name", "operation": 9, "string_value": "LO"}, 1)):
        _, found, _ = server.ask(f"{V2}/runs?filter={urllib.parse.quote(json.dumps({'predicates': [predicate]}))}")
        check(len(found.get("runs", [])) == n if n is not None else bad["run_id"] in str(found), f"runs, filter {predicate}", str(found)[:300])
    for key in ("run_id", "id", "name", "display_name", "created_at", "finished_at", "scheduled_at", "description", "storage_state", "state", "status", "namespace",
                "experiment_id", "recurring_run_id", "state_history", "runtime_details", "metric:loss", "Created_At", " created_at "):
        orders = [[r["run_id"] for r in server.ask(f"{V2}/runs?sort_by={urllib.parse.quote(key + way)}")[1].get("runs", [])] for way in ("", " asc", "  DESC")]
        check(len(orders[0]) == 2 and orders[0] == orders[1] == orders[2][::-1], f"runs by '{key}', both ways", str(orders))
    running = server.ask(f"{V2}/runs", {"display_name": "gone", "pipeline_spec": spec("gone", "sleep 60")})[1]
    until(lambda: server.ask(f"{V2}/runs/{running['run_id']}")[1]["state"] == "RUNNING")
    check(server.ask(f"{V2}/runs/{running['run_id']}", method="DELETE")[0] == 200 and server.ask(f"{V2}/runs/{running['run_id']}")[0] == 404, "a running run is deleted")


def results(server: Server) -> None:
    s = pipeline("made")
    step(s, "make", 'printf "a\\nb" > "$out_table"; echo said', artifacts={"table": "Dataset"}, cache=False)
    run = server.ask(f"{V2}/runs", {"display_name": "made", "pipeline_spec": s})[1]["run_id"]
    server.wait(run)
    status, read, _ = server.ask(f"{V2}/runs/{run}/nodes/make/artifacts/table:read")
    check(status == 200 and base64.b64decode(read["data"]) == b"a\nb", "artifact :read", str(read))
    check(server.ask(f"{V2}/runs/{run}/nodes/make/artifacts/none:read")[1].get("error_message"), "its errors")
    check(server.ask(f"/apis/v1alpha1/runs/{run}/nodes/make/log")[1] == "said\n", "a node's log")
    _, tasks, _ = server.ask(f"{V2}/tasks?run_id={run}")
    make = [t for t in tasks["tasks"] if t["name"] == "make"][0]
    check(make["type"] == "RUNTIME" and make["outputs"]["artifacts"][0]["artifact_key"] == "table", "native tasks", str(make))
    artifact = make["outputs"]["artifacts"][0]["artifacts"][0]["artifact_id"]
    check(server.ask(f"{V2}/artifacts/{artifact}")[1]["type"] == "Dataset" and len(server.ask(f"{V2}/artifacts")[1]["artifacts"]) == 1, "native artifacts")
    _, links, _ = server.ask(f"{V2}/artifact_tasks?task_ids={make['task_id']}")
    check([k["type"] for k in links["artifact_tasks"]] == ["OUTPUT"], "native artifact tasks", str(links))
    check(server.ask(f"{V2}/tasks/{make['task_id']}")[1]["state"] == "SUCCEEDED", "a native task")


class Slow(http.server.BaseHTTPRequestHandler):
    may = threading.Event()
    asked = threading.Semaphore(0)

    def do_GET(self):
        Slow.asked.release()
        Slow.may.wait(50)
        body = json.dumps(spec("fetched")).encode() if self.path == "/p.json" else b"nothing"
        self.send_response(200 if self.path == "/p.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def fetched(server: Server) -> None:
    """A pipeline that comes from a slow address holds nobody else up."""
    slow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    answers = {}

    def make(name: str, path: str) -> None:
        url = f"http://127.0.0.1:{slow.server_port}{path}"
        answers[name] = server.ask(f"{V2}/pipelines/create", {"pipeline": {"display_name": name}, "pipeline_version": {"package_url": {"pipeline_url": url}}})

    threads = [threading.Thread(target=make, args=a) for a in (("good", "/p.json"), ("bad", "/none"))]
    for t in threads:
        t.start()
    for _ in threads:
        Slow.asked.acquire(timeout=60)
    gone = socket.create_connection(("127.0.0.1", server.port))
    body = json.dumps({"pipeline": {"display_name": "gone"}, "pipeline_version": {"package_url": {"pipeline_url": f"http://127.0.0.1:{slow.server_port}/p.json"}}})
    gone.sendall(f"POST {V2}/pipelines/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    Slow.asked.acquire(timeout=60)
    gone.close()
    check(server.ask("/healthz")[0] == 200 and not answers, "others are answered while a pipeline is fetched", str(answers))
    Slow.may.set()
    for t in threads:
        t.join(120)
    slow.shutdown()
    check(answers["good"][0] == 200 and answers["good"][1]["display_name"] == "good", "a pipeline from an address", str(answers["good"]))
    check(answers["bad"][0] == 400 and "answers 404" in answers["bad"][1]["message"], "one that is not there is said", str(answers["bad"]))


def forms(server: Server) -> None:
    check(server.ask(f"{V2}/nothing") [:2] == (404, {"code": 5, "message": "Not Found", "details": []}), "an unknown path")
    for version in ("v2beta1", "v1beta1"):
        answer = server.ask(f"/apis/{version}/healthz")[1]
        check(set(answer) == {"commit_sha", "tag_name", "multi_user", "pipeline_store"} and answer["multi_user"] is False, f"healthz of {version}", str(answer))
    for path, doing, what in (("runs/none", "Failed to get a run", "Run"), ("experiments/none", "Failed to fetch experiment", "Experiment"),
                              ("pipelines/none", "Failed to get a pipeline none. Check error stack", "Pipeline"), ("recurringruns/none", "Failed to fetch a recurring run", "Job"),
                              ("runs?experiment_id=none", "Failed to list runs", "Experiment")):
        status, answer, _ = server.ask(f"{V2}/{path}")
        check(status == 404 and answer == {"code": 5, "message": f"{doing}: ResourceNotFoundError: {what} none not found", "details": [
            {"@type": "type.googleapis.com/google.rpc.Status", "code": 5, "message": f"{what} none not found"}]}, f"{path}: not found, in KFP's words", str(answer))
    status, answer, _ = server.ask(f"{V2}/runs", {"display_name": "x", "pipeline_spec": spec(), "plugins_output": {"a": {}}})
    check(status == 409 and answer["code"] == 10, "plugins_output is the server's", str(answer))
    check(server.ask(f"{V2}/runs", b"{", "POST")[0] == 400 and server.ask(f"{V2}/runs", b"[]", "POST")[0] == 400, "bodies that are no object")
    check(server.ask(f"{V2}/runs", method="PUT")[0] == 405, "a method that is not")
    check(server.ask("/healthz")[1] == "ok\n" and server.ask("/readyz")[1] == "ok\n", "health and readiness")


def main() -> None:
    with tempfile.TemporaryDirectory() as home, Server(home) as server:
        pages(server)
        one = uploads(server)
        catalogue(server, one)
        run_rules(server)
        results(server)
        fetched(server)
        forms(server)
    done()


main()
