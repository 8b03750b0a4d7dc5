"""How a cluster is reached and as whom: every form that a kubeconfig has, asked of an API server that speaks TLS by `dhow doctor`."""
import contextlib
import datetime
import http.server
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

from tap import check, dhow, done, skip

V1 = "client.authentication.k8s.io/v1"


class Api:
    """What doctor asks of an API server; whom it believes, and what it was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.tokens, self.names, self.seen = {"good"}, {"alice"}, []
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                peer = self.connection.getpeercert() if tls else None
                name = dict(x[0] for x in peer["subject"])["commonName"] if peer else None
                api.seen.append(dict(self.headers) | {"name": name})
                good = name in api.names or (self.headers.get("Authorization") or "")[7:] in api.tokens
                what = {"gitVersion": "v1.36.0", "status": {"allowed": True}} if good else {"message": "Unauthorized"}
                data = json.dumps(what).encode()
                self.send_response(200 if good else 401)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who does not trust us goes
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Proxy:
    """HTTP's CONNECT: to one place, whatever is asked for."""

    def __init__(self, port: int):
        self.asked, self.to = [], port
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.one, args=(client,), daemon=True).start()

    def one(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.split()[1].decode())
        there = socket.create_connection(("127.0.0.1", self.to))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        def pump(a, b) -> None:
            with contextlib.suppress(OSError):
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)

        threading.Thread(target=pump, args=(client, there), daemon=True).start()
        pump(there, client)


