"""What an interpreter says of itself, as JSON."""
import json
import os
import sys


def version(name):
    try:
        from importlib.metadata import version as of

        return of(name)
    except Exception:
        return None


print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "prefix": sys.base_prefix,
    "sites": [p for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages") and os.path.isdir(p)],
    "kfp": version("kfp"),
}))
