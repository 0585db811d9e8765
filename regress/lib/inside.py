"""System calls from within a running process, and what its filter says.

    tool = build(directory)
    inside(tool, pid, [("openat", -100, "s:/etc/passwd", 0)]) -> [result]
    f = filters(tool, pid); verdict(f, "openat", (-100, 0, 0))

A result is a number (negative: errno) or "killed SIGSYS".
"""

import errno
import os
import platform
import re
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ARCH = {"x86_64": 0xc000003e, "aarch64": 0xc00000b7}.get(platform.machine())
X32 = 0x40000000
KILL, TRAP, ERRNO, ALLOW = 0x80000000, 0x00030000, 0x00050000, 0x7fff0000


def _numbers():
    p = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h",
                        "-x", "c", "/dev/null"], stdout=subprocess.PIPE)
    found = re.findall(r"^#define __NR_(\w+) (\d+)$", p.stdout.decode(), re.M)
    return {name: int(number) for name, number in found}


NR = _numbers()
# Newer than the headers of some systems.
NR.setdefault("openat2", 437)
NR.setdefault("pidfd_getfd", 438)
NR.setdefault("mount_setattr", 442)


def build(directory):
    tool = os.path.join(directory, "inside")
    subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-o", tool,
                    os.path.join(HERE, "..", "abuse", "inside.c")],
                   check=True)
    return tool


def number(name):
    """'x32:openat' and 'i386:20' too; None: this machine has no such call."""
    if name.startswith("x32:"):
        return NR[name[4:]] | X32
    if ":" in name:
        return name
    return NR.get(name)


def _run(tool, pid, text):
    p = subprocess.run([tool, str(pid)], input=text.encode(), timeout=10,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode != 0:
        raise RuntimeError("inside %d: %s" % (pid, p.stderr.decode()))
    return p.stdout.decode().splitlines()


def inside(tool, pid, calls):
    """Their results; fewer of them if one killed the process."""
    text = "".join("%s\n" % " ".join(str(x) for x in
                                     (number(c[0]),) + tuple(c[1:]))
                   for c in calls)
    return [int(x) if re.match(r"-?\d+$", x) else x
            for x in _run(tool, pid, text)]


def filters(tool, pid):
    """The seccomp programs of a process, newest first."""
    lines = _run(tool, pid, "filter\n")
    if lines[-1] != "end":
        raise RuntimeError("filters of %d: %s" % (pid, lines[-1]))
    return [[(int(c, 16), int(jt), int(jf), int(k, 16)) for c, jt, jf, k in
             (insn.split(",") for insn in line.split())]
            for line in lines[:-1]]


def _evaluate(program, data):
    a, pc = 0, 0
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        if code == 0x20:                        # ld word, absolute
            a = struct.unpack_from("<I", data, k)[0]
        elif code == 0x06:                      # ret
            return k
        elif code == 0x54:                      # and
            a &= k
        elif code == 0x05:                      # ja
            pc += k
        else:
            true = {0x15: a == k, 0x25: a > k, 0x35: a >= k,
                    0x45: a & k != 0}[code]
            pc += jt if true else jf


def verdict(programs, nr, args=(), arch=None):
    """What the kernel would do: 'kill', 'allow', or the name of an errno."""
    if isinstance(nr, str):
        nr = number(nr)
    args = [x & 0xffffffffffffffff for x in
            list(args) + [0] * (6 - len(args))]
    data = struct.pack("<IIQ6Q", nr, ARCH if arch is None else arch, 0, *args)
    worst = ALLOW
    for p in programs:
        got = _evaluate(p, data)
        # The action with the smallest number, as a signed one, wins.
        if struct.unpack("<i", struct.pack("<I", got & 0xffff0000))[0] < \
           struct.unpack("<i", struct.pack("<I", worst & 0xffff0000))[0]:
            worst = got
    action = worst & 0xffff0000
    if action == ERRNO:
        return errno.errorcode[worst & 0xffff]
    return {KILL: "kill", TRAP: "trap", ALLOW: "allow"}.get(action, "?")


def allowed(programs):
    """Names of all calls of an allow-list that some arguments may pass."""
    known = {k for program in programs for code, _, _, k in program
             if code == 0x15}
    return sorted(n for n, nr in NR.items() if (
        nr in known or verdict(programs, nr) == "allow") and any(
        verdict(programs, nr, (a, b, c)) == "allow"
        for a in range(0, 18) for b in (0, 1, 2, 0x5401, 0x541b)
        for c in (0, 3, 7)))
