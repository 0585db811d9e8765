"""kill -9 at the n-th write-type system call of the queue, relay, deliver and
the parent, before the call or after half of its bytes, while mail comes in.

Each point: a fresh start, a few messages, the kill, the restart, and an
account of every message so far.  SWEEP=1 takes every n instead of some."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from ledger import Book, Fault, build
from nexthop import NextHop

SWEEP = bool(os.environ.get("SWEEP"))
BATCH = 6                       # messages of one point
tmp = tempfile.mkdtemp(prefix="smtpsd-test.", dir="/tmp")
tool = build(tmp)
if tool is None:
    skip("kill at the n-th write", "x86_64 only")
    done()
# Who, calls, how far: about all that BATCH messages cause.
POINTS = [("queue", "pwrite64,fdatasync,fsync,ftruncate,unlink,open", 40),
          ("queue", "sendmsg", 20),
          ("relay", "sendmsg,write,sendto", 14),
          ("deliver", None, 20),
          ("smtpsd", None, 30)]
hop = NextHop(port=HOP_PORT)


class Numbers:
    last = 0

    @classmethod
    def take(cls, n):
        cls.last += n
        return range(cls.last - n, cls.last)


def restart(s):
    """As the administrator would, after the parent has died."""
    s.process.wait()
    until(lambda: not [p for p in kids if process_name(p) in CHILDREN], 15)
    s.process = None
    s.start()


def is_empty(s):
    try:
        return s.show("queue") == []
    except RuntimeError:        # the queue or control is just starting
        return False


def find(s, who):
    if who == "smtpsd":
        return s.pid
    return until(lambda: s.children(who), 5)[0]


with Server(expect_deaths=True, retry="1s to 1s",
            extra="limit errors 1000\n") as s:
    book = Book(s, hop)
    tried = 0
    for who, calls, last in POINTS:
        step = 1 if SWEEP else max(1, last // 6)
        hits, seen = {}, {}
        for n in range(1, last + 1, step):
            action = "half" if n // step % 2 else "kill"
            if who == "deliver":
                book.send([Numbers.take(2)[1]])     # so that there is one
            kids = s.children()
            with Fault(tool, find(s, who), action, n, calls) as f:
                book.send(Numbers.take(BATCH))
                f.wait_hit(0.5)
            hit, tried = f.hit, tried + 1
            if hit:
                hits[hit.split()[0]] = hits.get(hit.split()[0], 0) + 1
            if s.process.poll() is not None:
                restart(s)
            ok(book.settle(), "%s, %s at call %d: all is there" %
               (who, action, n))
            # What had arrived before must not arrive again.
            counts, _ = book.arrived()
            again = [m for m in seen if counts[m] != seen[m]]
            if again:
                ok(False, "messages of earlier points came again: %s" % again)
            ok(until(lambda: is_empty(s), 20), "and the queue is empty")
            seen, _ = book.arrived()
            s.stop()
            s.start()
        ok(hits, "%s was killed at: %s" % (who, " ".join(
            "%s %d" % h for h in sorted(hits.items()))))
    # net cannot know what became of the one that the queue had.
    book.check("%d points" % tried, tried)
hop.stop()
shutil.rmtree(tmp)
done()
