"""The record in MySQL (MariaDB): Google's client reads it there as it reads the file, and dhow's own service does."""
import json
import pathlib
import subprocess
import tempfile

from databases import MariaDB, servers
from tap import DHOW, ROOT, check, dhow, done, says, skip

HERE = pathlib.Path(__file__).parent
made = subprocess.run([ROOT / "tools" / "make-mlmd-venv.sh"], capture_output=True, text=True, check=False)
if made.returncode or MariaDB not in servers()[0]:
    skip("the record in MySQL", "Google's client or MariaDB is not installed")
    done()


def client(*args) -> dict:
    result = subprocess.run([made.stdout.strip(), HERE / "client.py", *map(str, args)], capture_output=True, text=True, check=False, timeout=300)
    if result.returncode:
        raise SystemExit(f"Bail out! the client says: {result.stderr[-3000:]}")
    return json.loads(result.stdout)


def strict(message):
    if isinstance(message, dict):
        return {k: strict(v) for k, v in message.items()}
    return sorted((strict(m) for m in message), key=lambda m: json.dumps(m, sort_keys=True)) if isinstance(message, list) else message


def same(got: dict, wanted: dict, words: str) -> None:
    for key in wanted:
        check(strict(got[key]) == strict(wanted[key]), f"{key}: {words}", f"got    {json.dumps(got[key])[:700]}\nwanted {json.dumps(wanted[key])[:700]}")


with tempfile.TemporaryDirectory() as tmp, MariaDB() as server:
    home, source = pathlib.Path(tmp, "home"), pathlib.Path(tmp, "source")
    source.write_text("a\n")
    file = HERE / "pipeline.yaml"
    for _ in range(2):
        dhow("run", file, "-p", f"source=file://{source}", home=home)
    wanted = client("sqlite", home / "dhow.db", 1)
    url = server.url("moved")
    result = dhow("db", "move", url, home=home)
    check(result.returncode == 0, "the record moves to MySQL", says(result))
    same(client("mysql", "127.0.0.1", server.port, "root", "", "moved"), wanted, "the same from MySQL")
    process = subprocess.Popen([DHOW, "mlmd", "serve", "--port", "0", "--home", str(home), "--db", url], stdout=subprocess.PIPE, text=True)
    port = process.stdout.readline().rsplit(":", 1)[1].strip()
    same(client("grpc", "127.0.0.1", port), wanted, "the same over gRPC from MySQL")
    process.terminate()
    check(process.wait(120) == 0, "the server ends")
    process.stdout.close()
    # Recorded there from the start, and read by the client while it is there.
    fresh = server.url("fresh")
    result = dhow("run", file, "-p", f"source=file://{source}", "--db", fresh, home=pathlib.Path(tmp, "other"))
    check(result.returncode == 0, "a run recorded in MySQL", says(result))
    got = client("mysql", "127.0.0.1", server.port, "root", "", "fresh")
    check(len(got["executions"]) == 33 and len(got["artifacts"]) == 9 and sorted(map(len, got["children"].values())) == sorted(
        len(v) for k, v in wanted["children"].items() if int(k) <= 34), "has all of it", f"{len(got['executions'])} {len(got['artifacts'])}")
    tree = dhow("lineage", got["artifacts"][-1]["id"], "--db", fresh, home=pathlib.Path(tmp, "other"))
    check(tree.returncode == 0 and "MADE FROM" in tree.stdout and "importer" in tree.stdout, "and lineage", says(tree))
done()
