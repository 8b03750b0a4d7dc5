"""The pipelines of this folder's files, in the official SDK."""
from typing import List, NamedTuple, Optional

from kfp import dsl, kubernetes
from kfp.dsl import Dataset, Input, Output, OutputPath, PipelineTaskFinalStatus


@dsl.container_component
def numbers(n: int, numbers: OutputPath(list), sum: OutputPath(int), face: OutputPath(str)):
    return dsl.ContainerSpec(image="alpine", command=["n"], args=[n, numbers, sum, face])


@dsl.container_component
def say(text: str, said: OutputPath(str)):
    return dsl.ContainerSpec(image="alpine", command=["echo"], args=[text, said])


@dsl.container_component
def twice(n: int, twice: OutputPath(int), data: Output[Dataset]):
    return dsl.ContainerSpec(image="alpine", command=["d"], args=[n, twice, data.path])


@dsl.container_component
def sum(all: list, total: OutputPath(int)):
    return dsl.ContainerSpec(image="alpine", command=["s"], args=[all, total])


@dsl.container_component
def merge(parts: Input[List[Dataset]], whole: Output[Dataset]):
    return dsl.ContainerSpec(image="alpine", command=["m"], args=[whole.path])


@dsl.container_component
def guarded_finally(status: PipelineTaskFinalStatus, text: str = "none"):
    return dsl.ContainerSpec(image="alpine", command=["c"], args=[text, status])


@dsl.pipeline(name="branches")
def branches(wanted: str = "heads", limit: int = 3, really: bool = True):
    n = numbers(n=limit)
    with dsl.If(n.outputs["face"] == wanted, name="outer"):
        say(text=n.outputs["face"])
        with dsl.If(n.outputs["sum"] > 10):
            say(text=wanted)
    with dsl.If(really == True):  # noqa: E712
        say(text="really")


@dsl.pipeline(name="loops", description="Loops, what they give, and texts.")
def loops(given: List[int] = [1, 2], n: int = 3) -> NamedTuple("out", total=int, whole=Dataset):
    first = numbers(n=n).set_retry(2).set_caching_options(False).set_cpu_limit("500m").set_memory_limit("1Gi").set_env_variable("A", "1")
    with dsl.ParallelFor([1, 2, 3], name="static", parallelism=2) as i:
        t = twice(n=i)
        with dsl.If(t.outputs["twice"] > 2):
            say(text=f'{t.outputs["twice"]} of {first.outputs["sum"]}')
    s = sum(all=dsl.Collected(t.outputs["twice"]))
    m = merge(parts=dsl.Collected(t.outputs["data"]))
    with dsl.ParallelFor(given) as i:
        twice(n=i)
    last = guarded_finally(text="bye")
    with dsl.ExitHandler(last, name="guarded"):
        say(text="in")
    say(text="end").after(m)
    out = NamedTuple("out", total=int, whole=Dataset)
    return out(total=s.outputs["total"], whole=m.outputs["whole"])


@dsl.container_component
def words(text: str, label: Optional[str] = None):
    return dsl.ContainerSpec(image="alpine", command=["w", dsl.ConcatPlaceholder(["--text=", text])],
                             args=[dsl.IfPresentPlaceholder("label", then=["--label", label], else_=["--no-label"])])


for port in kubernetes.CreatePVC.component_spec.inputs.values():  # said at length there
    port.description = None
kubernetes.CreatePVC.component_spec.description = None


@dsl.pipeline(name="settings")
def settings(claim: str, label: Optional[str] = None, cpu: str = "1") -> NamedTuple("out", all=List[Dataset]):
    made = kubernetes.CreatePVC(access_modes=["ReadWriteOnce"], size="5Gi", pvc_name_suffix="-data")
    w = words(text="t", label=label).set_cpu_limit(cpu).set_container_image("other:1")
    kubernetes.mount_pvc(w, pvc_name=made.outputs["name"], mount_path="/data")
    kubernetes.mount_pvc(w, pvc_name=claim, mount_path="/kept")
    kubernetes.mount_pvc(w, pvc_name="old", mount_path="/old")
    with dsl.ParallelFor([1, 2]) as i:
        t = twice(n=i)
    out = NamedTuple("out", all=List[Dataset])
    return out(all=dsl.Collected(t.outputs["data"]))
