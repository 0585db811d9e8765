"""auth dovecot: a real Dovecot, and one that is broken in every way."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64
import threading

from memory import found as holds

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin")


def plain(user, password, authz=b""):
    return "AUTH PLAIN " + base64.b64encode(
        b"%s\0%s\0%s" % (authz, user, password)).decode()


def auth(s, user, password, source="127.0.0.1"):
    """The reply's code, from an address of one's own."""
    sock = socket.create_connection(("127.0.0.1", PORT), 60, (source, 0))
    tls = s.context().wrap_socket(sock, server_hostname="mail.example.org")
    f = tls.makefile("rb")
    try:
        f.readline()
        tls.sendall(b"EHLO x\r\n")
        while f.readline()[3:4] == b"-":
            pass
        tls.sendall(plain(user, password).encode() + b"\r\n")
        return f.readline().decode()[:3]
    finally:
        f.close()
        tls.close()


def listen(path):
    return ("listen on 127.0.0.1 smtps port %d auth dovecot \"%s\" "
            "senders <senders>" % (PORT, path))


class Dovecot:
    """Only auth, with files of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="smtpsd-dovecot.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.socket = self.dir + "/run/auth-client"
        self.process = None
        # The file knows users in lower case; Dovecot lowers what it is asked.
        with open(self.dir + "/passwd", "w") as f:
            for u in USERS:
                f.write("%s:{PLAIN}dove-%s\n" % (u, u))
        os.chmod(self.dir + "/passwd", 0o644)
        with open(self.dir + "/dovecot.conf", "w") as f:
            f.write("""\
base_dir = %(dir)s/run
state_dir = %(dir)s/state
log_path = %(dir)s/log
auth_debug = yes
protocols =
ssl = no
auth_mechanisms = plain login
auth_username_format = %%Lu
auth_failure_delay = 0
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = %(dir)s/passwd
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}
service auth {
  unix_listener auth-client {
    mode = 0600
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
""" % {"dir": self.dir})

    def start(self):
        self.process = subprocess.Popen(
            [DOVECOT, "-c", self.dir + "/dovecot.conf", "-F"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.dir + "/err", "ab"))
        return until(lambda: os.path.exists(self.socket), 10)

    def stop(self):
        if self.process is not None:
            # Its auth process would serve who is connected to the end.
            kids = children_of(self.process.pid)
            self.process.terminate()
            self.process.wait(15)
            for pid in kids:
                if process_name(pid):
                    os.kill(pid, signal.SIGKILL)
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        try:
            with open(self.dir + "/log", errors="replace") as f:
                return f.read()
        except OSError:
            return ""


class Fake:
    """A server of the protocol that does what a test wants of it."""
    HELLO = (b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
             b"COOKIE\t00\nDONE\n")

    def __init__(self, path):
        self.path = path
        self.hello = self.HELLO
        self.reply = lambda id, resp: b"FAIL\t%s\n" % id
        self.lines = []
        self.connections = 0
        self.open = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(10)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(c)
            threading.Thread(target=self.serve, args=(c,),
                             daemon=True).start()

    def serve(self, c):
        try:
            c.sendall(self.hello)
            for line in c.makefile("rb"):
                self.lines.append(line)
                words = line.rstrip(b"\n").split(b"\t")
                if words[0] == b"AUTH":
                    resp = base64.b64decode(words[-1][5:])
                    out = self.reply(words[1], resp)
                    if out is None:
                        c.shutdown(socket.SHUT_RDWR)
                        return
                    c.sendall(out)
        except OSError:
            pass

    def drop(self):
        for c in self.open:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []


# --- the real one ----------------------------------------------------------

if DOVECOT is None:
    skip("a real Dovecot", "dovecot-core is not installed")
