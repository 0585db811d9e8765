"""Policy: who may send as whom and to whom; aliases."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ALIASES = """\
postmaster: smtpst1
all: smtpst1, smtpst2, smtpst3
twice: all, smtpst1
loop: pool
pool: loop
self: self
outside: someone@far.example
deep0: deep1
""" + "".join("deep%d: deep%d\n" % (i, i + 1) for i in range(1, 60)) + \
    "deep60: smtpst1\n"


def reply(s, sender, rcpt, user="smtpst1"):
    """Replies to MAIL and RCPT."""
    with s.raw() as r:
        r.ask("EHLO x")
        r.login(user)
        mail = r.ask("MAIL FROM:<%s>" % sender)
        return mail[:9], r.ask("RCPT TO:<%s>" % rcpt)[:9]


hop = NextHop(port=HOP_PORT)
with Server(aliases=ALIASES, rules="""\
match from auth for domain refused.example reject
match from auth for domain <domains> action "local"
match from auth for domain far.example action "out"
""") as s:
    me, other = "smtpst1@example.org", "smtpst2@example.org"
    OK = ("250 2.1.0", "250 2.1.5")
    eq(reply(s, me, me), OK, "own address")
    eq(reply(s, "smtpst1+tag@example.org", me), OK, "own address with a tag")
    eq(reply(s, "SMTPST1@EXAMPLE.ORG", me), OK, "own address, upper case")
    eq(reply(s, other, me)[0], "553 5.7.1", "somebody else's: 553 5.7.1")
    eq(reply(s, "x@far.example", me)[0], "553 5.7.1", "a stranger's")
    eq(reply(s, "\"smtpst1@example.org\"@far.example", me)[0], "553 5.7.1",
       "own address in quotes")
    eq(reply(s, "", me), OK, "null reverse-path")
    eq(reply(s, other, me, "smtpst2"), OK, "the other as himself")
    eq(reply(s, me, "x@far.example"), OK, "for another domain")
    eq(reply(s, me, "x@unknown.example")[1], "550 5.7.1",
       "no rule matches: refused")
    eq(reply(s, me, "x@refused.example")[1], "550 5.7.1", "a rule refuses")
    eq(reply(s, me, "nobody-here@example.org")[1], "550 5.1.1",
       "unknown local user")
    eq(reply(s, me, "root@example.org")[1], "550 5.1.1",
       "root has no mailbox")
    eq(reply(s, me, "x@far.example@example.org")[1][:3], "501", "two @")
    eq(reply(s, me, "x%far.example@example.org")[1], "550 5.1.1",
       "percent hack")
    eq(reply(s, me, "far.example!x@example.org")[1], "550 5.1.1",
       "bang path")
    eq(reply(s, me, "\"x@far.example\"@example.org")[1], "550 5.1.1",
       "quoted path")
    eq(reply(s, me, "smtpst1@[127.0.0.1]")[1][:3], "550", "address literal")
    for name in ["loop", "self", "deep0"]:
        eq(reply(s, me, name + "@example.org")[1][:3], "550",
           "alias %s is refused" % name)

    with s.client() as c:
        c.sendmail(me, ["twice@example.org"], message("aliases"))
        c.sendmail(me, ["outside@example.org"], message("outside"))
    for u in USERS:
        ok(s.wait_mail(1, u), "alias: " + u)
    ok(hop.wait(1), "an alias that points outside is relayed")
    eq(hop.messages and hop.messages[0].recipients, ["someone@far.example"],
       "to its address")
    ok(s.wait_queue(0), "the queue empties")
    eq([len(s.mails(u)) for u in USERS], [1, 1, 1], "one copy each")

# Without a sender map: only the own login; and the listener's tag.
with Server(listen="""\
listen on 127.0.0.1 smtps port %d auth <users> tag inside
listen on 127.0.0.1 smtps port %d auth <users> tag outside
""" % (PORT, PORT + 1), rules="""\
match tag outside from auth for any action "out"
match tag inside from auth <some> for domain <domains> action "local"
""", extra="table some { smtpst1 }\n") as s:
    eq(reply(s, "smtpst1@example.org", "smtpst1@example.org"), OK,
       "no map: user@own domain")
    eq(reply(s, "smtpst2@example.org", "smtpst1@example.org")[0],
       "553 5.7.1", "no map: not another user")
    eq(reply(s, "smtpst1@far.example", "smtpst1@example.org")[0],
       "553 5.7.1", "no map: not another domain")
    eq(reply(s, "smtpst1@example.org", "x@far.example")[1], "550 5.7.1",
       "tag of another listener does not match")
    eq(reply(s, "smtpst2@example.org", "smtpst1@example.org",
             "smtpst2")[1], "550 5.7.1", "a login that is not in the table")
done()
