"""smtpsd -n: every mistake with file, line and hint; what it must refuse."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

server = Server(start=False)
good = open(server.conf_path).read()


def check(text, *args):
    path = server.write("check.conf", text)
    return run(server.prefix + "/sbin/smtpsd", "-n", *args, "-f", path)


def bad(name, text, *patterns, refused=True):
    p = check(text)
    fine = (p.returncode == 1) if refused else p.returncode == 0
    for pattern in patterns:
        fine = fine and re.search(pattern, p.text, re.M)
    if not ok(fine, name):
        diag("status %d" % p.returncode)
        diag(p.text)


def line_of(text, part):
    return [i for i, l in enumerate(text.splitlines(), 1) if part in l][0]


p = check(good)
eq(p.returncode, 0, "a good configuration")
diag(p.text)

# All mistakes at once, each with its line.
text = good + "lisen on all smtps\nmatch from auth for any action \"nope\"\n" \
    "limit message-size 3X\n"
n = len(good.splitlines())
bad("three mistakes, three complaints", text, r"check\.conf:%d: .*listen" %
    (n + 1), r"check\.conf:%d: .*nope" % (n + 2), r"check\.conf:%d: " % (n + 3))
bad("a missing include", good + 'include "/nonexistent/file"\n',
    r"check\.conf:%d: .*nonexistent" % (n + 1))
server.write("inc", "hostname x y\n")
bad("a mistake in an included file names that file",
    good + 'include "%s/inc"\n' % server.dir, r"/inc:1: ")
server.write("inc", 'include "%s/inc"\n' % server.dir)
bad("a file that includes itself", good + 'include "%s/inc"\n' % server.dir,
    r"inc:1: ")
bad("an unknown macro", good + "hostname $nope\n", r":%d: .*nope" % (n + 1))
bad("an unknown table", good.replace("alias <aliases>", "alias <nope>"),
    r":%d: .*nope" % line_of(good, "alias <aliases>"))
bad("no listener", re.sub("(?m)^listen.*$", "", good), r"listen")

# TLS and AUTH cannot be left out.
bad("smtps without AUTH", re.sub(r"auth <users>.*", "", good, count=1),
    r":\d+: .*[Aa][Uu][Tt][Hh]")
bad("smtps without pki", re.sub(r"(?m)^pki.*$", "", good), r":\d+: ")

# Open relays.
for rule in ['match from any for any action "out"',
             'match from src 0.0.0.0/0 for any action "out"',
             'match from src ::/0 for any action "out"',
             'match from any for domain .example action "out"']:
    p = check(good + "listen on 127.0.0.1 smtp port 10025\n" + rule + "\n")
    if "for any" in rule:
        if not ok(p.returncode == 1 and re.search(
                r"check\.conf:%d: " % (n + 2), p.text), "refused: " + rule):
            diag(p.text)

# Keys and certificates.
cert, key = server.keys[0][1:]
os.chmod(key, 0o644)
bad("a key that others can read", good, r":\d+: .*(0644|read)")
os.chmod(key, 0o600)
os.rename(key, key + ".x")
bad("a missing key", good, r":\d+: ")
os.rename(key + ".x", key)
saved = open(key).read()
open(key, "w").write("not a key\n")
bad("a key that is none", good, r":\d+: ")
open(key, "w").write(saved)
other_cert, other_key = make_cert(server.dir, "other.example.org", "ec")
bad("a key of another certificate", good.replace(key, other_key),
    r":\d+: .*(match|belong)")
c2, k2 = make_cert(server.dir, "soon.example.org", "rsa", days=5)
bad("a certificate that expires soon: a warning",
    good.replace(cert, c2).replace(key, k2), r"[Ww]arning.*expire",
    refused=False)
c3, k3 = server.dir + "/old.crt", server.dir + "/old.key"
server.write("ca.cnf", """
[ca]
default_ca = x
[x]
database = index
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = p
[p]
commonName = supplied
""")
server.write("index", "")
p = run("sh", "-c", "cd %s && openssl req -new -nodes -newkey rsa:2048 -subj "
        "/CN=mail.example.org -out old.csr -keyout old.key && openssl ca "
        "-batch -selfsign -config ca.cnf -keyfile old.key -in old.csr -out "
        "old.crt -notext -startdate 20200101000000Z -enddate 20200201000000Z "
        "&& chmod 600 old.key" % server.dir)
eq(p.returncode, 0, "openssl makes an expired certificate")
bad("an expired certificate", good.replace(cert, c3).replace(key, k3),
    r":\d+: .*expired")
c4, k4 = make_cert(server.dir, "ed.example.org", "ed25519")
bad("an Ed25519 key", good.replace(cert, c4).replace(key, k4),
    r":\d+: .*(Ed25519|RSA|ECDSA)")

# The users file.
os.chmod(server.dir + "/users", 0o644)
bad("a users file that others can read", good, r"users.*(0644|chmod)")
os.chmod(server.dir + "/users", 0o600)
users = open(server.dir + "/users").read()
server.write("users", users + "x:plain password\n", 0o600)
bad("a users file with a password in the clear", good, r"users:4: ")
server.write("users", users, 0o600)
server.write("aliases", "a: b\n\na: c\n")
bad("aliases with the same name twice", good, r"aliases.*3")
server.write("aliases", "postmaster: smtpst1\n")

# Macros.
text = good.replace("hostname mail.example.org", "hostname $name")
eq(check(text, "-D", "name=mail.example.org").returncode, 0, "-D")
eq(check('name = "mail.example.org"\n' + text).returncode, 0, "a macro")
eq(check(text).returncode, 1, "without it")

# A broken configuration does not start either.
server.write("smtpsd.conf", good + "nonsense\n")
p = run(server.prefix + "/sbin/smtpsd", "-d", "-f", server.conf_path,
        timeout=20)
eq(p.returncode, 1, "smtpsd exits 1")
ok("smtpsd.conf:%d:" % (n + 1) in p.text, "and names the line")
for args in [["-x"], ["extra"]]:
    p = run(server.prefix + "/sbin/smtpsd", "-n", "-f", server.conf_path,
            *args)
    ok(p.returncode != 0 and "usage" in p.text, "usage: " + args[0])
p = run("setpriv", "--reuid", "smtpst1", "--regid", "smtpst1",
        "--clear-groups", server.prefix + "/sbin/smtpsd", "-d", "-f",
        server.conf_path)
ok(p.returncode != 0 and "root" in p.text, "not root: says so")
# Children refuse a start by hand.
for child in CHILDREN + ["deliver"]:
    p = run(server.prefix + "/libexec/smtpsd/" + child, timeout=10,
            stdin=subprocess.DEVNULL)
    ok(p.returncode != 0, child + " refuses a start by hand")
shutil.rmtree(server.dir)
done()
