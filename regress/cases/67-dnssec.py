"""DNSSEC: what a signed zone says is used and known to be secure, what was
forged is not used; an unsigned zone works as ever."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

NS_PORT = 5301
ZONE = """\
$ORIGIN %(name)s.
$TTL 300
@ IN SOA ns hostmaster 1 3600 900 86400 300
@ IN NS ns
@ IN MX 10 mx
ns IN A 127.0.0.1
mx IN A 127.0.0.60
null IN MX 0 .
"""

if not shutil.which("nsd") or not shutil.which("ldns-signzone"):
    skip("DNSSEC", "nsd or ldnsutils is not installed")
    done()
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o755)
anchors = []


def zone(name, signed=True, forge=None):
    path = "%s/%s" % (tmp, name)
    with open(path, "w") as f:
        f.write(ZONE % {"name": name})
    if signed:
        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name,
                  cwd=tmp).text.strip().splitlines()[-1]
        with open("%s/%s.key" % (tmp, key)) as f:
            anchors.append(f.read().strip())
        p = run("ldns-signzone", "-f", path + ".signed", path, key, cwd=tmp)
        if not os.path.exists(path + ".signed"):
            raise RuntimeError(p.text)
        path += ".signed"
    if forge:
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(re.sub(forge[0], forge[1], text, 1))
    return 'zone:\n name: "%s"\n zonefile: "%s"\n' % (name, path)


zones = (zone("good.example") + zone("plain.example", signed=False) +
         # Somebody on the way puts an exchanger of his own.
         zone("bad.example", forge=(r"(?m)MX\t10 mx\.bad", "MX\t10 ns.bad")) +
         zone("badaddr.example", forge=(r"127\.0\.0\.60", "127.0.0.61")) +
         # And one says that there is no mail: it must not be returned.
         zone("badnull.example", forge=(r"(?m)MX\t10 mx\.badnull\.example\.",
                                        "MX\t0 .")))
with open(tmp + "/anchors", "w") as f:
    f.write("\n".join(anchors) + "\n")
with open(tmp + "/nsd.conf", "w") as f:
    f.write('server:\n ip-address: 127.0.0.1@%d\n username: ""\n chroot: ""\n'
            ' zonesdir: "%s"\n pidfile: ""\n database: ""\n xfrdfile: "%s/x"\n'
            ' zonelistfile: "%s/l"\n xfrdir: "%s"\n server-count: 1\n'
            ' hide-version: yes\nremote-control:\n control-enable: no\n%s' %
            (NS_PORT, tmp, tmp, tmp, tmp, zones))
nsd = subprocess.Popen(["nsd", "-d", "-c", tmp + "/nsd.conf"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
real = NextHop(host="127.0.0.60", port=25)
forged = NextHop(host="127.0.0.61", port=25)
own = NextHop(host="127.0.0.1", port=25)
time.sleep(1)
if nsd.poll() is not None:
    diag(nsd.stderr.read().decode())
with Server(extra='resolver forward 127.0.0.1@%d\nresolver anchors '
            '"%s/anchors"\n' % (NS_PORT, tmp),
            actions='action "local" maildir "~/Maildir" alias <aliases>\n'
            'action "out" relay allow-loopback\n') as s:
    s.send("a@good.example")
    ok(real.wait(1), "a signed zone")
    ok(re.search(r"lookup good\.example: .*, secure", s.log()) and
       re.search(r"lookup mx\.good\.example: .*, secure", s.log()),
       "its exchanger and addresses are secure")
    s.send("a@plain.example")
    ok(real.wait(2), "an unsigned zone")
    ok(re.search(r"lookup plain\.example: ", s.log()) and
       not re.search(r"lookup plain\.example: .*, secure", s.log()),
       "is not secure")
    for name in ("bad", "badaddr", "badnull"):
        s.send("a@%s.example" % name)
        ok(until(lambda: any(q["error"] and q["recipient"] ==
                             "a@%s.example" % name
                             for q in s.show("queue")), 30),
           name + ": the mail waits")
    ok(re.search(r"lookup bad\.example: forged", s.log()) and
       re.search(r"lookup mx\.badaddr\.example: forged", s.log()) and
       re.search(r"lookup badnull\.example: forged", s.log()),
       "and the log says why")
    eq((len(forged.messages), len(own.messages), len(real.messages)),
       (0, 0, 2), "nothing goes where the forger wants it")
    eq(len(s.mails()), 0, "and nothing is returned")
real.stop()

# REQUIRETLS (RFC 8689 4.2.1): a certificate proves nothing where the name in
# it is the word of whoever answers for DNS.
HOLDERS = "good.example", "plain.example"
cert = make_cert(tmp, "mx.good.example", names=[
    "DNS:mx." + name for name in HOLDERS])
real = NextHop(host="127.0.0.60", port=25, starttls=True, cert=cert[0],
               key=cert[1], words=["REQUIRETLS"])
with Server(extra='resolver forward 127.0.0.1@%d\nresolver anchors '
            '"%s/anchors"\n' % (NS_PORT, tmp),
            actions='action "local" maildir "~/Maildir" alias <aliases>\n'
            'action "out" relay allow-loopback tls verify ca "%s"\n' %
            cert[0]) as s:
    with s.client() as c:
        for name in HOLDERS:
            c.sendmail("smtpst1@example.org", ["a@" + name], message(name))
        ok(real.wait(2), "verified by the name of the exchanger")
        for name in HOLDERS:
            c.sendmail("smtpst1@example.org", ["b@" + name], message(name),
                       ["REQUIRETLS"])
        ok(real.wait(3), "REQUIRETLS: where DNSSEC proves that name")
        mails = s.wait_mail(1)
        ok(mails and b"b@plain.example" in mails[0] and
           b"\nStatus: 5.7.30" in mails[0], "returned where it does not")
        eq([m.recipients for m in real.messages[2:]], [["b@good.example"]],
           "and not sent")
real.stop()
nsd.terminate()
nsd.wait(10)
shutil.rmtree(tmp)
done()
