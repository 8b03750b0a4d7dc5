"""The checked-in pipeline files are what the official SDK makes of the pipeline.py beside them."""
import os
import pathlib
import subprocess
import sys
import tempfile

from tap import ROOT, check, done

PYTHON = os.environ.get("DHOW_TEST_PYTHON") or str(ROOT / ".venv" / "bin" / "python")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((ROOT / "pipelines").glob("*/pipeline.py")):
            name = source.parent.name
            out = pathlib.Path(folder) / f"{name}.yaml"
            run = subprocess.run([PYTHON, str(source), str(out)], capture_output=True, text=True, check=False)
            if check(run.returncode == 0, f"{name}: pipeline.py compiles", run.stderr):
                same = out.read_text() == source.with_name("pipeline.yaml").read_text()
                check(same, f"{name}: pipeline.yaml is up to date", f"run: {PYTHON} {source.relative_to(ROOT)}")
            for folder_of in sorted(source.parent.glob("components/*")):
                text = (folder_of / "Dockerfile").read_text()
                image = f"dhow/components/{folder_of.name}:"
                check(image in text and image in source.with_name("pipeline.yaml").read_text(),
                      f"{name}: {folder_of.name} has its image")
    done()


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    main()
