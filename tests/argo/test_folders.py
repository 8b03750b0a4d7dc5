"""A folder that goes through the bucket by launchers is the same as on one machine: names, bytes, empty folders, and so its digest."""
import json

from bench import bench, here, needed
from specs import output, pipeline, step
from tap import check, done

needed("folders by launchers")


def folders() -> dict:
    s = pipeline("folders")
    step(s, "make", "mkdir -p $out_tree/a/b $out_tree/none/at/all; printf one >$out_tree/a/b/1; printf 'two words' >\"$out_tree/a/two words\"; : >$out_tree/empty", artifacts={"tree": "Artifact"})
    step(s, "look", 'printf "%s" "$(cd "$in_tree" && find . | sort)" > $out_names', after=("make",), outputs=("names",))
    s["components"]["comp-look"]["inputDefinitions"] = {"artifacts": {"tree": {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}}}
    s["deploymentSpec"]["executors"]["exec-look"]["container"]["args"].append("in_tree={{$.inputs.artifacts['tree'].path}}")
    s["root"]["dag"]["tasks"]["look"]["inputs"] = {"artifacts": {"tree": {"taskOutputArtifact": {"producerTask": "make", "outputArtifactKey": "tree"}}}}
    return output(s, "names", "look", "names")


with bench() as b:
    spec = folders()
    run = b.submit(spec, "folders")
    check(b.wait(run)["state"] == "SUCCEEDED", "a step that makes a folder", str(b.show(run)) + b.errors())

    def digests(shown: dict) -> list:
        return [(name, a["digest"], a.get("size")) for t in shown["tasks"] for name, found in t["outputs"].get("artifacts", {}).items() for a in found]

    names = b.show(run)["outputs"]["names"].split("\n")
    check(names == [".", "./a", "./a/b", "./a/b/1", "./a/two words", "./empty", "./none", "./none/at", "./none/at/all"], "another step has all of it", str(names))
    there, local = digests(b.show(run)), digests(here(b.folder, spec, "folders"))
    check(there == local and there and there[0][1] is not None, "has the digest that it has on this machine", f"{there}\n{local}\n{json.dumps(b.show(run))[:1500]}")
done()
