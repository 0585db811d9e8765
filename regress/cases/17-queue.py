"""The queue: a next hop that is down, refuses, comes back; bounces."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

FAR = "someone@far.example"


def bounce_parts(raw):
    import email
    m = email.message_from_bytes(raw)
    return m, {p.get_content_type(): p for p in m.walk()}


with Server() as s:
    # Down: 250 and queued, shown with the error.
    eq(s.send(FAR, subject="one"), {}, "smarthost down: 250")
    ok(until(lambda: any(q["error"] for q in s.show("queue")), 15),
       "show queue has the last error")
    q = s.show("queue")[0]
    eq((q["sender"], q["recipient"]), ("smtpst1@example.org", FAR),
       "with sender and recipient")
    ok(q["attempts"] >= 1, "and the attempts")
    diag(q["error"])
    # Survives a restart.
    eq(s.stop(), 0, "stop")
    s.start()
    eq([x["envelope"] for x in s.show("queue")], [q["envelope"]],
       "still there after a restart")
    hop = NextHop(port=HOP_PORT)
    ok(hop.wait(1), "delivered when the next hop is up")
    ok(s.wait_queue(0), "and gone from the queue")
    m = hop.messages[0] if hop.messages else None
    eq(m and (m.sender, m.recipients), ("smtpst1@example.org", [FAR]),
       "with its envelope")
    ok(m and b"Subject: one\r\n" in m.data and b"Hello.\r\n" in m.data,
       "and its content")

    # Temporary failures at each stage, then success.
    for i, (stage, what) in enumerate([
            ("connect", 421), ("connect", "close"), ("ehlo", 421),
            ("mail", 451), ("rcpt", 450), ("data", 451), ("data-end", 452),
            ("data-end", "close"), ("mail", "close"),
            ("rcpt", "close"), ("connect", "complete nonsense")]):
        n = len(hop.messages)
        hop.drop()      # none is reused
        hop.fail(stage, what)
        s.send(FAR, subject="stage %d" % i)
        ok(until(lambda: any(q["error"] for q in s.show("queue")), 15),
           "%s %s: still queued" % (stage, what))
        eq(len(hop.messages), n, "and not taken")
        hop.ok()
        ok(hop.wait(n + 1), "%s %s: delivered later" % (stage, what))
        ok(s.wait_queue(0), "and gone")
    eq(len(s.mails("smtpst1")), 0, "no bounce for any of them")

    # Refused for good: a bounce to the sender, at once.
    n = len(hop.messages)
    hop.bad_recipients["bad@far.example"] = \
        "550 5.1.1 no such person \x01 here"
    with s.client() as c:
        c.sendmail("smtpst1@example.org", ["bad@far.example",
                                           "good@far.example"],
                   message("mixed", "the body\r\n"))
    ok(hop.wait(n + 1), "the good recipient gets it")
    mails = s.wait_mail(1, "smtpst1")
    ok(mails, "the sender gets a bounce")
    if mails:
        m, parts = bounce_parts(mails[0])
        eq(m.get_content_type(), "multipart/report", "a multipart/report")
        eq(m.get_param("report-type"), "delivery-status", "of RFC 3464")
        status = parts.get("message/delivery-status")
        text = status.as_string() if status else ""
        ok("Final-Recipient: rfc822; bad@far.example" in
           text.replace("rfc822;bad", "rfc822; bad"), "names the recipient")
        ok("good@far.example" not in text, "and not the other")
        ok(re.search("Action: failed", text, re.I), "Action: failed")
        ok(re.search(r"Status: 5\.1\.1", text), "Status: 5.1.1")
        ok("no such person" in mails[0].decode("latin-1"), "says why")
        ok(b"\x01" not in mails[0], "and no control character")
        ok(b"mixed" in mails[0], "has the subject of the message")
        ok(m["To"] and "smtpst1@example.org" in m["To"], "To: the sender")
        ok(re.search(rb"(?m)^Return-Path: <>", mails[0]) is not None or
           b"Return-Path" not in mails[0], "null reverse-path")
    ok(s.wait_queue(0), "nothing is left")

    # A message with the null reverse-path makes no bounce.
    hop.ok()
    hop.fail("rcpt", 550)
    before = len(s.mails("smtpst1"))
    with s.client() as c:
        c.sendmail("", [FAR], message("null"))
    ok(s.wait_queue(0), "a refused bounce is dropped")
    time.sleep(1)
    eq(len(s.mails("smtpst1")), before, "without another bounce")

    # Local trouble: a Maildir that cannot be made.
    hop.ok()
    home = os.path.expanduser("~smtpst3")
    shutil.rmtree(home + "/Maildir", ignore_errors=True)
    with open(home + "/Maildir", "w") as f:
        f.write("in the way")
    s.send("smtpst3@example.org", subject="in the way")
    ok(until(lambda: any(q["error"] for q in s.show("queue")), 15),
       "a file where the Maildir should be: queued")
    os.unlink(home + "/Maildir")
    ok(s.wait_mail(1, "smtpst3"), "delivered when it is gone")
    ok(s.wait_queue(0), "the queue empties")

# Expiry.
hop.stop()
with Server(extra="queue expire 4s\n") as s:
    s.send(FAR, subject="old")
    mails = s.wait_mail(1, "smtpst1", seconds=25)
    ok(mails, "expired: bounced")
    if mails:
        ok(re.search(rb"(?m)^Status: [45]\.4\.", mails[0]),
           "with a status of its own")
    ok(s.wait_queue(0), "and gone")
done()
