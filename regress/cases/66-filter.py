"""A content filter: mail goes to it by SMTP and comes back on a
listener with a tag; what it refuses, that it is away, that nothing goes
round."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

FAR = "someone@far.example"
BACK = 10026
# The test string of the scanners, in two parts: no scanner shall find it here.
EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR"
         "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
tmp = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(tmp, 0o755)
BOX = tmp + "/mail/smtpst1"


class Scanner(NextHop):
    """Takes a message only when it has been given back, or refuses it."""

    def take_message(self, session, data):
        if EICAR.encode() in data:
            return "554 5.7.0 virus found"
        with smtplib.SMTP("127.0.0.1", BACK, "filter.example.org", 30) as c:
            c.sendmail(session.sender, session.recipients,
                       b"X-Scanned: yes\r\n" + data)
        return None


def scanner():
    hop = Scanner(port=10024)

    def end(session):
        try:
            refusal = hop.take_message(session, session.last)
        except (OSError, smtplib.SMTPException) as e:
            refusal = "451 4.3.0 " + str(e).replace("\n", " ")[:100]
        if refusal:
            session.say(refusal)
            return True
        return False
    hop.fail("data-end", end)
    return hop


server_conf = dict(
    listen="listen on 127.0.0.1 smtps port %d auth <users> senders <senders>\n"
    "listen on 127.0.0.1 smtp port %d tag filtered" % (PORT, BACK),
    actions='action "filter" relay host smtp://127.0.0.1:10024\n'
    'action "out" relay host smtp://127.0.0.1:%d\n'
    'action "local" maildir "%s/mail/%%{dest.user}" user smtpst3\n' % (
        HOP_PORT, tmp),
    rules='match tag filtered from local for domain <domains> action "local"\n'
    'match tag filtered from local for any action "out"\n'
    'match from auth for any action "filter"\n')
far = NextHop(port=HOP_PORT)
scan = scanner()
with Server(**server_conf) as s:
    s.send([FAR, "smtpst1@example.org"], subject="clean")
    ok(far.wait(1), "clean mail goes on")
    ok(s.wait_mail(1, directory=BOX), "and to a local mailbox")
    s.wait_queue(0)
    eq(len(scan.messages), 1, "the filter has seen it once")
    ok(far.messages[0].data.count(b"X-Scanned: yes") == 1 and
       b"X-Scanned: yes" in s.mails(directory=BOX)[0],
       "and every way out is behind it")

    s.send(FAR, subject="virus", body="a\r\n" + EICAR + "\r\n")
    ok(until(lambda: any(b"5.7.0" in m and b"virus found" in m
                         for m in s.mails(directory=BOX))),
       "the test virus is returned, with the reason")
    s.wait_queue(0)
    eq(len(far.messages), 1, "and does not go on")
    ok(not any(EICAR.encode() in m for m in s.mails(directory=BOX)),
       "nor comes back with the report")

    scan.stop()
    time.sleep(0.2)
    for i in range(5):
        s.send(FAR, subject="away %d" % i)
    ok(until(lambda: len([q for q in s.show("queue") if q["error"]]) == 5),
       "filter away: the mail waits")
    eq(len(far.messages), 1, "and does not go round it")
    scan = scanner()
    ok(far.wait(6, 40) and s.wait_queue(0, 40), "and arrives when it is back")
    ok(all(b"X-Scanned: yes" in m.data for m in far.messages),
       "all of it filtered")

    scan.drop()
    scan.fail("connect", "hang")
    s.send(FAR, subject="hangs")
    s.send("smtpst2@example.org", subject="hangs too")
    time.sleep(1)
    eq(len(far.messages), 6, "filter hangs: nothing goes round it")
    ok(not s.mails("smtpst2"), "nor into mailboxes")
    scan.stop()
    scan = scanner()
    ok(far.wait(7, 60), "and all goes on when it works")

    with smtplib.SMTP("127.0.0.1", BACK, "h.example", 30) as c:
        c.ehlo()
        ok(not c.has_extn("auth"), "the way back takes no passwords")
scan.stop()

# A rule that sends filtered mail to the filter again: a loop has an end.
scan = scanner()
loops = dict(server_conf, rules='match tag filtered from local for any action '
             '"filter"\nmatch from auth for domain <domains> action "local"\n'
             'match from auth for any action "filter"\n')
with Server(**loops) as s:
    far.messages.clear()
    shutil.rmtree(BOX, ignore_errors=True)
    s.send(FAR, subject="round")
    got = until(lambda: len(scan.messages) > 0 or not s.show("queue") or
                any(q["error"] for q in s.show("queue")), 60)
    count = len(re.findall(r"event=accepted", s.log()))
    ok(got, "a loop ends")
    ok(count < 200, "after %d rounds" % count)
    eq(len(far.messages), 0, "without mail leaving")

shutil.rmtree(tmp)
done()
