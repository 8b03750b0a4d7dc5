# run: asan
"""Objects in a real MinIO: boto3 reads what dhow wrote, dhow reads what boto3 wrote; odd names, empty
objects, folders, many parts, checksums, presigned URLs, copies."""
import hashlib
import json
import os
import pathlib
import tempfile
import urllib.request

import minio
from tap import check, dhow, done, says

MIB = 1 << 20
NAMES = ["plain", "a b", "a+b", "100%", "100%25", "é/ü", "日本", "q?x=1", "semi;colon", "a&b=c", "~tilde", "(paren)", "dots..", "#hash", "'quote'", '"double"', "back\\slash",
         "long" * 50, "tab\tx", "star*", "[brackets]", "comma,", "@at", "!bang", "$dollar", "emoji-🚢"]


def main() -> None:
    minio.needed("objects in MinIO")
    with minio.minio() as server, tempfile.TemporaryDirectory(prefix="dhow-s3-") as name:
        folder, s3 = pathlib.Path(name), server.client()
        env = minio.environment(server.endpoint)
        s3.create_bucket(Bucket="bkt")
        s3.create_bucket(Bucket="other")

        def run(*args, **more):
            return dhow("artifacts", *args, home=folder / "home", env={**env, **more}, cwd=folder)

        names(s3, run, folder)
        parts(s3, run, folder)
        folders(s3, run, folder)
        copies(s3, run, folder)
        presigned(s3, run, folder)
        refused(server, run, folder)
    done()


def names(s3, run, folder) -> None:
    wrong = []
    for i, key in enumerate(NAMES):
        text = f"{i} {key}"
        (folder / "in").write_text(text)
        r = run("cp", "in", f"s3://bkt/w/{key}")
        if r.returncode or s3.get_object(Bucket="bkt", Key=f"w/{key}")["Body"].read().decode() != text:
            wrong.append(f"{key}: {says(r)}")
    check(not wrong, "boto3 reads what dhow wrote, under any name", "\n".join(wrong))
    wrong = []
    for i, key in enumerate(NAMES):
        s3.put_object(Bucket="bkt", Key=f"r/{key}", Body=f"{i} {key}".encode(), Metadata={"made-by": "boto3"})
        r = run("get", f"s3://bkt/r/{key}", "out")
        if r.returncode or (folder / "out").read_text() != f"{i} {key}":
            wrong.append(f"{key}: {says(r)}")
    check(not wrong, "dhow reads what boto3 wrote, under any name", "\n".join(wrong))
    r = run("ls", "s3://bkt/r", "--output", "json")
    check({x["key"] for x in json.loads(r.stdout)} == set(NAMES), "a list has every name", says(r))
    s3.put_object(Bucket="bkt", Key="empty", Body=b"")
    s3.put_object(Bucket="bkt", Key="slash/", Body=b"of a slash")
    r = run("get", "s3://bkt/empty", "out")
    check(r.returncode == 0 and (folder / "out").read_bytes() == b"", "an empty object", says(r))
    r = run("get", "s3://bkt/slash/", folder / "out-slash")
    check(r.returncode == 0 and (folder / "out-slash").read_bytes() == b"of a slash", "a key with a slash at its end", says(r))
    (folder / "nothing").write_bytes(b"")
    r = run("cp", "nothing", "s3://bkt/nothing")
    check(r.returncode == 0 and s3.head_object(Bucket="bkt", Key="nothing")["ContentLength"] == 0, "an empty file", says(r))
    r = run("show", "s3://bkt/r/plain", "--output", "json")
    check(json.loads(r.stdout)["digest"] == hashlib.sha256(b"0 plain").hexdigest(), "the digest of what has none on record is read", says(r))