else:
    d = Dovecot()
    ok(d.start(), "Dovecot runs")
    with Server(listen=listen(d.socket)) as s:
        pids = s.children("dovecot")
        eq(len(pids), 1, "the dovecot process runs")
        with open("/proc/%d/status" % pids[0]) as f:
            status = f.read()
        ok(re.search(r"^Seccomp:\s*2$", status, re.M) and not
           re.search(r"^Uid:\s*0\b", status, re.M), "confined, and not root")
        ok(s.wait_log(r"dovecot: .*connected"), "it is connected")
        with s.raw() as r:
            ehlo = r.ask("EHLO x")
            ok(re.search(r"AUTH PLAIN LOGIN$", ehlo, re.M) and
               "SCRAM" not in ehlo, "EHLO: PLAIN and LOGIN only")
            eq(r.ask(plain(b"smtpst1", b"dove-smtpst1"))[:9], "235 2.7.0",
               "a password that Dovecot knows")
        with s.raw() as r:
            r.ask("EHLO x")
            r.ask("AUTH LOGIN")
            r.ask(base64.b64encode(b"smtpst2").decode())
            eq(r.ask(base64.b64encode(b"dove-smtpst2").decode())[:3], "235",
               "LOGIN as well")
        eq(auth(s, b"smtpst1", b"wrong", "127.5.0.1"), "535",
           "a wrong password")
        ok(s.wait_log(r"event=auth-failed address=127.5.0.1 user=smtpst1 "
                      r"reason=password|127.5.0.1.*reason=password"),
           "the log has address and reason")
        eq(auth(s, b"nobody-there", b"x", "127.5.0.2"), "535", "no such user")
        eq(auth(s, b"smtpst1", (PASSWORD % "smtpst1").encode(),
                "127.5.0.3"), "535", "a password of the users file")
        ok(until(lambda: "127.5.0.1" in d.log(), 5),
           "Dovecot learns the client's address")
        # Dovecot's name for the user counts.
        with s.client("SMTPST1", "dove-smtpst1") as c:
            c.sendmail("smtpst1@example.org", ["smtpst1@example.org"],
                       message("by Dovecot"))
        ok(s.wait_mail(1, "smtpst1"), "mail as the user of Dovecot's name")
        ok(s.wait_log(r"login.*user=smtpst1\b"), "which the log has too")
        # Dovecot goes and comes.
        d.stop()
        eq(auth(s, b"smtpst1", b"dove-smtpst1", "127.5.0.4"), "454",
           "Dovecot is stopped: try later")
        ok(s.wait_log(r"backend=dovecot reason="), "and the log says why")
        d.start()
        ok(until(lambda: auth(s, b"smtpst1", b"dove-smtpst1", "127.5.0.5") ==
                 "235", 30), "Dovecot is back: so are the logins")
        ok("dove-smtpst1" not in s.log(), "no password in the log")
        ok(until(lambda: not s.show("sessions")), "the sessions have ended")
        words = [b"dove-smtpst1", base64.b64encode(b"\0smtpst1\0dove-smtpst1")]
        for pid in [s.pid] + s.children():
            eq(holds(pid, words), [], "no password stays in " +
               process_name(pid))
    d.remove()

# --- the broken one --------------------------------------------------------

