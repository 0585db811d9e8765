"""The tables of system calls for other machines, looked at on this one.

The table is compiled with the call numbers of each machine; what it lets pass
must be what that of x86_64, which 75-sandbox.py tries, lets pass: call by call,
and for what a machine lacks by the call that its library makes instead.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import inside as I

# Machine: AUDIT_ARCH_*, its asm/unistd.h (None: the one that is here).
GENERIC = "#define __ARCH_WANT_%s\n"
MACHINES = {
    "x86_64": (0xc000003e, None),
    "aarch64": (0xc00000b7, "".join(GENERIC % w for w in (
        "RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "TIME32_SYSCALLS",
        "SYS_CLONE3", "MEMFD_SECRET"))),
    "riscv64": (0xc00000f3, "".join(GENERIC % w for w in (
        "NEW_STAT", "SET_GET_RLIMIT", "SYS_CLONE3"))),
}
PROFILES = re.findall(r"^\tSANDBOX_(\w+)\b", open(os.path.join(
    TOP, "common", "base", "sandbox.h")).read().split("enum sandbox_level")[0],
    re.M)[:9]
# What the libraries of newer machines do instead.
INSTEAD = {"open": "openat", "stat": "newfstatat", "lstat": "newfstatat",
           "access": "faccessat", "readlink": "readlinkat",
           "unlink": "unlinkat", "poll": "ppoll", "select": "pselect6",
           "epoll_wait": "epoll_pwait", "renameat": "renameat2",
           "time": "clock_gettime", "getrlimit": "prlimit64",
           "rename": "renameat2", "mkdir": "mkdirat", "dup2": "dup3",
           "pipe": "pipe2", "fork": "clone", "vfork": "clone"}
ARGS = [(0, 0, 0), (2, 1, 0), (2, 2, 0), (1, 1, 0), (2, 1, 6), (3, 6, 1),
        (0, 4096, 3), (0, 4096, 7), (3, 0x5401, 0), (3, 0x541b, 0), (3, 2, 1),
        (3, 8, 1), (0x7e020000, 0, 0), (3, 1, 7), (3, 41, 26)]
NEVER = """execve execveat ptrace process_vm_readv kill tgkill tkill
    memfd_create io_uring_setup userfaultfd unshare setns mount chroot setuid
    prctl bpf perf_event_open keyctl add_key name_to_handle_at openat2 clone
    clone3 listen pidfd_getfd process_vm_writev""".split()


def compile_for(machine, directory):
    """(numbers of calls, a program for each profile)"""
    arch, unistd = MACHINES[machine]
    flags = []
    if unistd is not None:
        os.makedirs(directory + "/asm")
        with open(directory + "/asm/unistd.h", "w") as f:
            f.write(unistd + "#include <asm-generic/unistd.h>\n")
        flags = ["-I" + directory]
    p = subprocess.run(["cc", "-E", "-dM", *flags, "-include",
                        "asm/unistd.h", "-x", "c", "/dev/null"],
                       stdout=subprocess.PIPE, check=True)
    text = dict(re.findall(r"^#define __NR(?:3264)?_(\w+) (.+)$",
                           p.stdout.decode(), re.M))
    numbers = {n: int(v) for n, v in text.items() if v.isdigit()}
    p = run("cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Werror",
            *flags, "-I" + TOP + "/common", "-o", directory + "-filterof",
            TOP + "/regress/abuse/filterof.c",
            TOP + "/common/base/sandbox_calls.c")
    if not eq((p.returncode, p.text), (0, ""), machine + ": it compiles"):
        done()
    lines = run(directory + "-filterof", hex(arch)).text.splitlines()
    eq(len(lines), len(PROFILES), "%s: a filter for each of %d profiles" %
       (machine, len(lines)))
    return numbers, [[tuple(int(x, 16 if i in (0, 3) else 10) for i, x in
                            enumerate(insn.split(","))) for insn in
                      line.split()] for line in lines]


def verdict(machine, profile, name, args):
    numbers, programs = tables[machine]
    return I.verdict([programs[profile]], numbers[name], args,
                     MACHINES[machine][0])


def differences(machine, profile):
    """Calls that it judges otherwise than x86_64 does."""
    here, there = tables["x86_64"][0], tables[machine][0]
    for name in here:
        other = name if name in there else INSTEAD.get(name)
        if other not in there:
            continue
        for args in ARGS if other == name else ARGS[:1]:
            want = verdict("x86_64", profile, name, args)
            # What x86_64 kills, a newer call may be free to do in its place.
            if other != name and want == "kill":
                continue
            got = verdict(machine, profile, other, args)
            if got != want:
                yield "%s %s: %s, %s" % (other, args, got, want)


directory = tempfile.mkdtemp(prefix="smtpsd-machines.", dir="/tmp")
eq((PROFILES[0], PROFILES[-1]), ("COMPUTE", "SYSTEM"), "the profiles")
if I.platform.machine() != "x86_64":
    skip("other machines", "this is none to compare with")
    done()
tables = {m: compile_for(m, directory + "/" + m) for m in MACHINES}
for machine in MACHINES:
    numbers, programs = tables[machine]
    ok(len(numbers) > 250, "%s: %d calls" % (machine, len(numbers)))
    for i, profile in enumerate(PROFILES):
        if profile in ("COMMAND", "SYSTEM"):
            continue
        eq([n for n in NEVER if n in numbers and
            verdict(machine, i, n, (0, 0, 0)) != "kill"], [],
           "%s: %s may do nothing of what none may" % (machine, profile))
        eq([a for a in (5, 7, 4) if verdict(machine, i, "mprotect",
                                            (0, 4096, a)) != "kill" or
            verdict(machine, i, "mmap", (0, 4096, a)) != "kill"], [],
           "%s: %s, nor make code" % (machine, profile))
    for other in MACHINES:
        arch = MACHINES[other][0]
        if other != machine:
            eq({I.verdict([p], numbers["read"], (), arch) for p in programs},
               {"kill"}, "%s: calls of %s kill" % (machine, other))
for machine in MACHINES:
    for i, profile in enumerate(PROFILES):
        if machine != "x86_64":
            eq(list(differences(machine, i)), [], "%s: %s may do what it may "
               "on x86_64" % (machine, profile))

# And what else is written for a machine.
for machine in ("aarch64", "riscv64"):
    headers = "/usr/%s-linux-gnu/include" % machine
    if not os.path.isdir(headers) or not shutil.which("clang"):
        skip(machine + ": the sources compile", "no clang or " + headers)
        continue
    for name in ("base/sandbox_linux.c", "base/sandbox_calls.c"):
        p = run("clang", "--target=%s-linux-gnu" % machine, "-std=c17",
                "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror",
                "-nostdinc", "-isystem", headers, "-isystem",
                run("clang", "-print-resource-dir").text.strip() + "/include",
                "-isystem", "/usr/include/bsd", "-DLIBBSD_OVERLAY",
                "-I" + TOP + "/common", "-I" + TOP + "/common/compat", "-c",
                "-o", directory + "/o", TOP + "/common/" + name)
        eq((p.returncode, p.text), (0, ""), "%s: %s compiles" %
           (machine, name))
shutil.rmtree(directory, ignore_errors=True)
done()
