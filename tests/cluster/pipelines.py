"""Pipelines for the cluster, written and compiled with the official SDK: each runs by the local engine too."""
import pathlib
from typing import List

from kfp import compiler, dsl, kubernetes
from kfp.dsl import Artifact, Input, Output

SHELL, PYTHON = "dhow.test/shell:1", "dhow.test/python:1"


def shell(script: str, *args, image: str = SHELL) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image=image, command=["sh", "-ec", script, "sh"], args=list(args))


@dsl.container_component
def say(text: str, out: dsl.OutputPath(str)):
    return shell('mkdir -p "$(dirname "$2")"; echo "saying $1"; printf %s "$1" >"$2"', text, out)


@dsl.container_component
def pair(one: str, two: str, out: dsl.OutputPath(str)):
    return shell('mkdir -p "$(dirname "$3")"; printf %s "$1$2" >"$3"', one, two, out)


@dsl.container_component
def write(text: str, made: Output[Artifact]):
    return shell('mkdir -p "$(dirname "$2")"; printf %s "$1" >"$2"', text, made.path)


@dsl.container_component
def read(given: Input[Artifact], out: dsl.OutputPath(str)):
    return shell('mkdir -p "$(dirname "$2")"; printf "read %s" "$(cat "$1")" >"$2"', given.path, out)


@dsl.container_component
def fails(code: int):
    return shell('echo "about to fail" >&2; exit "$1"', code)


@dsl.container_component
def fails_once(counter: str, out: dsl.OutputPath(str)):
    """Its index of the retry tells the first attempt from the second."""
    return shell('mkdir -p "$(dirname "$2")"; [ "${KFP_RETRY_INDEX:-0}" != 0 ] || { echo "first attempt of $1" >&2; exit 3; }; printf again >"$2"', counter, out)


@dsl.container_component
def sleeps(seconds: int):
    return shell('trap "echo ended early; exit 143" TERM; sleep "$1" & wait', seconds)


@dsl.component(base_image=PYTHON)
def numbers(count: int) -> List[int]:
    return [i * i for i in range(count)]


@dsl.component(base_image=PYTHON)
def total(values: List[int]) -> int:
    return int(sum(values))


@dsl.component(base_image=PYTHON)
def square(value: int) -> int:
    return value * value


@dsl.component(base_image=PYTHON)
def verdict(final: dsl.PipelineTaskFinalStatus) -> str:
    print("ended as", final.state)
    return final.state


@dsl.pipeline(name="artifacts")
def artifacts(text: str = "some text"):
    made = write(text=text)
    read(given=made.outputs["made"])


@dsl.pipeline(name="conditions")
def conditions(side: str = "heads"):
    tossed = say(text=side)
    with dsl.If(tossed.outputs["out"] == "heads"):
        say(text="it was heads")
    with dsl.Elif(tossed.outputs["out"] == "tails"):
        say(text="it was tails")
    with dsl.Else():
        say(text="it was neither")


@dsl.pipeline(name="loops")
def loops() -> int:
    found = numbers(count=4)
    with dsl.ParallelFor(found.output, parallelism=2) as value:
        squared = square(value=value)
    with dsl.ParallelFor(["a", "b"]) as letter:
        with dsl.ParallelFor(["1", "2"]) as number:
            pair(one=letter, two=number)
    return total(values=dsl.Collected(squared.output)).output


@dsl.pipeline(name="exit-handler")
def exit_handler(code: int = 4):
    end = verdict()
    with dsl.ExitHandler(end):
        first = say(text="within")
        fails(code=code).after(first)


@dsl.pipeline(name="retries")
def retries():
    fails_once(counter="c").set_retry(num_retries=2, backoff_duration="1s", backoff_factor=1)


@dsl.pipeline(name="ignores")
def ignores():
    bad = fails(code=5)
    say(text="goes on").after(bad).ignore_upstream_failure()


@dsl.container_component
def absent_image():
    return shell("true", image="dhow.test/there-is-none:1")


@dsl.pipeline(name="pull-error")
def pull_error():
    absent_image()


@dsl.container_component
def eats(megabytes: int):
    return shell('x=aaaaaaaaaaaaaaaa; n=0; while [ $n -lt 24 ]; do x=$x$x; n=$((n+1)); done; echo "$1"', megabytes)


@dsl.pipeline(name="out-of-memory")
def out_of_memory():
    eats(megabytes=64).set_memory_limit("32Mi").set_memory_request("16Mi")


