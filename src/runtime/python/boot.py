import os, sys, runpy
def boot(args):
    global boot
    del boot
    if args[0] == "@":
        with open(args[1], "rb") as file:
            text = file.read()
        try:
            os.unlink(args[1])
        except OSError:  # in a sandbox it is a mount
            pass
        args = [os.fsdecode(word) for word in text.split(b"\0")]
    module, source, words = args[0], args[1], args[2:]
    if source:
        folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", "tmp." + os.urandom(5).hex())
        os.mkdir(folder, 0o700)
        path = os.path.join(folder, "ephemeral_component.py")
        with open(path, "wb") as file:
            file.write(os.fsencode(source))
        words = ["--component_module_path", path] + words
    sys.argv = ["-m"] + words
    sys.path[0] = os.getcwd()
    run, main = runpy._run_module_as_main, sys.modules["__main__"].__dict__
    for name in ("os", "sys", "runpy"):
        del main[name]
    run(module)
boot(sys.argv[1:])
