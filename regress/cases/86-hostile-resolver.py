"""A resolver that was taken over: it may lie about names, and that is all.
Answers that nobody asked for are none, hosts of this machine are no mail
exchangers, and what is no name is none.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

SAYS = {"relay": ["RESOLVER_RELAY_HOST_DONE", "RESOLVER_RELAY_MX_DONE"]}
OK = 1
n = 0


def question(c, name):
    """Mail to a new domain, and what relay asks; (name, number)."""
    global n
    n += 1
    c.e.ask("forget")
    c.s.send("x@d%d.example" % n)
    got = c.heard("relay", "RELAY_RESOLVER_MX")
    request, = unpack("Q", got)
    ok(got[8:].split(b"\0")[0] == b"d%d.example" % n, name + ": is asked")
    return "d%d.example" % n, request


def mx(request, hosts, status=OK, count=None):
    return struct.pack("=QIIII", request, status, len(hosts) if count is None
                       else count, 60, 1) + b"".join(
        struct.pack("=I", p) + (h if len(h) == HOSTNAME else
                                text(h, HOSTNAME)) for p, h in hosts)


def host(request, addresses, status=OK, count=None):
    return struct.pack("=QIIII", request, status, len(addresses) if count is
                       None else count, 60, 1) + b"".join(
        struct.pack("=Bxxx", f) + socket.inet_pton(
            socket.AF_INET6 if f == 6 else socket.AF_INET, a).ljust(16, b"\0")
        for f, a in addresses)


def error_of(c, domain, pattern, name):
    if not ok(c.s.wait_log(r"event=delivery .*to=<x@%s>.*%s" % (
            domain, pattern)), name):
        diag("\n".join(c.s.log_lines(domain)[-3:]))


def unasked(c):
    """Answers to no question, of the wrong kind, twice."""
    domain, request = question(c, "a domain")
    for other in [0, request - 1 or 2 ** 62, 2 ** 63, 2 ** 64 - 1] + list(
            range(request, request + 40)):
        if other != request:
            c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(other, [], 4))
        c.message("relay", "RESOLVER_RELAY_HOST_DONE", host(other, [
            (4, "192.0.2.66")]))
        c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(
            (other + 100) % 2 ** 64, [(1, "evil.example")]))
    c.up("relay", "answers that nobody asked for")
    time.sleep(0.2)
    ok("x@%s" % domain not in "".join(c.s.log_lines("event=delivery")),
       "they end no question")
    c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(request, [], 4))
    error_of(c, domain, "does not exist", "its own does")
    c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(request, [(1, "a.b")]))
    eq(c.heard("relay", "RELAY_RESOLVER_HOST", 300), None,
       "and once")


def names(c):
    """What is no host name is no exchanger."""
    domain, request = question(c, "names that are none")
    bad = ["a\r\nRCPT TO:<x>", "a b.example", "", ".", "-", "../etc", "a..b",
           "\x01", "127.0.0.1 ", b"a" * HOSTNAME, b"\xff" * HOSTNAME]
    c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(
        request, [(1, b) for b in bad]))
    error_of(c, domain, "mail exchangers are not host names", "none is used")
    domain, request = question(c, "more than there is room for")
    c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(
        request, [(i, "h%d.example" % i) for i in range(16)],
        count=2 ** 32 - 1))
    asked = 0
    while True:
        got = c.heard("relay", "RELAY_RESOLVER_HOST", 500)
        if got is None:
            break
        asked += 1
        c.message("relay", "RESOLVER_RELAY_HOST_DONE", host(
            unpack("Q", got)[0], [(4, "127.0.0.%d" % (i + 1))
                                  for i in range(16)], count=2 ** 31))
    ok(0 < asked <= 16, "at most 16 hosts: %d" % asked)
    error_of(c, domain, "loopback addresses", "all of this host: refused")


def addresses(c):
    """This host is no exchanger; families that there are not."""
    for name, list_ in [
            ("IPv4", [(4, "127.0.0.1"), (4, "0.0.0.0"), (4, "127.9.9.9"),
                      (4, "255.255.255.255"), (4, "224.0.0.1")]),
            ("IPv6", [(6, "::1"), (6, "::"), (6, "ff02::1")]),
            ("mapped", [(6, "::ffff:127.0.0.1"), (6, "::ffff:0.0.0.0")])]:
        domain, request = question(c, name)
        c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(
            request, [(1, "mx." + domain)]))
        got = c.heard("relay", "RELAY_RESOLVER_HOST")
        c.message("relay", "RESOLVER_RELAY_HOST_DONE", host(
            unpack("Q", got)[0], list_))
        error_of(c, domain, "loopback addresses", name + ": refused")
    for family in (0, 5, 255):
        domain, request = question(c, "family %d" % family)
        c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(
            request, [(1, "mx." + domain)]))
        got = c.heard("relay", "RELAY_RESOLVER_HOST")
        c.message("relay", "RESOLVER_RELAY_HOST_DONE", struct.pack(
            "=QIIIIBxxx", unpack("Q", got)[0], OK, 1, 60, 1, family))
        error_of(c, domain, "host has no address", "no address of family %d" %
                 family)
    domain, request = question(c, "its own name")
    c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(
        request, [(1, "MAIL.example.org"), (2, "mx.example")]))
    error_of(c, domain, "a loop", "itself as the best one: refused")
    domain, request = question(c, "a status that there is not")
    c.message("relay", "RESOLVER_RELAY_MX_DONE", mx(request, [], 77))
    error_of(c, domain, "not known now", "later")


def floods(c):
    c.e.ask("deaf relay 1")
    c.flood("relay", "RESOLVER_RELAY_HOST_DONE", 50000, host(2 ** 60, []))
    c.suffer("floods")
    c.e.ask("deaf relay 0")
    c.message("relay", "RESOLVER_RELAY_RECORDS_DONE")
    c.cut("relay", "records, for which relay does not ask")


def accusations(c):
    """Of relay.  Of others: 80-hostile-net-accuse.py."""
    betray(c, "relay")


main("resolver", 0, SAYS, [unasked, names, addresses, floods, accusations,
                           malformed, fuzz],
     actions='action "local" maildir "~/Maildir" alias <aliases>\n'
     'action "out" relay\n')
