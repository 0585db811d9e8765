"""35: ENOSPC, EDQUOT and EIO from the calls that write: clients get 4xx,
nothing acknowledged is lost, nothing refused arrives, and the service goes on
by itself when the fault has gone.

The queue's calls below the spool, deliver's below the home; each kind of
call, once and until it is lifted.  SWEEP=1 tries more occurrences."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from ledger import Book, Fault, build
from nexthop import NextHop

SWEEP = bool(os.environ.get("SWEEP"))
AT = range(1, 16) if SWEEP else (1, 2, 5)
QUEUE = ["pwrite64", "fdatasync", "fsync"]
DELIVER = ["open", "write", "fsync", "link,rename"]
ERRORS = ["ENOSPC", "EDQUOT", "EIO"]
tmp = tempfile.mkdtemp(prefix="smtpsd-test.", dir="/tmp")
tool = build(tmp)
if tool is None:
    skip("attack 35: errors of writing", "x86_64 only")
    done()
hop = NextHop(port=HOP_PORT)
last = 0


def take(n):
    global last
    last += n
    return range(last - n, last)


def odd(n):
    return [m for m in take(2 * n) if m % 2]


with Server(retry="1s to 1s", extra="limit errors 1000\n") as s:
    book = Book(s, hop)
    book.send(take(4))
    queue_pid = s.children("queue")[0]
    tried, hits = 0, {}
    for calls in QUEUE:
        for error in ERRORS:
            for n in AT:
                for persistent in ((False, True) if n == 1 else (False,)):
                    refused = len(book.refused)
                    with Fault(tool, queue_pid, error, n, calls,
                               s.dir + "/spool", persistent) as f:
                        book.send(take(4))
                        if persistent and f.hit:
                            ok(len(book.refused) > refused,
                               "attack 35: %s of %s: 4xx" % (error, calls))
                        f.lift()
                        before = len(book.accepted)
                        until(lambda: book.send(take(1)) or
                              len(book.accepted) > before, 15)
                        if not len(book.accepted) > before:
                            ok(False, "%s of %s: no mail afterwards" %
                               (error, calls))
                    tried += 1
                    if f.hit:
                        hits[calls] = hits.get(calls, 0) + 1
    diag(" ".join("%s %d" % h for h in hits.items()))
    ok(hits.get("pwrite64") and hits.get("fdatasync", 0) +
       hits.get("fsync", 0), "attack 35: the queue's calls were met")
    ok(book.settle(), "all that was accepted arrives")
    book.check("attack 35: queue, %d faults" % tried)
    eq(s.children("queue"), [queue_pid], "the queue lives")

    tried, hits = 0, {}
    for calls in DELIVER:
        for error in ERRORS:
            for n in (1, 3) if not SWEEP else AT:
                book.send(odd(1))
                pid = until(lambda: s.children("deliver"), 5)[0]
                with Fault(tool, pid, error, n, calls, None, n == 1) as f:
                    book.send(odd(3))
                    f.wait_hit(0.3)
                    f.lift()
                tried += 1
                if f.hit:
                    hits[calls] = hits.get(calls, 0) + 1
    diag(" ".join("%s %d" % h for h in hits.items()))
    ok(hits.get("open") and hits.get("write") and hits.get("fsync"),
       "attack 35: deliver's calls were met")
    ok(book.settle(), "all of it arrives when the fault has gone")
    book.check("attack 35: deliver, %d faults" % tried)
    ok(s.wait_queue(0), "the queue is empty")
    eq(os.listdir(os.path.expanduser("~smtpst2/Maildir/tmp")), [],
       "nothing is left in tmp")
hop.stop()
shutil.rmtree(tmp)
done()
