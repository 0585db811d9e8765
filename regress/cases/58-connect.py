"""Addresses that are silent, refused or without a route: what they cost, who
is tried then, and what is said of them."""
# alone: it compares how long deliveries take
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import dnsstub
from nexthop import NextHop

dns = dnsstub.Dns()
hops = {}
mutes = []


def mute(address):
    """A host that does not answer: its queue of connections is full."""
    if ":" in address:
        run("ip", "address", "add", address + "/128", "dev", "lo", "nodad")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family)
    s.bind((address, 25))
    s.listen(0)
    waiting = [socket.socket(family) for i in range(4)]
    for w in waiting:
        w.setblocking(False)
        w.connect_ex((address, 25))
    mutes.append((s, waiting))
    return address


def hop(address, **kw):
    hops[address] = NextHop(host=address, port=25, **kw)
    return address


def domain(name, *exchangers):
    """("10 a", address ...) ..."""
    dns.add(name, MX=["%s.%s" % (e[0], name) for e in exchangers])
    for e in exchangers:
        for a in e[1:]:
            dns.add("%s.%s" % (e[0].split(" ")[1], name),
                    **{"AAAA" if ":" in a else "A": a})


def seconds(s, name, address, n=1):
    """Until the hop there has n messages for the domain; they are gone."""
    if n > 1:
        s.ctl("pause", "mta")
    for i in range(n):
        s.send("a@" + name)
    start = time.time()
    if n > 1:
        s.ctl("resume", "mta")
    if not ok(hops[address].wait(n, 20), name + ": %d at %s" % (n, address)):
        diag(json.dumps(s.show("queue")))
    used = time.time() - start
    hops[address].messages.clear()
    return used


def silent_lines(s, name, address):
    return len(s.log_lines(r"%s\[%s\]: no answer" % (name, address)))


SIX, FOUR, OTHER = mute("fd00::6"), hop("127.0.0.2"), hop("127.0.0.3")
FAR = mute("127.0.0.9")
ACTIONS = 'action "out" relay allow-loopback\n' \
    'action "one" relay allow-loopback connections 1\n' \
    'action "host" relay host smtp://host.example\n' \
    'action "bound" relay allow-loopback source fd00::99 source 127.0.0.5\n'
RULES = 'match from auth for domain <ones> action "one"\n' \
    'match from auth for domain <hosts> action "host"\n' \
    'match from auth for domain "bound.example" action "bound"\n' \
    'match from auth for any action "out"\n'

with Server(actions=ACTIONS, rules=RULES, retry="1h to 1h",
            extra="resolver forward 127.0.0.1@%d\n"
            "table ones { one.example }\n"
            "table hosts { via.example }" % dnsstub.PORT) as s:
    [relay] = s.children("relay")
    sockets = len(os.listdir("/proc/%d/fd" % relay))

    # --- what silence costs ------------------------------------------------
    for i in range(3):
        domain("race%d.example" % i, ("10 a", SIX, FOUR))
        domain("worse%d.example" % i, ("10 a", FAR), ("20 b", OTHER))
        domain("none%d.example" % i, ("10 a", "2001:db8::1", FOUR))
    worse = min(seconds(s, "worse%d.example" % i, OTHER) for i in range(2))
    race = min(seconds(s, "race%d.example" % i, FOUR) for i in range(3))
    none = min(seconds(s, "none%d.example" % i, FOUR) for i in range(3))
    ok(race * 3 < worse, "a silent address of a host costs less than a third "
       "of a silent host: %.2f, %.2f s" % (race, worse))
    ok(none * 3 < worse, "and one without a route nothing: %.2f s" % none)
    eq(silent_lines(s, "a.race0.example", SIX), 1, "the log names it")
    eq(silent_lines(s, "a.worse0.example", FAR), 1, "and the silent host")
    ok(s.log_lines(r"a.none0.example\[2001:db8::1\]: .*unreachable"),
       "and the one without a route")

    # One connection is one socket: the next only when it is given up.
    domain("one.example", ("10 a", SIX, FOUR))
    one = seconds(s, "one.example", FOUR)
    ok(race * 3 < one, "connections 1: one after the other: %.2f s" % one)

    # --- what is remembered ------------------------------------------------
    hops[FOUR].drop()
    again = seconds(s, "race0.example", FOUR)
    eq(silent_lines(s, "a.race0.example", SIX), 1,
       "the next connection begins with the address that works")

    # --- many at once ------------------------------------------------------
    dns.add("host.example", AAAA=SIX, A=FOUR)
    crowd = seconds(s, "via.example", FOUR, 24)
    tries = silent_lines(s, "host.example", SIX)
    ok(0 < tries <= 4, "24 at once: the silent address is tried %d times" %
       tries)
    ok(crowd * 2 < worse, "and they do not wait for it: %.2f s" % crowd)

    # --- source addresses --------------------------------------------------
    # It listens there, but this host has no such address to send from.
    hop("::1")
    domain("bound.example", ("10 a", "::1", FOUR))
    bound = seconds(s, "bound.example", FOUR)
    ok(bound * 3 < worse, "a source that this host has not: %.2f s" % bound)
    ok(s.log_lines(r"a.bound.example\[::1\]: the source address is "
                   "not of this host"), "the log knows")

    # --- what users see ----------------------------------------------------
    hops[OTHER].fail("connect", "421 4.3.2 closed for lunch")
    domain("fails.example", ("10 a", "2001:db8::1", "127.0.0.20"),
           ("10 b", "127.0.0.21"), ("20 c", OTHER))
    s.send("a@fails.example")
    until(lambda: any(q["error"] for q in s.show("queue")))
    error = "".join(q["error"] or "" for q in s.show("queue"))
    for pattern in (r"127\.0\.0\.3: .*421.*closed for lunch",
                    r"2001:db8::1: .*unreachable",
                    r"127\.0\.0\.2[01], 127\.0\.0\.2[01]: .*refused"):
        if not ok(re.search(pattern, error), "the error has " + pattern):
            diag(error)
    s.ctl("remove", "all")

    # --- late answers ------------------------------------------------------
    # The silent one takes connections again: nobody is waiting for it.
    ok(until(lambda: '"relay"' not in run("ss", "-tanp", "state",
                                          "syn-sent").text),
       "no attempt outlives its time")
    accepted = []
    listener, waiting = mutes[0]
    for w in waiting:
        w.close()
    listener.settimeout(0.2)
    end = time.time() + 2.5         # longer than until the next SYN
    while time.time() < end:
        try:
            accepted.append(listener.accept()[0].getpeername()[1])
        except OSError:
            pass
    live = run("ss", "-tanp").text
    eq([p for p in accepted if re.search(r':%d .*"relay"' % p, live)], [],
       "a late answer meets nobody")
    for h in hops.values():
        h.drop()
    if not ok(until(lambda: len(os.listdir("/proc/%d/fd" % relay)) <=
                    sockets), "no socket is left"):
        diag(run("ss", "-tanp").text)
    s.check_alive()
done()
