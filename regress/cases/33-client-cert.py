"""Certificates of clients: asked for, insisted on, from a wrong CA."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

LISTEN = """\
listen on 127.0.0.1 smtps port 10541 auth <users> verify required ca "{dir}/ca.crt"
listen on 127.0.0.1 smtps port 10542 auth <users> verify optional ca "{dir}/ca.crt"
listen on 127.0.0.1 smtps port 10543 auth <users> verify optional
listen on 127.0.0.1 submission port 10544 auth <users> verify required ca "{dir}/ca.crt"
"""


def authority(d, name):
    run("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days",
        "9", "-subj", "/CN=" + name, "-keyout", "%s/%s.key" % (d, name),
        "-out", "%s/%s.crt" % (d, name))


def leaf(d, name, ca, days="9"):
    run("openssl", "req", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=" +
        name, "-keyout", "%s/%s.key" % (d, name), "-out", "%s/x.csr" % d)
    p = run("openssl", "x509", "-req", "-in", "%s/x.csr" % d, "-CA",
            "%s/%s.crt" % (d, ca), "-CAkey", "%s/%s.key" % (d, ca),
            "-CAcreateserial", "-days", days, "-out", "%s/%s.crt" % (d, name))
    if p.returncode != 0:
        diag(p.text)


def greeting(s, port, cert=None, version=None):
    """What the server says first, "" if it refuses."""
    context = s.context()
    if version:
        context.minimum_version = context.maximum_version = version
    if cert:
        context.load_cert_chain("%s/%s.crt" % (s.dir, cert),
                                "%s/%s.key" % (s.dir, cert))
    try:
        with Plain(s, port, port == 10544) as c:
            if port == 10544:
                c.ask("EHLO x.example")
                c.starttls(context)
                return c.ask("EHLO x.example")[:3]
            c.tls(context)
            return c.reply()[:3]
    except (OSError, ssl.SSLError):
        return ""


with Server(listen="", start=False) as s:
    authority(s.dir, "ca")
    authority(s.dir, "wrong")
    leaf(s.dir, "alice", "ca")
    leaf(s.dir, "mallory", "wrong")
    s.write("smtpsd.conf", DEFAULT_CONF.format(**dict(
        s.parts, listen=LISTEN.format(dir=s.dir))))
    s.start()
    nets = s.children("net")
    for v in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for port, cert, want, name in (
                (10541, "alice", "220", "required, right CA"),
                (10541, None, "", "required, none"),
                (10541, "mallory", "", "required, wrong CA"),
                (10541, "wrong", "", "required, the wrong CA itself"),
                (10542, "alice", "220", "optional, right CA"),
                (10542, None, "220", "optional, none"),
                (10542, "mallory", "", "optional, wrong CA"),
                (10543, "alice", "220", "fingerprint only, some CA"),
                (10543, "mallory", "220", "fingerprint only, any CA"),
                (10543, None, "220", "fingerprint only, none"),
                (10544, "alice", "250", "submission, right CA"),
                (10544, None, "", "submission, none"),
                (10544, "mallory", "", "submission, wrong CA")):
            eq(greeting(s, port, cert, v), want, "%s: %s" % (v.name, name))
    eq(s.children("net"), nets, "net is the same")
    # A certificate is no login.
    context = s.context()
    context.load_cert_chain(s.dir + "/alice.crt", s.dir + "/alice.key")
    with Plain(s, 10541, False) as c:
        c.tls(context)
        c.reply()
        c.ask("EHLO x.example")
        eq(c.ask("MAIL FROM:<smtpst1@example.org>")[:9], "530 5.7.0",
           "a certificate alone is no login")
    # The next CA: a reload is enough.
    os.replace(s.dir + "/wrong.crt", s.dir + "/ca.crt")
    eq(s.ctl("reload").returncode, 0, "reload")
    eq(greeting(s, 10541, "mallory"), "220", "the other CA counts then")
    eq(greeting(s, 10541, "alice"), "", "and this one no more")

done()
