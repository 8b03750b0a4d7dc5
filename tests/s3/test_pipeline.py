"""Runs whose pipeline root is a bucket: steps see local paths, the bucket has what KFP would put there, results are used again only
while they are there, killed and broken runs are taken up, gc frees the bucket, no key is anywhere."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import minio
from s3proxy import Proxy
from specs import pipeline, step, write
from tap import DHOW, check, dhow, done, says, skip

MIB = 1 << 20


def consumer(s: dict, name: str, script: str, task: str, key: str, kind: str = "Dataset", out: bool = True) -> dict:
    """A step with an artifact as input: $in is its path."""
    step(s, name, script, artifacts={"copy": kind} if out else None)
    s["components"][f"comp-{name}"]["inputDefinitions"] = {"artifacts": {"in": {"artifactType": {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"}}}}
    node = s["root"]["dag"]["tasks"][name]
    node["inputs"] = {"artifacts": {"in": {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": key}}}}
    node["dependentTasks"] = [task]
    container = s["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
    container["args"].append("in={{$.inputs.artifacts['in'].path}}")
    return s


def importer(s: dict, name: str, uri: str) -> dict:
    s["components"][f"comp-{name}"] = {"executorLabel": f"exec-{name}", "outputDefinitions": {"artifacts": {"artifact": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}}
    s["deploymentSpec"]["executors"][f"exec-{name}"] = {"importer": {"artifactUri": {"constant": uri}, "typeSchema": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}
    s["root"]["dag"]["tasks"][name] = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}}
    return s


def chain(word: str = "data") -> dict:
    s = pipeline("chain")
    step(s, "make", f"echo made; echo {word} > $out_data; mkdir $out_tree; echo one > $out_tree/1", artifacts={"data": "Dataset", "tree": "Artifact", "never": "Metrics"})
    consumer(s, "use", 'echo "path $in"; cat "$in" "$in" > $out_copy', "make", "data")
    return consumer(s, "look", 'cat "$in/1"', "make", "tree", "Artifact", out=False)


def states(run: dict) -> dict:
    return {t["name"]: t["state"] for t in run["tasks"]}


def artifact(run: dict, task: str, key: str) -> dict:
    return next(t for t in run["tasks"] if t["name"] == task)["outputs"]["artifacts"][key][0]


def main() -> None:
    minio.needed("pipelines on MinIO")
    with minio.minio() as server, tempfile.TemporaryDirectory(prefix="dhow-s3-run-") as name:
        folder, s3 = pathlib.Path(name), server.client()
        s3.create_bucket(Bucket="bkt")
        env = minio.environment(server.endpoint)

        def run(path, *args, home="home", **more):
            r = dhow("run", path, "--output", "json", *args, home=folder / home, env={**env, **more}, timeout=300)
            try:
                return json.loads(r.stdout), r
            except ValueError:
                return {"tasks": [], "run_id": "", "state": "?"}, r

        whole(s3, run, folder)
        again(s3, run, folder)
        imports(s3, run, folder)
        roots(server, s3, run, folder, env)
        isolated(run, folder)
        same_bytes(server, s3, folder, env)
        killed(server, s3, folder, env)
        broken(server, s3, folder, env)
        commands(s3, folder, env)
        collected(s3, run, folder, env)
        registered(run, folder, env)
        planted(folder)
    done()


def keys(s3, prefix: str) -> dict:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="bkt", Prefix=prefix)
    return {o["Key"]: o["Size"] for page in pages for o in page.get("Contents", [])}


def whole(s3, run, folder) -> None:
    v, r = run(write(folder, chain(), "chain.json"), "--pipeline-root", "s3://bkt/root")
    check(v["state"] == "SUCCEEDED", "a run with its root in a bucket", says(r))
    have = keys(s3, "root/")
    ids = {t["name"]: t["task_id"] for t in v["tasks"]}
    wanted = {f"root/chain/{v['run_id']}/{task}/{ids[task]}/{rest}" for task, rest in
              (("make", "data"), ("make", "tree/1"), ("make", "executor-logs-0"), ("use", "copy"), ("use", "executor-logs-0"), ("look", "executor-logs-0"))}
    check(set(have) == wanted, "the bucket has what KFP's launcher would put there", f"{sorted(have)}\n{sorted(wanted)}")
    uri = artifact(v, "use", "copy")["uri"]
    check(uri == f"s3://bkt/root/chain/{v['run_id']}/use/{ids['use']}/copy" and s3.get_object(Bucket="bkt", Key=uri[len("s3://bkt/"):])["Body"].read() == b"data\ndata\n",
          "the record names it, and boto3 reads it", uri)
    check(artifact(v, "make", "never")["uri"].startswith("s3://bkt/root/"), "an artifact without bytes has its place there too")
    log = s3.get_object(Bucket="bkt", Key=f"root/chain/{v['run_id']}/use/{ids['use']}/executor-logs-0")["Body"].read().decode()
    check(log.startswith("path /") and log.endswith("/data\n"), "a step sees a local path with the name that it knows", log)
    left = [str(p) for x in ("stage", "inputs", "work") for p in (folder / "home" / "runs").glob(f"*/{x}")]
    check(not left, "of the local copies the cache's are left", f"{left}")


def again(s3, run, folder) -> None:
    v, r = run(folder / "chain.json", "--pipeline-root", "s3://bkt/root")
    check(set(states(v).values()) == {"CACHED"}, "the results are used again", says(r))
    key = artifact(v, "make", "data")["uri"][len("s3://bkt/"):]
    text = s3.get_object(Bucket="bkt", Key=key)["Body"].read()
    s3.put_object(Bucket="bkt", Key=key, Body=text)
    v, r = run(folder / "chain.json", "--pipeline-root", "s3://bkt/root")
    check(states(v)["make"] == "CACHED", "written anew by another client, with the same bytes: it is read, and used", says(r))
    s3.put_object(Bucket="bkt", Key=key, Body=b"xxxx\n")
    v, r = run(folder / "chain.json", "--pipeline-root", "s3://bkt/root")
    check(states(v)["make"] == "SUCCEEDED" and v["state"] == "SUCCEEDED", "with others: it is made anew", says(r))
    key = artifact(v, "make", "data")["uri"][len("s3://bkt/"):]
    s3.delete_object(Bucket="bkt", Key=key)
    v, r = run(folder / "chain.json", "--pipeline-root", "s3://bkt/root")
    check(states(v)["make"] == "SUCCEEDED", "gone: it is made anew", says(r))
    shutil.rmtree(folder / "home" / "cache")
    s = chain()
    consumer(s, "use", 'wc -c < "$in" > $out_copy', "make", "data")
    v, r = run(write(folder, s, "other.json"), "--pipeline-root", "s3://bkt/root")
    check(states(v) == {"make": "CACHED", "use": "SUCCEEDED", "look": "CACHED"} and
          s3.get_object(Bucket="bkt", Key=artifact(v, "use", "copy")["uri"][len("s3://bkt/"):])["Body"].read().strip() == b"5", "what is not in the local cache is fetched", says(r))


def imports(s3, run, folder) -> None:
    s3.put_object(Bucket="bkt", Key="in/of other's.csv", Body=b"a,b\n")
    s3.put_object(Bucket="bkt", Key="in/folder/x/1", Body=b"one\n")
    s3.put_object(Bucket="bkt", Key="in/folder/2", Body=b"two\n")
    s = importer(importer(pipeline("imports"), "get", "s3://bkt/in/of other's.csv"), "get-folder", "s3://bkt/in/folder")
    consumer(s, "use", 'echo "$in"; cat "$in" > $out_copy', "get", "artifact")
    consumer(s, "list", 'cat "$in/x/1" "$in/2" > $out_copy', "get-folder", "artifact")
    path = write(folder, s, "imports.json")
    v, r = run(path)  # the root is here
    copy = pathlib.Path(artifact(v, "use", "copy")["uri"]) if v["state"] == "SUCCEEDED" else None
    check(copy is not None and copy.read_text() == "a,b\n", "an importer of s3:// for a step of a local run", says(r))
    check(copy is not None and pathlib.Path(artifact(v, "list", "copy")["uri"]).read_text() == "one\ntwo\n", "and of a folder", says(r))
    logs = dhow("logs", f"{v['run_id']}/use", home=folder / "home").stdout
    check(logs.strip().endswith("/of other's.csv"), "its name stays", logs)
    v, r = run(path)
    check(states(v)["use"] == "CACHED" and states(v)["list"] == "CACHED", "unchanged there: the results stand", says(r))
    s3.put_object(Bucket="bkt", Key="in/of other's.csv", Body=b"c,d\n")
    v, r = run(path)
    check(states(v)["use"] == "SUCCEEDED" and states(v)["list"] == "CACHED", "changed there: what depends on it runs", says(r))
    s = consumer(importer(pipeline("none"), "get", "s3://bkt/in/none"), "use", 'cat "$in" > $out_copy', "get", "artifact")
    v, r = run(write(folder, s, "none.json"))
    check(v["state"] == "FAILED" and states(v) == {"get": "SUCCEEDED", "use": "FAILED"}, "what is not there fails the step that needs it", says(r))


def roots(server, s3, run, folder, env) -> None:
    s = chain("default")
    s["defaultPipelineRoot"] = "s3://bkt/by-default"
    path = write(folder, s, "default.json")
    v, r = run(path)
    check(v["state"] == "SUCCEEDED" and artifact(v, "use", "copy")["uri"].startswith("s3://bkt/by-default/"), "the pipeline's own root", says(r))
    v, r = run(path, home="other", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME=str(folder))
    check(v["state"] == "SUCCEEDED" and artifact(v, "use", "copy")["uri"].startswith(str(folder / "other")), "without keys for it the home is the root", says(r))
    dhow("configs", "set", "kfp-launcher", "--from-literal", "defaultPipelineRoot=s3://bkt/of-launcher", home=folder / "third")
    v, r = run(write(folder, chain("launcher"), "launcher.json"), home="third")
    check(v["state"] == "SUCCEEDED" and artifact(v, "use", "copy")["uri"].startswith("s3://bkt/of-launcher/"), "kfp-launcher's default root", says(r))
    v, r = run(path, home="third")
    check(artifact(v, "use", "copy")["uri"].startswith("s3://bkt/by-default/"), "the pipeline's own goes before it", says(r))
    v, r = run(path, "--pipeline-root", "s3://bkt/x", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", HOME=str(folder))
    check(r.returncode == 2 and "AWS_ACCESS_KEY_ID" in r.stderr, "asked for without keys: refused before anything runs", says(r))
    for part, value in (("accesskey", minio.KEY), ("secretkey", minio.SECRET)):
        dhow("secrets", "set", "bucket", part, stdin=value, home=folder / "home")
    bare = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ENDPOINT_URL_S3": "", "HOME": str(folder)}
    root = f"s3://bkt/by-secret?endpoint={server.endpoint}&region=us-east-1&secret=bucket"
    v, r = run(write(folder, chain("secret"), "secret.json"), "--pipeline-root", root, **bare)
    check(v["state"] == "SUCCEEDED" and artifact(v, "use", "copy")["uri"].endswith(root[root.index("?"):]) and keys(s3, "by-secret/"), "endpoint, region and secret by the root's URI", says(r))
    v, r = run(folder / "secret.json", "--pipeline-root", root, **bare)
    check(set(states(v).values()) == {"CACHED"}, "they are recorded: later runs find it", says(r))
    v, r = run(folder / "chain.json", "--pipeline-root", "oci://registry/x")
    check(r.returncode == 2 and "images" in r.stderr, "a root of oci:// is refused", says(r))


def registered(run, folder, env) -> None:
    """A model's version that lies in the bucket."""
    s = pipeline("model")
    text = json.dumps({"artifacts": {"model": {"artifacts": [{"name": "model", "metadata": {"dhow.model_name": "far"}}]}}})
    step(s, "train", f"echo weights > \"$out_model\"; mkdir -p \"$(dirname \"$in_file\")\"; printf %s '{text}' > \"$in_file\"", artifacts={"model": "Model"})
    s["deploymentSpec"]["executors"]["exec-train"]["container"]["args"].append("in_file={{$.outputs.output_file}}")
    v, r = run(write(folder, s, "model.json"), "--pipeline-root", "s3://bkt/models")
    check(v["state"] == "SUCCEEDED", "a model is trained into the bucket", says(r))
    r = dhow("models", "export", "far", "latest", "--to", folder / "exported", home=folder / "home", env=env)
    check(r.returncode == 0 and (folder / "exported" / "model" / "model").read_text() == "weights\n", "its version is exported from there", says(r))
    r = dhow("models", "kserve", "far", "latest", "--format", "sklearn", home=folder / "home", env=env)
    check(r.returncode == 0 and 'storageUri: "s3://bkt/models/' in r.stdout, "and served from there", says(r))


