# run: asan
"""`dhow test`: stubs, expectations, what is said of each that does not hold, JUnit."""
import json
import pathlib
import tempfile
import xml.etree.ElementTree as xml

from specs import output, pipeline, step, write
from tap import check, dhow, done, says


def gate() -> dict:
    """fetch → train → (accuracy > 0.9) promote | reject; in a loop over regions: publish."""
    s = pipeline("gate", word="w")
    step(s, "fetch", "exit 9", outputs=("rows",), artifacts={"data": "Dataset"})
    step(s, "train", "exit 9", inputs={"rows": "fetch.rows"}, outputs=("accuracy",), artifacts={"model": "Model"})
    for name, sign in (("promote", ">"), ("reject", "<=")):
        step(s, name, f'printf "{name} $in_accuracy" > "$out_said"', inputs={"accuracy": "train.accuracy"}, outputs=("said",))
        s["root"]["dag"]["tasks"][name]["triggerPolicy"] = {"condition": f"double(inputs.parameter_values['accuracy']) {sign} 0.9"}
    s["components"]["comp-loop"] = {"dag": {"tasks": {}}, "inputDefinitions": {"parameters": {"item": {"parameterType": "STRING"}}}}
    step(s, "publish", 'printf "$in_region" > "$out_where"', inputs={"region": "=item"}, outputs=("where",), dag=s["components"]["comp-loop"]["dag"])
    s["root"]["dag"]["tasks"]["loop"] = {"componentRef": {"name": "comp-loop"}, "taskInfo": {"name": "loop"}, "dependentTasks": ["promote"],
                                         "parameterIterator": {"items": {"raw": '["eu", "us"]'}, "itemInput": "item"}}
    return output(s, "said", "promote", "said")


GOOD = """\
# what the gate does
tests:
- name: a good model is promoted
  parameters: {word: x}
  stub:
    fetch: {outputs: {rows: '7'}, artifacts: {data: {content: "a,b\\n", metadata: {rows: 7}}}}
    train: {outputs: {accuracy: '0.95'}, artifacts: {model: bytes}}
  expect:
    ran: [fetch, train, promote, loop.publish]
    skipped: [reject]
    tasks: {train: SUCCEEDED, 'loop[1].publish': SUCCEEDED}
    outputs: {said: promote 0.95}
    task_outputs: {'loop[1].publish': {where: us}, fetch: {rows: '7'}}
- name: a bad one is not
  stub:
    '*': {}
    train: {outputs: {accuracy: '0.1'}}
  expect:
    ran: [fetch, train, reject]
    skipped: [promote]
- name: an iteration fails
  stub:
    '*': {}
    train: {outputs: {accuracy: '1'}}
    loop[1].publish: {fail: the us is closed}
  expect: {error: us is closed, tasks: {'loop[0].publish': SUCCEEDED, 'loop[1].publish': FAILED}}
- name: what is not stubbed runs
  stub:
    train: {outputs: {accuracy: '1'}}
  expect: {error: exit code 9, tasks: {fetch: FAILED, train: SKIPPED}}
"""

BAD = [  # expectation, what is said of it
    ("expect: {state: FAILED}", "state: SUCCEEDED, expected FAILED"),
    ("expect: {error: boom}", 'error: "", expected one with "boom"'),
    ("expect: {ran: [fetch, train, promote]}", "ran: 'loop.publish' ran, and is not in the list"),
    ("expect: {ran: [fetch, train, promote, publish, reject]}", "ran: 'reject' did not run"),
    ("expect: {skipped: [promote]}", "skipped: 'promote' is SUCCEEDED, expected SKIPPED"),
    ("expect: {tasks: {nobody: SUCCEEDED}}", "tasks: there is no task 'nobody' in the run"),
    ("expect: {outputs: {said: other}}", "outputs: said: \"promote 1\", expected \"other\""),
    ("expect: {outputs: {nothing: other}}", "outputs: nothing: nothing, expected"),
    ("expect: {task_outputs: {train: {accuracy: '2'}}}", "task_outputs: train: accuracy: \"1\", expected \"2\""),
    ("parameters: {word: 3}", "parameter 'word'"),
    ("parameters: {nope: x}", "'nope'"),
]

