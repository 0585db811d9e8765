"""No secret in the log, whatever it says and how much; no line is forged.

Logins of every kind, right and wrong, a relay with a password, two levels
of verbosity, then a search through all output for passwords, their base64
and their pieces, hashes, keys.  Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *
from nexthop import NextHop

import base64
import hashlib
import hmac

GOOD = "Zq7-correct-horse-%d" % os.getpid()
WRONG = "Yw3-battery-staple-%d" % os.getpid()
SCRAM = "Xv5-tractor-beam-%d" % os.getpid()
SMART = "Kd9-smarthost-secret-%d" % os.getpid()
EVIL = ['a"b', "a\x1b[2J", "a event=login user=root", 'x" event="y',
        "a\\", "caf\xe9", "%s%n%x", "a;b=c", "=", "\u2028x"]


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes)
                            else data.encode("latin-1", "replace")).decode()


def plain(user, password):
    return b64("\0%s\0%s" % (user, password))


def scram(r, user, password):
    """RFC 5802 with SHA-256; the last reply, and what must stay secret."""
    bare = "n=%s,r=clientnonce%d" % (user, os.getpid())
    got = r.ask("AUTH SCRAM-SHA-256 " + b64("n,," + bare))
    if not got.startswith("334 "):
        return got, []
    first = base64.b64decode(got[4:]).decode()
    nonce, salt, rounds = (x[2:] for x in first.split(",")[:3])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(),
                                 base64.b64decode(salt), int(rounds))

    def mac(key, text):
        return hmac.new(key, text.encode(), "sha256").digest()
    client_key = mac(salted, "Client Key")
    stored = hashlib.sha256(client_key).digest()
    final = "c=biws,r=" + nonce
    signature = mac(stored, ",".join([bare, first, final]))
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    got = r.ask(b64(final + ",p=" + b64(proof)))
    if got.startswith("334"):
        got = r.ask("")
    return got, [salted, client_key, stored, proof,
                 mac(salted, "Server Key")]


def logins(s):
    secrets = []
    for user, password, want in [("smtpst1", GOOD, "235"),
                                 ("smtpst1", WRONG, "535"),
                                 ("nobody", WRONG, "535"),
                                 ("smtpst1", GOOD + WRONG, "535")]:
        with s.raw() as r:
            r.ask("EHLO x")
            eq(r.ask("AUTH PLAIN " + plain(user, password))[:3], want,
               "attack 41: PLAIN")
        with s.raw() as r:
            r.ask("EHLO x")
            r.ask("AUTH LOGIN " + b64(user))
            eq(r.ask(b64(password))[:3], want, "attack 41: LOGIN")
        with s.raw() as r:
            r.ask("EHLO x")
            r.ask("AUTH PLAIN")
            eq(r.ask(plain(user, password))[:3], want,
               "attack 41: PLAIN in two lines")
    with s.raw() as r:                  # where a command belongs
        r.ask("EHLO x")
        eq(r.ask(plain("smtpst1", GOOD))[:3], "500", "attack 41: no command")
        eq(r.ask("AUTH " + plain("smtpst1", GOOD))[:3], "504",
           "attack 41: no mechanism")
        eq(r.ask("AUTH PLAIN " + plain("smtpst1", GOOD) + "!")[:3], "501",
           "attack 41: no base64")
        eq(r.ask("AUTH PLAIN" + plain("smtpst1", GOOD))[:3] in
           ("504", "500"), True, "attack 41: no blank")
        eq(r.ask("EHLO " + plain("smtpst1", GOOD) + " " + GOOD)[:1] in "25",
           True, "attack 41: as a name")
    for user, password in [("smtpst2", SCRAM), ("smtpst2", WRONG),
                           ("nobody", WRONG)]:
        with s.raw() as r:
            ok("SCRAM-SHA-256" in r.ask("EHLO x"),
               "attack 41: SCRAM is offered")
            got, more = scram(r, user, password)
            eq(got[:3], "235" if password == SCRAM else "535",
               "attack 41: SCRAM")
            secrets += more
    return secrets


def logged_in(s):
    r = s.raw()
    r.ask("EHLO x")
    r.login("smtpst1", GOOD)
    return r


def injections(s):
    """Whatever a client may choose that comes into a line."""
    with logged_in(s) as r:
        for e in EVIL:
            for line in ["EHLO %s", "MAIL FROM:<%s@x.example>",
                         'MAIL FROM:<"%s"@x.example>', "AUTH %s",
                         "VRFY %s", "%s", "MAIL FROM:<smtpst1@example.org> %s"]:
                r.send((line % e).encode("utf-8") + b"\r\n")
                got = r.reply()
                if not got or got.startswith("421"):
                    r.close()
                    r.__init__(s, PORT, True)
                    r.ask("EHLO x")
                    r.login("smtpst1", GOOD)
    for e in EVIL:
        with s.raw() as r:
            r.ask("EHLO x")
            r.ask("AUTH PLAIN " + b64(b"\0" + e.encode() + b"\0" + b"x"))
        with s.raw() as r:
            r.ask("EHLO x")
            r.ask("AUTH PLAIN " + plain("smtpst1", GOOD))
            r.send(('MAIL FROM:<smtpst1@example.org>\r\n'
                    'RCPT TO:<"%s"@far.example>\r\nRSET\r\n' % e).encode())
            for i in range(3):
                r.reply()


LINE = re.compile(r"^smtpsd: (?:[a-z0-9/]+: )?event=[a-z-]+"
                  r'(?: [a-z_-]+=(?:"[^"]*"|[^\s"]*))*$')


def log_lines(s):
    text = s.log()
    ok(not re.search(r"[^\x20-\x7e\n]", text),
       "attack 24: the log is printable ASCII")
    lines = [l for l in text.splitlines() if re.search(r"\bevent=", l)]
    bad = [l for l in lines if not LINE.match(l)]
    ok(len(lines) > 50 and not bad, "attack 24: %d lines are an event and "
       "key=value" % len(lines)) or diag("\n".join(bad[:5]))
    begin = [l for l in text.splitlines() if not l.startswith("smtpsd: ")]
    eq(begin[:3], [], "attack 24: every line is one that smtpsd began")
    words = [re.sub(r'"[^"]*"', '""', l).split(" ") for l in lines]
    eq([w for w in words if len([x for x in w if x.startswith("event=")]) != 1
        or "user=root" in w][:3], [], "attack 24: nobody faked a key")


def stored(s):
    """Pieces of the users file that nobody else may see."""
    with open(s.dir + "/users") as f:
        for line in f:
            yield from [x for x in re.split(r"[:$\s]", line) if len(x) > 15]


def words(secrets):
    for text in [GOOD, WRONG, SCRAM, SMART]:
        yield text, text.encode()
        for shift in range(3):          # however it lies in base64
            word = b64(b"\0" * shift + text.encode())
            yield text + " in base64", word[4:-4].encode()
    for value in secrets:
        yield "SCRAM value in base64", b64(value)[:-4].encode()
        yield "SCRAM value in hex", value.hex().encode()
        yield "SCRAM value", value


def search(s, secrets, output):
    data = b"".join(open(p, "rb").read() for p in [s.log_path]) + output
    pieces = list(stored(s))
    ok(len(pieces) >= 12, "attack 41: %d hashes and verifiers" % len(pieces))
    found = {name for name, word in words(secrets) if word in data}
    found |= {"hash or verifier" for x in pieces if x.encode() in data}
    eq(found, set(), "attack 41: no secret in %d bytes of output" % len(data))
    for name, cert, key in s.keys:
        lines = open(key).read().splitlines()[1:-1]
        ok(not [l for l in lines if l[:24].encode() in data],
           "attack 41: nor a piece of the key")
    for user in ["a", "ab", "abc"]:
        sample = b" " + plain(user, GOOD).encode()
        ok([w for n, w in words([]) if w in sample],
           "attack 41: the search would find one")


def cores(s):
    """No process that holds a secret leaves a core or can be traced."""
    for p in [s.pid] + s.children():
        name = process_name(p)
        limits = open("/proc/%d/limits" % p).read()
        ok(re.search(r"Max core file size +0 +0 ", limits),
           "attack 41: %s makes no core" % name)
        # What is not dumpable belongs to root, not to its user.
        eq(os.stat("/proc/%d/environ" % p).st_uid, 0,
           "attack 41: %s is not dumpable" % name)


hop = NextHop(login=("label", SMART), starttls=True)
with Server(start=False) as s:
    hop.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    hop.context.load_cert_chain(s.keys[0][1], s.keys[0][2])
    s.write("secrets", "label label:%s\n" % SMART, 0o600)
    with open(s.conf_path) as f:
        conf = f.read()
    s.write("smtpsd.conf", conf.replace(
        'action "out" relay host smtp://127.0.0.1:10025',
        'table secrets file "%s/secrets"\n'
        'action "out" relay host smtp+tls://label@127.0.0.1:10025 '
        'auth <secrets> no-verify' % s.dir))
    output = b""
    # SCRAM is offered when each user has a verifier.
    for user, password in [("smtpst1", GOOD), ("smtpst2", SCRAM),
                           ("smtpst3", SCRAM + "3")]:
        p = s.ctl("user", "passwd", user, input=password + "\n")
        eq(p.returncode, 0, "password of " + user)
        output += p.stdout
    s.start("-v", "-v")
    s.ctl("log", "verbose")
    secrets = logins(s)
    with s.client("smtpst1", GOOD) as c:
        c.sendmail("smtpst1@example.org", ["a@far.example"], message())
    ok(hop.wait(1), "attack 41: relayed with a password")
    hop.fail("auth", "535 5.7.8 no, %s" % "try again")
    with s.client("smtpst1", GOOD) as c:
        c.sendmail("smtpst1@example.org", ["b@far.example"], message())
    s.wait_log("535")
    for what in ["sessions", "queue", "stats", "listeners", "users"]:
        output += s.ctl("show", what).stdout
        output += s.ctl("-j", "show", what).stdout
    cores(s)
    injections(s)
    s.ctl("reload")
    log_lines(s)
    search(s, secrets, output)
done()
