"""Mail that waits for its turn: the sender is warned, and it expires, in time.

The next hop takes one connection and says nothing on it: what is behind the
messages that relay has got waits in the queue, and nobody attempts it.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ME = "smtpst1@example.org"
AHEAD = 160             # at once with relay, for one host: queue/lane.h
N = 20
hop = NextHop(port=HOP_PORT)
hop.fail("mail", "hang")


def statuses(mails, action):
    return [re.search(rb"(?m)^Status: (\S+)\r?$", m).group(1) for m in mails
            if b"Action: " + action in m]


def about(mails):
    """The recipients that the reports are about."""
    return {int(n) for m in mails for n in
            re.findall(rb"(?m)^Final-Recipient: rfc822; n(\d+)@", m)}


with Server(actions='action "local" maildir\n'
                    'action "out" relay host smtp://127.0.0.1:%d '
                    'connections 1\n' % HOP_PORT,
            extra="queue delay-warning 5s\nqueue expire 15s\n") as s:
    with s.client() as c:
        for i in range(AHEAD + N):
            c.sendmail(ME, ["n%d@far.example" % i], message())
        c.sendmail(ME, ["quiet@far.example"], message(),
                   rcpt_options=["NOTIFY=NEVER"])
    ok(until(lambda: any(l.startswith("MAIL") for _, l in hop.commands)),
       "the first one is under way")
    ok(s.wait_mail(N), "all that wait in the queue are told of")
    warned = s.mails()
    eq(statuses(warned, b"delayed"), [b"4.4.5"] * N, "as delayed")
    eq(about(warned), set(range(AHEAD, AHEAD + N)), "each of them")
    eq(len(s.log_lines("result=waiting")), N, "in the log, too")
    eq(s.log_lines("result=failed"), [], "before any has failed")
    ok(s.wait_mail(2 * N, seconds=30), "then they come back")
    failed = [m for m in s.mails() if b"Action: failed" in m]
    eq(statuses(failed, b"failed"), [b"4.4.7"] * N, "expired")
    eq(about(failed), set(range(AHEAD, AHEAD + N)), "each of them")
    ok(s.wait_queue(AHEAD), "and one in silence, as it was asked for")
    eq(len(s.mails()), 2 * N, "nothing is told twice")
    eq(len([l for _, l in hop.commands if l.startswith("MAIL")]), 1,
       "and no attempt was made")
    hop.stop()
    ok(s.wait_queue(0), "those that relay had end, too")
done()
