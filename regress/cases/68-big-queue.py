# alone: it compares how long accepting takes
"""A queue of 50,000 messages that wait: accepting, showing and changing it
are compared with the same queue when it was empty."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import threading

from bigqueue import fill, FIRST

MANY = 50000
TO = "new@far.example"
n_sent = 0


def stat(s, name):
    return [x["value"] for x in s.show("stats") if x["name"] == name][0]


def submit(c):
    """Seconds until it was accepted."""
    global n_sent
    n_sent += 1
    start = time.time()
    c.sendmail("smtpst1@example.org", [TO], message())
    return time.time() - start


def median(s, n=40):
    with s.client() as c:
        return sorted(submit(c) for i in range(n))[n // 2]


def rss(s):
    with open("/proc/%d/status" % s.children("queue")[0]) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def while_accepting(s, *args):
    """What smtpsctl says; how many were accepted meanwhile, the longest."""
    times, stop = [], threading.Event()

    def work():
        with s.client() as c:
            while not stop.is_set():
                times.append(submit(c))
    t = threading.Thread(target=work)
    t.start()
    until(lambda: times)
    del times[:]
    start = time.time()
    text = s.ctl(*args).text
    took = time.time() - start
    stop.set()
    t.join()
    diag("%s: %s in %.2f s, %d accepted, the longest %.3f s" %
         (" ".join(args), text.strip(), took, len(times), max(times)))
    return text, len(times)


with Server(retry="1h to 1h") as s:
    empty = median(s)
    small = rss(s)
    ok(until(lambda: s.ctl("remove", "all") and
             stat(s, "queue.envelopes") == 0), "empty again")
    s.stop()
    fill(s, MANY, recipient="r%d@d.example")
    n_sent = 0
    s.start()
    s.send(TO)
    n_sent += 1
    first = stat(s, "queue.counting")
    ok(until(lambda: not stat(s, "queue.counting")), "it counts%s" % (
        ", the first was accepted before the end of it" if first else ""))
    eq(stat(s, "queue.envelopes"), MANY + n_sent, "all of them")
    full = median(s)
    diag("accepting: %.4f s empty, %.4f s full" % (empty, full))
    ok(full < 3 * empty + 0.005, "accepting is not slower")
    ok(until(lambda: stat(s, "queue.ready") == 0 and
             stat(s, "queue.running") == 0), "new ones were tried")

    # The schedule has nothing to do with those that wait.
    loaded = stat(s, "queue.loaded")
    time.sleep(2.5)
    eq(stat(s, "queue.loaded"), loaded, "none of the others was read")

    # Page by page.
    p = s.ctl("show", "queue")
    lines = [l for l in p.text.splitlines() if "->" in l]
    eq(len(lines), 1001, "show queue ends after a thousand, and its heading")
    more = re.search(r"there may be more: `smtpsctl (show queue above "
                     r"[0-9a-f]{13}/[0-9]+)'", p.text)
    ok(more, "and says how to go on")
    q = s.ctl("-j", *more.group(1).split(" ")).text.splitlines()
    ok('"r1000@d.example"' in q[0] or '"r1000@d.example"' in q[1],
       "with the one behind the last")
    eq(s.ctl("show", "queue", "above", "f" * 16).text.count("->"), 1,
       "above all of them: none")
    ok(s.ctl("show", "queue", "above", "1").returncode != 0 and
       s.ctl("show", "queue", "nonsense").returncode != 0,
       "nonsense is refused")
    p = s.ctl("show", "queue", "all")
    eq(p.text.count("->"), MANY + n_sent + 1, "all, if asked for")
    ok("may be more" not in p.text, "which are all")

    # Changes walk it in pieces, mail is accepted between them.
    def change(*args):
        text, n = while_accepting(s, *args)
        ok(n >= 3, "%s: %d were accepted meanwhile" % (" ".join(args), n))
        return int(text.split(" ")[0])
    eq(change("hold", "recipient", "r%d@d.example" % (MANY - 7)), 1,
       "the one that matches")
    eq(change("hold", "sender", "nobody@example.org"), 0, "none matches")
    ok(change("hold", "domain", "d.example") == MANY - 1, "all but that one")
    ok(change("release", "domain", "d.example") == MANY, "all")
    s.ctl("hold", "all")
    with_all = rss(s)
    ok(change("remove", "all") >= MANY, "remove all")
    ok(until(lambda: s.ctl("remove", "all") and
             stat(s, "queue.envelopes") == 0), "nothing is left")
    diag("resident: %d KiB empty, %d KiB full" % (small, with_all))
    # 32 MiB are the cache of SQLite; the messages alone are 25.
    ok(with_all < small + 72 * 1024, "memory is not that of the queue")
    eq(s.show("queue"), [], "an empty list")
done()
