"""A queue that was taken over: it has all mail, but it starts nothing as
root or that the configuration does not name, no more than it may, and what it
says of messages and users hurts none of the others.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

from nexthop import NextHop

SAYS = {"net": ["QUEUE_NET_DONE"], "policy": ["QUEUE_POLICY_USAGE"],
        "relay": ["QUEUE_AGENT_OPEN", "QUEUE_AGENT_RCPT", "QUEUE_AGENT_BODY",
                  "QUEUE_AGENT_CANCEL"],
        "control": ["QUEUE_CONTROL_ITEM", "QUEUE_CONTROL_BODY",
                    "QUEUE_CONTROL_LOGIN", "ANY_CONTROL_STAT",
                    "ANY_CONTROL_DONE"],
        "parent": ["QUEUE_PARENT_DELIVER_KILL", "QUEUE_PARENT_DELIVER",
                   "ANY_PARENT_BROKE"]}
ME = "smtpst1@example.org"
hop = NextHop(port=HOP_PORT)


def wants(n, action="local", user="smtpst2"):
    return struct.pack("=Q", n) + text(action, NAME) + text(user, NAME)


def open_(delivery, size=0, nrcpt=1, action="out", sender=ME, flags=0):
    return struct.pack("=QQQII", delivery, 1, size, nrcpt, flags) + \
        text(action, NAME) + text(sender, MAILADDR)


def rcpt(delivery, n=0, to="x@far.example"):
    return struct.pack("=QII", delivery, n, 0) + text(to, MAILADDR) + \
        text(to, MAILADDR)


def body(delivery, data):
    return struct.pack("=Q", delivery) + data


def delivers(c):
    """Processes for whom and what there is, and not too many."""
    for i, (action, user) in enumerate([
            ("local", "root"), ("local", "_smtpsq"), ("local", "_smtpsd"),
            ("local", "../../root"), ("local", "-"), ("local", ""),
            ("local", "no-such-user"), ("out", "smtpst2"), ("evil", "smtpst2"),
            ("/bin/sh", "smtpst2"), ("|/usr/bin/id", "smtpst2"), ("", "")]):
        c.message("parent", "QUEUE_PARENT_DELIVER", wants(100 + i, action,
                                                          user))
        got = c.heard("parent", "PARENT_QUEUE_DELIVER_FAILED")
        ok(got and unpack("Q", got)[0] == 100 + i,
           "no process for action %r, user %r" % (action, user))
    eq(c.s.children("deliver"), [], "none runs")
    for i in range(400):
        c.message("parent", "QUEUE_PARENT_DELIVER", wants(1000 + i,
                                                          user=USERS[i % 3]))
    c.e.ask("up parent 1000")
    found = c.s.children("deliver")
    ok(0 < len(found) <= 64, "of 400 asked for at once %d run" % len(found))
    owners = {os.stat("/proc/%d" % p).st_uid for p in found
              if process_state(p) not in ("", "Z")}
    ok(owners <= {pwd.getpwnam(u).pw_uid for u in USERS} | {0},
       "as those users: %s" % owners)
    for i in range(100):
        c.message("parent", "QUEUE_PARENT_DELIVER_KILL", struct.pack(
            "=II", i, 0))
    c.peers_live("processes that are not its own")
    c.exit()
    ok(until(lambda: not c.s.children("deliver"), 20),
       "they end with their queue")
    for i in range(100):
        c.e.ask("forget")
        c.message("parent", "QUEUE_PARENT_DELIVER", wants(7))
        c.message("parent", "QUEUE_PARENT_DELIVER", wants(7))
        # Refused while the last ones are not buried; it may take its time.
        if c.heard("parent", "PARENT_QUEUE_DELIVER_FAILED", 100) is None and \
                c.e.is_killed(2):
            break
        time.sleep(0.02)
    c.cut("parent", "the same id twice", "deliver id twice")
    c.peers_live("delivers")


def relays(c):
    """Deliveries that are none, and lines that would be commands."""
    bad = [("a sender with lines", dict(sender="a@b>\r\nRCPT TO:<evil@b"), {}),
           ("a recipient with lines", {}, dict(to="a@b>\r\nMAIL FROM:<evil")),
           ("a NUL and more", dict(sender=b"a\0evil"), {}),
           ("an action that is not there", dict(action="evil"), {}),
           ("a local action", dict(action="local"), {}),
           ("no recipient", dict(nrcpt=0), {}),
           ("2^32 - 1 recipients", dict(nrcpt=2 ** 32 - 1), {}),
           ("a recipient out of order", dict(nrcpt=2), dict(n=1)),
           ("2^64 - 1 bytes", dict(size=2 ** 64 - 1), {})]
    for i, (name, o, r) in enumerate(bad):
        data = b"Subject: %d\r\n\r\nx\r\n" % i
        o.setdefault("size", len(data))
        c.message("relay", "QUEUE_AGENT_OPEN", open_(i + 1, **o))
        c.message("relay", "QUEUE_AGENT_RCPT", rcpt(i + 1, **r))
        c.message("relay", "QUEUE_AGENT_BODY", body(i + 1, data))
        time.sleep(0.1)
        c.cut_if_down("relay", name)
    said = "\n".join(str(x) for x in hop.commands)
    ok("<evil" not in said, "no line of its own reaches a next hop")
    # A dot, a bare line end: the body is sent as it is meant.
    data = b"Subject: x\r\n\r\nend\n.\r\nMAIL FROM:<evil@b>\r\n"
    n = len(hop.messages)
    c.message("relay", "QUEUE_AGENT_OPEN", open_(99, size=len(data)))
    c.message("relay", "QUEUE_AGENT_RCPT", rcpt(99))
    c.message("relay", "QUEUE_AGENT_BODY", body(99, data))
    until(lambda: len(hop.messages) > n, 3)
    said = "\n".join(str(x) for x in hop.commands)
    ok("<evil" not in said, "nor one out of a body")
    for name, type_, data in [
            ("a body without a delivery", "QUEUE_AGENT_BODY", body(500, b"x")),
            ("a recipient without one", "QUEUE_AGENT_RCPT", rcpt(501)),
            ("CANCEL of nothing", "QUEUE_AGENT_CANCEL",
             struct.pack("=Q", 502))]:
        c.message("relay", type_, data)
        c.cut_if_down("relay", name)
    for i in range(2000):
        c.message("relay", "QUEUE_AGENT_OPEN", open_(10000 + i, size=10))
    c.exit()
    c.peers_live("deliveries")


def sessions(c):
    """Answers to no message; users' numbers."""
    net = c.id_of("net")
    with c.s.session("smtpst2") as r:
        ident = int(c.s.wait_log(r"event=login session=(\w{16}) \S+ user="
                                 r"smtpst2").group(1), 16)
        for tx in range(20):
            for reply in (0, 5, 9, 77, 2 ** 32 - 1):
                c.message("net", "QUEUE_NET_DONE", struct.pack(
                    "=QQII", ident, 1, tx, reply))
                c.message("net", "QUEUE_NET_DONE", struct.pack(
                    "=QQII", net << 32 | tx + 1000, 1, tx, reply))
        eq(r.ask("NOOP")[:3], "250", "a session goes on")
        eq(r.ask("MAIL FROM:<smtpst2@example.org>")[:3], "250", "with mail")
    for i in range(5000):
        c.message("policy", "QUEUE_POLICY_USAGE", (b"\xff" if i % 2 else
                                                   b"\x7f") * 48 +
                  text("u%d" % i, LOGIN))
    for user in USERS + ["'; DROP TABLE usage; --", "\x01\n"]:
        c.message("policy", "QUEUE_POLICY_USAGE", struct.pack("=Q", 2 ** 64 - 1)
                  + b"\xff" * 40 + text(user, LOGIN))
    c.up("policy", "numbers of users")
    with c.s.session("smtpst2") as r:
        eq(r.ask("MAIL FROM:<smtpst2@example.org>")[:3], "250",
           "numbers of the future lock nobody out")
    c.peers_live("sessions")