WRONG = [  # a file, what is said of it
    ("tests: []\n", "expected `tests:`"),
    ("test: []\n", "has no 'test'"),
    ("tests:\n- {}\n", "x.test.yaml:2:3: a test needs a name"),
    ("tests:\n- name: a\n  stubs: {}\n", "x.test.yaml:3:3: a test has no 'stubs'"),
    ("tests:\n- name: a\n  expect: {stat: x}\n", "x.test.yaml:3:12: expect has no 'stat'"),
    ("tests:\n- name: a\n  stub: {train: {output: {}}}\n", "a stub has no 'output'"),
    ("tests:\n- name: a\n  stub: [train]\n", "stub: expected a map"),
    ("tests: [\n", "x.test.yaml:"),
]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-ptest-") as name:
        folder = pathlib.Path(name)
        home = folder / "home"
        write(folder, gate(), "gate.yaml")
        path = folder / "gate.test.yaml"
        path.write_text(GOOD)
        r = dhow("test", path, home=home)
        check(r.returncode == 0 and "4 passed, 0 failed" in r.stderr, "tests that hold", says(r))
        check(not (home / "dhow.db").exists(), "a test leaves no run behind")
        r = dhow("test", home=home, cwd=folder)
        check(r.returncode == 0 and "4 passed" in r.stderr, "without a file: those of this folder", says(r))
        r = dhow("test", folder, "--only", "promoted", "--output", "json", home=home)
        result = json.loads(r.stdout)
        check(len(result) == 1 and result[0]["passed"] and result[0]["run"]["state"] == "SUCCEEDED", "--only, as JSON", says(r))
        data = next(t for t in result[0]["run"]["tasks"] if t["name"] == "fetch")["outputs"]["artifacts"]["data"][0]
        check(data["metadata"].get("rows") == 7 and data["digest"], "a stub's artifact has metadata and bytes", str(data))

        stub = "  stub: {'*': {}, train: {outputs: {accuracy: '1'}}, promote: {outputs: {said: promote 1}}}\n"
        path.write_text("pipeline: gate.yaml\ntests:\n" + "".join(f"- name: t{i} <&\"\n{stub}  {what}\n" for i, (what, _) in enumerate(BAD)))
        r = dhow("test", path, "--junit", folder / "out.xml", home=home)
        check(r.returncode == 1 and f"0 passed, {len(BAD)} failed" in r.stderr, "tests that do not hold: exit status 1", says(r))
        for _, said in BAD:
            check(said in r.stderr, f"said: {said}", r.stderr)
        suites = xml.parse(folder / "out.xml").getroot()
        cases = suites.findall("testsuite/testcase")
        check(suites.get("failures") == str(len(BAD)) and len(cases) == len(BAD), "JUnit counts", xml.tostring(suites, "unicode")[:500])
        check(cases[0].get("name") == 't0 <&"' and "expected FAILED" in cases[0].find("failure").get("message"), "JUnit names and messages")
        path.write_text(GOOD.replace("train: {outputs", "tarin: {outputs"))
        r = dhow("test", path, home=home)
        check(r.returncode == 1 and "has no task 'tarin'" in r.stderr, "a stub for nobody", says(r))
        path.write_text(GOOD.replace("accuracy: '0.95'}", "accurracy: '0.95'}"))
        r = dhow("test", path, "--only", "promoted", home=home)
        check("no output parameter 'accurracy'" in r.stderr, "a stub's output that is none", says(r))
        for text, said in WRONG:
            (folder / "x.test.yaml").write_text(text)
            r = dhow("test", folder / "x.test.yaml", home=home)
            check(r.returncode == 2 and said in r.stderr, f"a wrong file: {said}", says(r))
        r = dhow("test", folder / "none.test.yaml", home=home)
        check(r.returncode == 2, "no such file", says(r))

        retry = gate()
        retry["root"]["dag"]["tasks"]["fetch"]["retryPolicy"] = {"maxRetryCount": 3, "backoffDuration": "600s"}
        write(folder, retry, "gate.yaml")
        path.write_text("tests:\n- name: a\n  stub: {fetch: {fail: gone}}\n  expect: {error: gone}\n")
        r = dhow("test", path, home=home, timeout=400)
        check(r.returncode == 0, "a stub that fails is not tried again", says(r))
        secret = step(pipeline("s"), "ask", 'printf "%s" "$K" > "$out_k"', outputs=("k",))
        both = f"{json.dumps(secret)}\n---\n" + json.dumps({"platforms": {"kubernetes": {"deploymentSpec": {"executors": {
            "exec-ask": {"secretAsEnv": [{"secretName": "db", "keyToEnv": [{"secretKey": "pw", "envVar": "K"}]}]}}}}}})
        (folder / "s.yaml").write_text("---\n" + both)
        (folder / "s.test.yaml").write_text("tests:\n- name: a\n  secrets: {db: {pw: xyz}}\n  expect: {task_outputs: {ask: {k: xyz}}}\n")
        r = dhow("test", folder / "s.test.yaml", home=home)
        check(r.returncode == 0, "a test's own secrets", says(r))
    done()


main()