def openssl(*args) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def certificate(top: pathlib.Path, name: str, *more) -> None:
    """NAME.key, NAME.crt by the authority of ca.crt."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", top / f"{name}.key", "-subj", f"/CN={name}", "-out", top / f"{name}.csr")
    (top / "ext").write_text("\n".join(more) or "basicConstraints=CA:FALSE")
    openssl("x509", "-req", "-in", top / f"{name}.csr", "-CA", top / "ca.crt", "-CAkey", top / "ca.key", "-days", "2", "-extfile", top / "ext", "-out", top / f"{name}.crt")


def pki(top: pathlib.Path) -> ssl.SSLContext:
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", top / "ca.key", "-subj", "/CN=ca", "-days", "2", "-out", top / "ca.crt")
    certificate(top, "server", "subjectAltName=DNS:api.inside,IP:127.0.0.1")
    certificate(top, "far", "subjectAltName=DNS:api.inside")
    certificate(top, "alice")
    return context(top, "server")


def context(top: pathlib.Path, name: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(top / f"{name}.crt", top / f"{name}.key")
    tls.load_verify_locations(top / "ca.crt")
    tls.verify_mode = ssl.CERT_OPTIONAL
    return tls


class Config:
    """A kubeconfig in a folder of its own, and what doctor says of it."""

    def __init__(self, top: pathlib.Path, server: str):
        self.top, self.server, self.env = top, server, {}

    def said(self, user: dict, **cluster) -> str:
        path = self.top / "config"
        path.write_text(json.dumps({
            "current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
            "clusters": [{"name": "c", "cluster": {"server": self.server, "certificate-authority": "ca.crt", **cluster}}],
            "users": [{"name": "u", "user": user}]}))
        checks = json.loads(dhow("doctor", "--output", "json", home=self.top / "home", env={"KUBECONFIG": str(path), **self.env}).stdout)["checks"]
        return "\n".join(c["detail"] for c in checks if c["check"] == "argo")

    def works(self, name: str, user: dict, **cluster) -> None:
        text = self.said(user, **cluster)
        check("v1.36.0" in text and "may do what it has to" in text, name, text)

    def fails(self, words: str, user: dict, **cluster) -> None:
        text = self.said(user, **cluster)
        check(words in text, f"refused: {words}", text)


def static(c: Config, api: Api, top: pathlib.Path) -> None:
    pem = {n: (top / f"alice.{n}").read_text() for n in ("crt", "key")}
    (top / "token").write_text("good\n")
    c.works("a token", {"token": "good"})
    c.works("a token in a file beside it, which goes before a token", {"tokenFile": "token", "token": "bad"})
    c.works("a certificate, from files", {"client-certificate": "alice.crt", "client-key": str(top / "alice.key")})
    import base64
    c.works("a certificate, in the file itself", {f"client-{n}-data": base64.b64encode(t.encode()).decode() for n, t in (("certificate", pem["crt"]), ("key", pem["key"]))})
    c.works("a server that nobody vouches for, where that is wanted", {"token": "good"}, **{"certificate-authority": "", "insecure-skip-tls-verify": True})
    api.seen.clear()
    c.works("somebody to act for", {"token": "good", "as": "bob", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"scopes/x": ["one"]}})
    check(api.seen and all(s.get("Impersonate-User") == "bob" and s.get("Impersonate-Uid") == "7" and s.get("Impersonate-Extra-scopes%2Fx") == "one" for s in api.seen), "each request says whom we act for", str(api.seen[:1]))
    c.fails("want as", {"token": "good", "as-groups": ["a"]})
    c.fails("certificate", {"token": "good"}, **{"certificate-authority": ""})
    c.fails("Unauthorized", {"token": "wrong"})
    c.fails("Unauthorized", {})
    c.fails("client-certificate-data is not base64", {"client-certificate-data": "!"})
    c.fails("a certificate and its key go together", {"client-certificate": "alice.crt"})
    c.fails("give it exec", {"username": "a", "password": "b"})
    c.fails("give it exec", {"auth-provider": {"name": "gcp"}})
    c.fails("is no URL", {"token": "good"}, server="ftp://x")
    c.fails("server 'https://' is no URL", {"token": "good"}, server="https://", **{"tls-server-name": "api.inside"})
    c.fails("server 'http:///' is no URL", {"token": "good"}, server="http:///")
    c.fails("does not answer", {"token": "good"}, server="http://127.0.0.1:1")


def names(c: Config, top: pathlib.Path) -> None:
    """A certificate of another name than the URL's, and a way through a proxy."""
    far = Api(context(top, "far"))
    url, proxy = f"https://127.0.0.1:{far.port}/", Proxy(far.port)
    c.fails("certificate", {"token": "good"}, server=url)
    c.works("tls-server-name", {"token": "good"}, server=url, **{"tls-server-name": "api.inside"})
    check(far.seen and {s["Host"] for s in far.seen} == {f"127.0.0.1:{far.port}"}, "and the Host header is the URL's", str(far.seen[:1]))
    c.fails("is no name", {"token": "good"}, **{"tls-server-name": "a/b"})
    c.works("proxy-url", {"token": "good"}, server="https://api.inside:6443", **{"proxy-url": f"http://127.0.0.1:{proxy.port}"})
    check(proxy.asked and set(proxy.asked) == {"api.inside:6443"}, "the proxy is asked for the server", str(proxy.asked))
    c.env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
    c.works("HTTPS_PROXY", {"token": "good"}, server="https://api.inside:6443")
    c.env = {}
    c.fails("proxy-url 'x:1' is no URL", {"token": "good"}, **{"proxy-url": "x:1"})


class Plugin:
    """A program that says who we are: what it was told is kept, what it says is a file's."""

    def __init__(self, top: pathlib.Path):
        self.top, self.path = top, top / "who-am-i"
        self.path.write_text(f"""#!/bin/sh
cd '{top}' && echo "$KUBERNETES_EXEC_INFO" > info && echo "$REGION $*" >> calls
[ -f fails ] && {{ echo "session is over: log in" >&2; exit 7; }}
[ -f second ] && mv second answer.next
cat answer; [ -f answer.next ] && mv answer.next answer; true
""")
        self.path.chmod(0o755)

    def says(self, file: str = "answer", version: str = V1, **status) -> None:
        (self.top / file).write_text(json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status}))

    def calls(self) -> list:
        path = self.top / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def user(self, **more) -> dict:
        return {"exec": {"apiVersion": V1, "command": "./who-am-i", "args": ["get-token", "--cluster=c"], "env": [{"name": "REGION", "value": "eu-1"}], "interactiveMode": "IfAvailable", **more}}