@dsl.pipeline(name="unschedulable")
def unschedulable():
    say(text="never").set_cpu_request("500").set_cpu_limit("500")


@dsl.pipeline(name="long")
def long(seconds: int = 600):
    first = say(text="first")
    second = sleeps(seconds=seconds).after(first)
    say(text="last").after(second)


@dsl.container_component
def slow(seconds: int, out: dsl.OutputPath(str)):
    return shell('mkdir -p "$(dirname "$2")"; sleep "$1"; printf slept >"$2"', seconds, out)


@dsl.pipeline(name="three")
def three(seconds: int = 20):
    """A step, one that takes its time, and one after."""
    first = say(text="first")
    second = slow(seconds=seconds).after(first)
    say(text="third").after(second)


@dsl.component(base_image=PYTHON)
def looks():
    """What a step can find: no token of the cluster, no answer without one; the run's token, which is spent."""
    import json
    import os
    import pathlib
    import ssl
    import urllib.error
    import urllib.request

    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    print("a token in " + token if os.path.exists(token) else "no api token")
    url = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}/api/v1/namespaces/dhow/secrets"
    try:
        urllib.request.urlopen(url, context=ssl._create_unverified_context(), timeout=30)
        print("anonymous reads secrets")
    except urllib.error.HTTPError as error:
        print("anonymous is refused with", error.code)
    words = pathlib.Path("/proc/1/cmdline").read_text().split("\0")
    run, server = (words[words.index(name) + 1] for name in ("--run", "--server"))
    body = {"run": run, "scope": "root.looks", "iteration": [], "pod": {"name": os.environ["KFP_POD_NAME"], "uid": os.environ["KFP_POD_UID"]}, "retry": 0, "secret": "5" * 64}
    token = pathlib.Path("/dhow-token/token").read_text()
    try:
        urllib.request.urlopen(urllib.request.Request(server + "/launch/v1/claim", json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": "Bearer " + token}), timeout=30)
        print("it can take its launcher's place")
    except urllib.error.HTTPError as error:
        print("its own claim is refused with", error.code)


@dsl.pipeline(name="looks-around")
def looks_around():
    looks()


@dsl.container_component
def learns(go: str):
    """Tells a number, waits, tells another; and says what it is not to say."""
    return shell("""echo '{"step": 1, "loss": 0.5}' >>"$DHOW_METRICS"; printf 'I know hun'; sleep 1; echo "ter2-of-env"; cat /keys/key; printf %s "$PASSWORD" | base64
sleep 12; printf '{"step": 2, "loss": 0.25}' >>"$DHOW_METRICS"; echo "$1 done" """, go)


@dsl.pipeline(name="live")
def live():
    """A step with a Secret of the namespace in its environment and in a folder."""
    task = learns(go="go")
    kubernetes.use_secret_as_env(task, secret_name="dhow-test-secret", secret_key_to_env={"password": "PASSWORD"})
    kubernetes.use_secret_as_volume(task, secret_name="dhow-test-secret", mount_path="/keys")


@dsl.container_component
def reaches(places: str):
    """Says of each "host:port" whether it answers."""
    return shell('for at in $1; do if nc -w 5 "${at%:*}" "${at##*:}" </dev/null >/dev/null 2>&1; then echo "$at answers"; else echo "$at is silent"; fi; done', places)


@dsl.pipeline(name="reaches-out")
def reaches_out(places: str):
    reaches(places=places)


def chain(length: int):
    """So many steps, one after the other."""
    @dsl.pipeline(name="chain")
    def made():
        before = None
        for i in range(length):
            task = say(text=f"step {i}")
            if before:
                task.after(before)
            before = task
    return made


def fan(width: int):
    """So many steps, side by side."""
    @dsl.pipeline(name="fan")
    def made():
        for i in range(width):
            say(text=f"step {i}")
    return made


def loop(count: int):
    """One step so many times, thirty at a time."""
    @dsl.pipeline(name="loop")
    def made():
        with dsl.ParallelFor([str(i) for i in range(count)], parallelism=30) as text:
            say(text=text)
    return made


def compiled(pipeline, folder: str | pathlib.Path, cache: bool = False) -> pathlib.Path:
    """The pipeline's file; without the cache in nested tasks too (the client's enable_caching reaches the outermost alone)."""
    to = pathlib.Path(folder) / f"{pipeline.name}{'-cached' if cache else ''}.yaml"
    compiler.Compiler().compile(pipeline, str(to))
    if not cache:
        to.write_text(to.read_text().replace("enableCache: true", "enableCache: false"))
    return to
