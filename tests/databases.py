"""Database servers for tests: PostgreSQL and MariaDB from Debian, started here in a folder of their own, on a
free port of loopback and a socket, and stopped at the end.

    with Postgres() as server:
        server.url(name)      of a database (MariaDB) or schema (PostgreSQL) of that name, made anew
        server.restart(), server.kill(), server.start()

`servers()` gives the classes of those that can be had here."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from ports import free_port


class Server:
    name = ""
    durable = False  # waits for the disk at each commit; without it, it survives its own death but no power cut
    account = ""  # who it runs as where we are root, which it refuses

    def __init__(self, tls: bool = False):
        self.tls = tls  # with a certificate of its own for 127.0.0.1: folder / "cert.pem"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dhow-db-", dir="/tmp"))  # a socket's path is short
        self.port = free_port()
        self.process = None
        self.made = set()
        if os.getuid() == 0:
            who = pwd.getpwnam(self.account)
            self.as_user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
            os.chown(self.folder, who.pw_uid, who.pw_gid)
        else:
            self.as_user = {}
        os.chmod(self.folder, 0o755)

    def __enter__(self):
        try:
            self.prepare()
            if self.tls:
                self.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj",
                         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
                os.chmod(self.folder / "key.pem", 0o600)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *argv):
        r = subprocess.run([str(a) for a in argv], capture_output=True, text=True, cwd=self.folder, timeout=300, check=False, **self.as_user)
        if r.returncode:
            raise RuntimeError(f"{argv[0]}: {r.stdout}{r.stderr}")
        return r.stdout

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([str(a) for a in self.command()], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, **self.as_user)
        until = time.monotonic() + 180
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            if self.ready():
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not start: {(self.folder / 'log').read_text(errors='replace')[-3000:]}")

    def stop(self, how=None):
        self.process.send_signal(how or self.orderly)
        self.process.wait(60)
        self.process = None

    def restart(self, how=None, pause=0.0):
        self.stop(how)
        time.sleep(pause)
        self.start()

    def kill(self):
        self.stop(signal.SIGKILL)


class Postgres(Server):
    name = "PostgreSQL"
    account = "postgres"
    orderly = signal.SIGINT  # fast: connections are cut

    @staticmethod
    def bin():
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        return pathlib.Path(found[-1]).parent if found else None

    def prepare(self):
        # A collation that sorts as people do, to see that ours does not depend on it.
        self.run(self.bin() / "initdb", "-D", self.folder / "data", "-U", "dhow", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                 "--locale-provider=icu", "--icu-locale=en-US", "-N")

    def command(self):
        return [self.bin() / "postgres", "-D", self.folder / "data", "-k", self.folder, "-h", "127.0.0.1", "-p", self.port,
                "-c", "max_connections=50", "-c", f"fsync={'on' if self.durable else 'off'}",
                *(["-c", "ssl=on", "-c", f"ssl_cert_file={self.folder / 'cert.pem'}", "-c", f"ssl_key_file={self.folder / 'key.pem'}"] if self.tls else [])]

    def sql(self, text):
        return self.run(self.bin() / "psql", "-X", "-q", "-A", "-t", "-h", self.folder, "-p", self.port, "-U", "dhow", "-d", "postgres", "-v", "ON_ERROR_STOP=1",
                        "-c", text)

    def ready(self):
        return subprocess.run([self.bin() / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port)], check=False, timeout=60).returncode == 0

    def url(self, name, port=None):
        if name not in self.made:
            self.sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
            self.made.add(name)
        return self.pattern(port).replace("NAME", name)

    def pattern(self, port=None):
        where = f"127.0.0.1:{port or self.port}"
        return f"postgresql://dhow@{where}/postgres?options=-csearch_path%3DNAME"

    def count(self, name, sql):
        return int(self.sql(f"SET search_path = {name}; {sql}").split()[-1])


class MariaDB(Server):
    name = "MariaDB"
    account = "mysql"
    orderly = signal.SIGTERM

    def prepare(self):
        self.run(shutil.which("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal",
                 "--skip-test-db", "--force")

    def command(self):
        return [shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin"), "--no-defaults", f"--datadir={self.folder / 'data'}",
                f"--socket={self.folder / 'socket'}", f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder / 'pid'}",
                f"--innodb-flush-log-at-trx-commit={1 if self.durable else 2}", "--innodb-buffer-pool-size=64M", "--skip-name-resolve", "--max-connections=50",
                *([f"--ssl-cert={self.folder / 'cert.pem'}", f"--ssl-key={self.folder / 'key.pem'}"] if self.tls else [])]

    def sql(self, text, database="mysql"):
        return self.run(shutil.which("mariadb"), "--no-defaults", f"--socket={self.folder / 'socket'}", "-u", "root", "-N", "-B", "-e", text, database)

    def ready(self):
        r = subprocess.run([shutil.which("mariadb-admin"), "--no-defaults", f"--socket={self.folder / 'socket'}", "-u", "root", "ping"], capture_output=True,
                           check=False, timeout=60)
        return r.returncode == 0

    def url(self, name, port=None):
        if name not in self.made:
            self.sql(f"CREATE DATABASE IF NOT EXISTS {name}")
            self.made.add(name)
        return self.pattern(port).replace("NAME", name)

    def pattern(self, port=None):
        return f"mysql://root@127.0.0.1:{port or self.port}/NAME"

    def count(self, name, sql):
        return int(self.sql(sql.replace('"', "`"), name).split()[-1])


def servers() -> list:
    """The classes of the servers that are installed, and the names of the others."""
    there, missing = [], []
    (there if Postgres.bin() else missing).append(Postgres)
    mariadb = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin") and shutil.which("mariadb-install-db")
    (there if mariadb else missing).append(MariaDB)
    return there, missing
