"""A TCP proxy whose connections can be cut: after so many bytes to the server, or all at once."""
import random
import select
import socket
import threading


class Proxy:
    def __init__(self, port: int):
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs: set = set()
        self.lock = threading.Lock()
        self.cuts = 0
        self.every = 0  # bytes to the server between two cuts; 0: none
        self.dice = random.Random(7)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()
                continue
            threading.Thread(target=self.carry, args=(client, server), daemon=True).start()

    def carry(self, client, server) -> None:
        with self.lock:
            self.pairs.add((client, server))
        left = self.dice.randrange(1, self.every * 2) if self.every else None
        try:
            while True:
                for s in select.select([client, server], [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    if s is client and left is not None:
                        left -= len(data)
                        if left <= 0:
                            self.cuts += 1
                            if self.dice.random() < 0.5:  # the server may have it, the answer is lost
                                server.sendall(data)
                            return
                    (server if s is client else client).sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.pairs.discard((client, server))
            client.close()
            server.close()

    def cut(self) -> None:
        with self.lock:
            pairs = list(self.pairs)
        self.cuts += len(pairs)
        for pair in pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self) -> None:
        self.listener.close()
        self.cut()