def later(seconds: int) -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def plugins(c: Config, api: Api, top: pathlib.Path) -> None:
    p = Plugin(top)
    p.says(token="good", expirationTimestamp=later(3600))
    c.works("a program's token", p.user(provideClusterInfo=True), extensions=[{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}])
    calls = p.calls()
    check(calls == ["eu-1 get-token --cluster=c"], "it is asked once, with its arguments and its environment", str(calls))
    info = json.loads((top / "info").read_text())
    cluster = info["spec"].pop("cluster", {})
    check(info == {"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}} and cluster.get("server") == c.server and cluster.get("config") == {"audience": "x"}
          and cluster.get("certificate-authority-data"), "and is told of the cluster", json.dumps(info) + json.dumps(cluster))
    c.works("without the cluster where that is not asked for", p.user())
    check("cluster" not in json.loads((top / "info").read_text())["spec"], "it is not told of it")
    p.calls()
    p.says(token="good", expirationTimestamp=later(-5))
    c.works("a token that is over at once", p.user())
    check(len(p.calls()) > 5, "each request asks anew then")
    p.says(token="old")
    p.says("second", token="good")
    c.works("a token that the server takes no more (401)", p.user())
    calls = p.calls()
    check(len(calls) == 2, "is asked for once more, and kept", str(calls))
    p.says(token="good", version="client.authentication.k8s.io/v1beta1")
    c.works("v1beta1, found in PATH", p.user(apiVersion="client.authentication.k8s.io/v1beta1", command="sh", args=["-c", str(p.path)], env=None, interactiveMode=None))
    p.says(clientCertificateData=(top / "alice.crt").read_text(), clientKeyData=(top / "alice.key").read_text(), expirationTimestamp=later(60))
    api.seen.clear()
    c.works("a program's certificate", p.user())
    check({s["name"] for s in api.seen} == {"alice"} and not any(s.get("Authorization") for s in api.seen), "it is who we are", str(api.seen[:1]))

    p.says(token="wrong")
    c.fails("Unauthorized", p.user())
    p.says()
    c.fails("neither a token nor a certificate", p.user())
    p.says(token="good", expirationTimestamp="soon")
    c.fails("'soon' is no time", p.user())
    p.says(token="good", version="other/v1")
    c.fails("it printed no ExecCredential of " + V1, p.user())
    (top / "answer").write_text("SECRET{")
    c.fails("what it printed is no JSON", p.user())
    (top / "fails").touch()
    p.calls()
    c.fails("exit status 7: session is over: log in", p.user())
    calls = p.calls()
    check(len(calls) == 1, "one that fails is not asked again at once", str(calls))
    c.fails("is not installed here: get it from example.org now", p.user(command="dhow-no-such-plugin", installHint="get it from example.org\nnow"))
    c.fails("expected client.authentication.k8s.io/v1 or", p.user(apiVersion="client.authentication.k8s.io/v1alpha1"))
    c.fails("wants to ask at a terminal", p.user(interactiveMode="Always"))
    c.fails("names no command", p.user(command=""))
    c.fails("exec.env[0] wants a name and a value", p.user(env=[{"name": "A=B", "value": "x"}]))
    c.fails("exec.args[0] is no string", p.user(args=[1]))


def files(c: Config, top: pathlib.Path) -> None:
    """KUBECONFIG with several files: the first that says a thing is right; paths are from where they stand."""
    c.said({"token": "good"})
    (top / "more").mkdir()
    (top / "more" / "token").write_text("good")
    (top / "more" / "b").write_text('contexts: [{name: b, context: {cluster: c, user: v}}]\ncurrent-context: b\nusers: [{name: v, user: {tokenFile: token}}]\n')
    r = dhow("doctor", home=top / "home", env={"KUBECONFIG": f"{top}/none:{top}/more/b:{top}/config"})
    check("v1.36.0" in r.stdout and "namespace default" in r.stdout, "several files make one configuration", r.stdout[-600:])
    r = dhow("doctor", home=top / "home", env={"KUBECONFIG": f"{top}/none"})
    check("none" in r.stdout and "No such file" in r.stdout, "a file that is not there is said", r.stdout[-600:])


def main() -> None:
    if not shutil.which("openssl"):
        skip("kubeconfigs", "openssl is not here to make certificates")
        done()
    with tempfile.TemporaryDirectory(prefix="dhow-kubeconfig-") as name:
        top = pathlib.Path(name)
        api = Api(pki(top))
        c = Config(top, f"https://127.0.0.1:{api.port}")
        static(c, api, top)
        names(c, top)
        plugins(c, api, top)
        files(c, top)
    done()


main()
