"""Makes a virtual environment: make.py FOLDER [SITE...]. Packages below a SITE are seen in it.

pip (and setuptools, where Python's own images have it) are copied from this interpreter where it has
them, which takes a tenth of the time of ensurepip.
"""
import os
import shutil
import subprocess
import sys
import venv

SCRIPT = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


def copy_distribution(name, site):
    from importlib.metadata import distribution

    dist = distribution(name)
    files = [f for f in dist.files or () if not str(f).startswith("..")]
    for file in files:
        source, target = str(dist.locate_file(file)), os.path.join(site, str(file))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(source, target)
    if not files:  # a distribution's package without a list of its files
        shutil.copytree(str(dist.locate_file(name)), os.path.join(site, name))


def add_pip(folder, site, python):
    try:
        copy_distribution("pip", site)
    except Exception:
        shutil.rmtree(os.path.join(site, "pip"), ignore_errors=True)
        if subprocess.call([python, "-m", "ensurepip", "--default-pip"]):
            sys.exit("%s has neither pip nor ensurepip: install them (on Debian: apt install python3-venv)"
                     % sys.executable)
        return
    for name in ("pip", "pip3", "pip%d.%d" % sys.version_info[:2]):
        path = os.path.join(folder, "bin", name)
        with open(path, "w") as file:
            file.write(SCRIPT.format(python=python))
        os.chmod(path, 0o755)
    for name in ("setuptools", "wheel") if sys.version_info < (3, 12) else ():
        try:
            copy_distribution(name, site)
        except Exception:
            pass


def main():
    folder, inherited = sys.argv[1], sys.argv[2:]
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    site = os.path.join(folder, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
    add_pip(folder, site, os.path.join(folder, "bin", "python3"))
    if inherited:
        with open(os.path.join(site, "_inherited.pth"), "w") as file:
            for path in inherited:
                file.write("import site; site.addsitedir(%r)\n" % path)


main()
