#!/usr/bin/env python3
"""Checks that includes point only downwards, and that each outside library has one home.

MAY_CALL is the table of ARCHITECTURE.md. A folder may also use what the folders it may call may use
(their headers hand those types on), and everything may use base. LIBRARIES says which one folder
includes a library's header; an unknown header that is neither C's nor the system's is an error, so
that a new dependency is a decision and not an accident.

The tree is this one, or the one named. Prints TAP, one line a file: `ok` or `not ok`.
"""
import os
import re
import sys

MAY_CALL = {
    "base": [],
    "spec": ["base"],
    "cel": ["base"],
    "plan": ["spec", "cel"],
    "store": ["base"],
    "artifact": ["base"],
    "mlmd": ["store"],
    "runtime": ["base", "artifact"],
    "registry": ["store", "artifact", "ml"],
    "mlflow": ["store", "registry"],
    "kube": ["spec", "runtime"],
    "engine": ["plan", "runtime", "store", "artifact", "registry", "kube", "argo"],
    "argo": ["plan", "store", "artifact"],
    "api": ["store", "mlflow", "mlmd", "engine", "argo"],
    "compile": ["spec"],
    "lib": ["cli"],
    "launch": ["base"],
    "remote": ["base"],
    "ml": ["base"],
    "components": ["ml", "artifact"],
    "cli": ["base", "mlmd", "spec", "cel", "plan", "store", "artifact", "runtime", "registry", "kube", "engine", "argo", "api", "compile", "remote", "ml", "components"],
}

LIBRARIES = {  # header's beginning: the folders that may include it
    "yaml.h": ["spec"],
    "openssl/ssl.h": ["launch"],
    "openssl/err.h": ["launch"],
    "openssl/x509v3.h": ["launch"],
    "openssl/": ["base"],
    "zlib.h": ["base", "spec", "ml"],
    "zstd.h": ["base", "ml"],
    "sqlite3.h": ["store"],
    "libpq-fe.h": ["store"],
    "mysql.h": ["store"],
    "mariadb/": ["store"],
    "uv.h": ["runtime", "engine"],
    "curl/": ["base"],
    "expat.h": ["base"],
    "microhttpd.h": ["api"],
    "nghttp2/": ["mlmd"],
    "cblas.h": ["ml"],
}
PUBLIC = ["base/err.h", "base/own.h"]  # what a header of include/ may use of ours

SYSTEM = re.compile(
    r"^(assert|ctype|dirent|dlfcn|elf|errno|fcntl|fenv|float|fnmatch|ftw|getopt|glob|grp|immintrin|inttypes|langinfo|limits|link|locale|"
    r"malloc|math|netdb|nss|poll|pthread|pwd|sched|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|"
    r"stdlib|string|strings|syslog|termios|threads|time|unistd|utime|wchar|wctype|x86intrin|cpuid|arm_neon)\.h$"
    r"|^(sys|linux|asm|net|netinet|arpa)/")
TEST_ONLY = re.compile(r"^(cmocka\.h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]', re.M)


def closure(folder, seen=None):
    seen = seen if seen is not None else set()
    for below in MAY_CALL.get(folder, []) + ["base"]:
        if below not in seen and below != folder:
            seen.add(below)
            closure(below, seen)
    return seen


def check(root, path, homes):
    rel = os.path.relpath(path, root)
    parts = rel.split(os.sep)
    folder = parts[1] if parts[0] == "src" else None
    name = parts[-1]
    faults = []
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for kind, header in INCLUDE.findall(text):
        line = text[:text.index(header)].count("\n") + 1
        if kind == '"' or header.startswith("dhow/"):
            first = header.split("/")[0]
            if first == "dhow" or header.endswith(".inc") or (folder is None and "/" not in header):
                continue
            if folder is None and header in PUBLIC:
                continue
            if folder is None:
                faults.append(f"{rel}:{line}: a public header includes our own '{header}'")
            elif first not in MAY_CALL:
                faults.append(f"{rel}:{line}: '{header}' is not written as folder/file.h")
            elif first != folder and first not in closure(folder):
                faults.append(f"{rel}:{line}: {folder} may not use {first} ('{header}')")
            elif first != folder and header.endswith("-priv.h"):
                faults.append(f"{rel}:{line}: '{header}' is private to {first}")
        elif TEST_ONLY.match(header):
            if not re.match(r"(test|fuzz)", name):
                faults.append(f"{rel}:{line}: <{header}> outside of a test")
        elif not SYSTEM.match(header):
            library = next((l for l in LIBRARIES if header.startswith(l)), None)
            if library is None:
                faults.append(f"{rel}:{line}: <{header}>: unknown library; add it to tools/layers.py")
            elif folder not in LIBRARIES[library]:
                faults.append(f"{rel}:{line}: <{header}> belongs to {' or '.join(LIBRARIES[library])}")
            elif not re.match(r"(test|fuzz)", name):
                homes.setdefault(library, {}).setdefault(folder, f"{rel}:{line}")
    return rel, faults


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = []
    for top in ("src", "include"):
        for at, _, names in os.walk(os.path.join(root, top)):
            files += [os.path.join(at, n) for n in names if n.endswith((".c", ".h"))]
    homes, n, bad = {}, 0, 0
    for path in sorted(files):
        rel, faults = check(root, path, homes)
        n += 1
        bad += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {n} - {rel}")
        for fault in faults:
            print(f"# {fault}")
    for library, places in sorted(homes.items()):
        n += 1
        one = len(places) == 1
        bad += not one
        print(f"{'ok' if one else 'not ok'} {n} - {library} is included from one folder")
        if not one:
            print("# " + ", ".join(places.values()))
    print(f"1..{n}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
