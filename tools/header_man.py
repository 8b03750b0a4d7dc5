#!/usr/bin/env python3
"""A man page (section 3) from a public header: header_man.py HEADER NAME VERSION

The comment at the head is the description; each `/* ---- part ---- */` is a section, whose comments
are its text and whose declarations stand as they are. One source: the header.
"""
import re
import sys


def roff(text):
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e"), flags=re.M)


def comment(text):
    lines = [re.sub(r"^ ?\* ?", "", line) for line in text.strip()[2:-2].strip("\n").split("\n")]
    return "\n".join(line.rstrip() for line in lines).strip()


def paragraphs(text):
    """Indented lines stay as they are, others are set."""
    out = []
    for block in re.split(r"\n\s*\n", text):
        code = block.startswith("    ") or block.startswith("\t")
        out.append(".PP\n" + (".nf\n" if code else "") + roff(block if code else " ".join(block.split())) + ("\n.fi" if code else ""))
    return "\n".join(out)


def body(text):
    """Comments that stand alone are text; the rest is code."""
    out, at = [], 0
    for m in re.finditer(r"^/\*.*?\*/\n", text, re.S | re.M):
        out.append(code(text[at:m.start()]))
        out.append(paragraphs(comment(m.group(0))))
        at = m.end()
    return "\n".join(o for o in out + [code(text[at:])] if o)


def code(text):
    text = re.sub(r"^#(ifdef|ifndef|endif|else|include|define DHOW_\w+_H\b).*\n?|^extern \"C\" \{\n|^\}\n(?=\Z)", "", text, flags=re.M).strip("\n")
    return f".PP\n.nf\n{roff(text)}\n.fi" if text.strip() else ""


def main():
    path, name, version = sys.argv[1:4]
    with open(path, encoding="utf-8") as f:
        text = f.read()
    head = re.match(r"/\*.*?\*/", text, re.S).group(0)
    words = comment(head)
    summary = re.match(r"\S+ - (.*?)(?:[.:;]\s|\n\n|$)", words, re.S)
    print(f'.TH {name.upper()} 3 "" "dhow {version}" "Library Functions"\n.SH NAME\n{name} \\- {" ".join((summary.group(1) if summary else name).split())}')
    print(f".SH SYNOPSIS\n.nf\n#include <dhow/{path.split('/')[-1]}>\n.fi\n.SH DESCRIPTION\n{paragraphs(words.split(chr(10), 1)[1].strip(chr(10)) if chr(10) in words else words)}")
    parts = re.split(r"^/\* -{2,} (.*?) -{2,} \*/\n", text[len(head):], flags=re.M)
    for title, part in zip(parts[1::2], parts[2::2]):
        print(f".SH {title.split(':')[0].strip().upper()}\n{body(part)}")


if __name__ == "__main__":
    main()
