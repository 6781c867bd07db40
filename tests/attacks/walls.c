/* Tries to get out, and prints `held NAME` or `BROKEN NAME: HOW` for each way. What it looks for is a file of the host
 * (TREASURE, with the text "treasure"), segments and queues by a key (KEY) and a process (OUTSIDE). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static char how[512];
static void broken(const char *form, ...) {
    if (*how) return;
    va_list list; va_start(list, form);
    vsnprintf(how, sizeof how, form, list);
    va_end(list);
}
static void told(const char *name) {
    if (*how) printf("BROKEN %s: %s\n", name, how); else printf("held %s\n", name);
    fflush(stdout);
    *how = 0;
}
/* What must fail. */
#define NO(call) do { errno = 0; if ((long)(call) >= 0) broken("%s", #call); } while (0)

static const char *treasure, *outside; static int key;

static long old(long number, long a, long b, long c, long d) {
    long result = -ENOSYS;
#ifdef __x86_64__
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory", "r8", "r9", "r10", "r11");
    result = (int)result;
#endif
    return result;
}

/* Whether the host's file is there, below a prefix. */
static int found(const char *prefix) {
    char path[4096], text[16] = {0};
    snprintf(path, sizeof path, "%s%s", prefix, treasure);
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return 0;
    int there = read(file, text, 8) == 8 && !memcmp(text, "treasure", 8);
    return close(file), there;
}

/* In a child, so that what it does to itself is its own; what it says is broken is passed on. */
static void apart(void (*what)(void)) {
    int ends[2];
    if (pipe(ends)) return;
    pid_t child = fork();
    if (child == 0) {
        what();
        if (*how && write(ends[1], how, strlen(how) + 1) < 0) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], how, sizeof how) <= 0) *how = 0;
    close(ends[0]);
    waitpid(child, 0, 0);
}

static void first_process(void) {
    char path[64], text[64];
    static const char *closed[] = {"exe", "mem", "root/", "cwd/", "ns/user", "ns/mnt", "ns/net", 0};
    static const char *empty[] = {"environ", "maps", "smaps", "stack", "syscall", "personality", "auxv", "io", 0};
    for (const char **name = closed; *name; name++) {
        for (int flags = O_RDONLY; flags <= O_RDWR; flags++) {
            snprintf(path, sizeof path, "/proc/1/%s", *name);
            int file = open(path, flags | O_CLOEXEC);
            if (file >= 0) broken("%s opened with %d", path, flags);
        }
    }
    for (const char **name = empty; *name; name++) {
        snprintf(path, sizeof path, "/proc/1/%s", *name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0 && read(file, text, sizeof text) > 0) broken("%s tells", path);
    }
    for (int n = 0; n < 256; n++) {
        snprintf(path, sizeof path, "/proc/1/fd/%d", n);
        NO(open(path, O_RDONLY));
        NO(open(path, O_PATH));
        NO(readlink(path, text, sizeof text));
    }
    DIR *maps = opendir("/proc/1/map_files");
    for (struct dirent *entry; maps && (entry = readdir(maps));)
        if (*entry->d_name != '.') broken("map_files of PID 1");
    NO(ptrace(PTRACE_ATTACH, 1, 0, 0));
    NO(ptrace(PTRACE_SEIZE, 1, 0, 0));
    struct iovec here = {text, 8}, there = {(void *)0x400000, 8};
    NO(process_vm_readv(1, &here, 1, &there, 1, 0));
    NO(process_vm_writev(1, &here, 1, &there, 1, 0));
    int pidfd = syscall(SYS_pidfd_open, 1, 0);
    for (int n = 0; n < 256; n++) NO(syscall(SYS_pidfd_getfd, pidfd, n, 0));
    for (const char **name = (const char *[]){"clear_refs", "attr/current", "uid_map", "setgroups", 0}; *name; name++) {
        snprintf(path, sizeof path, "/proc/1/%s", *name);
        int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file >= 0 && write(file, "0", 1) > 0) broken("%s written", path);
    }
}

static void descriptors(void) {
    for (int n = 3; n < 4096; n++)
        if (fcntl(n, F_GETFD) >= 0) broken("descriptor %d", n);
    char path[4096];
    if (!getcwd(path, sizeof path) || *path != '/') broken("the working folder is unreachable");
}

