"""More destinations than relay has connections for: those that have nothing to
send make room for the others, and nothing is left of them."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ME = "smtpst1@example.org"
N = 300
to = ["a@[127.0.%d.%d]" % (1 + i // 100, 1 + i % 100) for i in range(N)]
hop = NextHop(host="0.0.0.0", port=25)
with Server(actions='action "out" relay allow-loopback\n',
            rules='match from auth for any action "out"\n') as s:
    def descriptors():
        return sum(len(os.listdir("/proc/%d/fd" % p))
                   for p in s.children("relay"))

    before = descriptors()
    with s.client() as c:
        for i in range(0, N, 100):
            c.sendmail(ME, to[i:i + 100], message("many"))
    # An idle connection lives for half a minute.
    hop.wait(N, 20)
    ok(len(hop.messages) == N and descriptors() - before <= 250,
       "%d of %d destinations have their mail" % (len(hop.messages), N))
    ok(len({m.recipients[0] for m in hop.messages}) == N, "once each")
    hop.drop()
    ok(until(lambda: descriptors() == before), "no descriptor is left")
    with s.client() as c:
        c.sendmail(ME, to[:100], message("again"))
    ok(hop.wait(N + 100) and s.wait_queue(0), "and it works as before")
hop.stop()
done()
