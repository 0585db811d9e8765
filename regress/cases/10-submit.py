"""The main job: SMTPS, AUTH, a message into a Maildir; headers; no leaks."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *


def fds(s):
    return {p: len(os.listdir("/proc/%d/fd" % p)) for p in s.children()
            if process_name(p) in CHILDREN}


with Server() as s:
    with s.client() as c:
        eq(c.sendmail("smtpst1@example.org", ["smtpst2@example.org"],
                      message("first")), {}, "sent")
        sessions = s.show("sessions")
        eq(len(sessions), 1, "the session is shown")
        one = sessions[0]
        eq(one["user"], "smtpst1", "its user")
        eq(one["address"], "127.0.0.1", "its address")
        eq(one["port"], PORT, "its port")
        ok(one["tls_version"].startswith("TLSv1."), "its TLS version")
        ok(one["tls_cipher"], "its cipher")
        eq(one["messages"], 1, "its messages")
    mails = s.wait_mail(1, "smtpst2")
    ok(mails, "delivered to the recipient's Maildir")
    text = (mails or [b""])[0].decode()
    ok(re.search(r"^Received: .*mail\.example\.org", text, re.M | re.S),
       "Received was added")
    ok(re.search(r"^Date: ", text, re.M), "Date was added")
    ok(re.search(r"^Message-I[dD]: <.+@mail\.example\.org>", text, re.M),
       "Message-ID was added")
    ok(re.search(r"^Subject: first", text, re.M), "Subject is there")
    ok("\r" not in text, "line ends are LF on disk")
    home = os.path.expanduser("~smtpst2")
    st = os.stat(home + "/Maildir/new")
    eq(st.st_uid, os.stat(home).st_uid, "the Maildir is the recipient's")
    for p in glob.glob(home + "/Maildir/new/*"):
        eq(os.stat(p).st_uid, os.stat(home).st_uid, "the message as well")
        eq(os.stat(p).st_mode & 0o077, 0, "and nobody else can read it")
    eq(os.listdir(home + "/Maildir/tmp"), [], "nothing is left in tmp")

    # Headers that are there stay as they are.
    with s.client() as c:
        c.sendmail("smtpst1@example.org", ["smtpst3@example.org"],
                   "Date: Thu, 01 Jan 1970 00:00:01 +0000\r\n"
                   "Message-ID: <mine@example.org>\r\n"
                   "From: smtpst1@example.org\r\n"
                   "Subject: mine\r\n\r\n.\r\n..two\r\n.three\r\n\xe4\r\n"
                   .encode("latin-1"))
    text = (s.wait_mail(1, "smtpst3") or [b""])[0]
    eq(text.count(b"\nDate: "), 1, "one Date")
    eq(len(re.findall(rb"(?im)^Message-ID:", text)), 1, "one Message-ID")
    eq(text.split(b"\n\n", 1)[-1], b".\n..two\n.three\n\xe4\n",
       "dots and 8-bit bytes come through")

    # Several recipients, one message; the alias too.
    with s.client() as c:
        c.sendmail("smtpst1@example.org",
                   ["smtpst2@example.org", "smtpst3@example.org",
                    "postmaster@example.org"], message("many"))
    ok(s.wait_mail(2, "smtpst2"), "second recipient")
    ok(s.wait_mail(2, "smtpst3"), "third recipient")
    ok(s.wait_mail(1, "smtpst1"), "the alias")
    ok(s.wait_queue(0), "the queue is empty again")

    # Large, in many pieces.
    body = "".join("%07d %s\r\n" % (i, "x" * 60) for i in range(150000))
    with s.client() as c:
        c.sendmail("smtpst1@example.org", ["smtpst2@example.org"],
                   message("large", body))
    mails = s.wait_mail(3, "smtpst2", seconds=30)
    got = max(mails or [b""], key=len)
    eq(got.split(b"\n\n", 1)[-1] == body.replace("\r\n", "\n").encode(),
       True, "10 MB arrive as they were sent")

    # Descriptors: the same before and after many sessions.
    for i in range(5):
        s.send()
    s.wait_queue(0)
    time.sleep(1)
    before = fds(s)
    for i in range(60):
        s.send()
    for i in range(20):
        r = s.raw()
        r.ask("EHLO x")
        r.close()
    ok(s.wait_queue(0), "the queue is empty")
    ok(s.wait_mail(66, "smtpst1", 30), "all arrived")
    after = until(lambda: (lambda a: a if all(
        a.get(p, 0) <= before.get(p, 0) + 1 for p in a) else None)(fds(s)), 5)
    ok(after, "no descriptor leaked")
    if not after:
        diag("%s %s" % (before, fds(s)))
    ok(until(lambda: s.show("sessions") == [], 5), "no session is left")
done()
