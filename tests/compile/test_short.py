"""The short form: the same specs as the SDK's, a message with line and column for each mistake, and the documentation's own examples."""
# run: asan
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import same
import tap
import yaml

HERE = pathlib.Path(__file__).resolve().parent
DOCS = tap.ROOT / "docs"
GOOD = """pipeline: p
inputs: {n: 1, list: [1], t: x, e: {type: number}}
components:
  num: {image: a, command: [n], inputs: {n: 1}, outputs: {twice: integer, data: system.Dataset}}
  say: {image: a, command: [s], inputs: {text: text}, outputs: {said: text}}
tasks:
"""
LINE = GOOD.count("\n") + 1
CASES = [  # what follows `tasks:`, and the message
    ("  a: {run: none}\n", f"{LINE}:12: there is no component 'none'"),
    ("  a: {}\n", f"{LINE}:6: 'a' has neither 'run' nor 'tasks'"),
    ("  a: {run: num, wiht: {n: 1}}\n", f"{LINE}:17: a task has no 'wiht': expected one of run, with"),
    ("  a: {run: num, with: {m: 1}}\n", f"{LINE}:24: 'a' has no input 'm'"),
    ("  a: {run: num, with: {n: x}}\n", f"{LINE}:24: input 'n' of 'a' is an integer; it is given a text"),
    ("  a: {run: say}\n", f"{LINE}:6: 'a' is not given its input 'text'"),
    ("  a: {run: say, with: {text: '${b.said}'}}\n", f"{LINE}:30: there is no 'b' here"),
    ("  a: {run: num}\n  b: {run: say, with: {text: '${a.none}'}}\n", f"{LINE + 1}:30: 'a' has no output 'none'"),
    ("  a: {run: num}\n  b: {run: say, with: {text: '${a}'}}\n", f"{LINE + 1}:30: 'a' has 2 outputs: say which"),
    ("  a: {run: say, with: {text: '${'}}\n", "'${' without '}'"),
    ("  a: {run: say, with: {text: '${}'}}\n", "${} is empty"),
    ("  a: {run: num, when: '${n}'}\n", "'${n}' compares nothing"),
    ("  a: {run: num, when: '${n} == one'}\n", "'one': expected ${"),
    ("  a: {run: num, when: '1 == 1'}\n", "compares two constants"),
    ("  a: {run: num, when: '${n} == 1', each: [1]}\n", "'when' and 'each' together"),
    ("  a: {run: num, each: '${n}'}\n", "a loop goes over a list, not over an integer"),
    ("  a: {tasks: {b: {run: num}}}\n", "the block 'a' has no 'when', 'each' or 'finally'"),
    ("  a: {when: '${n} == 1', tasks: {b: {run: num}}}\n  c: {run: num, with: {n: '${b.twice}'}}\n", "is used outside of the block"),
    ("  a: {run: num, retry: often}\n", "'retry' has to be how often"),
    ("  a: {run: num, cpu: fast}\n", "'fast' is no quantity"),
    ("  a: {run: num, cpu: 'x ${n}'}\n", f"{LINE}:22: 'cpuLimit' has to be a constant, an input or an output"),
    ("  a: {run: num, name: '${t}'}\n", "'displayName' has to be a constant"),
    ("  a: {run: num, mount: {data: c}}\n", "'mount': expected an absolute path"),
    ("  a: {run: num, mount: {/data: '${n}'}}\n", "what 'a' is given as a name is no text"),
    ("  a: {run: num, after: b}\n", "'after' names a task above"),
    ("  a: {run: num, env: {A: 1}}\n", "has to be a text (in quotes)"),
    ("  a: 1\n", f"{LINE}:6: 'a' has to be a map"),
    ("  a: {run: num}\noutputs: {x: '${n}'}\n", "output 'x' of the pipeline has to be a task's output"),
    ("  a: {run: num\n", ""),
]
FILES = [
    ("pipeline: p\ntasks: {}\n", "the pipeline 'p' has no task"),
    ("tasks: {}\n", "1:1: 'pipeline' is missing"),
    ("[1]\n", "expected one map"),
    ("pipeline: p\nwhat: 1\ntasks: {}\n", "2:1: a pipeline has no 'what'"),
    ("pipeline: [p]\ntasks: {}\n", "1:11: 'pipeline' has to be a text"),
    ("pipeline: p\ninputs: {a: {default: x, type: integer}}\ntasks: {}\n", "the default of 'a' is a text: expected an integer"),
    ("pipeline: p\ninputs: {a: {type: whole}}\ntasks: {}\n", "2:20: 'whole' is no type"),
    ("pipeline: p\ncomponents: {c: {command: [x]}}\ntasks: {}\n", "component 'c' has no image"),
    ("pipeline: p\ncomponents: {c: none.yaml}\ntasks: {}\n", "component 'c'"),
    ("pipeline: p\ncomponents: {c: {image: i, outputs: {o: 5}}}\ntasks: {}\n", "output 'o': expected a type"),
    ("pipeline: p\ncomponents: {c: {image: i, args: [{Concat: []}]}}\ntasks: {}\n", "2:34: 'c': a placeholder has no parts"),
    ("pipeline: p\ncomponents: {c: {image: i, args: [{Join: [a]}]}}\ntasks: {}\n", "'c': a command's word is a text, {Concat: [...]} or {IfPresent"),
    ("pipeline: p\ncomponents: {c: {image: i, args: [{IfPresent: {InputName: x, Then: [a]}}]}}\ntasks: {}\n", "'c': an IfPresent asks for 'x', which is no input of it"),
    ("pipeline: p\ncomponents: {c: {image: i, inputs: {x: {type: text, optional: true}}, args: [{Concat: [{IfPresent: {InputName: x, Then: [a, b]}}]}]}}\ntasks: {}\n",
     "inside of a Concat, an IfPresent gives one text, not 2"),
    ("pipeline: P x\ncomponents: {c: {image: i}}\ntasks: {a: {run: c}}\n", "has to be lower-case letters"),
]