static void host_files(void) {
    static const char *ways[] = {"", "/proc/self/root", "/proc/self/root/..", "/proc/self/cwd/../../../../../../..", "/proc/1/root",
        "/proc/1/cwd", "/proc/thread-self/root", "/.old", "/oldroot", "/old_root", "/.pivot_root", "/proc/self/fd/0/../../../..", "/dev/fd/1/../../..", 0};
    for (const char **way = ways; *way; way++)
        if (found(*way)) broken("the host's file by '%s'", *way);
    char path[64];
    for (int pid = 1; pid < 200; pid++) {
        snprintf(path, sizeof path, "/proc/%d/root", pid);
        if (found(path)) broken("the host's file by %s", path);
    }
}

static void double_chroot(void) {
    int root = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/cage", 0755);
    if (chroot("/tmp/cage")) return;
    for (int n = 0; n < 64; n++) {
        if (found("/proc/self/cwd")) broken("out of a root in a root");
        if (fchdir(root) || chdir("..")) return;
    }
    if (chroot(".")) return;
    if (found("")) broken("out of a root in a root");
}

/* A folder handed on by who is in another root, and gone up from there. */
static void handed_folder(void) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return;
    char byte = 0, space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (fork() == 0) {
        mkdir("/tmp/cage", 0755);
        int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
        if (chroot("/tmp/cage")) _exit(1);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        *head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(head), &folder, sizeof folder);
        sendmsg(ends[1], &message, 0);
        _exit(0);
    }
    close(ends[1]);
    int folder;
    if (recvmsg(ends[0], &message, 0) <= 0 || !CMSG_FIRSTHDR(&message)) return;
    memcpy(&folder, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof folder);
    if (fchdir(folder)) return;
    for (int n = 0; n < 64 && !chdir(".."); n++) {}
    if (!chroot(".") && found("")) broken("up from a folder of another root");
    wait(0);
}

static void by_handle(void) {
    struct { struct file_handle head; unsigned char bytes[128]; } handle = {.head = {.handle_bytes = 128}};
    int mount_id, mount = open("/", O_RDONLY);
    name_to_handle_at(AT_FDCWD, "/tmp", &handle.head, &mount_id, 0);
    NO(open_by_handle_at(mount, &handle.head, O_RDONLY));
    /* The root of ext4 and its like, as the one who first did this guessed it. */
    handle.head.handle_bytes = 8;
    handle.head.handle_type = 1;
    memcpy(handle.bytes, "\2\0\0\0\0\0\0\0", 8);
    NO(open_by_handle_at(mount, &handle.head, O_RDONLY));
    NO(old(342, mount, (long)(int)(long)&handle, 0, 0));
}

static void kernel_settings(void) {
    static const char *files[] = {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sysrq-trigger",
        "/proc/sys/kernel/sysrq", "/proc/sys/fs/binfmt_misc/register", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/drop_caches",
        "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/yama/ptrace_scope", "/proc/sys/kernel/unprivileged_bpf_disabled",
        "/proc/sys/fs/protected_symlinks", "/proc/sys/fs/suid_dumpable", "/proc/sys/kernel/dmesg_restrict", "/proc/sys/kernel/panic",
        "/sys/kernel/uevent_helper", "/sys/power/state",
        "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/cgroup.subtree_control", "/sys/fs/cgroup/memory/release_agent",
        "/proc/irq/default_smp_affinity", "/proc/mtrr", "/sys/module/kernel/parameters/panic", 0};
    for (const char **file = files; *file; file++) {
        int opened = open(*file, O_WRONLY | O_CLOEXEC);
        if (opened >= 0) broken("%s can be written", *file);
    }
    NO(write(open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC), "1", 1));
    NO(mkdir("/sys/fs/cgroup/attack", 0755));
    NO(mount("x", "/tmp", "cgroup", 0, "none,name=x"));
    NO(mount("x", "/tmp", "cgroup2", 0, 0));
}

