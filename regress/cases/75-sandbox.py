"""The sandbox of every program, tried from inside the real processes."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import inside as I
import struct
from nexthop import NextHop
from unixauth import SERVICE, own_etc

# What each program may ask of the system: the calls that its seccomp filter
# lets pass with some arguments.  Nothing else may be in a filter.
BASE = """brk clock_getres clock_gettime clock_nanosleep close epoll_ctl
epoll_pwait epoll_pwait2 epoll_wait exit exit_group fcntl fstat futex getegid
geteuid getgid getpid getppid getrandom getrlimit getrusage gettid
gettimeofday getuid ioctl madvise mmap mprotect mremap munmap nanosleep poll
ppoll prlimit64 pselect6 read readv recvfrom recvmsg restart_syscall
rt_sigaction rt_sigprocmask rt_sigreturn sched_yield select sendmsg sendto
setsockopt sigaltstack sysinfo time uname write writev"""
OUTSIDE = "socket connect bind getsockname getpeername getsockopt shutdown"
FILES = """openat newfstatat statx unlinkat ftruncate lseek statfs fstatfs
pread64 pwrite64 fsync fdatasync"""
CALLS = {
    "auth": "",                         # computes
    "policy": "",
    "dovecot": "",                      # reads and writes one socket
    "net": "accept4 shutdown",
    "control": "accept4 getsockopt",    # SO_PEERCRED: who calls
    "relay": OUTSIDE,
    "resolver": OUTSIDE,
    "queue": FILES + """ open stat lstat access readlink unlink faccessat
        faccessat2 readlinkat fallocate getcwd fchmod""",   # SQLite
    "deliver": FILES + " renameat renameat2 mkdirat dup sync_file_range",
}

# What is tried.  "fd" arguments are small numbers that every process has.
SUN = "x:%s" % struct.pack("<H14s", 1, b"/run/x.sock").hex()
SIN = "x:%s" % struct.pack("<H", 2).hex() + struct.pack(
    ">H4s8x", HOP_PORT, b"\x7f\0\0\1").hex()
NEWUSER, SIGCHLD = 0x10000000, 17
TRIES = {
    "open /etc/passwd": ("open", "s:/etc/passwd", 0),
    "openat /etc/passwd": ("openat", -100, "s:/etc/passwd", 0),
    "openat ../../etc": ("openat", -100, "s:../../etc", 0),
    "openat2": ("openat2", -100, "s:/etc/passwd", "z:24", 24),
    "socket, TCP": ("socket", 2, 1, 0),
    "socket, UDP": ("socket", 2, 2, 0),
    "socket, MPTCP": ("socket", 2, 1, 262),
    "socket, Unix": ("socket", 1, 1, 0),
    "socket, netlink": ("socket", 16, 3, 0),
    "socket, packet": ("socket", 17, 3, 0),
    "connect to a Unix socket": ("connect", 3, SUN, 16),
    "bind": ("bind", 3, SUN, 16),
    "listen": ("listen", 3, 1),
    "kernel TLS": ("setsockopt", 3, 6, 31, "s:tls", 4),
    "execve": ("execve", "s:/bin/true", 0, 0),
    "fork": ("fork",),
    "vfork": ("vfork",),
    "clone": ("clone", SIGCHLD, 0, 0, 0, 0),
    "clone, user name space": ("clone", SIGCHLD | NEWUSER, 0, 0, 0, 0),
    "clone3": ("clone3", "z:64", 64),
    "ptrace": ("ptrace", 16, "PARENT", 0, 0),
    "process_vm_readv": ("process_vm_readv", "PARENT", "z:16", 1, "z:16", 1,
                         0),
    "kill": ("kill", "PARENT", 0),
    "tgkill": ("tgkill", "PARENT", "PARENT", 0),
    "mmap, executable": ("mmap", 0, 4096, 7, 0x22, -1, 0),
    "mprotect, executable": ("mprotect", 0, 4096, 5),
    "memfd_create": ("memfd_create", "s:x", 0),
    "io_uring_setup": ("io_uring_setup", 4, "z:120"),
    "userfaultfd": ("userfaultfd", 1),
    "unshare": ("unshare", NEWUSER),
    "setns": ("setns", 3, 0),
    "mount": ("mount", "s:none", "s:/", "s:tmpfs", 0, 0),
    "chroot": ("chroot", "s:/"),
    "setuid": ("setuid", 0),
    "prctl, dumpable": ("prctl", 4, 1, 0, 0, 0),
    "bpf": ("bpf", 0, "z:64", 64),
    "perf_event_open": ("perf_event_open", "z:128", 0, -1, -1, 0),
    "keyctl": ("keyctl", 0, -4, 0),
    "add_key": ("add_key", "s:user", "s:x", "s:x", 1, -4),
    "name_to_handle_at": ("name_to_handle_at", -100, "s:/", "z:64", "z:8", 0),
    "raise a limit": ("prlimit64", 0, 7, "z:16", 0),
    "signals by a descriptor": ("fcntl", 3, 8, 1),
    "terminal input": ("ioctl", 0, 0x5412, "s:x"),
    "another machine's gate": ("i386:20",),
    "x32": ("x32:getpid",),
}

# Who may do one of these, and why.
USERS_PROGRAM = "a program of the user's own, or a module of PAM's"
MAY = {
    "relay": {"socket, TCP": "to reach other hosts"},
    "resolver": {"socket, TCP": "answers too long for a datagram",
                 "socket, UDP": "to ask"},
    "queue": {}, "net": {}, "control": {}, "auth": {}, "policy": {},
    "dovecot": {}, "deliver": {},
    "command": {name: USERS_PROGRAM for name in (
        "open /etc/passwd", "openat /etc/passwd", "openat ../../etc",
        "openat2", "socket, TCP", "socket, UDP", "socket, MPTCP",
        "socket, Unix", "socket, netlink", "mmap, executable",
        "memfd_create", "raise a limit", "signals by a descriptor",
        "prctl, dumpable", "execve", "fork", "vfork", "clone")},
}
MAY["login"] = dict(MAY["command"], **{
    "setuid": "is root, with few capabilities",
    "chroot": "denied"})
del MAY["login"]["chroot"]
# These change the process that is asked: not tried where they are allowed.
NOT_TRIED = {"execve", "fork", "vfork", "clone", "prctl, dumpable",
             "raise a limit", "signals by a descriptor"}
KEPT = {"login": 0x200000ef}    # chown dac_override dac_read_search fowner
                                # kill setgid setuid audit_write
FDS = {                         # besides those of the loop, and sockets
    "auth": "", "policy": "", "dovecot": "", "net": "", "control": "",
    "relay": "", "resolver": "", "login": "",
    "queue": "queue.db queue.db-wal",
    "deliver": "Maildir/tmp Maildir/new .",
}

# Sockets: the log and the links; what is listened on.  The queue has a link
# for each deliver.
SOCKETS = {
    "auth": {"unix": 2}, "login": {"unix": 2}, "dovecot": {"unix": 2},
    "policy": {"unix": 5}, "relay": {"unix": 5}, "resolver": {"unix": 3},
    "net": {"unix": 6, "tcp, listening": 3}, "queue": {"unix": None},
    "control": {"unix": 6, "unix, listening": 1},
    "deliver": {"unix": 3}, "command": {"unix": 3},
}

THREADS = {"queue": 2}          # the second only flushes

DOVE = 10467
SYSTEM = 10466


def status(pid):
    with open("/proc/%s/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


def limits(pid):
    with open("/proc/%d/limits" % pid) as f:
        return {l[:26].strip(): l[26:].split()[:2] for l in f}


def descriptors(pid):
    """What they are, sockets counted."""
    found = []
    for n in os.listdir("/proc/%d/fd" % pid):
        try:
            found.append(re.sub(r":\[\d+\]", "", os.readlink(
                "/proc/%d/fd/%s" % (pid, n))))
        except OSError:
            pass
    return sorted(found)


def sockets(pid):
    """How many of each kind."""
    kinds = {}
    with open("/proc/net/unix") as f:
        for w in (line.split() for line in list(f)[1:]):
            kinds[w[6]] = "unix, listening" if int(w[3], 16) & 0x10000 \
                else "unix"
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        with open("/proc/net/" + kind) as f:
            for w in (line.split() for line in list(f)[1:]):
                kinds[w[9]] = kind[:3] + (", listening" if w[3] == "0A" and
                                          kind[:3] == "tcp" else "")
    have = {}
    for n in os.listdir("/proc/%d/fd" % pid):
        try:
            m = re.match(r"socket:\[(\d+)\]", os.readlink(
                "/proc/%d/fd/%s" % (pid, n)))
        except OSError:
            continue
        if m:
            kind = kinds.get(m.group(1), "another")
            have[kind] = have.get(kind, 0) + 1
    return have


def may_be_made(name, pid):
    """The filter of the real process has exactly the calls of the table."""
    programs = I.filters(tool, pid)
    if len(programs) != 1:
        ok(False, "%s: one filter" % name)
        return
    got = set(I.allowed(programs))
    want = set((BASE + " " + CALLS[name]).split())
    if I.platform.machine() == "x86_64":
        eq(sorted(got - want), [], "%s: no call but those of the table" % name)
        eq(sorted(want - got), [], "%s: all of them" % name)
    else:
        ok(got <= want, "%s: no call but those of the table" % name)
    other = I.verdict(programs, "read", (), arch=0x40000003)
    eq(other, "kill", "%s: calls of another machine kill" % name)


def threads(name, pid):
    """The same filter for each; who has more than one."""
    each = [status("%d/task/%s" % (pid, t))
            for t in os.listdir("/proc/%d/task" % pid)]
    if name != "command":
        eq(len(each), THREADS.get(name, 1), "%s: threads" % name)
    eq({(st["Seccomp"].strip(), st["NoNewPrivs"].strip(),
         st.get("Seccomp_filters", "1")) for st in each},
       {("2", "1", status(pid).get("Seccomp_filters", "1"))},
       "%s: each is confined" % name)
    eq({tuple(int(st[k], 16) for k in ("CapEff", "CapPrm", "CapInh",
                                       "CapAmb")) for st in each},
       {(KEPT.get(name, 0),) * 2 + (0, 0)}, "%s: capabilities of each" % name)
    eq({(st["Uid"], st["Gid"]) for st in each},
       {(status(pid)["Uid"], status(pid)["Gid"])}, "%s: the same user" % name)


def describe(s, name, pid, user, root):
    st = status(pid)
    threads(name, pid)
    eq((st["Seccomp"].strip(), st["NoNewPrivs"].strip()), ("2", "1"),
       "%s: a filter, no new privileges" % name)
    kept = KEPT.get(name, 0)
    eq({k: int(st[k], 16) for k in ("CapEff", "CapPrm", "CapBnd", "CapInh",
                                    "CapAmb")},
       {"CapEff": kept, "CapPrm": kept, "CapBnd": kept, "CapInh": 0,
        "CapAmb": 0}, "%s: capabilities" % name)
    pw = pwd.getpwnam(user)
    eq((st["Uid"].split(), st["Gid"].split()),
       ([str(pw.pw_uid)] * 4, [str(pw.pw_gid)] * 4), "%s: is %s" %
       (name, user))
    if name != "command":
        eq(st["Groups"].split(), [str(pw.pw_gid)], "%s: one group" % name)
    eq(os.readlink("/proc/%d/root" % pid), root, "%s: root directory" % name)
    if root == "/var/empty/smtpsd":
        eq(os.listdir(root), [], "%s: which is empty" % name)
    got = limits(pid)
    eq(got["Max core file size"], ["0", "0"], "%s: no core file" % name)
    if name not in ("login", "command"):
        eq(got["Max processes"], ["0", "0"], "%s: no process" % name)
        # Files of /proc are root's if a process is not dumpable.
        eq(os.stat("/proc/%d/environ" % pid).st_uid, 0,
           "%s: not dumpable" % name)
    else:
        eq(I.inside(tool, pid, [("prctl", 3, 0, 0, 0, 0)]), [0],
           "%s: not dumpable" % name)
    fds = descriptors(pid)
    rest = [f for f in fds if f not in ("socket", "pipe",
                                        "anon_inode:[eventpoll]")]
    nulls = [f for f in rest if f == "/dev/null"]
    eq(len(nulls), 3, "%s: 0 to 2 are /dev/null" % name)
    files = [os.path.relpath(f, root) for f in rest if f != "/dev/null"]
    if name in FDS:
        eq(sorted(set(files) - set(FDS[name].split())), [],
           "%s: holds no other file" % name)
    # The end of another pipe is what a command says.
    eq((fds.count("anon_inode:[eventpoll]"), fds.count("pipe")),
       (1, 3 if name == "command" else 2),
       "%s: one epoll, one pipe for signals" % name)
    have = sockets(pid)
    eq({k: None if SOCKETS[name].get(k, 0) is None else n
        for k, n in have.items()}, SOCKETS[name], "%s: sockets" % name)


def judge(name, what, result):
    """-: as it must be; else what is wrong."""
    if result == "killed SIGSYS":
        return what in MAY[name] and "killed"
    if not isinstance(result, int):
        return result
    return (result >= 0) != (what in MAY[name]) and \
        "result %d" % result


def tries(name):
    for what, call in TRIES.items():
        if I.number(call[0]) is None or (what == "x32" or ":" in call[0]) \
           and I.platform.machine() != "x86_64":
            continue
        if what in MAY[name] and what in NOT_TRIED:
            continue
        yield what, tuple(s.pid if x == "PARENT" else x for x in call)


def kills(programs, call):
    if ":" in call[0]:
        return True                     # another gate, always
    return I.verdict(programs, call[0], [x if isinstance(x, int) else 1
                                         for x in call[1:]]) == "kill"


CONF_LISTEN = "\n".join(
    "listen on 127.0.0.1 smtps port %d auth %s" % x for x in (
        (PORT, "<users> senders <senders>"), (SYSTEM, "system"),
        (DOVE, 'dovecot "/run/nobody.sock"')))
ACTIONS = DEFAULT_ACTIONS + 'action "run" mda "/bin/sleep 20" user smtpst2\n'
RULES = 'match from auth for domain run.example.org action "run"\n' + \
    DEFAULT_RULES
OWNER = str(pwd.getpwnam("smtpst1").pw_uid)
PROGRAMS = ["net", "auth", "policy", "queue", "relay", "resolver", "control",
            "login", "dovecot"]

ok(own_etc(), "an /etc of its own")
with open(SERVICE, "w") as f:
    f.write("auth required pam_permit.so\naccount required pam_permit.so\n")
s = Server(listen=CONF_LISTEN, actions=ACTIONS, rules=RULES, start=False,
           extra="processes net 1 auth 1 relay 1", expect_deaths=True)
tool = I.build(s.dir)


def alive():
    """One process of each program, a deliver with an idle mailbox too."""
    s.send()

    def confined(name):
        # Not one that still starts, nor the one that runs a command: what
        # is tried would work there.
        return [p for p in s.children(name) if
                os.path.exists("/proc/%d" % p) and
                status(p).get("Seccomp") == "2" and
                (name != "deliver" or not children_of(p) and
                 status(p)["Uid"].split()[0] == OWNER)]
    until(lambda: confined("deliver"), 10)
    return {n: confined(n)[0] for n in PROGRAMS + ["deliver"]}


def restart():
    """At once: an orderly stop waits for those that are to be restarted."""
    kids = s.children()
    s.process.kill()
    s.process.wait()
    until(lambda: not any(process_name(p) for p in kids), 10)
    s.start()


hop = NextHop()
with s:
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    ok(re.search(r"^sandbox: Landlock ABI \d+, seccomp:.* net .* login",
                 p.text, re.M), "-n tells what will be in force")
    s.start()
    pids = alive()
    time.sleep(0.3)
    stats = {x["name"]: x["value"] for x in s.show("stats")}
    eq({n: stats.get("parent.sandbox." + n) for n in pids},
       {n: 2 for n in pids}, "show stats: all of them are confined")
    ok(stats["parent.sandbox.landlock"] > 0 and
       stats["parent.sandbox.weak"] == stats["parent.sandbox.learn"] == 0,
       "with Landlock, not weakly")
    users = dict.fromkeys(("net", "relay", "resolver", "control"), "_smtpsd")
    users.update(auth="_smtpsp", policy="_smtpsp", dovecot="_smtpsp",
                 queue="_smtpsq", login="root", deliver="smtpst1")
    roots = {"queue": s.dir + "/spool", "login": "/",
             "deliver": pwd.getpwnam("smtpst1").pw_dir}
    # deliver first: it ends when it is idle.
    for name, pid in reversed(pids.items()):
        describe(s, name, pid, users[name],
                 roots.get(name, "/var/empty/smtpsd"))
        if name in CALLS:
            may_be_made(name, pid)

    # A command that a user runs, and PAM's process.
    pids = alive()
    s.send(rcpt="x@run.example.org")
    command = until(lambda: [p for p in s.children("deliver")
                             if children_of(p)], 10)
    ok(command, "a command runs")
    pids["command"] = command[0]
    describe(s, "command", command[0], "smtpst2", "/")
    # Each call that does not kill, in one go.
    left = {}
    for name, pid in pids.items():
        programs = I.filters(tool, pid)
        every = list(tries(name))
        left[name] = [x for x in every if kills(programs, x[1])
                      and name not in ("login", "command")]
        soft = [x for x in every if x not in left[name]]
        if name in ("login", "command"):        # another gate kills these
            soft = [x for x in soft if ":" not in x[1][0]]
        results = I.inside(tool, pid, [call for _, call in soft])
        wrong = ["%s: %s" % (what, judge(name, what, r)) for (what, _), r in
                 zip(soft, results) if judge(name, what, r)]
        eq((wrong, len(results)), ([], len(soft)),
           "%s: %d calls that fail, but what it may" % (name, len(soft)))

    # Sockets of those who have any: to an address, from no port of choice.
    for name, kind in (("relay", 1), ("resolver", 2)):
        n = I.inside(tool, pids[name], [("socket", 2, kind, 0)])[0]
        low = SIN.replace("%04x" % HOP_PORT, "%04x" % 2525)
        any_port = SIN.replace("%04x" % HOP_PORT, "0000")
        got = I.inside(tool, pids[name], [("bind", n, low, 16)])[0]
        if kind == 1:
            eq(got, -13, "relay: binds no port (Landlock)")
        got = I.inside(tool, pids[name], [("bind", n, any_port, 16),
                                          ("connect", n, SIN, 16),
                                          ("close", n)])
        ok(got[1] == 0 and got[2] == 0, "%s: connects" % name)

    # Each call that kills, one in all programs, and everything anew.
    rounds = 0
    results = {name: {} for name in left}
    del left["command"], left["login"]
    while any(left.values()):
        if rounds:
            restart()
            pids = alive()
        # deliver first: without the queue it ends.
        for name in sorted(left, key=lambda n: n != "deliver"):
            if not left[name]:
                continue
            what, call = left[name].pop()
            results[name][what] = I.inside(tool, pids[name], [call])[0]
        if rounds == 0:
            want = set(PROGRAMS) - {"login"}
            ok(until(lambda: all(s.children(n) and s.children(n)[0] !=
                                 pids[n] for n in want), 20),
               "those that were killed are replaced")
            ok(s.log().count("killed by its sandbox (SIGSYS)") >= len(want),
               "the log says what killed them")
            before = len(s.mails())

            def sent():
                try:
                    return not s.send()
                except (OSError, smtplib.SMTPException):
                    return False
            ok(until(sent, 20) and until(lambda: len(s.mails()) > before, 20),
               "mail still flows")
        rounds += 1
    for name in sorted(left):
        wrong = ["%s: %s" % (what, judge(name, what, r) or r)
                 for what, r in results[name].items()
                 if judge(name, what, r) or r != "killed SIGSYS"]
        eq(wrong, [], "%s: %d calls that kill" % (name, len(results[name])))
    diag("%d rounds" % rounds)
    restart()
    n = len(s.mails())
    s.send()
    s.send(rcpt="far@example.net")
    ok(until(lambda: len(s.mails()) > n, 15), "local mail at the end")
    ok(until(lambda: hop.messages, 15), "and mail to another host")
done()
