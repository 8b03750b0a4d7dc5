"""The pipelines of this folder's C files, in the official SDK. pairs.py NAME OUT.yaml"""
import sys
from typing import List, NamedTuple, Optional

from kfp import compiler, dsl, kubernetes
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
def use(data: Input[Dataset], how: str = "plain"):
    return dsl.ContainerSpec(image="alpine", command=["u"], args=[data.path, how])


@dsl.container_component
def clean(status: PipelineTaskFinalStatus, text: str = "none"):
    return dsl.ContainerSpec(image="alpine", command=["c"], args=[text, status])


@dsl.pipeline(name="branches")
def branches(wanted: str = "heads", limit: int = 3, really: bool = True):
    n = numbers(n=limit)
    with dsl.If(n.outputs["face"] == wanted, name="outer"):
        say(text=n.outputs["face"])
        with dsl.If(n.outputs["sum"] > 10):
            say(text=wanted)
        with dsl.Elif(n.outputs["sum"] >= 2.5, name="middle"):
            say(text="between")
        with dsl.Else():
            say(text="small")
    with dsl.If(really == True):  # noqa: E712
        say(text="really")


@dsl.pipeline(name="one-of")
def one_of(n: int = 3) -> NamedTuple("out", chosen=int, data=Dataset):
    first = numbers(n=n)
    with dsl.If(first.outputs["face"] == "heads"):
        a = twice(n=1)
    with dsl.Elif(first.outputs["face"] == "tails"):
        b = twice(n=2)
    with dsl.Else():
        c = twice(n=first.outputs["sum"])
    number = dsl.OneOf(a.outputs["twice"], b.outputs["twice"], c.outputs["twice"])
    data = dsl.OneOf(a.outputs["data"], b.outputs["data"], c.outputs["data"])
    again = twice(n=number)
    use(data=data)
    with dsl.If(again.outputs["twice"] > 3):
        use(data=data, how="deep")
    out = NamedTuple("out", chosen=int, data=Dataset)
    return out(chosen=number, data=data)


@dsl.pipeline(name="loops")
def loops(given: list = [1, 2], typed: List[int] = [3], n: int = 3):
    first = numbers(n=n)
    with dsl.ParallelFor([1, 2, 3], name="static", parallelism=2) as i:
        t = twice(n=i)
        with dsl.If(t.outputs["twice"] > 2):
            say(text=f'{t.outputs["twice"]} of {first.outputs["sum"]}')
    with dsl.ParallelFor([{"a": 1, "b": 3}, {"a": 2, "b": 4}]) as pair:
        twice(n=pair.a)
        twice(n=pair.b)
    with dsl.ParallelFor(given) as i:
        say(text=i)
    with dsl.ParallelFor(typed) as i:
        twice(n=i)
    with dsl.ParallelFor(first.outputs["numbers"]) as i:
        say(text=i)
        with dsl.ParallelFor(["p", "q"]) as k:
            say(text=k)


@dsl.pipeline(name="collected")
def collected(given: list = [1, 2]) -> NamedTuple("out", all=list, whole=Dataset):
    with dsl.ParallelFor([1, 2, 3]) as i:
        t = twice(n=i)
    with dsl.ParallelFor([1, 2]) as i:
        with dsl.ParallelFor([3, 4]) as k:
            deep = twice(n=k)
        sum(all=dsl.Collected(deep.outputs["twice"]))
    sum(all=dsl.Collected(t.outputs["twice"]))
    m = merge(parts=dsl.Collected(t.outputs["data"]))
    with dsl.ParallelFor([5, 6]) as i:
        last = twice(n=i)
    out = NamedTuple("out", all=list, whole=Dataset)
    return out(all=dsl.Collected(last.outputs["twice"]), whole=m.outputs["whole"])


@dsl.pipeline(name="exits")
def exits(text: str = "bye"):
    last = clean(text=text)
    with dsl.ExitHandler(last, name="guarded"):
        n = numbers(n=1)
        s = say(text=n.outputs["face"])
        clean(text=s.outputs["said"]).ignore_upstream_failure()
    a = say(text="a")
    say(text="b").after(a)


