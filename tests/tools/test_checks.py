"""The checks by machine find what they are there for."""
import pathlib
import subprocess
import sys
import tempfile

from tap import ROOT, check, done


def tool(name: str, files: dict) -> subprocess.CompletedProcess:
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return subprocess.run([sys.executable, ROOT / "tools" / name, folder], capture_output=True, text=True, check=False)


def main() -> None:
    good = {"src/base/a.h": "#include <stdio.h>\n", "src/engine/b.c": '#include "base/a.h"\n#include "spec/c.h"\n#include <uv.h>\n', "src/spec/c.h": "",
            "include/dhow/d.h": "#include <stddef.h>\n"}
    layers = {
        "an arrow that points up": ({"src/base/a.h": '#include "store/b.h"\n'}, "base may not use store"),
        "an arrow to the side": ({"src/store/a.c": '#include "artifact/b.h"\n'}, "store may not use artifact"),
        "a library in the wrong folder": ({"src/plan/a.c": "#include <sqlite3.h>\n"}, "belongs to store"),
        "an unknown library": ({"src/base/a.c": "#include <glib.h>\n"}, "unknown library"),
        "a library in two folders": ({"src/runtime/a.c": "#include <uv.h>\n", "src/engine/a.c": "#include <uv.h>\n"}, "src/engine/a.c:1, src/runtime/a.c:1"),
        "another folder's private header": ({"src/plan/a.c": '#include "spec/spec-priv.h"\n'}, "private to spec"),
        "a header without its folder": ({"src/plan/a.c": '#include "plan.h"\n'}, "is not written as folder/file.h"),
        "cmocka outside of a test": ({"src/plan/a.c": "#include <cmocka.h>\n"}, "outside of a test"),
        "a public header that needs ours": ({"include/dhow/a.h": '#include "plan/plan.h"\n'}, "public header"),
    }
    result = tool("layers.py", good)
    check(result.returncode == 0 and "not ok" not in result.stdout, "layers: nothing to find", result.stdout)
    for name, (files, words) in layers.items():
        result = tool("layers.py", {**good, **files})
        check(result.returncode == 1 and words in result.stdout, f"layers: {name}", result.stdout + result.stderr)

    banned = {
        "a call": ("int x = atoi(text);", True),
        "a call over blanks": ("strcpy (a, b);", True),
        "in a comment": ("/* atoi(x) */ // strcpy(a)", False),
        "in a text": ('puts("system(\\"x\\")");', False),
        "part of a name": ("my_atoi(x); gmtime_r(a, b); run->system(x); db.system(y);", False),
        "a name, not called": ("int system = 1;", False),
    }
    for name, (code, found) in banned.items():
        result = tool("banned.py", {"src/base/a.c": f"void f(void)\n{{\n    {code}\n}}\n"})
        check(result.returncode == int(found) and ("line 3" in result.stdout) == found, f"banned: {name}", result.stdout + result.stderr)
    done()


if __name__ == "__main__":
    main()
