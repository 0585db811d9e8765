"""Attacks in AUTH: names, base64, mechanisms, oracles, log lines.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64
import statistics

GOOD = PASSWORD % "smtpst1"
SAMPLES = 500                   # of each kind in attack 23
ROUNDS = 4
KINDS = ["known", "unknown", "qualified"]


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.b64encode(data).decode()


class From(Plain):
    """A TLS client with an address of its own, which has its own wait."""
    count = 0

    def __init__(self, s):
        From.count += 1
        super().__init__(s, PORT, greet=False, source="127.%d.%d.%d" % (
            9 + From.count // 60000, From.count // 250 % 250,
            1 + From.count % 250))
        self.tls()
        self.reply()
        self.ask("EHLO client.example.com")


def names(s):
    """Control characters never get past the name check."""
    for name in ["bob\nregister", "bob\rregister", "bob\x1b[2J", "bob\x7f",
                 "bob\tx", "bob\x01", "\n", "smtpst1\n", "smtpst1\r\n"]:
        with From(s) as r:
            got = r.ask("AUTH PLAIN " + b64("\0%s\0x" % name))
            ok(got[:9] in ("535 5.7.8", "501 5.5.2"),
               "attack 7: PLAIN as %r: %s" % (name, got))
            eq(r.ask("NOOP")[:3], "250", "attack 7: one reply")
        with From(s) as r:
            r.ask("AUTH LOGIN")
            got = r.ask(b64(name))
            if got[:3] == "334":
                got = r.ask(b64("x"))
            ok(got[:9] in ("535 5.7.8", "501 5.5.2"),
               "attack 7: LOGIN as %r: %s" % (name, got))
    for name in ["*)(uid=*", "a'--", "a\" OR 1=1", "../../etc/passwd", "%s%n",
                 "$(id)", ":", "smtpst1:x", "#", "x" * 300,
                 "smtpst1 mechanism=x", "caf\xe9", "\ufffd"]:
        with From(s) as r:
            got = r.ask("AUTH PLAIN " + b64("\0%s\0x" % name))
            ok(got[:9] in ("535 5.7.8", "501 5.5.2"),
               "attack 7: PLAIN as %r: %s" % (name[:20], got))
    lines = [l for l in s.log().splitlines() if "auth-failed" in l]
    ok(len(lines) >= 9, "attack 7: %d failures are in the log" % len(lines))
    bad = [l for l in lines if not FAILED.search(l)]
    eq(bad[:3], [], "attack 24: each is one line with five keys")
    ok(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", s.log()),
       "attack 24: no control character is in the log")


FAILED = re.compile(r"event=auth-failed address=[0-9a-fA-F.:]+ user=\S* "
                    r"mechanism=\S+ reason=[a-z0-9-]+$")


def encodings(s):
    whole = b64("\0smtpst1\0wrong-one")
    for n in range(1, 40):
        text = ("QUJD" * 12)[:n]
        if n % 4 == 0:
            continue
        with From(s) as r:
            eq(r.ask("AUTH PLAIN " + text)[:9], "501 5.5.2",
               "attack 11: base64 of length %d" % n)
            eq(r.ask("NOOP")[:3], "250", "attack 11: and on it goes")
    for name, text in [("no padding", b64("\0ab\0c").rstrip("=") or "QQ"),
                       ("inner =", whole[:4] + "=" + whole[5:]),
                       ("inner ==", whole[:8] + "==" + whole[10:]),
                       ("= at the start", "=" + whole[1:]),
                       ("===", "A==="), ("====", "===="),
                       ("five =", whole + "===="),
                       ("blank", whole[:8] + " " + whole[9:]),
                       ("tab", whole[:8] + "\t" + whole[9:]),
                       ("dash", whole[:8] + "-" + whole[9:]),
                       ("lost bits", "QUJDRB=="), ("NUL byte", None),
                       ("8 bit", whole[:8] + "\xe9" + whole[9:])]:
        if text is None:
            continue
        with From(s) as r:
            eq(r.ask("AUTH PLAIN " + text)[:9], "501 5.5.2",
               "attack 11: " + name)
            eq(r.ask("AUTH LOGIN")[:3], "334", "attack 11: LOGIN")
            got = r.ask(text)
            eq(got[:9], "501 5.5.2", "attack 11: " + name + " in LOGIN")
    for size in [12286, 12288, 12289, 65536]:
        with From(s) as r:
            r.ask("AUTH PLAIN")
            r.send("A" * size + "\r\n")
            got = r.reply()
            ok(got[:3] in ("500", "501", "535"),
               "attack 11: a response of %d bytes: %s" % (size, got[:40]))
            while got and not got.startswith("250"):
                got = r.ask("NOOP")
            eq(got[:9], "250 2.0.0", "attack 11: the session goes on")
    for size in [0, 1, 63, 64, 255, 256, 511, 512, 513, 1000]:
        with From(s) as r:
            got = r.ask("AUTH PLAIN " +
                        b64("\0" + "u" * size + "\0" + "p" * size))
            ok(got[:3] in ("500", "501", "535"),
               "attack 11: user and password of %d: %s" % (size, got[:30]))


def mechanisms(s):
    for name in ["NTLM", "SPA", "GSSAPI", "CRAM-MD5", "DIGEST-MD5",
                 "ANONYMOUS", "EXTERNAL", "PLAINX", "PLAI", "A" * 60,
                 "SCRAM-SHA-1"]:
        with From(s) as r:
            ehlo = r.ask("EHLO x")
            ok(not re.search(r"AUTH.* %s\b" % name, ehlo),
               "attack 12: %s is not offered" % name[:12])
            for response in ["", " =", " QQ==", " " + b64("abc"),
                             " TlRMTVNTUAABAAAAB4IIAA==",
                             " " + "A" * 1000]:
                got = r.ask("AUTH " + name + response)
                ok(got[:9] in ("504 5.5.4", "501 5.5.4"),
                   "attack 12: AUTH %s%s: %s" % (name[:12], response[:8],
                                                 got))
                if got[:3] not in ("504", "501"):
                    break
    with From(s) as r:
        r.send("AUTH EXTERNAL " + "A" * 70000 + "\r\n")
        eq(r.reply()[:9], "500 5.5.2", "attack 12: EXTERNAL of 70000 bytes")
        eq(r.ask("NOOP")[:3], "250", "attack 12: and on it goes")


def probe(s, samples, replies, times):
    """Known, unknown, and the address of a known user."""
    for i in range(samples):
        for k in KINDS:
            user = {"known": USERS[i % 3], "unknown": "nobody%03d" % i,
                    "qualified": USERS[i % 3] + "@example.org"}[k]
            with From(s) as r:
                start = time.monotonic()
                got = r.ask("AUTH PLAIN " + b64("\0%s\0wrong%d" % (user, i)))
                times[k].append(time.monotonic() - start)
                # All but the id of the refusal, another each time.
                replies[k].add(re.sub(r" \([0-9a-f.]+\)$", "", got))


def oracle():
    """In rounds, for a net process may only fail so often in a row."""
    replies = {k: set() for k in KINDS}
    times = {k: [] for k in KINDS}
    for i in range(ROUNDS):
        with Server(start=False) as s:
            s.write("users", "".join("%s:%s\n" % (u, hash_password(
                PASSWORD % u, b"$2b$06$CCCCCCCCCCCCCCCCCCCCC."))
                for u in USERS), 0o600)
            s.start()
            probe(s, SAMPLES // ROUNDS, replies, times)
    eq([replies[k] for k in KINDS], [{"535 5.7.8 Authentication credentials "
                                      "invalid"}] * 3,
       "attack 23: same bytes for each of %d" % SAMPLES)
    m = {k: statistics.median(times[k]) for k in KINDS}
    # Noise: what the median of one kind differs between its two halves.
    noise = max(abs(statistics.median(times[k][::2]) -
                    statistics.median(times[k][1::2])) for k in KINDS)
    worst = max(m.values()) - min(m.values())
    ok(worst < 4 * noise + 0.05 * min(m.values()) + 0.0003,
       "attack 23: medians %s ms, noise %.2f ms" %
       (" ".join("%.2f" % (m[k] * 1000) for k in KINDS), noise * 1000))


with Server() as s:
    pids = s.children()
    with From(s) as r:
        ok(r.ask("AUTH PLAIN " + b64("\0smtpst1\0" + GOOD))[:3] == "235",
           "the right password gets in")
    names(s)
    encodings(s)
    mechanisms(s)
    with From(s) as r:
        ok(r.ask("AUTH PLAIN " + b64("\0smtpst1\0" + GOOD))[:3] == "235",
           "and still does")
    eq(s.children(), pids, "attack 11: the same processes as before")
oracle()
done()
