"""Mistakes in a pipeline in C: one message each, with file and line, exit status 2; what the compiler finds is shown."""
# run: asan
import pathlib
import tempfile
import time

import tap

HEAD = r'''#include <dhow/pipeline.h>
#define SAY(X) X(TEXT, text, DHOW_REQUIRED, "") X(OUTPUT_TEXT, said, "", "")
DHOW_CONTAINER(say, "", SAY, .image = "alpine", .command = {"echo"})
#define NUM(X) X(INTEGER, n, "1", "") X(OUTPUT_INTEGER, twice, "", "") X(OUTPUT_LIST, all, "", "") X(OUTPUT, data, "system.Dataset", "")
DHOW_CONTAINER(num, "", NUM, .image = "alpine", .command = {"n"})
#define USE(X) X(INPUT, model, "system.Model", "") X(OUTPUT_TEXT, r, "", "")
DHOW_CONTAINER(use, "", USE, .image = "alpine", .command = {"u"})
#define IN(X) X(INTEGER, n, "1", "") X(LIST, list, "[1]", "") X(TEXT, t, "x", "")
DHOW_PIPELINE(p, "p", "", IN)
{
'''
TAIL = "}\nDHOW_MAIN(p)\n"
SAYS = HEAD.replace('.command = {"echo"})', '.command = {"echo"}, .args = {%s})', 1) + 'DHOW_RUN(say, .text = in->t);\n' + TAIL
FIRST = HEAD.count("\n") + 1  # the line of a body's first line

