# run: timeout=1200
"""What follows what: nesting, branches, OneOf, loops, Collected, exit handlers, failures, retries; as the SDK compiles them."""
from typing import Dict, List, NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Output, PipelineTaskFinalStatus

from sdk_case import case, main


@dsl.component
def echo(text: str) -> str:
    return text


@dsl.component
def cat(a: str, b: str) -> str:
    return a + b


@dsl.component
def add(a: int, b: int) -> int:
    assert isinstance(a, int) and isinstance(b, int), (a, b)
    return a + b


@dsl.component
def fail(message: str):
    raise RuntimeError(message)


@dsl.component
def numbers(n: int) -> List[int]:
    return list(range(n))


@dsl.component
def pairs(n: int) -> List[Dict[str, int]]:
    return [{"a": i, "b": i * i} for i in range(n)]


@dsl.component
def total(xs: List[int]) -> int:
    assert all(isinstance(x, int) for x in xs), xs
    return sum(xs)


@dsl.component
def join(xs: List[str]) -> str:
    return ";".join(xs)


@dsl.component
def make(name: str, out: Output[Dataset]):
    out.metadata["label"] = name
    with open(out.path, "w", encoding="utf-8") as f:
        f.write(name)


@dsl.component
def read(data: Input[Dataset]) -> str:
    with open(data.path, encoding="utf-8") as f:
        return f"{f.read()}|{data.metadata.get('label')}"


@dsl.component
def read_all(data: Input[List[Dataset]]) -> str:
    return ",".join(open(d.path, encoding="utf-8").read() for d in data)


@dsl.component
def final(status: PipelineTaskFinalStatus, who: str) -> str:
    return f"{who}|{status.state}|{status.pipeline_task_name}|{bool(status.pipeline_job_resource_name)}|{bool(status.error_message)}"


@dsl.component
def flaky(path: str, item: int, good: int) -> int:
    import os
    with open(f"{path}-{item}", "a", encoding="utf-8") as f:
        f.write("x")
    if os.path.getsize(f"{path}-{item}") < good:
        raise RuntimeError("not yet")
    return item


# ---- nested pipelines

@dsl.pipeline
def inner(a: int, b: int = 5) -> int:
    return add(a=add(a=a, b=b).output, b=1).output


@dsl.pipeline
def middle(x: int) -> NamedTuple("O", [("s", int), ("d", Dataset)]):
    O = NamedTuple("O", [("s", int), ("d", Dataset)])
    return O(s=inner(a=x).output, d=make(name="mid").outputs["out"])


@case(outputs={"s": 17, "text": "mid|mid"})
@dsl.pipeline
def nested(x: int = 10) -> NamedTuple("O", [("s", int), ("text", str)]):
    m = middle(x=x)
    O = NamedTuple("O", [("s", int), ("text", str)])
    return O(s=add(a=m.outputs["s"], b=1).output, text=read(data=m.outputs["d"]).output)


# ---- branches

@dsl.pipeline
def branch(v: int) -> str:
    p = add(a=v, b=0)
    with dsl.If(p.output < 3):
        a = echo(text="low")
    with dsl.Elif(p.output < 6):
        b = echo(text="mid")
    with dsl.Else():
        c = echo(text="high")
    return dsl.OneOf(a.output, b.output, c.output)


for value, word in ((1, "low"), (4, "mid"), (9, "high")):
    case(args={"v": value}, outputs={"Output": word}, name=f"oneof-{word}")(branch)


@case(outputs={"a": "low", "b": "high"})
@dsl.pipeline
def oneof_of_nested() -> NamedTuple("O", [("a", str), ("b", str)]):
    O = NamedTuple("O", [("a", str), ("b", str)])
    return O(a=branch(v=1).output, b=echo(text=branch(v=8).output).output)


@dsl.pipeline
def branch_artifact(v: int) -> Dataset:
    with dsl.If(v < 3):
        a = make(name="low")
    with dsl.Elif(v < 6):
        b = make(name="mid")
    with dsl.Else():
        c = make(name="high")
    return dsl.OneOf(a.outputs["out"], b.outputs["out"], c.outputs["out"])


@dsl.pipeline
def around(v: int) -> Dataset:
    return branch_artifact(v=v).output


@case(outputs={"Output": "mid|mid"})
@dsl.pipeline
def oneof_artifact_of_nested(v: int = 4) -> str:
    return read(data=around(v=v).output).output


@case(outputs={"Output": "mid|mid+"})
@dsl.pipeline
def oneof_in_a_branch(v: int = 4) -> str:
    with dsl.If(v == 4):
        with dsl.If(v > 2):
            r1 = read(data=middle(x=v).outputs["d"])
        with dsl.Else():
            r2 = echo(text="never")
        q = echo(text=dsl.OneOf(r1.output, r2.output))
    with dsl.Else():
        q2 = echo(text="other")
    return cat(a=dsl.OneOf(q.output, q2.output), b="+").output


