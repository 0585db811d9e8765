"""What smtpsd -n says of listeners, and OCSP responses."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

RULES = 'match from auth for any action "out"\n'
GOOD = "listen on 127.0.0.1 smtps port 1 auth <users>\n"
server = Server(start=False)
name, cert, key = server.keys[0]
d = server.dir


def check(listen, extra="", pki=True):
    """Status and output of smtpsd -n."""
    text = DEFAULT_CONF.format(**dict(
        server.parts, listen=listen, extra=extra, rules=RULES,
        pki=server.parts["pki"] if pki else ""))
    p = run(server.prefix + "/sbin/smtpsd", "-n", "-f",
            server.write("try.conf", text))
    return p.returncode, p.text, text


def refused(listen, want, hint, extra="", pki=True):
    status, out, text = check(listen, extra, pki)
    line = 1 + (text.split("\n").index(extra.split("\n")[0]) if extra else
                text.split("\n").index(listen.split("\n")[0]))
    ok(status != 0 and re.search(r"try\.conf:%d: .*%s" % (line, want), out)
       and re.search(hint, out), "%s: %s" % (listen.strip()[-60:], want)) or \
        diag(out)


ON = "listen on 127.0.0.1 smtps auth <users> "
open(d + "/empty.crt", "w").close()
eq(check(GOOD)[0], 0, "a good one")
for option, want, hint in (
        ('tls-protocols "tlsv1.1"', "tlsv1.1", "tlsv1.2,tlsv1.3"),
        ('tls-protocols "tlsv1.2,tlsv1"', "'tlsv1'", "tlsv1.2,tlsv1.3"),
        ('tls-protocols ","', "no version", "tlsv1.2"),
        ('ciphers "nonsense"', "names no cipher", "ECDHE-"),
        ('ciphers "HIGH"', "is not served", "ECDHE"),
        ('ciphers "ECDHE+AES"', "is not served", "ECDHE"),
        ('ciphers "AES256-GCM-SHA384"', "AES256-GCM-SHA384 is not served",
         "ECDHE"),
        ('ciphers "DHE-RSA-AES256-GCM-SHA384"', "is not served", "ECDHE"),
        ("verify required", "by whom", "ca"),
        ("verify maybe", "maybe", "optional"),
        ('ca "%s"' % cert, "without 'verify'", "verify required"),
        ('verify optional ca "%s/none"' % d, "none", ""),
        ('verify optional ca "%s/empty.crt"' % d, "holds no certificate",
         "PEM"),
        ("proxy-v1 balancer.example.org", "is not an address", "192.0.2.0"),
        ("proxy-v1 192.0.2.1 proxy-v2 192.0.2.1", "twice", "one of"),
        ("proxy-v1 <nobody>", "nobody", ""),
        ("limit recipients 0", "limit", ""),
        ("limit messages 5", "limit of a listener", ""),
        ("limit message-size 51M", "larger", "lower"),
        ("auth-compt", "auth-compt", "auth-compat"),
        ("smtp", "another kind", "one 'listen on'")):
    refused(ON + option, want, hint)
refused("listen on 127.0.0.1 smtp auth-compat", "without 'auth'", "add: auth")
refused("listen on 127.0.0.1 smtp verify optional", "certificate", "pki",
        pki=False)
refused('listen on socket "relative"', "cannot be a socket", "/run/")
refused('listen on socket "/run/../etc/x"', "cannot be a socket", "/run/")
refused('listen on socket "/%s"' % ("x" * 110), "cannot be a socket", "108")
refused('listen on socket "/run/x" auth <users>', "auth", "option of a socket")
refused('listen on socket "/run/x" smtp', "smtp", "option of a socket")
eq(check('listen on socket "/run/a"\nlisten on socket "/run/b"')[0], 0,
   "two sockets")
status, out, text = check('listen on socket "/run/a"\n'
                          'listen on socket "/run/a"')
ok(status != 0 and "is taken by line" in out, "one socket twice") or diag(out)

# OCSP
other_cert, other_key = make_cert(d, "other.example.org", "ec")
good = make_ocsp(cert, key, d + "/good.ocsp")
foreign = make_ocsp(other_cert, other_key, d + "/foreign.ocsp")
second = make_ocsp(other_cert, other_key, d + "/second.ocsp", 3)
with open(d + "/garbage.ocsp", "wb") as f:
    f.write(os.urandom(300))
pki = 'pki mail.example.org ocsp "%s"'
eq(check(GOOD, pki % good)[0], 0, "a good response")
# One of a week ago, by a responder whose clock stands.
server.write("clock.c", "#include <time.h>\ntime_t time(time_t *t) { time_t n "
             "= %d; if (t) *t = n; return n; }\n" % (time.time() - 7 * 86400))
run("cc", "-shared", "-fPIC", "-o", d + "/clock.so", d + "/clock.c")
os.environ["LD_PRELOAD"] = d + "/clock.so"
expired = make_ocsp(cert, key, d + "/expired.ocsp", 2)
del os.environ["LD_PRELOAD"]
status, out, text = check(GOOD, pki % expired)
ok(status == 0 and re.search(r"warning: .*try\.conf:\d+: .*has expired", out),
   "an expired response is a warning") or diag(out)
for path, want, hint in ((foreign, "another certificate", "openssl ocsp"),
                         (d + "/garbage.ocsp", "no OCSP response", "DER"),
                         (d + "/none.ocsp", "none.ocsp", "")):
    status, out, text = check(GOOD, pki % path)
    ok(status != 0 and "try.conf:" in out and want in out and hint in out,
       "ocsp: " + want) or diag(out)
shutil.rmtree(d)


def staple(s, name):
    """What openssl says of the staple it gets under this name."""
    return run("openssl", "s_client", "-connect", "127.0.0.1:%d" % PORT,
               "-servername", name, "-status", input="QUIT\r\n").text


with Server(names=("mail.example.org", "two.example.org",
                   "three.example.org"), start=False) as s:
    made = [make_ocsp(c, k, "%s/%s.ocsp" % (s.dir, n)) for n, c, k in s.keys]
    serial = {n: run("openssl", "x509", "-in", c, "-noout", "-serial")
              .text.strip().split("=")[1].lstrip("0") for n, c, k in s.keys}
    s.write("smtpsd.conf", DEFAULT_CONF.format(**dict(
        s.parts, extra="".join('pki %s ocsp "%s"\n' % (k[0], m)
                               for k, m in zip(s.keys[:2], made)))))
    s.start()
    for n in ("mail.example.org", "two.example.org"):
        got = staple(s, n)
        ok("OCSP Response Status: successful" in got and
           serial[n] in got.split("Serial Number:")[1][:60]
           if "Serial Number:" in got else False, n + ": its own staple") or \
            diag("\n".join(got.splitlines()[:30]))
    ok("OCSP response: no response sent" in staple(s, "three.example.org"),
       "a pki without one sends none")
    # A reload reads it again.
    before = re.search(r"Next Update: (.*)", staple(s, "mail.example.org"))
    make_ocsp(s.keys[0][1], s.keys[0][2], made[0] + ".new", 9)
    os.replace(made[0] + ".new", made[0])
    eq(s.ctl("reload").returncode, 0, "reload")
    again = re.search(r"Next Update: (.*)", staple(s, "mail.example.org"))
    ok(before and again and before.group(1) != again.group(1),
       "a reload takes the new one")

done()
