# run: asan
# run: timeout=900
"""Networks and servers fail: storms of 503, cut and slow bodies, wrong bytes, a wrong clock, keys that expire, a server that goes
away. Each time what comes is whole or nothing, and the error names the place."""
import datetime
import email.utils
import hashlib
import json
import os
import pathlib
import pty
import random
import subprocess
import tempfile
import threading
import time

import minio
from s3proxy import Proxy
from tap import DHOW, check, dhow, done, says

MIB = 1 << 20
QUICK = {"DHOW_S3_STALL_SECONDS": "2"}  # only where a server says nothing: elsewhere a slow one is no fault, and requests are counted


def main() -> None:
    minio.needed("faults on the way to MinIO")
    with minio.minio() as server, tempfile.TemporaryDirectory(prefix="dhow-s3-faults-") as name:
        folder, s3 = pathlib.Path(name), server.client()
        proxy = Proxy(server.port)
        env = minio.environment(proxy.endpoint)
        s3.create_bucket(Bucket="bkt")
        (folder / "small").write_bytes(os.urandom(20000))
        (folder / "large").write_bytes(os.urandom(40 * MIB + 777))

        def run(*args, **more):
            return dhow("artifacts", *args, home=folder / "home", env={**env, **more}, cwd=folder, timeout=300)

        storms(proxy, s3, run, folder)
        cuts(proxy, s3, run, folder)
        wrong_bytes(proxy, s3, run, folder)
        clocks(proxy, s3, run, folder)
        names(proxy, s3, run, folder)
        keys(proxy, server, folder, env)
        gone(server, run, s3, folder, env)
        proxy.close()
    done()


def same(s3, key: str, path: pathlib.Path) -> bool:
    return hashlib.sha256(s3.get_object(Bucket="bkt", Key=key)["Body"].read()).digest() == hashlib.sha256(path.read_bytes()).digest()


def pending(s3) -> int:
    # MinIO lists the open uploads of one key at a time.
    return sum(len(s3.list_multipart_uploads(Bucket="bkt", Prefix=k).get("Uploads", [])) for k in ("up-large", "cut-large", "stop-large"))


def storms(proxy, s3, run, folder) -> None:
    """Each request is refused twice, whichever it is."""
    for size in ("small", "large"):
        seen = {}

        def refuse(request):
            key = (request.method, request.target)
            seen[key] = seen.get(key, 0) + 1
            return ("status", random.choice((503, 500, 429, 502))) if seen[key] <= 2 else None

        proxy.reset(refuse)
        r = run("cp", size, f"s3://bkt/up-{size}")
        check(r.returncode == 0 and same(s3, f"up-{size}", folder / size), f"a {size} file goes through a storm of 503", says(r))
        seen.clear()
        r = run("get", f"s3://bkt/up-{size}", "back")
        check(r.returncode == 0 and (folder / "back").read_bytes() == (folder / size).read_bytes(), f"and comes back through one ({size})", says(r))
    proxy.reset(lambda request: ("status", 503))
    r = run("get", "s3://bkt/up-small", "never", AWS_MAX_ATTEMPTS="3")
    check(r.returncode == 3 and "503" in r.stderr and not (folder / "never").exists(), "a storm that does not end", says(r))
    check(len(proxy.requests) == 3, "AWS_MAX_ATTEMPTS bounds the tries", f"{proxy.requests}")


