"""A net process that was taken over: what it sends without end.

Within the rules, but far too much of it; see 80-hostile-net.py.  The others
live on with bounded memory and log, and mail goes through the other net.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from hostile import *

import base64

ME = "192.0.2.1"
LISTEN = """\
listen on 127.0.0.1 smtps port %d auth <users> senders <senders>
listen on 127.0.0.1 smtp port 10026
""" % PORT


def floods(c):
    """Without end, within the rules."""
    mark = len(c.s.log())
    mib = {"policy": 140, "queue": 230, "smtpsd": 40, "net": 20}
    e = c.e
    ok(e.ask("many 300000 1 mail %% 1 %s 0 %s a@example.net" %
             (c.ids[10026], ME)).word in ("ok", "down"), "300,000 transactions")
    c.suffer("MAIL without end", mib)
    e.ask("many 300000 1 rcpt %% 1 0 smtpst2@example.org")
    c.suffer("RCPT without end", mib)
    if e.ask("up policy").rest != "1":
        c.again()
    e = c.e
    e.ask("mail 1 1 %s 0 %s a@example.net" % (c.ids[10026], ME))
    e.ask("many 100000 0 rcpt 1 1 % smtpst2+%@example.org")
    c.suffer("RCPT of one transaction without end", mib)
    e.ask("many 100000 0 rcpt 1 1 % nosuchuser%@example.org")
    c.suffer("RCPT of unknown users without end", mib)
    c.e.ask("exit 1")
    e = c.again()
    e.ask("many 100000 1 body % 1 3000")
    c.suffer("BODY of 100,000 transactions", mib)
    e.ask("body 7000000 1 300000000")
    c.suffer("a BODY of 300 MB", mib)
    ok(e.ask("many 100000 1 end % 1 1 1").word in ("ok", "down"),
       "END of all")
    c.suffer("END of 100,000 transactions", mib)
    c.e.ask("exit 1")
    e = c.again()
    for link, what in [("policy", "mail %% 1 %s 0 %s a@example.net" %
                        (c.ids[10026], ME)),
                       ("queue", "end % 1 1 1"),
                       ("parent", "auth %% %s 1 %s plain:x:y" %
                        (c.ids[PORT], ME)),
                       ("sign", "sign 3 " + "00" * 32 + " 00")]:
        e.ask("deaf %s 1" % link)
        if link == "sign":
            continue
        e.ask("many 1500000 1 " + what)
        c.suffer("answers of %s are not read" % link,
                 dict(mib, queue=230, policy=160, smtpsd=100))
        c.e.ask("exit 1")
        e = c.again()
    # The log of its own, and what others write of it.
    e.ask("log 6 300000 event=auth-failed_address=198.51.100.9")
    c.suffer("its log without end", mib)
    size = len(c.s.log()) - mark
    diag("log: %d KiB" % (size // 1024))
    ok(size < 30 << 20, "the log is bounded")
    eq(len(re.findall(r"smtpsd: event=auth-failed_", c.s.log())), 0,
       "its lines carry its name")
    c.e.ask("exit 1")
    c.again()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def dialogues(c):
    """Logins that it begins and never ends."""
    for user in USERS:
        p = c.s.ctl("user", "passwd", user, input=PASSWORD % user + "\n")
        eq(p.returncode, 0, "a verifier for SCRAM")
    with c.s.raw() as r:
        r.ask("EHLO x")
        got = r.ask("AUTH SCRAM-SHA-256 " + b64("n,,n=smtpst1,r=0123456789ab"))
        if not ok(got.startswith("334 "), "a login has begun"):
            diag(got)
        first = b"n,,n=smtpst2,r=0123456789ab".hex()
        for i in range(3):
            c.e.ask("many 7000 %d auth %% %s 3 %s %s" % (
                10000 * i, c.ids[PORT], ME, first))
            time.sleep(1)
        c.e.ask("up parent 500")
        challenges = int(c.e.ask("count 0x%x" % c.type(
            "MSG_PARENT_NET_AUTH_CHALLENGE")).rest)
        ok(challenges > 8000, "%d others begin through it" % challenges)
        got = r.ask(b64("c=biws,r=x,p=AAAA"))
        if not ok(got.startswith("535"), "the first goes on to its end"):
            diag(got)
    c.suffer("logins that never end", {"smtpsd": 40})


def disk(c):
    """Bodies without end on a small disk."""
    for i in range(24):
        c.e.ask("body %d 1 9000000" % (i + 1))
    c.e.ask("up queue 500")
    free = os.statvfs(c.s.dir + "/spool")
    diag("%d MiB free" % (free.f_bavail * free.f_frsize >> 20))
    c.suffer("a disk full of bodies", {"queue": 100})
    big = "x" * 76 + "\r\n"
    for i in range(2):
        try:
            c.s.send("smtpst3@example.org", "smtpst3@example.org",
                     body=big * 26000, user="smtpst3")
            sent = True
        except smtplib.SMTPException as err:
            diag(err)
            sent = False
        ok(sent, "there is room for 2 MB of others")
    ok(c.s.wait_mail(3, "smtpst3"), "and it is delivered")
    c.e.ask("exit 1")
    c.again()
    c.suffer("after it", {"queue": 100})


def restarts(c):
    """Who dies again and again is started again and again, less often."""
    deaths = 0
    end = time.time() + 6
    while time.time() < end:
        e = c.s.evil(7)
        if e is None:
            break
        e.ask("fill policy 0x999 10 0")
        e.is_killed()
        deaths += 1
        c.e = e
    ok(3 <= deaths < 15, "%d lives in 6 seconds" % deaths)
    waits = [int(w) for w in re.findall(r"net/1 died.*restart in (\d+) ms",
                                        c.s.log())]
    ok(max(waits) <= 30000, "a restart is never further than 30 s: %s" %
       waits[-3:])
    c.again()
    c.suffer("restarts")
    # It takes no notice of the stop that follows; see how that ends.
    eq(c.e.ask("obey 0").word, "ok", "it obeys no more")


def small_spool(s):
    spool = s.dir + "/spool"
    os.mkdir(spool, 0o700)
    if run("mount", "-t", "tmpfs", "-o", "size=200m,mode=0700", "tmpfs",
           spool).returncode == 0:
        shutil.chown(spool, "_smtpsq", "_smtpsq")


main([floods, dialogues, restarts, disk], listen=LISTEN,
     special={disk: {"prepare": small_spool}}, rules=DEFAULT_RULES +
     'match from any for domain <domains> action "local"\n')
