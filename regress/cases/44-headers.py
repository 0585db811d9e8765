"""The header of a submission: whom it says it is from, what is added to it,
and how much of it there may be."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ME = "smtpst1@example.org"
OTHER = "smtpst2@example.org"
EVIL = "553 5.7.1 <ceo@example.com>:"
BAD = "550 5.6.0 "
QUEUED = "250 2.0.0 "
SUB, PLAIN, FREE = PORT + 1, PORT + 2, PORT + 3

# name, header lines (bytes, without the empty line), begin of the reply
SHAPES = [
    ("own address", b"From: smtpst1@example.org\r\n", QUEUED),
    ("own address with a name", b"From: \"Doe, Jane\" "
     b"<smtpst1@example.org>\r\n", QUEUED),
    ("own address in upper case", b"FROM: <SMTPST1@EXAMPLE.ORG>\r\n", QUEUED),
    ("own address with a tag, not that of MAIL",
     b"From: smtpst1+x@example.org\r\n", QUEUED),
    ("own addresses, two of them", b"From: smtpst1@example.org,\r\n"
     b" smtpst1+x@example.org\r\nSender: smtpst1@example.org\r\n", QUEUED),
    ("own address, resent", b"Resent-From: smtpst1+r@example.org\r\n"
     b"From: smtpst1@example.org\r\n", QUEUED),
    ("encoded word as the name", b"From: =?utf-8?Q?J=C3=A4ne_"
     b"=3Cceo=40example=2Ecom=3E?= <smtpst1@example.org>\r\n", QUEUED),
    ("own address in a group", b"From: us: smtpst1@example.org;\r\n", QUEUED),
    ("someone else in a comment", b"From: smtpst1@example.org "
     b"(ceo@example.com)\r\n", QUEUED),
    ("someone else in Reply-To and Disposition-Notification-To",
     b"From: smtpst1@example.org\r\nReply-To: ceo@example.com\r\n"
     b"Disposition-Notification-To: ceo@example.com\r\n", QUEUED),
    ("space before the colon", b"From : smtpst1@example.org\r\n", QUEUED),

    ("someone else", b"From: ceo@example.com\r\n", EVIL),
    ("someone else with a name", b"From: \"smtpst1@example.org\" "
     b"<ceo@example.com>\r\n", EVIL),
    ("someone else, in upper case", b"fRoM:<ceo@EXAMPLE.COM>\r\n", EVIL),
    ("someone else, folded", b"From:\r\n\tsmtpst1\r\n <ceo@example.com>\r\n",
     EVIL),
    ("someone else behind oneself", b"From: smtpst1@example.org, "
     b"ceo@example.com\r\n", EVIL),
    ("someone else, own address in a comment",
     b"From: (smtpst1@example.org) ceo@example.com\r\n", EVIL),
    ("someone else between comments",
     b"From: <(a)ceo(<smtpst1@example.org>)@(b(c\\))d)example.com>\r\n", EVIL),
    ("someone else in a group", b"From: smtpst1: ceo@example.com;\r\n", EVIL),
    ("someone else as Sender", b"From: smtpst1@example.org\r\n"
     b"Sender: ceo@example.com\r\n", EVIL),
    ("someone else as Resent-From", b"From: smtpst1@example.org\r\n"
     b"Resent-From: ceo@example.com\r\n", EVIL),
    ("someone else as Resent-Sender", b"Resent-Sender: ceo@example.com\r\n"
     b"Resent-From: smtpst1@example.org\r\nFrom: smtpst1@example.org\r\n",
     EVIL),
    ("someone else as the second Resent-From",
     b"Resent-From: smtpst1@example.org\r\nResent-From: ceo@example.com\r\n"
     b"From: smtpst1@example.org\r\n", EVIL),
    ("someone else, space before the colon", b"From \t: ceo@example.com\r\n",
     EVIL),
    ("needless quotes", b"From: \"ceo\"@example.com\r\n", EVIL),
    ("another user here", b"From: smtpst2@example.org\r\n",
     "553 5.7.1 <smtpst2@example.org>:"),
    ("own address as a quoted local part",
     b"From: \"smtpst1@example.org\"@example.com\r\n", "553 5.7.1 <\""),
    ("own address in a subdomain", b"From: smtpst1@mail.example.org\r\n",
     "553 5.7.1 <smtpst1@mail.example.org>:"),

    ("no From", b"Subject: x\r\n", BAD + "Message has no From"),
    ("no header at all", b"", BAD + "Message has no From"),
    ("two From", b"From: smtpst1@example.org\r\nFrom: ceo@example.com\r\n",
     BAD + "Message has more than one From"),
    ("two equal From", b"From: smtpst1@example.org\r\n" * 2,
     BAD + "Message has more than one From"),
    ("two From, one with a space", b"From: smtpst1@example.org\r\n"
     b"from : ceo@example.com\r\n", BAD + "Message has more than one From"),
    ("two Sender", b"From: smtpst1@example.org\r\n" +
     b"Sender: smtpst1@example.org\r\n" * 2,
     BAD + "Message has more than one Sender"),
    ("Sender with two addresses", b"From: smtpst1@example.org\r\n"
     b"Sender: smtpst1@example.org, smtpst1+x@example.org\r\n",
     BAD + "Message has no single address in its Sender"),
    ("empty From", b"From:\r\n", BAD),
    ("empty group", b"From: undisclosed:;\r\nSender: smtpst1@example.org\r\n",
     BAD + "Message has no single address in its From"),
    ("encoded word as the address",
     b"From: =?utf-8?Q?ceo=40example=2Ecom?=\r\n", BAD),
    ("address as the name", b"From: ceo@example.com <smtpst1@example.org>\r\n",
     BAD),
    ("two angles", b"From: <ceo@example.com> <smtpst1@example.org>\r\n", BAD),
    ("angle in angle", b"From: <ceo@example.com<smtpst1@example.org>>\r\n",
     BAD),
    ("two @", b"From: smtpst1@example.org@example.com\r\n", BAD),
    ("source route", b"From: <@example.com:smtpst1@example.org>\r\n", BAD),
    ("comment without an end", b"From: smtpst1@example.org (\r\n"
     b"X: ceo@example.com\r\n", BAD),
    ("semicolon", b"From: smtpst1@example.org; ceo@example.com\r\n", BAD),
    ("a line of only space", b"From: smtpst1@example.org\r\n \r\n"
     b" ,ceo@example.com\r\n", BAD),
    ("NUL", b"From: smtpst1@example.org\0ceo@example.com\r\n", BAD),
    ("bare CR", b"From: smtpst1@example.org\rFrom: ceo@example.com\r\n", BAD),
    ("bare LF", b"From: smtpst1@example.org\nFrom: ceo@example.com\r\n", BAD),
    ("8bit", b"From: J\xe4ne <smtpst1@example.org>\r\n", BAD),
    ("UTF-8 without SMTPUTF8", b"From: J\xc3\xa4ne <smtpst1@example.org>\r\n",
     BAD),
    ("UTF-8 look-alike", b"From: smtpst1@ex\xd0\xb0mple.org\r\n", BAD),
    ("zero-width space", b"From: ceo@example.com\xe2\x80\x8b "
     b"<smtpst1@example.org>\r\n", BAD),
    ("BOM before From", b"\xef\xbb\xbfFrom: smtpst1@example.org\r\n", BAD),
    ("From behind a line that is no field", b"X: y\r\nnonsense\r\n"
     b"From: smtpst1@example.org\r\n", BAD),
    ("folded first line", b" X: y\r\nFrom: smtpst1@example.org\r\n", BAD),
]


def begin(r, sender=ME, rcpt=ME):
    r.send("MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (sender, rcpt))
    return [r.reply()[:3] for _ in range(3)]


def send(r, header, body=b"Hello.\r\n", **kw):
    """The reply to the end of data."""
    got = begin(r, **kw)
    if got != ["250", "250", "354"]:
        return " ".join(got)
    r.send(header + b"\r\n" + body + b".\r\n")
    return r.reply()


def session(s, port=PORT, user="smtpst1"):
    r = s.raw(port)
    r.ask("EHLO client.example.com")
    if user:
        r.login(user)
    return r


class Starttls(Raw):
    """STARTTLS before the rest; without it: plain text."""
    def __init__(self, server, port, tls=True):
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.sock.makefile("rb")
        self.reply()
        self.ask("EHLO client.example.com")
        if tls:
            self.ask("STARTTLS")
            self.file.close()
            self.sock = server.context().wrap_socket(
                self.sock, server_hostname="mail.example.org")
            self.file = self.sock.makefile("rb")
            self.ask("EHLO client.example.com")


hop = NextHop(port=HOP_PORT)
with Server(listen="""\
listen on 127.0.0.1 smtps port %d auth <users> senders <senders>
listen on 127.0.0.1 submission port %d auth <users> senders <senders>
listen on 127.0.0.1 smtp port %d
listen on 127.0.0.1 smtps port %d auth <users> senders <senders> any-header-from
""" % (PORT, SUB, PLAIN, FREE),
            extra="limit errors 1000\nlimit messages 10000\n",
            rules="""\
