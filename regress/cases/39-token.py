"""OAUTHBEARER and XOAUTH2: signed tokens, good ones and all others."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64
import hashlib
import hmac
import json
import re
import time

ISSUER = "https://id.example.org/realm"
AUDIENCE = "smtp.example.org"
SEP = "\x01"
ADDRESS = [10]


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else
                            data.encode()).decode()


def url64(data):
    return base64.urlsafe_b64encode(
        data if isinstance(data, bytes) else
        json.dumps(data).encode()).decode().rstrip("=")


def openssl(*args, data=None):
    p = subprocess.run(("openssl",) + args, input=data,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode != 0:
        raise RuntimeError(p.stderr.decode())
    return p.stdout


class Key:
    def __init__(self, directory, name, *kind):
        self.path = os.path.join(directory, name + ".key")
        openssl("genpkey", "-out", self.path, "-algorithm", *kind)
        self.pem = openssl("pkey", "-in", self.path, "-pubout").decode()
        self.der = openssl("pkey", "-in", self.path, "-pubout", "-outform",
                           "DER")

    def sign(self, alg, data):
        if alg == "EdDSA":
            with open(self.path + ".in", "wb") as f:
                f.write(data)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path,
                           "-in", self.path + ".in")
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt",
               "rsa_pss_saltlen:-1"] if alg == "PS256" else []
        sig = openssl("dgst", "-sha256", "-sign", self.path, *pss, data=data)
        if alg == "ES256":
            n = sig[3]
            r, s = sig[4:4 + n], sig[6 + n:]
            sig = b"".join(x[-32:].rjust(32, b"\0") for x in (r, s))
        return sig


def token(key, alg="ES256", header=None, signature=None, **claims):
    head = {"alg": alg, "typ": "at+jwt"}
    head.update(header or {})
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "smtpst1",
            "exp": int(time.time()) + 300, "iat": int(time.time())}
    body.update(claims)
    text = url64({k: v for k, v in head.items() if v is not None}) + "." + \
        url64({k: v for k, v in body.items() if v is not None})
    if signature is None:
        signature = key.sign(alg, text.encode())
    return text + "." + url64(signature)


class From(Raw):
    """From an address of its own, so that back-off is not what is seen."""

    def __init__(self, server, port=PORT):
        ADDRESS[0] += 1
        self.address = "127.0.3.%d" % ADDRESS[0]
        sock = socket.create_connection(
            ("127.0.0.1", port), 30, source_address=(self.address, 0))
        self.sock = server.context().wrap_socket(
            sock, server_hostname="mail.example.org")
        self.sock.settimeout(30)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()
        self.ehlo = self.ask("EHLO x")


def bearer(t, user=""):
    return b64("n,%s,%sauth=Bearer %s%s%s" % (
        user and "a=" + user, SEP, t, SEP, SEP))


def xoauth2(t, user):
    return b64("user=%s%sauth=Bearer %s%s%s" % (user, SEP, t, SEP, SEP))


def expect_in(s, text, name, mechanism="OAUTHBEARER", port=PORT):
    with From(s, port) as r:
        eq(r.ask("AUTH %s %s" % (mechanism, text))[:9], "235 2.7.0", name)
        return r.ask("MAIL FROM:<smtpst1@example.org>")[:3]


def expect_refused(s, text, reason, name, mechanism="OAUTHBEARER",
                   port=PORT, answer="AQ=="):
    with From(s, port) as r:
        got = r.ask("AUTH %s %s" % (mechanism, text))
        eq(got[:4], "334 ", name + ": asked to acknowledge")
        try:
            said = json.loads(base64.b64decode(got[4:]))
        except ValueError:
            said = {}
        eq(said.get("status"), "invalid_token", name + ": status")
        eq(r.ask(answer)[:9], "535 5.7.8", name + ": refused")
        eq(r.ask("MAIL FROM:<smtpst1@example.org>")[:3], "530",
           name + ": not in")
        ok(s.wait_log(r"event=auth-failed address=%s user=\S+ mechanism=%s "
                      r"reason=%s\n" % (re.escape(r.address), mechanism,
                                       reason)), name + ": " + reason)


EXTRA = """
token id issuer "%s" audience "%s" keys "@/keys.pem"
token set issuer "%s" audience "%s" keys "@/keys.json" user-claim email
""" % (ISSUER, AUDIENCE, ISSUER, AUDIENCE)
LISTEN = """
listen on 127.0.0.1 smtps port %d auth <users> token id senders <senders>
listen on 127.0.0.1 smtps port %d auth token id
listen on 127.0.0.1 smtps port %d auth token set
listen on 127.0.0.1 submission port %d auth token id
listen on 127.0.0.1 smtps port %d auth <users>
""" % (PORT, PORT + 1, PORT + 2, PORT + 3, PORT + 4)

s = Server(extra=EXTRA, listen=LISTEN, start=False)
rsa = Key(s.dir, "rsa", "RSA")
ec = Key(s.dir, "ec", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
ed = Key(s.dir, "ed", "ED25519")
other = Key(s.dir, "other", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
s.write("keys.pem", rsa.pem + ec.pem + ed.pem)
modulus = openssl("rsa", "-in", rsa.path, "-noout", "-modulus").strip()
s.write("keys.json", json.dumps({"keys": [
    {"kty": "EC", "crv": "P-256", "kid": "old", "use": "sig",
     "x": url64(other.der[-64:-32]), "y": url64(other.der[-32:])},
    {"kty": "EC", "crv": "P-256", "kid": "new", "use": "sig",
     "alg": "ES256", "x": url64(ec.der[-64:-32]), "y": url64(ec.der[-32:])},
    {"kty": "RSA", "kid": "rsa", "e": "AQAB",
     "n": url64(bytes.fromhex(modulus.decode().split("=")[1]))},
    {"kty": "OKP", "crv": "Ed25519", "x": url64(ed.der[-32:])}]}))
with open(s.conf_path) as f:
    conf = f.read().replace("@/", s.dir + "/")
s.write("smtpsd.conf", conf)
p = run(PREFIX + "/sbin/smtpsd", "-n", "-f", s.conf_path)
eq(p.returncode, 0, "-n takes it")

with s:
    s.start()
    with From(s) as r:
        ok("PLAIN LOGIN OAUTHBEARER XOAUTH2" in r.ehlo, "both are offered")
        eq(r.login()[:3], "235", "and PLAIN works")
    with From(s, PORT + 1) as r:
        ok("AUTH OAUTHBEARER XOAUTH2" in r.ehlo, "tokens alone are offered")
        eq(r.ask("AUTH PLAIN AGEAYg==")[:3], "504", "PLAIN is not")
    with From(s, PORT + 4) as r:
        ok("OAUTH" not in r.ehlo, "no token, no offer")
        eq(r.ask("AUTH OAUTHBEARER " + bearer("a.b.c"))[:3], "504",
           "and no mechanism")
    with Plain(s, PORT + 3) as r:
        ok("AUTH" not in r.ask("EHLO x"), "no offer before TLS")
        ok(r.ask("AUTH OAUTHBEARER " + bearer("a.b.c"))[:3] in
           ("530", "538", "504"), "and no AUTH")

    # Good ones.
    for alg, key in [("RS256", rsa), ("PS256", rsa), ("ES256", ec),
                     ("EdDSA", ed)]:
        t = token(key, alg)
        eq(expect_in(s, bearer(t), alg), "250", alg + ": MAIL")
        expect_in(s, xoauth2(t, "smtpst1"), alg + " in XOAUTH2", "XOAUTH2")
        expect_in(s, bearer(token(key, alg, header={
            "kid": {"ES256": "new", "EdDSA": "any"}.get(alg, "rsa")},
            email="smtpst1")), alg + " with a JWK set", port=PORT + 2)
    # A session ends with its token, which a minute is added to, but not in
    # the middle of a message.
    now = int(time.time())
    t = bearer(token(ec, exp=now - 56, iat=now - 90))
    idle, busy, lasting = From(s), From(s), From(s)
    for r, text in ((idle, t), (busy, t), (lasting, bearer(token(ec)))):
        eq(r.ask("AUTH OAUTHBEARER " + text)[:3], "235", "AUTH")
        eq(r.ask("NOOP")[:3], "250", "NOOP")
    eq(busy.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250", "MAIL")
    time.sleep(now + 5.5 - time.time())
    got = idle.ask("MAIL FROM:<smtpst1@example.org>")
    eq((got[:9], idle.reply()), ("421 4.7.0", ""), "the login has ended")
    eq(busy.ask("RCPT TO:<smtpst3@example.org>")[:3], "250", "RCPT")
    eq(busy.ask("DATA")[:3], "354", "DATA")
    busy.send(message())
    eq(busy.ask(".")[:3], "250", "what was begun is taken")
    eq((busy.ask("NOOP")[:9], busy.reply()), ("421 4.7.0", ""), "and no more")
    eq(lasting.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250",
       "another one goes on")
    lasting.close()
    t = token(ec, header={"typ": "JWT"}, aud=["x", AUDIENCE])
    expect_in(s, bearer(t, "smtpst1"), "an authzid, two audiences")
    with From(s) as r:
        eq(r.ask("AUTH OAUTHBEARER").rstrip(), "334",
           "without initial response")
        eq(r.ask(bearer(t))[:3], "235", "and in")
    with From(s) as r:
        eq(r.ask("AUTH OAUTHBEARER " + b64(
            "n,a=smtpst1,%shost=mail.example.org%sport=465%sauth=Bearer "
            "%s%s%s" % (SEP, SEP, SEP, t, SEP, SEP)))[:3], "235",
           "host and port")
    with From(s) as r:
        r.ask("AUTH OAUTHBEARER " + bearer(t))
        eq(r.ask("MAIL FROM:<smtpst2@example.org>")[:3], "553",
           "a token opens no other's address")
    ok(s.wait_log(r"event=auth-ok .*user=smtpst1 mechanism=OAUTHBEARER"),
       "the log has the token's user")
    with From(s) as r:
        r.ask("AUTH OAUTHBEARER " + bearer(t))
        r.ask("MAIL FROM:<smtpst1@example.org>")
        r.ask("RCPT TO:<smtpst1@example.org>")
        r.ask("DATA")
        eq(r.ask("From: smtpst1@example.org\r\nSubject: token\r\n\r\nHello\r\n"
                 ".")[:3], "250", "a message")
    eq(len(s.wait_mail(1)), 1, "is delivered")
    big = token(ec, padding="x" * 2700)
    ok(3900 < len(big) <= 4096, "a token of %d bytes" % len(big))
    expect_in(s, bearer(big, "smtpst1"), "the longest token")
    expect_in(s, xoauth2(big, "smtpst1"), "in XOAUTH2", "XOAUTH2")

    # All others.
    now = int(time.time())
    good = token(ec)
    head, body, sig = good.split(".")
    forged = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged["sub"] = "smtpst2"
    text = url64({"alg": "HS256", "typ": "JWT"}) + "." + body
    for name, bad, reason in [
            ("expired", token(ec, exp=now - 61, iat=now - 900), "expired"),
            ("for ever", token(ec, exp=None), "no-expiry"),
            ("from tomorrow", token(ec, nbf=now + 86400), "not-yet-valid"),
            ("another audience", token(ec, aud="imap.example.org"),
             "audience"),
            ("no audience", token(ec, aud=None), "audience"),
            ("another issuer", token(ec, iss=ISSUER + "/"), "issuer"),
            ("none", token(ec, "none", signature=b"x"), "algorithm"),
            ("none, unsigned", token(ec, "none", signature=b""), "malformed"),
            ("HS256 with the public key", text + "." + url64(hmac.new(
                ec.pem.encode(), text.encode(), hashlib.sha256).digest()),
             "algorithm"),
            ("another key", token(other), "signature"),
            ("signature of another kind", token(rsa, "RS256", header={
                "alg": "PS256"}), "signature"),
            ("another user in it", head + "." + url64(forged) + "." + sig,
             "signature"),
            ("crit", token(ec, header={"crit": ["exp"]}), "critical-header"),
            ("another type", token(ec, header={"typ": "logout+jwt"}),
             "token-type"),
            ("two parts", head + "." + body, "malformed"),
            ("opaque", "2YotnFZFEjr1zCsicMWpAA", "malformed"),
            ("bound to a key", token(ec, cnf={"jkt": "x"}),
             "bound-to-a-key"),
            ("a name that cannot be", token(ec, sub="a b"),
             "name-not-possible"),
            ("too long", good + "A" * 4097, "token-too-long")]:
        expect_refused(s, bearer(bad), reason, name)
        if name in ("expired", "none", "too long"):
            expect_refused(s, xoauth2(bad, "smtpst1"), reason,
                           name + " in XOAUTH2", "XOAUTH2", answer="")
    expect_refused(s, bearer(good, "smtpst2"), "another-users-token",
                   "as another user")
    expect_refused(s, xoauth2(good, "smtpst2"), "another-users-token",
                   "as another user", "XOAUTH2")
    expect_refused(s, bearer(token(ec, email="smtpst1", header={
        "kid": "old"})), "signature", "key of another id", port=PORT + 2)
    expect_refused(s, bearer(token(ec, email="smtpst1",
                                   email_verified=False)),
                   "email-not-verified", "an address that is not verified",
                   port=PORT + 2)
    expect_refused(s, b64("n,,%sauth=Bearer %s%s" % (SEP, good, SEP)),
                   "malformed", "no end")
    expect_refused(s, b64(os.urandom(300)), "malformed", "noise")
    expect_refused(s, b64("p=tls-unique,,"), "malformed", "half a message")
    with From(s) as r:
        eq(r.ask("AUTH OAUTHBEARER !!!")[:9], "501 5.5.2", "no base64")
        eq(r.ask("AUTH OAUTHBEARER " + bearer(token(other)))[:3], "334",
           "refused")
        eq(r.ask("*")[:9], "501 5.7.0", "given up instead of acknowledged")
        eq(r.ask("AUTH OAUTHBEARER " + bearer(good))[:3], "235",
           "and another one is fine")
    with From(s) as r:
        r.ask("AUTH OAUTHBEARER " + bearer(token(other)))
    with From(s) as r:
        eq(r.ask("AUTH OAUTHBEARER " + "A" * 9000)[:3], "500",
           "a line that is too long")
        eq(r.ask("NOOP " + "A" * 2100)[:3], "500",
           "and one that is too long for all but AUTH")
        eq(r.ask("NOOP")[:3], "250", "the session goes on")

    # A key that was changed.
    s.write("keys.pem", other.pem)
    eq(s.ctl("reload").returncode, 0, "reload with another key")
    expect_refused(s, bearer(token(ec)), "signature", "the old key")
    expect_in(s, bearer(token(other)), "the new key")
    log = s.log()
    for t in (good, big, head, body, sig):
        ok(t not in log, "no part of a token is in the log")
    ok(re.search(r"event=auth-failed .*user=token:[0-9a-f]{12} ", log),
       "an unknown user of a token has a name in the log")

# What -n says of mistakes.
for text, complaint in [
        ('token id audience "a" keys "@/keys.pem"', "has no issuer"),
        ('token id issuer "i" keys "@/keys.pem"', "has no audience"),
        ('token id issuer "i" audience "a"', "has no keys"),
        ('token id issuer "i" issuer "j"', "has its issuer already"),
        ('token id issuer "i" audience "a" keys "@/none"', "none"),
        ('token id issuer "i" audience "a" keys "@/ec.key"', "private key"),
        ('token id issuer "i" audience "a" keys "@/users.txt"',
         "no public key in PEM"),
        ('token id issuer "i" audience "a" keys "@/secret.json"',
         "private key"),
        ('token id issuer "i" audience "a" keys "@/half.json"',
         "no JWK set"),
        ('token id issuer "i" audience "a" keys "@/keys.pem" user-claim x',
         "the claim with the user"),
        ("", "token 'id' is not defined")]:
    with Server(extra=text, listen=LISTEN.replace("token set", "token id"),
                start=False) as b:
        b.write("keys.pem", ec.pem)
        with open(b.write("ec.key", "", 0o600), "wb") as f:
            f.write(openssl("genpkey", "-algorithm", "ED25519"))
        b.write("users.txt", "x\n")
        b.write("secret.json", '{"keys":[{"kty":"OKP","d":"x"}]}')
        b.write("half.json", '{"keys":[')
        with open(b.conf_path) as f:
            conf = f.read().replace("@/", b.dir + "/")
        b.write("smtpsd.conf", conf)
        p = run(PREFIX + "/sbin/smtpsd", "-n", "-f", b.conf_path)
        ok(p.returncode != 0 and complaint in p.text,
           "-n: %s: %s" % (complaint, p.text.split("\n")[0]))

done()
