"""Writes small wheels for the tests: test-wheels.py FOLDER."""
import sys
import zipfile

EXECUTOR = '''
import argparse
import importlib
import json
import os
import sys


def executor_main():
    parser = argparse.ArgumentParser()
    for name in ("component_module_path", "executor_input", "function_to_execute"):
        parser.add_argument("--" + name)
    args, _ = parser.parse_known_args()
    sys.path.insert(0, os.path.dirname(args.component_module_path))
    module = importlib.import_module("ephemeral_component")
    module.INPUT = json.loads(args.executor_input)
    getattr(module, args.function_to_execute)()


if __name__ == "__main__":
    executor_main()
'''

WHEELS = {
    # The executor of an SDK, as far as a test needs one.
    ("kfp", "9.9"): {"kfp/__init__.py": "", "kfp/dsl/__init__.py": "", "kfp/dsl/executor_main.py": EXECUTOR},
    ("tinyone", "1.0"): {"tinyone.py": "import os\nPID = os.getpid()\n"},
    # Imported ahead, its thread would be lost in each fork.
    ("threaded", "1.0"): {
        "threaded.py": "import os, threading\nPID = os.getpid()\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    },
    # Imported anywhere but in a step, it ends the process.
    ("deadly", "1.0"): {"deadly.py": "import os\nPID = os.getpid()\nif 'KFP_POD_NAME' not in os.environ:\n    os._exit(9)\n"},
}

for (name, version), files in WHEELS.items():
    info = "%s-%s.dist-info/" % (name, version)
    files = dict(files)
    files[info + "METADATA"] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    files[info + "WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[info + "RECORD"] = "".join("%s,,\n" % file for file in [*files, info + "RECORD"])
    with zipfile.ZipFile("%s/%s-%s-py3-none-any.whl" % (sys.argv[1], name, version), "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
