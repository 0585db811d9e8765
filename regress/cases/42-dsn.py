"""Notifications of RFC 3461: what is passed on, what is told, what is not."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import email
from smtpsdtest import *

from nexthop import NextHop

ME = "smtpst1@example.org"
NEAR = "smtpst2@example.org"
FAR = "someone@far.example"
DSN = ["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 52428800", "DSN"]
# Not in a home: other cases may run.
TOP_DIR = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(TOP_DIR, 0o755)
BOX = TOP_DIR + "/mail/smtpst1"
ACTIONS = ('action "local" maildir "%s/mail/%%{dest.user}" user smtpst3\n'
           'action "out" relay host smtp://127.0.0.1:%d\n' %
           (TOP_DIR, HOP_PORT))
seen = 0


def send(s, rcpts, mail=(), rcpt=(), body="Hello.\r\n", subject="told"):
    with s.client() as c:
        return c.sendmail(ME, [rcpts] if isinstance(rcpts, str) else rcpts,
                          message(subject, body), list(mail), list(rcpt))


def told(s, name, n=1):
    """The one notification that has come since; its parts by type."""
    global seen
    mails = s.wait_mail(seen + n, directory=BOX)
    if not ok(mails, name + ": the sender is told"):
        return "", {}, None
    new = mails[seen:]
    eq(len(new), n, name + ": once")
    seen = len(mails)
    m = email.message_from_bytes(new[0])
    parts = {p.get_content_type(): p for p in m.walk()}
    status = parts.get("message/delivery-status")
    groups = [p.as_string() for p in status.get_payload()] if status else []
    ok(m.get_content_type() == "multipart/report" and len(groups) >= 2 and
       len(m.get_payload()) == 3, name + ": a report of three parts")
    eq(m["Return-Path"], "<>", name + ": from nobody")
    return groups, parts, m


def silent(s, name):
    s.wait_queue(0)
    time.sleep(0.5)
    eq(len(s.mails(directory=BOX)), seen, name + ": nothing is told")


def has(groups, address, *fields):
    for g in groups:
        if address in g:
            return all(f in g for f in fields)
    return False


with Server(actions=ACTIONS) as s:
    hop = NextHop(port=HOP_PORT)

    # local delivery
    send(s, NEAR, ["ENVID=QQ+2B314", "RET=HDRS"], ["NOTIFY=SUCCESS",
         "ORCPT=rfc822;old+2Bname@far.example"])
    groups, parts, m = told(s, "local, SUCCESS")
    ok("Original-Envelope-Id: QQ+314" in groups[0], "ENVID decoded")
    ok(has(groups, NEAR, "Action: delivered", "Status: 2.",
           "Original-Recipient: rfc822; old+name@far.example",
           "Final-Recipient: rfc822; " + NEAR), "delivered")
    ok("text/rfc822-headers" in parts, "with the header")
    for notify in [[], ["NOTIFY=NEVER"], ["NOTIFY=FAILURE,DELAY"]]:
        send(s, NEAR, [], notify)
        silent(s, "local, %s" % (notify or "no wish"))

    # a host without DSN
    send(s, FAR, ["ENVID=x1", "RET=FULL"], ["NOTIFY=SUCCESS,FAILURE",
                                           "ORCPT=rfc822;a@b.example"])
    ok(hop.wait(1), "relayed to a host without DSN")
    got = hop.messages[-1]
    ok(not re.search("ENVID|RET=|NOTIFY|ORCPT", got.mail + got.rcpts[0]),
       "which gets no parameters")
    groups, parts, m = told(s, "relayed")
    ok(has(groups, FAR, "Action: relayed", "Status: 2.", "Remote-MTA: dns; ",
           "Original-Recipient: rfc822; a@b.example"), "as relayed")
    ok("message/rfc822" not in parts, "RET=FULL says nothing of success")

    # a host with DSN does it itself
    hop.drop()
    hop.words = DSN
    send(s, FAR, ["ENVID=x+2B2", "RET=FULL"], ["NOTIFY=SUCCESS,FAILURE",
                                             "ORCPT=rfc822;a+2Bc@b.example"])
    ok(hop.wait(2), "relayed to a host with DSN")
    got = hop.messages[-1]
    ok(" RET=FULL" in got.mail and " ENVID=x+2B2" in got.mail,
       "RET and ENVID: " + got.mail)
    ok(" NOTIFY=SUCCESS,FAILURE" in got.rcpts[0] and
       " ORCPT=rfc822;a+2Bc@b.example" in got.rcpts[0],
       "NOTIFY and ORCPT: " + got.rcpts[0])
    silent(s, "relayed with its wishes")
    send(s, FAR, [], ["NOTIFY=NEVER"])
    ok(hop.wait(3) and " NOTIFY=NEVER" in hop.messages[-1].rcpts[0],
       "NEVER goes on")
    send(s, FAR)
    ok(hop.wait(4) and "NOTIFY" not in hop.messages[-1].rcpts[0],
       "and nothing where nothing was said")

    # failures
    hop.bad_recipients["bad@far.example"] = "550 5.1.1 no such person"
    hop.bad_recipients["bad2@far.example"] = "550 5.1.6 has moved"
    for notify in ["NEVER", "SUCCESS", "DELAY"]:
        send(s, "bad@far.example", [], ["NOTIFY=" + notify])
        silent(s, "failed, " + notify)
    send(s, ["bad@far.example", "bad2@far.example", FAR], ["RET=FULL"],
         ["NOTIFY=FAILURE"], body="secret of the body\r\n.\r\n..x\r\n")
    groups, parts, m = told(s, "two of three failed")
    ok(has(groups, "bad@far.example", "Action: failed", "Status: 5.1.1",
           "Diagnostic-Code: smtp; 550 5.1.1 no such person") and
       has(groups, "bad2@far.example", "Status: 5.1.6"),
       "both in one notification")
    ok(FAR not in "".join(groups), "and only they")
    ok("message/rfc822" in parts and "secret of the body\n.\n..x\n" in
       parts["message/rfc822"].get_payload(0).get_payload(),
       "RET=FULL: the whole message")
    send(s, "bad@far.example", ["RET=HDRS"], body="secret of the body\r\n")
    groups, parts, m = told(s, "failed, no wish")
    ok("text/rfc822-headers" in parts and "secret of" not in m.as_string(),
       "RET=HDRS: the header")
    send(s, "bad@far.example", ["RET=FULL"], body="0123456789abcde\r\n" *
         70000)
    groups, parts, m = told(s, "too large to go back")
    ok("text/rfc822-headers" in parts, "only the header of it")
    send(s, "bad@far.example", ["RET=FULL"], body="0123456789abcde\r\n" *
         40000)
    groups, parts, m = told(s, "680 KB go back")
    ok("message/rfc822" in parts and
       len(parts["message/rfc822"].as_string()) > 600000, "all of it")

    # a near and a far one of one message, ended at different places
    send(s, [NEAR, "bad@far.example"], [], ["NOTIFY=SUCCESS,FAILURE"])
    s.wait_queue(0)
    until(lambda: len(s.mails(directory=BOX)) > seen, 10)
    time.sleep(0.5)
    text = b"".join(s.mails(directory=BOX)[seen:])
    ok(b"Action: delivered" in text and b"Action: failed" in text,
       "one delivered, one failed: both are told")
    seen = len(s.mails(directory=BOX))
    hop.stop()

# delay
shutil.rmtree(BOX)
with Server(actions=ACTIONS, extra="queue delay-warning 2s\n") as s:
    seen = 0
    send(s, [FAR], [], ["NOTIFY=DELAY,FAILURE"])
    send(s, ["quiet@far.example"], [], ["NOTIFY=FAILURE"])
    groups, parts, m = told(s, "delayed")
    ok(has(groups, FAR, "Action: delayed", "Status: 4.",
           "Will-Retry-Until: ", "x-smtpsd; 127.0.0.1: Connection refused"),
       "as delayed, and why")
    eq(s.stop(), 0, "stop")
    s.start()
    tries = {q["recipient"]: q["attempts"] for q in s.show("queue")}
    ok(until(lambda: all(q["attempts"] >= tries[q["recipient"]] + 2
                         for q in s.show("queue")), 30),
       "tried again after a restart")
    eq(len(s.mails(directory=BOX)), 1, "told once")
    ok("It is tried until: " in m.get_payload(0).get_payload(),
       "people read until when it is tried")
    hop = NextHop(port=HOP_PORT)
    ok(s.wait_queue(0), "delivered at last")
    hop.stop()

# Expired: the sender hears what kept it, not only that it did.  The next hop
# hangs when it is time, so that the last attempt before has to be remembered.
shutil.rmtree(BOX)
with Server(actions=ACTIONS + 'action "slow" relay host smtp://127.0.0.2:%d '
            "connections 1\n" % HOP_PORT, extra="queue expire 8s\n"
            "queue delay-warning 0\n", retry="3s to 3s",
            aliases="list: a@slow.example\n",
            rules='match from auth for domain <domains> action "local"\n'
            'match from auth for domain slow.example action "slow"\n'
            'match from auth for any action "out"\n') as s:
    seen = 0
    send(s, FAR)
    groups, parts, m = told(s, "expired")
    ok(has(groups, FAR, "Action: failed", "Status: 4.4.7",
           "x-smtpsd; 127.0.0.1: Connection refused"), "with the reason")
    text = m.get_payload(0).get_payload()
    ok("expired" in text and "said" not in text, "for people, too")
    hop = NextHop(host="127.0.0.2", port=HOP_PORT)
    hop.fail("mail", "450 4.2.1 come later")
    send(s, "a@slow.example")
    ok(until(lambda: any(q["error"] for q in s.show("queue"))), "put off")
    hop.fail("mail", "hang")
    with s.client() as c:           # before it is tried again
        for i in range(170):        # more than relay gets, queue/lane.h
            c.sendmail(ME, ["b%d@slow.example" % i], message("b"))
    ok(until(lambda: b"come later" in b"".join(s.mails(directory=BOX)), 20),
       "what its last attempt said")
    m = [m for m in s.mails(directory=BOX) if b"come later" in m][0]
    ok(re.search(rb"(?m)^Diagnostic-Code: x-smtpsd; \d attempts?, the last "
                 rb"one: 127\.0\.0\.2: 450 4\.2\.1 come later\r?$", m),
       "as such")
    hop.stop()
    s.ctl("remove", "all")

# Where anybody may come, the sender may be forged: only who has logged in.
shutil.rmtree(BOX)
with Server(actions=ACTIONS, listen="listen on 127.0.0.1 smtp port 10587 pki "
            "mail.example.org auth <users> senders <senders>\n"
            "listen on 127.0.0.1 smtps port %d auth <users>" % PORT,
            rules='match from any for domain <domains> action "local"\n'
            'match from src 127.0.0.0/8 for any action "out"\n'
            'match from auth for any action "out"\n') as s:
    seen = 0
    hop = NextHop(port=HOP_PORT)
    with Plain(s, 10587) as r:
        ok("DSN" not in r.ask("EHLO x"), "not offered to strangers")
        for params in ("RET=HDRS", "ENVID=a", "RET=FULL ENVID=a SIZE=1",
                       "RET=nonsense"):
            eq(r.ask("MAIL FROM:<%s> %s" % (ME, params))[:9], "555 5.5.4",
               "MAIL " + params)
        eq(r.ask("MAIL FROM:<%s> SIZE=10" % ME)[:3], "250", "MAIL")
        for params in ("NOTIFY=SUCCESS", "ORCPT=rfc822;a@b.example",
                       "notify=never"):
            eq(r.ask("RCPT TO:<%s> %s" % (FAR, params))[:9], "555 5.5.4",
               "RCPT " + params)
        eq(r.ask("RCPT TO:<%s>" % FAR)[:3], "250", "RCPT")
        r.ask("DATA")
        r.send(message())
        eq(r.ask(".")[:3], "250", "a stranger's message")
        ok(hop.wait(1), "is relayed by a rule")
        silent(s, "relayed for a stranger")
        eq(r.starttls()[:3], "220", "STARTTLS")
        ok("DSN" not in r.ask("EHLO x"), "nor inside TLS")
        r.login()
        ok("250-DSN" in r.ask("EHLO x"), "but to who has logged in")
        eq(r.ask("MAIL FROM:<%s> RET=HDRS ENVID=b" % ME)[:3], "250", "MAIL")
        eq(r.ask("RCPT TO:<%s> NOTIFY=SUCCESS" % FAR)[:3], "250", "RCPT")
        r.ask("DATA")
        r.send(message())
        eq(r.ask(".")[:3], "250", "a user's message")
    groups, parts, m = told(s, "relayed for a user")
    with s.raw() as r:
        ok("250-DSN" in r.ask("EHLO x"), "before AUTH where AUTH must come")
        eq(r.ask("MAIL FROM:<%s> RET=HDRS" % ME)[:3], "530", "which it must")
    hop.stop()
shutil.rmtree(TOP_DIR)
done()
