# run: asan
"""What the server refuses: names, origins, tokens, roles, namespaces, sizes, slow and broken requests."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import random
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from server import Server
from specs import pipeline, step
from tap import DHOW, check, done, skip, until

V2 = "/apis/v2beta1"


def spec() -> dict:
    s = pipeline("safe")
    step(s, "go", 'printf x > "$out_table"', artifacts={"table": "Dataset"}, cache=False)
    return s


def raw(server: Server, data: bytes, seconds: float = 60) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as s:
        s.sendall(data)
        got = b""
        try:
            while piece := s.recv(65536):
                got += piece
        except (TimeoutError, OSError):
            pass
        return got


def browsers(server: Server) -> None:
    own = f"127.0.0.1:{server.port}"
    check(server.ask("/ui/runs", headers={"Host": "evil.example"})[0] == 403, "another name (DNS rebinding) is refused")
    check(server.ask("/ui/runs", headers={"Host": f"localhost:{server.port}"})[0] == 200, "localhost is a name")
    check([server.ask(path, headers={"Host": "10.1.2.3:8080"})[0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 403], "who looks after it may ask by any name how it is, and no more")
    body = {"display_name": "x"}
    check(server.ask(f"{V2}/experiments", body, headers={"Origin": "http://evil.example"})[0] == 403, "another origin is refused")
    check(server.ask(f"{V2}/experiments", body, headers={"Origin": "null"})[0] == 403, "no origin, as of a sandbox, is refused")
    check(server.ask(f"{V2}/runs", headers={"Origin": "null"})[0] == 403, "also where it only reads")
    check(server.ask(f"{V2}/experiments", body, headers={"Sec-Fetch-Site": "cross-site"})[0] == 403, "a request of another site is refused")
    check(server.ask(f"{V2}/experiments", {"display_name": "own"}, headers={"Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"})[0] == 200, "the page's own is not")
    check(server.ask("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0] == 200, "a link from elsewhere to the page is followed")
    _, _, headers = server.ask("/")
    check("default-src 'none'" in headers["Content-Security-Policy"] and "unsafe" not in headers["Content-Security-Policy"]
          and headers["X-Content-Type-Options"] == "nosniff", "the page's policy", str(dict(headers)))
    check("Access-Control-Allow-Origin" not in headers, "no other origin is let in")


def broken(server: Server) -> None:
    check(b" 413 " in raw(server, f"POST {V2}/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n".encode()).split(b"\r\n")[0], "a body that says it is too large")
    check(server.ask(f"{V2}/runs", b"[" * 100000, "POST")[0] == 400, "a body that is too deep")
    head = raw(server, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    check(not head or head.split(b" ")[1] in (b"414", b"400", b"431", b"413", b"404"), "an address that is too long", str(head[:60]))
    head = raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100000 + b"\r\n\r\n")
    check(not head or head.split(b" ")[1] in (b"431", b"413", b"400"), "a header that is too long", str(head[:60]))
    for path in ("/%", "/%zz", "/%00", "/ui/runs?name=%ff", "/ui/runs?" + "a=b&" * 500, "//", "/apis/v2beta1//runs", "/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd"):
        line = raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()).split(b"\r\n")[0]
        check(not line or b" 400 " in line or b" 404 " in line, f"GET {path[:30]}", str(line))
    rng = random.Random(20261126)
    pieces = [b"GET ", b"POST ", b"/apis/v2beta1/runs", b"/ui/events", b" HTTP/1.1\r\n", b"\r\n", b"\r\n\r\n", b"Host: localhost\r\n", b"Content-Length: 5\r\n",
              b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"?filter=%7B", b"Range: bytes=9-1\r\n", b"Content-Type: multipart/form-data; boundary=x\r\n", b"--x", b"\x00\xff"]
    for i in range(150):
        data = b"".join(rng.choice(pieces) if rng.random() < 0.8 else rng.randbytes(rng.randrange(60)) for _ in range(rng.randrange(1, 14)))
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
            try:
                s.sendall(data)
                s.setblocking(False)
                s.recv(4096)
            except OSError:
                pass
    check(server.process.poll() is None and server.ask("/healthz")[0] == 200, "random requests: it lives")


def memory_kb(server: Server) -> int:
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def slow(server: Server) -> None:
    sockets = []
    for _ in range(60):
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        sockets.append(s)
    begin = time.monotonic()
    while time.monotonic() - begin < 60 and sockets:
        for s in list(sockets):
            try:
                s.sendall(b"a")
                s.setblocking(False)
                try:
                    if s.recv(100) == b"":
                        raise OSError
                except BlockingIOError:
                    pass
                s.setblocking(True)
            except OSError:
                s.close()
                sockets.remove(s)
        time.sleep(0.5)
    check(not sockets, "slowloris: headers that come by drops are cut off", f"{len(sockets)} are open after {time.monotonic() - begin:.0f} s")
    check(server.ask("/healthz")[0] == 200, "and others are served meanwhile")


def bodies(server: Server) -> None:
    before = memory_kb(server)
    sockets = []
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(f"POST {V2}/pipelines/upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        sockets.append(s)
    block = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for s in sockets:
        s.settimeout(10)
        try:
            for _ in range(80):
                s.sendall(block)
        except OSError:
            pass
    grown = (memory_kb(server) - before) / 1024
    for s in sockets:
        s.close()
    check(grown < 400 and server.ask("/healthz")[0] == 200, "20 bodies without end: memory stays bounded", f"{grown:.0f} MB more")


def tokens(home: str) -> None:
    secret = "t" * 24
    file = pathlib.Path(home, "tokens")
    file.write_text(f"# who\nann admin * {'a' * 20}\nrob runner * sha256:{hashlib.sha256(secret.encode()).hexdigest()}\nvic viewer red {'v' * 20}\n"
                    f"tom runner red {'r' * 20}\nbea runner blue,green {'b' * 20}\nmix viewer red:runner,blue {'m' * 20}\npam viewer red,green {'p' * 20}\n")
    with Server(f"{home}/t", "--tokens", file) as server:
        def ask(token, path, *args, **kwargs):
            return server.ask(path, *args, headers={"Authorization": f"Bearer {token}"} if token else {}, **kwargs)
        check(server.ask(f"{V2}/runs")[0] == 401 and server.ask("/ui/runs")[0] == 401 and server.ask("/metrics")[0] == 401, "without a token: 401")
        check(server.ask(f"{V2}/healthz")[1].get("multi_user") is True and server.ask("/healthz")[0] == 200, "but health is open")
        check(ask("wrong" * 5, f"{V2}/runs")[0] == 401, "a token that is none: 401")
        check(ask("a" * 20, f"{V2}/runs")[0] == 200 and ask(secret, f"{V2}/runs")[0] == 200, "tokens, plain and as a digest")
        status, answer, _ = ask("v" * 20, f"{V2}/experiments", {"display_name": "x", "namespace": "red"})
        check(status == 403 and answer["code"] == 7, "a viewer makes nothing", str(answer))
        status, red, _ = ask("r" * 20, f"{V2}/experiments", {"display_name": "reds", "namespace": "red"})
        check(status == 200 and red["namespace"] == "red", "a runner does, in its namespace", str(red))
        check(ask("r" * 20, f"{V2}/experiments", {"display_name": "x", "namespace": "blue"})[0] == 403, "and in no other")
        check(ask("m" * 20, f"{V2}/experiments", {"display_name": "m", "namespace": "red"})[0] == 200 and ask("m" * 20, f"{V2}/experiments", {"display_name": "m2", "namespace": "blue"})[0] == 403,
              "a namespace with a role of its own")
        check(ask("b" * 20, f"{V2}/experiments", {"display_name": "x"})[0] == 400, "one of several has to be named")
        check(ask("b" * 20, f"{V2}/experiments/{red['experiment_id']}")[0] == 404, "what others have is not there")
        check(ask("b" * 20, f"{V2}/experiments?namespace=blue")[1].get("experiments") is None, "nor listed")
        status, blue, _ = ask("b" * 20, f"{V2}/experiments", {"display_name": "reds", "namespace": "blue"})
        check(status == 200 and blue["display_name"] == "reds" and blue["namespace"] == "blue" and blue["experiment_id"] != red["experiment_id"], "a name is another namespace's, too", str(blue))
        status, again, _ = ask("b" * 20, f"{V2}/experiments", {"display_name": "reds", "namespace": "blue"})
        check(status == 409 and "The name reds already exists" in again["message"], "but not twice in one", str(again))
        named = urllib.parse.quote(json.dumps({"predicates": [{"key": "name", "operation": "EQUALS", "string_value": "reds"}]}))
        found = ask("b" * 20, f"{V2}/experiments?namespace=blue&filter={named}")[1].get("experiments")
        check([e["experiment_id"] for e in found] == [blue["experiment_id"]] and len(ask("a" * 20, f"{V2}/experiments?filter={named}")[1]["experiments"]) == 2, "and is found by it there", str(found))
        for who, space in (("r", "red"), ("b", "blue")):
            status, made, _ = ask(who * 20, f"{V2}/pipelines", {"display_name": "train", "name": "train", "namespace": space})
            check(status == 200 and made["name"] == "train" and made["namespace"] == space, f"a pipeline's name, in {space}", str(made))
            got = ask(who * 20, f"{V2}/pipelines/names/train?namespace={space}")[1]
            check(got.get("pipeline_id") == made["pipeline_id"], f"is found by its name in {space}", str(got))
        status, run, _ = ask("r" * 20, f"{V2}/runs", {"display_name": "r", "experiment_id": red["experiment_id"], "pipeline_spec": spec()})
        check(status == 200, "a run in a namespace", str(run))
        run_id = run["run_id"]
        check(ask("b" * 20, "/ui/runs", {"run_id": run_id})[0] in (400, 404) and ask("b" * 20, "/ui/runs", {"pipeline_spec": spec(), "experiment": "reds"})[0] == 400,
              "another's run is not made again, nor is one put into another's experiment")
        check(ask("b" * 20, f"/ui/events?run={run_id}")[0] == 404 and ask("b" * 20, "/ui/events")[0] == 403, "nor are its events told")
        check(ask("v" * 20, f"{V2}/runs/{run_id}")[0] == 200 and ask("b" * 20, f"{V2}/runs/{run_id}")[0] == 404 and ask("b" * 20, f"/ui/runs/{run_id}")[0] == 404,
              "is seen there alone")
        until(lambda: ask("a" * 20, f"{V2}/runs/{run_id}")[1]["state"] == "SUCCEEDED")
        check([ask(who * 20, f"{V2}/{path}")[1].get("total_size", 0) for path in (f"tasks?run_id={run_id}", "tasks?namespace=red", "tasks", "artifacts") for who in "ra"] == [2, 2, 2, 2, 2, 2, 1, 1]
              and [ask("b" * 20, f"{V2}/{path}")[1].get("total_size", 0) for path in ("tasks?namespace=blue", "artifacts?namespace=blue")] == [0, 0]
              and ask("b" * 20, f"{V2}/tasks?namespace=red")[0] == 403 and ask("b" * 20, f"{V2}/tasks?run_id={run_id}&namespace=blue")[0] == 404,
              "native tasks and artifacts are those of a namespace")
        check(ask("p" * 20, f"{V2}/tasks?run_id={run_id}")[1].get("total_size") == 2 and ask("p" * 20, f"{V2}/tasks")[0] == 400
              and ask("p" * 20, f"{V2}/tasks?run_id={run_id}&namespace=green")[1].get("total_size", 0) == 0, "a run says the namespace of its tasks")
        hidden, absent = ([ask("b" * 20, f"/ui/{kind}/{n}")[:2] for kind in ("tasks", "artifacts")] for n in (1, 999))
        check([status for status, _ in hidden] == [404, 404] and str(hidden) == str(absent).replace("999", "1"),
              "what others have, asked for by its number, is told from what is not there by nothing", f"{hidden} {absent}")
        seen = [[r["run_id"] for r in ask(who * 20, f"{V2}/runs?page_size=10")[1].get("runs", [])] for who in ("r", "v", "a", "r", "a") for _ in range(2)]
        check(seen == [[run_id]] * 10 and ask("b" * 20, f"{V2}/runs?page_size=10")[0] == 400 and ask("b" * 20, f"{V2}/runs?page_size=10&namespace=blue")[1] == {},
              "answers that are kept are for who may see the same", str(seen))
        check(ask("r" * 20, f"{V2}/runs", {"display_name": "r", "pipeline_spec": spec()})[0] == 400, "multi-user: an experiment is needed")
        check(ask("r" * 20, f"{V2}/runs/{run_id}", method="DELETE")[0] == 403 and ask("a" * 20, f"{V2}/runs/{run_id}", method="DELETE")[0] == 200, "an admin deletes")
        status, _, headers = server.ask("/ui/login", {"token": "v" * 20})
        cookie = headers["Set-Cookie"]
        check(status == 200 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and "v" * 20 not in cookie, "login gives a cookie", cookie)
        check(server.ask("/ui/runs?namespace=red", headers={"Cookie": cookie.split(";")[0]})[0] == 200 and server.ask("/ui/login", {"token": "no"})[0] == 401, "that serves")
    for text, why in (("x admin *", "a line that is short"), ("x boss * " + "t" * 20, "a role that is none"), ("x viewer a:boss " + "t" * 20, "a namespace's role that is none"), ("x admin * short", "a short token"), ("", "no line")):
        file.write_text(text + "\n")
        result = subprocess.run([DHOW, "--home", f"{home}/x", "serve", "--port", "0", "--tokens", str(file)], capture_output=True, text=True, timeout=120, check=False)
        check(result.returncode == 2 and "tokens" in result.stderr, f"{why} is refused", result.stderr)
    result = subprocess.run([DHOW, "--home", f"{home}/x", "serve", "--port", "0", "--host", "0.0.0.0"], capture_output=True, text=True, timeout=120, check=False)
    check(result.returncode == 2 and "--tokens" in result.stderr, "beyond this machine only with tokens", result.stderr)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


def oidc(home: str) -> None:
    key = f"{home}/rsa.pem"
    openssl("genrsa", "-out", key, "2048")
    modulus = openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().split("=")[1]
    pathlib.Path(home, "jwks.json").write_text(json.dumps({"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}]}))

    def token(claims: dict, alg: str = "RS256", signed_by: str = key) -> str:
        body = {"iss": "https://id.example", "aud": ["dhow"], "sub": "ann", "exp": time.time() + 600, **claims}
        text = b64(json.dumps({"alg": alg, "kid": "k1"}).encode()) + "." + b64(json.dumps(body).encode())
        signature = openssl("dgst", "-sha256", "-sign", signed_by, data=text.encode()) if alg != "none" else b""
        return f"{text}.{b64(signature)}"

    openssl("genrsa", "-out", f"{home}/other.pem", "2048")
    with Server(f"{home}/o", "--oidc-issuer", "https://id.example", "--oidc-audience", "dhow", "--oidc-keys", f"{home}/jwks.json") as server:
        def status(text: str, path: str = f"{V2}/runs", body=None) -> int:
            return server.ask(path, body, headers={"Authorization": f"Bearer {text}"})[0]
        check(status(token({})) == 200, "a token of the issuer")
        check(status(token({}), f"{V2}/experiments", {"display_name": "x"}) == 403 and status(token({"dhow_role": "runner"}), f"{V2}/experiments", {"display_name": "x"}) == 200,
              "its claim says the role")
        some = token({"dhow_roles": {"red": "admin", "blue": "viewer"}})
        check(status(some, f"{V2}/experiments", {"display_name": "r", "namespace": "red"}) == 200 and status(some, f"{V2}/experiments", {"display_name": "b", "namespace": "blue"}) == 403
              and status(some, f"{V2}/experiments", {"display_name": "g", "namespace": "green"}) == 403, "a role a namespace")
        blue = server.ask(f"{V2}/experiments", {"display_name": "b", "namespace": "blue"}, headers={"Authorization": f"Bearer {token({'dhow_role': 'admin'})}"})[1]["experiment_id"]
        green = server.ask(f"{V2}/experiments", {"display_name": "g", "namespace": "green"}, headers={"Authorization": f"Bearer {token({'dhow_role': 'admin'})}"})[1]["experiment_id"]
        check(status(some, f"{V2}/experiments/{blue}") == 200 and status(some, f"{V2}/experiments/{blue}:archive", b"") == 403 and status(some, f"{V2}/experiments/{green}") == 404,
              "what may be read there is not changed; what is elsewhere is not there")
        check(status(token({"dhow_namespaces": ["red"]}), f"{V2}/experiments/{blue}") == 404, "namespaces that a token names are all that it sees")
        check(status(token({"dhow_roles": {"red": "boss"}})) == 401, "a role that is none is no role")
        code, _, headers = server.ask("/ui/login", {"token": some})
        check(code == 200 and server.ask("/ui/system", headers={"Cookie": headers["Set-Cookie"].split(";")[0]})[1]["user"]["role"] == "admin", "the page's login takes a token of the issuer")
        for claims, why in (({"exp": time.time() - 600}, "too old"), ({"aud": "other"}, "for another"), ({"iss": "https://evil.example"}, "of another"), ({"nbf": time.time() + 600}, "too early")):
            check(status(token(claims)) == 401, f"a token that is {why}")
        check(status(token({}, "none")) == 401, "one without a signature")
        check(status(token({}, signed_by=f"{home}/other.pem")) == 401, "one of another key")
        good = token({})
        check(status(good[:-6] + "AAAAAA") == 401 and status("a.b.c") == 401 and status("x" * 8000) == 401, "broken ones")


class Issuer(http.server.BaseHTTPRequestHandler):
    """An issuer of tokens that takes its time once `may` is cleared."""
    keys: list = []
    place = "/keys"
    may = threading.Event()
    asked = threading.Semaphore(0)
    answered = 0

    def do_GET(self):
        here = f"http://127.0.0.1:{self.server.server_port}"
        body = {"jwks_uri": here + Issuer.place} if self.path == "/.well-known/openid-configuration" else {"keys": Issuer.keys} if self.path == Issuer.place else {}
        Issuer.asked.release()
        Issuer.may.wait(50)
        Issuer.answered += 1
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def rotates(home: str) -> None:
    """A key that the issuer has changed, and where its keys are, is fetched beside the loop: others are answered meanwhile."""
    def made(kid: str) -> tuple:
        openssl("genrsa", "-out", f"{home}/{kid}.pem", "2048")
        modulus = openssl("rsa", "-in", f"{home}/{kid}.pem", "-noout", "-modulus").decode().strip().split("=")[1]
        return kid, {"kty": "RSA", "kid": kid, "use": "sig", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}

    issuer = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=issuer.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{issuer.server_port}"
    (old, old_key), (new, new_key) = made("old"), made("new")
    Issuer.keys = [old_key, {k: v for k, v in old_key.items() if k != "kid"}]
    Issuer.may.set()

    def bearer(kid: str, by: str = "") -> dict:
        text = b64(json.dumps({"alg": "RS256", "kid": kid}).encode()) + "." + b64(json.dumps({"iss": url, "aud": "dhow", "sub": "ann", "exp": time.time() + 600}).encode())
        return {"Authorization": f"Bearer {text}.{b64(openssl('dgst', '-sha256', '-sign', f'{home}/{by or kid}.pem', data=text.encode()))}"}

    with Server(f"{home}/k", "--oidc-issuer", url, "--oidc-audience", "dhow") as server:
        first, second = bearer(old), bearer(new)
        check(server.ask(f"{V2}/runs", headers=first)[0] == 200, "an issuer that says where its keys are")
        check(server.ask(f"{V2}/runs", headers=bearer("old", "new"))[0] == 401, "a known key's name over another's signature is refused, whatever key has no name")
        Issuer.may.clear()
        while Issuer.asked.acquire(blocking=False):
            pass
        Issuer.keys, Issuer.place = [new_key], "/moved"
        Issuer.answered = 0
        status, answer, headers = server.ask(f"{V2}/runs", headers=second)
        check(status == 503 and answer["code"] == 14 and headers["Retry-After"] == "1" and Issuer.answered == 0, "a key that is not known yet: try again, and not when the issuer has answered",
              f"{status} {answer} {Issuer.answered}")
        check(server.ask(f"{V2}/runs", headers=second | {"Cookie": "dhow_session=nobody"})[0] == 503, "a cookie that is nobody's changes nothing about that")
        status, answer, headers = server.ask("/ui/login", {"token": second["Authorization"].split()[1]})
        check(status == 503 and headers["Retry-After"] == "1", "nor is one refused who logs in with it", f"{status} {answer}")
        check(Issuer.asked.acquire(timeout=40) and server.ask(f"{V2}/runs", headers=first)[0] == 200, "others are answered while the issuer is asked")
        Issuer.may.set()
        until(lambda: server.ask(f"{V2}/runs", headers=second)[0] != 503)
        status = server.ask(f"{V2}/runs", headers=second)[0]
        check(status == 200 and server.ask(f"{V2}/runs", headers=first)[0] == 401, "then it is known, and the old one is not", str(status))
    issuer.shutdown()


def tls(home: str) -> None:
    cert, key = f"{home}/cert.pem", f"{home}/key.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    with Server(f"{home}/s", "--tls-cert", cert, "--tls-key", key) as server:
        context = ssl.create_default_context(cafile=cert)
        with urllib.request.urlopen(f"{server.url}/healthz", context=context, timeout=120) as answer:
            check(server.url.startswith("https://") and answer.read() == b"ok\n", "TLS by files")
    bad = subprocess.run([DHOW, "--home", f"{home}/x", "serve", "--port", "0", "--tls-cert", cert], capture_output=True, text=True, timeout=120, check=False)
    check(bad.returncode == 2 and "key" in bad.stderr, "a certificate without its key is refused", bad.stderr)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        with Server(f"{home}/h") as server:
            browsers(server)
            broken(server)
            bodies(server)
            slow(server)
        check(server.process.returncode == 0, "and it stops in order", str(server.process.returncode))
        tokens(home)
        if os.path.exists("/usr/bin/openssl"):
            oidc(home)
            rotates(home)
            tls(home)
        else:
            skip("OpenID Connect and TLS", "no openssl here")
    done()


main()
