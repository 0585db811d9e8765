"""More recipients than the next host takes at once: the rest goes at once in
other transactions, not at the next attempt.  Here that is in an hour."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

N = 35
ROOM = 10
WORDS = ["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 52428800"]


def full(line):
    """As a server with room for ten in a transaction, which says this."""
    def at_rcpt(session):
        if len(session.recipients) < ROOM:
            return False
        session.say(line)
    return at_rcpt


def mails(hop):
    return len([c for n, c in hop.commands if c.startswith("MAIL")])


def sent(s, hop, name, body="Hello.\r\n"):
    """All recipients, as few transactions as there can be, each once."""
    first, before = len(hop.messages), mails(hop)
    rcpts = ["r%d@far.example" % i for i in range(N)]
    s.send(rcpts, body=body)
    ok(hop.wait(first + 4), "%s: four messages" % name)
    ok(s.wait_queue(0), "%s: nothing is left" % name)
    got = hop.messages[first:]
    eq(sorted(len(m.recipients) for m in got), [5, 10, 10, 10],
       "%s: as many as there is room for" % name)
    eq(sorted(r for m in got for r in m.recipients), sorted(rcpts),
       "%s: each recipient once" % name)
    eq(len({m.data.split(b"\r\n\r\n", 1)[1] for m in got}), 1,
       "%s: the same body" % name)
    ok(mails(hop) - before == 4, "%s: no transaction in vain" % name)


with Server(retry="1h to 1h") as s:
    for pipelining in True, False:
        kind = " with PIPELINING" if pipelining else ""
        hop = NextHop(port=HOP_PORT, pipelining=pipelining)
        hop.words = WORDS + ["LIMITS RCPTMAX=%d" % ROOM]
        sent(s, hop, "RCPTMAX" + kind)
        hop.drop()
        hop.words = WORDS
        for line in ["452 4.5.3 Too many recipients",
                     "452 Too many recipients", "552 5.5.3 Too many"]:
            hop.fail("rcpt", full(line))
            sent(s, hop, line[:9] + kind)
        sent(s, hop, "large" + kind, "a line of a large one\r\n" * 20000)

        # What is no reason to try again at once.
        hop.ok()
        before, had = len(hop.messages), mails(hop)
        hop.bad_recipients["full@far.example"] = "452 4.2.2 over quota"
        s.send(["a@far.example", "full@far.example", "b@far.example"])
        ok(hop.wait(before + 1), "the others get it")
        ok(until(lambda: [q["error"] for q in s.show("queue")
                          if "over quota" in q["error"]]),
           "a full mailbox waits for its next attempt")
        time.sleep(1)
        eq(mails(hop) - had, 1, "one transaction" + kind)
        s.ctl("remove", "all")
        hop.ok()
        hop.fail("rcpt", "452 4.5.3 Too many recipients")
        had = mails(hop)
        s.send(["r%d@far.example" % i for i in range(5)])
        ok(until(lambda: len([q for q in s.show("queue")
                              if "Too many" in q["error"]]) == 5),
           "nobody is accepted: all wait for the next attempt")
        time.sleep(1)
        eq(mails(hop) - had, 1, "one transaction" + kind)
        s.ctl("remove", "all")

        # The message is refused at its end, in each of the transactions.
        hop.fail("rcpt", full("452 4.5.3 Too many recipients"))
        hop.fail("data-end", 451)
        had = mails(hop)
        s.send(["r%d@far.example" % i for i in range(N)])
        ok(until(lambda: len([q for q in s.show("queue") if q["error"]]) ==
                 N), "refused: all wait for the next attempt")
        time.sleep(1)
        eq(mails(hop) - had, 4, "once each" + kind)
        eq({q["attempts"] for q in s.show("queue")}, {1}, "one attempt")
        s.ctl("remove", "all")
        hop.ok()
        hop.drop()
        hop.stop()
        time.sleep(0.2)
    ok("result=again" in s.log(), "the log tells")
    s.check_alive()
done()
