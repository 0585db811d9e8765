"""A next hop that breaks the rules: nothing is lost, nobody waits for ever,
nothing of it reaches where it does harm."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ME = "smtpst1@example.org"
FAR = "someone@far.example"
WORDS = ["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 52428800"]
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o755)
CERT, KEY = make_cert(tmp, "next.example.net")
# Not in a home: other cases may run.
TOP_DIR = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(TOP_DIR, 0o755)
BOX = TOP_DIR + "/mail/smtpst1"
URL = "%s://127.0.0.1:%d"


def server(scheme="smtp", **kw):
    shutil.rmtree(BOX, ignore_errors=True)
    return Server(actions='action "local" maildir "%s/mail/%%{dest.user}" '
                  'user smtpst3\naction "out" relay host %s%s\n' % (
                      TOP_DIR, URL % (scheme, HOP_PORT),
                      "" if scheme == "smtp" else ' ca "%s"' % CERT), **kw)


def errors(s):
    return [q["error"] for q in s.show("queue") if q["error"]]


def endless(code):
    def go(session):
        session.sock.settimeout(20)
        for i in range(100000):
            session.say("%d-still talking %d" % (code, i))
    return go


def early_replies(session):
    """Answers to everything before anything was asked."""
    session.say("250-next.example.net\r\n250-PIPELINING\r\n250 SIZE\r\n"
                "250 ok\r\n250 ok\r\n354 go\r\n250 taken")


def refused_in_the_body(session):
    """Too big, it finds, and goes while more is on its way."""
    session.say("354 go")
    session.file.read(8192)
    session.say("552 5.3.4 too big for us")
    raise EOFError


def in_the_body(session):
    session.say("354 go\r\n250 2.0.0 taken already")
    while session.line() != ".":
        pass
    raise EOFError


with server() as s:
    hop = NextHop(port=HOP_PORT)
    matrix = [
        ("endless banner", "connect", endless(220)),
        ("endless EHLO", "ehlo", endless(250)),
        ("endless refusal of MAIL", "mail", endless(451)),
        ("endless 354", "data", endless(354)),
        ("endless last reply", "data-end", endless(250)),
        ("a line of 10 KB", "connect", b"220 " + b"x" * 10000 + b"\r\n"),
        ("a line without an end", "mail", b"250 " + b"y" * 200000),
        ("a NUL in the banner", "connect", b"220 a\0b\r\n"),
        ("a NUL in a refusal", "rcpt", b"553-\0\ntype: mda\r\n553 x\r\n"),
        ("a code that changes", "rcpt", b"250-a\r\n550 b\r\n"),
        ("no code", "mail", b"hello\r\n"),
        ("code 999", "mail", b"999 hello\r\n"),
        ("354 to MAIL", "mail", b"354 go\r\n"),
        ("250 to DATA", "data", b"250 ok\r\n"),
        ("250 in the body", "data", in_the_body),
        ("EHLO closes", "ehlo", "close"),
    ]
    for i, (name, stage, what) in enumerate(matrix):
        n = len(hop.messages)
        hop.drop()
        hop.fail(stage, what)
        s.send(FAR, subject="matrix %d" % i)
        ok(until(lambda: errors(s), 25), name + ": put off")
        text = (errors(s) or [""])[0]
        ok(len(text) < 600 and all(" " <= c <= "~" for c in text),
           name + ": the error is short and printable")
        hop.ok()
        hop.drop()
        if not ok(hop.wait(n + 1, 25), name + ": sent when it behaves"):
            diag(text)
        ok(s.wait_queue(0), name + ": and gone")
    eq(len(s.mails(directory=BOX)), 0, "no bounce of all this")
    ok(not re.search("type: mda\\n|^type: mda", s.log(), re.M),
       "no line of theirs in the log")
    p = s.ctl("show", "queue")
    eq(p.returncode, 0, "show queue works")

    # Refused before its end: why that is can be read.
    hop.drop()
    n = len(hop.messages)
    hop.fail("data", refused_in_the_body)
    s.send(FAR, subject="big", body=("x" * 88 + "\r\n") * 100000)
    ok(until(lambda: errors(s), 25), "refused in the middle: put off")
    ok("too big for us" in (errors(s) or [""])[0], "with its reason")
    diag((errors(s) or [""])[0])
    hop.ok()
    hop.drop()
    ok(hop.wait(n + 1, 25) and s.wait_queue(0),
       "and sent when it takes more")

    # Refused for good, with text that wants to be something else.
    hop.drop()
    hop.fail("rcpt", b"553-5.1.1 a\x1b[2Jb\r\n553-type: mda\r\n"
             b"553 5.1.1 \xff\xfe \x07 end\r\n")
    s.send(FAR, subject="escape")
    mails = s.wait_mail(1, directory=BOX)
    ok(mails and b"\x1b" not in mails[0] and b"\x07" not in mails[0] and
       b"\xff" not in mails[0] and not re.search(rb"(?m)^type: mda",
                                                 mails[0]),
       "a bounce without its control characters and lines")
    ok("\x1b" not in s.log(), "nor in the log")
    hop.ok()

    # EHLO is not known there.
    hop.drop()
    n = len(hop.messages)
    hop.fail("ehlo", 502)
    s.send(FAR, subject="helo")
    ok(hop.wait(n + 1) and any(c[1].startswith("HELO ")
                               for c in hop.commands), "HELO when EHLO fails")
    hop.ok()

    # What EHLO says about sizes.
    for words, taken in [(["SIZE -1"], True), (["SIZE 0"], True),
                         (["SIZE 99999999999999999999"], True),
                         (["SIZE 100"], False)]:
        hop.drop()
        n, bounces = len(hop.messages), len(s.mails(directory=BOX))
        hop.words = words
        s.send(FAR, subject="size")
        if taken:
            ok(hop.wait(n + 1), "%s: sent" % words)
        else:
            mails = s.wait_mail(bounces + 1, directory=BOX)
            ok(mails and any(b"\nStatus: 5.3.4" in m for m in mails),
               "%s: bounced without a try" % words)
            eq(len(hop.messages), n, "and not sent")
    hop.words = WORDS + ["LIMITS RCPTMAX=2 MAILMAX=1"]
    hop.drop()
    n = len(hop.messages)
    with s.client() as c:
        c.sendmail(ME, ["%d@far.example" % i for i in range(5)],
                   message("limits"))
    ok(s.wait_queue(0, 40), "RCPTMAX: all are sent")
    got = hop.messages[n:]
    diag([len(m.recipients) for m in got])
    ok(max(len(m.recipients) for m in got) == 2 and
       sum(len(m.recipients) for m in got) == 5, "two at a time")
    eq(len({m.connection for m in got}), len(got),
       "MAILMAX: a connection for each")

    # 8-bit, UTF-8 and binary mail to a host that knows nothing of them.
    hop.words = []
    hop.drop()
    n, bounces = len(hop.messages), len(s.mails(directory=BOX))
    with s.client() as c:
        c.sendmail(ME, [FAR], message("8bit", "").encode() +
                   b"caf\xc3\xa9\r\n", ["BODY=8BITMIME"])
        ok(hop.wait(n + 1) and b"caf\xc3\xa9\r\n" in hop.messages[-1].data
           and "BODY=" not in hop.messages[-1].mail,
           "8-bit text goes as it is")
        c.sendmail(ME, [FAR], message("ascii"), ["SMTPUTF8"])
        ok(hop.wait(n + 2) and "SMTPUTF8" not in hop.messages[-1].mail,
           "SMTPUTF8 that nothing needs is left out")
        c.sendmail(ME, ["j\u00f6rg@far.example", FAR], message("two"),
                   ["SMTPUTF8"])
        ok(hop.wait(n + 3) and hop.messages[-1].recipients == [FAR],
           "one in UTF-8 does not keep it from another")
        mails = s.wait_mail(bounces + 1, directory=BOX)
        ok(mails and any(b"\nStatus: 5.6.7" in m for m in mails),
           "and is told of")
        n, bounces = n + 1, bounces + 1
        c.sendmail(ME, [FAR], message("caf\u00e9").encode(),
                   ["SMTPUTF8", "BODY=8BITMIME"])
        mails = s.wait_mail(bounces + 1, directory=BOX)
        ok(mails and any(b"\nStatus: 5.6.7" in m for m in mails),
           "a header in UTF-8: bounced")
        c.ehlo_or_helo_if_needed()
        BINARY = message("binary", "a\r\nb\x00\n.\n\r.\r\n\n").encode()

        def send_binary():
            c.mail(ME, ["BODY=BINARYMIME"])
            c.rcpt(FAR)
            c.send(b"BDAT %d LAST\r\n" % len(BINARY) + BINARY)
            return c.getreply()
        eq(send_binary()[0], 250, "binary: taken")
        mails = s.wait_mail(bounces + 2, directory=BOX)
        ok(mails and any(b"\nStatus: 5.6.3" in m for m in mails),
           "and bounced")
        eq(len(hop.messages), n + 2, "nothing was mangled")
        for words in [["CHUNKING"], ["BINARYMIME"]]:
            bounces = len(s.mails(directory=BOX))
            hop.words = words
            hop.drop()
            send_binary()
            ok(s.wait_mail(bounces + 1, directory=BOX), "%s alone: too" % words)
        eq(len(hop.messages), n + 2, "still nothing was mangled")
        for pipelining in [True, False]:
            n = len(hop.messages)
            hop.pipelining = pipelining
            hop.words = ["CHUNKING", "BINARYMIME"]
            hop.drop()
            send_binary()
            ok(hop.wait(n + 1) and hop.messages[-1].chunked and
               hop.messages[-1].data.endswith(
                   b"a\r\nb\x00\n.\n\r.\r\n\n") and
               "BODY=BINARYMIME" in hop.messages[-1].mail,
               "binary by BDAT, byte for byte (pipelining: %s)" % pipelining)
        # REQUIRETLS never in the clear
        n, bounces = len(hop.messages), len(s.mails(directory=BOX))
        hop.words = ["REQUIRETLS"]
        hop.drop()
        c.sendmail(ME, [FAR], message("confidential", "hush\r\n"),
                   ["REQUIRETLS", "RET=FULL"])
        mails = s.wait_mail(bounces + 1, directory=BOX)
        ok(mails and any(b"\nStatus: 5.7.30" in m for m in mails),
           "REQUIRETLS in the clear: bounced")
        ok(mails and not any(b"hush" in m for m in mails),
           "without the body")
        eq(len(hop.messages), n, "and not sent")
    hop.stop()

# TLS that somebody takes away
for name, kw, fault in [
        ("STARTTLS is not offered", {}, None),
        ("STARTTLS is refused", {"starttls": True}, ("starttls", 454)),
        ("no TLS behind STARTTLS", {"starttls": True},
         ("starttls", b"220 go\r\n250 this is not TLS\r\n" * 20)),
        ("bytes behind the 220", {"starttls": True},
         ("starttls", b"220 go\r\n250 injected\r\n")),
        ("STARTTLS answered before it is asked", {"starttls": True},
         ("ehlo", b"250-next\r\n250 STARTTLS\r\n220 go\r\n")),
        ("everything answered before", {"starttls": True},
         ("ehlo", lambda session: early_replies(session)))]:
    hop = NextHop(port=HOP_PORT, cert=CERT, key=KEY, **kw)
    with server("smtp+tls") as s:
        if fault:
            hop.fail(*fault)
        s.send(FAR, subject="tls")
        ok(until(lambda: errors(s), 20), name + ": put off")
        diag((errors(s) or [""])[0])
        eq(len(hop.messages), 0, name + ": nothing was sent")
        ok(not any(re.match("MAIL|RCPT|DATA|AUTH", c[1], re.I)
                   for c in hop.commands), name + ": not even an address")
        if fault is not None:
            hop.ok()
            hop.drop()
            ok(hop.wait(1, 25) and hop.messages[0].tls,
               name + ": over TLS when it can be had")
            ok(s.wait_queue(0), name + ": and gone")
    hop.stop()

# REQUIRETLS over a verified connection
for words, sent in [(["REQUIRETLS"], True), ([], False)]:
    hop = NextHop(port=HOP_PORT, cert=CERT, key=KEY, starttls=True,
                  words=words)
    with server("smtp+tls") as s:
        with s.client() as c:
            c.sendmail(ME, [FAR], message("confidential"), ["REQUIRETLS"])
        if sent:
            ok(hop.wait(1) and " REQUIRETLS" in hop.messages[0].mail and
               hop.messages[0].tls, "REQUIRETLS goes on over TLS")
        else:
            mails = s.wait_mail(1, directory=BOX)
            ok(mails and b"\nStatus: 5.7.30" in mails[0],
               "a host that does not offer it: bounced")
            eq(len(hop.messages), 0, "and not sent")
    hop.stop()
shutil.rmtree(tmp)
shutil.rmtree(TOP_DIR)
done()
