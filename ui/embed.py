#!/usr/bin/env python3
"""Writes the built page as a C table: embed.py DIST OUT.c. Every file is gzip's, with an ETag of its bytes."""
import gzip
import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def files(dist):
    for at, folders, names in os.walk(dist):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(at, name)
            yield "/" + os.path.relpath(path, dist).replace(os.sep, "/"), path


def array(data):
    rows = (data[i:i + 24] for i in range(0, len(data), 24))
    return ",\n    ".join(",".join(map(str, row)) for row in rows)


def main(dist, out):
    table = []
    with open(out, "w", encoding="utf-8") as c:
        c.write('/* Made from ui/dist by ui/embed.py. */\n#include "api/asset.h"\n')
        for i, (url, path) in enumerate(files(dist)):
            with open(path, "rb") as f:
                raw = f.read()
            data = gzip.compress(raw, 9, mtime=0)
            c.write(f"static const unsigned char bytes_{i}[] = {{\n    {array(data)}}};\n")
            url = "/" if url == "/index.html" else url
            etag = hashlib.sha256(raw).hexdigest()[:16]
            immutable = "true" if url.startswith("/assets/") else "false"
            table.append(f'    {{"{url}", "{TYPES[os.path.splitext(path)[1]]}", "\\"{etag}\\"", bytes_{i}, sizeof bytes_{i}, true, {immutable}}},\n')
        c.write("const struct asset asset_table[] = {\n" + "".join(table) + "    {NULL, NULL, NULL, NULL, 0, false, false},\n};\n")


main(*sys.argv[1:])