def parts(s3, run, folder) -> None:
    size = int(os.environ.get("DHOW_TEST_S3_BYTES", 50 * MIB + 12345))
    block = os.urandom(MIB)
    with open(folder / "big", "wb") as f:
        left = size
        while left > 0:
            f.write(block[:min(MIB, left)])
            block = block[1:] + block[:1]
            left -= MIB
    digest = hashlib.file_digest(open(folder / "big", "rb"), "sha256").hexdigest()
    r = run("cp", "big", "s3://bkt/big")
    check(r.returncode == 0, "a file goes in parts", says(r))
    s3.download_file("bkt", "big", str(folder / "big-boto"))
    check(hashlib.file_digest(open(folder / "big-boto", "rb"), "sha256").hexdigest() == digest, "boto3 reads it")
    s3.upload_file(str(folder / "big"), "bkt", "big-by-boto")
    r = run("get", "s3://bkt/big-by-boto", "big-back")
    check(r.returncode == 0 and hashlib.file_digest(open(folder / "big-back", "rb"), "sha256").hexdigest() == digest, "what boto3 wrote in parts comes in ranges", says(r))
    check(s3.list_multipart_uploads(Bucket="bkt", Prefix="big").get("Uploads") is None, "no upload is left open")
    for x in ("big-boto", "big-back"):
        (folder / x).unlink()


def folders(s3, run, folder) -> None:
    tree = folder / "tree"
    (tree / "sub" / "deep").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "a b").write_text("one")
    (tree / "sub" / "x.txt").write_text("two")
    (tree / "sub" / "deep" / "é").write_bytes(os.urandom(5000))
    (tree / "link").symlink_to("sub/x.txt")
    r = run("cp", "tree", "s3://bkt/t/tree")
    keys = {o["Key"] for o in s3.list_objects_v2(Bucket="bkt", Prefix="t/tree/")["Contents"]}
    check(r.returncode == 0 and keys == {f"t/tree/{k}" for k in ("a b", "sub/x.txt", "sub/deep/é", "empty/", "link")}, "a folder is the objects below a prefix", f"{keys} {says(r)}")
    r = run("get", "s3://bkt/t/tree", "back")
    back = folder / "back"
    check(r.returncode == 0 and (back / "link").is_symlink() and (back / "empty").is_dir() and (back / "sub/deep/é").read_bytes() == (tree / "sub/deep/é").read_bytes(),
          "and comes back with its empty folder and its link", says(r))
    here = json.loads(run("show", "./tree", "--output", "json").stdout)["digest"]
    there = json.loads(run("show", "s3://bkt/t/tree", "--output", "json").stdout)["digest"]
    check(here == there, "its digest there is its digest here", f"{here} {there}")
    before = s3.head_object(Bucket="bkt", Key="t/tree/sub/x.txt")["LastModified"], s3.head_object(Bucket="bkt", Key="t/tree/sub/x.txt")["ETag"]
    (tree / "a b").write_text("changed")
    (tree / "sub" / "deep" / "é").unlink()
    r = run("cp", "tree", "s3://bkt/t/tree")
    keys = {o["Key"] for o in s3.list_objects_v2(Bucket="bkt", Prefix="t/tree/")["Contents"]}
    after = s3.head_object(Bucket="bkt", Key="t/tree/sub/x.txt")["LastModified"], s3.head_object(Bucket="bkt", Key="t/tree/sub/x.txt")["ETag"]
    check(r.returncode == 0 and before == after and "t/tree/sub/deep/é" not in keys and "t/tree/sub/deep/" in keys, "what is there already is not sent; what is gone goes", f"{keys} {says(r)}")
    s3.put_object(Bucket="bkt", Key="trap/l", Body=str(folder).encode(), Metadata={"dhow-link": "1"})
    s3.put_object(Bucket="bkt", Key="trap/l/planted", Body=b"out")
    r = run("get", "s3://bkt/trap", "trap")
    check(not (folder / "planted").exists(), "nothing is written through a link", says(r))
    r = run("get", "s3://bkt/none", "none")
    check(r.returncode == 2 and "not there" in r.stderr, "what is not there", says(r))