@case(counts={"echo": 1, "echo-2": 1, "echo-3": 1, "echo-4": 0, "echo-5": 1, "echo-6": 1, "echo-7": 0, "echo-8": 1})
@dsl.pipeline
def conditions(b: bool = True, s: str = "it is", n: int = 3, f: float = 2.5):
    with dsl.If(b == True):  # noqa: E712
        echo(text="1")
    with dsl.If(s == "it is"):
        echo(text="2")
    with dsl.If(n >= 3):
        echo(text="3")
    with dsl.If(f != 2.5):
        echo(text="4")
    with dsl.If(f <= 2.5):
        echo(text="5")
    with dsl.If(s > "a"):
        echo(text="6")
    with dsl.If(n != 3):
        echo(text="7")
    with dsl.If(add(a=1, b=2).output == add(a=2, b=1).output):
        echo(text="8")


# ---- loops

@case(outputs={"Output": 30})
@dsl.pipeline
def loop_static() -> int:
    with dsl.ParallelFor([1, 2, 3, 4]) as i:
        s = add(a=i, b=5)
    return total(xs=dsl.Collected(s.output)).output


@dsl.pipeline
def loop_input(xs: List[int]) -> int:
    with dsl.ParallelFor(xs) as i:
        s = add(a=i, b=1)
    return total(xs=dsl.Collected(s.output)).output


case(args={"xs": [5, 6]}, outputs={"Output": 13}, name="loop-input")(loop_input)
case(args={"xs": []}, outputs={"Output": 0}, name="loop-over-nothing")(loop_input)


@case(outputs={"Output": 20})
@dsl.pipeline
def loop_dicts() -> int:
    with dsl.ParallelFor(pairs(n=4).output) as i:
        s = add(a=i.a, b=i.b)
    return total(xs=dsl.Collected(s.output)).output


@case(outputs={"Output": 31})
@dsl.pipeline
def loops_nested() -> int:
    with dsl.ParallelFor(numbers(n=3).output, parallelism=1) as i:
        ten = total(xs=[0, 0])
        with dsl.ParallelFor(numbers(n=i).output, parallelism=2) as j:
            t = add(a=j, b=10)
            u = add(a=t.output, b=ten.output)
    return total(xs=dsl.Collected(u.output)).output


@case(outputs={"Output": "a1;a2;b3"})
@dsl.pipeline
def loop_over_a_part_of_an_item() -> str:
    @dsl.component
    def source() -> List[Dict]:
        return [{"k": "a", "v": ["1", "2"]}, {"k": "b", "v": ["3"]}]
    with dsl.ParallelFor(source().output) as x:
        with dsl.ParallelFor(x.v) as y:
            t = cat(a=x.k, b=y)
    return join(xs=dsl.Collected(t.output)).output


@case(outputs={"Output": "1a,1b,2a,2b"})
@dsl.pipeline
def collected_artifacts_of_nested_loops() -> str:
    with dsl.ParallelFor(["1", "2"]) as i:
        with dsl.ParallelFor(["a", "b"]) as j:
            d = make(name=cat(a=i, b=j).output)
    return read_all(data=dsl.Collected(d.outputs["out"])).output


@dsl.pipeline
def loop_out(xs: List[str]) -> List[Dataset]:
    with dsl.ParallelFor(xs) as i:
        d = make(name=i)
    return dsl.Collected(d.outputs["out"])


@case(outputs={"Output": "p,q"})
@dsl.pipeline
def collected_out_of_a_pipeline() -> str:
    return read_all(data=loop_out(xs=["p", "q"]).output).output


@dsl.pipeline
def oneof_in_loop(xs: List[int]) -> List[int]:
    with dsl.ParallelFor(xs) as i:
        with dsl.If(i > 1):
            x = add(a=i, b=0)
        with dsl.Else():
            y = add(a=i, b=100)
        o = add(a=dsl.OneOf(x.output, y.output), b=0)
    return dsl.Collected(o.output)


@case(outputs={"Output": 106})
@dsl.pipeline
def collected_oneof() -> int:
    return total(xs=oneof_in_loop(xs=[1, 2, 3]).output).output


@case(outputs={"Output": "a;c"})
@dsl.pipeline
def collected_leaves_out_what_was_skipped() -> str:
    with dsl.ParallelFor(["a", "b", "c"]) as i:
        with dsl.If(i != "b"):
            e = echo(text=i)
    return join(xs=dsl.Collected(e.output)).output


@case(outputs={"Output": 6})
@dsl.pipeline
def loop_in_branch_in_loop() -> int:
    with dsl.ParallelFor([1, 2]) as i:
        with dsl.If(i == 2):
            with dsl.ParallelFor([1, 2, 3]) as j:
                a = add(a=j, b=0)
            t = total(xs=dsl.Collected(a.output))
        with dsl.Else():
            u = add(a=0, b=0)
        z = add(a=dsl.OneOf(t.output, u.output), b=0)
    return total(xs=dsl.Collected(z.output)).output