def pairs(folder):
    names = sorted(p.stem for p in (HERE / "short").glob("*.yaml"))
    program = "import short\nfrom kfp import compiler\n" + "".join(f"compiler.Compiler().compile(short.{n}, {str(folder / (n + '-py.yaml'))!r})\n" for n in names)
    result = subprocess.run([os.environ.get("DHOW_TEST_PYTHON", sys.executable), "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=300,
                            env={**os.environ, "PYTHONPATH": str(HERE / "short")}, check=False)
    if not tap.check(result.returncode == 0, "the SDK compiles its side", result.stderr[-2000:]):
        return
    for name in names:
        result = tap.dhow("compile", HERE / "short" / f"{name}.yaml", "-o", folder / f"{name}.yaml")
        found = same.difference(same.meaning(folder / f"{name}-py.yaml"), same.meaning(folder / f"{name}.yaml")) if result.returncode == 0 else [tap.says(result)]
        tap.check(not found, f"{name}: the same spec", "\n".join(found))


def mistakes(folder):
    for i, (text, words) in enumerate([(GOOD + tail, words) for tail, words in CASES] + FILES):
        path = folder / f"bad{i}.yaml"
        path.write_text(text, encoding="utf-8")
        result = tap.dhow("compile", path, "-o", folder / "out.yaml")
        tap.check(result.returncode == 2 and str(path) in result.stderr and words in result.stderr and not (folder / "out.yaml").exists(), f"refused: {words}",
                  f"{text}\n{tap.says(result)}")


def loaded(folder):
    """A component from a compiled file, and a value with braces in it."""
    (folder / "one.yaml").write_text("pipeline: one\ninputs: {text: hi}\ncomponents: {say: {image: a, command: [sh, -c, 'printf %s \"$0\" >\"$1\"'], "
                                     "args: [\"{{$.inputs.parameters['text']}}\", \"{{$.outputs.parameters['said'].output_file}}\"], inputs: {text: text}, outputs: {said: text}}}\n"
                                     "tasks: {say: {run: say, with: {text: '${text}'}}}\noutputs: {said: '${say}'}\n")
    (folder / "two.yaml").write_text("pipeline: two\ncomponents: {greet: one-c.yaml}\ntasks:\n  a: {run: greet, with: {text: 'a {} $${b}'}}\n"
                                     "  b: {run: greet, with: {text: '{} ${a.said} {}'}}\noutputs: {out: '${b.said}'}\n")
    for name in ("one", "two"):
        result = tap.dhow("compile", folder / f"{name}.yaml", "-o", folder / f"{name}-c.yaml")
        tap.check(result.returncode == 0, f"{name} compiles", tap.says(result))
    result = tap.dhow("run", folder / "two-c.yaml", "--output", "json", home=folder / "home")
    out = json.loads(result.stdout or "{}")
    tap.check(out.get("outputs") == {"out": "{} a {} ${b} {}"}, "a compiled file as a component, braces in texts", tap.says(result))


def documented(folder):
    """Each example of the page compiles and runs; the schema knows each of its words."""
    page = (DOCS / "short-form.md").read_text(encoding="utf-8")
    schema = json.loads((DOCS / "short-form.schema.json").read_text(encoding="utf-8"))
    examples = re.findall(r"```yaml\n(pipeline:.*?)```", page, re.S)
    tap.check(len(examples) >= 2, "the page has examples")
    for i, text in enumerate(examples):
        path = folder / f"doc{i}.yaml"
        path.write_text(text, encoding="utf-8")
        result = tap.dhow("compile", path, "-o", folder / f"doc{i}-c.yaml")
        tap.check(result.returncode == 0, f"example {i + 1} compiles", tap.says(result))
        problems = check_schema(yaml.safe_load(text), schema, schema)
        tap.check(not problems, f"example {i + 1} fits the schema", "\n".join(problems))
    result = tap.dhow("run", folder / "doc0-c.yaml", home=folder / "home")
    tap.check(result.returncode == 0, "the first example runs", tap.says(result))


def check_schema(value, schema, root, path="$"):
    """The part of JSON Schema that the file uses: $ref, properties, additionalProperties, required, type, anyOf."""
    if "$ref" in schema:
        return check_schema(value, root["$defs"][schema["$ref"].split("/")[-1]], root, path)
    if "anyOf" in schema:
        tries = [check_schema(value, s, root, path) for s in schema["anyOf"]]
        return [] if any(not t for t in tries) else min(tries, key=len)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    wanted = schema.get("type")
    if wanted and not any(isinstance(value, kinds[w]) for w in ([wanted] if isinstance(wanted, str) else wanted)):
        return [f"{path}: not {wanted}"]
    if not isinstance(value, dict):
        return []
    found = [f"{path}: no {k}" for k in schema.get("required", []) if k not in value]
    for key, member in value.items():
        of = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
        if of is False:
            found.append(f"{path}.{key}: unknown")
        elif isinstance(of, dict):
            found += check_schema(member, of, root, f"{path}.{key}")
    return found


def main():
    with tempfile.TemporaryDirectory(prefix="dhow-short-") as temp:
        folder = pathlib.Path(temp)
        pairs(folder)
        mistakes(folder)
        loaded(folder)
        documented(folder)
    tap.done()


if __name__ == "__main__":
    main()
