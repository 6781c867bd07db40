"""Tries to break one guarantee, and prints what it could do: nothing where the guarantee holds."""
import ctypes, errno, fcntl, os, signal, socket, stat, sys

libc = ctypes.CDLL(None, use_errno=True)
CASE = os.environ.get


def tell(words):
    print(words, flush=True)


def tried(words, act):
    """Says so where it works."""
    try:
        act()
    except OSError:
        return
    tell(words)


def call(words, number, *arguments, allowed=()):
    """The same of a system call by its number: what is refused says so by one of two errors."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, *allowed):
        tell(f"{words}: {result} {errno.errorcode.get(ctypes.get_errno())}")


def status(key):
    with open("/proc/self/status") as file:
        return next(line.split(":")[1].strip() for line in file if line.startswith(key + ":"))


def identity():
    for uid in (1, 1000, 65534, 4294967294):
        tried(f"became {uid}", lambda: os.setresuid(uid, uid, uid))
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/self/{name}") as file:
            text = file.read()
        if sum(int(line.split()[2]) for line in text.splitlines()) != 1:
            tell(f"more ids than one: {text}")
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        tried(f"wrote {name}", lambda: os.write(file, b"0 0 4294967295"))
    open("/given/made", "w").close()


def privileges():
    if status("NoNewPrivs") != "1":
        tell("new privileges")
    if libc.prctl(38, 0, 0, 0, 0) == 0:
        tell("took no_new_privs back")
    with open("/proc/self/mountinfo") as file:
        for line in file:
            if "nosuid" not in line.split()[5].split(","):
                tell(f"not nosuid: {line}")


def capabilities():
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(status(name), 16) & ~0xA80425FB:
            tell(f"{name} is {status(name)}")
    tried("renamed the host", lambda: socket.sethostname("broken"))
    tried("took a file of root's", lambda: os.chown("/etc/passwd", 0, 0))
    if libc.setpriority(0, 0, -20) == 0:
        tell("went before others")


def set_id():
    path = "/given/set-id"
    tries = {
        "chmod": lambda: os.chmod(path, 0o4755),
        "chmod of the group": lambda: os.chmod(path, 0o2755),
        "fchmod": lambda: os.fchmod(os.open(path, os.O_RDONLY), 0o4755),
        "mknod": lambda: os.mknod(path + "2", stat.S_IFREG | 0o4755),
        "open": lambda: os.close(os.open(path + "3", os.O_CREAT | os.O_WRONLY, 0o6755)),
    }
    open(path, "w").close()
    for words, act in tries.items():
        try:
            act()
        except OSError:
            pass
        for name in os.listdir("/given"):
            if os.lstat("/given/" + name).st_mode & 0o6000:
                tell(f"made a set-id file by {words}")
                os.chmod("/given/" + name, 0o600)


def files():
    for folder in ("/", "/usr", "/usr/bin", "/etc", "/opt", "/sys", "/dev", "/shown"):
        tried(f"wrote {folder}", lambda: os.mkdir(folder + "/broken"))
    for file in ("/etc/passwd", "/etc/hosts", "/shown/file"):
        tried(f"wrote {file}", lambda: open(file, "a").close())
        tried(f"removed {file}", lambda: os.unlink(file))
    treasure = CASE("TREASURE")
    for path in (treasure, f"/proc/1/root{treasure}", f"/proc/1/cwd{treasure}", f"/shown/../..{treasure}", "/shown/link"):
        tried(f"read {path}", lambda: open(path).close())
    here = os.open("/", os.O_RDONLY)
    for _ in range(2):
        # The old way out of chroot.
        try:
            os.mkdir("/tmp/jail")
            os.chroot("/tmp/jail")
        except OSError:
            pass
        os.fchdir(here)
        tried("went out by chroot", lambda: open("../" * 20 + treasure.lstrip("/")).close())


def devices():
    known = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0), "ptmx": (5, 2)}
    for folder, _, names in os.walk("/dev"):
        for name in names:
            seen = os.stat(f"{folder}/{name}", follow_symlinks=False)
            number = (os.major(seen.st_rdev), os.minor(seen.st_rdev))
            usual = number == known.get(name) or folder == "/dev/pts" and number[0] == 136
            if stat.S_ISBLK(seen.st_mode) or stat.S_ISCHR(seen.st_mode) and not usual:
                tell(f"{folder}/{name} is {number}")
    for number in ((1, 1), (1, 11), (8, 0), (254, 0), (10, 200)):
        for kind in (stat.S_IFCHR, stat.S_IFBLK):
            path = "/tmp/device"
            tried(f"made {number}", lambda: os.mknod(path, kind | 0o666, os.makedev(*number)))
            tried(f"opened {number}", lambda: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)))


def mounts():
    os.makedirs("/tmp/m", exist_ok=True)
    none = ctypes.c_char_p(None)
    for kind, flags in ((b"tmpfs", 0), (b"proc", 0), (b"sysfs", 0), (b"overlay", 0), (None, 4096)):
        if libc.mount(b"/usr", b"/tmp/m", kind, flags, none) == 0:
            tell(f"mounted {kind}")
    for place in (b"/usr", b"/etc", b"/proc", b"/"):
        if libc.mount(none, place, none, 32 | 4096, none) == 0:
            tell(f"made {place} writable")
        for flags in (0, 2):
            if libc.umount2(place, flags) == 0:
                tell(f"unmounted {place}")
    call("open_tree", 428, -100, b"/usr", 1)
    call("fsopen", 430, b"tmpfs", 0)
    call("pivot_root", 155, b"/tmp", b"/tmp/m")


def settings():
    # Of its own namespaces.
    own = ("/proc/sys/net", "/proc/sys/kernel/auto_msgmni", "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/pid_max", "/proc/sys/fs/mqueue", "/proc/sys/kernel/msg", "/proc/sys/kernel/sem", "/proc/sys/kernel/shm")
    for top in ("/proc/sys", "/sys"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = f"{folder}/{name}"
                if not path.startswith(own) and os.path.isfile(path):
                    tried(f"may write {path}", lambda: os.close(os.open(path, os.O_WRONLY)))
    tried("may write sysrq-trigger", lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY)))


def processes():
    outside = int(CASE("OUTSIDE"))
    tried("signalled a process of the host", lambda: os.kill(outside, 0))
    if libc.ptrace(16, outside, 0, 0) == 0:
        tell("traced a process of the host")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                seen = CASE("MARK").encode() in file.read()
        except (FileNotFoundError, ProcessLookupError):
            # It ended meanwhile.
            continue
        if seen:
            tell("saw a process of the host")
    for path in ("exe", "root/etc", "cwd", "environ", "mem", "fd/0"):
        tried(f"read /proc/1/{path}", lambda: os.close(os.open(f"/proc/1/{path}", os.O_RDONLY)))
    if libc.ptrace(16, 1, 0, 0) == 0:
        tell("traced PID 1")


def ipc():
    key = int(CASE("KEY"))
    for name in ("shmget", "semget"):
        if getattr(libc, name)(key, 1, 0) >= 0:
            tell(f"{name} found the host's")
    if libc.msgget(key, 0) >= 0:
        tell("msgget found the host's")
    tried("read the host's /dev/shm", lambda: open(f"/dev/shm/{CASE('MARK')}").close())


def hostname():
    if socket.gethostname() == CASE("HOST"):
        tell("saw the host's name")
    tried("renamed it", lambda: socket.sethostname("broken"))


def cgroups():
    with open("/proc/self/cgroup") as file:
        for line in file:
            path = line.rstrip("\n").split(":", 2)[2]
            if CASE("SAME") or path != "/":
                tell(f"saw {path}")
    if os.path.isdir("/sys/fs/cgroup") and os.listdir("/sys/fs/cgroup"):
        tell("saw the control groups of the host")
    for folder, _, names in os.walk("/sys/fs/cgroup"):
        for name in names:
            tried(f"may write {folder}/{name}", lambda: os.close(os.open(f"{folder}/{name}", os.O_WRONLY)))


def network():
    names = [name for _, name in socket.if_nameindex() if name not in CASE("DEVICES", "lo").split()]
    if names:
        tell(f"saw {names}")
    tried("reached the host's loopback", lambda: socket.create_connection(("127.0.0.1", int(CASE("PORT"))), 5))
    abstract = socket.socket(socket.AF_UNIX)
    tried("reached an abstract socket", lambda: abstract.connect("\0" + CASE("MARK")))
    tried("opened a raw socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))


vpn = network


def terminal():
    for number in (0, 1, 2):
        if not os.isatty(number):
            continue
        seen = os.fstat(number)
        if f"{seen.st_dev}:{seen.st_ino}" == CASE("TERMINAL"):
            tell("has the caller's terminal")
        for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
            if libc.ioctl(number, ctypes.c_ulong(request), b"x") == 0:
                tell("typed into a terminal")
    tried("opened another terminal", lambda: os.close(os.open("/dev/tty1", os.O_RDWR)))


def descriptors():
    for number in range(3, 1024):
        tried(f"has {number}", lambda: os.fstat(number))


def environment():
    for name in ("SECRET_TOKEN", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "LD_AUDIT"):
        if name in os.environ:
            tell(f"saw {name}")
    try:
        with open("/proc/1/environ", "rb") as file:
            if file.read():
                tell("saw PID 1's")
    except PermissionError:
        pass


def sockets():
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
        for path in (os.path.join(folder, name) for name in names):
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    tried(f"connected to {path}", lambda: socket.socket(socket.AF_UNIX).connect(path))
            except OSError:
                pass


def keyrings():
    call("keyctl", 250, 0, -3, 0)
    call("add_key", 248, b"user", b"k", b"v", 1, -3)
    call("request_key", 249, b"user", b"k", None, 0)
    for path in ("/proc/keys", "/proc/key-users"):
        try:
            with open(path) as file:
                if file.read():
                    tell(f"read {path}")
        except OSError:
            pass


def nesting():
    if libc.unshare(0x10000000) == 0:
        tell("made a user namespace")
    elif libc.unshare(0x10020000) == 0:
        tell("made a user and a mount namespace")


def system_calls():
    call("bpf", 321, 0, 0, 0)
    call("userfaultfd", 323, 1)
    call("perf_event_open", 298, 0, 0, -1, -1, 0)
    call("io_uring_setup", 425, 1, 0)
    call("open_by_handle_at", 304, -100, 0, 0)
    call("kexec_load", 246, 0, 0, 0, 0)
    call("init_module", 175, 0, 0, 0)
    call("kcmp", 312, 1, 1, 0, 0, 0)
    call("fanotify_init", 300, 0, 0)
    call("not of this kernel's time", 999)
    for family in (16 + 22, 40, 38, 17, 31):
        tried(f"a socket of family {family}", lambda: socket.socket(family, socket.SOCK_SEQPACKET))


def landlock():
    tried("read what no rule names", lambda: open("/etc/passwd").close())
    tried("wrote what may be read", lambda: open("/shown/file", "a").close())
    tried("made a file where none may be", lambda: open("/tmp/made", "w").close())
    tried("truncated", lambda: os.truncate("/tmp", 0))
    tried("reached a file by another name", lambda: os.link("/shown/file", "/given/file"))
    tried("moved a folder out", lambda: os.rename("/shown", "/given/shown"))
    tried("listened", lambda: socket.socket().bind(("127.0.0.1", 8081)))
    tried("went by /proc", lambda: open("/proc/self/root/etc/passwd").close())
    tried("ran what is not to run", lambda: os.execv("/given/program", ["program"]))
    if libc.prctl(38, 0, 0, 0, 0) == 0:
        tell("took no_new_privs back")
    open("/given/file", "w").close()
    socket.socket().bind(("127.0.0.1", 8080))


def limits():
    children = []
    try:
        for _ in range(64):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError:
        pass
    if len(children) >= 32:
        tell(f"began {len(children)} processes")
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    import resource
    tried("raised a limit", lambda: limit_beyond(resource))
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:
        tell("may write core files")


def limit_beyond(resource):
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))
    except ValueError as e:
        raise OSError from e


globals()[sys.argv[1].replace("-", "_")]()
