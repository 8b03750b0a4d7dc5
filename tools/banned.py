#!/usr/bin/env python3
"""Looks for functions that the house does not use, in our C files without comments and texts.

The tree is this one, or the one named. Prints TAP, one line a file.
"""
import os
import re
import sys

BANNED = {
    "strcpy": "copy into a buf, or dh_strdup", "strcat": "a buf", "sprintf": "snprintf, dh_printf or a buf",
    "vsprintf": "vsnprintf or buf_addv", "strtok": "strtok_r, or a scanner", "atoi": "strtol with its end checked",
    "atol": "strtol with its end checked", "atof": "strtod with its end checked", "gets": "fgets",
    "system": "posix_spawn", "popen": "posix_spawn", "gmtime": "gmtime_r", "localtime": "localtime_r",
    "mktemp": "mkstemp", "tmpnam": "mkstemp", "alloca": "dh_alloc",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
SKIP = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    n = bad = 0
    for top in ("src", "include"):
        for at, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.join(at, name)
                with open(path, encoding="utf-8") as f:
                    text = SKIP.sub(blank, f.read())
                hits = list(CALL.finditer(text))
                n += 1
                bad += bool(hits)
                print(f"{'not ok' if hits else 'ok'} {n} - {os.path.relpath(path, root)}")
                for hit in hits:
                    line = text[:hit.start()].count("\n") + 1
                    print(f"# line {line}: {hit.group(1)}: use {BANNED[hit.group(1)]}")
    print(f"1..{n}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
