"""SMTP extensions: CHUNKING, BINARYMIME, SMTPUTF8, DSN, REQUIRETLS, LIMITS,
SIZE, AUTH=; exact bytes in, exact message out."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

ME = "smtpst1@example.org"
# Not in a home: other cases may run.
TOP_DIR = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(TOP_DIR, 0o755)
BOX = TOP_DIR + "/mail/smtpst1"
VIRTUAL = ('action "local" maildir "%s/mail/%%{{dest.user}}" user smtpst3 '
           'alias <aliases>\n' % TOP_DIR).replace("{{", "{").replace("}}", "}")
RULES = 'match from auth for domain <domains> action "local"\n'
MAIL = "MAIL FROM:<%s>" % ME
RCPT = "RCPT TO:<%s>" % ME
PLAIN_PORT = 10587              # of a submission listener
CONF = ("limit message-size 100K\nlimit errors 100\n")
arrived = 0


def session(s):
    r = s.raw()
    r.ask("EHLO client.example.com")
    r.login()
    return r


def bdat(r, data, last=False):
    r.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
    return r.reply()


def begin(r, params="", rcpt=""):
    got = r.ask(MAIL + params)
    if got[:3] != "250":
        return got
    return r.ask(RCPT + rcpt)


def newest(s):
    """The message that has arrived since the last call."""
    global arrived
    mails = s.wait_mail(arrived + 1, directory=BOX)
    if not mails:
        return b""
    arrived += 1
    paths = glob.glob(BOX + "/new/*")
    with open(max(paths, key=os.path.getmtime), "rb") as f:
        return f.read()


def content(mail):
    """What the client sent of it: behind the fields that are added."""
    at = mail.find(b"Subject:")
    return mail[at:] if at >= 0 else mail


def nothing_left(r, name):
    """RFC 3030: after a refused BDAT only RSET helps."""
    for line in [MAIL, RCPT, "DATA", "BDAT 0", "BDAT 0 LAST"]:
        eq(r.ask(line)[:3], "503", "%s: then %s" % (name, line))
    eq(r.ask("RSET")[:3], "250", "%s: RSET" % name)
    eq(r.ask("DATA")[:3], "503", "%s: nothing is left" % name)
    eq(r.ask(MAIL)[:3], "250", "%s: and MAIL works" % name)
    r.ask("RSET")


def chunking(s):
    text = b"Subject: chunks\r\n\r\n.\r\n..two\r\n" + b"x" * 998 + b"\r\nend\r\n"
    with session(s) as r:
        begin(r)
        r.ask("DATA")
        r.send(text.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        eq(r.reply()[:3], "250", "by DATA")
        by_data = content(newest(s))
        eq(by_data, text.replace(b"\r\n", b"\n"), "DATA: the exact bytes")
        begin(r)
        eq(bdat(r, text, True)[:9], "250 2.0.0", "one chunk")
        eq(content(newest(s)), by_data, "BDAT gives the same as DATA")
        for size in [1, 7, 500]:
            begin(r)
            out = b""
            n = 0
            for at in range(0, len(text), size):
                piece = text[at:at + size]
                if size == 1 and n > 900:
                    piece = text[at:]
                out += b"BDAT %d\r\n" % len(piece) + piece
                n += 1
                if size == 1 and n > 901:
                    break
            r.send(out + b"BDAT 0 LAST\r\n")
            got = [r.reply()[:3] for i in range(n + 1)]
            eq(set(got), {"250"}, "pipelined chunks of %d" % size)
            eq(content(newest(s)), by_data, "give the same")
        # All in one piece, with the next transaction behind.
        r.send(MAIL + "\r\n" + RCPT + "\r\nbdat 9 last\r\nSubject: " +
               MAIL + "\r\n" + RCPT + "\r\nBDAT 12\r\nSubject: y\r\n"
               "BDAT 000003 LAST\r\nQUI" "NOOP\r\n")
        eq([r.reply()[:3] for i in range(8)],
           ["250"] * 8, "pipelined with MAIL and RCPT")
        eq(sorted([content(newest(s)), content(newest(s))])[0][:9],
           b"Subject: ", "a header without a line end")
        begin(r)
        eq(bdat(r, b"", True)[:3], "250", "an empty message")
        eq(newest(s).count(b"Received:"), 1, "has its trace")
        begin(r)
        eq(bdat(r, b"Subject: end\r\n\r\nno line end", True)[:3], "250",
           "a last line without an end")
        eq(content(newest(s)), b"Subject: end\n\nno line end\n", "gets one")
        # Octets that look like commands are octets.
        begin(r)
        evil = b"Subject: evil\r\n\r\nRSET\r\nMAIL FROM:<x@y>\r\n.\r\nQUIT\r\n"
        eq(bdat(r, evil)[:3], "250", "octets that look like commands")
        eq(bdat(r, b"", True)[:3], "250", "are octets")
        eq(content(newest(s)), evil.replace(b"\r\n", b"\n"), "all of them")


def refused_chunks(s):
    for line in ["BDAT", 'BDAT ""', "BDAT LAST", "BDAT 0 FIRST",
                 "BDAT 0 LAST LAST"]:
        with session(s) as r:
            eq(r.ask(line)[:9] in ("501 5.5.4", "503 5.5.1"), True,
               "%s without MAIL" % line)
            begin(r)
            eq(r.ask(line)[:9], "501 5.5.4", line)
            nothing_left(r, line)
    # A size that another server may read: its octets are no commands.
    for line in ["BDAT -6", "BDAT +6", "BDAT 0x6", "BDAT 6e0", "BDAT 6LAST",
                 "BDAT\t6", "BDAT 6\tLAST", "BDAT 6\nNOOP",
                 "BDAT 6 \rLAST", "BDAT 6 " + "x" * 3000]:
        with session(s) as r:
            begin(r)
            r.send(line.encode() + b"\r\nNOOP\r\n")
            eq(r.reply()[:2], "50", repr(line[:20]))
            eq(r.reply(), "", "it closes")
    with session(s) as r:
        eq(bdat(r, b"NOOP\r\nXYZZY\r\n", True)[:9], "503 5.5.1",
           "BDAT without MAIL")
        eq(r.ask("NOOP")[:3], "250", "its octets are dropped")
        begin(r)
        r.send("BDAT 6 now\r\nXYZZY\n")
        eq(r.reply()[:9], "501 5.5.4", "a word that is not LAST")
        nothing_left(r, "bad word")
        r.ask(MAIL)
        eq(bdat(r, b"NOOP\r\n")[:9], "554 5.5.1", "BDAT without RCPT")
        nothing_left(r, "no RCPT")
        for name, octets in [("bare LF", b"a\nb\r\n"), ("bare CR", b"a\rb\r\n"),
                             ("NUL", b"a\0b\r\n")]:
            begin(r)
            eq(bdat(r, b"Subject: bad\r\n\r\n" + octets)[:9], "550 5.6.0",
               "%s in a chunk" % name)
            nothing_left(r, name)
        begin(r)
        eq(bdat(r, b"Subject: bad\r\n\r\nx\r")[:3], "250", "a CR at the end")
        eq(bdat(r, b"\ny\r\n", True)[:3], "250", "whose LF comes next")
        eq(content(newest(s)), b"Subject: bad\n\nx\ny\n", "is a line end")
        begin(r)
        eq(bdat(r, b"Subject: bad\r\n\r\nx\r", True)[:9], "550 5.6.0",
           "a CR at the very end")
        eq(r.ask(MAIL)[:3], "250", "the message is over, MAIL works")
        r.ask(RCPT)
        eq(bdat(r, b"Subject: long\r\n\r\n" + b"x" * 999 + b"\r\n")[:9],
           "550 5.6.0", "a line of 999")
        nothing_left(r, "long line")
        begin(r)
        eq(bdat(r, b"Subject: x\r\n")[:3], "250", "one chunk")
        eq(r.ask(RCPT)[:3], "503", "RCPT between chunks")
        eq(r.ask(MAIL)[:3], "503", "MAIL between chunks")
        eq(r.ask("DATA")[:3], "503", "DATA between chunks")
        nothing_left(r, "DATA after BDAT")
        # Pipelined behind a refused one: none of the octets is a command.
        begin(r)
        r.send(b"BDAT 5\r\na\0b\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"
               b"NOOP\r\n")
        eq([r.reply()[:3] for i in range(4)], ["550", "503", "503", "250"],
           "chunks behind a refused one")
        r.ask("RSET")
    # Too big: at once, the octets dropped.
    with session(s) as r:
        begin(r)
        r.send("BDAT 200000 LAST\r\n")
        eq(r.reply()[:9], "552 5.3.4", "more than message-size")
        r.send(b"QUIT\r\n" * 33333 + b"XX")
        eq(r.ask("NOOP")[:3], "250", "exactly that many are dropped")
        begin(r)
        eq(bdat(r, b"Subject: x\r\n\r\n" + b"x\r\n" * 20000)[:3], "250",
           "60000 octets")
        eq(bdat(r, b"x\r\n" * 20000)[:9], "552 5.3.4", "60000 more: too big")
        nothing_left(r, "too big")
        begin(r)
        eq(r.ask("BDAT 4294967296")[:9], "552 5.3.4", "BDAT 4294967296")
    for n in ["18446744073709551616", "9223372036854775808", "9" * 100]:
        with session(s) as r:
            begin(r)
            eq(r.ask("BDAT " + n)[:9], "552 5.3.4", "BDAT " + n[:30])
            eq(r.reply(), "", "and it closes")
    # Closed in the middle.
    for last in [b"", b" LAST"]:
        with session(s) as r:
            begin(r)
            r.send(b"BDAT 100%s\r\nSubject: half\r\n\r\n" % last)
    with session(s) as r:
        begin(r)
        bdat(r, b"Subject: half\r\n\r\n")
        r.sock.unwrap()
    # Before AUTH and before EHLO octets are octets, too.
    with s.raw() as r:
        eq(bdat(r, b"XYZZY\r\n")[:3], "503", "BDAT before EHLO")
        r.ask("EHLO x")
        eq(bdat(r, b"XYZZY\r\n")[:9], "530 5.7.0", "BDAT before AUTH")
        eq(r.ask("NOOP")[:3], "250", "octets dropped")
        r.login()
        r.ask("HELO x")
        begin(r)
        eq(bdat(r, b"XYZZY\r\n")[:3], "503", "BDAT after HELO")


def floods(s):
    for line in ["BDAT 0\r\n", "BDAT 1\r\nx"]:
        with session(s) as r:
            begin(r)
            before = rss(s)
            data = (line * 1000).encode()
            sent = 0
            try:
                r.sock.settimeout(1)
                while sent < 1000000:
                    r.sock.sendall(data)
                    sent += 1000
            except (OSError, ssl.SSLError):
                pass
            r.sock.settimeout(30)
            got = ""
            n = 0
            while True:
                last = r.reply()
                if not last:
                    break
                got = last
                n += 1
            ok(got.startswith("421") or n == 0,
               "%d x %r: %d answers, then %s" % (sent, line, n, got))
            ok(n < 2000, "a limit ends it")
            ok(rss(s) - before < 4 << 10, "in bounded memory")


def rss(s):
    """KiB of the net process."""
    with open("/proc/%d/status" % s.children("net")[0]) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def binary(s):
    body = bytes(range(256)) * 20 + b"\n\r\0\r\n.\r\n" + b"x" * 5000
    with session(s) as r:
        begin(r, " BODY=BINARYMIME")
        text = b"Subject: binary\r\n\r\n" + body
        eq(bdat(r, text[:30])[:3], "250", "BINARYMIME")
        eq(bdat(r, text[30:], True)[:3], "250", "any bytes")
        got = newest(s).split(b"\r\n\r\n", 1)[-1]
        ok(got == body, "arrive as they were sent")
        begin(r, " BODY=BINARYMIME")
        eq(r.ask("DATA")[:9], "503 5.5.1", "DATA with BINARYMIME")
        nothing_left(r, "DATA with BINARYMIME")
        begin(r, " BODY=BINARYMIME")
        eq(bdat(r, b"Subject: a\nX: b\r\n\r\n", True)[:9], "550 5.6.0",
           "a header with a bare LF is refused all the same")


def utf8(s):
    with session(s) as r:
        for sender, params, want in [
                ("j\u00f6rg@example.org", "", "553 5.6.7"),
                ("j\u00f6rg@example.org", " SMTPUTF8=1", "501 5.5.4"),
                ("smtpst1@ex\u00e4mple.org", "", "553 5.6.7"),
                (ME, " SMTPUTF8 SMTPUTF8", "501 5.5.4")]:
            eq(r.ask("MAIL FROM:<%s>%s" % (sender, params))[:9], want,
               "MAIL FROM %s%s" % (sender, params))
        for name, raw in [("cut", b"j\xc3@example.org"),
                          ("overlong", b"j\xc0\xaf@example.org"),
                          ("surrogate", b"j\xed\xa0\x80@example.org"),
                          ("above 10FFFF", b"j\xf5\x80\x80\x80@example.org"),
                          ("C1 control", b"j\xc2\x85@example.org"),
                          ("latin-1", b"j\xf6rg@example.org")]:
            r.send(b"MAIL FROM:<" + raw + b"> SMTPUTF8\r\n")
            eq(r.reply()[:9], "501 5.1.7", "malformed UTF-8: " + name)
        eq(r.ask("VRFY j\u00f6rg@example.org")[:9], "553 5.6.7",
           "VRFY without SMTPUTF8")
        got = r.ask("VRFY j\u00f6rg@example.org SMTPUTF8")
        eq(got[:3], "252", "VRFY with it")
        r.send(b"VRFY j\xf6rg SMTPUTF8\r\n")
        eq(r.reply()[:3], "501", "VRFY with malformed UTF-8")
        r.ask(MAIL)
        got = r.ask("RCPT TO:<j\u00f6rg@example.org>")
        eq(got[:9], "553 5.6.7", "RCPT of a transaction without SMTPUTF8")
        ok(got.isascii(), "in ASCII")
        r.ask("RSET")
        eq(r.ask(MAIL + " SMTPUTF8 BODY=8BITMIME")[:3], "250", "MAIL")
        eq(r.ask("RCPT TO:<j\u00f6rg@example.org>")[:3], "250",
           "RCPT with UTF-8: an alias")
        got = r.ask("RCPT TO:<n\u00f6@ex\u00e4mple.example>")
        eq(got[:9], "550 5.7.1", "one of a domain that is not ours")
        text = "Subject: gr\u00fc\u00dfe\r\n\r\nx\r\n".encode()
        eq(bdat(r, text, True)[:3], "250", "a message with 8-bit fields")
        got = newest(s)
        ok(b" with UTF8SMTPSA id " in got, "UTF8SMTPSA in its trace")
        ok("for <j\u00f6rg@example.org>".encode() in got, "and its recipient")
        eq(content(got), text.replace(b"\r\n", b"\n"), "kept as it was")
        r.ask("HELO x")
        eq(r.ask(MAIL + " SMTPUTF8")[:9], "555 5.5.4", "after HELO: 555")
    with s.client() as c:
        c.sendmail(ME, [ME], b"Subject: lib\r\n\r\nx\r\n",
                   mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    ok(content(newest(s)) == b"Subject: lib\n\nx\n", "smtplib with SMTPUTF8")


def dsn(s):
    with session(s) as r:
        for params, want in [
                (" RET=FULL ENVID=QQ314159", "250"), (" RET=HDRS", "250"),
                (" ret=hdrs envid=a+2Bb+3D", "250"),
                (" ENVID=" + "x" * 100, "250"),
                (" ENVID=" + "x" * 101, "501 5.5.4"),
                (" RET=SOME", "501 5.5.4"), (" RET", "501 5.5.4"),
                (" RET=FULL RET=FULL", "501 5.5.4"),
                (" ENVID=a ENVID=a", "501 5.5.4"),
                (" ENVID=", "501 5.5.4"), (" ENVID=a+0Ab", "501 5.5.4"),
                (" ENVID=a+0D+0ABcc:+20x", "501 5.5.4"),
                (" ENVID=a+", "501 5.5.4"), (" ENVID=a+2", "501 5.5.4"),
                (" ENVID=a+2b", "501 5.5.4"), (" ENVID=a=b", "501 5.5.4"),
                (" NOTIFY=NEVER", "555 5.5.4")]:
            eq(r.ask(MAIL + params)[:len(want)], want, "MAIL" + params[:40])
            r.ask("RSET")
        r.ask(MAIL)
        for params, want in [
                (" NOTIFY=NEVER", "250"), (" NOTIFY=SUCCESS,FAILURE,DELAY", "250"),
                (" NOTIFY=never,delay", "501 5.5.4"),
                (" NOTIFY=SUCCESS,NEVER", "501 5.5.4"),
                (" NOTIFY=SUCCESS,SUCCESS", "501 5.5.4"),
                (" NOTIFY=", "501 5.5.4"), (" NOTIFY=,", "501 5.5.4"),
                (" NOTIFY=ALWAYS", "501 5.5.4"),
                (" NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4"),
                (" ORCPT=rfc822;a+2Bb@example.org", "250"),
                (" ORCPT=utf-8;a@example.org NOTIFY=DELAY", "250"),
                (" ORCPT=rfc822;" + "x" * 493, "250"),
                (" ORCPT=rfc822;" + "x" * 494, "501 5.5.4"),
                (" ORCPT=a@example.org", "501 5.5.4"),
                (" ORCPT=;a@example.org", "501 5.5.4"),
                (" ORCPT=rfc822;", "501 5.5.4"),
                (" ORCPT=r@c;a", "501 5.5.4"),
                (" ORCPT=rfc822;a+0Ab", "501 5.5.4"),
                (" ORCPT=rfc822;a+0D+0AX:+20y", "501 5.5.4"),
                (" ORCPT=rfc822;+C3+A9", "501 5.5.4"),
                (" ORCPT=rfc822;a ORCPT=rfc822;a", "501 5.5.4"),
                (" SIZE=10", "555 5.5.4"), (" FOO=bar", "555 5.5.4")]:
            eq(r.ask(RCPT + params)[:len(want)], want, "RCPT" + params[:40])
        eq(bdat(r, b"Subject: dsn\r\n\r\n", True)[:3], "250", "and delivered")
        newest(s)
        r.ask("HELO x")
        eq(r.ask(MAIL + " RET=FULL")[:9], "555 5.5.4", "RET after HELO")
        eq(r.ask(MAIL)[:3], "250", "MAIL after HELO")
        eq(r.ask(RCPT + " NOTIFY=NEVER")[:9], "555 5.5.4", "NOTIFY after HELO")


def sizes_and_auth(s):
    with session(s) as r:
        for params, want in [
                (" SIZE=18446744073709551616", "552 5.3.4"),
                (" SIZE=18446744073709551615", "552 5.3.4"),
                (" SIZE=99999999999999999999", "552 5.3.4"),
                (" SIZE=102401", "552 5.3.4"), (" SIZE=102400", "250"),
                (" SIZE=0", "250"), (" SIZE=-1", "501 5.5.4"),
                (" SIZE=0x10", "501 5.5.4"), (" SIZE=1e9", "501 5.5.4"),
                (' SIZE=""', "501 5.5.4"), (" SIZE=", "501 5.5.4"),
                (" SIZE", "501 5.5.4"), (" SIZE=1 SIZE=2", "501 5.5.4"),
                (" SIZE=" + "1" * 21, "501 5.5.4"),
                (" AUTH=<>", "250"), (" AUTH=someone@example.com", "250"),
                (" AUTH=e+3Dmc2@example.com", "250"),
                (" AUTH=x+0Aevil", "501 5.5.4"), (' AUTH="', "501 5.5.4"),
                (" AUTH==", "501 5.5.4"), (" AUTH=", "501 5.5.4"),
                (" AUTH=<> AUTH=<>", "501 5.5.4"),
                (" REQUIRETLS", "250"), (" REQUIRETLS=1", "501 5.5.4"),
                (" FOO", "555 5.5.4"), (" =x", "501 5.5.4")]:
            eq(r.ask(MAIL + params)[:len(want)], want, "MAIL" + params[:40])
            r.ask("RSET")
        # A client that lies: refused at the limit, the rest is dropped.
        begin(r, " SIZE=10")
        r.ask("DATA")
        before = spool(s)
        for i in range(200):
            r.send(b"x" * 998 + b"\r\n" + b"y" * 98 * 1000 * 0 +
                   (b"y" * 98 + b"\r\n") * 1000)
        ok(spool(s) - before < 4 << 20, "20 MB of a lie take no disk")
        r.send(b".\r\n")
        eq(r.reply()[:9], "552 5.3.4", "and are refused")
        eq(r.ask("NOOP")[:3], "250", "the session goes on")


def spool(s):
    total = 0
    for root, dirs, files in os.walk(s.dir + "/spool"):
        total += sum(os.path.getsize(os.path.join(root, f)) for f in files)
    return total


def ehlo(s):
    with s.raw() as r:
        lines = r.ask("EHLO x").splitlines()
        words = [l[4:] for l in lines[1:]]
        eq(words[:9], ["PIPELINING", "SIZE 102400", "8BITMIME",
                       "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME",
                       "SMTPUTF8", "DSN", "LIMITS MAILMAX=10000 RCPTMAX=1000"],
           "what EHLO offers")
        ok("REQUIRETLS" in words, "REQUIRETLS inside TLS")
        ok(any(w.startswith("AUTH ") for w in words), "AUTH")
        eq(words[-1], "HELP", "HELP at the end")
        r.login()
        words = r.ask("EHLO x").splitlines()
        ok(not any("AUTH" in w for w in words), "no AUTH after AUTH")
        got = r.ask("HELO x")
        eq(got.count("\n"), 0, "HELO offers nothing")
    with socket.create_connection(("127.0.0.1", PLAIN_PORT), 20) as c:
        f = c.makefile("rwb")
        f.readline()
        c.sendall(b"EHLO x\r\n")
        words = []
        while not words or words[-1][3:4] == b"-":
            words.append(f.readline())
        ok(not any(w[4:].startswith((b"REQUIRETLS", b"AUTH")) for w in words),
           "in the clear neither REQUIRETLS nor AUTH")
        ok(any(w[4:12] == b"STARTTLS" for w in words), "but STARTTLS")
        c.sendall(b"MAIL FROM:<a@b> REQUIRETLS\r\n")
        eq(f.readline()[:9], b"530 5.7.0", "MAIL in the clear")


with Server(actions=VIRTUAL, rules=RULES, extra=CONF, aliases="postmaster: smtpst1\nj\u00f6rg: smtpst1@example.org\n",
            listen="listen on 127.0.0.1 smtps port %d auth <users> "
            "senders <senders> any-header-from\nlisten on 127.0.0.1 submission port %d "
            "auth <users> senders <senders>\n" % (PORT, PLAIN_PORT)) as s:
    ehlo(s)
    chunking(s)
    refused_chunks(s)
    binary(s)
    utf8(s)
    dsn(s)
    sizes_and_auth(s)
    floods(s)
    ok(s.wait_queue(0), "the queue is empty")
    time.sleep(0.5)
    eq(len(s.mails(directory=BOX)), arrived, "nothing else has arrived")
    ok(not any(b"half" in m or b"bad\n\na" in m for m in s.mails(directory=BOX)),
       "no half message")
shutil.rmtree(TOP_DIR)
done()