def copies(s3, run, folder) -> None:
    r = run("cp", "s3://bkt/big", "s3://other/copied")
    a, b = s3.head_object(Bucket="bkt", Key="big"), s3.head_object(Bucket="other", Key="copied")
    check(r.returncode == 0 and a["ContentLength"] == b["ContentLength"] and a["Metadata"] == b["Metadata"], "the server copies", says(r))
    r = run("cp", "s3://bkt/t/tree", "s3://other/tree")
    check(r.returncode == 0 and s3.get_object(Bucket="other", Key="tree/a b")["Body"].read() == b"changed", "and a folder", says(r))
    with minio.minio() as second:
        far = second.client()
        far.create_bucket(Bucket="far")
        r = run("cp", "s3://bkt/t/tree", f"s3://far/x?endpoint={second.endpoint}&region=us-east-1")
        check(r.returncode == 0 and far.get_object(Bucket="far", Key="x/sub/x.txt")["Body"].read() == b"two", "between two servers", says(r))
        r = run("get", "minio://far/x/sub/x.txt", "far", DHOW_MINIO_ENDPOINT=second.endpoint)
        check(r.returncode == 0 and (folder / "far").read_text() == "two", "minio:// finds its server by DHOW_MINIO_ENDPOINT", says(r))
        r = run("get", f"gs://far/x/sub/x.txt?endpoint={second.endpoint}&region=us-east-1", "gs", GS_ACCESS_KEY_ID=minio.KEY, GS_SECRET_ACCESS_KEY=minio.SECRET)
        check(r.returncode == 0 and (folder / "gs").read_text() == "two", "gs:// by its S3-compatible interface", says(r))
        r = run("cp", "big", f"gs://far/big?endpoint={second.endpoint}&region=us-east-1", GS_ACCESS_KEY_ID=minio.KEY, GS_SECRET_ACCESS_KEY=minio.SECRET)
        check(r.returncode == 0 and far.head_object(Bucket="far", Key="big")["ContentLength"] == (folder / "big").stat().st_size, "gs:// in parts", says(r))


def presigned(s3, run, folder) -> None:
    url = run("presign", "s3://bkt/r/a b", "--expires", "60").stdout.strip()
    with urllib.request.urlopen(url) as answer:
        check(answer.read() == b"1 a b", "a presigned URL needs no keys", url)
    url = run("presign", "s3://bkt/put+here", "--put").stdout.strip()
    with urllib.request.urlopen(urllib.request.Request(url, data=b"by hand", method="PUT")) as answer:
        check(answer.status == 200 and s3.get_object(Bucket="bkt", Key="put+here")["Body"].read() == b"by hand", "nor one to write to")
    r = run("presign", "s3://bkt/x", "--expires", "700000")
    check(r.returncode == 2 and minio.SECRET not in r.stderr, "a week at most", says(r))


def refused(server, run, folder) -> None:
    r = run("get", "s3://nobody/x", "out")
    check(r.returncode == 2 and "no such bucket" in r.stderr or "not there" in r.stderr, "no such bucket", says(r))
    r = run("get", "s3://bkt/r/plain", "out", AWS_SECRET_ACCESS_KEY="planted-wrong-key")
    check(r.returncode == 3 and "403" in r.stderr and "planted-wrong-key" not in r.stderr, "wrong keys", says(r))
    r = run("get", "s3://bkt/r/plain", "out", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    check(r.returncode == 2 and "AWS_ACCESS_KEY_ID" in r.stderr, "no keys: it says where it looked", says(r))
    r = run("get", f"s3://bkt/r/plain?endpoint={server.endpoint}&secret_access_key=planted", "out")
    check(r.returncode == 2 and "planted" not in r.stderr, "keys do not belong in a URI", says(r))
    r = run("get", "oci://registry/model:1", "out")
    check(r.returncode == 2 and "images" in r.stderr, "oci:// is refused", says(r))


if __name__ == "__main__":
    main()
