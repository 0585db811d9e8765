"""kill -9 of each child while mail flows: no acknowledged message is lost."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import random
import threading
from nexthop import NextHop

MESSAGES = 2000
CONNECTIONS = 20
hop = NextHop(port=HOP_PORT)
acknowledged = set()
lock = threading.Lock()
counter = iter(range(10 ** 9))
errors = {}


def next_number():
    with lock:
        return next(counter)


def sender(s, stop):
    c = None
    while not stop.is_set() and len(acknowledged) < MESSAGES:
        n = next_number()
        rcpt = "far%d@far.example" % n if n % 4 else "smtpst2@example.org"
        try:
            if c is None:
                c = s.client()
            c.sendmail("smtpst1@example.org", [rcpt],
                       message("number %d" % n, "x" * 500 + "\r\n"))
            with lock:
                acknowledged.add(n)
        except Exception as e:
            with lock:
                errors[type(e).__name__] = errors.get(type(e).__name__, 0) + 1
            try:
                if c is not None:
                    c.close()
            except Exception:
                pass
            c = None
            time.sleep(0.05)


with Server(expect_deaths=True, extra="limit errors 1000\n") as s:
    stop = threading.Event()
    threads = [threading.Thread(target=sender, args=(s, stop))
               for i in range(CONNECTIONS)]
    for t in threads:
        t.start()
    order = ["net", "policy", "queue", "relay", "auth", "control",
             "resolver", "queue", "net"]
    for name in order:
        time.sleep(random.uniform(0.5, 1.0))
        pids = s.children(name)
        if not ok(pids, "%s runs" % name):
            continue
        before = len(acknowledged)
        for p in pids[:1]:
            os.kill(p, signal.SIGKILL)
        ok(until(lambda: set(s.children(name)) - set(pids) or
                 len(set(s.children(name))) == len(pids) and
                 s.children(name) != pids, 20), "%s is started again" % name)
        until(lambda: len(acknowledged) > before + 20 or
              len(acknowledged) >= MESSAGES, 20)
        ok(s.process.poll() is None, "smtpsd lives")
    # A worker that delivers, too.
    for p in s.children("deliver"):
        os.kill(p, signal.SIGKILL)
    until(lambda: len(acknowledged) >= MESSAGES, 90)
    stop.set()
    for t in threads:
        t.join(60)
    ok(len(acknowledged) >= MESSAGES, "%d messages acknowledged, errors: %s" %
       (len(acknowledged), errors))
    ok(s.wait_queue(0, 90), "the queue empties")

    def number(data):
        m = re.search(rb"(?m)^Subject: number (\d+)\r?$", data)
        return int(m.group(1)) if m else None
    arrived = [number(m.data) for m in hop.messages]
    arrived += [number(m) for m in s.mails("smtpst2")]
    lost = acknowledged - set(arrived)
    ok(not lost, "no acknowledged message is lost: %s" % sorted(lost)[:10])
    ok(None not in arrived, "no message without its header")
    halves = [m for m in [x.data for x in hop.messages]
              if not m.endswith(b"x" * 500 + b"\r\n")]
    halves += [m for m in s.mails("smtpst2")
               if not m.endswith(b"x" * 500 + b"\n")]
    eq(len(halves), 0, "no half message exists")
    diag("%d arrived, %d of them twice" %
         (len(arrived), len(arrived) - len(set(arrived))))

    # The whole daemon at once, in the middle of it.
    stop.clear()
    acknowledged.clear()
    MESSAGES = 10 ** 9
    threads = [threading.Thread(target=sender, args=(s, stop))
               for i in range(CONNECTIONS)]
    for t in threads:
        t.start()
    time.sleep(3)
    kids = s.children()
    os.kill(s.pid, signal.SIGKILL)
    s.process.wait()
    stop.set()
    for t in threads:
        t.join(60)
    gone = until(lambda: not [p for p in kids if process_name(p) in
                              CHILDREN + ["deliver"]], 10)
    ok(gone, "no child outlives the parent")
    s.start()
    ok(s.wait_queue(0, 60), "started again, the queue empties")
    arrived = {number(m.data) for m in hop.messages}
    arrived |= {number(m) for m in s.mails("smtpst2")}
    ok(len(acknowledged) > 20, "%d were acknowledged" % len(acknowledged))
    lost = acknowledged - arrived
    ok(not lost, "none is lost by kill -9 of all: %s" % sorted(lost)[:10])
done()
