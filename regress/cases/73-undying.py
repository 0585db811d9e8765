"""A home whose FUSE takes questions and never answers them: what waits for it
cannot even be killed.  Anybody may mount one in a home of his."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

from hole import Hole

USER = "smtpst2"


def wants(n, user=USER):
    return struct.pack("=Q", n) + text("local", NAME) + text(user, NAME)


def places(c):
    """Those that do not die keep nobody's place; their user has no more."""
    hole = Hole(pwd.getpwnam(USER).pw_dir)
    if hole.fd == -1:
        return skip("a home that takes all", "FUSE cannot be mounted")
    for n in range(64):
        c.message("parent", "QUEUE_PARENT_DELIVER", wants(100 + n))
    ok(hole.asked.wait(10), "they hang")
    ok(until(lambda: len(c.s.children("deliver")) == 64, 10), "in all places")
    c.exit()                            # in 10 seconds they are killed
    ok(until(lambda: "is killed" in c.s.log(), 20), "they are killed")
    stuck = c.s.children("deliver")
    ok(len(stuck) == 64, "%d do not die" % len(stuck))

    def starts():
        c.e.ask("forget")
        c.message("parent", "QUEUE_PARENT_DELIVER", wants(7, "smtpst1"))
        return c.heard("parent", "PARENT_QUEUE_DELIVER_FAILED", 500) is None

    ok(until(starts, 15), "another user's is started")
    ok(set(c.s.children("deliver")) - set(stuck), "and runs")
    c.e.ask("forget")
    c.message("parent", "QUEUE_PARENT_DELIVER", wants(8))
    got = c.heard("parent", "PARENT_QUEUE_DELIVER_FAILED", 3000)
    ok(got is not None and unpack("Q", got)[0] == 8 and b"not end" in got,
       "their user gets none: %r" % (got and got[12:80]))
    c.s.process.terminate()
    try:
        eq(c.s.process.wait(15), 0, "a stop does not wait for them")
    except subprocess.TimeoutExpired:
        ok(False, "a stop does not wait for them")
        c.s.process.kill()
        c.s.process.wait()
    c.s.process = None
    hole.end()
    ok(until(lambda: not [p for p in stuck if process_state(p)], 10),
       "and when the answer comes they end")


with HostileServer("queue", 0) as s:
    places(Role(s, {}))
done()