CASES = [  # body; the line of the message, from the body's first (None: not looked at); words of it
    ("DHOW_RUN(say);", 0, "'say' is not given its input 'text'"),
    ("DHOW_RUN(num, .n = dhow_v(\"x\"));", 0, "input 'n' of 'num' is an integer; it is given a text"),
    ("DHOW_RUN(num, .n = dhow_v(0.5));", 0, "is an integer; it is given a number"),
    ("struct num_task a = DHOW_RUN(num);\nDHOW_RUN(use, .model = a.data);", 1, "is a system.Model; it is given a system.Dataset"),
    ("struct num_task a = DHOW_RUN(num);\nDHOW_RUN(say, .text = a.data);", 1, "is a text; it is given a system.Dataset"),
    ("struct num_task a = DHOW_RUN(num), b = DHOW_RUN(num);\ndhow_after(a, b);\ndhow_after(b, a);", None, "a cycle: 'num"),
    ("struct num_task a = DHOW_RUN(num);\ndhow_after(a, a);", None, "'num' waits for itself"),
    ("struct num_task a = {0};\nDHOW_IF(dhow_eq(in->n, dhow_v(1)), NULL)\n{ a = DHOW_RUN(num); }\nDHOW_RUN(num, .n = a.twice);", 3,
     "output 'twice' of 'num' (line "),
    ("struct num_task a = {0};\nDHOW_FOR(i, in->list, 0, NULL)\n{ a = DHOW_RUN(num); }\nDHOW_RUN(num, .n = a.twice);", 3, "collect it"),
    ("dhow_value i = {0};\nDHOW_FOR(k, dhow_list_of(in->list, \"integer\"), 0, NULL)\n{ i = k; DHOW_RUN(num); }\nDHOW_RUN(num, .n = i);", 3, "the item of a loop"),
    ("struct num_task a = DHOW_RUN(num);\nDHOW_RUN(say, .text = dhow_collected(a.twice));", 1, "only outputs of tasks inside a loop"),
    ("DHOW_FOR(i, in->n, 0, NULL)\n{ DHOW_RUN(num); }", 0, "a loop goes over a list, not over an integer"),
    ("DHOW_FOR(i, dhow_of_json(\"[]\"), 0, NULL)\n{ DHOW_RUN(num); }", 0, "the loop has no items"),
    ("DHOW_FOR(i, dhow_of_json(\"[1\"), 0, NULL)\n{ DHOW_RUN(num); }", None, "no JSON"),
    ("DHOW_FOR(i, in->list, -1, NULL)\n{ DHOW_RUN(num); }", 0, "parallelism is -1"),
    ("DHOW_FOR(i, dhow_of_json(\"[{\\\"a\\\": 1}]\"), 0, NULL)\n{ DHOW_RUN(num, .n = dhow_field(i, \"b\")); }", 1, "have no field 'b'"),
    ("DHOW_FOR(i, in->list, 0, NULL)\n{ DHOW_RUN(num, .n = i); }", 1, "it is given a text: say what the loop's list has in it"),
    ("DHOW_FOR(i, dhow_list_of(in->list, \"whole\"), 0, NULL)\n{ DHOW_RUN(num, .n = i); }", 0, "'whole' is no type"),
    ("DHOW_FOR(i, dhow_list_of(in->n, \"text\"), 0, NULL)\n{ DHOW_RUN(num); }", 0, "the value is no list"),
    ("DHOW_RUN(num);\nDHOW_ELSE(NULL)\n{ DHOW_RUN(num); }", 1, "an else has to follow an if"),
    ("DHOW_IF(dhow_eq(in->n, dhow_v(1)), NULL)\n{ }", 0, "the block has no task"),
    ("DHOW_IF(dhow_eq(dhow_v(1), dhow_v(1)), NULL)\n{ DHOW_RUN(num); }", 0, "compares two constants"),
    ("DHOW_IF(dhow_eq(in->list, dhow_v(1)), NULL)\n{ DHOW_RUN(num); }", 0, "a condition compares texts, numbers"),
    ("DHOW_IF(dhow_eq(in->n, in->t), NULL)\n{ DHOW_RUN(num); }", 0, "make both of one type"),
    ("struct num_task a = {0}, b = {0};\nDHOW_IF(dhow_eq(in->n, dhow_v(1)), NULL)\n{ a = DHOW_RUN(num); }\nDHOW_ELIF(dhow_eq(in->n, dhow_v(2)), NULL)\n"
     "{ b = DHOW_RUN(num); }\nDHOW_RUN(num, .n = DHOW_ONE_OF(a.twice, b.twice));", 5, "the if has no else"),
    ("struct num_task a = DHOW_RUN(num), e = DHOW_RUN(num, .n = a.twice);\nDHOW_EXIT_HANDLER(e, NULL)\n{ DHOW_RUN(num); }", 1, "has to be a constant or an input"),
    ("struct num_task e = DHOW_RUN(num);\nDHOW_IF(dhow_eq(in->n, dhow_v(1)), NULL)\n{\nDHOW_EXIT_HANDLER(e, NULL)\n{ DHOW_RUN(num); }\n}", 3, "outermost block"),
    ("struct num_task a = DHOW_RUN(num);\ndhow_memory_limit(a, \"lots\");", None, "'lots' is no quantity"),
    ("struct num_task a = DHOW_RUN(num);\ndhow_memory_limit(a, 0.5);", 1, "'memoryLimit' has to be a text"),
    ("struct num_task a = DHOW_RUN(num), b = DHOW_RUN(num);\ndhow_memory_limit(b, a.twice);\ndhow_memory_limit(b, \"lots\");", None, "'lots' is no quantity"),
    ("DHOW_RUN(say, .text = DHOW_FORMAT(\"none\", in->n));", 0, "has 0 {} for"),
    ("struct num_task a = DHOW_RUN(num);\nDHOW_RUN(say, .text = DHOW_FORMAT(\"{}\", a.data));", 1, "an artifact cannot stand in a text"),
    ("(void)in;", None, "the pipeline 'p' has no task"),
    ("puts(\"hello\");\nDHOW_RUN(num);", None, "of what it wrote to its standard output is not dhow's"),
    ("DHOW_RUN(num);\nexit(7);", None, "the program ended with status 7"),
    ("DHOW_RUN(num);\nabort();", None, "ended by signal 6"),
    ("DHOW_RUN(num, .no_such = in->n);", None, "does not compile"),
    ("struct num_task a = DHOW_RUN(num);\nDHOW_RUN(num, .n = a.no_such);", None, "does not compile"),
]


