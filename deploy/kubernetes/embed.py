#!/usr/bin/env python3
"""Writes the manifests as a C table for `dhow deploy`: embed.py FOLDER OUT.c. One source: what kustomize puts together, the program prints."""
import os
import re
import sys


def files(folder):
    """(overlay or "", file's path, its text); the order is kustomization.yaml's. What lies on the web is a reference: its address is the text."""
    for overlay in [""] + sorted(os.listdir(os.path.join(folder, "overlays"))):
        at = os.path.join(folder, "overlays", overlay) if overlay else os.path.join(folder, "base")
        with open(os.path.join(at, "kustomization.yaml"), encoding="utf-8") as f:
            text = f.read()
        for name in re.findall(r"^  - (?:path: )?(\S+)$", text, re.M):
            if name.startswith("https://"):
                yield overlay, "", name
            else:
                with open(os.path.join(at, name), encoding="utf-8") as f:
                    yield overlay, name, f.read()


def literal(text):
    lines = (line.replace("\\", "\\\\").replace('"', '\\"') for line in text.splitlines())
    return "\n".join(f'     "{line}\\n"' for line in lines)


def main(folder, out):
    with open(out, "w", encoding="utf-8") as c:
        c.write('/* Made from deploy/kubernetes by its embed.py. */\n#include <stddef.h>\n#include "cli/deploy.h"\n\nconst struct manifest deploy_manifests[] = {\n')
        for overlay, name, text in files(folder):
            c.write(f'    {{"{overlay}", "{name}",\n{literal(text)}}},\n')
        c.write("    {NULL, NULL, NULL},\n};\n")


main(*sys.argv[1:])
