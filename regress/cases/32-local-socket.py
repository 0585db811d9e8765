"""Submission over a Unix socket: the kernel says who the user is."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

LISTEN = """\
listen on 127.0.0.1 smtps port 10465 auth <users> senders <senders>
listen on socket "{dir}/submit"
listen on socket "{dir}/few" limit sessions-per-ip 4
listen on socket "{dir}/mapped" senders <senders> tag mapped \\
	limit recipients 1
"""
RULES = """\
match tag mapped from local for rcpt root@mapped.example action "local"
match from auth for domain <domains> action "local"
"""
# Runs as another user: prints one reply for each line it is given.
CLIENT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
def reply():
    while True:
        line = f.readline()
        if not line or line[3:4] != b"-":
            print(line.decode().rstrip(), flush=True)
            return
reply()
for line in sys.argv[2:]:
    s.sendall(line.encode() + b"\\r\\n")
    reply()
"""


def talk(s, user, *lines, where="submit"):
    """Replies to the connection and to each line."""
    path = s.dir + "/" + where
    entry = pwd.getpwnam(user) if isinstance(user, str) else None
    uid, gid = (entry.pw_uid, entry.pw_gid) if entry else (user, user)
    p = subprocess.run(["/usr/bin/python3", "-c", CLIENT, path] + list(lines),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=60, user=uid, group=gid, extra_groups=[],
                       cwd="/")
    return p.stdout.decode().splitlines()


def mail(sender, rcpt):
    return ["EHLO here", "MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % rcpt,
            "DATA", message("by a socket", sender=sender or "smtpst1@example.org") +
            "\r\n.", "QUIT"]


def arrived(s, user):
    return until(lambda: [m for m in s.mails(user) if b"by a socket" in m])


def codes(replies):
    return [r[:3] for r in replies]


def identity(s):
    good = ["220", "250", "250", "250", "354", "250", "221"]
    eq(codes(talk(s, "smtpst1", *mail("smtpst1@example.org",
                                      "smtpst2@example.org"))), good,
       "a user sends as himself")
    got = arrived(s, "smtpst2")
    ok(got, "it arrives")
    head = got[0].replace(b"\r\n", b"\n").split(b"\n\n")[0] if got else b""
    ok(b"Received: by mail.example.org (smtpsd) with ESMTPA id " in head,
       "its trace: " + repr(head[:80]))
    ok(s.wait_log(r"event=login .*address=local user=smtpst1"), "the log")
    eq(codes(talk(s, "smtpst1", *mail("smtpst1@mail.example.org",
                                      "smtpst2@example.org"))), good,
       "at the host name as well")
    for who, sender in (("smtpst1", "smtpst2@example.org"),
                        ("smtpst1", "smtpst1@elsewhere.example"),
                        ("smtpst1", "root@example.org"),
                        ("root", "smtpst1@example.org")):
        eq(talk(s, who, "EHLO here", "MAIL FROM:<%s>" % sender)[2][:9],
           "553 5.7.1", "%s as %s" % (who, sender))
    eq(codes(talk(s, "root", *mail("root@mail.example.org",
                                   "smtpst3@example.org"))), good,
       "root sends, as cron does")
    ok(arrived(s, "smtpst3"), "and that arrives")
    ok(talk(s, 54321)[0].startswith("554 5.7.1"), "a number without a name")
    eq(talk(s, "smtpst1", "EHLO here", "AUTH PLAIN AGEAYg==")[2][:3], "502",
       "no AUTH here")
    eq(talk(s, "smtpst1", "EHLO here", "STARTTLS")[2][:3], "502",
       "and no STARTTLS")
    eq(talk(s, "smtpst1", "EHLO here", "MAIL FROM:<>")[2][:3], "250",
       "the null reverse-path")


def mapped(s):
    """The sender map counts for root too."""
    eq(talk(s, "smtpst1", "EHLO here", "MAIL FROM:<smtpst1+x@example.org>",
            where="mapped")[2][:3], "250", "what the map has")
    eq(talk(s, "root", "EHLO here", "MAIL FROM:<root@mail.example.org>",
            where="mapped")[2][:9], "553 5.7.1", "root is not in it")
    got = talk(s, "smtpst1", "EHLO here", "MAIL FROM:<smtpst1@example.org>",
               "RCPT TO:<smtpst2@example.org>", "RCPT TO:<smtpst3@example.org>",
               where="mapped")
    eq(codes(got)[3:], ["250", "452"], "its own limit")


# Runs as another user: keeps so many sessions, until its input ends.
CROWD = """
import socket, sys
kept = []
for i in range(int(sys.argv[2])):
    c = socket.socket(socket.AF_UNIX)
    c.connect(sys.argv[1])
    kept.append(c)
    print(c.makefile("rb").readline().decode()[:9], flush=True)
sys.stdin.read()
"""


