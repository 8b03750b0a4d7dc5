"""As a user has it: `make install`ed headers, pkg-config, `dhow new`; a component and a pipeline outside of the tree."""
# run: timeout=300
import os
import pathlib
import shutil
import subprocess
import tempfile

import tap

BUILD = pathlib.Path(tap.DHOW).resolve().parent
HEADERS = ["component", "component-args", "component-main", "component-run", "json", "kubernetes", "pipeline", "pipeline-record", "pipeline-settings", "rows"]
DIALECTS = [("gcc", "c11"), ("gcc", "c17"), ("gcc", "c2x"), ("clang-14", "c11"), ("clang-14", "c17"), ("clang-14", "c2x"), ("clang-14", "c++17"), ("g++", "c++17"), ("g++", "c++20")]


def sh(argv, cwd, env=None):
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=200, env={**os.environ, **(env or {})}, check=False)


def headers(include):
    for compiler, standard in DIALECTS:
        if not shutil.which(compiler):
            tap.skip(f"headers as {standard} by {compiler}", f"no {compiler} here")
            continue
        bad = ""
        for header in HEADERS:
            result = sh([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", include, "-fsyntax-only", "-x",
                         "c++" if "++" in standard else "c", "-include", f"dhow/{header}.h", "/dev/null"], "/")
            bad += result.stderr if result.returncode else ""
        tap.check(not bad, f"each header alone as {standard} by {compiler}", bad[-2000:])


def library(prefix, folder, env):
    """Programs that are linked as pkg-config says. The dhow program is taken away: the library is enough."""
    (prefix / "bin" / "dhow").unlink()
    env = {**env, "PATH": os.environ["PATH"], "DHOW_HOME": str(folder / "h"), "DHOW_PROGRAM": ""}
    page = (tap.ROOT / "docs" / "embedding.md").read_text().split("```c\n")[1].split("```")[0]
    body = page.replace("…", "{ puts(dhow_error(d)); return 1; }").replace('\\"rate\\": 0.1', '\\"name\\": \\"you\\"').replace("pipeline.yaml", "hello.yaml")
    (folder / "embed.c").write_text(f"#include <dhow/dhow.h>\n#include <stdio.h>\nint main(void)\n{{\n{body}dhow_run_free(run);\ndhow_close(d);\nreturn 0;\n}}\n")
    (folder / "embedded.c").write_text((tap.ROOT / "examples" / "embedded" / "main.c").read_text())
    where = next(prefix.glob("**/libdhow.so"), prefix).parent
    for source, package, ends, says in (("embed", "dhow", 0, '"SUCCEEDED"'), ("embedded", "dhow-static", 0, '"SUCCEEDED"'), ("embed", "dhow-static", 1, "dhow_engine_main")):
        what = f"{source}.c with {package}"
        flags = sh(["pkg-config", "--cflags", "--libs", package], folder, env).stdout.split()
        built = sh(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-o", "caller", f"{source}.c", *flags], folder, env)
        if tap.check(built.returncode == 0, f"{what}: is linked as pkg-config says", built.stderr):
            ran = sh(["./caller", "hello.yaml", '{"name": "you"}'][:3 if source == "embedded" else 1], folder, {**env, "LD_LIBRARY_PATH": str(where) if package == "dhow" else ""})
            tap.check(ran.returncode == ends and says in ran.stdout, f"{what}: {'runs a pipeline' if ends == 0 else 'says what is missing'}", tap.says(ran))
    page = next(prefix.glob("**/man3/libdhow.3"), None)
    tap.check(page is not None and "dhow_cancel" in page.read_text(), "man 3 libdhow", str(page))


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-install-") as temp:
        folder = pathlib.Path(temp)
        stage = folder / "stage"
        sh(["ninja", "-C", str(BUILD), "--quiet", "install-files"], folder)
        result = sh(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet", "--destdir", str(stage)], folder)
        prefix = next(stage.glob("**/include/dhow")).parents[1] if result.returncode == 0 else stage
        tap.check(result.returncode == 0 and (prefix / "bin" / "dhow").exists(), "make install", tap.says(result))
        headers(prefix / "include")
        pc = next(prefix.glob("**/pkgconfig/dhow-component.pc"), None)
        env = {"PKG_CONFIG_PATH": str(pc.parent) if pc else "", "PKG_CONFIG_SYSROOT_DIR": "", "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"}
        if pc:  # where it will be is not where it is now
            for name in ("dhow-component", "dhow-pipeline", "dhow", "dhow-static"):
                file = pc.parent / f"{name}.pc"
                file.write_text("\n".join(f"prefix={prefix}" if line.startswith("prefix=") else line for line in file.read_text().splitlines()) + "\n")
        result = sh(["dhow", "new", "component", "count-lines"], folder, env)
        tap.check(result.returncode == 0 and "count-lines/Dockerfile" in result.stdout, "dhow new component", tap.says(result))
        result = sh(["make", "test", "component.yaml"], folder / "count-lines", env)
        tap.check(result.returncode == 0 and "2 lines" in result.stdout, "it is built with pkg-config alone, and works", tap.says(result))
        result = sh(["dhow", "validate", "count-lines/component.yaml"], folder, env)
        tap.check(result.returncode == 0, "its component is valid", tap.says(result))
        if shutil.which("musl-gcc"):
            result = sh(["make", "static"], folder / "count-lines", env)
            tap.check(result.returncode == 0, "make static", tap.says(result))
        result = sh(["dhow", "new", "component", "count-lines"], folder, env)
        tap.check(result.returncode == 2 and "is there already" in result.stderr, "nothing is overwritten", tap.says(result))
        result = sh(["dhow", "new", "component", "Bad_Name"], folder, env)
        tap.check(result.returncode == 2, "a name that is none", tap.says(result))
        result = sh(["sh", "-ec", "dhow new pipeline hello && dhow compile hello.c -o hello.yaml && dhow --home h run hello.yaml -p name=you"], folder, env)
        tap.check(result.returncode == 0 and "Again: Hello, you!" in result.stderr, "dhow new pipeline, compiled and run", tap.says(result))
        library(prefix, folder, env)
    tap.done()


if __name__ == "__main__":
    main()
