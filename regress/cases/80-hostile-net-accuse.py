"""A net process that was taken over and says of others that they broke the
rules: it has policy and queue killed a few times, then it ends itself, and
its successors have no more words than it had.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from hostile import *

BROKE = "MSG_ANY_PARENT_BROKE"


def mail_flows(c, name):
    n = len(c.s.mails("smtpst3"))
    end = time.time() + 10
    while time.time() < end:
        try:
            c.s.send("smtpst3@example.org", "smtpst3@example.org",
                     user="smtpst3")
            break
        except (OSError, smtplib.SMTPException):
            # 451 as long as the other net has no link with the new one.
            time.sleep(0.1)
    return ok(c.s.wait_mail(n + 1, "smtpst3"), name + ": others' mail flows")


def nobody(c):
    """Whom it has no link with, itself, who is not there; without end."""
    others = [c.process(n)[1] for n in ("auth", "relay", "resolver", "net")]
    for ident in others + [c.e.id, 0, 1 << 31, 2 ** 32 - 1]:
        c.accuse(ident)
    mark = len(c.s.log())
    c.e.ask("many 20000 0 send parent 0x%x %s 0" % (
        c.type(BROKE), struct.pack("=II", 2 ** 32 - 1, 0).hex()))
    eq(c.e.ask("up parent 300").rest, "1", "nobody: the accuser lives")
    c.peers_live("nobody")
    lines = len(re.findall(" accuses ", c.s.log()[mark:]))
    ok(lines <= 2, "20,000 accusations, %d log lines" % lines)


def falsely(c):
    """Policy and queue by turns, as often as it is heard."""
    kills = 0
    old = c.process("policy")[1]
    held = c.s.session("smtpst2")
    names = ["policy", "queue"]
    mark = len(c.s.log())
    for i in range(3 * WORDS):
        name = names[i % 2]
        victim = c.process(name)
        c.accuse(victim[1])
        until(lambda: process_state(victim[0]) in ("", "Z") or
              process_state(c.e.pid) in ("", "Z"), 5)
        if process_state(c.e.pid) in ("", "Z"):
            break
        ok(process_state(victim[0]) in ("", "Z"), "%s is killed" % name)
        kills += 1
        c.wait_new(name, victim)
        mail_flows(c, "after a death of " + name)
    eq(kills, WORDS, "killed on its word")
    ok(process_state(c.e.pid) in ("", "Z"), "then it is killed itself")
    eq(c.process(name), victim, "and %s is not" % name)
    ok(c.s.wait_log(r"net/1 accused others too often, now %s: it is killed "
                    "itself" % name), "it is logged who, and why")
    eq(len(re.findall("so says net/1", c.s.log()[mark:])), WORDS,
       "as are the others")
    eq(held.ask("NOOP")[:3], "250", "a session of the other net goes on")
    held.close()
    return old


def successors(c, old):
    """A new process in that slot is heard no more, however it came there."""
    judges = {n: c.process(n) for n in ("policy", "queue")}
    for how in ("restarted", "of a reload"):
        c.e = c.s.evil() if how == "restarted" else c.s.fresh()
        ok(c.e is not None and until(
            lambda: c.e.ask("up policy").rest == "1", 10),
           "a net that is %s has its links" % how)
        c.accuse(old)
        eq(c.e.ask("up parent 300").rest, "1",
           how + ": a process that is long gone is nobody")
        c.accuse(judges["queue"][1])
        ok(c.e.is_killed(), how + ": killed for its first word")
        eq({n: c.process(n) for n in judges}, judges,
           how + ": the judges live")
    mail_flows(c, "in the end")
    c.e = c.s.evil()


def accusations(c):
    nobody(c)
    successors(c, falsely(c))


main([accusations])
