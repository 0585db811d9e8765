"""Attack 18 on the way out: no body ends a message or begins another one.

Numbers are those of the table in README.  Bodies of dots, line ends and
commands at random go out by relay, to a command and into a Maildir; what
arrives is what was sent, to the byte.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import random

from nexthop import NextHop

ME = "smtpst1@example.org"
N = 150
PARTS = [b".", b".", b"\r\n", b"\r\n", b"x", b".x", b" ", b"MAIL FROM:<>\r\n",
         b"\r\n.", b"RSET\r\n"]
WAYS = ["far.example", "mda.example", "example.org"]
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
out = top + "/out"
os.mkdir(out)
shutil.chown(out, "smtpst1")
with open(top + "/keep", "w") as f:
    f.write('#!/bin/sh\nexec cat >%s/$$\n' % out)
os.chmod(top + "/keep", 0o755)
seed = int(os.environ.get("SEED", time.time()))
diag("SEED=%d" % seed)
r = random.Random(seed)


def body(i):
    """Some are longer than the buffers that they go through."""
    text = b"".join(r.choice(PARTS) for k in range(r.randrange(1, 40)))
    if i % 5 == 0:
        text = (b"z" * 900 + b"\r\n") * r.randrange(15, 20) + \
            b"q" * r.randrange(900) + b"\r\n" + text
    return text + b"\r\n"


def send(c, i, to, text):
    c.mail(ME)
    c.rcpt("smtpst1@" + to)
    mail = b"From: %s\r\nSubject: n%d-\r\n\r\n%s" % (ME.encode(), i, text)
    if i % 2 == 0:
        return c.data(mail)[0]
    cut = r.randrange(len(mail))
    c.send(b"BDAT %d\r\n" % cut + mail[:cut])
    c.getreply()
    c.send(b"BDAT %d LAST\r\n" % (len(mail) - cut) + mail[cut:])
    return c.getreply()[0]


def same(got, want, name):
    """got: {number: body}, one of each."""
    eq(sorted(got), list(range(N)), "attack 18: %s: all of them" % name)
    eq([i for i in got if got[i] != want[i]], [],
       "attack 18: %s: to the byte" % name)


def split(mails, end):
    found = {}
    for m in mails:
        i = int(re.search(rb"Subject: n(\d+)-", m).group(1))
        found[i if i not in found else -1] = m.split(end * 2, 1)[1]
    return found


hop = NextHop(port=HOP_PORT)
with Server(actions='action "out" relay host smtp://127.0.0.1:%d\n'
            'action "mda" mda "%s/keep" user smtpst1\n'
            'action "local" maildir "~/Maildir"\n' % (HOP_PORT, top),
            rules='match from auth for domain mda.example action "mda"\n'
            'match from auth for domain <domains> action "local"\n'
            'match from auth for any action "out"\n') as s:
    want = {i: body(i) for i in range(N)}
    with s.client() as c:
        eq({send(c, i, to, want[i]) for i in want for to in WAYS}, {250},
           "attack 18: %d bodies" % N)
    ok(s.wait_queue(0, 40), "attack 18: are delivered")
    lf = {i: t.replace(b"\r\n", b"\n") for i, t in want.items()}
    same(split([m.data for m in hop.messages], b"\r\n"), want, "relay")
    eq({l.split(" ")[0] for _, l in hop.commands} -
       {"EHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"}, set(),
       "attack 18: and nothing else was a command")
    same(split(s.mails(), b"\n"), lf, "Maildir")
    same(split([open(out + "/" + n, "rb").read() for n in os.listdir(out)],
               b"\n"), lf, "a command")
shutil.rmtree(top)
done()
