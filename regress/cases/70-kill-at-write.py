"""kill -9 at the n-th write, flush or message of a process, while mail flows.

SMTPSD_SWEEP=100: so many rounds instead of the few of every day.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from faults import *
from nexthop import NextHop

ROUNDS = int(os.environ.get("SMTPSD_SWEEP", "5"))
needs_faultat()

# A round: each of these once, then the parent and with it all.  The numbers
# go up in steps that share no factor, so that rounds differ.
# An mbox cannot promise more than that it is killed between writes.
MBOX = "smtpst3"
ROUND = [("queue", "kill", 1), ("queue", "half", 2), ("deliver", "kill", 1),
         ("mbox", "kill", 2), ("mbox", "kill", 3),
         ("relay", "kill", 1), ("queue", "kill", 23), ("queue", "half", 40),
         ("deliver", "half", 5), ("relay", "half", 9), ("deliver", "kill", 9),
         ("policy", "kill", 3), ("net", "kill", 40),
         ("flush", "half", 1)]                  # the queue's thread
STEP = {"queue": 7, "flush": 1, "deliver": 3, "mbox": 1, "relay": 5,
        "policy": 3, "net": 11}

hop = NextHop(port=HOP_PORT)
points = {}
missed = []


def point(s, ledger, role, action, n):
    """True: it was killed there, and mail flows again."""
    f = hold(s, "deliver", action, n, user=MBOX, path=os.path.expanduser(
        "~" + MBOX)) if role == "mbox" else \
        hold(s, "queue", action, n, threads=True) if role == "flush" else \
        hold(s, role, action, n, user=LOCAL if role == "deliver" else None)
    if f is None:
        missed.append((role, action, n))
        return False
    gone = f.gone(20)
    what = f.hit(0)
    f.end()
    if gone and what:
        points[role] = points.get(role, 0) + 1
    else:
        missed.append((role, action, n))
    if role == "parent" and gone:
        s.process.wait(10)
        until(lambda: not [p for p in everybody if process_name(p) in
                           CHILDREN + ["deliver"]], 10)
        s.start()
    return ledger.wait(6) and gone


ACTIONS = DEFAULT_ACTIONS + 'action "mbox" mbox "~/mbox"\n'
RULES = 'match from auth for rcpt %s@example.org action "mbox"\n' % MBOX

with Server(expect_deaths=True, extra="limit errors 1000\n",
            actions=ACTIONS, rules=RULES + DEFAULT_RULES) as s:
    ledger = Ledger(s, hop, mbox=MBOX, large=13, large_bytes=HEAVY)
    ok(ledger.wait(10), "mail flows")
    for i in range(ROUNDS):
        bad = []
        for role, action, n in ROUND:
            if not point(s, ledger, role, action, n + i * STEP[role]):
                bad.append("%s %s at %d" % (role, action, n + i * STEP[role]))
        everybody = s.children()
        if not point(s, ledger, "parent", "kill", 1 + i * 3):
            bad.append("parent at %d" % (1 + i * 3))
        ok(not bad, "round %d: each dies at its write, then mail flows: %s" %
           (i, bad))
    ledger.stop()
    ok(s.wait_queue(0, 60), "the queue empties")
    ledger.check(refused_may_arrive=True)
    diag("killed: %s" % points)
    ok(points.get("flush", 0) >= ROUNDS, "the queue's thread was at work")
    ok(sum(points.values()) >= ROUNDS * 10, "most points were met: missed %s" %
       missed)
faultat_done()
done()
