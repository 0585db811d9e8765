"""Scanners: sslscan, testssl.sh and nmap find nothing but what is listed here.

One that is not installed is skipped.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import xml.etree.ElementTree as ET

SUBMISSION = PORT + 1
SMTP = 25
HOST = "mail.example.org"
LISTENERS = [(PORT, False), (SUBMISSION, True), (SMTP, True)]

TESTSSL_S = 100                 # it takes minutes; what it found by then counts
# What testssl.sh says of a test's certificate: nobody's CA, no revocation,
# no CAA record, RSA of 2048 bits with 30 days to go.
EXPECTED = {"cert_trust", "cert_chain_of_trust", "cert_revocation",
            "cert_crlDistributionPoints", "cert_ocspURL", "OCSP_stapling",
            "DNS_CAArecord", "cert_expirationStatus", "cert_extlifeSpan",
            "cert_notAfter", "cert_validityPeriod", "certificate_transparency",
            "overall_grade", "cert_caIssuers",
            "engine_problem", "old_fallback", "scanTime", "scanProblem"}


def sslscan(s, port, starttls):
    if not shutil.which("sslscan"):
        return skip("sslscan %d" % port, "not installed")
    p = run("sslscan", "--no-colour", "--xml=-", "--show-sigs",
            *(["--starttls-smtp"] if starttls else []),
            "%s:%d" % (HOST, port), stderr=subprocess.DEVNULL)
    test = ET.fromstring(p.stdout[p.stdout.index(b"<document"):]).find(
        "ssltest")
    on = sorted(x.get("type") + x.get("version") for x in
                test.findall("protocol") if x.get("enabled") == "1")
    eq(on, ["tls1.2", "tls1.3"], "sslscan %d: TLS 1.2 and 1.3" % port)
    ciphers = test.findall("cipher")
    ok(len(ciphers) > 3, "sslscan %d: %d ciphers" % (port, len(ciphers)))
    weak = [c.get("cipher") for c in ciphers if int(c.get("bits")) < 128 or
            not re.match(r"TLS_(AES|CHACHA20)|ECDHE-.*(GCM|CHACHA20)",
                         c.get("cipher"))]
    eq(weak, [], "sslscan %d: all with forward secrecy and AEAD" % port)
    eq([x.get("sslversion") for x in test.findall("heartbleed")
        if x.get("vulnerable") == "1"], [], "sslscan %d: heartbleed" % port)
    eq([x.get("supported") for x in test.findall("compression")
        if x.get("supported") != "0"], [],
       "sslscan %d: no compression" % port)
    eq([(x.get("supported"), x.get("secure")) for x in
        test.findall("renegotiation")][0][0], "0",
       "sslscan %d: no renegotiation" % port)
    fallback = [x.get("supported") for x in test.findall("fallback")]
    ok(fallback in (["1"], []), "sslscan %d: fallback SCSV" % port)
    groups = {x.get("name") for x in test.findall("group")}
    ok(groups and not [g for g in groups if re.search(r"sect|160|192r|224",
                                                      g)],
       "sslscan %d: groups %s" % (port, " ".join(sorted(groups))))


def testssl(s, port, starttls):
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if not program:
        return skip("testssl.sh %d" % port, "not installed")
    path = s.dir + "/testssl.%d.json" % port
    p = run("timeout", str(TESTSSL_S), program, "--warnings", "batch",
            "--quiet", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1",
            "--protocols", "--server-defaults", "--pfs", "--standard",
            "--vulnerable", "--jsonfile", path,
            *(["-t", "smtp"] if starttls else []), "%s:%d" % (HOST, port),
            timeout=TESTSSL_S + 20)
    if not os.path.exists(path):
        diag(p.text[-1500:])
        return ok(False, "testssl.sh %d wrote a report" % port)
    with open(path) as f:               # whole only if it came to its end
        found = [json.loads(x) for x in re.findall(r"\{[^{}]*\}", f.read())]
    ok(len(found) > 20, "testssl.sh %d: %d results%s" % (port, len(found),
       "" if p.returncode != 124 else " in %d s" % TESTSSL_S))
    bad = [(x["id"], x["severity"], x["finding"]) for x in found
           if x["severity"] not in ("OK", "INFO", "DEBUG") and
           x["id"].split()[0] not in EXPECTED]
    ok(not bad, "testssl.sh %d: nothing to be warned of" % port)
    for x in bad:
        diag(x)


def nmap(s):
    if not shutil.which("nmap"):
        return skip("nmap", "not installed")
    p = run("nmap", "-n", "-Pn", "-sT", "-p", str(SMTP), "--script",
            "smtp-open-relay,smtp-commands,smtp-vuln*,smtp-enum-users,"
            "smtp-strangeport", "--script-args",
            "smtp-open-relay.from=root@example.com,"
            "smtp-open-relay.to=nobody@far.example,"
            "smtp-open-relay.ip=127.0.0.1,smtp-open-relay.domain=far.example",
            "127.0.0.1", timeout=200)
    ok("25/tcp open" in p.text, "nmap: port 25 is open")
    ok(re.search(r"smtp-commands: .*(PIPELINING|8BITMIME)", p.text),
       "nmap smtp-commands: lists extensions")
    relay = re.search(r"smtp-open-relay: (.*)", p.text)
    ok(relay and relay.group(1).startswith("Server doesn't seem to be an open"
                                           " relay, all tests failed"),
       "nmap smtp-open-relay: all its tests fail")
    ok(not re.search(r"VULNERABLE|\b(root|admin|smtpst1)\b", "\n".join(
        l for l in p.text.splitlines() if "smtp-vuln" in l or "enum" in l)),
        "nmap: no user and no hole is found")
    diag(p.text)


listen = "".join("listen on 127.0.0.1 %s port %d%s\n" % x for x in [
    ("smtps", PORT, " auth <users>"), ("submission", SUBMISSION,
                                      " auth <users>"), ("smtp", SMTP, "")])
RULES = ('match from auth for any action "out"\n'
         'match from any for domain <domains> action "local"\n')
with Server(listen=listen, rules=RULES, extra=
            "limit sessions-per-ip 500\nlimit errors 100\n") \
        as s:
    hosts = s.write("hosts", "127.0.0.1 localhost mail.example.org\n")
    run("mount", "--bind", hosts, "/etc/hosts")
    nmap(s)
    for port, starttls in LISTENERS:
        sslscan(s, port, starttls)
    testssl(s, PORT, False)
    with s.client() as c:
        eq(c.noop()[0], 250, "afterwards others are served")
done()
