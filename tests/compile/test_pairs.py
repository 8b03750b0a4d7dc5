"""The same pipelines in C and in the official SDK come out as the same spec, field for field.

pairs/NAME.c beside the function NAME of pairs/pairs.py; and the C forms of pipelines/.
"""
# run: asan
import os
import pathlib
import subprocess
import sys
import tempfile

import same
import tap

HERE = pathlib.Path(__file__).resolve().parent
PIPELINES = tap.ROOT / "pipelines"


def compile_c(source, to):
    return tap.dhow("compile", source, "-o", to)


def compare(name, source, expected, folder):
    made = folder / f"{name}-c.yaml"
    result = compile_c(source, made)
    if not tap.check(result.returncode == 0, f"{name}: compiles", tap.says(result)):
        return
    found = same.difference(same.meaning(expected), same.meaning(made))
    tap.check(not found, f"{name}: the same spec", "\n".join(found))
    result = tap.dhow("validate", made)
    tap.check(result.returncode == 0, f"{name}: dhow validates it", tap.says(result))


def by_sdk(names, folder):
    """All of them in one process: importing the SDK takes a second."""
    program = "import sys; sys.argv = ['pairs.py']; sys.path.insert(0, sys.argv[0]); import pairs; from kfp import compiler\n"
    program += "".join(f"compiler.Compiler().compile(pairs.{n}, {str(folder / (n + '-py.yaml'))!r})\n" for n in names)
    result = subprocess.run([os.environ.get("DHOW_TEST_PYTHON", sys.executable), "-W", "ignore", "-c", program], cwd=HERE / "pairs",
                            env={**os.environ, "PYTHONPATH": str(HERE / "pairs")}, capture_output=True, text=True, timeout=300, check=False)
    return tap.check(result.returncode == 0, "the SDK compiles its side", result.stderr[-2000:])


def sdk_loads(files):
    """kfp.components.load_component_from_file accepts what dhow writes."""
    program = "import sys\nfrom kfp import components\nfor f in sys.argv[1:]:\n    components.load_component_from_file(f)\n"
    result = subprocess.run([os.environ.get("DHOW_TEST_PYTHON", sys.executable), "-W", "ignore", "-c", program, *map(str, files)],
                            capture_output=True, text=True, timeout=300, check=False)
    tap.check(result.returncode == 0, "the SDK loads all of them as components", result.stderr[-2000:])


def main():
    names = sorted(p.stem for p in (HERE / "pairs").glob("*.c"))
    with tempfile.TemporaryDirectory(prefix="dhow-pairs-") as temp:
        folder = pathlib.Path(temp)
        if by_sdk(names, folder):
            for name in names:
                compare(name, HERE / "pairs" / f"{name}.c", folder / f"{name}-py.yaml", folder)
        for source in sorted(PIPELINES.glob("*/*.c")):
            compare(f"{source.parent.name}-{source.stem}", source, source.with_suffix(".yaml"), folder)
        sdk_loads(sorted(folder.glob("*-c.yaml")))
    tap.done()


if __name__ == "__main__":
    main()
