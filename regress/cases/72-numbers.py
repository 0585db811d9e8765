"""A net process that was taken over tells no numbers but its own."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from hostile import *

STATS, STAT = "MSG_CONTROL_ANY_STATS", "MSG_ANY_CONTROL_STAT"


def asked(c):
    """smtpsctl show stats; what net/1 has to answer it with."""
    p = subprocess.Popen([c.s.prefix + "/sbin/smtpsctl", "-s",
                          c.s.dir + "/smtpsd.sock", "-j", "show", "stats"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    got = c.e.ask("got control 0x%x" % c.type(STATS))
    return p, bytes.fromhex(got.rest)[:8]


def stat(request, name, value):
    return (request + value.to_bytes(8, "little") +
            name.encode().ljust(48, b"\0")).hex()


def shown(p):
    return p.communicate(timeout=30)[0].decode()


def numbers(c):
    p, request = asked(c)
    c.e.ask("send control 0x%x %s" % (c.type(STAT),
                                      stat(request, "net.lies", 77)))
    c.e.ask("exit 0")
    ok('"net.lies"' in shown(p), "one of net's is shown")
    c.again()
    for name in ("parent.sandbox.weak", "policy.mail.refused", "net", "",
                 "network.x"):
        p, request = asked(c)
        c.e.ask("send control 0x%x %s" % (c.type(STAT),
                                          stat(request, name, 77)))
        c.killed("the number '%s'" % name, "not its own")
        ok("77" not in re.findall(r'"value": ?(\d+)', shown(p)),
           "'%s' is not shown" % name)
    p, request = asked(c)
    c.e.tell("many 300000 0 send control 0x%x %s" %
             (c.type(STAT), stat(request, "net.lies", 77)))
    ok(c.e.is_killed(30), "300,000 of its own: killed")
    ok(c.s.wait_log("answers without end"), "and it is logged")
    ok(len(shown(p)) < 30 << 20, "smtpsctl is not kept for ever")
    c.again()
    c.suffer("numbers")


main([numbers])