here = tempfile.mkdtemp(prefix="smtpsd-fake.", dir="/tmp")
fake = Fake(here + "/auth")
with Server(listen=listen(fake.path)) as s:
    ok(s.wait_log(r"dovecot: .*connected"), "connected to a server of ours")
    fake.reply = lambda id, resp: b"OK\t%s\tuser=smtpst1\n" % id
    eq(auth(s, b"smtpst1", b"x"), "235", "OK")
    line = [l for l in fake.lines if l.startswith(b"AUTH")][-1]
    eq(line.split(b"\t")[2:], [b"PLAIN", b"service=smtp", b"secured",
                               b"nologin", b"no-penalty", b"rip=127.0.0.1",
                               b"resp=" + base64.b64encode(
                                   b"\0smtpst1\0x") + b"\n"],
       "what Dovecot is asked")

    # Nothing that a client writes ends a line.
    asked = len(fake.lines)
    for user in (b"a\tb", b"a\nb", b"a\rb", b"a\001tb", b"a\x7fb", b"a b",
                 b"x\tOK\t1\tuser=smtpst2"):
        with s.raw() as r:
            r.ask("EHLO x")
            ok(r.ask(plain(user, b"x"))[:3] in ("501", "535"),
               "login %r" % user)
    with s.raw() as r:
        r.ask("EHLO x")
        ok(r.ask("AUTH PLAIN " + base64.b64encode(
            b"\0smtp\0st1\0x").decode())[:3] in ("501", "535"), "NUL inside")
    eq(fake.lines[asked:], [], "none of them was asked")
    for password in (b"a\tb", b"a\nOK\t1\tuser=smtpst2", b"\001t\xff"):
        fake.reply = lambda id, resp: b"FAIL\t%s\n" % id
        auth(s, b"smtpst1", password, "127.6.0.%d" % len(password))
        eq(base64.b64decode(fake.lines[-1].split(b"resp=")[1]),
           b"\0smtpst1\0" + password, "password %r arrives whole" % password)
    ok(all(l.startswith((b"VERSION", b"CPID", b"AUTH\t", b"CANCEL\t"))
           for l in fake.lines), "and every line is one of ours")

    n = 0
    for name, reply, want in [
            ("another id", lambda id, r: b"OK\t9999\tuser=smtpst1\nFAIL\t%s\n"
             % id, "535"),
            ("unknown words", lambda id, r: b"HUH\t1\n\n\t\t\nOK\nOK\t\n"
             b"OK\t-1\nFAIL\t%s\n" % id, "535"),
            ("FAIL temp", lambda id, r: b"FAIL\t%s\ttemp\n" % id, "454"),
            ("CONT", lambda id, r: b"CONT\t%s\tYQ==\n" % id, "454"),
            ("a name with a tab", lambda id, r:
             b"OK\t%s\tuser=smtpst1\001tx\n" % id, "454"),
            ("a name with a NUL", lambda id, r:
             b"OK\t%s\tuser=smtpst1\0010x\n" % id, "454"),
            ("no name that can be", lambda id, r: b"OK\t%s\tuser=\n" % id,
             "454"),
            ("a long name", lambda id, r: b"OK\t%s\tuser=%s\n" %
             (id, b"x" * 300), "454"),
            ("closes", lambda id, r: None, "454"),
            ("an endless line", lambda id, r: b"x" * 100000, "454"),
            ("a NUL in a line", lambda id, r: b"OK\t%s\0\tuser=a\n" % id,
             "454")]:
        n += 1
        fake.reply = lambda id, resp: b"OK\t%s\tuser=smtpst1\n" % id
        until(lambda: auth(s, b"smtpst1", b"x", "127.7.%d.2" % n) == "235",
              20)
        fake.reply = reply
        eq(auth(s, b"smtpst1", b"x", "127.7.%d.3" % n), want, name)
    fake.reply = lambda id, resp: b"OK\t%s\tuser=smtpst1\n" % id
    ok(until(lambda: auth(s, b"smtpst1", b"x", "127.8.0.1") == "235", 20),
       "it works again after all that")

    # It goes away again and again: asked for with pauses.
    before = fake.connections
    fake.hello = b"VERSION\t2\t0\n"
    fake.drop()
    time.sleep(4)
    ok(2 <= fake.connections - before <= 8,
       "connected anew with pauses: %d times in 4 s" %
       (fake.connections - before))
    eq(auth(s, b"smtpst1", b"x", "127.8.0.2"), "454", "another version")
    fake.hello = Fake.HELLO
    ok(until(lambda: auth(s, b"smtpst1", b"x", "127.8.0.3") == "235", 20),
       "the right version again")

    # It does not answer one; the others go on.
    fake.reply = lambda id, resp: (b"" if b"smtpst2" in resp else
                                   b"OK\t%s\tuser=smtpst1\n" % id)
    result = []
    t = threading.Thread(target=lambda: result.append(
        auth(s, b"smtpst2", b"x", "127.8.0.4")))
    t.start()
    time.sleep(0.5)
    eq(auth(s, b"smtpst1", b"x", "127.8.0.5"), "235",
       "one is not answered, the next one is")
    t.join(60)
    eq(result, ["454"], "the one without an answer: try later")
    ok(any(l.startswith(b"CANCEL\t") for l in fake.lines), "cancelled")
    eq(len(s.children("dovecot")), 1, "the process lives")

# --- the configuration -----------------------------------------------------

with Server(listen=listen(here + "/none"), start=False) as s:
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    ok(p.returncode == 0 and "warning" in p.text and "454" in p.text,
       "-n: a socket that is not there yet is a warning")
for what, word in [('dovecot "auth-client"', "must begin with /"),
                   ('dovecot "/%s"' % ("x" * 200), "shorter"),
                   ("dovecot", "path"), ("nothing", "nothing"),
                   ('system auth <users>', "already")]:
    with Server(listen="listen on 127.0.0.1 smtps port %d auth %s" %
                (PORT, what), start=False) as s:
        p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
        ok(p.returncode != 0 and word in p.text, "-n: auth %s" % what[:20])
fake.listener.close()
shutil.rmtree(here, ignore_errors=True)
done()