@case(outputs={"Output": "p|p;qq|qq"})
@dsl.pipeline
def loop_over_artifacts() -> str:
    with dsl.ParallelFor(items=loop_out(xs=["p", "qq"]).output) as d:
        r = read(data=d)
    return join(xs=dsl.Collected(r.output)).output


@case(outputs={"Output": "1,2,1,2"})
@dsl.pipeline
def collected_of_pipelines_that_collect() -> str:
    @dsl.component
    def names(n: int) -> List[str]:
        return ["1", "2"]
    with dsl.ParallelFor([1, 2]) as i:
        p = loop_out(xs=names(n=i).output)
    return read_all(data=dsl.Collected(p.output)).output


@dsl.pipeline
def sums(x: int) -> int:
    with dsl.ParallelFor([1, 2]) as j:
        a = add(a=x, b=j)
    return total(xs=dsl.Collected(a.output)).output


@case(outputs={"Output": 15})
@dsl.pipeline
def loops_in_pipelines_in_a_loop() -> int:
    with dsl.ParallelFor([0, 1, 2]) as i:
        t = sums(x=i)
    return total(xs=dsl.Collected(t.output)).output


@case(counts={"echo": 2, "echo-2": 1, "echo-3": 2})
@dsl.pipeline
def branches_on_items():
    @dsl.component
    def source() -> List[Dict]:
        return [{"go": True, "n": "a"}, {"go": False, "n": "b"}, {"go": True, "n": "c"}]
    with dsl.ParallelFor(source().output) as i:
        with dsl.If(i.go == True):  # noqa: E712
            echo(text=i.n)
    with dsl.ParallelFor([1, 2, 3, 4]) as i:
        with dsl.If(i == 1):
            echo(text="one")
        with dsl.Elif(i < 4):
            echo(text="more")


# ---- failures

@case(state="FAILED", tasks={"final": [{"Output": "me|FAILED|exit-handler-1|True|True"}]}, counts={"fail": 0, "final": 1})
@dsl.pipeline
def exit_handler_of_a_failure(who: str = "me"):
    with dsl.ExitHandler(final(who=who)):
        with dsl.ParallelFor(["1", "2"]) as i:
            with dsl.If(i == "2"):
                fail(message="deep")


@case(tasks={"final": [{"Output": "me|COMPLETE|exit-handler-1|True|False"}]})
@dsl.pipeline
def exit_handler_of_a_success(who: str = "me"):
    with dsl.ExitHandler(final(who=who)):
        echo(text="fine")


@case(state="FAILED", tasks={"final": [{"Output": "a|COMPLETE|exit-handler-1|True|False"}], "final-2": [{"Output": "b|FAILED|exit-handler-2|True|True"}]})
@dsl.pipeline
def two_exit_handlers():
    with dsl.ExitHandler(final(who="a"), name="first"):
        echo(text="1")
    with dsl.ExitHandler(final(who="b"), name="second"):
        fail(message="2")


@dsl.pipeline
def guarded(i: str):
    with dsl.ExitHandler(final(who=i), name="guard"):
        e = echo(text=i)
        with dsl.If(i == "b"):
            fail(message="b fails").after(e)


@case(state="FAILED", counts={"final": 3, "echo": 3})
@dsl.pipeline
def exit_handlers_in_a_loop():
    with dsl.ParallelFor(["a", "b", "c"]) as i:
        guarded(i=i)


@case(state="FAILED", tasks={"maybe": [{"Output": "default"}]}, counts={"echo": 1})
@dsl.pipeline
def upstream_failure_ignored():
    @dsl.component
    def broken() -> str:
        raise ValueError("x")

    @dsl.component
    def maybe(x: str = "default") -> str:
        return x
    b = broken()
    maybe(x=b.output).ignore_upstream_failure()
    echo(text="after").after(b).ignore_upstream_failure()


@case(args=lambda folder: {"path": str(folder / "tries")}, outputs={"Output": 1}, attempts={"flaky": 3})
@dsl.pipeline
def retried(path: str) -> int:
    return flaky(path=path, item=1, good=3).set_retry(num_retries=3, backoff_duration="0s", backoff_factor=2.0, backoff_max_duration="1s").output


@case(state="FAILED", attempts={"fail": 3})
@dsl.pipeline
def retried_in_vain():
    fail(message="x").set_retry(num_retries=2, backoff_duration="0s")


@dsl.pipeline
def flaky_pipeline(path: str, item: int) -> int:
    return flaky(path=path, item=item, good=2).output


@case(args=lambda folder: {"path": str(folder / "tries")}, outputs={"Output": 6}, attempts={"flaky": 2})
@dsl.pipeline
def a_pipelines_retries_are_its_steps(path: str) -> int:
    with dsl.ParallelFor([1, 2, 3]) as i:
        f = flaky_pipeline(path=path, item=i).set_retry(num_retries=1, backoff_duration="0s")
    return total(xs=dsl.Collected(f.output)).output


main()
