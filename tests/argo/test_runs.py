# run: timeout=300
"""Runs on a cluster: what comes out is what the local engine gives; results are used again; what no pod can say is said."""
from bench import bench, here, needed, outcome
from flows import condition, handler, hello, loop, retried
from tap import check, done


def same_as_here(b, name: str, spec: dict) -> str:
    run = b.submit(spec, name)
    b.wait(run)
    there, local = outcome(b.show(run)), outcome(here(b.folder, spec, name))
    check(there == local, f"{name}: as on this machine", f"cluster: {there}\nhere:    {local}\n{b.log(run)}\n{b.errors()}")
    return run


def test_equal(b) -> None:
    run = same_as_here(b, "hello", hello())
    check(b.log(run) == "saying\n" or "saying" in b.log(run), "its log is kept", b.log(run))
    check(b.workflow_ended(run) == "Succeeded", "Argo's Workflow succeeds too")
    again = b.submit(hello(), "hello")
    b.wait(again)
    shown = b.show(again)
    check([t["state"] for t in shown["tasks"]] == ["CACHED"] and shown["outputs"] == {"said": "hello"}, "the second run uses the first one's result", str(shown))
    check(b.workflow_ended(again) == "Succeeded", "its pod had nothing to do")
    same_as_here(b, "branches", condition())
    same_as_here(b, "loops", loop())
    run = same_as_here(b, "handler", handler())
    check("cleaned" in b.log(run) and b.workflow_ended(run) == "Failed", "an exit task ran after the failure", b.log(run))
    run = same_as_here(b, "again", retried('test "$KFP_RETRY_INDEX" = 2 || exit 4'))


def main() -> None:
    needed("runs on a cluster")
    with bench() as b:
        test_equal(b)
    done()


main()
