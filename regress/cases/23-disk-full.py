"""A full disk: 452 4.3.1, nothing queued, nothing lost; then it goes on."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

with Server(start=False) as s:
    spool = s.dir + "/spool"
    os.mkdir(spool, 0o700)
    p = run("mount", "-t", "tmpfs", "-o", "size=160m,mode=0700", "tmpfs",
            spool)
    if p.returncode != 0:
        skip("a full disk", "cannot mount")
        done()
    shutil.chown(spool, "_smtpsq", "_smtpsq")
    s.start()
    s.send(subject="before")
    ok(s.wait_mail(1), "it works")
    ok(s.wait_queue(0), "the queue is empty")
    with open(spool + "/ballast", "wb", buffering=0) as f:
        try:
            while f.write(b"\0" * 65536):
                pass
        except OSError:
            pass
    # The log of the database has room of its own; it fills as well.
    codes = []
    body = "x" * 70 + "\r\n"
    for i in range(60):
        try:
            with s.client() as c:
                c.sendmail("smtpst1@example.org", ["far@far.example"],
                           message("full %d" % i, body * 60000))
            codes.append(250)
        except smtplib.SMTPDataError as e:
            codes.append(e.smtp_code)
            if not e.smtp_error.startswith(b"4.3.1"):
                diag(e.smtp_error)
        except smtplib.SMTPSenderRefused as e:
            codes.append(e.smtp_code)
            if not e.smtp_error.startswith(b"4.3.1"):
                diag(e.smtp_error)
        except smtplib.SMTPRecipientsRefused as e:
            codes.append(list(e.recipients.values())[0][0])
        except (smtplib.SMTPException, OSError) as e:
            codes.append(type(e).__name__)
        if codes[-3:] == [452] * 3:
            break
    ok(452 in codes, "a full disk answers 452: %s" % codes[-5:])
    eq(sorted(set(codes) - {250, 452}, key=str), [], "and nothing else")
    eq(len(s.show("queue")), codes.count(250),
       "queued is exactly what was acknowledged")
    s.check_alive()
    os.unlink(spool + "/ballast")

    def try_send():
        try:
            s.send(subject="after")
            return True
        except smtplib.SMTPException:
            time.sleep(0.3)
            return False
    ok(until(try_send, 20), "with room again it goes on")
    ok(s.wait_mail(2), "and delivers")
    eq(s.stop(), 0, "stop")
    s.start()
    eq(len(s.show("queue")), codes.count(250), "all is there after a restart")
    s.stop()
    run("umount", spool)
done()
