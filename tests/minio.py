"""A real MinIO server for the tests of S3, on loopback, in a folder of its own; boto3 beside it."""
import contextlib
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from ports import free_port
from tap import ROOT, done, skip

try:
    import boto3
    import botocore.config
except ImportError:
    boto3 = None

KEY, SECRET = "dhow-test-key", "dhow-test-planted-secret-8Qz"
PROGRAM = ROOT / ".tools" / "minio" / "minio"


def needed(name: str) -> None:
    """Ends the script with a skipped case where there is no server or no client to compare with."""
    if not PROGRAM.exists():
        skip(name, "there is no MinIO (tools/get-minio.sh builds it where Go is new enough)")
        done()
    if boto3 is None:
        skip(name, "there is no boto3 (tools/make-venv.sh)")
        done()


class Server:
    """One server; it can be stopped and started again with what it holds."""

    def __init__(self, folder: pathlib.Path, certs: pathlib.Path | None = None, env: dict | None = None):
        self.folder, self.certs, self.env = folder, certs, env or {}
        self.port = free_port()
        self.endpoint = f"{'https' if certs else 'http'}://127.0.0.1:{self.port}"
        self.process = None

    def start(self) -> None:
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        argv = [str(PROGRAM), "server", "--quiet", "--address", f"127.0.0.1:{self.port}"]
        argv += ["--certs-dir", str(self.certs if self.certs else self.folder / "no-certs")]
        env = {**{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MINIO_"))}, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET,
               "MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "GOMAXPROCS": "2", **self.env}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(argv + [str(self.folder / "data")], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait()

    def wait(self) -> None:
        import ssl
        context = ssl._create_unverified_context() if self.certs else None
        until = time.monotonic() + 180
        while time.monotonic() < until:
            with contextlib.suppress(OSError, urllib.error.URLError):
                # "ready" is said before buckets can be made.
                for what in ("ready", "cluster"):
                    urllib.request.urlopen(f"{self.endpoint}/minio/health/{what}", timeout=20, context=context).close()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"Bail out! MinIO does not start: {(self.folder / 'log').read_text(errors='replace')[-800:]}")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self, endpoint: str | None = None, **config):
        return boto3.client("s3", endpoint_url=endpoint or self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1",
                            config=botocore.config.Config(s3={"addressing_style": "path"}, **config))


def environment(endpoint: str, **more) -> dict:
    """What dhow is given; nothing of the user's own."""
    clean = {name: "" for name in os.environ if name.startswith("AWS_")}
    return {**clean, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL_S3": endpoint, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "no_proxy": "127.0.0.1", **more}


@contextlib.contextmanager
def minio(certs: pathlib.Path | None = None, env: dict | None = None):
    with tempfile.TemporaryDirectory(prefix="dhow-minio-") as name:
        server = Server(pathlib.Path(name), certs, env)
        server.start()
        try:
            yield server
        finally:
            server.stop()
