# run: timeout=240
"""Deleting a run never deletes an artifact that another run refers to; what nobody refers to any more is freed, and nothing else."""
import json
import pathlib
import random
import tempfile

from specs import pipeline, step, write
from tap import check, dhow, done, says


def chain(n: int) -> dict:
    """make → use: make's artifact depends on n % 3 only, use's on n."""
    s = pipeline("chain")
    artifact = {"artifacts": {"data": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}
    for name, word in (("make", str(n % 3)), ("use", f"use{n}")):
        step(s, name, f"mkdir -p $out_data; echo {word} > $out_data/file", artifacts={"data": "Dataset"}, after=("make",) if name == "use" else ())
        s["components"][f"comp-{name}"]["outputDefinitions"] = artifact
        s["deploymentSpec"]["executors"][f"exec-{name}"]["container"]["args"] = ["out_data={{$.outputs.artifacts['data'].path}}"]
    return s


def importing(uri: str) -> dict:
    s = pipeline("importing")
    s["components"]["comp-get"] = {"executorLabel": "exec-get", "outputDefinitions": {"artifacts": {"artifact": {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}}}
    s["deploymentSpec"]["executors"]["exec-get"] = {"importer": {"artifactUri": {"constant": uri}, "typeSchema": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}}
    s["root"]["dag"]["tasks"]["get"] = {"componentRef": {"name": "comp-get"}, "taskInfo": {"name": "get"}}
    return s


def outputs(run: dict) -> list:
    return [a for t in run["tasks"] for many in t["outputs"]["artifacts"].values() for a in many]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dhow-delete-") as folder:
        folder = pathlib.Path(folder)
        home = folder / "home"
        alive = {}

        def run(spec, name):
            r = dhow("run", write(folder, spec, f"{name}.json"), "--output", "json", home=home)
            value = json.loads(r.stdout)
            alive[value["run_id"]] = [pathlib.Path(a["uri"].removeprefix("file://")) for a in outputs(value)]
            return value

        first = None
        for n in range(9):
            value = run(chain(n), f"chain{n}")
            first = first or value
        outside = folder / "mine.txt"
        outside.write_text("mine")
        run(importing(str(outside)), "imports-mine")
        run(importing(outputs(first)[0]["uri"]), "imports-first")
        everything = {p for paths in alive.values() for p in paths}
        check(len(everything) == 3 + 9 + 1, "artifacts are shared by the cache and by an importer", "\n".join(map(str, sorted(everything))))

        order = list(alive)
        random.Random(7).shuffle(order)
        for i, doomed in enumerate(order):
            paths = set(alive.pop(doomed))
            wanted = {p for rest in alive.values() for p in rest} | {outside}
            r = dhow("runs", "delete", doomed, "--output", "json", home=home)
            freed = {pathlib.Path(g["name"]) for g in json.loads(r.stdout) if g["kind"] == "artifact"}
            check(r.returncode == 0 and all(p.exists() for p in wanted), f"deletion {i}: what others refer to stays", says(r))
            check(freed == {p for p in paths if p not in wanted} and not any(p.exists() for p in freed), f"deletion {i}: exactly the rest goes", str(freed))
        left = [p for p in (home / "artifacts").rglob("*") if p.is_file()] + [p for p in (home / "runs").rglob("*") if p.is_file()]
        check(not left and outside.exists(), "in the end nothing of ours is left", str(left[:5]))
        check(json.loads(dhow("runs", "--output", "json", "--all", home=home).stdout) == [], "nor on record")
        r = dhow("gc", "--older-than", "0s", "--output", "json", home=home)
        check(json.loads(r.stdout)["items"] == [], "gc finds no more", says(r))
        check(dhow("runs", "delete", "nobody", home=home).returncode == 2, "no such run")
    done()


main()
