"""A kernel that lacks a part of the sandbox: refused, or weak and loud."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import inside as I
import struct

WRAPPER = """#!%(python)s
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = bytes.fromhex("%(code)s")
room = ctypes.create_string_buffer(code)
prog = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8,
                                               ctypes.addressof(room)))
if libc.prctl(22, 2, prog, 0, 0) != 0:
    sys.exit("no filter: %%d" %% ctypes.get_errno())
os.execv("%(smtpsd)s", ["smtpsd"] + sys.argv[1:])
"""
ENOSYS = 0x00050000 | 38
ALLOW = 0x7fff0000
SET_SECCOMP = 22


def insn(code, k, jt=0, jf=0):
    return struct.pack("<HBBI", code, jt, jf, k)


def without(landlock=False, seccomp=False, prctl=False):
    """A filter with which the kernel has none of these."""
    p = insn(0x20, 0)                                   # number
    if landlock:
        p += insn(0x15, I.NR["landlock_create_ruleset"], 0, 1)
        p += insn(0x06, ENOSYS)
    if seccomp:
        p += insn(0x15, I.NR["seccomp"], 0, 1) + insn(0x06, ENOSYS)
        p += insn(0x15, I.NR["prctl"], 0, 4)
        p += insn(0x20, 16)                             # its first argument
        p += insn(0x15, SET_SECCOMP, 0, 1) + insn(0x06, 0x00050000 | 22)
        p += insn(0x06, ALLOW)
    if prctl:
        p += insn(0x15, I.NR["prctl"], 0, 1) + insn(0x06, ENOSYS)
    return p + insn(0x06, ALLOW)


def lacking(s, **what):
    """smtpsd as on such a kernel."""
    prefix = os.path.join(s.dir, "prefix")
    os.makedirs(prefix + "/sbin", exist_ok=True)
    path = prefix + "/sbin/smtpsd"
    with open(path, "w") as f:
        f.write(WRAPPER % {"python": sys.executable, "smtpsd":
                           PREFIX + "/sbin/smtpsd",
                           "code": without(**what).hex()})
    os.chmod(path, 0o755)
    if not os.path.exists(prefix + "/sbin/smtpsctl"):
        os.symlink(PREFIX + "/sbin/smtpsctl", prefix + "/sbin/smtpsctl")
    s.prefix = prefix


def stats(s):
    return {x["name"]: x["value"] for x in s.show("stats")}


def refused(s, word, name, **what):
    lacking(s, **what)
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    ok(p.returncode == 1 and word in p.text and "sandbox weak" in p.text,
       "%s: -n says that nothing would start, and why" % name) or diag(p.text)
    p = run(s.prefix + "/sbin/smtpsd", "-d", "-f", s.conf_path, timeout=20)
    ok(p.returncode == 1 and word in p.text and "no sandbox, no service" in
       p.text, "%s: it does not start, and says why" % name) or diag(p.text)
    ok("ready" not in p.text, "%s: nothing was started" % name)


def weak(name, level, has_landlock, **what):
    with Server(extra="sandbox weak\n", start=False) as s:
        lacking(s, **what)
        p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
        ok(p.returncode == 0 and "sandbox: weak" in p.text,
           "%s: 'sandbox weak' is enough, -n warns" % name) or diag(p.text)
        s.start()
        ok("THE SANDBOX IS WEAK" in s.log(), "%s: the log shouts" % name)
        s.send()
        ok(s.wait_mail(1), "%s: mail flows" % name)
        got = stats(s)
        eq({got["parent.sandbox." + c] for c in CHILDREN + ["deliver"]},
           {level}, "%s: show stats tells what is left" % name)
        eq((got["parent.sandbox.weak"], got["parent.sandbox.landlock"] > 0),
           (1, has_landlock), "%s: and what it is" % name)
        for pid in s.children("net"):
            with open("/proc/%d/status" % pid) as f:
                ok(re.search(r"^CapBnd:\t0+$", f.read(), re.M),
                   "%s: privileges are gone all the same" % name)


with Server(start=False) as s:
    refused(s, "Landlock", "no Landlock", landlock=True)
    refused(s, "seccomp", "no seccomp", seccomp=True)
    # Older than anything that this runs on; no configuration helps.
    lacking(s, prctl=True)
    p = run(s.prefix + "/sbin/smtpsd", "-d", "-f", s.conf_path, timeout=20)
    ok(p.returncode == 1 and "ready" not in p.text, "no prctl: refused")
weak("no Landlock", 1, False, landlock=True)
weak("no seccomp", 1, True, seccomp=True)
weak("neither", 0, False, landlock=True, seccomp=True)

# A reload that would need what is not there changes nothing.
with Server(extra="sandbox weak\n", start=False) as s:
    lacking(s, landlock=True)
    s.start()
    with open(s.conf_path) as f:
        text = f.read()
    s.write("smtpsd.conf", text.replace("sandbox weak\n", ""))
    p = s.ctl("reload")
    ok(p.returncode != 0 and "Landlock" in p.text,
       "a reload without 'sandbox weak' is refused") or diag(p.text)
    s.send()
    ok(s.wait_mail(1), "and mail flows")

with Server(extra="sandbox weak\n") as s:
    ok("not needed" in s.log() and "IS WEAK" not in s.log(),
       "where nothing is missing the log says so")
    eq(stats(s)["parent.sandbox.net"], 2, "and the sandbox is whole")

# Learning.
with Server(start=False) as s:
    p = run(s.prefix + "/sbin/smtpsd", "-L", "-f", s.conf_path, timeout=20)
    ok(p.returncode == 1 and "-d" in p.text, "-L without -d is refused")
    tool = I.build(s.dir)
    s.start("-L")
    ok("THE SANDBOX ONLY LOGS" in s.log(), "-L: the log shouts")
    eq((stats(s)["parent.sandbox.learn"], stats(s)["parent.sandbox.net"]),
       (1, 0), "-L: show stats tells it")
    net = s.children("net")[0]
    nr = I.NR["socket"]
    I.inside(tool, net, [("socket", 2, 1, 0)])
    ok(s.wait_log(r"net: sandbox: forbidden system call %d\b" % nr),
       "-L: a forbidden call is logged")
    I.inside(tool, net, [("socket", 2, 1, 0)])
    s.send()
    ok(s.wait_mail(1), "-L: mail flows")
    eq(s.children("net"), [net], "-L: nobody was killed")
    eq(len(re.findall(r"forbidden system call %d\b" % nr, s.log())), 1,
       "-L: once is enough")
    eq(len([l for l in s.log().splitlines() if "forbidden" in l]), 1,
       "-L: the daemon itself does nothing forbidden")
done()
