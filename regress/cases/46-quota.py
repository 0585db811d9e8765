"""Quotas of users: per hour and day, told to the client, shown, kept."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

QUOTAS = """limit user-messages 3 per hour
limit user-messages 5 per day
limit user-recipients 4 per hour
limit user-recipients 20 per day
"""


def begins(reply, code, name):
    if not ok(reply.startswith(code), name):
        diag(reply)


def login(s, user):
    r = s.raw()
    r.ask("EHLO client.example.com")
    begins(r.login(user), "235", "%s logs in" % user)
    return r


def send(r, user, rcpts):
    """Replies to MAIL and each RCPT; sent if one was accepted."""
    replies = [r.ask("MAIL FROM:<%s@example.org>" % user)]
    if not replies[0].startswith("250"):
        return replies
    for n in range(rcpts):
        replies.append(r.ask("RCPT TO:<%s+%d@example.org>" % (user, n)))
    if any(x.startswith("250") for x in replies[1:]):
        r.ask("DATA")
        r.send("From: <%s@example.org>\r\n\r\nx\r\n.\r\n" % user)
        begins(r.reply(), "250", "a message of %s" % user)
    r.ask("RSET")
    return replies


def used(s, user, limit="messages per hour"):
    for row in s.show_limits(user):
        if row["limit"] == limit:
            return (row["used"], row["max"])


def restarted(s, name, old):
    return until(lambda: [p for p in s.children(name) if p not in old], 20)


def show_limits(s, *user):
    p = s.ctl("-j", "show", "limits", *user)
    return json.loads(p.text)


Server.show_limits = show_limits

# Not near the turn of an hour: the counts of this one are compared.
into = time.time() % 3600
if into > 3500:
    time.sleep(3601 - into)

with Server(extra=QUOTAS, expect_deaths=True) as s:
    r = login(s, "smtpst1")
    for n in range(3):
        begins(send(r, "smtpst1", 1)[1], "250", "message %d" % (n + 1))
    reply = send(r, "smtpst1", 1)[0]
    ok(re.match(r"452 4\.7\.1 Limit of 3 messages per hour reached "
                r"\(3 used\), try again in \d+ (minutes|hours|seconds)",
                reply), "the fourth is told why and when: " + reply)
    begins(r.ask("NOOP"), "250", "the session goes on")

    with login(s, "smtpst2") as r2:
        replies = send(r2, "smtpst2", 6)
        begins(replies[4], "250", "four recipients in an hour")
        ok(re.match(r"450 4\.7\.1 Limit of 4 recipients per hour reached "
                    r"\(4 used\), try again in \d+", replies[5]),
           "the fifth is told: " + replies[5])
        begins(send(r2, "smtpst2", 1)[1], "450 4.7.1",
               "nor in the next message")

    eq(used(s, "smtpst1"), (3, 3), "show limits USER")
    rows = s.show_limits("smtpst1")
    eq(sorted(x["limit"] for x in rows),
       ["messages per day", "messages per hour", "recipients per day",
        "recipients per hour", "sessions"], "all limits of a user")
    ok([x for x in rows if x["limit"] == "messages per hour"][0]["wait_s"] > 0,
       "with the time to wait")
    eq(used(s, "smtpst2", "recipients per hour"), (4, 4), "and of another")
    users = {x["user"] for x in s.show_limits()}
    eq(users, {"smtpst1", "smtpst2"}, "show limits")
    text = s.ctl("show", "limits").text
    ok(re.search(r"smtpst1 +messages per hour +3 +3 +\d+[mh]", text),
       "as a table")
    eq(s.show_limits("nobody"), [], "nobody has used nothing")
    ok(s.ctl("show", "limits", "x" * 300).returncode != 0, "a name too long")

    # A reload raises a limit at once, and the day's is the next to bind.
    conf = open(s.conf_path).read()
    s.write("smtpsd.conf", conf.replace("messages 3 per hour",
                                        "messages 100 per hour").replace(
        "recipients 4 per hour", "recipients 100 per hour"))
    eq(s.ctl("reload").returncode, 0, "reload")
    begins(send(r, "smtpst1", 1)[1], "250", "the fourth")
    begins(send(r, "smtpst1", 1)[1], "250", "the fifth")
    reply = send(r, "smtpst1", 1)[0]
    begins(reply, "452 4.7.1 Limit of 5 messages per day", "the sixth")
    r.close()

    # kill -9, some seconds after the last message.
    time.sleep(2.5)
    old = s.children("policy")
    os.kill(old[0], signal.SIGKILL)
    ok(restarted(s, "policy", old), "policy is killed and starts again")
    ok(until(lambda: used(s, "smtpst1") == (5, 100), 10),
       "it knows what was used")
    old = s.children("queue")
    os.kill(old[0], signal.SIGKILL)
    ok(restarted(s, "queue", old), "the queue is killed and starts again")
    ok(until(lambda: s.ctl("show", "queue").returncode == 0, 10),
       "it is back")
    time.sleep(2.5)
    eq(used(s, "smtpst1"), (5, 100), "nothing is counted twice")
    both = s.children("queue") + s.children("policy")
    for pid in both:
        os.kill(pid, signal.SIGKILL)
    ok(restarted(s, "queue", both) and restarted(s, "policy", both),
       "both are killed")
    ok(until(lambda: used(s, "smtpst1") == (5, 100), 15), "still known")

    # A restart of all, right after a message.
    def may_send():
        try:
            with s.client("smtpst3") as c:
                c.sendmail("smtpst3@example.org", ["smtpst3@example.org"],
                           message(sender="smtpst3@example.org"))
            return True
        except (smtplib.SMTPException, OSError):
            return False
    ok(until(may_send, 20), "a message just before the stop")
    count = used(s, "smtpst3")[0]
    eq(s.stop(), 0, "smtpsd stops")
    s.start()
    eq(until(lambda: used(s, "smtpst3"), 10), (count, 100),
       "and knows after the start")
    with login(s, "smtpst1") as r:
        begins(send(r, "smtpst1", 1)[0], "452 4.7.1 Limit of 5 messages per "
               "day", "who was over is over")

    # Without limits it is counted all the same.
    s.write("smtpsd.conf", "".join(l for l in conf.splitlines(True)
                                   if not l.startswith("limit user-")))
    eq(s.ctl("reload").returncode, 0, "reload without quotas")
    with login(s, "smtpst1") as r:
        begins(send(r, "smtpst1", 1)[1], "250", "no quota, no refusal")
    eq(used(s, "smtpst1"), (6, 0), "counted, without a limit")
done()
