"""The protocol, strictly: line ends, order, limits, pipelining."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

ME = "smtpst1@example.org"


def session(s):
    r = s.raw()
    r.ask("EHLO client.example.com")
    r.login()
    return r


def to_data(r):
    r.ask("MAIL FROM:<%s>" % ME)
    r.ask("RCPT TO:<%s>" % ME)
    return r.ask("DATA")[:3]


# Headers are another case's matter.
with Server(extra="limit message-size 100K\nlimit recipients 5\n",
            listen="listen on 127.0.0.1 smtps port %d auth <users> "
            "senders <senders> any-header-from" % PORT) as s:
    with s.raw() as r:
        ok(r.greeting.startswith("220 mail.example.org ESMTP"), "greeting")
        ehlo = r.ask("EHLO client.example.com")
        for word in ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES",
                     "SIZE 102400"]:
            ok(re.search(r"^250[- ]%s$" % word, ehlo, re.M),
               "EHLO offers " + word)
        ok("STARTTLS" not in ehlo, "EHLO does not offer STARTTLS")
        eq(r.ask("HELO x")[:3], "250", "HELO")
        eq(r.ask("NOOP")[:9], "250 2.0.0", "NOOP")
        eq(r.ask("NOOP with words")[:3], "250", "NOOP with an argument")
        eq(r.ask("HELP")[:3], "214", "HELP")
        eq(r.ask("RSET")[:9], "250 2.0.0", "RSET")
        eq(r.ask("XYZZY")[:9], "500 5.5.1", "unknown command")
        eq(r.ask("TURN")[:3] in ("500", "502"), True, "TURN")
        eq(r.ask("QUIT")[:9], "221 2.0.0", "QUIT")
        eq(r.reply(), "", "and it closes")
    with s.raw() as r:
        eq(r.ask("MAIL FROM:<x@example.org>")[:3] in ("503", "530"), True,
           "MAIL before EHLO")
        eq(r.ask("EHLO")[:3], "501", "EHLO without a name")

    with session(s) as r:
        eq(r.ask("RCPT TO:<%s>" % ME)[:9], "503 5.5.1", "RCPT before MAIL")
        eq(r.ask("DATA")[:9], "503 5.5.1", "DATA before MAIL")
        eq(r.ask("VRFY " + ME)[:3], "252", "VRFY")
        for line, want in [
                ("MAIL FROM:%s" % ME, "501"),
                ("MAIL FROM:<%s" % ME, "501"),
                ("MAIL FROM:<a..b@example.org>", "501"),
                ("MAIL FROM:<%s> FOO=bar" % ME, "555"),
                ("MAIL FROM:<%s> SIZE=x" % ME, "501"),
                ("MAIL FROM:<%s> BODY=FOO" % ME, "501"),
                ("MAIL FROM:<%s> SIZE=200000" % ME, "552 5.3.4"),
                ("MAIL FROM:<%s> SIZE=99999999999999999999" % ME, "5")]:
            got = r.ask(line)
            ok(got.startswith(want), "%s: %s" % (line, got))
    with session(s) as r:
        eq(r.ask("mail from:<%s> body=8bitmime size=10" % ME)[:9],
           "250 2.1.0", "MAIL in lower case with parameters")
        eq(r.ask("MAIL FROM:<%s>" % ME)[:9], "503 5.5.1", "nested MAIL")
        eq(r.ask("RCPT TO:<@x.example:%s>" % ME)[:9], "250 2.1.5",
           "RCPT with a source route")
        eq(r.ask("RCPT TO:<no one@example.org>")[:3], "501", "bad RCPT")
        eq(r.ask("RCPT TO:<>")[:3], "501", "empty RCPT")
        eq(r.ask("RSET")[:3], "250", "RSET")
        eq(r.ask("DATA")[:9], "503 5.5.1", "nothing is left of it")

    # Only refused recipients.
    with session(s) as r:
        r.ask("MAIL FROM:<%s>" % ME)
        eq(r.ask("RCPT TO:<nobody-here@example.org>")[:9], "550 5.1.1",
           "unknown local user: 550 5.1.1")
        got = r.ask("DATA")[:9]
        ok(got in ("554 5.5.1", "503 5.5.1"), "DATA then: " + got)

    # Limits.
    with session(s) as r:
        r.ask("MAIL FROM:<%s>" % ME)
        got = [r.ask("RCPT TO:<%s>" % ME)[:9] for i in range(6)]
        eq(got[:5], ["250 2.1.5"] * 5, "five recipients")
        eq(got[5], "452 4.5.3", "a sixth: 452 4.5.3")
    with session(s) as r:
        eq(to_data(r), "354", "DATA")
        r.send(b"Subject: big\r\n\r\n" + b"x" * 70 * 0 +
               (b"y" * 70 + b"\r\n") * 2000 + b".\r\n")
        eq(r.reply()[:9], "552 5.3.4", "too big: 552 5.3.4")
        eq(to_data(r), "354", "and the session goes on")
        r.send(b"Subject: small\r\n\r\nx\r\n.\r\n")
        eq(r.reply()[:9], "250 2.0.0", "a small one")
    with session(s) as r:
        eq(r.ask("NOOP " + "x" * 3000)[:9], "500 5.5.2", "an overlong line")
        eq(r.ask("NOOP")[:3], "250", "and the session goes on")

    # Line ends in commands.
    for name, data in [("bare LF", b"NOOP\nNOOP\r\n"),
                       ("bare CR", b"NOOP\rNOOP\r\n"),
                       ("NUL", b"NO\0OP\r\n"),
                       ("LF only", b"\n\r\n")]:
        with session(s) as r:
            r.send(data)
            eq(r.reply()[:9], "500 5.5.2", "%s in a command" % name)
            got = r.ask("VRFY x")[:3]
            ok(got in ("252", ""), "and nothing of it was run: " + got)

    # Line ends in messages: what smuggling uses.
    s.wait_queue(0)
    before = len(s.mails("smtpst1"))
    evil = (b"MAIL FROM:<smtpst1@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n"
            b"Subject: evil\r\n\r\nx\r\n.\r\n" % ME.encode())
    for name, end in [("LF.LF", b"\n.\n"), ("LF.CRLF", b"\n.\r\n"),
                      ("CR.CR", b"\r.\r"), ("CRLF.LF", b"\r\n.\n"),
                      ("CRLF.CR", b"\r\n.\r"), ("CR.CRLF", b"\r.\r\n"),
                      ("CRLF NUL .CRLF", b"\r\n\0.\r\n"),
                      ("LF.CR CRLF", b"\n.\r\r\n")]:
        with session(s) as r:
            eq(to_data(r), "354", "DATA for " + name)
            r.send(b"Subject: outer\r\n\r\nx" + end)
            r.sock.settimeout(0.3)
            try:
                early = r.sock.recv(100)
            except (socket.timeout, TimeoutError):
                early = b""
            eq(early, b"", "%s does not end the message" % name)
            r.sock.settimeout(20)
            r.file = r.sock.makefile("rb")
            r.send(evil)
            got = r.reply()[:9]
            eq(got, "550 5.6.0", "and it is refused at its real end")
            got = r.ask("NOOP")[:3]
            ok(got in ("250", ""), "and nothing else is answered: " + got)
    time.sleep(1)
    eq(len(s.mails("smtpst1")), before, "nothing was smuggled")

    # Pipelining: all in one piece, replies in order.
    with session(s) as r:
        group = ("MAIL FROM:<%s>\r\nRCPT TO:<nobody-here@example.org>\r\n"
                 "RCPT TO:<%s>\r\nDATA\r\n" % (ME, ME))
        r.send(group)
        eq([r.reply()[:3] for i in range(4)], ["250", "550", "250", "354"],
           "a pipelined group")
        r.send("Subject: piped\r\n\r\nx\r\n.\r\n" + group)
        eq([r.reply()[:3] for i in range(5)],
           ["250", "250", "550", "250", "354"], "the next behind the dot")
        r.send("Subject: piped\r\n\r\nx\r\n.\r\nNOOP\r\nRSET\r\nQUIT\r\n")
        eq([r.reply()[:3] for i in range(4)], ["250", "250", "250", "221"],
           "and the rest")
    # Byte by byte.
    with session(s) as r:
        for b in (b"MAIL FROM:<%s>\r\n" % ME.encode()):
            r.send(bytes([b]))
        eq(r.reply()[:3], "250", "a command byte by byte")
        r.ask("RCPT TO:<%s>" % ME)
        r.ask("DATA")
        for b in b"Subject: slow\r\n\r\n..x\r\n.\r\n":
            r.send(bytes([b]))
        eq(r.reply()[:3], "250", "a message byte by byte")
    # Closed in the middle.
    with session(s) as r:
        to_data(r)
        r.send("Subject: half\r\n\r\nhalf a mess")
    with session(s) as r:
        to_data(r)
        r.send("Subject: half\r\n\r\n" + ("half a mess\r\n" * 7000))
    ok(s.wait_queue(0), "the queue empties")
    time.sleep(0.5)
    subjects = [re.search(rb"(?m)^Subject: (.*)$", m).group(1)
                for m in s.mails("smtpst1")]
    ok(b"half" not in subjects, "half a message is no message")
    eq(subjects.count(b"piped"), 2, "both pipelined messages arrived")
    eq(subjects.count(b"slow"), 1, "the slow one too")

    # A client that only makes errors.
    with session(s) as r:
        got = ""
        for i in range(40):
            got = r.ask("XYZZY")
            if not got.startswith("500"):
                break
        ok(got[:3] in ("421", ""), "too many errors end the session: " + got)
    # Hop limit.
    with session(s) as r:
        to_data(r)
        r.send("Received: x\r\n" * 150 + "Subject: loop\r\n\r\nx\r\n.\r\n")
        eq(r.reply()[:9], "554 5.4.6", "150 Received lines: a loop")
done()
