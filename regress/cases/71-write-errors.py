"""Writes and flushes that fail, once and for a while: ENOSPC, EDQUOT, EIO.

What was acknowledged is not lost, what was refused does not arrive, nothing
dies, and mail flows again by itself when the disk does.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from faults import *
from nexthop import NextHop

ERRORS = ["ENOSPC", "EDQUOT", "EIO"]
SWEEP = int(os.environ.get("SMTPSD_SWEEP", "1"))
needs_faultat()
hop = NextHop(port=HOP_PORT)
points = 0
unmet = []


def fault(s, ledger, role, calls, error, n, path, persistent, threads=False):
    """True: it came, and mail flowed again."""
    global points
    what = "%s%s %s %s at %d%s" % (role, "'s thread" if threads else "", calls,
                                   error, n, " and on" if persistent else "")
    f = hold(s, role, error, n, calls=calls, path=path,
             persistent=persistent, threads=threads)
    if f is None or not f.hit(8):
        unmet.append(what)
        if f:
            f.end()
        return
    points += 1
    if persistent:
        if role == "queue":
            until(lambda: not_250(ledger) > before + 2, 3)
        else:
            time.sleep(0.3)
        f.lift()
    if not ledger.wait(6):
        ok(False, "mail flows again after %s" % what)
    f.end()


def not_250(ledger):
    return len(ledger.told) - len(ledger.acknowledged())


def sweep(s, ledger, role, calls, path, numbers, threads=False):
    global before
    for error in ERRORS:
        for call in calls:
            for n in numbers:
                before = not_250(ledger)
                fault(s, ledger, role, call, error, n, path, False, threads)
            before = not_250(ledger)
            fault(s, ledger, role, call, error, 2, path, True, threads)


with Server(extra="limit errors 1000\n") as s:
    # The next hop takes nothing yet: the queue has something to lose.
    hop.fail("mail", 450)
    ledger = Ledger(s, hop, large=3, large_bytes=HEAVY)
    ok(ledger.wait(10), "mail flows")
    sweep(s, ledger, "queue", ["pwrite64", "fdatasync"], s.dir + "/spool",
          [1, 2, 5] + list(range(6, 5 + SWEEP)))
    ok(points >= 20, "%d faults of the queue's disk; unmet: %s" %
       (points, unmet))
    # Large bodies are flushed beside the loop.
    points, unmet = 0, []
    sweep(s, ledger, "queue", ["fdatasync"], s.dir + "/spool", [1, 2],
          threads=True)
    ok(points >= 7, "%d faults of flushes beside the loop; unmet: %s" %
       (points, unmet))
    ok("flush of the log: " in s.log(), "which is what the queue says")
    # More than it keeps in memory, so that it has to read.
    ok(until(lambda: len([n for n in ledger.acknowledged()
                          if n % 4 < ledger.far and n % 3 == 2]) *
             HEAVY > 40 << 20, 60), "much waits for the next hop")
    ledger.stop()
    eq(ledger.codes() - {250, 451, 452}, set(),
       "clients are told 250, 451 or 452")
    ok({451, 452} & ledger.codes(), "and there were refusals")
    ok(until(lambda: len(ledger.delivered()) == len(
        [n for n in ledger.acknowledged() if n % 4 >= ledger.far]), 15),
       "what was delivered meanwhile is written down by itself")
    s.expect_deaths = True
    deaths = re.findall(r".*died: pid.*", s.log())
    eq(deaths, [], "no process died")
    # What is in the queue's memory must be on its disk as well.
    for p in s.children("queue"):
        os.kill(p, signal.SIGKILL)
    ok(until(lambda: s.ctl("show", "queue").returncode == 0, 15),
       "the queue is started again")
    # Nor is a disk that cannot be read for a while a reason to lose some.
    f = hold(s, "queue", "EIO", 1, calls="pread64", path=s.dir + "/spool",
             persistent=True)
    hop.ok()
    ok(f is not None and f.hit(), "it cannot be read")
    time.sleep(1)
    f.lift()
    ok("result=quarantined" not in s.log(), "nothing is put aside for it")
    ok(s.wait_queue(0, 60), "the queue empties")
    f.end()
    copies = ledger.check()
    eq([n for n, k in copies.items() if k > 1], [], "nothing arrived twice")

    # Mailboxes.
    points, unmet = 0, []
    maildir = os.path.expanduser("~%s/Maildir" % LOCAL)
    log_mark = len(s.log())
    hop.messages.clear()
    for path in glob.glob(maildir + "/new/*"):
        os.unlink(path)
    ledger = Ledger(s, hop, far=1, large=5, pause=0.01, start=ledger.next)
    ok(ledger.wait(10), "mail flows")
    sweep(s, ledger, "deliver", ["write", "fsync", "open", "rename"],
          maildir, [1, 3])
    ledger.stop()
    ok(points >= 24, "%d faults of a mailbox; unmet: %s" % (points, unmet))
    eq(ledger.codes(), {250}, "clients are always told 250")
    ok("result=deferred" in s.log()[log_mark:], "deliveries were deferred")
    ok(s.wait_queue(0, 60), "and end well")
    ledger.check()
    eq(os.listdir(maildir + "/tmp"), [], "no file is left in tmp")
    eq(re.findall(r".*died: pid.*", s.log())[1:], [], "no process died")

    # The log.
    f = hold(s, "parent", "ENOSPC", 1, calls="write", path=s.log_path,
             persistent=True)
    s.send(subject="number 0")
    ok(f is not None and f.hit(5), "the log cannot be written")
    s.send(subject="number 0")
    f.end()
    s.check_alive()
faultat_done()
done()
