"""A loop of 2,000 iterations: what Argo keeps of it stays below its limit for an object (1 MiB).

DHOW_TEST_LOOP makes it shorter, where 2,000 pods take too long; what 2,000 would take is then reckoned
from the nodes that there are.
"""
import base64
import gzip
import json
import os
import tempfile

import kube
import pipelines
from dhow_cluster import deploy
from tap import check, done

COUNT = int(os.environ.get("DHOW_TEST_LOOP", "2000"))
LIMIT = 1 << 20


def nodes_of(flow: dict) -> dict:
    """The nodes of a Workflow, also where Argo has packed them."""
    packed = flow["status"].get("compressedNodes")
    return json.loads(gzip.decompress(base64.b64decode(packed))) if packed else flow["status"]["nodes"]


def packed(nodes: dict) -> int:
    """The bytes of these nodes as Argo packs what is larger than a MiB."""
    return len(base64.b64encode(gzip.compress(json.dumps(nodes, separators=(",", ":")).encode())))


def main() -> None:
    kube.needed("a large loop on the cluster")
    with deploy() as cluster, tempfile.TemporaryDirectory() as folder:
        run = cluster.run(pipelines.compiled(pipelines.loop(COUNT), folder), {}, seconds=60 + COUNT * 4)
        states = [t["state"] for t in run["tasks"] if t["name"] == "say"]
        check(run["state"] == "SUCCEEDED" and states == ["SUCCEEDED"] * COUNT, f"a loop of {COUNT} ends right", run["state"])
        flow = kube.get("workflows", selector=f"dhow-run={run['run_id']}")[0]
        size, nodes = len(json.dumps(flow, separators=(",", ":"))), nodes_of(flow)
        check(size < LIMIT, f"its Workflow is {size} bytes, with {len(nodes)} nodes", str(size))
        more = {f"{key}-{i}": {**node, "id": f"{key}-{i}"} for i in range(-(-2000 // COUNT)) for key, node in nodes.items()}
        check(packed(more) < LIMIT, f"{len(more)} nodes, as of 2,000 iterations, are {packed(more)} bytes as Argo packs them")
    done()


main()