def cuts(proxy, s3, run, folder) -> None:
    """The answer breaks off at many places; what has come is not asked for again."""
    wrong = []
    for at in (0, 1, 100, 10000, 19999):
        once = []

        def cut(request):
            if request.method == "GET" and not once:
                once.append(1)
                return ("cut", at)
            return None

        proxy.reset(cut)
        r = run("get", "s3://bkt/up-small", "back")
        if r.returncode or (folder / "back").read_bytes() != (folder / "small").read_bytes():
            wrong.append(f"{at}: {says(r)}")
        ranges = [q.headers.get("range") for q in proxy.requests if q.method == "GET"]
        if at >= 100 and ranges[-1] != f"bytes={at}-":
            wrong.append(f"{at}: {ranges}")
    check(not wrong, "a cut answer is gone on with where it broke off", "\n".join(wrong))
    left = [12]

    def sometimes(request):
        if request.method == "GET" and "range" in request.headers and left[0] > 0:
            left[0] -= 1
            return ("cut", 3 * MIB)
        return None

    proxy.reset(sometimes)
    r = run("get", "s3://bkt/up-large", "back")
    check(r.returncode == 0 and (folder / "back").read_bytes() == (folder / "large").read_bytes(), "ranges that are cut again and again: progress gives new tries", says(r))
    left = [4]

    def cut_up(request):
        if request.method == "PUT" and left[0] > 0:
            left[0] -= 1
            return ("cut-up", 2 * MIB)
        return None

    proxy.reset(cut_up)
    r = run("cp", "large", "s3://bkt/cut-large")
    check(r.returncode == 0 and same(s3, "cut-large", folder / "large"), "connections that end while parts are sent", says(r))
    proxy.reset(lambda request: ("hang", 250) if request.method == "GET" and request.number == 1 else None)
    before = time.monotonic()
    r = run("get", "s3://bkt/up-small", "back", **QUICK)
    check(r.returncode == 0 and time.monotonic() - before < 200, "a server that says nothing is left", f"{time.monotonic() - before} s {says(r)}")
    proxy.reset(lambda request: ("slow", 300) if request.method == "GET" and request.number == 1 else None)
    r = run("get", "s3://bkt/up-small", "back", **QUICK)
    check(r.returncode == 0 and (folder / "back").read_bytes() == (folder / "small").read_bytes(), "one that trickles, too", says(r))
    proxy.reset(lambda request: ("cut-up", 0) if request.method == "PUT" else None)
    r = run("cp", "large", "s3://bkt/stop-large", AWS_MAX_ATTEMPTS="2")
    check(r.returncode == 3 and pending(s3) == 0 and s3.list_objects_v2(Bucket="bkt", Prefix="stop").get("KeyCount") == 0, "an upload that fails leaves nothing", f"{pending(s3)} {says(r)}")
    lost = []

    def lose_the_end(request):
        if request.method == "POST" and "uploadId" in request.target and not lost:
            lost.append(1)
            return ("cut", 0)
        return None

    proxy.reset(lose_the_end)
    r = run("cp", "large", "s3://bkt/up-large")
    check(r.returncode == 0 and lost and same(s3, "up-large", folder / "large"), "the answer to an upload's end is lost", says(r))
    silent = []

    def copy_slowly(request):
        if "x-amz-copy-source" in request.headers:
            silent.append(1)
            time.sleep(4)  # longer than a server may say nothing otherwise
        return None

    proxy.reset(copy_slowly)
    r = run("cp", "s3://bkt/up-large", "s3://bkt/copied", AWS_MAX_ATTEMPTS="1", **QUICK)
    check(r.returncode == 0 and silent == [1] and same(s3, "copied", folder / "large"), "a server that copies has time for what it copies", f"{silent} {says(r)}")
    proxy.reset()


def wrong_bytes(proxy, s3, run, folder) -> None:
    once = []

    def corrupt(request):
        if request.method == "GET" and not once:
            once.append(1)
            return ("corrupt",)
        return None

    for size in ("small", "large"):
        once.clear()
        proxy.reset(corrupt)
        r = run("get", f"s3://bkt/up-{size}", "back")
        check(r.returncode == 0 and (folder / "back").read_bytes() == (folder / size).read_bytes(), f"wrong bytes are noticed and asked for again ({size})", says(r))
    s3.put_object(Bucket="bkt", Key="boto", Body=(folder / "small").read_bytes())
    for algorithm in ("CRC32", "SHA256"):
        s3.put_object(Bucket="bkt", Key=f"boto-{algorithm}", Body=(folder / "small").read_bytes(), ChecksumAlgorithm=algorithm)
        proxy.reset(lambda request: ("corrupt",) if request.method == "GET" else None)
        r = run("get", f"s3://bkt/boto-{algorithm}", "corrupt")
        check(r.returncode == 3 and "checksum" in r.stderr + "SHA-256 checksum" and not (folder / "corrupt").exists(), f"always wrong bytes: nothing comes ({algorithm} of the server's)", says(r))
    s3.put_object(Bucket="bkt", Key="lie", Body=b"what is there", Metadata={"dhow-sha256": "0" * 64})
    proxy.reset()
    r = run("get", "s3://bkt/lie", "lie")
    check(r.returncode == 3 and "SHA-256" in r.stderr and not (folder / "lie").exists(), "an object that is not what its writer said", says(r))


