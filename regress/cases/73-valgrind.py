"""The whole daemon under valgrind: no program reads or frees what it should
not, and none loses memory.

valgrind makes system calls of its own and does not let a limit of descriptors
be set, so the programs are built without the sandbox and without limits.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *
from nexthop import NextHop

if not shutil.which("valgrind"):
    print("1..0 # SKIP valgrind is not installed")
    sys.exit(0)

box = tempfile.mkdtemp(prefix="smtpsd-valgrind.", dir="/tmp")
os.chmod(box, 0o755)
out = box + "/out"
os.mkdir(out)
os.chmod(out, 0o777)        # valgrind writes as each program's user
with open(box + "/limit.c", "w") as f:
    f.write("int no_limit(int what, const void *limit);\n"
            "int no_limit(int what, const void *limit)\n"
            "{ (void)what; (void)limit; return 0; }\n")
p = run("sh", "-c", """set -e
mkdir %(box)s/src; cd %(top)s
tar cf - --exclude='*.[oadt]' --exclude=.git --exclude=config.mk \
    --exclude=config.h --exclude=flags.stamp . | tar xf - -C %(box)s/src
gcc -fPIE -c -o %(box)s/limit.o %(box)s/limit.c
cd %(box)s/src
SANDBOX=none make -j2 install CC=gcc CFLAGS=-Dsetrlimit=no_limit \
    LDFLAGS=%(box)s/limit.o PREFIX=%(box)s/inst SYSCONFDIR=%(box)s/inst/etc
""" % {"box": box, "top": TOP}, timeout=300)
if not ok(p.returncode == 0, "built for it"):
    diag("\n".join(p.text.splitlines()[-10:]))
    done()


class Watched(Server):
    def start(self):
        self.prefix = box + "/inst"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["valgrind", "--trace-children=yes", "--leak-check=full",
                 "--show-leak-kinds=definite",
                 "--errors-for-leak-kinds=definite",
                 "--log-file=%s/%%p" % out, self.prefix + "/sbin/smtpsd",
                 "-d", "-v", "-f", self.conf_path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid
        if not until(lambda: re.search(r"^smtpsd: ready", self.log(), re.M) or
                     self.process.poll() is not None, 90) or \
                self.process.poll() is not None:
            diag(self.log()[-4000:])
            raise RuntimeError("smtpsd did not start")


def refused(c, *args):
    try:
        c.sendmail(*args)
    except smtplib.SMTPException:
        return True
    return False


me = "smtpst1@example.org"
s = Watched(extra="sandbox weak\nprocesses net 1 auth 1 relay 1\n",
            aliases="postmaster: smtpst1\nlist: smtpst2, x@far.example\n")
hop = NextHop(port=HOP_PORT)
for user in ["smtpst1", "smtpst1", "smtpst2"]:
    with s.client(user) as c:
        sender = user + "@example.org"
        for to in [["smtpst2@example.org", "x@far.example"],
                   ["list@example.org"], ["postmaster@example.org"]]:
            c.sendmail(sender, to, message("m", "hello\r\n" * 9000, sender))
        ok(refused(c, "other@example.org", [me], message()) and
           refused(c, sender, ["no-such-user@example.org"], message()) and
           refused(c, sender, [me], message(sender="other@example.org")),
           "%s: three are refused" % user)
with s.raw() as r:      # and gone in the middle of it
    r.ask("EHLO x")
    r.login("smtpst1", "wrong")
    r.login("smtpst1")
    r.send("MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT 100\r\nFrom: " % (me, me))
hop.fail("rcpt", 550)
with s.client() as c:
    c.sendmail(me, ["x@far.example"], message("to be returned"))
ok(until(lambda: [m for m in s.mails() if b"Return-Path: <>" in m], 30),
   "a bounce comes back")
for what in ["sessions", "queue", "stats", "listeners", "limits"]:
    s.show(what)
eq(s.ctl("reload").returncode, 0, "reload")
with s.client() as c:
    c.sendmail(me, [me], message("after the reload"))
ok(s.wait_queue(0, 60), "all is delivered")
s.process.send_signal(signal.SIGTERM)
eq(s.process.wait(60), 0, "it stops")
s.process = None
seen = set()
for path in glob.glob(out + "/*"):
    with open(path, errors="replace") as f:
        text = f.read()
    name = os.path.basename(re.search(r"Command: (\S+)", text).group(1))
    seen.add(name)
    if not ok("ERROR SUMMARY: 0 errors" in text, "nothing to say of " + name):
        diag("\n".join(text.splitlines()[:60]))
eq(sorted({"smtpsd", "deliver"} | set(CHILDREN)), sorted(seen),
   "every program was watched")
if not os.environ.get("KEEP"):
    shutil.rmtree(box)
done()