static void kernel_memory(void) {
    static const char *files[] = {"/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/kmsg", "/dev/sda", "/dev/vda", "/dev/nvme0n1",
        "/dev/fuse", "/dev/kvm", "/dev/loop0", "/dev/loop-control", "/dev/dm-0", "/dev/uinput", "/dev/vhost-vsock", "/dev/net/tun", "/proc/kpagemap",
        "/proc/kpageflags", "/sys/kernel/debug/x", "/proc/timer_list", "/proc/vmallocinfo", 0};
    char byte;
    for (const char **file = files; *file; file++) {
        int opened = open(*file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (opened >= 0 && read(opened, &byte, 1) > 0) broken("%s can be read", *file);
        if (opened >= 0) close(opened);
    }
    /* Where the machine shows them to everybody, they are no secret. */
    FILE *symbols = getenv("SYMBOLS") ? 0 : fopen("/proc/kallsyms", "r");
    unsigned long address;
    for (int line = 0; symbols && line < 1000 && fscanf(symbols, "%lx %*[^\n]", &address) == 1; line++)
        if (address) broken("addresses of the kernel");
    if (symbols) fclose(symbols);
    NO(syscall(SYS_syslog, 3, how + 256, 100));
    NO(syscall(SYS_syslog, 10, 0, 0));
}

static void mounts(void) {
    mkdir("/tmp/new", 0755);
    NO(mount("x", "/tmp/new", "tmpfs", 0, 0));
    NO(mount("/", "/tmp/new", 0, MS_BIND | MS_REC, 0));
    NO(mount(0, "/", 0, MS_REMOUNT | MS_BIND, 0));
    NO(mount(0, "/usr", 0, MS_REMOUNT | MS_BIND, 0));
    NO(mount(0, "/", 0, MS_SHARED | MS_REC, 0));
    NO(mount("proc", "/tmp/new", "proc", 0, 0));
    NO(mount("/proc", "/tmp/new", 0, MS_MOVE, 0));
    NO(umount2("/proc", MNT_DETACH));
    NO(umount2("/", MNT_DETACH));
    NO(umount2("/etc/hosts", MNT_DETACH));
    NO(syscall(SYS_pivot_root, ".", "."));
    NO(syscall(428 /* open_tree */, AT_FDCWD, "/", 1 | AT_RECURSIVE));
    NO(syscall(429 /* move_mount */, AT_FDCWD, "/proc", AT_FDCWD, "/tmp/new", 0));
    NO(syscall(430 /* fsopen */, "tmpfs", 0));
    NO(syscall(433 /* fspick */, AT_FDCWD, "/", 0));
    NO(syscall(442 /* mount_setattr */, AT_FDCWD, "/", 0, how + 256, 32));
    static char target[] = "/tmp", kind[] = "tmpfs";
    NO(old(21, (long)target, (long)target, (long)kind, 0));
    NO(old(52, (long)target, MNT_DETACH, 0, 0));
    NO(old(22, (long)target, 0, 0, 0));
    NO(old(217, (long)target, (long)target, 0, 0));
    NO(old(428, AT_FDCWD, (long)target, 1, 0));
}

static void namespaces(void) {
    /* With every right over this namespace its own limit may be written; the one that counts is above. */
    int limit = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
    if (limit >= 0 && write(limit, "1000", 4)) {}
    static const long all[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, 0x80, 0};
    for (const long *flag = all; *flag; flag++) {
        NO(unshare(*flag));
        NO(unshare(*flag | CLONE_NEWUSER));
        NO(old(310, *flag, 0, 0, 0));
        if (*flag == 0x80) continue;
        long child = syscall(SYS_clone, *flag | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) _exit(0);
        if (child > 0) broken("clone with %lx", *flag);
        child = old(120, *flag | SIGCHLD, 0, 0, 0);
        if (child == 0) _exit(0);
        if (child > 0) broken("the old clone with %lx", *flag);
    }
    unsigned long arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, arguments, 64);
    if (child == 0) _exit(0);
    if (child > 0) broken("clone3");
    NO(old(435, (long)how, 64, 0, 0));
    static const char *names[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time", 0};
    for (const char **name = names; *name; name++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", *name);
        int own = open(path, O_RDONLY);
        NO(setns(own, 0));
        NO(old(346, own, 0, 0, 0));
        /* Its owner, and what is above it. */
        int above = ioctl(own, 0xb701);
        if (above >= 0) NO(setns(above, CLONE_NEWUSER));
        above = ioctl(own, 0xb702);
        if (above >= 0) NO(setns(above, 0));
        close(own);
        snprintf(path, sizeof path, "/proc/1/ns/%s", *name);
        NO(open(path, O_RDONLY));
    }
    NO(setns(syscall(SYS_pidfd_open, 1, 0), CLONE_NEWNS));
    NO(setns(syscall(SYS_pidfd_open, 1, 0), CLONE_NEWUSER));
    int map = open("/proc/self/uid_map", O_WRONLY);
    if (map >= 0 && write(map, "0 0 4294967295", 14) > 0) broken("a map of all ids");
}

static void devices(void) {
    static const struct { int kind, major, minor; } all[] = {{S_IFCHR, 1, 1}, {S_IFCHR, 1, 3}, {S_IFBLK, 8, 0}, {S_IFBLK, 254, 0}, {S_IFCHR, 10, 200}, {S_IFCHR, 5, 1}};
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) {
        NO(mknod("/tmp/device", all[n].kind | 0666, makedev(all[n].major, all[n].minor)));
        NO(mknod("/given/device", all[n].kind | 0666, makedev(all[n].major, all[n].minor)));
    }
}

