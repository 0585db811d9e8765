"""A deliver that was taken over, by its user: it has that user's mail, and
none of others'.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

import threading

from nexthop import NextHop

# The relay has a delivery until free is set.
free = threading.Event()
hop = NextHop(port=HOP_PORT)
hop.fail("data-end", lambda session: free.wait(20) and False)
SAYS = {"queue": ["AGENT_QUEUE_MORE", "AGENT_QUEUE_RESULT",
                  "AGENT_QUEUE_DONE"]}
ME = "smtpst1@example.org"


def wake(s):
    s.send(ME, "smtpst3@example.org", user="smtpst3",
           body="for smtpst1 alone\r\n")


def result(delivery, n=0, kind=1, status="2.0.0", words="forged"):
    return struct.pack("=QII", delivery, n, kind) + text(status, 12) + \
        text("", HOSTNAME + 4) + text(words, TEXT)


def given(c):
    got = c.heard("queue", "QUEUE_AGENT_OPEN", 5000)
    if got is None:
        c.again()
        got = c.heard("queue", "QUEUE_AGENT_OPEN", 5000)
    return unpack("Q", got)[0]


def others(c):
    """What others wait for."""
    delivery = given(c)
    with c.s.client("smtpst2") as client:
        client.sendmail("smtpst2@example.org", ["far@far.example"],
                        message("t", "not for smtpst1\r\n",
                                "smtpst2@example.org"))
    ok(until(lambda: any("RCPT" in str(l) for l in hop.commands)),
       "a relay has mail")
    for other in range(0, delivery + 300):
        if other == delivery:
            continue
        c.message("queue", "AGENT_QUEUE_MORE", struct.pack("=Q", other))
        for kind in (1, 3, 99):
            c.message("queue", "AGENT_QUEUE_RESULT", result(other, 0, kind))
        c.message("queue", "AGENT_QUEUE_DONE", struct.pack("=Q", other))
    c.up("queue", "results of others' deliveries")
    mine = b""
    while True:
        body = c.heard("queue", "QUEUE_AGENT_BODY", 200)
        if body is None:
            break
        mine += body
    ok(b"for smtpst1 alone" in mine and b"not for" not in mine,
       "it reads what is for its user, and nothing else")
    ok("result=" not in c.s.log(), "and ends nothing else")
    free.set()
    ok(c.s.wait_log(r"result=delivered to=<far@far.example> .*taken"),
       "the relay tells its own result")
    for name, n, kind in [("a recipient that is not there", 1, 1),
                          ("recipient 2^32 - 1", 2 ** 32 - 1, 1),
                          ("class 0", 0, 0), ("class 99", 0, 99)]:
        c.message("queue", "AGENT_QUEUE_RESULT", result(delivery, n, kind))
        c.cut("queue", "a result of " + name)
        delivery = given(c)
    c.message("queue", "AGENT_QUEUE_RESULT", result(delivery, 0, 2))
    c.message("queue", "AGENT_QUEUE_RESULT", result(delivery, 0, 1))
    c.cut("queue", "two results")
    for i in range(200):
        c.message("queue", "AGENT_QUEUE_MORE", struct.pack("=Q", delivery))
    c.up("queue", "MORE beyond the body")
    c.suffer("results")


def parents(c):
    """To the parent it may say nothing any more."""
    for name in ("ANY_PARENT_READY", "ANY_PARENT_BROKE",
                 "QUEUE_PARENT_DELIVER", "CONTROL_PARENT_STOP",
                 "RELAY_PARENT_CONNECT"):
        c.message("parent", name)
        ok(c.e.is_killed(), "%s to the parent: killed" % name)
        c.again()
    c.suffer("messages of other roles")


def own_files(c):
    """It runs as its user."""
    with open("/proc/%d/status" % c.e.pid) as f:
        ids = re.search(r"^Uid:\s+(.*)$", f.read(), re.M).group(1).split()
    eq(set(ids), {str(pwd.getpwnam("smtpst1").pw_uid)}, "it is its user")


def noise(c):
    """Log lines and messages without end, nothing read."""
    c.e.ask("log 4 20000 " + "x" * 500)
    c.e.ask("deaf queue 1")
    c.flood("queue", "AGENT_QUEUE_RESULT", 50000, result(2 ** 40))
    c.flood("queue", "AGENT_QUEUE_MORE", 50000, struct.pack("=Q", 2 ** 41))
    c.suffer("noise")
    c.again()


main("deliver", 0, SAYS, [others, own_files, parents, noise, malformed, fuzz],
     wake=wake, uid=pwd.getpwnam("smtpst1").pw_uid)