def bodies(folder):
    for i, (body, line, words) in enumerate(CASES):
        source = folder / f"case{i}.c"
        source.write_text(HEAD + body + "\n" + TAIL, encoding="utf-8")
        result = tap.dhow("compile", source, "-o", folder / "out.yaml")
        place = f"{source}:{FIRST + line}: " if line is not None else ""
        tap.check(result.returncode == 2 and words in result.stderr and place in result.stderr and not (folder / "out.yaml").exists(),
                  f"{words}", f"wanted {place}{words}\n{tap.says(result)}")


def whole_files(folder):
    cases = [
        ("no.c", None, "no file"),
        ("empty.c", "int main(void) { return 0; }\n", "no pipeline: a program ends with DHOW_MAIN"),
        ("name.c", HEAD.replace('"p", "", IN', '"P x", "", IN') + "DHOW_RUN(num);\n" + TAIL, "has to be lower-case letters"),
        ("twice.c", HEAD.replace('X(TEXT, t, "x", "")', 'X(TEXT, t, "x", "") X(OUTPUT_TEXT, o, "", "")') + "DHOW_RUN(num);\n" + TAIL, "output 'o' of the pipeline 'p' is not set"),
        ("type.c", HEAD.replace("system.Model", "Model") + "DHOW_RUN(use);\n" + TAIL, "'Model' is no artifact type"),
        ("default.c", HEAD.replace('X(INTEGER, n, "1", "") X(OUTPUT_INTEGER', 'X(INTEGER, n, "one", "") X(OUTPUT_INTEGER') + "DHOW_RUN(num);\n" + TAIL,
         "the default of 'n' is an integer, and 'one' is none"),
        ("word.c", SAYS % 'DHOW_VALUE("txet")', "word.c:3: 'say' has no input parameter 'txet', which its command names"),
        ("kind.c", SAYS % 'DHOW_INPUT_PATH("text")', "'say' has no input artifact 'text'"),
        ("output.c", SAYS % '"to " DHOW_OUTPUT_FILE("sad")', "'say' has no output parameter 'sad'"),
        ("if.c", SAYS % 'DHOW_IF_PRESENT("no", "x")', "an IfPresent asks for 'no', which is no input of it"),
        ("else.c", SAYS % 'DHOW_OTHERWISE', "DHOW_OTHERWISE stands in a DHOW_IF_PRESENT"),
        ("list.c", HEAD.replace("X(OUTPUT, data,", "X(OUTPUTS, data,") + "DHOW_RUN(num);\n" + TAIL, "'num' gives a list of artifacts, 'data': only pipelines do"),
        ("file.txt", "x", "expected a C file"),
    ]
    for name, text, words in cases:
        path = folder / name
        if text is not None:
            path.write_text(text, encoding="utf-8")
        result = tap.dhow("compile", path)
        tap.check(result.returncode == 2 and words in result.stderr, f"{name}: {words}", tap.says(result))
    result = tap.dhow("compile", folder / "empty.c", env={"CC": "no-such-compiler"})
    tap.check(result.returncode == 2 and "no C compiler" in result.stderr, "no compiler", tap.says(result))


def big(folder):
    """10,000 tasks: the spec is made in a moment, and is right."""
    body = "struct num_task t = DHOW_RUN(num);\nfor (int i = 1; i < 10000; i++)\n    t = DHOW_RUN(num, .n = t.twice);\n"
    source = folder / "big.c"
    source.write_text(HEAD + body + TAIL, encoding="utf-8")
    start = time.monotonic()
    result = tap.dhow("compile", source, "-o", folder / "big.yaml", env={"CFLAGS": "-O1"})
    tap.check(result.returncode == 0, f"10,000 tasks compile ({time.monotonic() - start:.2f} s with the C compiler)", tap.says(result))
    result = tap.dhow("validate", folder / "big.yaml")
    tap.check("10000 tasks" in result.stdout, "and are there", tap.says(result))


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-errors-") as temp:
        folder = pathlib.Path(temp)
        bodies(folder)
        whole_files(folder)
        big(folder)
    tap.done()


if __name__ == "__main__":
    main()
