"""worker, the second part: the process that forks, reaps and reports the steps of one run."""
# ---- the keeper of one run's steps

def children_of_mine():
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def peer_of(connection):
    """pid, user and group of who connected."""
    return struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))


def group_files(pid):
    """The files that put who writes to them into the control groups of a process, where we are not."""
    def groups_of(which):
        with open("/proc/%s/cgroup" % which) as file:
            return dict(line.rstrip("\n").split(":", 2)[1:] for line in file)

    try:
        ours, its = groups_of("self"), groups_of(pid)
        missing = {name: path for name, path in its.items() if ours.get(name) != path}
        if not missing:
            return
        with open("/proc/self/mountinfo") as file:
            mounts = [line.split() for line in file]
    except (OSError, ValueError):
        return
    for fields in mounts:
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        for name, path in missing.items():
            if kind == "cgroup" and name and set(name.split(",")) <= set(options) or kind == "cgroup2" and not name:
                root, at = fields[3], fields[4]
                if path.startswith(root.rstrip("/") + "/") or path == root:
                    yield "%s/%s/cgroup.procs" % (at, path[len(root.rstrip("/")) :].strip("/"))


class Keeper:
    def __init__(self, control, server, roots, teach):
        self.control, self.server, self.roots, self.teach = control, server, roots, teach
        self.links = {}  # pid of a step → its link
        self.before = frozenset(sys.modules)
        self.wake, wake_writer = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_writer, False)
        self.wake_writer = wake_writer
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of steps come to us
        # What bounds the run bounds its steps.
        for path in list(group_files(peer_of(control)[0])):
            try:
                with open(path, "wb", buffering=0) as file:
                    file.write(b"0")
            except OSError:
                pass  # not ours to enter

    def start(self, fd):
        pid = os.fork()
        if pid == 0:
            for other in self.links.values():
                other.close()
            self.control.close()
            self.server.close()
            os.close(self.wake)
            os.close(self.wake_writer)
            step(socket.socket(fileno=fd), self.before, self.roots, self.teach)
        link = socket.socket(fileno=fd)
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass
        self.links[pid] = link
        self.say(link, STARTED, pid, 0, 0)

    def say(self, link, *words):
        try:
            link.send(REPLY.pack(*words))
        except OSError:
            pass  # its run is gone; the connection says so too

    def reap(self):
        try:
            while os.read(self.wake, 512):
                pass
        except BlockingIOError:
            pass
        while True:
            # Seen first and reaped later: until then its number is not given to another process.
            try:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if not seen:
                return True
            link = self.links.pop(seen.si_pid, None)
            if link:
                try:
                    os.killpg(seen.si_pid, signal.SIGKILL)  # what it left behind in its group
                except OSError:
                    pass
            _, status, use = os.wait4(seen.si_pid, 0)
            if link:
                self.say(link, EXITED, status, int((use.ru_utime + use.ru_stime) * 1e6), use.ru_maxrss * 1024)
                link.close()

    def accept(self):
        """One word of the shepherd: a step's link. False: it has gone."""
        try:
            word, ancillary, _, _ = self.control.recvmsg(16, socket.CMSG_SPACE(4))
        except OSError:
            return False
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(data[: fds.itemsize])
                self.start(fds[0])
        return bool(word)

    def end(self):
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for pid in children_of_mine():
                for kill in (os.killpg, os.kill):
                    try:
                        kill(pid, signal.SIGKILL)
                    except OSError:
                        pass
            if not self.reap():
                break
            time.sleep(0.005)
        os._exit(0)

    def run(self):
        poll = select.poll()
        for fd in (self.control.fileno(), self.wake, self.server.fileno()):
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.wake:
                    self.reap()
                elif fd == self.server.fileno():
                    word = self.server.recv(1)
                    poll.unregister(fd)
                    if word:  # a better server has taken over: connect again for the next steps
                        try:
                            self.control.send(b"R")
                        except OSError:
                            pass
                elif not self.accept():
                    self.end()


