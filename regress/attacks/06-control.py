"""Attacks on the control socket: garbage, floods, slow readers, rights.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import random

from ctlraw import *

ONE, TWO = pwd.getpwnam("smtpst1"), pwd.getpwnam("smtpst2")
ROOT = {}
STRANGER = {"uid": ONE.pw_uid, "gid": ONE.pw_gid}
READER = {"uid": TWO.pw_uid, "gid": TWO.pw_gid}
MEMBER = {"uid": ONE.pw_uid, "gid": ONE.pw_gid, "groups": [TWO.pw_gid]}
EVERYBODY = [("root", ROOT), ("a reader", READER), ("a stranger", STRANGER)]


def fds_of(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def rss(pid):
    """KiB of the process's own memory."""
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M).group(1))


def served(s, name, who=ROOT):
    try:
        c = Ctl(s.sock, **who)
        got = verdict(c.ask(STATS))
        c.close()
    except OSError as e:
        got = str(e)
    eq(got, "ok", name)


def odd_frames():
    """(name, bytes): all end the connection that sends them."""
    r = random.Random(6)
    yield "random bytes", r.randbytes(40)
    yield "100 KB of random bytes", r.randbytes(100000)
    yield "zeros", b"\0" * 4096
    yield "ones", b"\xff" * 4096
    yield "HTTP", b"GET / HTTP/1.0\r\n\r\n"
    for n in (0, 1, 15, 16385, 65536, 0x7fffffff):
        yield "length %d" % n, frame(STATS, request(), n)
    for n in (HEADER, HEADER + 1, HEADER + 15):
        yield "length %d, too short" % n, \
            frame(STATS, request()[:n - HEADER])
    yield "a tail where there is none", frame(STATS, request(tail=b"x" * 64))
    yield "16 KB", frame(STATS, request(tail=b"x" * 16000))
    for kind in (0, 1, 0x0c05, 0x0c20, DONE, 0x0d7f, 0xffffffff):
        yield "type 0x%x" % kind, frame(kind, request())
    yield "two requests at once", frame(STATS, request()) * 2
    yield "a thousand requests at once", frame(QUEUE, request()) * 1000


def garbage(s):
    for who, ids in EVERYBODY:
        bad = []
        for name, data in odd_frames():
            c = Ctl(s.sock, **ids)
            c.send(data)
            if not c.is_closed():
                bad.append(name)
            c.close()
        eq(bad, [], "attack 6: garbage of %s ends his connection" % who)
        served(s, "attack 6: and nothing else")
    r = random.Random(66)
    for i in range(300):
        c = Ctl(s.sock, **EVERYBODY[i % 3][1])
        data = bytearray(frame(r.choice(list(REQUESTS.values())[:3]),
                               request(0, 5)))
        for k in range(r.randrange(1, 4)):
            data[r.randrange(len(data))] ^= 1 << r.randrange(8)
        c.send(bytes(data[:r.randrange(1, len(data) + 1)]))
        c.close()
    served(s, "attack 6: 300 flipped and cut requests")


def descriptors(s, control):
    before = fds_of(control)
    null = [os.open("/dev/null", os.O_RDONLY) for i in range(8)]
    ended = []
    for n in (1, 8):
        for data in (frame(STATS, request()), b"\0",
                     frame(STATS, request(), HEADER + 16 | 0x80000000)):
            c = Ctl(s.sock)
            c.send(data, null[:n])
            ended.append(c.is_closed())
            c.close()
    ok(all(ended), "attack 6: a descriptor ends the connection")
    held = []
    for i in range(14):             # a byte at a time, each with eight
        c = Ctl(s.sock, **STRANGER)
        for k in range(12):
            if not c.send(b"\0", null):
                break
        held.append(c)
    time.sleep(0.3)
    ok(fds_of(control) < before + 40, "attack 6: none pile up: %d, then %d" %
       (before, fds_of(control)))
    served(s, "attack 6: others are served meanwhile")
    for c in held:
        c.close()
    for fd in null:
        os.close(fd)
    ok(until(lambda: fds_of(control) <= before),
       "attack 6: all descriptors are closed again")


def half_open(s, control):
    before = fds_of(control)
    for who, ids in EVERYBODY:
        held = []
        for i in range(1000):
            c = Ctl(s.sock, **ids)
            c.send(b"" if i % 2 else frame(STATS, request())[:i % 30 + 1])
            held.append(c)
            if i % 250 == 249:
                served(s, "attack 6: %d half-open of %s: root is served" %
                       (i + 1, who))
                if who != "root":
                    served(s, "attack 6: and so is the group", MEMBER)
        ok(fds_of(control) < before + 80, "attack 6: bounded, %d open" %
           fds_of(control))
        for c in held:
            c.close()
        ok(until(lambda: fds_of(control) <= before),
           "attack 6: and back to where it was")


