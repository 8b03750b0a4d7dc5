"""schemathesis against KFP's own swagger file: no crash, no 5xx, no answer outside the schema. Short and seeded."""
import os
import pathlib
import subprocess
import sys
import tempfile

from server import Server
from tap import check, done, says, skip

SWAGGER = pathlib.Path(os.environ.get("DHOW_SWAGGER", pathlib.Path(__file__).resolve().parents[3] / "shared" / "reference" / "kfp_api.swagger.json"))


def main() -> None:
    tool = pathlib.Path(sys.executable).parent / "schemathesis"
    if not tool.exists():
        skip("schemathesis", "it is not installed")
        return done()
    if not SWAGGER.exists():
        skip("schemathesis", "KFP's swagger file is not here (DHOW_SWAGGER names it)")
        return done()
    with tempfile.TemporaryDirectory() as home, Server(home, "--jobs", 1) as server:
        result = subprocess.run([str(tool), "run", str(SWAGGER), "--url", server.url, "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance",
                                 "--max-examples", os.environ.get("DHOW_EXAMPLES", "8"), "--seed", "20261126", "--phases", "examples,fuzzing", "--workers", "1", "--no-color",
                                 "--suppress-health-check", "all", "--exclude-path-regex", r"visualizations|/workflows|scheduledworkflows|/auth|/filters|\{pipeline\.|\{pipeline_version\."],
                                capture_output=True, text=True, timeout=360, cwd=home, check=False)
        check(result.returncode == 0, "no crash, no 5xx, no answer outside the schema", says(result)[-3500:])
        check(server.process.poll() is None and server.ask("/healthz")[0] == 200, "the server lives")
    return done()


main()
