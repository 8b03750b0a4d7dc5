"""How a bucket is reached: TLS with an authority of one's own, the bucket in the host's name, another region; and the data step's
source in a bucket."""
import json
import os
import pathlib
import subprocess
import tempfile

import minio
from s3proxy import Proxy
from tap import check, component, dhow, done, says, skip


def make_certificate(folder: pathlib.Path) -> pathlib.Path | None:
    (folder / "CAs").mkdir(parents=True)
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=dhow test", "-addext",
                           "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", folder / "private.key", "-out", folder / "public.crt"], capture_output=True, check=False)
    return folder / "public.crt" if made.returncode == 0 else None


def main() -> None:
    minio.needed("ways to reach MinIO")
    with tempfile.TemporaryDirectory(prefix="dhow-s3-reach-") as name:
        folder = pathlib.Path(name)
        (folder / "file").write_bytes(os.urandom(3000))
        tls(folder)
        with minio.minio(env={"MINIO_DOMAIN": "localhost"}) as server:
            hosts(server, folder)
            regions(server, folder)
            sources(server, folder)
    done()


def tls(folder) -> None:
    ca = make_certificate(folder / "certs")
    if not ca:
        skip("TLS", "openssl makes no certificate here")
        return
    with minio.minio(certs=folder / "certs") as server:
        import boto3
        s3 = boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=minio.KEY, aws_secret_access_key=minio.SECRET, region_name="us-east-1", verify=str(ca))
        s3.create_bucket(Bucket="bkt")
        env = minio.environment(server.endpoint, CURL_CA_BUNDLE="", SSL_CERT_FILE="", REQUESTS_CA_BUNDLE="")

        def cp(key, **more):
            return dhow("artifacts", "cp", "file", f"s3://bkt/{key}", home=folder / "home", env={**env, **more}, cwd=folder)

        r = cp("a", AWS_MAX_ATTEMPTS="1")
        check(r.returncode == 3 and "certificate" in r.stderr, "a server that nobody vouches for is not spoken to", says(r))
        r = cp("a", AWS_CA_BUNDLE=str(ca))
        check(r.returncode == 0, "AWS_CA_BUNDLE", says(r))
        r = cp(f"b?ca={ca}&endpoint={server.endpoint}")
        check(r.returncode == 0 and s3.get_object(Bucket="bkt", Key="b")["Body"].read() == (folder / "file").read_bytes(), "ca= of the URI; a payload that TLS guards", says(r))
        (folder / "many").write_bytes(os.urandom(40 << 20))
        r = dhow("artifacts", "cp", "many", "s3://bkt/many", home=folder / "home", env={**env, "AWS_CA_BUNDLE": str(ca)}, cwd=folder)
        r2 = dhow("artifacts", "get", "s3://bkt/many", "many-back", home=folder / "home", env={**env, "AWS_CA_BUNDLE": str(ca)}, cwd=folder)
        check(r.returncode == 0 and r2.returncode == 0 and (folder / "many").read_bytes() == (folder / "many-back").read_bytes(), "in parts over TLS", says(r) + says(r2))


def hosts(server, folder) -> None:
    s3 = server.client()
    s3.create_bucket(Bucket="bkt")
    env = minio.environment(server.endpoint, no_proxy="127.0.0.1,localhost,.localhost")
    proxy = Proxy(server.port)
    endpoint = proxy.endpoint.replace("127.0.0.1", "localhost")
    r = dhow("artifacts", "cp", "file", f"s3://bkt/a b/c?endpoint={endpoint}&path_style=false", home=folder / "home", env=env, cwd=folder)
    sent = {(q.headers["host"].split(":")[0], q.target) for q in proxy.requests if q.method == "PUT"}
    check(r.returncode == 0 and sent == {("bkt.localhost", "/a%20b/c")} and s3.head_object(Bucket="bkt", Key="a b/c")["ContentLength"] == 3000, "the bucket in the host's name", f"{sent} {says(r)}")
    r = dhow("artifacts", "ls", f"s3://bkt/a b?endpoint={endpoint}&path_style=false", "--output", "json", home=folder / "home", env=env)
    check(r.returncode == 0 and [x["key"] for x in json.loads(r.stdout)] == ["c"], "and a list", says(r))
    proxy.close()


def regions(server, folder) -> None:
    """The bucket is elsewhere; the server says where."""
    proxy = Proxy(server.port)
    seen = []

    def elsewhere(request):
        region = request.headers["authorization"].split("/")[2]
        seen.append(region)
        return None if region == "us-east-1" else ("answer", 301, {"x-amz-bucket-region": "us-east-1"}, b"<Error><Code>PermanentRedirect</Code></Error>")

    proxy.reset(elsewhere)
    r = dhow("artifacts", "get", f"s3://bkt/a b/c?endpoint={proxy.endpoint}&region=eu-west-1", "back", home=folder / "home", env=minio.environment(server.endpoint), cwd=folder)
    check(r.returncode == 0 and seen[0] == "eu-west-1" and set(seen[1:]) == {"us-east-1"}, "a bucket of another region is found", f"{seen} {says(r)}")
    proxy.close()


def sources(server, folder) -> None:
    s3 = server.client()
    s3.put_object(Bucket="bkt", Key="my data.csv", Body=b"a,b\n" + b"".join(b"%d,%d\n" % (i, i % 2) for i in range(100)))
    env = minio.environment(server.endpoint)
    r = component("download-data", "--source", "s3://bkt/my data.csv", "--label", "b", "--train", folder / "train.csv", "--test", folder / "test.csv", env=env, fails=True)
    check(r.returncode == 0 and len((folder / "train.csv").read_text().splitlines()) == 81, "download-data reads s3://", says(r))
    r = component("download-data", "--source", "s3://bkt/none.csv", "--train", folder / "x", "--test", folder / "y", env=env, fails=True)
    check(r.returncode != 0 and "not there" in r.stderr, "what is not there", says(r))


if __name__ == "__main__":
    main()