static void terminal(void) {
    char byte = 'x', loud[8] = "\2";
    int all[] = {0, 1, 2, open("/dev/tty", O_RDWR), open("/dev/console", O_RDWR)};
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) {
        NO(ioctl(all[n], TIOCSTI, &byte));
        NO(syscall(SYS_ioctl, all[n], 0xffffffff00000000 | TIOCSTI, &byte));
        NO(syscall(SYS_ioctl, all[n], TIOCLINUX, loud));
        NO(syscall(SYS_ioctl, all[n], 0x100000000 | TIOCLINUX, loud));
        NO(old(54, all[n], TIOCSTI, (long)(int)(long)how, 0));
    }
}

static void other_processes(void) {
    int pid = atoi(outside);
    NO(kill(pid, 0));
    NO(getpgid(pid));
    NO(syscall(SYS_pidfd_open, pid, 0));
    NO(syscall(SYS_tgkill, pid, pid, SIGUSR1));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    NO(open(path, O_RDONLY));
    /* Of all who are this user: these are only those inside. */
    setpriority(PRIO_USER, 0, 7);
    syscall(SYS_ioprio_set, 3, 0, 3 << 13);
}

static void host_memory(void) {
    NO(shmget(key, 0, 0));
    NO(msgget(key, 0));
    NO(semget(key, 0, 0));
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/ktest-%d", key);
    NO(open(path, O_RDONLY));
}

static void rights(void) {
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) broken("new privileges");
    if (prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) broken("new privileges again");
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2) broken("no filter");
    struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    NO(setrlimit(RLIMIT_NPROC, &none));
    NO(setrlimit(RLIMIT_CORE, &none));
}

/* A tracer that changes a call after the filter has let it pass, and one that takes the filter away. */
static void traced(void) {
#ifdef __x86_64__
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        for (int n = 0; n < 3; n++) syscall(SYS_getppid);
        _exit(0);
    }
    int status, entry = 1, changed = 0;
    waitpid(child, &status, 0);
    NO(ptrace(PTRACE_SETOPTIONS, child, 0, 1 << 21 /* PTRACE_O_SUSPEND_SECCOMP */));
    while (!ptrace(PTRACE_SYSCALL, child, 0, 0) && waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        struct user_regs_struct registers;
        ptrace(PTRACE_GETREGS, child, 0, &registers);
        if (entry && registers.orig_rax == SYS_getppid) {
            registers.orig_rax = SYS_unshare;
            registers.rdi = CLONE_NEWUSER;
            ptrace(PTRACE_SETREGS, child, 0, &registers);
            changed++;
        } else if (!entry && changed && registers.orig_rax == SYS_unshare && (long)registers.rax == 0) {
            broken("unshare by a tracer");
        }
        entry = !entry;
    }
    if (!changed) broken("nothing was traced");
#endif
}

int main(void) {
    treasure = getenv("TREASURE");
    outside = getenv("OUTSIDE");
    if (!treasure || !outside || !getenv("KEY")) return 2;
    key = atoi(getenv("KEY"));
    descriptors();
    told("descriptors");
    static const struct { const char *name; void (*what)(void); } all[] = {
        {"first-process", first_process}, {"host-files", host_files}, {"double-chroot", double_chroot}, {"handed-folder", handed_folder},
        {"by-handle", by_handle}, {"kernel-settings", kernel_settings}, {"kernel-memory", kernel_memory}, {"mounts", mounts},
        {"namespaces", namespaces}, {"devices", devices}, {"terminal", terminal}, {"other-processes", other_processes},
        {"host-memory", host_memory}, {"rights", rights}, {"traced", traced}};
    for (unsigned n = 0; n < sizeof all / sizeof *all; n++) {
        apart(all[n].what);
        told(all[n].name);
    }
    return 0;
}
