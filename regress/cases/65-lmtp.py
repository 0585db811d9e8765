"""LMTP over TCP and Unix sockets: a reply for each recipient, a server that
is away, and Dovecot."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import threading

ME = "smtpst1@example.org"
tmp = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(tmp, 0o755)
BOX = tmp + "/mail/smtpst1"
PATH = tmp + "/lmtp"


class Lmtp:
    """after: address -> reply to the dot; rcpt: address -> reply to RCPT."""

    def __init__(self, where):
        self.after, self.rcpt, self.messages = {}, {}, []
        self.commands = []
        self.connections = 0
        self.cut = False        # end in the middle of the replies
        self.few = False        # one reply, and on as if that were all
        self.extra = ""         # a line behind the replies
        if isinstance(where, str):
            self.listener = socket.socket(socket.AF_UNIX)
            if os.path.exists(where):
                os.unlink(where)
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET,
                                     socket.SO_REUSEADDR, 1)
            where = ("127.0.0.1", where)
        self.listener.bind(where)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(s,),
                             daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self, s):
        with s, s.makefile("rb") as f:
            try:
                self.talk(s, f)
            except OSError:
                pass

    def talk(self, s, f):
        def say(line):
            s.sendall(line.encode() + b"\r\n")
        rcpts = []
        say("220 stub LMTP")
        for line in f:
            line = line.decode().rstrip("\r\n")
            self.commands.append(line)
            verb = line.split(" ")[0]
            if verb == "LHLO":
                say("250-stub\r\n250-PIPELINING\r\n250 "
                    "ENHANCEDSTATUSCODES")
            elif verb in ("EHLO", "HELO"):
                say("500 5.5.1 LHLO")
            elif verb == "RCPT":
                a = line[line.index("<") + 1:line.index(">")]
                say(self.rcpt.get(a, "250 2.1.5 ok"))
                if a not in self.rcpt:
                    rcpts.append(a)
            elif verb == "DATA":
                if not rcpts:
                    say("503 5.5.1 nobody")
                    continue
                say("354 go")
                data = b""
                for l in f:
                    if l == b".\r\n":
                        break
                    data += l
                replies = [self.after.get(a, "250 2.0.0 <%s> saved" % a)
                           for a in rcpts]
                self.messages.append((rcpts, data))
                if self.cut:
                    say(replies[0])
                    return
                if self.few and len(replies) > 1:
                    time.sleep(1)       # for what is written behind the dot
                    replies = replies[:1]
                    s.settimeout(2)
                say("\r\n".join(replies + [self.extra] * bool(self.extra)))
                rcpts = []
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            else:
                rcpts = []
                say("250 2.0.0 ok")


def server(where, options="", domain="lmtp.example", extra="", **kw):
    shutil.rmtree(BOX, ignore_errors=True)
    return Server(
        extra="table there { %s }\n%s" % (domain, extra),
        actions='action "local" maildir "%s/mail/%%{dest.user}" user '
        'smtpst3\naction "box" lmtp "%s" %s\n' % (tmp, where, options),
        rules='match from auth for domain <there> action "box"\n'
        'match from auth for domain <domains> action "local"\n', **kw)


def mails():
    # A header may be folded.
    return [re.sub(rb"\r?\n[ \t]+", b" ", m) for m in
            Server.mails(None, directory=BOX)]


def to(*names):
    return [n + "@lmtp.example" for n in names]


for where in (11024, PATH):
    stub = Lmtp(where)
    kind = "socket" if where == PATH else "TCP"
    with server(where if where == PATH else "127.0.0.1:%d" % where) as s:
        stub.rcpt = {"norcpt@lmtp.example": "550 5.1.1 no such user"}
        stub.after = {"full@lmtp.example": "552 5.2.2 mailbox is full",
                      "later@lmtp.example": "451 4.2.0 not now"}
        s.send(to("a", "norcpt", "full", "later", "b"))
        ok(until(lambda: len(s.show("queue")) == 1 and len(mails()) >= 1 and
                 s.show("queue")[0]["error"]), kind + ": one is left")
        eq(stub.messages[0][0], to("a", "full", "later", "b"),
           kind + ": one transaction")
        q = s.show("queue")
        eq([x["recipient"] for x in q], to("later"), kind + ": the one with "
           "451")
        text = b"".join(mails())
        ok(b"norcpt@lmtp.example" in text and b"5.1.1" in text and
           b"full@lmtp.example" in text and b"5.2.2" in text and
           b"later@" not in text.split(b"text/rfc822")[0],
           kind + ": two are returned, each with its reason")
        ok(b"a@lmtp.example>:" not in text, kind + ": and not the others")
        log = s.log()
        ok(re.search(r"result=delivered to=<a@lmtp", log) and
           re.search(r"result=delivered to=<b@lmtp", log),
           kind + ": two are delivered")
        stub.after.pop("later@lmtp.example")
        ok(s.wait_queue(0), kind + ": and later the third")
        eq(stub.messages[-1][0], to("later"), kind + ": alone")
        eq({c.split(" ")[0] for c in stub.commands if c[1:] and
            c.split(" ")[0] in ("LHLO", "EHLO", "HELO")}, {"LHLO"},
           kind + ": LHLO and nothing else")
        n = stub.connections
        with s.client() as c:
            for i in range(40):
                c.sendmail(ME, to("c"), message("%d" % i))
        ok(until(lambda: len(stub.messages) >= 42) and s.wait_queue(0),
           kind + ": 40 messages")
        ok(stub.connections - n <= 8, kind + ": over %d connections" %
           (stub.connections - n))

        # Success is success: the mailbox has it.
        before = len(mails())
        with s.client() as c:
            c.ehlo()
            c.mail(ME)
            c.docmd("RCPT TO:<d@lmtp.example> NOTIFY=SUCCESS")
            c.data(message("notify"))
        ok(until(lambda: len(mails()) > before), kind + ": a success report")
        text = b"".join(mails()[before:])
        ok(b"Action: delivered" in text, kind + ": which says delivered")

        # It ends behind the first reply: the others are tried again.
        stub.cut = True
        n = len(stub.messages)
        s.send(to("e", "f"))
        ok(until(lambda: len(stub.messages) > n), kind + ": cut off")
        stub.cut = False
        ok(s.wait_queue(0), kind + ": all are delivered")
        eq([m[0] for m in stub.messages[n:]], [to("e", "f"), to("f")],
           kind + ": who had a reply only once")

        # Away and back.
        stub.stop()
        if where == PATH:
            os.unlink(PATH)
        time.sleep(0.2)
        s.send(to("g"))
        until(lambda: any(q["error"] for q in s.show("queue")), 60)
        stub = Lmtp(where)
        ok(s.wait_queue(0, 60), kind + ": away and back")
    stub.stop()

# --- aliases, and who may send there -----------------------------------------
stub = Lmtp(PATH)
with server(PATH, "alias <virtual> connections 1",
            extra='table virtual { "info@lmtp.example" = "a@lmtp.example, '
            'b@lmtp.example", "gone@lmtp.example" = "smtpst1@example.org" }'
            '\n') as s:
    s.send(to("info"))
    ok(until(lambda: stub.messages) and
       sorted(stub.messages[0][0]) == to("a", "b"), "an alias")
    s.send(to("gone"))
    ok(until(mails), "an alias of an address elsewhere")
    s.send(to("nobody"))
    ok(until(lambda: len(stub.messages) == 2), "no Unix user is needed")
stub.stop()

# --- the wrong number of replies ---------------------------------------------
stub = Lmtp(PATH)
with server(PATH, "connections 1") as s:
    stub.few = True
    s.send(to("a", "b"))
    ok(until(lambda: stub.messages), "too few: the first message")
    s.send(to("c"))
    ok(until(lambda: s.show("queue") and
             any(q["error"] for q in s.show("queue")) or
             len(stub.messages) > 2), "too few: the second is there")
    ok(not re.search("result=delivered to=<b@", s.log()),
       "no reply to something else is that of a recipient")
    stub.few = False
    ok(s.wait_queue(0, 60), "too few: all are sent")
    eq(sorted(m[0] for m in stub.messages), [to("a", "b"), to("b"), to("c")],
       "the one without a reply again")
    stub.extra = "550 5.1.1 one too many"
    s.ctl("pause", "mta")
    with s.client() as c:
        for i in range(10):
            c.sendmail(ME, to("d%d" % i), message())
    s.ctl("resume", "mta")
    ok(s.wait_queue(0, 60), "too many: all are sent")
    stub.extra = ""
    eq(sorted(m[0] for m in stub.messages[3:]),
       [to("d%d" % i) for i in range(10)], "once each")
    eq(len(mails()), 0, "and none returned")
stub.stop()

for text, pattern in [('lmtp "host"', "port"), ("lmtp", "host:port"),
                      ('lmtp "/x" user y', "option of lmtp"),
                      ('lmtp "h:0"', "."), ('lmtp "h:70000"', ".")]:
    s = server("/x", start=False)
    with open(s.conf_path) as f:
        conf = f.read()
    with open(s.conf_path, "w") as f:
        f.write(conf.replace('lmtp "/x" ', text + " ", 1))
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    ok(p.returncode != 0 and re.search(pattern, p.text), "-n: " + text)

# --- Dovecot -----------------------------------------------------------------
DOVECOT = """\
base_dir = %(d)s/run
state_dir = %(d)s/state
log_path = %(d)s/dovecot.log
protocols = lmtp
ssl = no
mail_location = maildir:%(d)s/%%u
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
passdb {
  driver = passwd-file
  args = %(d)s/users
}
userdb {
  driver = passwd-file
  args = %(d)s/users
  override_fields = home=%(d)s/home/%%u
}
service lmtp {
  unix_listener %(d)s/lmtp {
    mode = 0600
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = 11025
  }
}
"""
if not os.path.exists("/usr/lib/dovecot/lmtp"):
    skip("Dovecot", "dovecot-lmtpd is not installed")
else:
    d = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
    os.chmod(d, 0o755)
    who = pwd.getpwnam("smtpst3")
    for sub in ("home", "run", "state"):
        os.mkdir(d + "/" + sub)
    os.chown(d, who.pw_uid, who.pw_gid)
    os.chown(d + "/home", who.pw_uid, who.pw_gid)
    with open(d + "/users", "w") as f:
        for u in ("ann", "bob"):
            f.write("%s@lmtp.example:{PLAIN}x:%d:%d::%s/home/%s\n" % (
                u, who.pw_uid, who.pw_gid, d, u))
    with open(d + "/conf", "w") as f:
        f.write(DOVECOT % {"d": d})
    dovecot = subprocess.Popen(["dovecot", "-F", "-c", d + "/conf"])
    ok(until(lambda: os.path.exists(d + "/lmtp")), "Dovecot runs")
    for where in (d + "/lmtp", "127.0.0.1:11025"):
        with server(where) as s:
            for u in ("ann", "bob"):
                for path in glob.glob(d + "/%s@lmtp.example/new/*" % u):
                    os.unlink(path)
            s.send(to("ann", "nobody", "bob"), body="For both.\r\n.dots\r\n")
            ok(until(lambda: all(glob.glob(d + "/%s@lmtp.example/new/*" % u)
                                 for u in ("ann", "bob"))),
               "Dovecot: both mailboxes, " + where[:1])
            ok(until(lambda: any(b"nobody@lmtp.example" in m
                                 for m in mails())),
               "Dovecot: the third is returned")
            path = glob.glob(d + "/bob@lmtp.example/new/*")[0]
            with open(path, "rb") as f:
                data = f.read()
            ok(b"\n.dots" in data and b"Return-Path: <smtpst1@example.org>"
               in data, "Dovecot: the message as it was")
            ok(s.wait_queue(0), "Dovecot: nothing is left")
    dovecot.terminate()
    dovecot.wait(20)
    shutil.rmtree(d)

shutil.rmtree(tmp)
done()
