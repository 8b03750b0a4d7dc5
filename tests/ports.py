"""A port for a server that is started later, or again: not one of those that the kernel hands out, which any connection of a neighbour may have
taken by then."""
import pathlib
import random
import socket

LOWEST = 10000


def _first_handed_out() -> int:
    try:
        return int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 32768


def free_port() -> int:
    ours = range(LOWEST, _first_handed_out())
    for _ in range(100):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.choice(ours) if len(ours) > 1000 else 0))
            except OSError:
                continue
            return s.getsockname()[1]
    raise RuntimeError("no port is free")
