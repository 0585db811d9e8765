"""What the compiler and the linker can do for the installed programs."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import platform

PROGRAMS = ["libexec/smtpsd/" + n for n in
            CHILDREN + ["deliver", "login", "dovecot"]] + \
    ["sbin/smtpsd", "sbin/smtpsctl"]


def readelf(*args):
    return run("readelf", "-W", *args).text


eq(sorted(n for n in os.listdir(PREFIX + "/libexec/smtpsd") if not
          os.path.islink(PREFIX + "/libexec/smtpsd/" + n)),
   sorted(os.path.basename(p) for p in PROGRAMS if "libexec" in p),
   "the programs are those that are looked at")
for name in PROGRAMS:
    path = os.path.join(PREFIX, name)
    short = os.path.basename(name)
    head, segments = readelf("-h", path), readelf("-l", path)
    dynamic = readelf("-d", path)
    symbols = readelf("--dyn-syms", path)
    ok(re.search(r"Type:\s+DYN", head) and "INTERP" in segments and
       re.search(r"FLAGS_1.*\bPIE\b", dynamic), "%s: PIE" % short)
    ok("GNU_RELRO" in segments and re.search(r"FLAGS_1.*\bNOW\b", dynamic),
       "%s: relocations are read-only and made at start" % short)
    stack = re.search(r"GNU_STACK.*", segments)
    ok(stack and not re.search(r"\bRWE\b", stack.group(0)),
       "%s: no executable stack" % short)
    ok(not re.search(r"LOAD.* RWE ", segments),
       "%s: no segment to write and to execute" % short)
    ok("__stack_chk_fail" in symbols, "%s: stack protector" % short)
    ok(re.search(r"__\w+_chk@", symbols.replace("__stack_chk_fail", "")),
       "%s: FORTIFY" % short)
    ok(not re.search(r"\((RPATH|RUNPATH|TEXTREL)\)", dynamic),
       "%s: no search path of its own, no text relocation" % short)
    mode = os.stat(path).st_mode
    ok(mode & 0o6022 == 0, "%s: no set-user-id, root's alone" % short)
    if platform.machine() == "x86_64":
        # The note needs a C library that has it too; the code is enough.
        with open(path, "rb") as f:
            marks = f.read().count(b"\xf3\x0f\x1e\xfa")
        ok(marks > 50, "%s: CET, %d places to jump to" % (short, marks))
done()
