"""Attack 5: addresses with a scope, and IPv4 written as IPv6.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

SMTP = 10587
for words in ("link add v0 type veth peer name v1",
              "link set v0 addrgenmode none", "link set v1 addrgenmode none",
              "link set v0 up",
              "link set v1 up", "-6 addr add fe80::1/64 dev v0 nodad",
              "-6 addr add fe80::2/64 dev v1 nodad",
              "-6 addr add fe80::1/64 dev lo nodad",
              "-6 addr add 2001:db8::1/128 dev lo nodad"):
    p = run("ip", *words.split())
    if p.returncode != 0:
        skip("attack 5: scopes", "ip %s: %s" % (words, p.text))
        done()
V0, LO = socket.if_nametoindex("v0"), socket.if_nametoindex("lo")
LISTEN = """\
listen on fe80::1%v0 smtp port 10587
listen on [fe80::1%lo] smtp port 10587
listen on v1 smtp port 10587
listen on :: smtp port 10588
listen on 127.0.0.1 smtp port 10588
listen on 127.0.0.1 smtps port 10465 auth <users>
"""
RULES = """\
table link { fe80::/10 }
table one { fe80::1 }
table four { 127.0.0.0/8 }
table mapped { ::ffff:192.0.2.0/120 }
match from src <one> for domain one.example action "out"
match from src <link> for domain link.example action "out"
match from src <four> for domain four.example action "out"
match from src <mapped> for domain mapped.example action "out"
match from local for domain local.example action "out"
"""


class Six(Plain):
    """An IPv6 connection; source: (address, scope)."""

    def __init__(self, server, to, port, scope=0, source=None):
        self.server = server
        self.sock = socket.socket(socket.AF_INET6)
        self.sock.settimeout(10)
        if source:
            self.sock.bind((source[0], 0, 0, source[1]))
        self.sock.connect((to, port, 0, scope))
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()


def relays(c):
    """The domains that its rules let it send to."""
    c.ask("EHLO x.example")
    c.ask("MAIL FROM:<x@example.com>")
    return [d for d in ("one", "link", "four", "mapped", "local") if
            c.ask("RCPT TO:<x@%s.example>" % d)[:3] == "250"]


def came(s, c, name, shown, may):
    eq(c.greeting[:3], "220", "attack 5: %s: greeted" % name)
    eq([x["address"] for x in s.show("sessions")], [shown],
       "attack 5: %s: show sessions has it" % name)
    eq(relays(c), may, "attack 5: %s: rules" % name)
    if may:
        c.ask("DATA")
        c.send(message(sender="x@example.com") + ".\r\n")
        eq(c.reply()[:3], "250", "attack 5: %s: a message" % name)
    c.close()
    until(lambda: not s.show("sessions"))
    ok(s.wait_log(r"event=end .*address=%s " % re.escape(shown)),
       "attack 5: %s: the log" % name)


with Server(listen=LISTEN, rules=RULES) as s:
    hop = NextHop(port=HOP_PORT)
    came(s, Six(s, "fe80::1", SMTP, V0, ("fe80::1", V0)), "fe80::1%v0",
         "fe80::1%%%d" % V0, ["one", "link"])
    came(s, Six(s, "fe80::1", SMTP, LO), "fe80::1%lo", "fe80::1%%%d" % LO,
         ["one", "link"])
    v1 = socket.if_nametoindex("v1")
    came(s, Six(s, "fe80::2", SMTP, v1), "an interface by its name",
         "fe80::2%%%d" % v1, ["link"])
    came(s, Six(s, "::ffff:127.0.0.1", SMTP + 1), "::ffff:127.0.0.1",
         "127.0.0.1", ["four", "local"])
    came(s, Six(s, "::1", SMTP + 1), "::1", "::1", ["local"])
    came(s, Six(s, "2001:db8::1", SMTP + 1), "a global address",
         "2001:db8::1", [])
    ok(hop.wait(5), "attack 5: the messages arrive")
    text = b"".join(m.data for m in hop.messages)
    ok(b"[IPv6:fe80::1]" in text and b"[127.0.0.1]" in text,
       "attack 5: their trace fields name the address")
    listeners = sorted(x["address"] for x in s.show("listeners")
                       if x["port"] == SMTP)
    eq(len([a for a in listeners if a.startswith("fe80::1%")]), 2,
       "attack 5: one address on two links is two listeners")
    eq(s.ctl("reload").returncode, 0, "attack 5: a reload keeps them")
    came(s, Six(s, "fe80::1", SMTP, V0), "after the reload",
         "fe80::1%%%d" % V0, ["one", "link"])
    held = [Six(s, "fe80::1", SMTP, V0) for i in range(30)]
    for i, c in enumerate(held):
        if i % 2:
            c.close()               # in the middle of everything
        else:
            c.send("RSET\r\nNOOP\r\nEHLO [IPv6:fe80::1%v0]\r\nQUIT\r\n")
    for c in held[::2]:
        c.reply()
        c.close()
    s.check_alive()
    # What a scope must not be.
    for what in ("fe80::1%nowhere", "fe80::1%", "fe80::1%v0%v0",
                 "fe80::1%" + "9" * 30, "[fe80::1%v0", "%v0"):
        conf = DEFAULT_CONF.format(**dict(
            s.parts, listen="listen on %s smtp port 10599" % what,
            rules='match from local for any action "out"'))
        s.write("other.conf", conf)
        p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.dir + "/other.conf")
        ok(p.returncode not in (0, None) and p.returncode > 0 and
           "other.conf:" in p.text, "attack 5: listen on %s is refused" %
           what[:20]) or diag(p.text)
    for what in ("fe80::1%v0", "fe80::/10%v0", "fe80::1%v0/64"):
        conf = DEFAULT_CONF.format(**dict(
            s.parts, rules='table t { %s }\nmatch from src <t> for any '
            'action "out"' % what))
        s.write("other.conf", conf)
        p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.dir + "/other.conf")
        ok(p.returncode > 0 and "other.conf:" in p.text,
           "attack 5: %s in a table of networks is refused" % what) or \
            diag(p.text)
done()