def clocks(proxy, s3, run, folder) -> None:
    """The server's clock is hours off: it refuses, and says what time it has."""
    for hours in (-5, 7):
        then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
        asked = []

        def skewed(request):
            stamp = datetime.datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
            asked.append(stamp)
            if abs((stamp - then).total_seconds()) < 900:
                return ("answer", 200, {"ETag": '"x"', "Content-Length": "2", "Date": email.utils.format_datetime(then, usegmt=True)}, b"ok")
            return ("answer", 403, {"Date": email.utils.format_datetime(then, usegmt=True)}, b"<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>")

        proxy.reset(skewed)
        r = run("get", "s3://bkt/clock", "clock")
        check(r.returncode == 0 and (folder / "clock").read_bytes() == b"ok" and len(asked) == 3, f"a clock that is {hours} hours off is corrected", f"{asked} {says(r)}")


def names(proxy, s3, run, folder) -> None:
    """A server's list may hold any name; none leads out of the folder."""
    for bad in ("../planted", "a/../../planted", "/planted", "a//b", "./a"):
        page = f"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>evil/{bad}</Key><Size>2</Size><ETag>x</ETag></Contents></ListBucketResult>".encode()
        proxy.reset(lambda request: ("status", 404, "NoSuchKey") if request.method == "HEAD" else ("answer", 200, {}, page) if "list-type" in request.target else
                    ("answer", 200, {"ETag": "x"}, b"ok"))
        r = run("get", "s3://bkt/evil", "in/evil")
        check(r.returncode == 2 and not (folder / "in" / "evil").exists() and not list(folder.rglob("planted")), f"a list with {bad!r} is refused", says(r))
    proxy.reset(lambda request: ("status", 404, "NoSuchKey") if request.method == "HEAD" else ("answer", 200, {}, b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"))
    r = run("get", "s3://bkt/evil", "in/evil")
    check(r.returncode != 0 and "document type" in r.stderr, "a list with a document type is refused", says(r))


class Fake:
    """Answers as a container's or an instance's endpoint, or STS."""

    def __init__(self, answer):
        import http.server
        fake = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                fake.asked.append((self.command, self.path, dict(self.headers), body.decode()))
                status, text = answer(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body.decode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = do

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def keys(proxy, server, folder, env) -> None:
    """Each place where keys may be; and keys that expire."""
    proxy.reset()
    none = {**env, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(folder / "nobody")}
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = json.dumps({"AccessKeyId": minio.KEY, "SecretAccessKey": minio.SECRET, "Expiration": soon})

    def get(name, home="home", uri="s3://bkt/up-small", **more):
        r = dhow("artifacts", "get", uri, "back", home=folder / home, env={**none, **more}, cwd=folder)
        check(r.returncode == 0 and (folder / "back").read_bytes() == (folder / "small").read_bytes(), f"keys from {name}", says(r))
        (folder / "back").unlink(missing_ok=True)

    (folder / "credentials").write_text(f"[default]\naws_access_key_id = no\naws_secret_access_key = no\n[team]\naws_access_key_id = {minio.KEY}\naws_secret_access_key = {minio.SECRET}\n")
    (folder / "config").write_text(f"[profile team]\nregion = us-east-1\nendpoint_url = {proxy.endpoint}\n[profile web]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = {folder}/token\n")
    (folder / "token").write_text("planted-web-token\n")
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"), "AWS_CONFIG_FILE": str(folder / "config")}
    get("a profile", AWS_PROFILE="team", **files)
    get("a profile that the URI names", uri="s3://bkt/up-small?profile=team", AWS_ENDPOINT_URL_S3="", **files)
    (folder / "home-dir" / ".aws").mkdir(parents=True)
    (folder / "home-dir" / ".aws" / "credentials").write_text((folder / "credentials").read_text().replace("[team]", "[default]").replace("= no", f"= {minio.KEY}", 1).replace("= no", f"= {minio.SECRET}", 1))
    get("~/.aws", HOME=str(folder / "home-dir"), AWS_SHARED_CREDENTIALS_FILE="", AWS_CONFIG_FILE="")
    dhow("secrets", "set", "bucket", "--from-literal", f"accesskey={minio.KEY}", "--from-literal", f"secretkey={minio.SECRET}", home=folder / "home")
    get("a secret of dhow", uri="s3://bkt/up-small?secret=bucket")
    dhow("secrets", "set", "mlpipeline-minio-artifact", "--from-literal", f"accesskey={minio.KEY}", "--from-literal", f"secretkey={minio.SECRET}", home=folder / "kfp-home")
    get("Kubeflow's secret for minio://", home="kfp-home", uri="minio://bkt/up-small")
    container = Fake(lambda method, path, headers, body: (200, document) if headers.get("authorization") == "planted-token" else (403, "no"))
    get("a container", AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/keys", AWS_CONTAINER_AUTHORIZATION_TOKEN="planted-token")
    r = dhow("artifacts", "get", "s3://bkt/up-small", "back", home=folder / "home", env={**none, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/x"}, cwd=folder)
    check(r.returncode == 2 and "expected https" in r.stderr, "a container's token goes nowhere else", says(r))

    def imds(method, path, headers, body):
        if path == "/latest/api/token":
            return (200, "session") if method == "PUT" else (405, "")
        if headers.get("x-aws-ec2-metadata-token") != "session":
            return (401, "")
        return (200, "role-name") if path.endswith("security-credentials/") else (200, document) if path.endswith("/role-name") else (404, "")

    instance = Fake(imds)
    get("an instance (IMDSv2)", AWS_EC2_METADATA_DISABLED="", AWS_EC2_METADATA_SERVICE_ENDPOINT=instance.url)
    issued = []

    def sts(method, path, headers, body):
        if "WebIdentityToken=planted-web-token" not in body or "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr" not in body:
            return (400, "<ErrorResponse/>")
        issued.append(1)
        return (200, f"<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{minio.KEY}</AccessKeyId>"
                     f"<SecretAccessKey>{minio.SECRET}</SecretAccessKey><SessionToken></SessionToken><Expiration>{soon}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")

    roles(get, folder, env={"AWS_EC2_METADATA_DISABLED": "true"}, files=files, soon=soon, proxy=proxy)
    providers(get, folder, proxy)
    token_server = Fake(sts)
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"), "AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_ENDPOINT_URL_STS": token_server.url}
    get("a web identity", **web)
    get("a web identity of a profile", AWS_PROFILE="web", AWS_ENDPOINT_URL_STS=token_server.url, **files)
    issued.clear()
    expired = []

    def expire(request):
        if not expired:
            expired.append(1)
            return ("status", 400, "ExpiredToken")
        return None

    proxy.reset(expire)
    get("a web identity, expired meanwhile", **web)
    check(len(issued) == 2, "they were asked for anew", f"{issued}")
    proxy.reset(lambda request: ("status", 400, "ExpiredToken"))
    r = dhow("artifacts", "cp", "small", "s3://bkt/x", home=folder / "home", env=env, cwd=folder)
    check(r.returncode == 3 and "ExpiredToken" in r.stderr and minio.SECRET not in r.stderr + r.stdout, "keys that stay expired", says(r))
    proxy.reset()


def roles(get, folder, env, files, soon, proxy) -> None:
    """Profiles that say how keys are got: other profiles' roles (MinIO's own STS checks the signature), a single sign-on, a program."""
    asked = []
    (folder / "program").write_text(f"#!/bin/sh\necho ran >>'{folder}/ran'\nprintf '%s' '{json.dumps({'Version': 1, 'AccessKeyId': minio.KEY, 'SecretAccessKey': minio.SECRET, 'Expiration': soon})}'\n")
    (folder / "program").chmod(0o700)

    def portal(method, path, headers, body):
        asked.append(path)
        if headers.get("x-amz-sso_bearer_token") != "planted-sign-on":
            return (401, "{}")
        return (200, json.dumps({"roleCredentials": {"accessKeyId": minio.KEY, "secretAccessKey": minio.SECRET, "sessionToken": "", "expiration": 4102444800000}}))

    sign_on = Fake(portal)
    cache = folder / "sso-home" / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (cache / "old.json").write_text(json.dumps({"startUrl": "https://corp.example/start", "accessToken": "old", "expiresAt": "2001-01-01T00:00:00Z"}))
    (cache / "botocore-client-id.json").write_text("{}")
    (cache / "new.json").write_text(json.dumps({"startUrl": "https://corp.example/start", "accessToken": "planted-sign-on", "expiresAt": "2100-01-01T00:00:00Z"}))
    (folder / "config").write_text((folder / "config").read_text() + f"""
[profile role]
role_arn = arn:aws:iam::1:role/r
source_profile = team
external_id = e/1
role_session_name = s
[profile chain]
role_arn = arn:aws:iam::1:role/next
source_profile = program
[profile of-env]
role_arn = arn:aws:iam::1:role/r
credential_source = Environment
[profile circle]
role_arn = arn:aws:iam::1:role/r
source_profile = circle-2
[profile circle-2]
role_arn = arn:aws:iam::1:role/r
source_profile = circle
[profile code]
role_arn = arn:aws:iam::1:role/r
source_profile = team
mfa_serial = arn:aws:iam::1:mfa/me
[profile program]
credential_process = '{folder}/program' "an argument"
[profile bad-program]
credential_process = echo no such luck >&2; exit 3
[profile corp]
sso_session = corp
sso_account_id = 123
sso_role_name = reader
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
[profile old-style]
sso_start_url = https://other.example/start
sso_region = eu-west-1
sso_account_id = 123
sso_role_name = reader
""")
    sts = {"AWS_ENDPOINT_URL_STS": proxy.endpoint, **files}
    proxy.reset()
    get("a role assumed with another profile's keys", AWS_PROFILE="role", **sts)
    posts = [q for q in proxy.requests if q.method == "POST"]
    gets = [q for q in proxy.requests if q.method in ("GET", "HEAD")]
    check(len(posts) == 1 and "/sts/" in posts[0].headers["authorization"] and all("x-amz-security-token" in q.headers for q in gets), "asked for once, signed; what comes is used", str([q.headers for q in posts + gets])[:600])
    get("a role with the environment's keys", uri=f"s3://bkt/up-small?profile=of-env&endpoint={proxy.endpoint}", AWS_ACCESS_KEY_ID=minio.KEY, AWS_SECRET_ACCESS_KEY=minio.SECRET, **sts)
    get("a program's keys", AWS_PROFILE="program", **files)
    check((folder / "ran").read_text() == "ran\n", "the program ran once")
    get("a role assumed with a program's keys", AWS_PROFILE="chain", **sts)
    get("a single sign-on", AWS_PROFILE="corp", HOME=str(folder / "sso-home"), AWS_ENDPOINT_URL_SSO=sign_on.url, **files)
    check(asked == ["/federation/credentials?role_name=reader&account_id=123"], "for the role that the profile names", str(asked))
    for profile, words, code in (("circle", "leads to no keys", 2), ("code", "mfa_serial", 2), ("bad-program", "no such luck", 3), ("old-style", "aws sso login", 2)):
        r = dhow("artifacts", "get", "s3://bkt/up-small", "back", home=folder / "home", env={**minio.environment(proxy.endpoint, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_PROFILE=profile), **env, **sts}, cwd=folder)
        check(r.returncode == code and words in r.stderr and minio.SECRET not in r.stderr, f"refused: {profile}", says(r))
    asked_for(folder, {**minio.environment(proxy.endpoint, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_PROFILE="code"), **env, **sts}, proxy)


def asked_for(folder, env, proxy) -> None:
    """A role that wants a code: asked for on a terminal, as AWS's tools do."""
    proxy.reset()
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(DHOW, [DHOW, "artifacts", "get", "s3://bkt/up-small", "back", "--home", str(folder / "home")], {**os.environ, **env})
    seen = b""
    try:
        while b"mfa/me: " not in seen:
            seen += os.read(fd, 1000)
        os.write(fd, b"123456\n")
        while more := os.read(fd, 1000):
            seen += more
    except OSError:  # a terminal whose process has ended
        pass
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    forms = [q.body for q in proxy.requests if q.method == "POST"]
    check(status == 0 and len(forms) == 1 and b"SerialNumber=arn%3Aaws%3Aiam%3A%3A1%3Amfa%2Fme&TokenCode=123456" in forms[0], "a role's code is asked for on a terminal", f"{status} {forms} {seen[-500:]}")
    check(b"123456" not in seen, "and not shown")


def providers(get, folder, proxy) -> None:
    """Kubeflow's config map kfp-launcher says how buckets are reached."""
    home = folder / "kube-home"
    dhow("secrets", "set", "bucket", "--from-literal", f"who={minio.KEY}", "--from-literal", f"what={minio.SECRET}", home=home)
    dhow("secrets", "set", "other", "--from-literal", "accesskey=no", "--from-literal", "secretkey=no", home=home)
    (folder / "providers").write_text(f"""s3:
  default:
    endpoint: {proxy.endpoint.removeprefix('http://')}
    region: us-east-1
    disableSSL: true
    credentials:
      fromEnv: false
      secretRef: {{secretName: other, accessKeyKey: accesskey, secretKeyKey: secretkey}}
  Overrides:
  - bucketName: bkt
    keyPrefix: /up-sm/
    credentials: {{fromEnv: true}}
  - bucketName: bkt
    keyPrefix: ""
    credentials:
      secretRef: {{secretName: bucket, accessKeyKey: who, secretKeyKey: what}}
  - bucketName: of-env
    credentials: {{fromEnv: true}}
minio:
  default:
    endpoint: {proxy.endpoint}
    credentials: {{}}
gs:
  default:
    endpoint: {proxy.endpoint}
    credentials:
      secretRef: {{secretName: bucket, accessKeyKey: who, secretKeyKey: what}}
  overrides:
  - bucketName: of-account
    credentials:
      secretRef: {{secretName: account, tokenKey: token.json}}
""")
    result = dhow("configs", "set", "kfp-launcher", "--from-file", f"{folder}/providers", home=home)
    check(result.returncode == 0, "a config map of providers", says(result))
    here = {"AWS_ENDPOINT_URL_S3": "", "AWS_EC2_METADATA_DISABLED": "true"}
    get("the secret of kfp-launcher's override", home="kube-home", **here)
    env = minio.environment(proxy.endpoint, AWS_ENDPOINT_URL_S3="", AWS_MAX_ATTEMPTS="1")
    for uri, words in (("s3://another/x", "403"), ("s3://of-env/x", "no such bucket"), ("minio://bkt/up-small", "credentials need fromEnv"), ("gs://of-account/x", "secretRef.tokenKey")):
        r = dhow("artifacts", "get", uri, "back", home=home, env=env, cwd=folder)
        check(r.returncode in (2, 3) and words in r.stderr, f"what kfp-launcher says of {uri}", says(r))
    get("gs:// with an HMAC key", home="kube-home", uri="gs://bkt/up-small", **here)
    get("a URI with settings of its own", home="kube-home", uri=f"s3://bkt/up-small?endpoint={proxy.endpoint}", AWS_ACCESS_KEY_ID=minio.KEY, AWS_SECRET_ACCESS_KEY=minio.SECRET)
    (folder / "providers").write_text("s3: [")
    dhow("configs", "set", "kfp-launcher", "--from-file", f"{folder}/providers", home=home)
    r = dhow("artifacts", "get", "s3://bkt/up-small", "back", home=home, env=env, cwd=folder)
    check(r.returncode == 2 and "kfp-launcher" in r.stderr, "providers that cannot be read", says(r))


def gone(server, run, s3, folder, env) -> None:
    """The server goes away in the middle and comes back, or does not."""
    direct = {"AWS_ENDPOINT_URL_S3": server.endpoint}
    slow = Proxy(server.port)
    slow.reset(lambda request: ("slow-up", 3 * MIB) if request.method == "PUT" else None)
    with subprocess.Popen([DHOW, "artifacts", "cp", "large", "s3://bkt/gone"], cwd=folder, env={**os.environ, **env, **QUICK, "AWS_ENDPOINT_URL_S3": slow.endpoint, "DHOW_HOME": str(folder / "home")},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        while slow.sent_up < 2 * MIB and p.poll() is None:
            time.sleep(0.02)
        server.stop()
        time.sleep(1)
        server.start()
        out, err = p.communicate(timeout=200)
    check(p.returncode == 0 and same(s3, "gone", folder / "large"), "a server that goes away for a while", f"{p.returncode} {out} {err}")
    slow.close()
    server.stop()
    r = run("get", "s3://bkt/up-small", "never", AWS_MAX_ATTEMPTS="2", **direct)
    check(r.returncode == 3 and str(server.port) in r.stderr and not (folder / "never").exists(), "a server that is not there", says(r))


if __name__ == "__main__":
    main()
