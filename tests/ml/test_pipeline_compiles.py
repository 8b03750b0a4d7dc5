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
        sources = [*(ROOT / "pipelines").glob("*/pipeline.py"), *(ROOT / "pipelines").glob("*/sweep.py")]
        for source in sorted(sources):
            name = f"{source.parent.name}/{source.stem}"
            out = pathlib.Path(folder) / f"{source.parent.name}-{source.stem}.yaml"
            run = subprocess.run([PYTHON, str(source), str(out)], capture_output=True, text=True, check=False,
                                 env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
            if check(run.returncode == 0, f"{name}: compiles", run.stderr):
                same = out.read_text() == source.with_suffix(".yaml").read_text()
                check(same, f"{name}: the checked-in YAML is up to date", f"run: {PYTHON} {source.relative_to(ROOT)}")
            for folder_of in sorted(source.parent.glob("components/*")) if source.stem == "pipeline" else []:
                text = (folder_of / "Dockerfile").read_text()
                image = f"dhow/components/{folder_of.name}:"
                check(image in text and image in source.with_suffix(".yaml").read_text(),
                      f"{name}: {folder_of.name} has its image")
    done()


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    main()
