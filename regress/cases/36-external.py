"""EXTERNAL: a client's certificate as a login, by fingerprint and subject."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64
import hashlib

# 1: no CA; 2: a CA, certificate or password; 3: the certificate or nothing;
# 4: STARTTLS; 5: certificates asked for, but no logins.
LISTEN = """\
table certs file "{dir}/certs"
table prints file "{dir}/prints"
listen on 127.0.0.1 smtps port 10541 auth <users> external <prints> verify optional
listen on 127.0.0.1 smtps port 10542 auth <users> external <certs> verify optional ca "{dir}/ca.crt"
listen on 127.0.0.1 smtps port 10543 external <certs> verify required ca "{dir}/ca.crt"
listen on 127.0.0.1 submission port 10544 auth <users> external <certs> verify optional ca "{dir}/ca.crt"
listen on 127.0.0.1 smtps port 10545 auth <users> verify optional
"""
BAD = "535 5.7.8"


def authority(d, name):
    run("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days",
        "9", "-subj", "/CN=" + name, "-keyout", "%s/%s.key" % (d, name),
        "-out", "%s/%s.crt" % (d, name))


def leaf(d, name, ca, subject):
    run("openssl", "req", "-nodes", "-newkey", "rsa:2048", "-subj", subject,
        "-keyout", "%s/%s.key" % (d, name), "-out", d + "/x.csr")
    p = run("openssl", "x509", "-req", "-in", d + "/x.csr", "-CA",
            "%s/%s.crt" % (d, ca), "-CAkey", "%s/%s.key" % (d, ca),
            "-CAcreateserial", "-days", "9", "-out", "%s/%s.crt" % (d, name))
    if p.returncode != 0:
        diag(p.text)


def fingerprint(d, name):
    with open("%s/%s.crt" % (d, name)) as f:
        return "SHA256:" + hashlib.sha256(
            ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


def b64(text):
    return base64.b64encode(text.encode()).decode() or "="


def connect(s, port, cert=None, source=None):
    context = s.context()
    if cert:
        context.load_cert_chain("%s/%s.crt" % (s.dir, cert),
                                "%s/%s.key" % (s.dir, cert))
    c = Plain(s, port, port == 10544, source)
    if port == 10544:
        c.ask("EHLO x.example")
        c.starttls(context)
    else:
        c.tls(context)
        c.reply()
    c.ehlo = c.ask("EHLO x.example")
    return c


n = 0


def login(s, port, cert, authzid=""):
    # From addresses of their own: back-off is not what is tested here.
    global n
    n += 1
    with connect(s, port, cert, "127.5.0.%d" % n) as c:
        reply = c.ask("AUTH EXTERNAL " + b64(authzid))[:9]
        if reply[:3] == "235":
            reply += " " + c.ask("MAIL FROM:<smtpst1@example.org>")[:3]
        return reply


with Server(listen="", start=False) as s:
    d = s.dir
    authority(d, "ca")
    authority(d, "wrong")
    leaf(d, "alice", "ca", "/C=DE/O=An Example: Ltd/CN=alice")
    leaf(d, "bob", "ca", "/CN=bob")
    leaf(d, "phone", "ca", "/CN=phone")
    leaf(d, "gone", "ca", "/CN=gone")
    leaf(d, "mallory", "wrong", "/C=DE/O=An Example: Ltd/CN=alice")
    leaf(d, "long", "ca", "/CN=long" + "".join(
        "/OU=" + "x" * 60 for i in range(100)))
    prints = "%s smtpst1\n%s smtpst2\n%s smtpst1/phone\n%s nobody\n" % tuple(
        fingerprint(d, i) for i in ("alice", "bob", "phone", "gone"))
    s.write("prints", prints)
    s.write("certs", '"/C=DE/O=An Example: Ltd/CN=alice"\tsmtpst1\n' +
            prints.split("\n", 1)[1].replace("abcdef", "ABCDEF"))
    s.write("smtpsd.conf", DEFAULT_CONF.format(**dict(
        s.parts, listen=LISTEN.format(dir=d))))
    s.start()
    p = s.ctl("user", "device", "add", "smtpst1", "phone", "scope",
              "smtpst1+phone@example.org", input="ring\n")
    eq((p.returncode, p.text), (0, ""), "a device with a scope")
    nets = s.children("net")

    for port, cert, want, name in (
            (10541, "alice", True, "any CA, with one"),
            (10541, None, False, "any CA, without"),
            (10542, "alice", True, "a CA, with one"),
            (10542, None, False, "a CA, without"),
            (10543, "alice", True, "required"),
            (10544, "alice", True, "after STARTTLS"),
            (10544, None, False, "after STARTTLS, without"),
            (10545, "alice", False, "where there is no external")):
        with connect(s, port, cert) as c:
            eq("EXTERNAL" in c.ehlo, want, "offered or not: " + name)
            if not want:
                eq(c.ask("AUTH EXTERNAL =")[:9], "504 5.5.4", "nor there")
            if port == 10543:
                ok("250-AUTH EXTERNAL\n" in c.ehlo.replace("\r", "") + "\n",
                   "and nothing else")
    with Plain(s, 10544) as c:
        ok("AUTH" not in c.ask("EHLO x"), "nothing before STARTTLS")
        eq(c.ask("AUTH EXTERNAL =")[:10], "538 5.7.11", "nor is it there")

    for port, cert, authzid, want, name in (
            (10541, "alice", "", "235 2.7.0 250", "by fingerprint"),
            (10542, "alice", "", "235 2.7.0 250", "by subject"),
            (10543, "alice", "", "235 2.7.0 250", "no passwords"),
            (10544, "alice", "", "235 2.7.0 250", "after STARTTLS"),
            (10541, "alice", "smtpst1", "235 2.7.0 250", "as oneself"),
            (10542, "bob", "", "235 2.7.0 553", "as another one's address"),
            (10541, "alice", "smtpst2", BAD, "for somebody else"),
            (10541, "alice", "smtpst1/phone", BAD, "for one's device"),
            (10541, "mallory", "", BAD, "a subject nobody vouches for"),
            (10541, "mallory", "smtpst1", BAD, "the same, saying so"),
            (10541, "wrong", "", BAD, "a certificate of nobody"),
            (10542, "long", "", BAD, "a long subject"),
            (10541, "gone", "", BAD, "a login that is no user's"),
            (10541, "phone", "", "235 2.7.0 553", "a device, by its scope"),
            (10543, "gone", "", "235 2.7.0 553", "no users table: as it is"),
            (10541, "alice", "x" * 300, "501 5.5.2", "a long name"),
            (10541, "alice", "a\0b", "501 5.5.2", "a NUL"),
            (10541, "alice", "a\r\nb", BAD, "a line break"),
            (10541, "alice", "x", BAD, "one byte"),
            (10541, "alice", "xyz", BAD, "three bytes")):
        eq(login(s, port, cert, authzid), want, "%d: %s" % (port, name))
    ok(s.wait_log("event=auth-ok .*user=smtpst1 mechanism=EXTERNAL"),
       "the log of a login")
    ok(s.wait_log("event=auth-failed .*mechanism=EXTERNAL "
                  "reason=acting-for-another-user"), "and of a failure")
    ok(s.wait_log("event=auth-failed .*user=%s mechanism=EXTERNAL "
                  "reason=unknown-certificate" % fingerprint(d, "wrong")),
       "the fingerprint of an unknown one")

    # The dialogue (RFC 4954 section 4).
    with connect(s, 10541, "alice", "127.5.1.1") as c:
        eq(c.ask("AUTH EXTERNAL"), "334 ", "without initial response")
        eq(c.ask("*")[:9], "501 5.7.0", "aborted")
        for line in ("!", "A", "QQ=Q", "====", "A" * 1000):
            eq(c.ask("AUTH EXTERNAL " + line)[:9], "501 5.5.2",
               "no base64: " + line[:8])
        c.ask("AUTH EXTERNAL")
        eq(c.ask("!!")[:9], "501 5.5.2", "nor behind a 334")
        c.ask("AUTH EXTERNAL")
        eq(c.ask("=")[:3], "501", "= is for the initial one alone")
        eq(c.ask("AUTH external")[:3], "334", "in lower case")
        eq(c.ask("")[:9], "235 2.7.0", "an empty line")
        eq(c.ask("AUTH EXTERNAL =")[:9], "503 5.5.1", "not twice")
    for size in (0, 1, 3, 2000, 70000):
        with connect(s, 10541, "alice", "127.5.1.2") as c:
            reply = c.ask("AUTH EXTERNAL" + (" " + b64("x" * size)
                                             if size else ""))
            if size == 0:
                reply = c.ask("x" * 70000)
            ok(reply[:3] in ("500", "501", "535"),
               "%d bytes: %s" % (size, reply[:9]))
    # A certificate does not take the password's place, nor the other way.
    with connect(s, 10541, "alice", "127.5.1.3") as c:
        eq(c.login("smtpst2")[:3], "235", "a password beside a certificate")
    with connect(s, 10543, "alice", "127.5.1.4") as c:
        eq(c.login("smtpst2")[:9], "504 5.5.4", "no password where none is")
        eq(c.ask("MAIL FROM:<smtpst1@example.org>")[:9], "530 5.7.0",
           "and AUTH comes first all the same")

    if shutil.which("msmtp") is None or "external" not in run(
            "msmtp", "--version").text:
        skip("msmtp", "msmtp has no EXTERNAL")
    else:
        s.write("msmtprc", """\
