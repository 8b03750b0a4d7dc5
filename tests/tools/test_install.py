"""`make install`: the program with its man page and completions, and the numeric core as a library that a C program can use. And the images of
the pipelines' steps: they bring what the program is linked to."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from tap import DHOW, ROOT, check, done, skip

BUILD = pathlib.Path(DHOW).resolve().parent
PROGRAM = r"""
#include <dhow/base/js.h>
#include <dhow/ml.h>
#include <stdio.h>
int main(void)
{
    static const char csv[] = "a,y\n1,no\n2,no\n3,yes\n4,yes\n";
    struct ml_frame *frame = NULL;
    struct ml_model *model = NULL;
    double *p = NULL;
    struct dh_err err;
    if (ml_csv_parse(csv, sizeof csv - 1, NULL, &frame, &err) < 0)
        return 1;
    struct ml_task task = {.frame = frame, .target = "y"};
    struct js *options = js_object();
    js_set(options, "max_depth", js_int(3));
    if (ml_train("decision-tree", &task, options, &model, &err) < 0 || ml_predict(model, frame, NULL, 0, 1, &p, &err) < 0)
        return 2;
    printf("%s %g %g\n", ml_model_class(model, 1), p[1], p[7]);
    return 0;
}
"""


def all_is_built() -> None:
    """`make install` in a tree where only the program has been built makes the rest first."""
    told = subprocess.run(["meson", "introspect", "--targets", BUILD], capture_output=True, text=True, check=True).stdout
    files = [os.path.relpath(name, BUILD) for target in json.loads(told) if target["installed"] for name in target["filename"]]
    query = subprocess.run(["ninja", "-C", BUILD, "-t", "query", "install-files"], capture_output=True, text=True, check=True).stdout.split()
    lacks = sorted(set(files) - set(query))
    check(len(files) > 8 and not lacks, "what is to be installed is built for it", str(lacks))


def installed(stage: pathlib.Path) -> None:
    subprocess.run(["ninja", "-C", BUILD, "--quiet", "install-files"], check=True, capture_output=True)
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", stage], check=True, capture_output=True)
    top = next(stage.glob("usr/local"), stage)
    for name in ("bin/dhow", "share/man/man1/dhow.1", "share/bash-completion/completions/dhow", "share/zsh/site-functions/_dhow",
                 "share/fish/vendor_completions.d/dhow.fish", "include/dhow/ml.h"):
        check((top / name).is_file() and (top / name).stat().st_size > 100, f"{name} is installed")
    said = subprocess.run([top / "bin" / "dhow", "version"], capture_output=True, text=True, check=False)
    check(said.returncode == 0 and said.stdout.startswith("dhow "), "the installed program runs", said.stderr)


def library(stage: pathlib.Path, folder: pathlib.Path) -> None:
    top = next(stage.glob("usr/local"), stage)
    found = next(top.rglob("dhow-ml.pc"))
    (folder / "use.c").write_text(PROGRAM)
    env = {**os.environ, "PKG_CONFIG_PATH": str(found.parent)}
    flags = subprocess.run(["pkg-config", f"--define-variable=prefix={top}", "--static", "--cflags", "--libs", "dhow-ml"], capture_output=True, text=True, env=env, check=True)
    built = subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-o", folder / "use", folder / "use.c", *flags.stdout.split()], capture_output=True, text=True, check=False)
    if check(built.returncode == 0, "a program is linked with the library", built.stderr):
        ran = subprocess.run([folder / "use"], capture_output=True, text=True, check=False)
        check(ran.stdout == "yes 0 1\n", "and works", f"{ran.returncode} {ran.stdout}")


def images() -> None:
    needed = subprocess.run(["readelf", "-d", DHOW], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"NEEDED.*\[(.*?)\]", needed)
    owners = set()
    for name in libraries:
        at = subprocess.run(["dpkg", "-S", f"*/{name}"], capture_output=True, text=True, check=False).stdout
        owners |= {line.split(":")[0] for line in at.splitlines() if not line.startswith("libc6")}
    owners |= {"libcurl4", "libexpat1", "libssl3"}  # what a step loads by name: for http and for buckets
    loaded = subprocess.run(["ldd", DHOW], capture_output=True, text=True, check=True).stdout.splitlines()
    check(len(loaded) <= 6, "no more libraries than a step needs: each costs every start", "\n".join(loaded))
    check(len(owners) > 1, "the packages of the libraries are known", str(libraries))
    for path in sorted((ROOT / "pipelines").glob("*/components/*/Dockerfile")):
        text = path.read_text()
        lacks = [p for p in sorted(owners) if p not in text.split()]
        name = path.parent.name
        first = re.search(r'^ENTRYPOINT \["dhow", "component", "(.*)"\]$', text, re.M)
        check(not lacks and first is not None and first.group(1) == name and "ca-certificates" in text, f"{path.parts[-4]}/{name}: an image of the one form", f"lacks {lacks}")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-install-") as name:
        folder = pathlib.Path(name)
        all_is_built()
        installed(folder / "stage")
        library(folder / "stage", folder)
    if shutil.which("dpkg"):
        images()
    else:
        skip("images", "no dpkg here to ask")
    done()


main()
