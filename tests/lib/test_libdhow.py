"""libdhow: from C (with sanitizers; with each allocation and call failing once), from Python; its symbols; as C11 to C++17."""
# run: timeout=600
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tap

HERE = pathlib.Path(__file__).resolve().parent
LIB = pathlib.Path(tap.DHOW).resolve().parent / "src" / "lib"
INCLUDE = tap.ROOT / "include"
SOURCES = [str(p) for p in sorted((tap.ROOT / "src" / "lib").glob("*.c"))]
SYMBOLS = ("dhow_cancel dhow_close dhow_error dhow_fd dhow_free dhow_library_version dhow_next dhow_open dhow_read dhow_readv dhow_resume dhow_run_free "
           "dhow_run_id dhow_start dhow_wait").split()  # what 0.1 promises: names are added here, never taken away
HELLO = """pipeline: hello
inputs: {name: world}
components:
  say: {image: a, command: [sh, -c, 'printf %s "$0" >"$1"'], args: ["{{$.inputs.parameters['text']}}", "{{$.outputs.parameters['said'].output_file}}"],
        inputs: {text: text}, outputs: {said: text}}
tasks:
  first: {run: say, with: {text: "Hello, ${name}"}}
  second: {run: say, with: {text: "${first}!"}}
outputs: {said: "${second}"}
"""
SLOW = "pipeline: slow\ncomponents: {wait: {image: a, command: [sleep, '2']}}\ntasks: {wait: {run: wait, cache: false}}\n"


def sh(argv, **more):
    env = {**os.environ, **more.pop("env", {})}
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=300, env=env, check=False, **more)


def pipelines(folder):
    for name, text in (("hello", HELLO), ("slow", SLOW)):
        (folder / f"{name}.short.yaml").write_text(text)
        result = tap.dhow("compile", folder / f"{name}.short.yaml", "-o", folder / f"{name}.yaml")
        tap.check(result.returncode == 0, f"{name} compiles", tap.says(result))


def client(folder, name, flags, extra, env):
    program = folder / name
    define = ["-DDHOW_VERSION=\"0\"", "-DDHOW_BINDIR=\"/nowhere\"", "-D_GNU_SOURCE"]
    result = sh(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", *flags, *define, "-I", INCLUDE, "-I", tap.ROOT / "src", "-o", program, HERE / "client.c", *SOURCES, "-ldl"])
    if not tap.check(result.returncode == 0, f"{name}: compiles", result.stderr):
        return
    home = folder / f"home-{name}"
    result = sh([program, folder / "hello.yaml", folder / "slow.yaml", home, *extra], env={"DHOW_PROGRAM": tap.DHOW, **env})
    for line in result.stdout.splitlines():
        if line.startswith(("ok", "not ok")):
            tap.check(line.startswith("ok"), f"{name}: {line.split(' - ', 1)[-1]}", result.stdout[-1500:] + result.stderr[-1500:])
    tap.check(result.returncode == 0 and "1.." in result.stdout, f"{name}: clean to its end", result.stdout[-1500:] + result.stderr[-3000:])


def symbols():
    shared = LIB / "libdhow.so"
    result = sh(["nm", "-D", "--defined-only", shared])
    names = sorted(line.split()[-1].split("@")[0] for line in result.stdout.splitlines() if " T " in line)
    tap.check(names == SYMBOLS, "the symbols are those of the promise", "\n".join(names))


def dialects():
    for compiler, standard in [("gcc", "c11"), ("gcc", "c17"), ("gcc", "c2x"), ("g++", "c++17"), ("clang-14", "c11")]:
        if not shutil.which(compiler):
            tap.skip(f"dhow.h as {standard}", f"no {compiler}")
            continue
        result = sh([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", INCLUDE, "-fsyntax-only", "-x", "c++" if "++" in standard else "c",
                     "-include", "dhow/dhow.h", "/dev/null"])
        tap.check(result.returncode == 0, f"dhow.h as {standard} by {compiler}", result.stderr)


def python(folder):
    shared = LIB / "libdhow.so"
    program = f"""
import json, dhow
home = {str(folder / 'home-py')!r}
out = {{}}
r = dhow.run({str(folder / 'hello.yaml')!r}, home=home, name="Python")
out["outputs"], out["state"], out["tasks"] = r.outputs, r.state, len(r.tasks)
try:
    dhow.run({str(folder / 'hello.yaml')!r}, home=home, nothing=1)
except ValueError as e:
    out["wrong"] = str(e)
g = dhow.start({str(folder / 'slow.yaml')!r}, home=home)
for e in g:
    if e.get("state") == "RUNNING":
        g.cancel()
try:
    g.wait()
except dhow.Canceled as e:
    out["canceled"] = e.run.state
out["runs"] = len(dhow.runs(home=home))
print(json.dumps(out))
"""
    result = sh([sys.executable, "-c", program], env={"PYTHONPATH": str(tap.ROOT / "bindings" / "python"), "DHOW_LIBRARY": str(shared), "DHOW_PROGRAM": tap.DHOW})
    out = json.loads(result.stdout or "{}")
    tap.check(out.get("outputs") == {"said": "Hello, Python!"} and out.get("state") == "SUCCEEDED", "Python: dhow.run(…).outputs", tap.says(result))
    tap.check("nothing" in out.get("wrong", "") and out.get("canceled") == "CANCELED" and out.get("runs", 0) >= 2, "Python: errors, cancel, runs", tap.says(result))
    tap.check("SUCCEEDED second" in result.stderr, "Python: progress", result.stderr)


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-lib-") as temp:
        folder = pathlib.Path(temp)
        pipelines(folder)
        client(folder, "sanitized", ["-g", "-fsanitize=address,undefined"], [], {})
        faults = folder / "faults.so"
        result = sh(["gcc", "-std=gnu17", "-shared", "-fPIC", "-O1", "-o", faults, HERE / "faults.c", "-ldl"])
        tap.check(result.returncode == 0, "faults.so", result.stderr)
        client(folder, "faulty", ["-g", "-rdynamic"], [folder / "faults"], {"LD_PRELOAD": str(faults)})
        symbols()
        dialects()
        python(folder)
    tap.done()


if __name__ == "__main__":
    main()