account default
host 127.0.0.1
port 10542
tls on
tls_starttls off
tls_trust_file %s
tls_cert_file %s/alice.crt
tls_key_file %s/alice.key
tls_host_override mail.example.org
auth external
user smtpst1
from smtpst1@example.org
domain x.example
""" % (s.cert, d, d), 0o600)
        p = run("msmtp", "-C", d + "/msmtprc", "smtpst1@example.org",
                input="From: smtpst1@example.org\nTo: smtpst1@example.org\n"
                "Subject: by certificate\n\nHello.\n")
        if not eq(p.returncode, 0, "msmtp logs in and sends"):
            diag(p.text)
        ok("by certificate" in "".join(map(str, s.wait_mail())),
           "and it arrives")

    # Failures are slowed down like others'.
    with connect(s, 10541, "wrong", "127.5.2.1") as c:
        start = time.monotonic()
        for i in range(3):
            eq(c.ask("AUTH EXTERNAL =")[:9], BAD, "wrong again")
        ok(time.monotonic() - start > 0.5, "and slower each time")

    # Taken away by a reload.
    s.write("prints", prints.replace(fingerprint(d, "bob"),
                                     fingerprint(d, "wrong")))
    with connect(s, 10541, "bob", "127.5.3.1") as old, \
            connect(s, 10541, "alice", "127.5.3.2") as other:
        for c in (old, other):
            eq(c.ask("AUTH EXTERNAL =")[:3], "235", "in")
        eq(s.ctl("reload").returncode, 0, "reload")
        ok(s.wait_log("event=auth-revoked user=smtpst2"), "its login is told")
        ok(old.ask("MAIL FROM:<smtpst2@example.org>")[:3] in
           ("451", "530", "421"), "an open session may not send any more")
        eq(other.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250",
           "another one may")
        eq(login(s, 10541, "bob"), BAD, "a certificate is taken away")
        eq(login(s, 10541, "wrong"), "235 2.7.0 553", "another one counts")
        eq(s.children("net"), nets, "net is the same")

    # What -n says.
    def check(listen, table, want, name):
        s.write("x", table)
        p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.write(
            "x.conf", DEFAULT_CONF.format(**dict(s.parts, listen=(
                'table x file "{dir}/x"\nlisten on 127.0.0.1 smtps port '
                "10549 " + listen).format(dir=d)))))
        if not ok(re.search(want, p.text) and p.returncode != 0, name):
            diag(p.text)

    print_ = fingerprint(d, "alice")
    check("external <x>", print_ + " a", "add: verify optional", "no verify")
    check("external <x> verify optional", '"/CN=a" a',
          "without 'ca' anybody", "subjects without ca")
    check("external <x> verify optional", "SHA256:12 a",
          "is no certificate", "a short fingerprint")
    check("external <x> verify optional", print_, "is no login", "no login")
    check("external <x> verify optional", print_ + " a b", "is no login",
          "two logins")
    check("external <x> external <x> verify optional", print_ + " a",
          "there already", "twice")

done()
