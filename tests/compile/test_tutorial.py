"""docs/tutorial.md, as its reader does it: files are written, commands are run, in their order, in an empty folder."""
# run: timeout=300
import os
import pathlib
import re
import subprocess
import tempfile

import tap

PAGE = tap.ROOT / "docs" / "tutorial.md"


def main():
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^`([\w./-]+)`:\n\n)?```(\w+)\n(.*?)```", text, re.S | re.M)
    tap.check(len(blocks) >= 8, "the page has files and commands")
    with tempfile.TemporaryDirectory(prefix="dhow-tutorial-") as temp:
        folder = pathlib.Path(temp)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "dhow").symlink_to(pathlib.Path(tap.DHOW).resolve())
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "CPATH": str(tap.ROOT / "include")}
        script = ["set -e", 'trap \'echo "line: $BASH_COMMAND" >&2\' ERR']
        for name, kind, content in blocks:
            if kind == "c":
                tap.check(bool(name), f"a file has a name: {name}")
                (folder / name).write_text(content, encoding="utf-8")
            elif kind == "sh":
                script.append(content)
        result = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env=env, capture_output=True, text=True, timeout=250, check=False)
        tap.check(result.returncode == 0, "every command succeeds", result.stdout[-2000:] + result.stderr[-3000:])
        said = result.stdout + result.stderr
        tap.check("SUCCEEDED  run 1 of line" in said and "good-enough): taken" in said, "the first run publishes", said[-3000:])
        tap.check("not-good-enough): taken" in said, "the noisy one does not", said[-3000:])
        tap.check(re.search(r"run 3 of line, .*5? ?cached|run 3 of line.*cached", said) is not None, "the third is cached", said[-3000:])
        tap.check("rmse" in said, "the metric is shown", said[-3000:])
    tap.done()


if __name__ == "__main__":
    main()