@dsl.pipeline(name="inner")
def inner(n: int = 2, text: str = "hi") -> NamedTuple("out", value=int, data=Dataset):
    t = twice(n=n)
    with dsl.If(text == "hi"):
        say(text=text)
    out = NamedTuple("out", value=int, data=Dataset)
    return out(value=t.outputs["twice"], data=t.outputs["data"])


@dsl.pipeline(name="nested")
def nested(n: int = 2):
    a = inner(n=n)
    b = inner(n=a.outputs["value"], text="ho")
    use(data=b.outputs["data"])
    with dsl.ParallelFor([1, 2]) as i:
        inner(n=i)


@dsl.pipeline(name="settings", description="What can be set.", pipeline_root="s3://bucket/root")
def settings(uri: str = "gs://b/x"):
    t = say(text="x").set_display_name("A name").set_caching_options(False)
    t.set_retry(3, backoff_duration="30s", backoff_factor=1.5, backoff_max_duration="600s")
    t.set_cpu_request("500m").set_cpu_limit("2").set_memory_request("512Mi").set_memory_limit("4G")
    t.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(2)
    t.set_env_variable("A", "1").set_env_variable("B", "two")
    k = say(text="y").set_caching_options(True, "mine")
    kubernetes.use_secret_as_env(k, "db", {"password": "PASSWORD"})
    kubernetes.use_secret_as_volume(k, "tls", "/tls")
    kubernetes.use_config_map_as_env(k, "cm", {"k": "K"})
    kubernetes.use_config_map_as_volume(k, "cm", "/cm")
    kubernetes.set_timeout(k, 60)
    kubernetes.set_image_pull_policy(k, "Always")
    kubernetes.add_node_selector(k, "disk", "ssd")
    a = dsl.importer(artifact_uri="gs://b/a", artifact_class=Dataset, metadata={"k": 1, "s": "t"}, reimport=False)
    b = dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=True)
    use(data=a.output)
    use(data=b.output)


@dsl.pipeline(name="last-words")
def last_words(text: str = "end"):
    say(text=text)


@dsl.pipeline(name="pass")
def pass_(data: Input[Dataset]) -> NamedTuple("out", n=int):
    use(data=data)
    t = twice(n=4)
    out = NamedTuple("out", n=int)
    return out(n=t.outputs["twice"])


@dsl.pipeline(name="more")
def more(data: Input[Dataset], n: int, word: str = "w", rate: float = 0.5, how: dict = {"a": 1}) -> NamedTuple("out", value=int):  # noqa: B006
    last = last_words(text=word)
    with dsl.ExitHandler(last):
        first = numbers(n=n)
        with dsl.If(first.outputs["sum"] != 3):
            with dsl.ParallelFor([1, 2]) as i:
                with dsl.If(i < 2):
                    twice(n=i)
        with dsl.If(first.outputs["sum"] <= n):
            say(text="le")
        with dsl.If(rate > 0.25):
            say(text=f'{first.outputs["face"]} and {word}')
    t = inner(n=n).set_retry(2).set_caching_options(False).set_display_name("An inner one")
    p = pass_(data=t.outputs["data"])
    use(data=data)
    out = NamedTuple("out", value=int)
    return out(value=p.outputs["n"])