def isolated(run, folder) -> None:
    v, r = run(write(folder, chain("sandboxed"), "sandbox.json"), "--pipeline-root", "s3://bkt/sandbox", "--runtime", "sandbox")
    if v["state"] != "SUCCEEDED" and ("bwrap" in r.stderr or "bubblewrap" in r.stderr):
        skip("in a sandbox", "there is no working sandbox here")
        return
    check(v["state"] == "SUCCEEDED", "in a sandbox", says(r))


def same_bytes(server, s3, folder, env) -> None:
    """Bytes that the bucket has already are not sent."""
    proxy = Proxy(server.port)
    s = pipeline("same")
    step(s, "first", f"yes a | head -c {40 * MIB} > $out_data", artifacts={"data": "Dataset"})
    step(s, "second", f"sleep 0.1; yes a | head -c {40 * MIB} > $out_data", artifacts={"data": "Dataset"}, after=("first",))
    r = dhow("run", write(folder, s, "same.json"), "--pipeline-root", "s3://bkt/same", "--output", "json", home=folder / "home", env={**env, "AWS_ENDPOINT_URL_S3": proxy.endpoint})
    v = json.loads(r.stdout)
    a, b = artifact(v, "first", "data"), artifact(v, "second", "data")
    check(v["state"] == "SUCCEEDED" and a["digest"] == b["digest"] and a["uri"] != b["uri"] and keys(s3, "same/").get(b["uri"][len("s3://bkt/"):]) == 40 * MIB, "two steps with the same result", says(r))
    check(40 * MIB <= proxy.sent_up < 41 * MIB, "its bytes went to the bucket once", f"{proxy.sent_up}")
    proxy.close()


