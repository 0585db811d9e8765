"""Listeners: what each kind wants and offers, their options, one of each."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

SUBMISSION, SMTP, INJECT, SHUT, SMALL, SIX = (10587, 10525, 10526, 10466,
                                             10588, 10527)
LISTEN = """\
listen on 127.0.0.1 smtps port 10465 auth <users> senders <senders>
listen on 127.0.0.1 submission port 10587 auth <users> senders <senders> \\
	auth-compat mask-source hostname submit.example.org
listen on 127.0.0.1 smtp port 10525
listen on 127.0.0.1 smtp port 10526 tag reinject limit sessions 3
listen on 127.0.0.1 smtps port 10466 auth <users> \\
	tls-protocols "tlsv1.2" ciphers "ECDHE-RSA-AES256-GCM-SHA384"
listen on 127.0.0.1 submission port 10588 auth <users> \\
	senders <senders> limit message-size 10K limit recipients 2 \\
	limit sessions-per-ip 2
listen on ::1 smtp port 10527
"""
LOCAL_RULES = """\
match from any for domain <domains> action "local"
match from src fe80::/10 for any action "out"
"""
RULES = """\
match from auth for domain <domains> action "local"
match from auth for any action "out"
match tag reinject from local for any action "out"
match from any for domain <domains> action "local"
"""


def words(reply):
    return {l[4:] for l in reply.splitlines()[1:]}


def status(reply):
    return reply[:9]


def shown(s):
    return {(l["address"], l["port"]): l for l in s.show("listeners")}


def kinds(s):
    with Plain(s, SUBMISSION) as c:
        eq(c.greeting[:22], "220 submit.example.org", "its own host name")
        for line in ["MAIL FROM:<a@example.org>", "RCPT TO:<a@example.org>",
                     "DATA", "VRFY x"]:
            eq(status(c.ask(line)), "530 5.7.0", "before STARTTLS: " + line)
        for line in ["NOOP", "HELP", "RSET"]:
            ok(c.ask(line)[0] == "2", "before STARTTLS: " + line)
        before = words(c.ask("EHLO first.example"))
        ok("STARTTLS" in before and not [w for w in before if
           w.startswith("AUTH")], "EHLO offers STARTTLS and no AUTH")
        eq(status(c.ask("AUTH PLAIN AGEAYg==")), "538 5.7.1",
           "AUTH in the clear")
        eq(status(c.ask("STARTTLS x")), "501 5.5.4", "STARTTLS x")
        eq(c.starttls()[:3], "220", "STARTTLS")
        eq(status(c.login()), "503 5.5.1", "the EHLO before it is forgotten")
        after = words(c.ask("EHLO second.example"))
        ok("STARTTLS" not in after and "AUTH PLAIN LOGIN" in
           {w if not w.startswith("AUTH ") else "AUTH PLAIN LOGIN"
            for w in after}, "EHLO offers AUTH and no STARTTLS")
        old = [w for w in after if w.startswith("AUTH=")]
        new = [w for w in after if w.startswith("AUTH ")]
        eq([w.replace("=", " ", 1) for w in old], new, "auth-compat")
        eq(status(c.ask("STARTTLS")), "503 5.5.1", "STARTTLS twice")
        eq(status(c.ask("MAIL FROM:<smtpst1@example.org>")), "530 5.7.0",
           "MAIL before AUTH")
        ok(c.login()[:3] == "235", "AUTH")
        ok(not [w for w in words(c.ask("EHLO second.example"))
                if w.startswith("AUTH")], "EHLO after AUTH offers none")
        for line in ["MAIL FROM:<smtpst1@example.org>",
                     "RCPT TO:<smtpst2@example.org>", "DATA"]:
            ok(c.ask(line)[0] in "23", line)
        ok(c.ask(message("a masked one") + "\r\n.")[:3] == "250",
           "a message")
    mail = until(lambda: [m for m in s.mails("smtpst2")
                          if b"a masked one" in m])
    head = mail[0].split(b"\r\n\r\n")[0] if mail else b""
    if b"\r\n" not in head:
        head = mail[0].split(b"\n\n")[0] if mail else b""
    ok(b"Received: by submit.example.org (smtpsd) with ESMTPSA id " in head,
       "mask-source: " + repr(head[:90]))
    ok(b"127.0.0.1" not in head and b"second.example" not in head,
       "mask-source: neither address nor name")


def injection(s):
    for port in (SUBMISSION, SMTP):
        with Plain(s, port) as c:
            c.ask("EHLO x.example")
            c.send("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<>\r\n")
            eq(status(c.reply()), "503 5.5.1", "STARTTLS with more behind it")
            eq(c.reply(), "", "and the connection is closed")
        with Plain(s, port) as c:
            c.ask("EHLO x.example")
            eq(c.ask("STARTTLS")[:3], "220", "STARTTLS, then in the clear")
            c.send("MAIL FROM:<>\r\n")
            ok(c.reply()[:1] not in ("2", "3"), "no command is taken")


def plain_smtp(s):
    with Plain(s, SMTP) as c:
        got = words(c.ask("EHLO mx.example"))
        ok("STARTTLS" in got and not [w for w in got if "AUTH" in w],
           "smtp: STARTTLS, no AUTH")
        eq(status(c.ask("AUTH PLAIN AGEAYg==")), "502 5.5.1", "AUTH there")
        c.ask("MAIL FROM:<x@example.com>")
        eq(status(c.ask("RCPT TO:<x@example.net>")), "550 5.7.1",
           "smtp without a rule never relays")
        ok(c.ask("RCPT TO:<smtpst3@example.org>")[:3] == "250",
           "smtp takes what a rule takes")
        eq(c.starttls()[:3], "220", "STARTTLS within a transaction")
        eq(status(c.ask("DATA")), "503 5.5.1", "it is forgotten")
        eq(status(c.ask("MAIL FROM:<x@example.com>")), "503 5.5.1",
           "no EHLO any more")


def reinjection(s):
    with Plain(s, INJECT) as c:
        c.ask("EHLO filter.example")
        c.ask("MAIL FROM:<smtpst1@example.org>")
        ok(c.ask("RCPT TO:<x@example.net>")[:3] == "250",
           "the tag's rule relays what comes back from a filter")
        one, two = Plain(s, INJECT), Plain(s, INJECT)
        with Plain(s, INJECT) as more:
            eq(more.greeting[:9], "421 4.7.0", "limit sessions")
        eq(shown(s)[("127.0.0.1", INJECT)]["sessions"], 3,
           "show listeners counts them")
        with Plain(s, SMTP) as other:
            eq(other.greeting[:3], "220", "others are not touched by it")
        one.close()
        two.close()
    ok(until(lambda: shown(s)[("127.0.0.1", INJECT)]["sessions"] == 0),
       "and forgets them")


def own_limits(s):
    a, b = Plain(s, SMALL), Plain(s, SMALL)
    with Plain(s, SMALL) as c:
        eq(c.greeting[:9], "421 4.7.0", "limit sessions-per-ip")
    b.close()
    a.ask("EHLO x.example")
    a.starttls()
    ok("SIZE 10240" in words(a.ask("EHLO x.example")), "its own SIZE")
    a.login()
    eq(status(a.ask("MAIL FROM:<smtpst1@example.org> SIZE=10241")),
       "552 5.3.4", "limit message-size, said before")
    a.ask("MAIL FROM:<smtpst1@example.org>")
    got = [a.ask("RCPT TO:<smtpst%d@example.org>" % i)[:3] for i in (1, 2, 3)]
    eq(got, ["250", "250", "452"], "limit recipients")
    a.ask("DATA")
    eq(status(a.ask(message(body="x" * 70 + "\r\n") + ("y" * 70 + "\r\n") * 200
                    + "\r\n.")), "552 5.3.4", "limit message-size, not said")
    a.close()


def tls_options(s):
    def shake(version, ciphers=None):
        context = s.context()
        context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        try:
            with Raw.__new__(Raw) as r:
                sock = socket.create_connection(("127.0.0.1", SHUT), 20)
                r.sock = context.wrap_socket(
                    sock, server_hostname="mail.example.org")
                r.file = r.sock.makefile("rb")
                r.reply()
                return r.sock.cipher()[0]
        except (OSError, AttributeError) as e:
            return e
    v2, v3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    eq(shake(v2), "ECDHE-RSA-AES256-GCM-SHA384", "ciphers: that one")
    ok(isinstance(shake(v2, "ECDHE-RSA-AES128-GCM-SHA256"), Exception),
       "ciphers: no other one")
    ok(isinstance(shake(v3), Exception), "tls-protocols: not 1.3")


def sessions(s):
    """No ticket, no resumption, whatever the client asks for."""
    for flag in ("-tls1_2", "-tls1_3"):
        path = s.dir + "/session" + flag
        p = run("sh", "-c", "(sleep 1; echo QUIT; sleep 1) | openssl s_client "
                "-connect 127.0.0.1:%d %s -servername mail.example.org "
                "-sess_out %s" % (PORT, flag, path))
        ok("ticket" not in p.text.lower().replace("no tls session ticket",
           ""), "no ticket on the wire, " + flag)
        for name, port in (("mail.example.org", PORT), ("other", PORT),
                           ("mail.example.org", SHUT)):
            if not os.path.exists(path):
                continue
            p = run("openssl", "s_client", "-connect", "127.0.0.1:%d" % port,
                    flag, "-servername", name, "-sess_in", path,
                    input="QUIT\r\n")
            ok("Reused" not in p.text, "nothing is resumed: %s %s %d" %
               (flag, name, port))


def names(s):
    for name in ("a\\", "unknown.example", "x" * 60 + ".example", "..", "*",
                 "a%n%s", "mail.example.org."):
        p = run("openssl", "s_client", "-connect", "127.0.0.1:%d" % PORT,
                "-servername", name, input="QUIT\r\n")
        ok("CN = mail.example.org" in p.text or
           "CN=mail.example.org" in p.text or "alert" in p.text,
           "server name %r" % name)
    ok(s.send() == {}, "and it still works")


def addresses(s):
    net = s.children("net")
    with socket.create_connection(("::1", SIX), 20) as c:
        ok(c.recv(3) == b"220", "::1")
        c.sendall(b"QUIT\r\n")
        ok(s.wait_log(r"address=::1\b"), "::1 in the log")
    eq(s.children("net"), net, "net is the same")


def system_list(s):
    p = run("ss", "-ltnH")
    real = set()
    for line in p.text.splitlines():
        host, port = line.split()[3].rsplit(":", 1)
        real.add((host.strip("[]"), int(port)))
    eq(set(shown(s)), real, "show listeners is what the system says")
    table = s.ctl("show", "listeners").text
    ok("submission" in table and "reinject" in table, "as a table")


with Server(listen=LISTEN, rules=RULES) as s:
    system_list(s)
    kinds(s)
    injection(s)
    plain_smtp(s)
    reinjection(s)
    own_limits(s)
    tls_options(s)
    sessions(s)
    names(s)
    addresses(s)

# A listener on a link-local address: the scope must not kill net.
run("ip", "addr", "add", "fe80::9/64", "dev", "lo", "nodad")
with Server(listen='listen on "fe80::9%lo" smtp port 10530\n'
            "listen on ::1 smtp port 10531", rules=LOCAL_RULES, conf=DEFAULT_CONF
            .replace("{pki}", "")) as s:
    c = Plain.__new__(Plain)
    c.sock = socket.create_connection(("fe80::9%lo", 10530), 20)
    c.file = c.sock.makefile("rb")
    eq(c.reply()[:3], "220", "a scoped address")
    ok("STARTTLS" not in c.ask("EHLO x.example"),
       "smtp without a pki offers no STARTTLS")
    eq(c.ask("STARTTLS")[:3], "502", "nor takes it")
    c.ask("MAIL FROM:<x@example.com>")
    eq(c.ask("RCPT TO:<x@example.net>")[:3], "250",
       "from src holds for a scoped address")
    c.close()
    ok(s.wait_log(r"address=fe80::9%\d+"), "a scoped address in the log")
    ok(not re.search(r"no certificate|broke", s.log()), "and all is well")

done()