match from any for domain <domains> action "local"
match from auth for any action "out"
""") as s:
    n = 0
    with session(s) as r:
        for name, header, want in SHAPES:
            got = send(r, header)
            if not ok(got.startswith(want), name):
                diag("got  %s" % got)
            n += want == QUEUED
        eq(send(r, b"From: ceo@example.com\r\n", sender="")[:9], "553 5.7.1",
           "the null reverse-path gives no right to a From")
        eq(send(r, b"From: smtpst1@example.org\r\n", sender="")[:3], "250",
           "the null reverse-path with the own From")
        n += 1
        many = b",\r\n ".join(b"smtpst1+%d@example.org" % i
                             for i in range(100))
        eq(send(r, b"From: " + many + b"\r\n")[:3], "250", "100 own authors")
        n += 1
        eq(send(r, b"From: " + many + b",\r\n ceo@example.com\r\n")[:9],
           "550 5.6.0", "101 authors")
        eq(send(r, b"From: " + many.replace(b"+99@example.org",
                                            b"@example.com") + b"\r\n")[:40],
           "553 5.7.1 <smtpst1@example.com>: you may", "the 100th is refused")
        # Pipelined behind a message that policy is asked about.
        r.send("MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (ME, ME))
        for _ in range(3):
            r.reply()
        r.send(b"From: ceo@example.com\r\n\r\n.\r\nNOOP\r\nMAIL FROM:<%s>\r\n"
               % ME.encode())
        eq([r.reply()[:9] for _ in range(3)],
           ["553 5.7.1", "250 2.0.0", "250 2.1.0"],
           "commands behind a refused message are answered")
        r.ask("RSET")
    ok(s.wait_mail(n), "exactly the accepted ones are delivered")
    eq((len(s.mails()), s.wait_queue(0)), (n, True), "and nothing else")
    ok(not any(b"ceo@example.com" in m.split(b"\r\n\r\n")[0].split(b"\n\n")[0]
               and b"From: ceo" in m for m in s.mails()),
       "no forged From got through")

    # The same user, other listeners.
    with session(s, FREE) as r:
        eq(send(r, b"From: ceo@example.com\r\nSubject: any\r\n")[:3], "250",
           "any-header-from: any From")
        eq(send(r, b"Subject: none\r\n")[:3], "250", "any-header-from: none")
        eq(send(r, b"From: x\r\n", sender="ceo@example.com"), "553 503 503",
           "any-header-from: the reverse-path is still checked")
    r = Starttls(s, SUB)
    r.login()
    eq(send(r, b"From: ceo@example.com\r\n")[:len(EVIL)], EVIL,
       "submission checks as well")
    # Fix-ups.
    eq(send(r, b"From: smtpst1@example.org\r\nBcc: b@example.com\r\n"
            b"Subject: fix587\r\n")[:3], "250", "587: no Date, no Message-ID")
    r.close()
    with session(s) as r:
        send(r, b"From: smtpst1@example.org\r\nSubject: fix465\r\n")
        send(r, b"From: smtpst1@example.org\r\nSubject: has465\r\n"
             b"dATE: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
             b"message-id : <own@example.org>\r\n")
    r = Starttls(s, PLAIN)
    eq(send(r, b"Subject: fix25s\r\n", sender="x@far.example")[:3], "250",
       "25: nobody's From is checked")
    r.close()
    r = Starttls(s, PLAIN, tls=False)
    send(r, b"Subject: fix25\r\n", sender="x@far.example")
    r.ask("HELO x")
    send(r, b"Subject: fixhelo\r\n", sender="x@far.example")

    def find(subject):
        def look():
            for m in s.mails():
                if b"Subject: " + subject + b"\n" in m.replace(b"\r", b""):
                    return m.replace(b"\r", b"")
        return until(look) or b""
    for subject, word, tls in [(b"fix587", b"ESMTPSA", True),
                               (b"fix465", b"ESMTPSA", True),
                               (b"fix25s", b"ESMTPS", True),
                               (b"fix25", b"ESMTP", False),
                               (b"fixhelo", b"SMTP", False)]:
        m = find(subject)
        received = m[m.find(b"Received:"):m.find(b";")]
        ok(b" with " + word + b" id " in received,
           "%s: with %s" % (subject.decode(), word.decode()))
        eq(b"TLSv1" in received, tls, "the TLS clause where there was TLS")
        eq((b"\nDate: " in m, b"\nMessage-ID: <" in m),
           (word[-1:] == b"A",) * 2, "Date and Message-ID")
    ok(b"\nBcc: b@example.com\n" in find(b"fix587"), "Bcc stays")
    m = find(b"has465")
    eq((m.lower().count(b"\ndate"), m.lower().count(b"\nmessage-id")), (1, 1),
       "nothing is added that is there")

    # Loops.
    hops = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    with session(s) as r:
        eq(send(r, hops * 100 + b"From: smtpst1@example.org\r\n")[:3], "250",
           "100 Received")
        eq(send(r, hops * 101 + b"From: smtpst1@example.org\r\n")[:9],
           "554 5.4.6", "101 Received: a loop")
    eq(send(Starttls(s, PLAIN), hops * 101, sender="x@far.example")[:9],
       "554 5.4.6", "on port 25 as well")

    # Chunks: a header that ends inside of a line, other line ends in it.
    own = b"From: smtpst1@example.org\r\n"
    for name, text, want in [
            ("last line without an end", own + b"From: ceo@example.com", BAD),
            ("last line is a fold", b"From:\r\n ceo@example.com", EVIL),
            ("bare LF", b"From: smtpst1@example.org\nFrom: ceo@example.com"
             b"\r\n\r\nx\r\n", BAD),
            ("LF LF", own + b"X: y\n\nFrom: ceo@example.com\r\n\r\nx\r\n",
             BAD),
            ("good", own + b"\r\nx\r\n", QUEUED)]:
        with session(s) as r:
            r.ask("MAIL FROM:<%s>" % ME)
            r.ask("RCPT TO:<%s>" % ME)
            r.send(b"BDAT %d\r\n" % (len(text) - 1) + text[:-1])
            got = r.reply()
            if got[:3] == "250":
                r.send(b"BDAT 1 LAST\r\n" + text[-1:])
                got = r.reply()
            ok(got.startswith(want), "BDAT: %s: %s" % (name, got))
    with session(s) as r:
        r.ask("MAIL FROM:<%s> SMTPUTF8" % ME)
        r.ask("RCPT TO:<%s>" % ME)
        r.ask("DATA")
        r.send(b"From: J\xc3\xa4ne <smtpst1@ex\xd0\xb0mple.org>\r\n\r\n.\r\n")
        eq(r.reply()[:9], "553 5.7.1", "SMTPUTF8: a look-alike is another")
        r.ask("MAIL FROM:<%s> SMTPUTF8" % ME)
        r.ask("RCPT TO:<%s>" % ME)
        r.ask("DATA")
        r.send(b"From: J\xc3\xa4ne <smtpst1@example.org>\r\n\r\n.\r\n")
        eq(r.reply()[:3], "250", "SMTPUTF8: a name beyond ASCII")

    # Sizes.
    pid = s.children("net")[0]

    def peak():
        with open("/proc/%d/status" % pid) as f:
            return int(re.search(r"VmHWM:\s*(\d+)", f.read()).group(1))
    before = peak()
    with session(s) as r:
        own = b"From: smtpst1@example.org\r\n"
        eq(send(r, own + b"X: y\r\n" * 999)[:3], "250", "1000 fields")
        eq(send(r, own + b"X: y\r\n" * 1000)[:9], "552 5.6.0", "1001 fields")
        eq(send(r, own + b"X: y\r\n" * 1000000)[:9], "552 5.6.0",
           "a million fields")
        eq(send(r, own + b"X: y\r\n" + b" z\r\n" * 1000000)[:9], "552 5.6.0",
           "a million folded lines")
        eq(send(r, b"From: smtpst1@example.org\r\n" + b" (x)\r\n" * 40000)[:3],
           "250", "40000 comments in From")
        eq(send(r, b"From: " + b"(" * 900 + b"\r\n")[:9], "550 5.6.0",
           "900 comments in comments")
        begin(r)
        for _ in range(100):
            r.send(b"x" * (1 << 20))
        r.send(b"\r\n.\r\n")
        eq(r.reply()[:1], "5", "a line of 100 MB")
        eq(send(r, own)[:3], "250", "the session goes on")
    ok(peak() - before < 16384, "in bounded memory")
    r = Starttls(s, PLAIN)
    eq(send(r, b"X: y\r\n" * 100000, sender="x@far.example")[:9], "552 5.6.0",
       "on port 25 as well")
    r.close()

# Without a map, and with other limits.
with Server(listen="""\
listen on 127.0.0.1 smtps port %d auth <users>
""" % PORT, extra="limit header-size 2K\nlimit header-fields 5\n") as s:
    with session(s) as r:
        eq(send(r, b"From: smtpst1@localhost\r\n")[:3], "250",
           "no map: the login at a local domain")
        eq(send(r, b"From: smtpst1@far.example\r\n")[:9], "553 5.7.1",
           "no map: not at another")
        eq(send(r, b"From: smtpst1@example.org\r\n" + b"X: y\r\n" * 5)[:9],
           "552 5.6.0", "limit header-fields")
        eq(send(r, b"From: smtpst1@example.org\r\n" +
                b"X: " + b"y" * 800 + b"\r\n" +
                b" " + b"y" * 800 + b"\r\n" + b" " + b"y" * 800 + b"\r\n")[:9],
           "552 5.6.0", "limit header-size")
        eq(send(r, b"From: smtpst1@example.org\r\n",
                body=b"X: y\r\n" * 2000)[:3], "250", "the body does not count")
done()