def uploaded_parts(s3, prefix: str) -> list:
    """Of all uploads in the bucket below the prefix; MinIO lists them where no prefix is given."""
    return [part for u in s3.list_multipart_uploads(Bucket="bkt").get("Uploads", []) if u["Key"].startswith(prefix)
            for part in s3.list_parts(Bucket="bkt", Key=u["Key"], UploadId=u["UploadId"]).get("Parts", [])]


def killed(server, s3, folder, env) -> None:
    """kill -9 while a large output is being sent."""
    proxy = Proxy(server.port)
    proxy.reset(lambda request: ("slow-up", MIB // 16) if request.method == "PUT" and "partNumber" in request.target and "partNumber=1&" not in request.target else None)
    full = {**os.environ, **env, "AWS_ENDPOINT_URL_S3": proxy.endpoint, "DHOW_HOME": str(folder / "home")}
    count = folder / "count"
    s = pipeline("killed")
    step(s, "make", f"echo x >> {count}; head -c {64 * MIB} /dev/urandom > $out_data; echo small > $out_other", artifacts={"data": "Dataset", "other": "Dataset"}, cache=False)
    consumer(s, "use", 'wc -c < "$in" > $out_copy', "make", "data")
    path = write(folder, s, "killed.json")
    with subprocess.Popen([DHOW, "run", str(path), "--pipeline-root", "s3://bkt/killed", "-q"], env=full, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        while not uploaded_parts(s3, "killed/") and p.poll() is None:
            time.sleep(0.05)
        p.send_signal(signal.SIGKILL)
        p.communicate()
    key = next(q.target.split("?")[0][len("/bkt/"):] for q in proxy.requests if "partNumber" in q.target)
    check(key not in keys(s3, "killed/") and len(s3.list_multipart_uploads(Bucket="bkt", Prefix=key).get("Uploads", [])) == 1, "killed while it sends: half an upload, nothing under the name", f"{keys(s3, 'killed/')}")
    proxy.reset()
    r = dhow("resume", "last", "--output", "json", home=folder / "home", env={**env, "AWS_ENDPOINT_URL_S3": proxy.endpoint}, timeout=300)
    v = json.loads(r.stdout) if r.stdout else {"state": "?", "tasks": []}
    check(v["state"] == "SUCCEEDED" and count.read_text() == "x\n", "resumed: the step does not run again", says(r))
    sent = {q.target.split("partNumber=")[1].split("&")[0] for q in proxy.requests if q.method == "PUT" and "partNumber" in q.target}
    check(sent == {"2", "3", "4"}, "only the parts that were not there are sent", f"{sent}")
    check(keys(s3, "killed/").get(key) == 64 * MIB and not s3.list_multipart_uploads(Bucket="bkt", Prefix=key).get("Uploads"), "its output is whole, and no upload is left open", f"{keys(s3, 'killed/')}")
    check(not list((folder / "home" / "runs").glob("*/stage")), "nothing is left here either")
    ended = []

    def half_sent(request):  # MinIO lists the open uploads of one key at a time, others those below a prefix
        if request.method == "GET" and "uploads" in request.target:
            uploads = "".join(f"<Upload><Key>{k}</Key><UploadId>{i}</UploadId><Initiated>{t}T00:00:00.000Z</Initiated></Upload>"
                              for k, i, t in (("killed/p/x", "old", "2001-01-01"), ("killed/p/y", "new", "2100-01-01"), ("killed2/p/x", "other", "2001-01-01")))
            return ("answer", 200, {"content-type": "application/xml"}, f"<ListMultipartUploadsResult>{uploads}<IsTruncated>false</IsTruncated></ListMultipartUploadsResult>".encode())
        if request.method == "DELETE" and "uploadId" in request.target:
            ended.append(request.target)
            return ("answer", 204, {}, b"")
        return None

    proxy.reset(half_sent)
    r = dhow("gc", "left-over", home=folder / "home", env={**env, "AWS_ENDPOINT_URL_S3": proxy.endpoint})
    check(r.returncode == 0 and len(ended) == 1 and "/killed/p/x?" in ended[0] and "uploadId=old" in ended[0] and "1 half sent below s3://bkt/killed" in r.stdout,
          "gc ends what was half sent below the roots of runs on record", f"{ended} {says(r)}")
    proxy.reset()
    left = [s3.create_multipart_upload(Bucket="bkt", Key=k)["UploadId"] for k in ("killed/p/z", "killed2/p/z")]
    r = dhow("gc", "left-over", "--older-than", "0s", home=folder / "home", env={**env, "AWS_ENDPOINT_URL_S3": proxy.endpoint})
    check([u["UploadId"] for k in ("killed/p/z", "killed2/p/z") for u in s3.list_multipart_uploads(Bucket="bkt", Prefix=k).get("Uploads", [])] == left[1:],
          "on MinIO as well, which lists by whole keys alone", says(r))
    s3.abort_multipart_upload(Bucket="bkt", Key="killed2/p/z", UploadId=left[1])
    proxy.close()


def broken(server, s3, folder, env) -> None:
    """The bucket is out of reach: the run stops, resumable; canceled meanwhile it ends at once."""
    proxy = Proxy(server.port)
    here = {**env, "AWS_ENDPOINT_URL_S3": proxy.endpoint, "AWS_MAX_ATTEMPTS": "2"}
    count = folder / "count-broken"
    s = pipeline("broken")
    step(s, "make", f"echo x >> {count}; echo said; echo data > $out_data", artifacts={"data": "Dataset"}, cache=False)
    path = write(folder, s, "broken.json")
    proxy.reset(lambda request: ("status", 503))
    r = dhow("run", path, "--pipeline-root", "s3://bkt/broken", home=folder / "home", env=here, timeout=300)
    check(r.returncode == 3 and "sending the outputs of 'make'" in r.stderr and "503" in r.stderr, "an output that cannot be sent stops the run", says(r))
    proxy.reset()
    r = dhow("resume", "last", "--output", "json", home=folder / "home", env=here)
    check(r.returncode == 0 and count.read_text() == "x\n" and len(keys(s3, "broken/")) == 2, "resumed: it is sent, and the step does not run again", says(r))
    proxy.reset(lambda request: ("status", 503) if request.method == "PUT" else None)
    with subprocess.Popen([DHOW, "run", str(path), "--pipeline-root", "s3://bkt/broken"], env={**os.environ, **env, "AWS_ENDPOINT_URL_S3": proxy.endpoint, "AWS_MAX_ATTEMPTS": "900", "DHOW_HOME": str(folder / "home")},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        while not any(q.method == "PUT" for q in proxy.requests) and p.poll() is None:
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        before = time.monotonic()
        timer = threading.Timer(120, p.kill)
        timer.start()
        out, err = p.communicate()
        timer.cancel()
    check(p.returncode == 130 and time.monotonic() - before < 100, "Ctrl-C while it sends", f"{p.returncode} {time.monotonic() - before} s {out} {err}")
    proxy.close()


def commands(s3, folder, env) -> None:
    def do(*args):
        return dhow(*args, home=folder / "home", env=env, cwd=folder)

    run = next(r for r in json.loads(do("runs", "--output", "json", "-n", "100").stdout) if r["pipeline"] == "killed")["run_id"]
    r = do("artifacts", "get", f"{run}/make/other", "fetched")
    check(r.returncode == 0 and (folder / "fetched").read_text() == "small\n", "artifacts get RUN/TASK/OUTPUT", says(r))
    r = do("artifacts", "verify", "--run", run, "--output", "json")
    check(r.returncode == 0 and {x["verdict"] for x in json.loads(r.stdout)} == {"whole"}, "artifacts verify", says(r))
    r = do("artifacts", "cp", f"{run}/make/other", "s3://bkt/copied")
    check(r.returncode == 0 and s3.get_object(Bucket="bkt", Key="copied")["Body"].read() == b"small\n", "artifacts cp", says(r))
    r = do("show", f"{run}/make/other", "--content")
    check(r.returncode == 0 and r.stdout == "small\n", "show --content fetches", says(r))
    uri = next(x for x in json.loads(do("artifacts", "--run", run, "--output", "json").stdout) if x["output"] == "other")["uri"]
    s3.put_object(Bucket="bkt", Key=uri[len("s3://bkt/"):], Body=b"SMALL\n", Metadata=s3.head_object(Bucket="bkt", Key=uri[len("s3://bkt/"):])["Metadata"])
    r = do("artifacts", "verify", "--run", run, "--full", "--output", "json")
    check(r.returncode == 1 and sorted(x["verdict"] for x in json.loads(r.stdout)) == ["unreadable", "whole", "whole"] or "changed" in r.stdout, "verify --full reads the bytes", says(r))
    r = do("artifacts", "get", f"{run}/make/other", "wrong")
    check(r.returncode == 3 and not (folder / "wrong").exists(), "what has changed is not handed out", says(r))


def collected(s3, run, folder, env) -> None:
    def gc(*args):
        return dhow("gc", "--output", "json", *args, home=folder / "gc-home", env=env)

    path = write(folder, chain("gc"), "gc.json")
    first, _ = run(path, "--pipeline-root", "s3://bkt/gc", home="gc-home")
    run(path, "--pipeline-root", "s3://bkt/gc", home="gc-home")  # uses the first one's artifacts
    alone, _ = run(write(folder, chain("gone"), "gone.json"), "--pipeline-root", "s3://bkt/gc", home="gc-home")
    before = keys(s3, "gc/")
    r = gc("runs", "--older-than", "0s", "--keep", "1", "--dry-run")
    check(keys(s3, "gc/") == before, "a dry run of gc removes nothing", says(r))
    r = gc("runs", "--older-than", "0s", "--keep", "2")
    left = keys(s3, "gc/")
    check(r.returncode == 0 and {k for k in before if first["run_id"] in k and "executor-logs" not in k} <= set(left), "what another run uses stays", f"{set(before) - set(left)} {says(r)}")
    r = gc("--older-than", "0s")
    check(r.returncode == 0 and keys(s3, "gc/") == {}, "gc frees the bucket of what no run refers to", f"{keys(s3, 'gc/')} {says(r)}")
    check(not any((folder / "gc-home" / "cache").rglob("content")), "and the local cache", says(r))


def planted(folder) -> None:
    wrong = [str(p) for p in folder.rglob("*") if p.is_file() and "/secrets/" not in str(p) and minio.SECRET.encode() in p.read_bytes()]
    check(not wrong, "the key is in no record, log or copy", "\n".join(wrong))


if __name__ == "__main__":
    main()