def slow_readers(s, control):
    """Twenty who ask for all and read nothing, again and again."""
    s.ctl("pause", "mta")
    for k in range(5):
        with s.session() as r:
            r.ask("MAIL FROM:<smtpst1@example.org>")
            r.send(b"".join(b"RCPT TO:<r%d.%d@far.example>\r\n" % (k, i)
                            for i in range(100)))
            for i in range(100):
                r.reply()
            r.ask("DATA")
            r.send(message().encode() + b".\r\n")
            eq(r.reply()[:3], "250", "a hundred recipients")
    before_fds, before = fds_of(control), rss(control)

    def one_round():
        held = []
        for i in range(40):
            c = Ctl(s.sock, **(READER if i % 2 else ROOT))
            for k in range(1 if i % 4 < 2 else 50):
                if not c.send(frame(QUEUE, request(0, 1000))):
                    break
            held.append(c)
        served(s, "attack 6: root is served beside slow readers")
        served(s, "attack 6: and the group", MEMBER)
        most = rss(control)
        for c in held:
            c.close()
        until(lambda: fds_of(control) <= before_fds)
        return most, rss(control)
    most, after = one_round()
    diag("control: %d KiB, %d with slow readers, %d then" % (before, most,
                                                            after))
    ok(most - before < 100 << 10, "attack 6: memory is bounded")
    for i in range(4):
        most, last = one_round()
    # Twenty answers of a round stay in malloc's hands, not those of all.
    ok(last - after < 28 << 10, "attack 6: and does not grow: %d, %d KiB" %
       (after, last))
    eq(fds_of(control), before_fds, "attack 6: descriptors return")
    c = Ctl(s.sock)
    c.send(frame(QUEUE, request(0, 500)))
    time.sleep(11)                  # longer than an idle client may stay
    got = c.answer()
    ok(len(got) == 501 and verdict(got) == "ok",
       "attack 6: who reads late gets all: %d" % len(got))
    c.close()


COMMANDS = [
    (("show", "sessions"), "reader"), (("show", "queue"), "reader"),
    (("show", "stats"), "reader"), (("show", "listeners"), "reader"),
    (("show", "limits"), "reader"),
    (("show", "message", "0000000000001"), "root"),
    (("kill", "session", "0000000100000001"), "root"),
    (("hold", "all"), "root"), (("release", "all"), "root"),
    (("schedule", "all"), "root"), (("remove", "domain", "far.example"),
                                    "root"),
    (("pause", "mta"), "root"), (("resume", "mta"), "root"),
    (("reload",), "root"), (("show", "users"), "root"),
    (("user", "check", "smtpst1"), "root"),
    (("user", "passwd", "smtpst1"), "root"),
    (("user", "add", "evil"), "root"), (("user", "del", "smtpst1"), "root"),
]


def as_user(s, user, group, *args):
    return run("setpriv", "--reuid", user, "--regid", group, "--groups",
               "smtpst2" if group == "smtpst1" and user == "smtpst3" else
               group, s.prefix + "/sbin/smtpsctl", "-s", s.sock, "-t",
               s.dir + "/users", *args, input="evil password\n")


def rights(s):
    """Each command by everybody: before root does it, nothing has changed."""
    users = open(s.dir + "/users").read()
    for args, who in COMMANDS:
        name = "attack 38: " + " ".join(args)
        for user, group, is_reader in (("smtpst1", "smtpst1", False),
                                       ("smtpst2", "smtpst2", True),
                                       ("smtpst3", "smtpst1", True)):
            p = as_user(s, user, group, *args)
            may = who == "reader" and is_reader
            if not ok((p.returncode == 0) == may, "%s by %s%s" % (
                    name, "a reader" if is_reader else "a stranger",
                    "" if may else " is refused")):
                diag(p.text)
    eq(len(s.show("queue")), 500, "attack 38: the queue is what it was")
    eq(open(s.dir + "/users").read(), users, "attack 38: and the users")
    for args, _ in COMMANDS[:5] + COMMANDS[7:14]:
        eq(s.ctl(*args).returncode, 0, "attack 38: %s by root" %
           " ".join(args))
    # Not by smtpsctl, which may be kind: each request as the wire has it.
    bad = []
    for name, kind in REQUESTS.items():
        for who, ids in EVERYBODY[1:]:
            c = Ctl(s.sock, **ids)
            got = verdict(c.ask(kind, request(tail=bytes(
                16 if name.endswith("_MESSAGE") else 0))))
            c.close()
            may = who == "a reader" and name[12:] in (
                "SESSIONS", "QUEUE", "STATS", "LISTENERS", "LIMITS")
            if got != ("ok" if may else "permission denied"):
                bad.append((name, who, got))
    eq(bad, [], "attack 38: every type of request on the wire")
    c = Ctl(s.sock, **READER)
    c.send(frame(STATS, request()))
    first = c.answer()
    c.send(frame(TYPES["CTL_CONTROL_STOP"], request()))
    eq((verdict(first), verdict(c.answer())), ("ok", "permission denied"),
       "attack 38: a reader's next request is asked again who it is")
    c.close()
    ok(s.process.poll() is None, "attack 38: nobody stopped it")


with Server(extra='control group "smtpst2"\n', retry="1h to 1h") as s:
    s.sock = s.dir + "/smtpsd.sock"
    [control] = s.children("control")
    garbage(s)
    descriptors(s, control)
    half_open(s, control)
    slow_readers(s, control)
    rights(s)
    eq(s.children("control"), [control], "control is the same process")
done()
