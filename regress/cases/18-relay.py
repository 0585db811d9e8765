"""Relaying: TLS with a checked certificate, AUTH, reuse, names."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

FAR = "someone@far.example"
LOGIN = ("relayuser", "relay secret#1")
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o755)
CERT, KEY = make_cert(tmp, "next.example.net")
OTHER, OTHER_KEY = make_cert(tmp, "other.example.net")
# A host name that the resolver finds in hosts(5); ends with this case.
hosts = os.path.join(tmp, "hosts")
with open(hosts, "w") as f:
    f.write(open("/etc/hosts").read() + "\n127.0.0.1 next.example.net\n"
            "127.0.0.1 wrong.example.net\n")
run("mount", "--bind", hosts, "/etc/hosts")


def relays(name, url, options="", hop=None, n=1, secrets=None):
    """Sends n messages through the action; the next hop's messages."""
    extra = ""
    with Server(actions='action "local" maildir "~/Maildir"\n'
                'action "out" relay host %s %s\n' % (url, options),
                extra=extra + (secrets or "")) as s:
        with s.client() as c:
            for i in range(n):
                c.sendmail("smtpst1@example.org", [FAR],
                           message("%s %d" % (name, i)))
        got = hop.wait(n, 10)
        if got:
            s.wait_queue(0)
            return hop.messages
        if not until(lambda: any(q["error"] for q in s.show("queue")), 15):
            return "no error is shown"
        return s.show("queue")[0]["error"]


def secrets_file(text):
    path = os.path.join(tmp, "secrets")
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return 'table secrets file "%s"\n' % path


def one(name, hop, url, options="", want=True, tls=None, user=None,
        secrets=None):
    got = relays(name, url, options, hop, secrets=secrets)
    if want:
        if ok(isinstance(got, list), name):
            eq((got[0].tls, got[0].user), (tls, user), name + ": as it must")
        else:
            diag(got)
    else:
        ok(isinstance(got, str), name + ": refused")
        diag(got)
    hop.stop()


def hop(**kw):
    return NextHop(port=HOP_PORT, **kw)


P = ":%d" % HOP_PORT
TLS = {"cert": CERT, "key": KEY}
CA = 'ca "%s"' % CERT
SECRET = secrets_file("label relayuser:relay secret#1\n")

one("plain by address", hop(), "smtp://127.0.0.1" + P, tls=False)
one("plain by name", hop(), "smtp://next.example.net" + P, tls=False)
one("plain, opportunistic STARTTLS", hop(starttls=True, **TLS),
    "smtp://next.example.net" + P, tls=True)
one("STARTTLS, verified", hop(starttls=True, **TLS),
    "smtp+tls://next.example.net" + P, CA, tls=True)
one("STARTTLS not offered", hop(), "smtp+tls://next.example.net" + P, CA,
    want=False)
one("STARTTLS, no trust", hop(starttls=True, **TLS),
    "smtp+tls://next.example.net" + P, 'ca "%s"' % OTHER, want=False)
one("STARTTLS, wrong name", hop(starttls=True, **TLS),
    "smtp+tls://wrong.example.net" + P, CA, want=False)
one("STARTTLS, no-verify", hop(starttls=True, **TLS),
    "smtp+tls://wrong.example.net" + P, "no-verify", tls=True)
one("SMTPS, verified", hop(smtps=True, **TLS),
    "smtps://next.example.net" + P, CA, tls=True)
one("SMTPS, verified by address", hop(smtps=True, **TLS),
    "smtps://127.0.0.1" + P, CA, tls=True)
one("SMTPS, wrong name", hop(smtps=True, **TLS),
    "smtps://wrong.example.net" + P, CA, want=False)
one("SMTPS, no trust", hop(smtps=True, **TLS),
    "smtps://next.example.net" + P, 'ca "%s"' % OTHER, want=False)
for mechanisms in ["PLAIN", "LOGIN", "LOGIN PLAIN"]:
    one("AUTH " + mechanisms, hop(smtps=True, login=LOGIN,
                                  mechanisms=mechanisms, **TLS),
        "smtps://label@next.example.net" + P, "auth <secrets> " + CA,
        tls=True, user="relayuser", secrets=SECRET)
one("AUTH refused", hop(smtps=True, login=("relayuser", "other"), **TLS),
    "smtps://label@next.example.net" + P, "auth <secrets> " + CA, want=False,
    secrets=SECRET)
one("no such host", hop(), "smtp://nowhere.invalid" + P, want=False)
one("without PIPELINING", hop(pipelining=False), "smtp://127.0.0.1" + P,
    tls=False)

h = hop(smtps=True, login=LOGIN, **TLS)
got = relays("reuse", "smtps://label@next.example.net" + P,
             "auth <secrets> " + CA, h, n=60, secrets=SECRET)
ok(isinstance(got, list) and len(got) == 60, "60 messages")
ok(h.connections <= 12, "over %d connections" % h.connections)
eq(sum(c[1].startswith("AUTH") for c in h.commands), h.connections,
   "AUTH once for each connection")
h.stop()
shutil.rmtree(tmp)
done()
