"""worker, the third part: the process that waits for runs, and learns what to import ahead."""
# ---- the server

def threads():
    return len(os.listdir("/proc/self/task"))


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def trial_fork():
    """Libraries that know of fork (OpenBLAS) end their threads before one. Is it safe to fork now?"""
    if threads() == 1:
        return True
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # SIGCHLD is ignored
    return threads() == 1


def installed_roots():
    """Where modules are that do not change under us: not the author's own folders."""
    import sysconfig

    paths = sysconfig.get_paths()
    roots = {paths[k] for k in ("purelib", "platlib", "stdlib", "platstdlib")}
    roots.update(p for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages"))
    return tuple(os.path.join(root, "") for root in roots)


class Server:
    def __init__(self, name, folder, module, ahead, idle_s):
        self.name, self.folder, self.idle_s = name, folder, idle_s
        self.file = os.path.join(folder, "imports.json")
        self.ahead = ahead
        self.modules = []   # imported ahead, or to be
        self.unsafe = set()  # packages that cannot be imported ahead
        self.keepers = {}   # fd → our end
        self.used = time.monotonic()
        self.growing = None
        self.waiting = []   # modules that were learned while growing
        self.wanted = []    # what the growing child is to import
        self.blame = ""     # the package that it is at
        self.failures = 0
        self.roots = installed_roots()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind("\0" + name)
        self.lessons, self.teach = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.lessons, self.teach):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for base in BASE + (module.rpartition(".")[0],):
            try:
                importlib.import_module(base)
            except Exception:
                pass  # an SDK without it; the step says what is wrong, if it is
        # Fills the caches of what the executor does first: patterns, translations.
        import argparse

        argparse.ArgumentParser(description="-").add_argument("--option", type=str, required=True, help="-")
        self.settle()

    def settle(self):
        gc.collect()
        gc.freeze()  # a collection in a step does not touch, and so copy, what was there before

    def load(self):
        try:
            with open(self.file) as file:
                known = json.load(file)
            self.unsafe = set(known["unsafe"])
            return [m for m in known["modules"] if isinstance(m, str)]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def save(self):
        text = json.dumps({"modules": self.modules, "unsafe": sorted(self.unsafe)})
        beside = "%s.%d" % (self.file, os.getpid())
        try:
            with open(beside, "w") as file:
                file.write(text)
            os.rename(beside, self.file)
        except OSError:
            pass  # the next server learns it again

    # Growing: a forked child imports; when that went well it is the server from then on, and when
    # it did not, nothing has happened.
    def grow(self, names):
        new = [n for n in names if n not in sys.modules and n.partition(".")[0] not in self.unsafe]
        if not new or len(self.modules) + len(new) > MODULES_MAX or self.failures > FAILURES_MAX:
            return False
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            mine.close()
            for keeper in self.keepers.values():
                keeper.close()
            self.keepers = {}
            self.growing, self.waiting = None, []
            self.import_ahead(new, its)  # returns only when all went well
            its.send(b"+")
            word = its.recv(1)  # "go": the old one has stopped listening
            its.close()
            if not word:
                os._exit(0)
            self.used = time.monotonic()
            self.save()
            return True
        its.close()
        self.growing = mine
        return False

    def import_ahead(self, new, its):
        last = None
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a module may run a program when imported
        for name in new:
            package = name.partition(".")[0]
            if last not in (None, package) and not trial_fork():
                its.send(b"-" + last.encode())
                os._exit(0)
            last = package
            try:
                its.send(b"?" + package.encode())  # whom to blame if we do not come back
                importlib.import_module(name)
                self.modules.append(name)
            except BaseException:
                pass
        if not trial_fork():
            its.send(b"-" + last.encode())
            os._exit(0)
        if resident_bytes() > AHEAD_BYTES_MAX:
            its.send(b"-" + last.encode())
            os._exit(0)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.settle()

    def grown(self):
        """A word of the growing child. True: it is the server now and we are over."""
        try:
            word = self.growing.recv(256)
        except OSError:
            word = b""
        if word.startswith(b"?"):
            self.blame = word[1:].decode()
            return False
        if word == b"+":
            self.listener.close()
            for keeper in self.keepers.values():
                try:
                    keeper.send(b"R")
                except OSError:
                    pass
            self.growing.send(b"!")
            return True
        self.refuse(word)
        self.save()
        again, self.waiting = self.waiting, []
        return self.become(self.wanted + again)

    def refuse(self, word):
        """The child said who cannot be imported ahead, or died while it imported self.blame."""
        package = word[1:].decode() if word.startswith(b"-") else self.blame
        self.unsafe.add(package)
        self.growing.close()
        self.growing = None
        self.failures += 1

    def become(self, names):
        """Starts to grow. In the new server: goes on as it."""
        self.wanted = names
        if self.grow(names):
            self.run()
        return False

    def learn(self):
        while True:
            try:
                names = json.loads(self.lessons.recv(1 << 20).decode())
            except (OSError, ValueError):
                break
            self.waiting.extend(n for n in names if isinstance(n, str))
        if self.growing is None:
            names, self.waiting = self.waiting, []
            self.become(list(dict.fromkeys(names)))

    def accept(self):
        try:
            control, _ = self.listener.accept()
            if peer_of(control)[1] != os.geteuid():  # an abstract socket has no file mode
                control.close()
                return
            control.settimeout(1)
            word = control.recv(1)
            control.settimeout(None)
        except OSError:
            return
        if word == b"I":
            idle = 0.0 if self.keepers else time.monotonic() - self.used
            control.send(struct.pack("=d", idle))
        elif word == b"Q":
            control.close()
            os._exit(0)
        elif word == b"R":
            self.used = time.monotonic()
            mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if os.fork() == 0:
                mine.close()
                for keeper in self.keepers.values():
                    keeper.close()
                self.listener.close()
                self.lessons.close()
                if self.growing:
                    self.growing.close()
                os.setsid()
                Keeper(control, its, self.roots, self.teach if self.ahead else None).run()
            its.close()
            self.keepers[mine.fileno()] = mine
        control.close()

    def run(self):
        while True:
            poll = select.poll()
            poll.register(self.listener.fileno(), select.POLLIN)
            poll.register(self.lessons.fileno(), select.POLLIN)
            if self.growing:
                poll.register(self.growing.fileno(), select.POLLIN)
            for fd in self.keepers:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(2000):
                if fd in self.keepers:
                    self.keepers.pop(fd).close()
                    self.used = time.monotonic()
                elif self.growing and fd == self.growing.fileno():
                    if self.grown():
                        os._exit(0)
                    break
                elif fd == self.lessons.fileno():
                    self.learn()
                    break
                elif fd == self.listener.fileno():
                    self.accept()
            if not os.path.exists(self.folder):
                os._exit(0)
            if not self.keepers and not self.growing and time.monotonic() - self.used > self.idle_s:
                os._exit(0)

    def start(self, ready):
        """Imports what an earlier server learned, then listens and says so."""
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        names = self.load() if self.ahead else []
        self.wanted = names
        while names and self.grow(names) is False and self.growing:
            word = b"?"
            while word[:1] == b"?":
                try:
                    word = self.growing.recv(256)
                except OSError:
                    word = b""
                if word[:1] == b"?":
                    self.blame = word[1:].decode()
            if word == b"+":
                self.growing.send(b"!")
                os._exit(0)  # the child says that it is ready
            self.refuse(word)
        self.listener.listen(512)
        os.write(ready, b"1")
        os.close(ready)
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        self.run()