def crowd(s):
    """Who takes all places that he can get takes nobody else's."""
    e = pwd.getpwnam("smtpst1")
    p = subprocess.Popen(["/usr/bin/python3", "-c", CROWD, s.dir + "/few",
                          "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         user=e.pw_uid, group=e.pw_gid, extra_groups=[],
                         cwd="/")
    got = [p.stdout.readline().decode()[:3] for i in range(8)]
    eq(got, ["220"] * 4 + ["421"] * 4, "one user has four places")
    eq(codes(talk(s, "smtpst2", where="few")), ["220"], "another has his own")
    eq(codes(talk(s, "root", where="few")), ["220"], "and root")
    p.communicate(timeout=20)
    ok(until(lambda: codes(talk(s, "smtpst1", where="few")) == ["220"]),
       "when they are over he has places again")


# Runs as another user: connects and hangs up until it is killed.
FLOOD = """
import socket, sys
while True:
    c = socket.socket(socket.AF_UNIX)
    c.connect(sys.argv[1])
    c.close()
"""


def flood(s):
    """A user's loop is no burden for the logins of others."""
    e = pwd.getpwnam("smtpst1")
    loops = [subprocess.Popen(["/usr/bin/python3", "-c", FLOOD,
                               s.dir + "/submit"], user=e.pw_uid,
                              group=e.pw_gid, extra_groups=[], cwd="/",
                              stderr=subprocess.DEVNULL) for i in range(2)]
    time.sleep(3)
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.login("smtpst2")[:3], "235", "a login over the network")
    eq(codes(talk(s, "smtpst2"))[:1], ["220"], "and one at the socket")
    for p in loops:
        p.kill()
        p.wait()
    n = len(s.log_lines(r"local socket \S+: refused"))
    ok(n < 200, "the log has %d lines about it" % n)


def order(s):
    """What is written before the greeting waits."""
    c = socket.socket(socket.AF_UNIX)
    c.connect(s.dir + "/submit")
    c.sendall(b"EHLO here\r\nNOOP\r\nQUIT\r\n")
    got = b""
    while True:
        piece = c.recv(4096)
        if not piece:
            break
        got += piece
    lines = got.decode().splitlines()
    ok(lines[0][:3] == "220" and lines[-1][:3] == "221",
       "greeting first, goodbye last")
    for i in range(50):
        c = socket.socket(socket.AF_UNIX)
        c.connect(s.dir + "/submit")
        c.close()
    ok(talk(s, "smtpst1")[0][:3] == "220", "fifty that hang up at once")


def listed(s):
    by = {l["address"]: l for l in s.show("listeners")}
    l = by.get((s.dir + "/submit")[:63], {})
    eq((l.get("kind"), l.get("port"), l.get("tls")), ("socket", 0, 0),
       "show listeners has it")


def places(s):
    """What stands at the path, and a reload."""
    path = s.dir + "/submit"
    eq(os.stat(path).st_mode & 0o7777, 0o666, "mode 0666")
    inode = os.stat(path).st_ino
    eq(s.ctl("reload").returncode, 0, "reload")
    eq(os.stat(path).st_ino, inode, "keeps the socket")
    ok(talk(s, "smtpst1")[0][:3] == "220", "which still answers")
    text = open(s.conf_path).read()
    s.write("smtpsd.conf", text.replace('"%s/mapped"' % s.dir,
                                        '"%s/other"' % s.dir))
    eq(s.ctl("reload").returncode, 0, "reload with another path")
    ok(until(lambda: not os.path.exists(s.dir + "/mapped")),
       "the old name is gone")
    ok(talk(s, "smtpst1", where="other")[0][:3] == "220", "the new one works")


with Server(listen="", start=False) as s:
    s.write("smtpsd.conf", DEFAULT_CONF.format(**dict(
        s.parts, listen=LISTEN.format(dir=s.dir), rules=RULES)))
    s.start()
    nets = s.children("net")
    identity(s)
    mapped(s)
    crowd(s)
    flood(s)
    order(s)
    listed(s)
    places(s)
    eq(s.children("net"), nets, "net is the same")
    path = s.dir + "/submit"
ok(not os.path.exists(path), "a stop removes the name")

# A stranger's file or an open directory is no place for it.
with Server(listen="", start=False) as s:
    open(s.log_path, "w").close()
    for name, make in (("file", lambda p: open(p, "w").close()),
                       ("directory", os.mkdir),
                       ("link", lambda p: os.symlink("/etc/passwd", p))):
        p = s.dir + "/" + name
        make(p)
        s.write("smtpsd.conf", DEFAULT_CONF.format(**dict(
            s.parts, listen='listen on socket "%s"' % p,
            rules='match from auth for any action "out"')))
        os.unlink(s.log_path)
        try:
            s.start()
            ok(False, "a %s is in the way" % name)
        except RuntimeError:
            ok(os.path.lexists(p) and "in the way" in s.log(),
               "a %s is in the way" % name)
        s.process = None
    os.mkdir(s.dir + "/open")
    os.chmod(s.dir + "/open", 0o777)
    s.write("smtpsd.conf", DEFAULT_CONF.format(**dict(
        s.parts, listen='listen on socket "%s/open/submit"' % s.dir,
        rules='match from auth for any action "out"')))
    os.unlink(s.log_path)
    try:
        s.start()
        ok(False, "a directory open to all")
    except RuntimeError:
        ok("writable" in s.log(), "a directory open to all")
    s.process = None

done()
