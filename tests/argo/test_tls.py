"""Between pods and server there is TLS, by a certificate that only the run's Secret vouches for."""
import pathlib
import shutil
import subprocess
import tempfile

from bench import bench, needed
from flows import hello
from tap import check, dhow, done, says, skip

needed("TLS between pods and server")
if not shutil.which("openssl"):
    skip("TLS between pods and server", "openssl is not here to make a certificate")
    done()
with tempfile.TemporaryDirectory(prefix="dhow-tls-") as name:
    top = pathlib.Path(name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dhow", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", str(top / "key"), "-out", str(top / "cert"), "-days", "2"], check=True, capture_output=True)
    with bench("--tls-cert", str(top / "cert"), "--tls-key", str(top / "key"), "--launch-ca", str(top / "cert")) as b:
        run = b.submit(hello(), "hello")
        check(b.wait(run)["state"] == "SUCCEEDED", "a run whose pods speak TLS to the server", str(b.show(run)) + b.errors())
        made = [s["stringData"] for s in b.cluster.objects["secrets"].values()]
        check(all(set(s) == {"token", "ca.crt"} and "PRIVATE" not in s["ca.crt"] for s in made) and made, "the Secret of a run has its token and whom to trust", str(made))
    (top / "both").write_text((top / "cert").read_text() + (top / "key").read_text())
    r = dhow("serve", "--engine", "argo", "--port", "0", "--pipeline-root", "s3://b/c", "--launch-ca", top / "both", home=top / "h")
    check(r.returncode == 2 and "certificates alone" in r.stderr, "a file with a key in it is refused", says(r))
done()
