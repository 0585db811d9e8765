"""Each limit: kept, with its reply; what comes after it goes on.

10 (a command of many bytes), 27 (SIZE that lies), 33 (many recipients and
messages) are here with their bytes."""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

LIMITS = """limit message-size 64K
limit recipients 3
limit messages 2
limit errors 5
limit sessions-per-ip 6
limit sessions-per-user 2
"""


MAIL = "From: <smtpst1@example.org>\r\n\r\nx\r\n.\r\n"


def session(s, user="smtpst1"):
    r = s.raw()
    r.ask("EHLO client.example.com")
    r.login(user)
    return r


def begins(reply, code, name):
    if not ok(reply.startswith(code), name):
        diag(reply)


def mail(r, rcpts=("smtpst1@example.org",), user="smtpst1"):
    replies = [r.ask("MAIL FROM:<%s@example.org>" % user)]
    return replies + [r.ask("RCPT TO:<%s>" % a) for a in rcpts]


with Server(extra=LIMITS) as s:
    # Line and command length: 512 bytes are for everybody, 64k for nobody.
    for size in (3000, 4096, 65536):
        with session(s) as r:
            begins(r.ask("EHLO " + "A" * size), "500 5.5.2",
                   "EHLO with %d bytes" % size)
            begins(r.ask("NOOP"), "250", "the session goes on")
    with session(s) as r:
        begins(r.ask("NOOP " + "x" * 500), "250", "a command of 507 bytes")

    # Message size: said before, and found out.
    with session(s) as r:
        begins(r.ask("MAIL FROM:<smtpst1@example.org> SIZE=70000"),
               "552 5.3.4", "SIZE= over the limit")
        begins(r.ask("MAIL FROM:<smtpst1@example.org> SIZE=10"), "250",
               "SIZE=10")
        r.ask("RCPT TO:<smtpst1@example.org>")
        r.ask("DATA")
        r.send(b"From: <smtpst1@example.org>\r\nSubject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 20000 +
               b".\r\n")
        begins(r.reply(), "552 5.3.4", "SIZE=10, then 1.4 MB")
        begins(mail(r)[1], "250", "the next transaction is fine")

    # Recipients: the fourth waits for another transaction.
    many = ["smtpst%d@example.org" % n for n in (1, 2, 3, 1)]
    with session(s) as r:
        replies = mail(r, many)
        begins(replies[3], "250", "the third recipient")
        begins(replies[4], "452 4.5.3", "the fourth")
        for n in range(20):
            reply = r.ask("RCPT TO:<smtpst1@example.org>")
        begins(reply, "452 4.5.3", "a client may go on asking")
        begins(r.ask("DATA"), "354", "and send to those accepted")
        r.send(MAIL)
        begins(r.reply(), "250", "it is accepted")
        # Messages of one session.
        mail(r)
        r.ask("DATA")
        r.send(MAIL)
        begins(r.reply(), "250", "the second message")
        begins(mail(r)[0], "452 4.7.0", "the third is one too many")

    # Errors.
    with session(s) as r:
        replies = [r.ask("NONSENSE") for n in range(6)]
        begins(replies[4], "500", "five errors")
        ok("421 4.7.0" in replies[5] + "\n" + r.reply(), "the sixth is the last")

    # Sessions of one address.
    rs = [s.raw() for n in range(6)]
    with s.raw() as r:
        begins(r.greeting, "421 4.7.0", "the seventh session from here")
    for r in rs:
        r.close()

    # Sessions of one user.
    def as_user(user):
        r = session(s, user)
        return r, mail(r, user=user)[0]
    until(lambda: s.show("sessions") == [])
    a, reply_a = as_user("smtpst2")
    b, reply_b = as_user("smtpst2")
    c, reply_c = as_user("smtpst2")
    d, reply_d = as_user("smtpst3")
    begins(reply_a, "250", "one session of a user")
    begins(reply_b, "250", "two")
    begins(reply_c, "421 4.7.0 Limit of 2 sessions of one user", "not three")
    eq(c.reply(), "", "it is closed")
    begins(reply_d, "250", "another user is another")
    begins(a.ask("RSET"), "250", "those within go on")
    a.close()

    def again():
        r, reply = as_user("smtpst2")
        r.close()
        return reply.startswith("250")
    ok(until(again), "when one has left there is room")
    for r in (b, c, d):
        r.close()

# 33: the recipients of one message, at most a thousand.
with Server(extra="limit errors 3\n") as s:
    with session(s) as r:
        begins(r.ask("MAIL FROM:<smtpst1@example.org>"), "250", "MAIL")
        wrong = {}
        total = 3000
        for at in range(0, total, 500):
            r.send("".join("RCPT TO:<smtpst1+%d@example.org>\r\n" % n
                           for n in range(at, at + 500)))
            for n in range(at, at + 500):
                reply = r.reply()
                if reply == "":
                    break
                want = "250" if n < 1000 else "452 4.5.3"
                if not reply.startswith(want):
                    wrong.setdefault(reply[:9], n)
            if reply == "":
                break
        eq([k for k in wrong if k[:3] not in ("421", "452")], [],
           "a thousand are accepted, the rest gets a 452")
        ok(min(wrong.values() or [total]) > 1900,
           "nearly a thousand more before the session ends")
    eq(s.show("queue"), [], "nothing of it is in the queue")
    s.send()
    ok(s.wait_mail(1), "others go on")
    sent = 0
    with s.client() as c:
        for n in range(100):
            c.sendmail("smtpst1@example.org", ["smtpst1@example.org"],
                       message("n%d" % n))
    ok(s.wait_queue(0, 30), "a hundred messages in one session")

# The time until AUTH.
with Server(extra="limit auth-time 2s\n") as s:
    with s.raw() as r:
        begins(r.ask("EHLO x"), "250", "not logged in")
        start = time.time()
        for n in range(100):
            reply = r.ask("NOOP")
            if not reply.startswith("250"):
                break
            time.sleep(0.2)
        begins(reply, "421 4.7.0", "who does not log in has to go")
        ok(time.time() - start < 15, "soon")
    with session(s) as r:
        time.sleep(4)
        begins(r.ask("NOOP"), "250", "who does may stay")

# Words of the configuration.
with Server(start=False) as s:
    base = open(s.conf_path).read()
    for text, want in [
            ("limit user-messages 5", "'per'"),
            ("limit user-messages 5 per week", "'hour' or 'day'"),
            ("limit user-recipients 0 per day", "too small"),
            ("limit sessions-per-user many", "invalid"),
            ("limit pace -1", "too small"),
            ("limit command-time 0s", "is not a time"),
            ("limit transaction-tim 5s", "did you mean 'transaction-time'")]:
        s.write("smtpsd.conf", base + text + "\n")
        p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
        if not ok(p.returncode != 0 and want in p.text, text):
            diag(p.text)
    s.write("smtpsd.conf", base + "limit user-messages 5 per hour\n"
            "limit user-messages 50 per day\nlimit pace 0\n"
            "limit user-recipients 7 per hour\n"
            "limit user-recipients 70 per day\nlimit auth-time 1m\n"
            "limit command-time 5m\nlimit transaction-time 1h\n")
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    eq(p.returncode, 0, "all the words together")
done()
