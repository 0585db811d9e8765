"""SCRAM-SHA-256 and -PLUS: right, wrong, unknown, bound, replayed, tampered."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64
import hashlib
import hmac

PLUS = "SCRAM-SHA-256-PLUS"


def b64(data):
    return base64.b64encode(data).decode()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


class Scram:
    """A client of RFC 5802; what it sends can be spoilt on the way."""

    def __init__(self, r, user, password, mechanism="SCRAM-SHA-256",
                 gs2=None, binding=None, authz="", spoil=None, nonce=None):
        self.r, self.password, self.spoil = r, password, spoil or (lambda x: x)
        if gs2 is None:
            gs2 = "p=tls-server-end-point" if mechanism == PLUS else "n"
        self.gs2 = "%s,%s," % (gs2, authz and "a=" + authz)
        if binding is None:
            cert = r.sock.getpeercert(True)
            binding = hashlib.sha256(cert).digest() \
                if gs2[0] == "p" else b""
        self.binding = binding
        self.bare = "n=%s,r=%s" % (user, nonce or b64(os.urandom(15)))
        self.reply = r.ask("AUTH %s %s" % (
            mechanism, b64((self.gs2 + self.bare).encode())))
        if self.reply[:3] != "334":
            return
        self.first = base64.b64decode(self.reply[4:]).decode()
        self.fields = dict(f.split("=", 1) for f in self.first.split(","))

    def final(self):
        f = self.fields
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(),
                                     base64.b64decode(f["s"]), int(f["i"]))
        key = mac(salted, b"Client Key")
        without = "c=%s,r=%s" % (b64(self.gs2.encode() + self.binding), f["r"])
        text = "%s,%s,%s" % (self.bare, self.first, without)
        sign = mac(hashlib.sha256(key).digest(), text.encode())
        proof = bytes(a ^ b for a, b in zip(key, sign))
        self.verify = "v=" + b64(mac(mac(salted, b"Server Key"),
                                     text.encode()))
        return "%s,p=%s" % (without, b64(proof))

    def login(self):
        if self.reply[:3] == "334":
            self.reply = self.r.ask(b64(self.spoil(self.final()).encode()))
            if self.reply[:3] == "334":
                self.good = base64.b64decode(
                    self.reply[4:]).decode() == self.verify
                self.reply = self.r.ask("")
        return self.reply


def plain(reply):
    """Without the id of the refusal."""
    return re.sub(r" \([0-9a-f.]+\)$", "", reply)


def attempt(s, *args, **kw):
    with s.raw() as r:
        r.ask("EHLO x")
        return plain(Scram(r, *args, **kw).login())


def set_password(s, verb, user, password):
    p = s.ctl("user", verb, user, input=password + "\n")
    eq((p.returncode, p.text), (0, ""), "user %s %s" % (verb, user))


BAD = "535 5.7.8 Authentication credentials invalid"

with Server(kinds=("rsa",)) as s:
    with s.raw() as r:
        ok("SCRAM" not in r.ask("EHLO x"),
           "not offered while a user has no verifier")
        eq(r.ask("AUTH SCRAM-SHA-256")[:9], "504 5.5.4", "and not there")
    for u in USERS:
        set_password(s, "passwd", u, PASSWORD % u)
    with open(s.dir + "/users") as f:
        text = f.read()
    eq(text.count(":scram-sha-256$10000$"), 3, "verifiers in the file")
    eq(text.count("#scram-key:"), 1, "one key for all unknown users")
    with s.raw() as r:
        ok("250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" in
           r.ask("EHLO x"), "offered to all, without a restart")
        eq(r.ask("AUTH SCRAM-SHA-1")[:9], "504 5.5.4", "no SHA-1")

    good = PASSWORD % "smtpst1"
    for m in ("SCRAM-SHA-256", PLUS):
        with s.raw() as r:
            r.ask("EHLO x")
            c = Scram(r, "smtpst1", good, m)
            eq(c.login()[:9], "235 2.7.0", m)
            ok(c.good, "and the server proved itself")
            eq(r.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250",
               "and may send")
    ok(s.wait_log("event=auth-ok .*user=smtpst1 mechanism=SCRAM-SHA-256-PLUS"),
       "the mechanism is in the log")
    eq(attempt(s, "smtpst1", good, authz="smtpst1")[:3], "235",
       "authorization identity that is one's own")
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.ask("AUTH SCRAM-SHA-256"), "334 ", "without initial response")
        eq(r.ask("*")[:9], "501 5.7.0", "aborted")
        c = Scram(r, "smtpst1", good)
        eq(r.ask("*")[:9], "501 5.7.0", "aborted in the middle")
        c = Scram(r, "smtpst1", good)
        eq(r.ask(b64(c.final().encode()))[:3], "334", "proved")
        eq(r.ask("*")[:9], "501 5.7.0", "aborted at the end: not in")
        eq(r.ask("MAIL FROM:<smtpst1@example.org>")[:3], "530", "530")
        eq(Scram(r, "smtpst1", good).login()[:3], "235", "in after all")

    # What must fail, and all alike.
    def flip(text):
        i = text.rindex(",p=") + 3
        return text[:i] + ("A" if text[i] != "A" else "B") + text[i + 1:]

    eq(attempt(s, "smtpst2", "wrong"), BAD, "wrong password")
    eq(attempt(s, "nobody", "wrong"), BAD, "unknown user: the same bytes")
    eq(attempt(s, "smtpst1", good, spoil=flip), BAD, "tampered proof")
    eq(attempt(s, "smtpst1", good, authz="smtpst2"), BAD,
       "for somebody else")
    eq(attempt(s, "smtpst1", good, gs2="y"), BAD,
       "a client that was told there is no binding")
    eq(attempt(s, "smtpst1", good, gs2="p=tls-unique", mechanism=PLUS), BAD,
       "a binding that we do not have")
    eq(attempt(s, "smtpst1", good, mechanism=PLUS, binding=b"x" * 32), BAD,
       "bound to another certificate")
    eq(attempt(s, "smtpst1", good, mechanism=PLUS, gs2="n", binding=b""), BAD,
       "-PLUS without a binding")
    eq(attempt(s, "smtpst1", good, gs2="p=tls-server-end-point"), BAD,
       "a binding without -PLUS")
    eq(attempt(s, "sm\u00fctpst1", good), BAD, "a name that is not ASCII")
    eq(attempt(s, "smtpst1", good,
               spoil=lambda t: t.replace(",r=", ",r=x", 1)), BAD,
       "another nonce")

    # Back-off counts these like any; from here on from other addresses.
    def salt(user, address):
        sock = socket.create_connection(("127.0.0.1", PORT), 30,
                                        (address, 0))
        r = Raw.__new__(Raw)
        r.sock = s.context().wrap_socket(sock,
                                         server_hostname="mail.example.org")
        r.sock.settimeout(30)
        r.file = r.sock.makefile("rb")
        with r:
            r.reply()
            r.ask("EHLO x")
            c = Scram(r, user, "x", nonce="abc")
            return c.fields["s"], c.fields["i"], len(c.reply)

    known = salt("smtpst3", "127.3.0.1")
    unknown = salt("nobody1", "127.3.0.2")
    eq(known[1:], unknown[1:], "known and unknown look alike")
    eq(salt("nobody1", "127.3.0.3"), unknown, "the same salt each time")
    ok(salt("nobody2", "127.3.0.4")[0] != unknown[0], "another for another")
    eq(salt("smtpst3", "127.3.0.5"), known, "as it is for the known")
    eq(s.stop(), 0, "restart")
    s.start()
    eq(salt("nobody1", "127.3.0.6"), unknown, "and after a restart")

    # Replays: a whole old dialogue, and a final message without a first.
    with s.raw() as r:
        r.ask("EHLO x")
        c = Scram(r, "smtpst1", good, nonce="same")
        old = c.final()
        eq(c.login()[:3], "235", "in")
    with s.raw() as r:
        r.ask("EHLO x")
        c = Scram(r, "smtpst1", good, nonce="same")
        eq(plain(r.ask(b64(old.encode()))), BAD, "its final message again")
    for first in ["", "n", "n,,", "n,,n=smtpst1", "n,,n=smtpst1,r=",
                  "n,,n=" + "a" * 300 + ",r=x", "n,,n=smtpst1,r=" + "r" * 300,
                  "\0" * 20, "m=1,,n=smtpst1,r=x"]:
        with s.raw() as r:
            r.ask("EHLO x")
            got = r.ask("AUTH SCRAM-SHA-256 " +
                        (b64(first.encode()) or "="))
            ok(got[:3] in ("501", "535", "454"),
               "first message %r: %s" % (first[:20], got[:3]))
    for size in (1, 1000, 1400, 3000, 70000):
        with s.raw() as r:
            r.ask("EHLO x")
            got = r.ask("AUTH SCRAM-SHA-256 " + b64(b"n" * size))
            ok(got[:3] in ("500", "501", "535", "454"),
               "%d bytes: %s" % (size, got[:3]))
    with s.raw() as r:
        r.ask("EHLO x")
        c = Scram(r, "smtpst2", "wrong")
        got = r.ask("!")
        eq(got[:9], "501 5.5.2", "no base64 in the middle")
        eq(r.ask("NOOP")[:3], "250", "the session goes on")

    # A password that changes between the challenge and the proof.
    with s.raw() as r:
        r.ask("EHLO x")
        c = Scram(r, "smtpst3", PASSWORD % "smtpst3")
        set_password(s, "passwd", "smtpst3", "new")
        eq(plain(c.login()), BAD, "the old password is no longer good")

    ok("SaltedPassword" not in s.log() and good not in s.log(),
       "no secret is in the log")

# Another implementation, over STARTTLS.
if shutil.which("gsasl") is None:
    skip("gsasl logs in", "gsasl is not installed")
else:
    with Server(listen="listen on 127.0.0.1 smtps port 10465 auth <users>\n"
                "listen on 127.0.0.1 submission port 10587 auth <users>") as s:
        for u in USERS:
            set_password(s, "passwd", u, PASSWORD % u)
        # It binds to the TLS session (tls-exporter), not to the certificate.
        for m in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"):
            for password, want in ((PASSWORD % "smtpst2", 0), ("no", 1)):
                p = run("gsasl", "--smtp",
                        *(["--no-cb"] if m == "SCRAM-SHA-256" else []),
                        "-m", m, "-a", "smtpst2", "-p",
                        password, *(["-z", ""] if m == "PLAIN" else []),
                        "--x509-ca-file=" + s.cert,
                        "--hostname=mail.example.org", "--service=smtp",
                        "--connect=127.0.0.1:10587", input="QUIT\n",
                        timeout=60)
                # Being in is what counts, not how it leaves.
                if not eq("235 2.7.0" not in p.text, want != 0, "gsasl %s %s" % (
                        m, "gets in" if want == 0 else "is refused")):
                    diag(p.text)
            if m == "SCRAM-SHA-256-PLUS":
                eq([u["user"] for u in s.show("users") if u["used"] > 0],
                   ["smtpst2"], "show users knows of its use")
done()
