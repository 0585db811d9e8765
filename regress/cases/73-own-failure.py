"""A program that cannot send on a link: it alone ends and is started again,
no other one is accused of it, and mail flows."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from faults import *
from nexthop import NextHop

ME = "smtpst1@example.org"
FAR = "x@far.example"
# The call that fails is the first one but for net, where it is of another
# kind: a signature.
ROLES = {"net": 2, "policy": 1, "queue": 1, "relay": 1, "control": 1}
needs_faultat()
hop = NextHop(port=HOP_PORT)


def pids(s):
    return {role: s.children(role)[:1] for role in list(ROLES) + ["auth"]}


def send(s):
    """Until it is taken: a client gets 451 while a program is not there."""
    def once():
        try:
            s.send([ME, FAR])
            return True
        except (OSError, smtplib.SMTPException):
            return False
    return until(once, 15)


def fails(s, role):
    before, mark = pids(s), len(s.log())
    f = hold(s, role, "EIO", ROLES[role], calls="sendmsg")
    if not ok(f is not None, role + " is held"):
        return
    try:
        if role == "control":
            s.ctl("show", "stats")
        else:
            s.send([ME, FAR])
    except (OSError, smtplib.SMTPException):
        pass                    # it may be net that ends
    ok(f.hit(), role + " cannot send")
    ok(f.gone(), "and ends")
    f.end()
    ok(s.wait_log(r"%s: link to \w+: failed on this side: " % role),
       "it says which link")
    # Of its link to the parent it may be a signal, which is no worse.
    ok(s.wait_log(r"%s died: pid %d, (exit status 1|signal 9)" %
                  (role, before[role][0])), "it died of it")
    ok(until(lambda: s.children(role) and
             s.children(role)[:1] != before[role], 10), "it is there again")
    mails, far = len(s.mails("smtpst1")), len(hop.messages)
    ok(send(s), "mail is taken")
    ok(until(lambda: len(s.mails("smtpst1")) > mails and
             len(hop.messages) > far, 15), "and delivered, here and there")
    eq(s.ctl("show", "stats").returncode, 0, "smtpsctl has its answer")
    now = pids(s)
    eq([r for r in now if now[r] != before[r]], [role], "all others live")
    ok("broke the rules" not in s.log()[mark:], "nobody is accused")


with Server(extra="processes net 1 relay 1\n", expect_deaths=True) as s:
    ok(send(s), "mail flows")
    for role in ROLES:
        fails(s, role)
    # A deliver is asked for anew, without an end of the queue.
    before, mark = pids(s), len(s.log())
    mails = len(s.mails("smtpst1"))
    s.send(ME)
    ok(s.wait_mail(mails + 1), "a deliver")
    f = hold(s, "deliver", "EIO", 1, calls="sendmsg")
    s.send(ME)
    ok(f is not None and f.hit(), "it cannot send")
    f.end()
    ok(s.wait_queue(0, 15), "another one does")
    ok(len(s.mails("smtpst1")) >= mails + 2, "nothing is lost")
    eq(pids(s), before, "all others live")
    ok("broke the rules" not in s.log()[mark:], "nobody is accused")
faultat_done()
done()