@dsl.pipeline(name="platform", pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def platform(word: str = "w"):
    t = say(text=word)
    kubernetes.mount_pvc(t, pvc_name="data", mount_path="/data")
    kubernetes.add_toleration(t, key="k", operator="Equal", value="v", effect="NoSchedule")
    kubernetes.add_pod_label(t, "team", "a")
    kubernetes.add_pod_annotation(t, "note", "b")
    kubernetes.use_field_path_as_env(t, env_name="POD", field_path="metadata.name")
    kubernetes.empty_dir_mount(t, volume_name="scratch", mount_path="/scratch", medium="Memory", size_limit="1Gi")
    kubernetes.set_image_pull_secrets(t, ["registry"])
    kubernetes.add_ephemeral_volume(t, volume_name="eph", mount_path="/eph", access_modes=["ReadWriteOnce"], size="5Gi", storage_class_name="fast")
    kubernetes.add_node_affinity(t, match_expressions=[{"key": "disk", "operator": "In", "values": ["ssd"]}])
    kubernetes.set_security_context(t, run_as_user=1000)


@dsl.container_component
def words(text: str, data: Input[Dataset], label: Optional[str] = None, more: Optional[Input[Dataset]] = None):
    return dsl.ContainerSpec(
        image="alpine",
        command=["w", dsl.ConcatPlaceholder(["--text=", text, ' "quoted\\"'])],
        args=[
            dsl.IfPresentPlaceholder("label", then=["--label", label], else_=["--no-label"]),
            "between",
            dsl.IfPresentPlaceholder("more", then=["--more", dsl.ConcatPlaceholder(["file:", data.path])]),
            dsl.ConcatPlaceholder(["a", dsl.IfPresentPlaceholder("label", then=label, else_="none"), dsl.ConcatPlaceholder(["b", "c"])]),
        ])


@dsl.pipeline(name="placeholders")
def placeholders(data: Input[Dataset]):
    words(text="t", data=data, label="l")
    words(text="u", data=data)


@dsl.pipeline(name="make-all")
def make_all(given: List[int] = [1, 2]) -> List[Dataset]:  # noqa: B006
    with dsl.ParallelFor(given) as i:
        t = twice(n=i)
    return dsl.Collected(t.outputs["data"])


@dsl.pipeline(name="lists")
def lists(ready: Input[List[Dataset]], given: List[int] = [3]) -> NamedTuple("out", all=List[Dataset]):  # noqa: B006
    m = make_all(given=given)
    merge(parts=m.output)
    with dsl.ParallelFor(m.output) as one:
        use(data=one)
    merge(parts=ready)
    out = NamedTuple("out", all=List[Dataset])
    return out(all=m.output)


for made in (kubernetes.CreatePVC, kubernetes.DeletePVC):  # what their inputs are is said at length there
    made.description = made.component_spec.description = None
    for port in made.component_spec.inputs.values():
        port.description = None


@dsl.pipeline(name="volumes", pipeline_config=dsl.PipelineConfig(active_deadline_seconds=7200, ttl_seconds_after_success=600, ttl_seconds_after_failure=120))
def volumes(name: str = "kept"):
    made = kubernetes.CreatePVC(access_modes=["ReadWriteOnce"], size="5Gi", pvc_name_suffix="-data", storage_class_name="standard")
    a = say(text="a")
    kubernetes.mount_pvc(a, pvc_name=made.outputs["name"], mount_path="/data")
    b = say(text="b")
    kubernetes.mount_pvc(b, pvc_name=name, mount_path="/kept")
    kubernetes.DeletePVC(pvc_name=made.outputs["name"]).after(a)


@dsl.pipeline(name="given", display_name="Given when it runs", pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def given(cpu: str, memory: str = "1Gi", image: str = "alpine:3", secret: str = "s", uri: str = "gs://b/x"):
    n = numbers(n=1)
    t = say(text="x").set_cpu_limit(cpu).set_cpu_request(n.outputs["face"]).set_memory_limit(memory).set_memory_request("1Gi")
    t.set_accelerator_type(n.outputs["face"]).set_accelerator_limit(2).set_container_image(image)
    kubernetes.use_secret_as_env(t, secret, {"k": "K"})
    t.after(n)  # the SDK forgets that it waits for what its settings are made of
    with dsl.ParallelFor([1, 2]):
        u = say(text="u").set_cpu_limit(n.outputs["face"])
        kubernetes.use_secret_as_volume(u, n.outputs["face"], "/s")
        kubernetes.use_config_map_as_env(u, secret, {"k": "K"})
    a = dsl.importer(artifact_uri=uri, artifact_class=Dataset, metadata={"k": 1, "u": uri, "n": n.outputs["sum"]}, download_to_workspace=True)
    use(data=a.output)


if __name__ == "__main__":
    compiler.Compiler().compile(globals()[sys.argv[1]], sys.argv[2])