def controls(c):
    """Answers that nobody waits for, and without end."""
    for n in list(range(50)) + [2 ** 64 - 1]:
        c.message("control", "QUEUE_CONTROL_ITEM", struct.pack("=Q", n))
        c.message("control", "ANY_CONTROL_DONE", struct.pack("=Q", n))
    c.up("control", "answers that nobody waits for")
    ctl = subprocess.Popen([c.s.prefix + "/sbin/smtpsctl", "-s",
                            c.s.dir + "/smtpsd.sock", "show", "queue"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    asked = c.heard("control", "CONTROL_QUEUE_LIST")
    n, = unpack("Q", asked)
    item = struct.pack("=QQQQQII", n, 1, 1, 1, 1, 1, 1) + \
        text("\x1b[2Jlocal\nroot", NAME) + text("a\r\x1b]0;x\x07@b", MAILADDR) + \
        text("b", MAILADDR) + text("\x9b31m\x1b[0m", TEXT)
    c.message("control", "QUEUE_CONTROL_ITEM", item)
    c.message("control", "ANY_CONTROL_DONE", struct.pack("=Q", n))
    shown = ctl.communicate(timeout=30)[0]
    ok(b"\x1b" not in shown and b"\r" not in shown,
       "no control character reaches a terminal")
    ctl = subprocess.Popen([c.s.prefix + "/sbin/smtpsctl", "-s",
                            c.s.dir + "/smtpsd.sock", "show", "queue", "all"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for page in range(3):           # of the same envelope
        asked = c.heard("control", "CONTROL_QUEUE_LIST")
        if asked is None:
            break
        n, = unpack("Q", asked)
        for i in range(500):
            c.message("control", "QUEUE_CONTROL_ITEM",
                      struct.pack("=Q", n) + item[8:])
        c.message("control", "ANY_CONTROL_DONE", struct.pack("=Q", n))
    said = until(lambda: ctl.poll() is not None, 10) and ctl.stderr.read()
    ctl.kill()
    ctl.wait()
    ok(said and b"no end" in said, "pages that do not go on are no answer")
    c.peers_live("answers")


def accusations(c):
    """Of whom it has no link with.  The others: 80-hostile-net-accuse.py."""
    for name in ("auth", "resolver"):
        c.message("parent", "ANY_PARENT_BROKE",
                  struct.pack("=I", c.id_of(name)))
    time.sleep(0.2)
    c.peers_live("accusations")


main("queue", 0, SAYS, [delivers, relays, sessions, controls, accusations,
                        malformed, fuzz], memory={"relay": 80})