def make_room(name):
    """At most SERVERS_MAX of a user: the one that nobody has needed for longest goes."""
    prefix = "@" + name.rpartition("-")[0] + "-"
    with open("/proc/net/unix") as file:
        names = {line.split()[-1] for line in file if prefix in line}
    idle = []
    for other in names:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(1)
                s.connect("\0" + other[1:])
                s.send(b"I")
                idle.append((struct.unpack("=d", s.recv(8))[0], other))
        except (OSError, struct.error):
            continue
    for _, other in sorted(idle, reverse=True)[: max(0, len(idle) - SERVERS_MAX + 1)]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(1)
                s.connect("\0" + other[1:])
                s.send(b"Q")
        except OSError:
            continue


def main():
    name, folder, module, ahead, idle_s = sys.argv[1:6]
    for fd in os.listdir("/proc/self/fd"):  # who started us may leave some open: we outlive them
        if int(fd) > 2:
            try:
                os.close(int(fd))
            except OSError:
                pass
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        os._exit({b"1": 0, b"2": 3}.get(os.read(reader, 1), 1))
    os.close(reader)
    os.chdir("/")
    try:
        make_room(name)
    except OSError:
        pass
    try:
        server = Server(name, folder, module, ahead == "1", float(idle_s))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            os.write(writer, b"2")  # somebody else is just starting it
        else:
            print("a worker cannot listen on %s: %s" % (name, error), file=sys.stderr)
        os._exit(1)
    server.start(writer)


if __name__ == "__main__":
    main()
