"""Attack 44: a next hop that lies, floods, dribbles and goes away.

Numbers are those of the table in README.  What cases/43-hostile-hop.py has is
not said again here.  Every hop has its own port, so that all of them are bad
at the same time; a message to one that is good flows meanwhile.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import struct

from nexthop import NextHop

ME = "smtpst1@example.org"
FIRST = 10100
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o755)
CERT, KEY = make_cert(tmp, "next.example.net")
TLS = {"cert": CERT, "key": KEY, "starttls": True}


def reset(session):
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
    raise EOFError


def huge_line(code):
    def go(session):
        piece = b"x" * 65536
        session.sock.settimeout(20)
        session.sock.sendall(b"%d " % code)
        for i in range(160):
            session.sock.sendall(piece)
        session.sock.sendall(b"\r\n")
    return go


def dribble(session):
    """A reply in bytes: slow, but right.  True: it stands for the usual."""
    for c in b"250 2.1.0 ok\r\n":
        session.sock.sendall(bytes([c]))
        time.sleep(0.05)
    session.sender = session.sender or ME
    return True


def dribble_no_end(session):
    session.sock.settimeout(20)
    while True:
        session.sock.sendall(b"2")
        time.sleep(0.02)


def alert(session):
    """A fatal TLS alert where a handshake is awaited."""
    session.say("220 go")
    session.sock.sendall(b"\x15\x03\x03\0\2\2\x28")
    raise EOFError


def forged_hello(session):
    session.say("220 go")
    session.sock.sendall(b"\x16\x03\x03\x40\0" + b"\2" * 16384)
    raise EOFError


def no_cert(session):
    session.say("220 go")
    reset(session)


def in_advance(session):
    """All the replies of a transaction behind the one to EHLO."""
    session.say("250-next\r\n250-PIPELINING\r\n250 8BITMIME\r\n250 2.1.0 ok"
                "\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 taken")


BAD = [(n + " at " + s, s, w) for s in ("connect", "ehlo", "mail", "rcpt",
                                         "data", "data-end")
       for n, w in (("closed", "close"), ("a reset", reset))]
BAD += [("code %s at %s" % (c, s), s, ("%s what" % c).encode() + b"\r\n")
        for s in ("connect", "mail", "rcpt", "data", "data-end")
        for c in ("000", "099", "600", "25", "2500", "-250", "2 50", "\xb2")]
BAD += [("10 MB at " + s, s, huge_line(c)) for s, c in
        (("connect", 220), ("ehlo", 250), ("rcpt", 250), ("data-end", 250))]
BAD += [
    ("bytes without an end", "mail", dribble_no_end),
    ("250 before the data", "data", b"250 2.0.0 taken\r\n"),
    ("all in advance", "ehlo", in_advance),
    ("NUL in a good reply", "data-end", b"250 2.0.0 \0taken\r\n"),
    ("LF alone in a good reply", "rcpt", b"250-x\n550 y\n"),
    ("a 1xx", "mail", b"150 wait\r\n"), ("a 334", "rcpt", b"334 \r\n"),
]
DOWNGRADE = [
    ("not offered", {"words": ()}, None, None),
    ("454", TLS, "starttls", 454), ("501", TLS, "starttls", 501),
    ("a 250", TLS, "starttls", b"250 go\r\n"),
    ("an alert", TLS, "starttls", alert),
    ("a forged hello", TLS, "starttls", forged_hello),
    ("a reset", TLS, "starttls", no_cert),
    ("a 220 of lines with more", TLS, "starttls",
     b"220-go\r\n220 go\r\n250 next\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
    ("another name of it", {"words": ("XSTARTTLS", "STARTTLS2",
                                      "starttls\0")}, None, None),
]


def conf(n, m):
    act = ['action "a%d" relay host smtp://127.0.0.1:%d\n' % (i, FIRST + i)
           for i in range(n)]
    act += ['action "a%d" relay host smtp+tls://127.0.0.1:%d ca "%s"\n' % (
        i, FIRST + i, CERT) for i in range(n, n + m)]
    act.append('action "good" relay host smtp://127.0.0.1:%d\n' % HOP_PORT)
    rules = ['match from auth for domain h%d.example action "a%d"\n' % (i, i)
             for i in range(n + m)]
    rules.append('match from auth for any action "good"\n')
    return dict(actions="".join(act), rules="".join(rules),
                retry="1s to 4s")


def relay_memory(s):
    return sum(int(re.search(r"^RssAnon:\s+(\d+)", open(
        "/proc/%d/status" % p).read(), re.M).group(1))
        for p in s.children("relay"))


def waiting(s):
    """{domain: last error}"""
    return {q["recipient"].split("@")[1]: q["error"]
            for q in s.show("queue") if q["error"]}


hops = []
for name, stage, what in BAD:
    hop = NextHop(port=FIRST + len(hops))
    hop.fail(stage, what)
    hops.append(hop)
for name, kw, stage, what in DOWNGRADE:
    hop = NextHop(port=FIRST + len(hops), **kw)
    if stage:
        hop.fail(stage, what)
    hops.append(hop)
names = [b[0] for b in BAD] + ["required TLS, " + d[0] for d in DOWNGRADE]
good = NextHop(port=HOP_PORT)
with Server(**conf(len(BAD), len(DOWNGRADE))) as s:
    before = relay_memory(s)
    with s.client() as c:
        for i in range(len(names)):
            c.sendmail(ME, ["a@h%d.example" % i], message("to %d" % i))
            if i % 10 == 0:
                c.sendmail(ME, ["a@good.example"], message())
    ok(good.wait((len(names) + 9) // 10, 20),
       "attack 44: mail to others flows")
    slow = {"h%d.example" % i for i, n in enumerate(names) if "an end" in n}
    until(lambda: len(set(waiting(s)) | slow) >= len(names), 30)
    got = waiting(s)
    for i, name in enumerate(names):
        domain = "h%d.example" % i
        ok(domain in got or domain in slow, "attack 44: %s: put off" % name)
        eq(len(hops[i].messages), 0, "attack 44: %s: nothing is taken" % name)
    ok("reply before its command" in
       got["h%d.example" % names.index("all in advance")],
       "attack 44: what is said in advance is not heard")
    eq([e for e in got.values() if len(e) > 600 or
        not all(" " <= c <= "~" for c in e)], [],
       "attack 44: what they say is short and printable")
    for i in range(len(BAD), len(names)):
        eq([l for _, l in hops[i].commands if not re.match(
            "(EHLO|HELO|STARTTLS|QUIT|RSET)\\b", l)], [],
           "attack 44: %s: no word in the clear" % names[i])
    after = relay_memory(s)
    ok(after - before < 32 << 10, "attack 44: memory is bounded: %d, %d KiB" %
       (before, after))
    ok(not re.search(rb"(?m)^\d\d\d what|\x00", s.log().encode()),
       "attack 44: no line of theirs in the log")
    for i, hop in enumerate(hops):
        hop.ok()
        if i >= len(BAD):
            hop.context = hop.context or ssl.SSLContext(
                ssl.PROTOCOL_TLS_SERVER)
            hop.context.load_cert_chain(CERT, KEY)
            hop.starttls, hop.words = True, []
        hop.drop()
    s.ctl("schedule", "all")
    ok(until(lambda: all(h.messages for h in hops), 40),
       "attack 44: all arrives when they behave")
    diag([names[i] for i, h in enumerate(hops) if not h.messages])
    ok(s.wait_queue(0), "attack 44: and is gone")
    eq([names[i] for i, h in enumerate(hops) if len(h.messages) != 1], [],
       "attack 44: once each")
    ok(all(m.tls for h in hops[len(BAD):] for m in h.messages),
       "attack 44: where TLS is required, over TLS")
    good.fail("mail", dribble)
    s.send("b@good.example", subject="slow")
    ok(until(lambda: any(b"slow" in m.data for m in good.messages)),
       "attack 44: a reply in single bytes is a reply")
for hop in hops + [good]:
    hop.stop()
shutil.rmtree(tmp)
done()
