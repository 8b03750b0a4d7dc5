"""A proxy between dhow and MinIO that does what networks and servers do to one: refuses, stalls, cuts, lies.

`rule(request)` is asked for each request and answers None (let it through) or an action:
  ("status", 503[, code])        an error instead of an answer
  ("cut", n)                     the answer ends after n bytes of its body
  ("cut-up", n)                  the connection ends after n bytes of what is sent
  ("slow", bytes_a_second)       the answer trickles
  ("slow-up", bytes_a_second)    what is sent is read slowly
  ("corrupt",)                   one byte of the answer's body is another
  ("hang", seconds)              nothing comes
  ("answer", status, headers, body)
"""
import socket
import threading
import time


class Request:
    def __init__(self, method, target, headers, number):
        self.method, self.target, self.headers, self.number = method, target, headers, number
        self.body = b""  # of a small one that went on to the server

    def __repr__(self):
        return f"{self.method} {self.target}"


class Proxy:
    def __init__(self, port: int):
        self.upstream = port
        self.rule = lambda request: None
        self.requests = []
        self.sent_up = 0  # bytes of bodies that went to the server
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self, rule=None):
        with self.lock:
            self.rule = rule or (lambda request: None)
            self.requests = []
            self.sent_up = 0

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, client.makefile("rb") as reader:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self._one(client, reader):
                    pass
        except (OSError, ValueError):
            pass

    def _head(self, reader):
        line = reader.readline().decode("latin-1").strip()
        if not line:
            return None, {}
        headers = {}
        while True:
            text = reader.readline().decode("latin-1").strip()
            if not text:
                return line, headers
            name, _, value = text.partition(":")
            headers[name.strip().lower()] = value.strip()

    def _one(self, client, reader) -> bool:
        line, headers = self._head(reader)
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        with self.lock:
            request = Request(method, target, headers, len(self.requests))
            self.requests.append(request)
            action = self.rule(request)
        kind = action[0] if action else None
        size = int(headers.get("content-length", 0))
        if kind == "hang":
            time.sleep(action[1])
            return False
        if kind in ("status", "answer"):
            self._drop(reader, size)
            if kind == "answer":
                _, status, more, body = action
            else:
                status, more = action[1], {}
                body = f"<Error><Code>{action[2] if len(action) > 2 else 'SlowDown'}</Code><Message>by the proxy</Message></Error>".encode()
            lines = "".join(f"{k}: {v}\r\n" for k, v in more.items())
            length = len(body) if "Content-Length" not in more else None
            client.sendall(f"HTTP/1.1 {status} X\r\n{lines}".encode() + (f"Content-Length: {length}\r\n".encode() if length is not None else b"") + b"\r\n" + (b"" if method == "HEAD" else body))
            return True
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = f"{line}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k != "connection") + "connection: close\r\n\r\n"
            server.sendall(head.encode("latin-1"))
            if not self._up(request, reader, server, size, kind, action):
                return False
            with server.makefile("rb") as answers:
                return self._down(client, answers, method, kind, action)

    def _drop(self, reader, size):
        while size > 0:
            block = reader.read(min(size, 1 << 16))
            if not block:
                return
            size -= len(block)

    def _up(self, request, reader, server, size, kind, action) -> bool:
        at = 0
        while at < size:
            block = reader.read1(min(size - at, 1 << 18)) if kind != "slow-up" else reader.read(min(size - at, max(1, action[1] // 20)))
            if not block:
                return False
            if kind == "cut-up" and at + len(block) >= action[1]:
                return False
            server.sendall(block)
            at += len(block)
            request.body += block if size <= 1 << 16 else b""
            with self.lock:
                self.sent_up += len(block)
            if kind == "slow-up":
                time.sleep(0.05)
        return True

    def _down(self, client, answers, method, kind, action) -> bool:
        line, headers = self._head(answers)
        if not line:
            return False
        body = method != "HEAD" and " 204 " not in line
        size = int(headers["content-length"]) if "content-length" in headers else None
        client.sendall((f"{line}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k != "connection") + "\r\n").encode("latin-1"))
        at = 0
        while body and (size is None or at < size):
            block = answers.read1(1 << 18) if kind != "slow" else answers.read(max(1, action[1] // 20))
            if not block:
                break
            if kind == "cut" and at + len(block) >= action[1]:
                client.sendall(block[:max(0, action[1] - at)])
                return False
            if kind == "corrupt":
                block = bytes([block[0] ^ 1]) + block[1:]
                kind = None
            client.sendall(block)
            at += len(block)
            if kind == "slow":
                time.sleep(0.05)
        return size is not None or not body
