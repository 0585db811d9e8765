"""Attack 43: name servers that lie, while others' mail flows.

Numbers are those of the table in README.  cases/64-mx.py has single lies;
here are many at once, from many names, and what they cost.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import dnsstub
from nexthop import NextHop

ME = "smtpst1@example.org"
run("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
dns = dnsstub.Dns()
hop = NextHop(host="127.0.0.2", port=25)
trap = NextHop(host="192.0.2.1", port=25)
# Exchangers that must not be asked: loopback in its forms, own addresses.
ME_AGAIN = ["127.0.0.1", "127.255.255.254", "0.0.0.0", "::1", "::",
            "::ffff:127.0.0.1", "::ffff:0.0.0.0", "192.0.2.1",
            "::ffff:192.0.2.1", "224.0.0.1", "255.255.255.255", "ff02::1"]
ROUNDS = 12


def lie(i, kind):
    """A domain with that lie; its name."""
    name = "%s%d.example" % (kind, i)
    host = "h." + name
    if kind == "many":
        dns.add(name, MX=["%d m%d.%s" % (k % 60000, k, name)
                          for k in range(2500)])
    elif kind == "manya":
        dns.add(name, MX="10 " + host)
        dns.add(host, A=["198.18.%d.%d" % (k // 250, k % 250)
                         for k in range(3500)])
    elif kind == "big":
        dns.add(name, MX="10 " + host, TXT="x" * 64000)
        dns.add(host, TXT="x" * 64000, A="203.0.113.1")
        dns.add("_25._tcp." + host, TXT="x" * 64000, TLSA=b"\3\1\1" +
                b"\xff" * 60000)
    elif kind == "cname":
        dns.add(name, CNAME="b." + name)
        dns.add("b." + name, CNAME="c." + name)
        dns.add("c." + name, CNAME=name)
    elif kind == "mxcname":
        dns.add(name, MX="10 " + host)
        dns.add(host, CNAME="b." + host)
        dns.add("b." + host, CNAME=host)
    elif kind == "long":
        label = "l" * 63
        dns.add(name, MX=b"\0\12" + (b"\x3f" + b"l" * 63) * 3 + b"\x3d" +
                b"l" * 61 + b"\0")
        dns.add(".".join([label] * 3), A="203.0.113.1")
    elif kind == "jumps":
        # Every pointer points to the one before it.
        dns.add(name, MX=b"\0\12" + b"".join(
            bytes([0xc0, 12 + k % 50]) for k in range(200)))
    else:
        dns.add(name, MX="10 " + host)
        dns.add(host, A="127.0.0.2")
        dns.fault(name if i % 2 else host, kind)
    return name


KINDS = ["many", "manya", "big", "cname", "mxcname", "long", "jumps", "loop",
         "short", "wrong-id", "garbage", "truncated", "servfail", "nxdomain",
         "refused", "silent", "empty"]


def memory(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M).group(1))


def liars(s):
    [resolver] = s.children("resolver")
    [relay] = s.children("relay")
    names = [lie(i, kind) for i in range(ROUNDS) for kind in KINDS]
    before = memory(resolver), memory(relay)
    dns.add("good.example", MX="10 mx.good.example")
    dns.add("mx.good.example", A="127.0.0.2")
    with s.client() as c:
        for i, name in enumerate(names):
            c.sendmail(ME, ["a@" + name], message(name))
            if i % 20 == 0:
                dns.add("g%d.example" % i, MX="10 mx.good.example")
                c.sendmail(ME, ["a@g%d.example" % i], message("good"))

    def arrived():
        return len([m for m in hop.messages if b"Subject: good" in m.data])
    ok(until(lambda: arrived() >= len(names[::20]), 25),
       "attack 43: others' mail flows: %d of %d" % (arrived(),
                                                    len(names[::20])))
    settled = {"many", "manya", "cname", "mxcname", "garbage", "refused"}
    until(lambda: sum(bool(q["error"]) for q in s.show("queue")) >
          len(settled) * ROUNDS // 2, 20)
    after = memory(resolver), memory(relay)
    ok(after[0] - before[0] < 64 << 10 and after[1] - before[1] < 32 << 10,
       "attack 43: memory is bounded: resolver %d, %d KiB, relay %d, %d KiB" %
       (before[0], after[0], before[1], after[1]))
    tried = {m for m in re.findall(r"198\.18\.\d+\.\d+", s.log())}
    ok(len(tried) <= 32 * ROUNDS, "attack 43: few of 3500 addresses are "
       "tried: %d" % len(tried))
    asked = {q[0] for q in list(dns.queries)
             if re.match(r"m\d+\.many\d+\.example", q[0])}
    ok(len(asked) <= 8 * ROUNDS, "attack 43: few of 2500 exchangers are "
       "looked up: %d" % len(asked))
    most = max(sum(q[0] == n for q in list(dns.queries)) for n in
               {lie_name for lie_name in names if "cname" in lie_name})
    ok(most < 60, "attack 43: a loop of aliases is asked %d times" % most)
    ok(all(len(q["error"]) < 600 and all(" " <= c <= "~" for c in q["error"])
           for q in s.show("queue")), "attack 43: errors are printable")
    eq((s.children("resolver"), s.children("relay")), ([resolver], [relay]),
       "attack 43: resolver and relay are the same processes")
    s.ctl("remove", "all")


def loops(s):
    """Loopback and own addresses are refused unless the action allows it."""
    bad = []
    for i, address in enumerate(ME_AGAIN):
        name = "own%d.example" % i
        dns.add(name, MX="10 h." + name)
        dns.add("h." + name, **{"AAAA" if ":" in address else "A": address})
    with s.client() as c:
        for i in range(len(ME_AGAIN)):
            c.sendmail(ME, ["a@own%d.example" % i], message())
        for a in ("[127.0.0.1]", "[192.0.2.1]", "[IPv6:::1]",
                  "[IPv6:::ffff:127.0.0.1]"):
            try:
                c.sendmail(ME, ["a@" + a], message())
            except smtplib.SMTPRecipientsRefused:
                pass
    until(lambda: not s.show("queue"), 20)
    for q in s.show("queue"):
        bad.append((q["recipient"], q["error"]))
    eq(bad, [], "attack 43: exchangers that are this host: returned")
    eq([trap.commands, len(hop.messages)], [[], 0],
       "attack 43: not a word was said to it")


conf = dict(extra="resolver forward 127.0.0.1@%d\n" % dnsstub.PORT,
            rules='match from auth for domain <domains> action "local"\n'
            'match from auth for any action "out"\n', retry="10s to 20s")
LOCAL = 'action "local" maildir "~/Maildir"\n'
with Server(actions=LOCAL + 'action "out" relay\n', **conf) as s:
    loops(s)
with Server(actions=LOCAL + 'action "out" relay allow-loopback\n',
            **conf) as s:
    liars(s)
done()
