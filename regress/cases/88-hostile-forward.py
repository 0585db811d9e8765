"""A deliver that was taken over where ~/.forward is allowed: it sends its
user's new mail on, and nothing of others'.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

SAYS = {"queue": ["AGENT_QUEUE_MORE", "AGENT_QUEUE_RESULT",
                  "AGENT_QUEUE_DONE", "AGENT_QUEUE_FORWARD"]}
ME = "smtpst1@example.org"
ACTIONS = 'action "local" maildir "~/Maildir" alias <aliases> forward\n' \
          'action "out" relay host smtp://127.0.0.1:10025\n'


def wake(s):
    s.send(ME, "smtpst3@example.org", user="smtpst3")


def forward(c, delivery, address, n=0):
    c.message("queue", "AGENT_QUEUE_FORWARD", struct.pack("=QII", delivery, n,
              0) + text(address, 328))


def result(c, delivery, kind=1):
    c.message("queue", "AGENT_QUEUE_RESULT", struct.pack("=QII", delivery, 0,
              kind) + text("2.0.0", 12) + text("", HOSTNAME + 4) +
              text("hostile", TEXT))
    c.message("queue", "AGENT_QUEUE_DONE", struct.pack("=Q", delivery))


def given(c):
    got = c.heard("queue", "QUEUE_AGENT_OPEN", 5000)
    if got is None:
        c.again()
        got = c.heard("queue", "QUEUE_AGENT_OPEN", 5000)
    return unpack("Q", got)[0]


def addresses(c):
    delivery = given(c)
    for what, address, n in [("a recipient that is not there", ME, 1),
                             ("nobody", "", 0), ("two", "a@b.c,d@e.f", 0),
                             ("a path", "<a@b.c>", 0),
                             ("a line more", "a@b.c\r\nDATA", 0)]:
        forward(c, delivery, address, n)
        c.cut("queue", "FORWARD to " + what)
        delivery = given(c)
    for i in range(101):
        forward(c, delivery, "n%d@example.org" % i)
    c.cut("queue", "101 addresses")
    delivery = given(c)
    for other in range(delivery + 300):
        if other != delivery:
            forward(c, other, "smtpst2@example.org")
    c.up("queue", "others' deliveries")
    forward(c, delivery, "smtpst2@example.org")
    result(c, delivery, 2)
    ok(c.s.wait_log(r"result=deferred .*hostile"), "it fails for now")
    ok("action= " not in c.s.log(), "and goes nowhere")
    delivery = given(c)
    forward(c, delivery, "smtpst2@example.org")
    result(c, delivery)
    ok(c.s.wait_log(r"result=forwarded to=<smtpst2@example.org> "),
       "then it is sent on")
    forward(c, delivery, "smtpst2@example.org")
    c.up("queue", "a delivery that is over")
    c.suffer("addresses")


main("deliver", 0, SAYS, [addresses, malformed], wake=wake, actions=ACTIONS,
     rules=DEFAULT_RULES + 'match from local for domain <domains> action '
     '"local"\n', uid=pwd.getpwnam("smtpst1").pw_uid)
