"""What Argo asks the server by WorkflowTaskSets: no pod for what is there already, and conditions that Argo cannot say."""
import json

from bench import API, bench, decided, here, needed, outcome
from flows import after_status, by_metadata, condition, hello, loop, numbers
from tap import check, done

def pods(b, run: str) -> int:
    """How many there were: those of the log, as some may be gone."""
    return len(b.cluster.pods(run))


def same(b, name: str, spec: dict, ended: str = "Succeeded") -> str:
    run = b.submit(spec, name)
    b.wait(run)
    there, local = outcome(b.show(run)), outcome(here(b.folder, spec, name))
    check(there == local, f"{name}: as on this machine", f"cluster: {there}\nhere:    {local}\n{b.log(run)}\n{b.errors()}")
    check(b.workflow_ended(run) == ended, f"{name}: Argo's Workflow is {ended}", json.dumps((b.cluster.workflow(run) or {}).get("status")))
    return run


def again(b, name: str, spec: dict, first: str) -> None:
    run = b.submit(spec, name)
    b.wait(run)
    one, two = b.show(first), b.show(run)
    leaves = {t["state"] for t in two["tasks"] if t["type"] == "RUNTIME"}
    check(leaves <= {"CACHED", "SKIPPED"} and "CACHED" in leaves and one["outputs"] == two["outputs"] and two["state"] == "SUCCEEDED", f"{name}: the second run is cached, with the same outputs", json.dumps(two)[:2000])
    check(b.workflow_ended(run) == "Succeeded" and pods(b, run) == 0, f"{name}: and has no pod", f"{pods(b, run)} {(b.cluster.workflow(run) or {}).get('status')}")


def test_cached(b) -> None:
    for name, spec in (("hello", hello()), ("branches", condition()), ("loops", loop()), ("numbers", numbers("int(inputs.parameter_values['n']) % 2 == 1"))):
        again(b, name, spec, same(b, name, spec))


def test_conditions(b) -> None:
    for name, script, test in (("failed", "exit 3", "inputs.parameter_values['status'].state == 'FAILED'"), ("fine", "true", "inputs.parameter_values['status'].state == 'FAILED'")):
        same(b, name, after_status(name, script, test), "Failed" if name == "failed" else "Succeeded")
    same(b, "metadata", by_metadata())
    same(b, "wrong", numbers("1 / (int(inputs.parameter_values['n']) - 7) == 0", "wrong"), "Failed")


def test_person(b) -> None:
    run = decided(b)
    check(pods(b, run) == 1, "what waits for a person has no pod", str(pods(b, run)))


def test_ends(b) -> None:
    """Terminated while it asks; refused what it needs."""
    run = b.submit(after_status("stopped", "sleep 60", "inputs.parameter_values['status'].state == 'CANCELED'"), "stopped")
    b.until(lambda: any(p["status"]["phase"] == "Running" for p in b.cluster.pods(run)))
    b.ask(API + f"runs/{run}:terminate", "POST", {})
    state = b.wait(run)["state"]
    states = {t["name"]: t["state"] for t in b.show(run)["tasks"]}
    check(state == "CANCELED" and states == {"work": "CANCELED", "then": "SUCCEEDED", "tell": "SUCCEEDED"}, "terminated: a condition on that is answered, its exit task runs", f"{state} {states}\n{b.log(run)}")
    b.cluster.refused.add(("GET", "workflowtasksets"))
    run = b.submit(hello("refused"), "refused")
    state = b.wait(run)["state"]
    check(state == "FAILED" and "what Argo asks cannot be heard" in json.dumps(b.show(run)["error"]), "without the right to hear what Argo asks a run fails, and says so", json.dumps(b.show(run)["error"]))
    b.cluster.refused.clear()
    b.cluster.agents = True
    run = b.submit(hello("agents"), "agents")
    state = b.wait(run)["state"]
    check(state == "FAILED" and "disableAgentPodCreation" in json.dumps(b.show(run)["error"]), "a controller that makes an agent's pod is said", json.dumps(b.show(run)["error"]))
    b.cluster.agents = False


def test_killed(b) -> None:
    """The run's process and the server killed while Argo asks, by a controller that takes away nothing."""
    b.cluster.tidy = False
    gate = b.folder / "killed-may-end"
    b.cluster.binds.append(str(b.folder))
    spec = after_status("killed", f"until [ -e {gate} ]; do sleep 0.1; done", "inputs.parameter_values['status'].state == 'COMPLETE'")
    run = b.submit(spec, "killed")
    b.until(lambda: b.cluster.pods(run))
    b.kill_process(run)
    b.server.kill()
    before = len(b.cluster.asked)
    gate.touch()
    b.server.start(b.port)
    check(b.wait(run)["state"] == "SUCCEEDED" and b.workflow_ended(run) == "Succeeded" and len(b.cluster.asked) == before + 1, "server and run's process killed: what was asked meanwhile is answered", f"{b.cluster.asked[before:]}")
    b.cluster.tidy = True
    b.cluster.binds.clear()


def main() -> None:
    needed("what Argo asks")
    with bench("--agent", "all") as b:
        for test in (test_cached, test_conditions, test_person, test_ends, test_killed):
            test(b)
    done()


if __name__ == "__main__":
    main()
