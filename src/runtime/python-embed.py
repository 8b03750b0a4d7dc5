"""Writes the Python sources as C strings: python-embed.py OUT NAME=FILE[,FILE...]..."""
import sys


def quote(line):
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '\\n"'


with open(sys.argv[1], "w") as out:
    out.write('#include "runtime/python-priv.h"\n')
    for argument in sys.argv[2:]:
        name, files = argument.split("=", 1)
        out.write("const char %s[] =\n" % name)
        for file in files.split(","):
            with open(file) as source:
                out.writelines("    %s\n" % quote(line.rstrip("\n")) for line in source)
        out.write("    ;\n")
