"""Attacks 4 and 40: a content filter that dies, clients that go away.

Numbers are those of the table in README.  Mail goes to a filter by relay and
comes back on a listener of its own; there is no filter before the queue, so
no client waits for one.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import struct

from nexthop import NextHop

ME = "smtpst1@example.org"
BACK = 10026
FILTER = 10100


def reset(sock):
    """As a process that was killed: what it had not read is an RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    raise EOFError


def inject(session):
    with smtplib.SMTP("127.0.0.1", BACK, "filter.example.org", 30) as c:
        c.sendmail(session.sender, session.recipients,
                   b"X-Scanned: yes\r\n" + session.last)


def in_the_body(session):
    session.say("354 go")
    session.file.readline()
    reset(session.sock)


def after_injection(session):
    inject(session)
    reset(session.sock)


def half_a_reply(session):
    session.sock.sendall(b"250 2.0")
    reset(session.sock)


def half_of_many(session):
    session.sock.sendall(b"250-2.0.0 taken\r\n")
    reset(session.sock)


def killed(session):
    reset(session.sock)


PHASES = [
    ("after connect", "connect", killed), ("at EHLO", "ehlo", killed),
    ("at MAIL", "mail", killed), ("at RCPT", "rcpt", killed),
    ("at DATA", "data", killed), ("in the body", "data", in_the_body),
    ("before its reply", "data-end", killed),
    ("in its reply", "data-end", half_a_reply),
    ("in a reply of lines", "data-end", half_of_many),
    ("behind its own injection", "data-end", after_injection),
    ("451 at the end", "data-end", 451), ("421 at MAIL", "mail", 421),
    ("450 to a recipient", "rcpt", 450),
    ("nonsense at the end", "data-end", b"\0\xff what\r\n"),
]


class Filter(NextHop):
    """Fails once as it is told, then works."""

    def __init__(self, i):
        super().__init__(port=FILTER + i)
        self.failed = 0
        self.domain = "p%d.example" % i
        _, stage, what = PHASES[i]

        def once(session):
            if self.failed:
                return stage == "data-end" and self.work(session)
            self.failed += 1
            if callable(what):
                return what(session)
            if isinstance(what, bytes):
                session.sock.sendall(what)
            else:
                session.say("%d 4.0.0 not now" % what)
            return True
        self.fail("data-end", self.work)
        self.fail(stage, once)

    @staticmethod
    def work(session):
        try:
            inject(session)
        except (OSError, smtplib.SMTPException) as e:
            session.say("451 4.3.0 " + type(e).__name__)
            return True
        return False


def conf():
    actions = ['action "f%d" relay host smtp://127.0.0.1:%d\n' %
               (i, FILTER + i) for i in range(len(PHASES))]
    rules = ['match from auth for domain p%d.example action "f%d"\n' % (i, i)
             for i in range(len(PHASES))]
    return dict(
        listen="listen on 127.0.0.1 smtps port %d auth <users> senders "
        "<senders>\nlisten on 127.0.0.1 smtp port %d tag filtered" %
        (PORT, BACK),
        actions="".join(actions) +
        'action "out" relay host smtp://127.0.0.1:%d\n' % HOP_PORT,
        rules='match tag filtered from local for any action "out"\n' +
        "".join(rules), retry="1s to 2s")


def memory(s):
    """KiB of what the processes have for themselves."""
    total = 0
    for name in ("net", "policy", "queue", "relay", "auth"):
        for pid in s.children(name):
            with open("/proc/%d/status" % pid) as f:
                total += int(re.search(r"^RssAnon:\s+(\d+)", f.read(),
                                       re.M).group(1))
    return total


def phases(s, far):
    filters = [Filter(i) for i in range(len(PHASES))]
    body = "line of a body\r\n" * 20000
    with s.client() as c:
        for f in filters:
            c.sendmail(ME, ["a@" + f.domain], message(f.domain, body))
    until(lambda: all(f.failed for f in filters), 15)
    for i, (name, _, _) in enumerate(PHASES):
        ok(filters[i].failed, "attack 40: a filter dies %s" % name)
    ok(until(lambda: {r for m in far.messages for r in m.recipients} ==
             {"a@" + f.domain for f in filters}, 40) and s.wait_queue(0, 30),
       "attack 40: nothing is lost")
    for i, (name, _, _) in enumerate(PHASES):
        got = [m for m in far.messages if filters[i].domain in
               m.recipients[0]]
        # Who gives a message back and then dies has said nothing about it.
        want = 2 if "injection" in name else 1
        eq(len(got), want, "attack 40: %s: it arrives" % name)
        ok(all(m.data.count(b"X-Scanned: yes") == 1 and
               m.data.count(b"line of a body") == 20000 for m in got),
           "attack 40: %s: filtered once, and whole" % name)
    time.sleep(1)
    eq(len(far.messages), len(PHASES) + 1, "attack 40: nothing goes round")
    eq(len(re.findall("result=failed", s.log())), 0,
       "attack 40: and nothing bounced")
    for f in filters:
        f.stop()


STEPS = [b"EHLO x.example", b"MAIL FROM:<%s>" % ME.encode(),
         b"RCPT TO:<a@p0.example>", b"DATA", b"Subject: x", b"", b"a body"]
ENDS = [b"RSET\r\nQUIT\r\n", b"QUIT\r\n", b"", b"MAIL FROM:<", b"."]


def abort(make, login, steps, end):
    """Goes away behind so many steps; b"": at once."""
    c = make()
    try:
        for i, line in enumerate(STEPS[:steps]):
            c.send(line + b"\r\n")
            if i < 4:
                c.reply()
            if i == 0 and login:
                c.login()
        if end:
            c.send(end)
        if end.endswith(b"QUIT\r\n") and steps < 4:
            c.reply()
        elif not end:
            try:
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
            except OSError:
                pass
    except OSError:
        pass
    c.close()


def gone(s):
    """Clients and filters that go in each phase; twice, and memory stays."""
    def a_round():
        for steps in range(len(STEPS) + 1):
            for end in ENDS:
                for k in range(4):
                    abort(lambda: Plain(s, BACK), False, steps, end)
                abort(lambda: s.raw(), True, steps, end)
        until(lambda: not s.show("sessions"))
    a_round()
    before = memory(s)
    for i in range(3):
        a_round()
    after = memory(s)
    with open("/proc/%d/maps" % s.pid) as f:
        keeps = "libasan" in f.read()       # what was freed
    ok(keeps or after - before < 4096, "attack 4: memory stays: %d, %d KiB" %
       (before, after))
    eq(s.show("sessions"), [], "attack 4: no session stays")
    def receiving():
        stats = {x["name"]: x["value"] for x in s.show("stats")}
        return (stats["queue.receiving"], stats["queue.body_bytes"])
    ok(until(lambda: receiving() == (0, 0), 5),     # told once a second
       "attack 4: no message is being received") or diag(receiving())


far = NextHop(port=HOP_PORT)
with Server(**conf()) as s:
    phases(s, far)
    n = len(far.messages)
    gone(s)
    eq((s.show("queue"), len(far.messages)), ([], n),
       "attack 4: nothing of them was queued")
    with smtplib.SMTP("127.0.0.1", BACK, "filter.example.org", 30) as c:
        c.sendmail(ME, ["z@far.example"], message())
    ok(far.wait(n + 1), "attack 4: a filter that works is served")
done()
