"""Attacks in messages and by their number: BDAT, sizes, loops, bounces.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *
from nexthop import NextHop

ME = "smtpst1@example.org"
HEAD = b"From: <%s>\r\nSubject: x\r\n" % ME.encode()
MAX = 200 << 10                 # bytes of a message


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def memory(s):
    """KiB of the processes that see a message."""
    return sum(rss(p) for name in ["net", "policy", "queue"]
               for p in s.children(name))


def begin(r, rcpt=ME):
    r.ask("MAIL FROM:<%s>" % ME)
    r.ask("RCPT TO:<%s>" % rcpt)


def bdat(s):
    """Sizes that are none, and floods of chunks."""
    for size in ["4294967296", "-1", "18446744073709551616", "0x10", "1e3", "",
                 "+1", "1 LAST LAST", "1 FIRST", "LAST", "1,0", "0 LAST x",
                 "999999999999999999999999", "18446744073709551615 LAST"]:
        with s.session() as r:
            begin(r)
            got = r.ask("BDAT " + size)
            ok(got[:3] in ("501", "552", "500"),
               "attack 26: BDAT %s: %s" % (size, got))
    before = memory(s)
    for chunk, name in [(b"BDAT 0\r\n", "0"), (b"BDAT 2\r\n\r\n", "2")]:
        with s.session() as r:
            begin(r)
            r.send(b"BDAT %d\r\n" % len(HEAD + b"\r\n") + HEAD + b"\r\n")
            eq(r.reply()[:3], "250", "attack 21: a header")
            r.sock.settimeout(20)
            sent = 0
            try:
                while sent < 1000000:
                    r.send(chunk * 500)
                    sent += 500
                    got = {r.reply()[:3] for i in range(500)}
                    if got - {"250"}:
                        break
            except OSError:
                got = {"closed"}
            ok(sent < 1000000, "attack 21: %d of BDAT %s, then %s" %
               (sent, name, " ".join(sorted(got))))
    grown = memory(s) - before
    ok(grown < 16384, "attack 21: memory grew by %d KiB" % grown)
    for data in [b"BDAT 1\r\n", b"BDAT 10\r\nSub", b"BDAT 5 LAST\r\nSu",
                 b"BDAT 1\r\nS"]:
        with s.session() as r:
            begin(r)
            r.send(data)
    with s.session() as r:
        begin(r)
        data = HEAD + b"\r\nx\r\n.\r\nQUIT\r\n"
        r.send(b"BDAT %d\r\n" % len(data) + data + b"NOOP\r\nRSET\r\nVRFY x"
               b"\r\n")
        eq([r.reply()[:3] for i in range(4)], ["250", "250", "250", "252"],
           "attack 13: a dot in a chunk is data, and so is what follows")


def smuggling(s, hop):
    """A chunk may hold any bytes: none may end a message at a next hop that
    is spoken to with DATA."""
    before = len(hop.messages)
    for end in [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r",
                b"\r.\r\n", b"\r\n\0.\r\n", b"\n.\r\r\n", b"\r\n.\r\n"]:
        for mail in ["", " BODY=8BITMIME", " BODY=BINARYMIME"]:
            data = (HEAD + b"\r\nouter" + end + b"MAIL FROM:<ceo@example.com>"
                    b"\r\nRCPT TO:<a@far.example>\r\nDATA\r\nevil\r\n.\r\n")
            with s.session() as r:
                r.ask("MAIL FROM:<%s>%s" % (ME, mail))
                r.ask("RCPT TO:<a@far.example>")
                r.send(b"BDAT %d LAST\r\n" % len(data) + data)
                got = r.reply()[:9]
                clean = end == b"\r\n.\r\n"
                ok(got[:3] == "250" if clean or "BINARY" in mail else
                   got == "550 5.6.0", "attack 18: BDAT%s with %r: %s" %
                   (mail, end, got))
    ok(s.wait_queue(0), "attack 18: the queue empties")
    got = hop.messages[before:]
    ok(len(got) >= 2, "attack 18: %d went out" % len(got))
    eq({m.sender for m in got}, {ME} , "attack 18: each from its sender")
    ok(all(b"evil" in m.data and b"outer" in m.data for m in got),
       "attack 18: none was cut")
    ok(not [c for c in hop.commands if "ceo@" in c[1]],
       "attack 18: nothing was smuggled to the next hop")


def recipients(s):
    """2^16 recipients in one transaction, pipelined."""
    codes = {}
    with s.session() as r:
        r.ask("MAIL FROM:<%s>" % ME)
        left = 65536 + 2
        try:
            while left > 0:
                n = min(left, 512)
                r.send(b"RCPT TO:<%s>\r\n" % ME.encode() * n)
                left -= n
                for i in range(n):
                    got = r.reply()[:9]
                    codes[got] = codes.get(got, 0) + 1
                if codes.get(""):
                    break
        except OSError:
            codes["closed"] = 1
        diag(codes)
    eq(codes.get("250 2.1.5"), 1000, "attack 13, attack 33: 1000 recipients")
    ok(codes.get("452 4.5.3", 0) > 0, "attack 33: then 452 4.5.3")
    with s.session() as r:
        r.ask("MAIL FROM:<%s>" % ME)
        eq(r.ask("RCPT TO:<%s>" % ME)[:3], "250", "attack 13: and on it goes")


def nuls(s):
    """Refused by DATA; in a binary message kept, and counted."""
    for where, data in [("header", HEAD + b"X: a\0b\r\n\r\nx\r\n"),
                        ("name", HEAD + b"X\0Y: a\r\n\r\nx\r\n"),
                        ("body", HEAD + b"\r\nx\0y\r\n"),
                        ("last byte", HEAD + b"\r\nx\r\n\0"),
                        ("line of its own", HEAD + b"\r\nx\r\n\0\r\n")]:
        with s.session() as r:
            begin(r)
            r.ask("DATA")
            r.send(data + b"\r\n.\r\n")
            eq(r.reply()[:9], "550 5.6.0", "attack 25: NUL in DATA: " + where)
    data = HEAD + b"\r\nx\0y\0\0z\r\n"
    with s.session() as r:
        r.ask("MAIL FROM:<%s> BODY=BINARYMIME SIZE=%d" % (ME, len(data)))
        r.ask("RCPT TO:<%s>" % ME)
        r.send(b"BDAT %d LAST\r\n" % len(data) + data)
        got = r.reply()
        if got[:3] != "250":
            ok(got[:3] in ("550", "554"), "attack 25: binary: " + got)
            return
    got = until(lambda: [m for m in s.mails() if b"x\0y" in m]) or []
    eq(len(got), 1, "attack 25: a binary message is delivered")
    ok(got and got[0].endswith(data),
       "attack 25: with each of its NULs")


def lies(s):
    """SIZE=10 and then more than is allowed."""
    spool = s.dir + "/spool"

    def used():
        return int(run("du", "-sk", spool).text.split()[0])
    before, disk = memory(s), used()
    with s.session() as r:
        eq(r.ask("MAIL FROM:<%s> SIZE=10" % ME)[:3], "250", "attack 27: SIZE=10")
        r.ask("RCPT TO:<%s>" % ME)
        r.ask("DATA")
        r.send(HEAD + b"\r\n")
        for i in range(512):
            r.send((b"y" * 62 + b"\r\n") * 1024)
        diag("disk %d, memory %d KiB" % (used() - disk, memory(s) - before))
        ok(used() - disk < 4 * MAX // 1024 + 8192,
           "attack 27: the disk holds no more than a message may have")
        ok(memory(s) - before < 16384, "attack 27: nor does memory")
        r.send(b".\r\n")
        eq(r.reply()[:9], "552 5.3.4", "attack 27: refused at its end")
        eq(r.ask("NOOP")[:3], "250", "attack 27: the session goes on")
    with s.session() as r:
        begin(r)
        r.send(b"BDAT 1000000000 LAST\r\n")
        eq(r.reply()[:3], "552", "attack 27: a chunk that is too large")


def lines(s):
    """Long lines, many fields: refused, and in linear time."""
    def take(data, blocks):
        with s.session() as r:
            begin(r)
            r.ask("DATA")
            r.send(HEAD)
            start = time.monotonic()
            for i in range(blocks):
                r.send(data)
            r.send(b"\r\n\r\nx\r\n.\r\n")
            got = r.reply()[:9]
            return got, time.monotonic() - start

    for name, data, want in [
            ("one line", b"X: y" + b"z" * 65532, "55[02] 5\\.[36]"),
            ("fields", b"X: y\r\n" * 10000, "552 5\\.[36]"),
            ("folded lines", b" y\r\n" * 16000, "552 5\\.[36]"),
            ("blanks", b"X:" + b" " * 65000 + b"\r\n", "55[02] 5\\.[36]"),
            ("parentheses", b"X: " + b"(" * 900 + b"\r\n", "552 5\\.[36]")]:
        before = memory(s)
        got, one = take(data, 100 if len(data) > 5000 else 5000)
        ok(re.match(want, got), "attack 32: %s: %s" % (name, got))
        got, four = take(data, 400 if len(data) > 5000 else 20000)
        ok(four < 12 * one + 0.5, "attack 32: %s: %.2f s, four times as many "
           "%.2f s" % (name, one, four))
        ok(memory(s) - before < 16384, "attack 32: %s: memory stays" % name)
    # Within the limits, what a parser of addresses must chew.
    for name, field in [("comments", b"From: " + b"(" * 900 + b"\r\n"),
                        ("quotes", b"From: " + b'"' * 900 + b"\r\n"),
                        ("folds", b"From:" + b"\r\n (a)" * 5000 + b"\r\n"),
                        ("backslashes", b'From: "' + b"\\" * 901 + b"\r\n"),
                        ("angles", b"From: " + b"<" * 900 + b"\r\n"),
                        ("groups", b"From: " + b"a:" * 400 + b"\r\n")]:
        with s.session() as r:
            begin(r)
            r.ask("DATA")
            start = time.monotonic()
            r.send(field + b"\r\nx\r\n.\r\n")
            got = r.reply()[:9]
            ok(re.match("55[0-9] 5\\.[67]", got) and
               time.monotonic() - start < 5, "attack 32: %s: %s" % (name, got))


def rules(s):
    """Patterns that make a backtracking matcher slow."""
    for local in ["a" * 60, "a." * 30 + "a", "-" * 62, "+" * 62]:
        with s.session() as r:
            r.ask("MAIL FROM:<%s>" % ME)
            start = time.monotonic()
            got = r.ask("RCPT TO:<%s@%s.example>" % (local, ".".join(
                ["a" * 60] * 3)))
            ok(got[:3] in ("250", "550") and time.monotonic() - start < 2,
               "attack 34: %s...: %s" % (local[:4], got[:9]))


def loops(s, hop):
    for n, want in [(20, "250"), (101, "554 5.4.6")]:
        with s.session() as r:
            begin(r)
            r.ask("DATA")
            r.send(b"Received: from a by b; x\r\n" * n + HEAD +
                   b"\r\nx\r\n.\r\n")
            ok(r.reply().startswith(want), "attack 28: %d Received: %s" %
               (n, want))


def backscatter(s, hop):
    """Bounces go to the sender that policy allowed, or nowhere."""
    before = len(s.mails())
    hop.fail("rcpt", 550)
    with s.session() as r:
        eq(r.ask("MAIL FROM:<victim@far.example>")[:9], "553 5.7.1",
           "attack 29: somebody else as sender")
        for sender in [ME, ""]:
            got = r.ask("MAIL FROM:<%s>" % sender)
            if got[:3] != "250":
                ok(not sender, "attack 29: MAIL FROM:<%s>: %s" % (sender, got))
                continue
            r.ask("RCPT TO:<gone@far.example>")
            r.ask("DATA")
            r.send(HEAD + b"Reply-To: <victim@far.example>\r\n"
                   b"Return-Path: <victim@far.example>\r\n"
                   b"Errors-To: <victim@far.example>\r\n"
                   b"Disposition-Notification-To: <victim@far.example>\r\n"
                   b"\r\nx\r\n.\r\n")
            eq(r.reply()[:3], "250", "attack 29: accepted from <%s>" % sender)
    ok(until(lambda: len(s.mails()) > before), "attack 29: one bounce")
    ok(s.wait_queue(0), "attack 29: the queue empties")
    bounces = [m for m in s.mails()[before:] if b"gone@far" in m]
    eq(len(bounces), 1, "attack 29: one bounce, none for the null sender")
    ok(all(m.sender != "" for m in hop.messages) and
       not [c for c in hop.commands if "victim" in c[1]],
       "attack 29: none to addresses of the header")
    hop.ok()


hop = NextHop()
with Server(extra="limit message-size %d\n" % MAX) as s:
    pids = [p for p in s.children() if process_name(p) in CHILDREN]
    bdat(s)
    smuggling(s, hop)
    recipients(s)
    nuls(s)
    lies(s)
    lines(s)
    rules(s)
    loops(s, hop)
    backscatter(s, hop)
    ok(set(pids) <= set(s.children()), "attack 32: the same processes as before")
done()
