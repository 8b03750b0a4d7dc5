"""A stand-in for dhow's server and an object store at once: it speaks the launcher's protocol (docs/launcher.md), keeps what it hears,
and injects faults. Faults are lists by "METHOD /path": "503" (any status), "reset", "half" (half of the body, then a reset), "slow", "garbage",
each used once."""
import base64
import hashlib
import http.server
import json
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse

TOKEN = "the-run-token"


class StandIn:
    def __init__(self, job: dict | None = None, port: int = 0, tls: tuple[str, str] | None = None, part: int = 0):
        self.job = {"do": "run", "command": ["/bin/true"], "outputs": {}, **(job or {})}
        self.part = part  # files above it go up in parts
        self.objects: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.heard: list[tuple[str, str]] = []  # (method path, Authorization)
        self.claims: list[dict] = []
        self.finishes: list[dict] = []
        self.ranges: list[str] = []
        self.parts: dict[str, list[bytes]] = {}
        self.metrics = b""
        self.state = {"secret": "", "published": None, "cancel": False, "lost": False, "beats": 0, "exit_code": None}
        self.control = [{"file": "n", "value": "3"}]
        self.attempt = "11111111-2222-3333-4444-555555555555"
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        self.tls = tls
        self.start(port)

    def start(self, port: int = 0) -> None:
        outer = self

        class Handler(_Handler):
            standin = outer

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):  # a client that was killed, or a fault of ours
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    def stop(self) -> None:
        """As a server that dies: open connections go with it."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # gone already
                pass

    def put(self, name: str, data: bytes) -> dict:
        self.objects[name] = data
        return {"url": f"{self.url}/store/{name}?X-Signature=s3cr3t", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def count(self, word: str) -> int:
        return sum(word in what for what, _ in self.heard)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: StandIn

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.standin.connections.add(self.connection)

    def finish(self):
        self.standin.connections.discard(self.connection)
        super().finish()

    # ---- faults ----

    def fault(self) -> bool:
        s, path = self.standin, urllib.parse.urlsplit(self.path).path
        with s.lock:
            s.heard.append((f"{self.command} {path}", self.headers.get("Authorization", "")))
            waiting = next((v for k, v in s.faults.items() if v and re.fullmatch(k, f"{self.command} {path}")), None)
            what = waiting.pop(0) if waiting else ""
        self.half = what == "half"
        if what == "slow":
            time.sleep(0.4)
        elif what == "reset":
            self.reset()
            return True
        elif what == "garbage":
            self.wfile.write(b"\x00\x01 not http\r\n\r\n")
            self.close_connection = True
            return True
        elif what.isdigit():
            self.body()
            self.answer(int(what), {"message": f"fault {what}"})
            return True
        elif what.startswith("later "):
            self.body()
            self.answer(503, {"message": "an equal task runs"}, {"Retry-After": what.split()[1]})
            return True
        return False

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, body, headers: dict | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.half:
            self.wfile.write(data[:len(data) // 2])
            self.wfile.flush()
            time.sleep(0.05)
            self.reset()
        else:
            self.wfile.write(data)

    # ---- the store ----

    def do_GET(self):
        if self.fault():
            return
        s, name = self.standin, urllib.parse.urlsplit(self.path).path.removeprefix("/store/")
        data = s.objects.get(name)
        if data is None:
            self.answer(404, b"<Error>NoSuchKey</Error>")
            return
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range") == etag:
            at = int(asked[1])
            s.ranges.append(self.headers["Range"])
            self.answer(206, data[at:], {"ETag": etag, "Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"})
        else:
            self.answer(200, data, {"ETag": etag})

    def do_PUT(self):
        if self.fault():
            return
        s, url = self.standin, urllib.parse.urlsplit(self.path)
        data, name = self.body(), url.path.removeprefix("/store/")
        if "part=" not in url.query and self.headers.get("x-amz-meta-sum") != hashlib.sha256(data).hexdigest():
            self.answer(400, b"the signed header is not there")
            return
        number = urllib.parse.parse_qs(url.query).get("part")
        with s.lock:
            if number:
                s.parts.setdefault(name, [b""] * 1000)[int(number[0])] = data
            else:
                s.objects[name] = data
        self.answer(200, b"", {"ETag": f'"{hashlib.md5(data).hexdigest()}"'})

    # ---- the server ----

    def do_POST(self):
        if self.fault():
            return
        s, path = self.standin, self.path
        body = json.loads(self.body() or b"{}")
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if path == "/launch/v1/claim":
            with s.lock:
                self.claim(s, bearer, body)
            return
        found = re.fullmatch(r"/launch/v1/attempts/([^/]+)/(\w+)", path)
        if not found or bearer != s.state["secret"] or found[1] != s.attempt or s.state["lost"]:
            self.answer(409, {"message": "another attempt has taken its place"})
            return
        with s.lock:
            getattr(self, "tell_" + found[2])(s, body)

    def claim(self, s: StandIn, bearer: str, body: dict) -> None:
        if bearer != TOKEN:
            self.answer(401, {"message": "the token is not this run's"})
            return
        secret = body.pop("secret")
        s.claims.append(body)
        if s.state["published"]:
            self.answer(200, {"do": "done", "state": "SUCCEEDED", "control": s.control})
            return
        if s.state["secret"] not in ("", secret):
            self.answer(409, {"message": "the pod has been claimed by another"})
            return
        s.state["secret"] = secret
        self.answer(200, {"attempt": s.attempt, **s.job} if s.job["do"] == "run" else s.job)

    def tell_beat(self, s: StandIn, body: dict) -> None:
        s.state["beats"] += 1
        said = {"cancel": s.state["cancel"]}
        if metrics := body.get("metrics"):
            if metrics["at"] == len(s.metrics):
                s.metrics += base64.b64decode(metrics["data"])
            said["metrics_at"] = len(s.metrics)
        self.answer(200, said)

    def tell_sign(self, s: StandIn, body: dict) -> None:
        signed = []
        for file in body["files"]:
            name = "/".join(filter(None, ["out", body["artifact"], file["name"]]))
            url = f"{s.url}/store/{urllib.parse.quote(name)}"
            if s.part and file["size"] > s.part:
                n = (file["size"] + s.part - 1) // s.part
                signed.append({"name": file["name"], "upload": "u1", "part_size": s.part, "urls": [f"{url}?part={i}" for i in range(n)]})
            else:
                signed.append({"name": file["name"], "url": url + "?X-Signature=s3cr3t", "headers": {"x-amz-meta-sum": file["sha256"]}})
        self.answer(200, {"files": signed})

    def tell_complete(self, s: StandIn, body: dict) -> None:
        name = "/".join(filter(None, ["out", body["artifact"], body["name"]]))
        parts = s.parts[name][:len(body["etags"])]
        if [f'"{hashlib.md5(p).hexdigest()}"' for p in parts] != body["etags"]:
            self.answer(400, {"message": "the ETags are not those of the parts"})
            return
        s.objects[name] = b"".join(parts)
        self.answer(200, {})

    def tell_finish(self, s: StandIn, body: dict) -> None:
        s.finishes.append(body)
        if s.state["published"] is None:
            s.state["published"] = body
        code = s.state["exit_code"] if s.state["exit_code"] is not None else body["exit_code"]
        self.answer(200, {"state": "SUCCEEDED" if code == 0 else "FAILED", "control": s.control, "exit_code": code})
