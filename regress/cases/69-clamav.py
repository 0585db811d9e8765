"""A real scanner as the content filter: ClamAV behind clamsmtpd."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

FAR = "someone@far.example"
FILTER, BACK = 10024, 10026
# The test string of the scanners, in two parts: no scanner shall find it here.
EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR"
         "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
CLAMD = shutil.which("clamd") or "/usr/sbin/clamd"
CLAMSMTPD = shutil.which("clamsmtpd") or "/usr/sbin/clamsmtpd"
if not (os.path.exists(CLAMD) and os.path.exists(CLAMSMTPD)):
    skip("ClamAV as the filter", "no clamd or clamsmtpd")
    done()
top = tempfile.mkdtemp(dir="/tmp", prefix="smtpsd-test.")
os.chmod(top, 0o755)


def write(name, text):
    with open(top + "/" + name, "w") as f:
        f.write(text)
    return top + "/" + name


def wait_port(port):
    def there():
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return False
        return True
    return until(there, 30)


def spawn(*argv):
    """Ends with this case, whatever that ends by."""
    libc = ctypes.CDLL(None)
    with open(top + "/scanner.log", "ab") as log:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# One signature of our own: the scanner's data base is not at hand here.
os.mkdir(top + "/signatures")
write("signatures/test.ndb", "Test-String:0:*:%s\n" % EICAR.encode().hex())
os.mkdir(top + "/tmp")
write("clamd.conf", "Foreground yes\nLocalSocket %s/clamd\n"
      "DatabaseDirectory %s/signatures\nTemporaryDirectory %s/tmp\n"
      "User root\nLogFile %s/clamd.log\n" % (top, top, top, top))
write("clamsmtpd.conf", "OutAddress: 127.0.0.1:%d\nListen: 127.0.0.1:%d\n"
      "ClamAddress: %s/clamd\nTempDirectory: %s/tmp\nAction: bounce\n"
      "Header: X-Virus-Scanned: ClamAV\nTimeOut: 20\n" %
      (BACK, FILTER, top, top))


def scanner():
    clamd = spawn(CLAMD, "-c", top + "/clamd.conf")
    ok(until(lambda: os.path.exists(top + "/clamd"), 60), "clamd runs")
    smtpd = spawn(CLAMSMTPD, "-d", "2", "-f", top + "/clamsmtpd.conf")
    ok(wait_port(FILTER), "clamsmtpd runs")
    return clamd, smtpd


far = NextHop(port=HOP_PORT)
clamd, smtpd = scanner()
with Server(
        listen="listen on 127.0.0.1 smtps port %d auth <users> senders "
        "<senders>\nlisten on 127.0.0.1 smtp port %d tag filtered" %
        (PORT, BACK),
        actions='action "filter" relay host smtp://127.0.0.1:%d\n'
        'action "out" relay host smtp://127.0.0.1:%d\n'
        'action "local" maildir "~/Maildir"\n' % (FILTER, HOP_PORT),
        rules='match tag filtered from local for domain <domains> action '
        '"local"\nmatch tag filtered from local for any action "out"\n'
        'match from auth for any action "filter"\n') as s:
    s.send([FAR, "smtpst1@example.org"], subject="clean")
    ok(far.wait(1), "clean mail goes through the scanner")
    ok(s.wait_mail(1), "and into a mailbox")
    ok(all(b"X-Virus-Scanned: ClamAV" in m for m in
           [far.messages[0].data] + s.mails()), "both ways are scanned")

    s.send([FAR, "smtpst2@example.org"], subject="virus",
           body="see below\r\n" + EICAR + "\r\n")
    ok(until(lambda: any(b"Content-Type: multipart/report" in m for m in
                         s.mails())), "a virus comes back to its sender")
    s.wait_queue(0)
    eq((len(far.messages), s.mails("smtpst2")), (1, []), "and goes nowhere")
    ok(not any(EICAR.encode() in m for m in s.mails()),
       "nor stands in the report")

    end(smtpd)
    s.send(FAR, subject="no clamsmtpd")
    ok(until(lambda: any(q["error"] for q in s.show("queue"))),
       "without clamsmtpd mail waits")
    end(clamd)
    if os.path.exists(top + "/clamd"):
        os.unlink(top + "/clamd")
    smtpd = spawn(CLAMSMTPD, "-d", "2", "-f", top + "/clamsmtpd.conf")
    ok(wait_port(FILTER), "clamsmtpd without clamd")
    s.send([FAR, "smtpst1@example.org"], subject="no clamd",
           body=EICAR + "\r\n")
    ok(until(lambda: len([q for q in s.show("queue") if q["error"]]) >= 1),
       "without clamd mail waits too")
    eq(len(far.messages), 1, "and does not go round the scanner")
    end(smtpd)
    clamd, smtpd = scanner()
    s.ctl("schedule", "all")
    ok(far.wait(2, 60) and s.wait_queue(0, 60), "all goes on with both")
    ok(b"no clamsmtpd" in far.messages[1].data and
       b"X-Virus-Scanned" in far.messages[1].data and
       len(far.messages) == 2, "the clean one scanned, the virus not at all")
end(smtpd)
end(clamd)
far.stop()
shutil.rmtree(top)
done()
