"""Many messages that are due to a host that does not take them: the others
are not slowed, nothing is read again and again, and when it comes back all
are delivered, each once."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import sqlite3
import threading

from bigqueue import fill
from nexthop import NextHop

DEAD_PORT = 10027
DEAD = 20000 * int(os.environ.get("SMTPSD_SWEEP", "1"))
LIVE = 100
ACTIONS = DEFAULT_ACTIONS + \
    'action "dead" relay host smtp://127.0.0.1:%d\n' % DEAD_PORT
RULES = 'match from auth for domain <dead> action "dead"\n' + \
    DEFAULT_RULES


class Silent:
    """Accepts connections and says nothing."""

    def __init__(self, port):
        self.open = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.open.append(self.listener.accept()[0])
            except OSError:
                return

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        for s in [self.listener] + self.open:
            s.close()


def stat(s, name):
    return [x["value"] for x in s.show("stats") if x["name"] == name][0]


def rcpt(hop):
    return {m.recipients[0] for m in list(hop.messages)}


with Server(retry="1h to 1h", actions=ACTIONS, rules=RULES,
            extra="table dead { dead.example }") as s:
    s.stop()
    # All the dead ones were due long before the live ones.
    first = fill(s, DEAD, action="dead", due=1000)
    fill(s, LIVE, action="out", due=2000, recipient="r%d@live.example",
         first=first)
    silent, hop = Silent(DEAD_PORT), NextHop(port=HOP_PORT)
    s.start()
    ok(hop.wait(LIVE, 30), "all live ones are delivered")
    eq(len(rcpt(hop)), LIVE, "each once")
    eq(stat(s, "queue.deferred"), 0, "while the dead one has not even failed")
    ok(until(lambda: stat(s, "queue.envelopes") == DEAD), "its mail waits")
    ok(silent.open, "it was asked: %d connections" % len(silent.open))
    s.send("new@live.example")
    ok(hop.wait(LIVE + 1), "new mail goes")
    s.send("new@dead.example")
    ok(until(lambda: stat(s, "queue.envelopes") == DEAD + 1),
       "new mail for it is taken")
    memory = stat(s, "queue.in_memory")
    ok(0 < memory <= DEAD / 2, "most of it is not in memory: %d are" % memory)
    before = stat(s, "queue.loaded")
    time.sleep(3)
    more = stat(s, "queue.loaded") - before
    ok(more <= DEAD / 100, "and is not read again and again: %d of %d in "
       "three seconds" % (more, before))

    # A restart forgets nothing and finds the live ones again.
    s.stop()
    fill(s, LIVE, action="out", due=2000, recipient="again%d@live.example",
         first=first + LIVE)
    s.start()
    ok(hop.wait(2 * LIVE + 1, 30), "after a restart as well")
    ok(until(lambda: stat(s, "queue.envelopes") == DEAD + 1),
       "the dead one's mail waits")

    # It ends its connections, refuses others and comes back.
    silent.stop()
    ok(until(lambda: stat(s, "queue.deferred") > 0), "it fails")
    dead = NextHop(port=DEAD_PORT)
    time.sleep(6)       # relay asks a host that failed no more for 5 seconds
    s.ctl("schedule", "all")
    ok(dead.wait(DEAD + 1, 120), "it takes mail again: %d of %d" %
       (len(dead.messages), DEAD + 1))
    eq(len(rcpt(dead)), DEAD + 1, "all of it")
    eq(len(dead.messages), DEAD + 1, "each once")
    ok(until(lambda: stat(s, "queue.envelopes") == 0), "nothing is left")
    eq(stat(s, "queue.in_memory"), 0, "nor in memory")
    s.check_alive()
done()
