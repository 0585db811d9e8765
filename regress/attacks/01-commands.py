"""Attacks in commands: shells, formats, line ends, numbers, addresses.

Numbers are those of the table in README.  Every input goes to an
authenticated session, which gets further into the server than a stranger.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *
from nexthop import NextHop

ME = "smtpst1@example.org"
MAIL = b"MAIL FROM:<%s>" % ME.encode()


def refused(s, n, lines, want, go_on=True):
    """Each of lines (without CRLF) gets want, after MAIL if it is a RCPT."""
    for line in lines:
        with s.session() as r:
            if line[:4].upper() == b"RCPT":
                r.ask(MAIL.decode())
            r.send(line + b"\r\n")
            got = r.reply()
            ok(re.match(want, got), "attack %d: %r gets %s" %
               (n, line[:60], want)) or diag(got)
            if go_on:
                eq(r.ask("NOOP")[:9], "250 2.0.0",
                   "attack %d: and the session goes on" % n)


def taken(s, n, rcpts, hop):
    """Legal addresses that look like programs arrive as they are."""
    before = len(hop.messages)
    with s.session() as r:
        r.ask(MAIL.decode())
        for rcpt in rcpts:
            eq(r.ask("RCPT TO:<%s>" % rcpt)[:9], "250 2.1.5",
               "attack %d: %s is an address" % (n, rcpt))
        r.ask("DATA")
        r.send(b"From: <%s>\r\nSubject: literal\r\n\r\nx\r\n.\r\n" %
               ME.encode())
        eq(r.reply()[:3], "250", "attack %d: accepted" % n)
    ok(until(lambda: sum(len(m.recipients) for m in hop.messages[before:]) >=
             len(rcpts)), "attack %d: and relayed" % n)
    got = sorted(x for m in hop.messages[before:] for x in m.recipients)
    eq(got, sorted(rcpts), "attack %d: to the letter" % n)


def shells(s, hop, marker):
    refused(s, 1, [b"MAIL FROM:<;sleep 66;>", b"MAIL FROM:<;sleep 66;@>",
                   b"MAIL FROM:<$(id)>", b"MAIL FROM:<`id`>"],
            r"501 5\.1\.7 ")
    refused(s, 1, [b"RCPT TO:<$(id)@x.example>", b"RCPT TO:<;id;@x.example>",
                   b"RCPT TO:<a|id@x.example>;id", b"RCPT TO:<|id>",
                   b"RCPT TO:</bin/sh>", b"RCPT TO:<:include:/etc/shadow>",
                   b'RCPT TO:<"$(touch ' + marker.encode() + b')">',
                   b"RCPT TO:<-froot@>"],
            r"(501 5\.1\.3|501 5\.5\.4|550 5\.1\.[13]) ")
    taken(s, 1, ['"$(touch %s)"@x.example' % marker,
                 '";touch %s;"@x.example' % marker,
                 "`touch`@x.example", "-froot@x.example",
                 "|touch@x.example"], hop)
    taken(s, 8, ["${run{/bin/true}}@x.example".replace("/", "%"),
                 "${run{/bin/touch}}@x.example", "%s%n%x@x.example",
                 "{@x.example", "}@x.example", "%{dest.user}@x.example",
                 "$h$u@x.example"], hop)
    refused(s, 8, [b"RCPT TO:<${run{/bin/touch %s}}@localhost>" %
                   marker.encode(), b"RCPT TO:<%n%n%n%n@localhost>",
                   b"RCPT TO:<%s%s%s%s@example.org>"],
            r"(501 5\.1\.3|550 5\.1\.1) ")
    ok(not os.path.exists(marker), "attack 1, attack 8: nothing was run")


def quotes(s):
    refused(s, 9, [b'MAIL FROM:<"a\\', b'MAIL FROM:<"a\\>',
                   b'MAIL FROM:<"a\\"@x.example>', b"MAIL FROM:<a\\@x.example>",
                   b'MAIL FROM:<"' + b"\\" * 300], r"50[01] ")


def lengths(s):
    for n in [4096, 16384, 65536]:
        for line in [b"EHLO " + b"A" * n, b"HELO " + b"A" * n,
                     MAIL + b" " + b"A" * n,
                     b"MAIL FROM:<" + b"A" * n + b"@x.example>",
                     b"A" * n]:
            with s.session() as r:
                r.send(line + b"\r\n")
                eq(r.reply()[:9], "500 5.5.2",
                   "attack 10: %r and %d bytes" % (line[:10], n))
                eq(r.ask("NOOP")[:3], "250", "attack 10: one reply to it")
    for n in [255, 256, 300, 1000]:
        with s.session() as r:
            got = r.ask("EHLO " + "A" * n)
            ok(got[:3] in ("250", "501"), "attack 10: EHLO of %d: %s" %
               (n, got[:3]))
            ok(len(got) < 2000, "attack 10: its reply is bounded")


def parameters(s):
    refused(s, 13, [MAIL + b" AUTH=x+0Aevil", MAIL + b" AUTH=x+0D+0Aevil"],
            r"501 ")
    refused(s, 13, [MAIL + b' ="', MAIL + b" =", MAIL + b" ==",
                    MAIL + b" SIZE=\\", MAIL + b" AUTH=", MAIL + b" =AUTH",
                    MAIL + b" AUTH=x+", MAIL + b" AUTH=x+0",
                    MAIL + b" AUTH=x+0a", MAIL + b" AUTH=x+ZZ",
                    MAIL + b" AUTH=a=b", MAIL + b' BODY="8BITMIME"',
                    b"MAIL FROM:<a@b", b"MAIL FROM:<a@b> AUTH",
                    b"MAIL FROM:<@", b"MAIL FROM:<@x:", b"MAIL FROM:<@x,@y:>",
                    b"MAIL FROM:<>x", b"MAIL", b"MAIL FROM:", b"MAIL ="],
            r"(501|555|500) ")


def controls(s):
    refused(s, 24, [b"MAIL FROM:<a\rb@x.example>",
                    b"MAIL FROM:<a@x.example>\rRSET",
                    b"NOOP \nQUIT"], r"500 5\.5\.2 ", go_on=False)
    refused(s, 24, [b"MAIL FROM:<a\x1bb@x.example>",
                    b"MAIL FROM:<a\tb@x.example>",
                    b"MAIL FROM:<\x7f@x.example>",
                    b'MAIL FROM:<"a\x01"@x.example>',
                    MAIL + b" ENVID=a+0Ab\x01", MAIL + b" AUTH=\x1b",
                    b"RCPT TO:<%s> ORCPT=rfc822;a\x1bb" % ME.encode(),
                    b"EHLO a\x1b[2J", b"EHLO a b\"c", b"EHLO a;event=login"],
            r"(500|501|553|555) ")
    # xtext that holds a line end never becomes a line of its own.
    evil = "a+0D+0AX-Evil:+20yes"
    for mail, rcpt in [(" ENVID=" + evil, ""), (" AUTH=" + evil, ""),
                       ("", " ORCPT=rfc822;" + evil),
                       ("", " ORCPT=rfc822;a+0AX-Evil:+20yes"),
                       ("", " ORCPT=x+0D+0AX-Evil:+20yes;a")]:
        with s.session() as r:
            got = r.ask(MAIL.decode() + mail)
            if not mail:
                eq(got[:3], "250", "attack 24: MAIL")
                got = r.ask("RCPT TO:<%s> NOTIFY=SUCCESS%s" % (ME, rcpt))
            eq(got[:3], "501", "attack 24: %s" % (mail or rcpt))
            r.ask(MAIL.decode())
            eq(r.ask("RCPT TO:<%s>" % ME)[:3], "250", "attack 24: without")
            r.ask("DATA")
            r.send(b"From: <%s>\r\nSubject: xtext\r\n\r\nx\r\n.\r\n" %
                   ME.encode())
            eq(r.reply()[:3], "250", "attack 24: accepted")
    mails = s.wait_mail(5) or []
    eq([m for m in mails if b"Evil" in m or b"evil" in m], [],
       "attack 24: nothing of xtext is in %d messages" % len(mails))
    eq(len(mails), 5, "attack 24: all came")


def nuls(s):
    for line in [b"NO\0OP", b"MAIL FROM:<smtpst1\0@example.org>",
                 MAIL + b"\0", b"RCPT TO:<%s>\0" % ME.encode(), b"\0",
                 b"EHLO a\0b", b"AUTH PLAIN \0"]:
        with s.session() as r:
            if line[:4] == b"RCPT":
                r.ask(MAIL.decode())
            r.send(line + b"\r\n")
            eq(r.reply()[:9], "500 5.5.2", "attack 25: %r" % line)
            eq(r.ask("VRFY x")[:3], "252", "attack 25: one reply to it")


def numbers(s):
    refused(s, 26, [MAIL + b" SIZE=" + x for x in
                    [b"-1", b"0x10", b"1e9", b"", b"1 SIZE=2", b"+1", b"1.0",
                     b"\xd9\xa1", b"1,000", b"0" * 21]] +
            [MAIL + b" SIZE", MAIL + b" SIZE =1"],
            r"(501|500|555|553) ")
    refused(s, 26, [MAIL + b" SIZE=" + x for x in
                    [b"18446744073709551616", b"18446744073709551615",
                     b"9223372036854775808", b"4294967296",
                     b"99999999999999999999"]], r"552 5\.3\.4 ")
    with s.session() as r:
        eq(r.ask(MAIL.decode() + " SIZE=00000000000000000010")[:3], "250",
           "attack 26: leading zeros are digits")


def utf8(s):
    """Malformed UTF-8; label lengths."""
    for name, bad in [("stray continuation", b"\x80"), ("cut", b"\xc3"),
                      ("overlong /", b"\xc0\xaf"),
                      ("overlong NUL", b"\xe0\x80\x80"),
                      ("surrogate", b"\xed\xa0\x80"),
                      ("above 10FFFF", b"\xf4\x90\x80\x80"),
                      ("five bytes", b"\xf8\x88\x80\x80\x80"),
                      ("latin 1", b"\xe9"), ("FF", b"\xff\xfe"),
                      ("C1 control", b"\xc2\x85"), ("1,000", b"\xe2\x82" * 20)]:
        for line in [b"MAIL FROM:<a%sb@x.example> SMTPUTF8",
                     b"MAIL FROM:<a@x%sy.example> SMTPUTF8",
                     b'MAIL FROM:<"a%s"@x.example> SMTPUTF8']:
            with s.session() as r:
                r.send(line % bad + b"\r\n")
                got = r.reply()[:3]
                ok(got in ("501", "555", "500"), "attack 15: %s in %r: %s" %
                   (name, line[10:-9], got))
    refused(s, 15, [b"MAIL FROM:<a@%s.example>" % (b"x" * 64),
                    b"MAIL FROM:<a@%s.example>" % (b"x" * 255),
                    b"MAIL FROM:<a@x\\032y.example>",
                    b"MAIL FROM:<a@%sexample>" % (b"x." * 130),
                    b"MAIL FROM:<a@-x.example>", b"MAIL FROM:<a@x..example>"],
            r"501 5\.1\.7 ")


hop = NextHop()
marker = "/tmp/smtpsd-attack.%d" % os.getpid()
# Refusals of one session are counted, not their pace over all.
with Server(extra="limit message-size 1M\n") as s:
    pids = s.children()
    shells(s, hop, marker)
    quotes(s)
    lengths(s)
    parameters(s)
    controls(s)
    nuls(s)
    numbers(s)
    utf8(s)
    ok(set(pids) <= set(s.children()), "attack 10: the same processes as before")
done()
