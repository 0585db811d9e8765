"""Relaying by mail exchangers: their order, what is wrong with a domain, TLS
by destination, connections, and name servers that lie."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import hashlib

import dnsstub
from nexthop import NextHop

ME = "smtpst1@example.org"
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o755)
CERT, KEY = make_cert(tmp, "mx.tls.example")
OTHER, OTHER_KEY = make_cert(tmp, "mx.other.example")
PIN, OTHER_PIN = ["SHA256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(
    open(c).read())).hexdigest() for c in (CERT, OTHER)]
TLS = {"cert": CERT, "key": KEY, "starttls": True}
run("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
# No smtpst3 mailbox of another case is touched: mail comes back to this one.
BOX_TOP = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(BOX_TOP, 0o755)
BOX = BOX_TOP + "/mail/smtpst1"

dns = dnsstub.Dns()
hops = {}


def hop(address, **kw):
    """The exchanger there, behaving and empty."""
    if address in hops:
        hops.pop(address).stop()
    hops[address] = NextHop(host=address, port=25, **kw)
    return hops[address]


def mx(domain, *exchangers):
    """("10 mx1", address or list) ..., below the domain."""
    dns.add(domain, MX=["%s.%s" % (e[0], domain) for e in exchangers])
    for e in exchangers:
        for a in [e[1]] if isinstance(e[1], str) else e[1]:
            kind = "AAAA" if ":" in a else "A"
            dns.add("%s.%s" % (e[0].split(" ")[1], domain), **{kind: a})


def server(options="allow-loopback", extra="", actions="", rules="", **kw):
    shutil.rmtree(BOX, ignore_errors=True)
    return Server(
        extra="resolver forward 127.0.0.1@%d\n%s" % (dnsstub.PORT, extra),
        actions='action "local" maildir "%s/mail/%%{dest.user}" user '
        'smtpst3\naction "out" relay %s\n%s' % (BOX_TOP, options, actions),
        rules='match from auth for domain <domains> action "local"\n%s'
        'match from auth for any action "out"\n' % rules, **kw)


def errors(s, domain):
    return [q["error"] for q in s.show("queue")
            if domain in json.dumps(q) and q["error"]]


def put_off(s, domain, pattern, name):
    s.send("a@" + domain)
    until(lambda: errors(s, domain), 20)
    if not ok(any(re.search(pattern, e) for e in errors(s, domain)), name):
        diag(errors(s, domain))
    s.ctl("remove", "all")


def returned(s, domain, status, text, name):
    n = len(s.mails(directory=BOX))
    s.send("a@" + domain)
    mails = s.wait_mail(n + 1, directory=BOX)
    if not mails:
        diag(s.show("queue"))
    last = b"" if not mails else next(
        (m for m in mails if b"a@" + domain.encode() in m), b"")
    if not ok(b"Status: " + status.encode() in last and
              text.encode() in last.replace(b"\r\n    ", b" "), name):
        diag(last[:2000].decode("latin-1"))


def arrives(s, domain, address, name, n=1):
    """All n messages at the exchanger there; they are gone then."""
    for i in range(n):
        s.send("a@" + domain)
    got = ok(hops[address].wait(n, 15), name)
    if not got:
        diag(errors(s, domain))
    messages = hops[address].messages[:]
    hops[address].messages.clear()
    return messages


# --- order -----------------------------------------------------------------
for i in range(2, 8):
    hop("127.0.0.%d" % i)
with server() as s:
    mx("order.example", ("20 b", "127.0.0.3"), ("10 a", "127.0.0.2"),
       ("30 c", "127.0.0.4"))
    arrives(s, "order.example", "127.0.0.2", "the best exchanger")
    mx("refuses.example", ("10 a", "127.0.0.20"), ("20 b", "127.0.0.3"))
    arrives(s, "refuses.example", "127.0.0.3", "the next one: no connection")
    for code in (421, 554):
        hops["127.0.0.2"].fail("connect", code)
        mx("g%d.example" % code, ("10 a", "127.0.0.2"),
           ("20 b", "127.0.0.3"))
        arrives(s, "g%d.example" % code, "127.0.0.3",
                "the next one: greeting %d" % code)
    hops["127.0.0.2"].ok()
    hops["127.0.0.2"].fail("ehlo", "close")
    mx("closes.example", ("10 a", "127.0.0.2"), ("20 b", "127.0.0.3"))
    arrives(s, "closes.example", "127.0.0.3", "the next one: closed at EHLO")
    hops["127.0.0.2"].ok()
    dns.add("half.example", MX=["10 gone.half.example", "20 b.half.example"])
    dns.add("b.half.example", A="127.0.0.4")
    arrives(s, "half.example", "127.0.0.4", "the next one: no address")
    dns.add("slow.example", MX=["10 sf.slow.example", "20 b.slow.example"])
    dns.fault("sf.slow.example", "servfail")
    dns.add("b.slow.example", A="127.0.0.4")
    arrives(s, "slow.example", "127.0.0.4", "the next one: SERVFAIL")

    names = ["tie%d.example" % i for i in range(24)]
    for name in names:
        mx(name, ("10 a", "127.0.0.5"), ("10 b", "127.0.0.6"))
    for name in names:
        s.send("a@" + name)
    ok(until(lambda: len(hops["127.0.0.5"].messages) +
             len(hops["127.0.0.6"].messages) == 24), "24 to equal exchangers")
    ok(hops["127.0.0.5"].messages and hops["127.0.0.6"].messages,
       "some to each: %d, %d" % (len(hops["127.0.0.5"].messages),
                                 len(hops["127.0.0.6"].messages)))
    for a in ("127.0.0.5", "127.0.0.6"):
        hops[a].messages.clear()

    dns.add("implicit.example", A="127.0.0.7")
    arrives(s, "implicit.example", "127.0.0.7", "no MX: the domain itself")
    dns.add("alias.example", CNAME="order.example")
    arrives(s, "alias.example", "127.0.0.2", "a domain that is an alias")
    hop("::1")
    mx("six.example", ("10 a", ["::1", "127.0.0.2"]))
    arrives(s, "six.example", "::1", "IPv6 first")
    mx("six4.example", ("10 a", ["fd00::1", "127.0.0.2"]))
    arrives(s, "six4.example", "127.0.0.2", "IPv4 when IPv6 does not work")
    # A host that says nothing at all: its queue of connections is full.
    run("ip", "address", "add", "fd00::7/128", "dev", "lo", "nodad")
    mute = socket.socket(socket.AF_INET6)
    mute.bind(("fd00::7", 25))
    mute.listen(0)
    waiting = [socket.socket(socket.AF_INET6) for i in range(4)]
    for w in waiting:
        w.setblocking(False)
        w.connect_ex(("fd00::7", 25))
    mx("mute.example", ("10 a", ["fd00::7", "127.0.0.2"]))
    arrives(s, "mute.example", "127.0.0.2", "IPv4 when IPv6 is silent")
    ok(s.log_lines(r"mute.example\[fd00::7\]: no answer"), "which was tried first")
    for w in waiting + [mute]:
        w.close()
    arrives(s, "[127.0.0.5]", "127.0.0.5", "an address as the domain")
    arrives(s, "[IPv6:::1]", "::1", "an IPv6 address as the domain")

    # --- what is wrong with a domain ---------------------------------------
    dns.add("nomail.example", MX="0 .")
    returned(s, "nomail.example", "5.1.10", "takes no mail", "null MX")
    returned(s, "nowhere.example", "5.1.2", "does not exist", "no such domain")
    dns.add("nothing.example", TXT="x")
    returned(s, "nothing.example", "5.4.4", "no address", "no address")
    mx("best.example", ("20 b", "127.0.0.3"))
    dns.add("best.example", MX="10 mail.example.org")
    dns.add("mail.example.org", A="192.0.2.1")
    returned(s, "best.example", "5.4.6", "loop", "this host is the best")
    mx("second.example", ("10 a", "127.0.0.20"), ("30 c", "127.0.0.3"))
    dns.add("second.example", MX="20 mail.example.org")
    put_off(s, "second.example", "refused",
            "this host is the second: nobody behind it is tried")
    eq(len(hops["127.0.0.3"].messages), 0, "nor was")
    dns.add("badname.example", MX=["10 _x.badname.example",
                                   "20 a b.badname.example"])
    returned(s, "badname.example", "5.4.4", "", "no exchanger is a host name")
    hops["127.0.0.2"].fail("rcpt", 450)
    put_off(s, "order.example", "told to fail", "RCPT refused for now")
    hops["127.0.0.2"].ok()

    # --- recipients --------------------------------------------------------
    h2, h3 = hops["127.0.0.2"], hops["127.0.0.3"]
    h2.messages.clear()
    h3.messages.clear()
    mx("other.example", ("10 a", "127.0.0.3"))
    s.send(["a@order.example", "b@order.example", "c@other.example",
            "d@ORDER.example", "e@other.example"])
    ok(h2.wait(1) and h3.wait(1), "one message, two domains")
    s.wait_queue(0)
    eq([sorted(m.recipients) for m in h2.messages if len(m.rcpts) > 1],
       [["a@order.example", "b@order.example", "d@order.example"]],
       "one transaction for a domain")
    eq([sorted(m.recipients) for m in h3.messages],
       [["c@other.example", "e@other.example"]], "and for the other one")

    # --- connections -------------------------------------------------------
    h2.messages.clear()
    before = h2.connections
    for i in range(30):
        s.send("a@order.example")
    ok(h2.wait(30), "30 messages")
    ok(h2.connections - before <= 8, "over %d connections" %
       (h2.connections - before))
    eq(dns.count("order.example", "MX"), 1, "MX was asked for once")

    def flood(name, address, width, n=40):
        """The most connections at once."""
        h = hop(address)
        h.fail("data-end", 0.3)
        h.fail("connect", width) if width else None
        mx(name, ("10 a", address))
        with s.client() as c:
            for i in range(n):
                c.sendmail(ME, ["a@" + name], message("flood %d" % i))
        most = [0]

        def look():
            most[0] = max(most[0], len(h.open))
            return len(h.messages) >= n
        ok(until(look, 60), name + ": all arrive")
        return most[0]
    most = flood("grows.example", "127.0.0.30", None)
    ok(2 < most <= 8, "connections grow from 2 to at most 8: %d" % most)

    refused = [0]

    def three(session):
        if len(session.hop.open) > 3:
            refused[0] += 1
            session.say("421 4.7.0 too many connections")
            return True
        return False
    flood("three.example", "127.0.0.31", three)
    ok(0 < refused[0] < 20, "a host that takes three connections at once "
       "refused %d" % refused[0])

# --- loopback, own addresses -------------------------------------------------
with server(options="") as s:
    mx("loop1.example", ("10 a", "127.0.0.2"))
    returned(s, "loop1.example", "5.4.4", "loopback", "127.0.0.2 is refused")
    for i, a in enumerate(["::1", "::ffff:127.0.0.2", "0.0.0.0", "::",
                           "255.255.255.255", "224.0.0.1", "ff02::1"]):
        mx("loop1%d.example" % i, ("10 a", a))
        returned(s, "loop1%d.example" % i, "5.4.4", "loopback",
                 a + " is refused")
    returned(s, "[127.0.0.2]", "5.4.4", "loopback", "and in brackets")
    hop("192.0.2.1")
    mx("self.example", ("10 a", "192.0.2.1"))
    returned(s, "self.example", "5.4.6", "loop", "an own address is refused")
    mx("self2.example", ("10 a", "192.0.2.99"), ("20 b", "192.0.2.1"))
    put_off(s, "self2.example", ".", "but not for good behind one that is "
            "away")
    eq(sum(len(h.messages) for h in hops.values() if h is not
           hops.get("127.0.0.2") and h.connections == 0), 0, "nothing there")

# --- TLS by destination ------------------------------------------------------
POLICY = """\
verify.example	verify
wrongname.example	verify
wrongca.example	verify
must.example	required
nothere.example	required
pin.example	pin %s
badpin.example	pin %s
.below.example	required
""" % (PIN, OTHER_PIN)
with open(tmp + "/policy", "w") as f:
    f.write(POLICY)
with open(tmp + "/policy-all", "w") as f:
    f.write("*\trequired\nfree.example\topportunistic\n")
hop("127.0.0.40", **TLS)
hop("127.0.0.41")
hop("127.0.0.42", cert=OTHER, key=OTHER_KEY, starttls=True)


def tls_domain(domain, exchanger, address):
    dns.add(domain, MX="10 " + exchanger)
    dns.names.pop(exchanger, None)
    dns.add(exchanger, A=address)


with server(options='allow-loopback tls-policy <policy> ca "%s"' % CERT,
            extra='table policy file "%s/policy"\n'
            'table two { all.example, free.example }\n'
            'table three { ver.example, ver2.example }\n'
            'table policyall file "%s/policy-all"\n' % (tmp, tmp),
            actions='action "all" relay tls-policy <policyall> '
            'allow-loopback ca "%s"\n'
            'action "req" relay tls required allow-loopback\n'
            'action "ver" relay tls verify allow-loopback ca "%s"\n' % (
                CERT, CERT),
            rules='match from auth for domain <two> '
            'action "all"\n'
            'match from auth for domain "req.example" action "req"\n'
            'match from auth for domain <three> '
            'action "ver"\n') as s:
    def over_tls(domain, address, name, want=True):
        got = arrives(s, domain, address, name)
        if got:
            eq(got[0].tls, want, name + (": over TLS" if want else
                                         ": in the clear"))

    tls_domain("any.example", "mx.any.example", "127.0.0.40")
    over_tls("any.example", "127.0.0.40", "opportunistic, any certificate")
    tls_domain("clear.example", "mx.clear.example", "127.0.0.41")
    over_tls("clear.example", "127.0.0.41", "opportunistic, no TLS", False)
    tls_domain("verify.example", "mx.tls.example", "127.0.0.40")
    over_tls("verify.example", "127.0.0.40", "verify: right name")
    tls_domain("wrongname.example", "mx.wrong.example", "127.0.0.40")
    put_off(s, "wrongname.example", "name|verif", "verify: wrong name")
    tls_domain("wrongca.example", "mx.other.example", "127.0.0.42")
    put_off(s, "wrongca.example", "verif", "verify: unknown CA")
    tls_domain("must.example", "mx.must.example", "127.0.0.40")
    over_tls("must.example", "127.0.0.40", "required: any certificate")
    tls_domain("nothere.example", "mx.nothere.example", "127.0.0.41")
    put_off(s, "nothere.example", "does not offer STARTTLS",
            "required: not offered")
    tls_domain("pin.example", "mx.wrong.example", "127.0.0.40")
    over_tls("pin.example", "127.0.0.40", "pin: the right certificate")
    tls_domain("badpin.example", "mx.badpin.example", "127.0.0.40")
    put_off(s, "badpin.example", "not the pinned", "pin: another one")
    tls_domain("a.b.below.example", "mx.below.example", "127.0.0.41")
    put_off(s, "a.b.below.example", "does not offer STARTTLS",
            ".below.example: those below it")
    tls_domain("below.example", "mx.below.example", "127.0.0.41")
    over_tls("below.example", "127.0.0.41", "and not itself", False)
    tls_domain("all.example", "mx.all.example", "127.0.0.41")
    put_off(s, "all.example", "does not offer STARTTLS", "*: everybody else")
    tls_domain("free.example", "mx.all.example", "127.0.0.41")
    over_tls("free.example", "127.0.0.41", "but those that are named", False)
    tls_domain("req.example", "mx.req.example", "127.0.0.41")
    put_off(s, "req.example", "does not offer STARTTLS", "tls required")
    tls_domain("ver.example", "mx.tls.example", "127.0.0.40")
    over_tls("ver.example", "127.0.0.40", "tls verify")
    tls_domain("ver2.example", "mx.ver2.example", "127.0.0.40")
    put_off(s, "ver2.example", "name|verif", "tls verify: wrong name")
    eq([m for a in ("127.0.0.41", "127.0.0.42") for m in hops[a].messages],
       [], "nothing went out in the clear or to others")

    # A handshake that breaks: the next one, or in the clear.
    hops["127.0.0.40"].fail("starttls", b"220 go\r\nnot a handshake\r\n")
    dns.add("must.example", MX="20 mx2.must.example")
    dns.add("mx2.must.example", A="127.0.0.42")
    s.ctl("reload")
    until(lambda: len(re.findall(r"event=reload|reloaded", s.log())) > 0, 3)
    hops["127.0.0.42"].messages.clear()
    hops["127.0.0.40"].drop()
    time.sleep(0.5)
    dns.drop("must2.example")
    tls_domain("m2.below.example", "mx.broken.example", "127.0.0.40")
    dns.add("m2.below.example", MX="20 mx2.must.example")
    over_tls("m2.below.example", "127.0.0.42",
             "required: the next one after a broken handshake")
    tls_domain("broken.example", "mx.broken.example", "127.0.0.40")
    hops["127.0.0.40"].fail("starttls", 454)
    over_tls("broken.example", "127.0.0.40",
             "opportunistic: STARTTLS refused", False)
    hops["127.0.0.40"].ok()

# --- helo, source, connections, pace ---------------------------------------
h = hop("127.0.0.50")
peers = []
h._serve_plain = h._serve
h._serve = lambda sock, n: (peers.append(sock.getpeername()[0]),
                            h._serve_plain(sock, n))[1]
mx("own.example", ("10 a", "127.0.0.50"))
with server(options="allow-loopback helo out.example.org source 127.0.0.5 "
            "connections 1 pace 120") as s:
    start = time.time()
    arrives(s, "own.example", "127.0.0.50", "three messages at a pace", n=4)
    ok(time.time() - start > 0.9, "which takes its time")
    eq(set(peers), {"127.0.0.5"}, "from the source address")
    eq({l for _, l in h.commands if l.startswith("EHLO")},
       {"EHLO out.example.org"}, "with the name of helo")
    ok(h.connections <= 2, "one connection at a time")
with server(options="allow-loopback source 192.0.2.77") as s:
    put_off(s, "own.example", "127.0.0.50: the source address is not of this "
            "host", "a source that is not of this host is told of")

# --- name servers that lie ---------------------------------------------------
with server() as s:
    dns.add("many.example", MX=["%d m%d.many.example" % (i + 10, i)
                                for i in range(10000)])
    dns.add("m0.many.example", A="127.0.0.2")
    arrives(s, "many.example", "127.0.0.2", "thousands of exchangers")
    dns.add("manya.example", A=["127.0.1.%d" % (i % 250) for i in
                                range(3000)] + ["127.0.0.2"])
    put_off(s, "manya.example", "refused|address", "thousands of addresses")
    bounded = len(re.findall(r"127\.0\.1\.", s.log()))
    ok(bounded < 200, "of which few are tried")
    dns.add("loopa.example", CNAME="loopb.example")
    dns.add("loopb.example", CNAME="loopa.example")
    put_off(s, "loopa.example", "not known now", "a loop of aliases")
    dns.add("chain0.example", MX="10 c0.example")
    for i in range(60):
        dns.add("c%d.example" % i, CNAME="c%d.example" % (i + 1))
    dns.add("c60.example", A="127.0.0.2")
    put_off(s, "chain0.example", "resolved", "a chain of 60 aliases")
    for fault in ("servfail", "refused", "wrong-id", "garbage", "truncated"):
        mx(fault + ".example", ("10 a", "127.0.0.2"))
        dns.fault(fault + ".example", fault)
    s.wait_queue(0)
    for fault in ("servfail", "refused", "truncated", "wrong-id", "garbage"):
        s.send("a@%s.example" % fault)
    for fault in ("servfail", "refused", "truncated", "wrong-id", "garbage"):
        ok(until(lambda: errors(s, fault + ".example"), 45),
           fault + ": put off")
    s.ctl("remove", "all")
    mx("cut.example", ("10 a", "127.0.0.2"))
    dns.fault("cut.example", "cut")
    arrives(s, "cut.example", "127.0.0.2", "an answer that needs TCP")
    for name, data in [
            ("a name beyond its end", b"\0\12\77abc"),
            ("a pointer forward", b"\0\12\xc0\xff"),
            ("no name", b"\0\12"),
            ("nothing", b""),
            ("a label of 63 bytes, four times",
             b"\0\12" + (b"\77" + b"x" * 63) * 4 + b"\0"),
            ("a NUL in a label", b"\0\12\3a\0b\7example\0"),
            ("a line end in a label", b"\0\12\4a\r\nb\7example\0"),
            ("an address for a name", b"\0\12\x09127.0.0.2\0")]:
        domain = "r%d.example" % len(dns.names)
        dns.add(domain, MX=data)
        s.send("a@" + domain)
        ok(until(lambda: errors(s, domain) or domain.encode() in
                 b"".join(s.mails(directory=BOX)), 45),
           "MX data: %s: put off or returned" % name)
        s.ctl("remove", "all")
    for fault in ("loop", "short"):
        mx(fault + "y.example", ("10 a", "127.0.0.2"))
        dns.fault(fault + "y.example", fault)
        s.send("a@" + fault + "y.example")
        until(lambda: not s.show("queue") or
              errors(s, fault + "y.example"), 45)
        ok(True, fault + ": nothing hangs")
        s.ctl("remove", "all")
    s.check_alive()

# TLS that does not work at one exchanger is no reason to go without it at
# another.
visits = []


def alert(session):
    session.say("220 go")
    session.sock.recv(1)        # the handshake: what is early is refused
    session.sock.sendall(b"\x15\x03\x03\0\2\2\x28")
    raise EOFError


def once(session):
    visits.append(session.n)
    if len(visits) == 1:
        return False
    session.say("421 4.3.2 not again")


bad, good = hop("127.0.0.2", **TLS), hop("127.0.0.3", **TLS)
bad.fail("connect", once)
bad.fail("starttls", alert)
with server() as s:
    mx("halftls.example", ("10 a", "127.0.0.2"), ("20 b", "127.0.0.3"))
    s.send("a@halftls.example")
    ok(good.wait(1) and good.messages[0].tls,
       "TLS broken at the first exchanger: TLS at the second")
    ok(len(visits) == 2 and any("EHLO" in c[1] for c in bad.commands),
       "the first was tried with and without")
bad.ok()

with server(expect_deaths=True) as s:
    mx("silent.example", ("10 a", "127.0.0.2"))
    dns.fault("silent.example", "silent")
    hops["127.0.0.2"].messages.clear()
    s.send("a@silent.example")
    until(lambda: dns.count("silent.example"), 10)
    [old] = s.children("resolver")
    os.kill(old, signal.SIGKILL)
    ok(until(lambda: [p for p in s.children("resolver") if p != old], 15),
       "a new resolver")
    ok(until(lambda: errors(s, "silent.example"), 15), "it is put off")
    dns.faults.pop("silent.example")
    ok(hops["127.0.0.2"].wait(1, 30), "and arrives later")

shutil.rmtree(tmp)
shutil.rmtree(BOX_TOP)
done()
