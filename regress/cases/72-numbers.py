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
        ok(c.e.is_killed() and c.s.wait_log("not its own"),
           "the number '%s': killed, and logged" % name)
        ok("77" not in re.findall(r'"value": ?(\d+)', shown(p)),
           "'%s' is not shown" % name)
        c.spend("control")
        c.again()
    p, request = asked(c)
    c.e.tell("many 300000 0 send control 0x%x %s" %
             (c.type(STAT), stat(request, "net.lies", 77)))
    said = shown(p)
    ok("cut off" in said and len(said) < 30 << 20,
       "300,000 of its own: smtpsctl is not kept for ever")
    ok(p.returncode != 0, "and fails")
    ok(c.s.wait_log("answers without end"), "it is logged")
    eq(c.e.answer().word, "ok", "what is left of them is of no request")
    eq(c.e.ask("up control 100").rest, "1", "which breaks no rule")
    c.e.ask("exit 0")
    c.again()
    c.suffer("numbers")


main([numbers])
