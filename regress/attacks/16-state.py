"""Attacks on what is kept: keys with SQL in them, a state that is damaged.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import random
import sqlite3

ME = "smtpst1@example.org"
USERS_OF = ["a'--", "a';drop table message;--", 'a"b', "a\\", "a;b", "%00",
            "x'||(select 1)||'", "a' or '1'='1"]


def keys(s):
    """As users, senders and recipients: refused or kept, never run."""
    import base64
    for user in USERS_OF:
        with s.raw() as r:
            r.ask("EHLO x")
            word = base64.b64encode(("\0%s\0x" % user).encode()).decode()
            got = r.ask("AUTH PLAIN " + word)
            ok(got[:3] in ("535", "454"), "attack 16: user %r: %s" %
               (user, got[:9]))
        with s.session() as r:
            for path in ["%s@example.org" % user, '"%s"@example.org' %
                         user.replace("\\", "\\\\").replace('"', '\\"')]:
                got = r.ask("MAIL FROM:<%s>" % path)
                ok(got[:3] in ("501", "553"), "attack 16: from %s: %s" %
                   (path, got[:9]))
    with s.session() as r:
        r.ask("MAIL FROM:<%s>" % ME)
        n = 0
        for user in USERS_OF:
            path = '"%s"@far.example' % user.replace("\\", "\\\\").replace(
                '"', '\\"')
            n += r.ask("RCPT TO:<%s>" % path)[:3] == "250"
        eq(n, len(USERS_OF), "attack 16: they are recipients to the letter")
        r.ask("RCPT TO:<smtpst1+';drop@example.org>")
        r.ask("DATA")
        r.send("From: <%s>\r\n\r\nx\r\n.\r\n" % ME)
        eq(r.reply()[:3], "250", "attack 16: accepted")
    for who in USERS_OF + ["1 or 1=1", "*", "%"]:
        for what in ["remove", "hold", "schedule"]:
            p = s.ctl(what, who)
            if p.returncode < 0:
                ok(False, "attack 16: smtpsctl %s %r" % (what, who))
    got = s.show("queue")
    ok(len(got) >= n, "attack 16: %d envelopes wait, none was removed" %
       len(got))
    eq(s.ctl("remove", "all").returncode, 0, "attack 16: remove all")


def databases(s):
    return [p for p in glob.glob(s.dir + "/spool/**", recursive=True)
            if os.path.isfile(p)]


def damaged(s):
    """Any state but that of the queue is given up when it is unusable; a
    damaged queue stops the start: nobody may lose mail unseen."""
    random.seed(16)
    for path in databases(s):
        name = os.path.basename(path)
        if name.endswith(("-wal", "-shm")) or "lock" in name:
            continue
        with open(path, "rb") as f:
            whole = f.read()
        for kind in ["empty", "garbage", "flipped", "cut"]:
            data = bytearray(whole)
            if kind == "empty":
                data = b""
            elif kind == "garbage":
                data = random.randbytes(8192)
            elif kind == "flipped":
                for i in range(200):
                    data[random.randrange(len(data))] ^= 0xff
            else:
                data = data[:len(data) // 2]
            with open(path, "r+b") as f:
                f.truncate(0)
                f.write(data)
            status = None
            try:
                s.start()
            except RuntimeError:
                status = s.process.poll()
                s.process = None
            if status is None:
                with s.session() as r:
                    got = r.ask("MAIL FROM:<%s>" % ME)
                    ok(got[:3] in ("250", "451", "452"),
                       "attack 16: %s %s: it starts, %s" % (name, kind,
                                                            got[:9]))
                s.stop()
            else:
                ok(status > 0, "attack 16: %s %s: it refuses, status %s" %
                   (name, kind, status))
            for extra in ["-wal", "-shm"]:
                if os.path.exists(path + extra):
                    os.unlink(path + extra)
            with open(path, "r+b") as f:
                f.truncate(0)
                f.write(whole)


with Server(actions='action "local" maildir "~/Maildir" alias <aliases>\n'
            'action "out" relay host smtp://127.0.0.1:1\n',
            retry="1h to 2h", expect_deaths=True) as s:
    keys(s)
    eq(s.stop(), 0, "it stops")
    damaged(s)
    s.start()
done()
