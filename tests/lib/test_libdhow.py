"""libdhow: from C (with sanitizers; with each allocation and call failing once), from Python; its symbols; as C11 to C++17."""
# run: timeout=600
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tap

HERE = pathlib.Path(__file__).resolve().parent
LIB = pathlib.Path(tap.DHOW).resolve().parent / "src" / "lib"
INCLUDE = tap.ROOT / "include"
SOURCES = [tap.ROOT / "src" / "lib" / f"{name}.c" for name in ("child", "dhow", "member", "engine-static")]
SYMBOLS = ("dhow_cancel dhow_close dhow_engine_main dhow_error dhow_fd dhow_free dhow_library_version dhow_next dhow_open dhow_read dhow_readv dhow_resume dhow_run_free "
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
SLOW = """pipeline: slow
inputs: {seconds: 2}
components: {wait: {image: a, command: [sleep, "{{$.inputs.parameters['seconds']}}"], inputs: {seconds: integer}}}
tasks: {wait: {run: wait, with: {seconds: "${seconds}"}, cache: false}}
"""


def sh(argv, **more):
    env = {**os.environ, **more.pop("env", {})}
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=more.pop("timeout", 300), env=env, check=False, **more)


def pipelines(folder):
    for name, text in (("hello", HELLO), ("slow", SLOW)):
        (folder / f"{name}.short.yaml").write_text(text)
        result = tap.dhow("compile", folder / f"{name}.short.yaml", "-o", folder / f"{name}.yaml")
        tap.check(result.returncode == 0, f"{name} compiles", tap.says(result))


def client(folder, name, flags, extra, env, timeout=300):
    program = folder / name
    define = ["-DDHOW_VERSION=\"0\"", "-DDHOW_BINDIR=\"/nowhere\"", "-D_GNU_SOURCE"]
    result = sh(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", *flags, *define, "-I", INCLUDE, "-I", tap.ROOT / "src", "-o", program, HERE / "client.c", *SOURCES, "-ldl"])
    if not tap.check(result.returncode == 0, f"{name}: compiles", result.stderr):
        return
    home = folder / f"home-{name}"
    result = sh([program, folder / "hello.yaml", folder / "slow.yaml", home, *extra], env={"DHOW_PROGRAM": tap.DHOW, **env}, timeout=timeout)
    print("".join(f"{line}\n" for line in result.stdout.splitlines() if line.startswith("# ")), end="")
    for line in result.stdout.splitlines():
        if line.startswith(("ok", "not ok")):
            tap.check(line.startswith("ok"), f"{name}: {line.split(' - ', 1)[-1]}", result.stdout[-1500:] + result.stderr[-1500:])
    tap.check(result.returncode == 0 and "1.." in result.stdout, f"{name}: clean to its end", result.stdout[-1500:] + result.stderr[-3000:])


def symbols():
    """Of both libraries: what is promised, and nothing that could clash with a caller's own names."""
    for file, flags, also in (("libdhow.so", ["-D"], []), ("libdhow.a", ["-g"], ["dhow__engine_here"])):
        result = sh(["nm", *flags, "--defined-only", LIB / file])
        names = sorted(line.split()[-1].split("@")[0] for line in result.stdout.splitlines() if re.search(r" [^AaU] ", line))
        tap.check(names == sorted(SYMBOLS + also), f"{file}: the symbols are those of the promise", "\n".join(names))
    result = sh(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-I", INCLUDE, "-fsyntax-only", HERE / "abi.c"])
    tap.check(result.returncode == 0, "each struct has the layout of the promise", result.stderr)


def dialects():
    for compiler, standard in [("gcc", "c11"), ("gcc", "c17"), ("gcc", "c2x"), ("g++", "c++17"), ("clang-14", "c11"), ("clang-14", "c++17")]:
        if not shutil.which(compiler):
            tap.skip(f"dhow.h as {standard}", f"no {compiler}")
            continue
        result = sh([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", INCLUDE, "-fsyntax-only", "-x", "c++" if "++" in standard else "c",
                     "-include", "dhow/dhow.h", "/dev/null"])
        tap.check(result.returncode == 0, f"dhow.h as {standard} by {compiler}", result.stderr)


def python(folder):
    """dhow.py and the library in one folder, and no program anywhere."""
    place = folder / "python"
    place.mkdir()
    shutil.copy(tap.ROOT / "bindings" / "python" / "dhow.py", place)
    shutil.copy(LIB / "libdhow.so", place / "libdhow.so.0")
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
g = dhow.start({str(folder / 'slow.yaml')!r}, home=home, seconds=600)
for e in g:
    if e.get("state") == "RUNNING":
        g.cancel()
try:
    g.wait()
except dhow.Canceled as e:
    out["canceled"] = e.run.state
out["runs"] = len(dhow.runs(home=home))
import ctypes
out["layout"] = [ctypes.sizeof(c) for c in (dhow._Event, dhow._Options, dhow._StartOptions)]
print(json.dumps(out))
"""
    result = sh([sys.executable, "-c", program], env={"PYTHONPATH": str(place), "DHOW_PROGRAM": ""})
    out = json.loads(result.stdout or "{}")
    tap.check(out.get("outputs") == {"said": "Hello, Python!"} and out.get("state") == "SUCCEEDED", "Python: dhow.run(…).outputs", tap.says(result))
    tap.check("nothing" in out.get("wrong", "") and out.get("canceled") == "CANCELED" and out.get("runs", 0) >= 2, "Python: errors, cancel, runs", tap.says(result))
    tap.check("SUCCEEDED second" in result.stderr, "Python: progress", result.stderr)
    tap.check(out.get("layout") == [1128, 56, 72], "Python: structs as the library has them", str(out.get("layout")))


def faulty(folder, most, timeout=300):
    faults = folder / "faults.so"
    result = sh(["gcc", "-std=gnu17", "-shared", "-fPIC", "-O1", "-o", faults, HERE / "faults.c", "-ldl"])
    tap.check(result.returncode == 0, "faults.so", result.stderr)
    client(folder, "faulty", ["-g", "-rdynamic"], [folder / "faults", most], {"LD_PRELOAD": str(faults)}, timeout)


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-lib-") as temp:
        folder = pathlib.Path(temp)
        pipelines(folder)
        if "--faults" in sys.argv:  # each of them: `make faults`
            faulty(folder, 0, 4 * 3600)
        else:
            client(folder, "sanitized", ["-g", "-fsanitize=address,undefined"], [], {})
            faulty(folder, 50)
            symbols()
            dialects()
            python(folder)
    tap.done()


if __name__ == "__main__":
    main()
