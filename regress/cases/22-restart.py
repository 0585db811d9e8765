"""Starting, restarting, stopping: children, sockets, a second daemon."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

with Server(expect_deaths=True) as s:
    s.send()
    ok(s.wait_mail(1), "it works")

    # A second start on the same sockets and spool.
    p = run(s.prefix + "/sbin/smtpsd", "-d", "-f", s.conf_path, timeout=30)
    ok(p.returncode == 1, "a second start ends with status 1")
    ok(re.search(r"in use|another smtpsd|already", p.text), "and says why")
    diag(p.text.strip()[-300:])
    # Another port, the same spool.
    text = open(s.conf_path).read().replace("port %d" % PORT, "port %d" %
                                            (PORT + 7))
    other = s.write("other.conf", text.replace("smtpsd.sock", "other.sock"))
    p = run(s.prefix + "/sbin/smtpsd", "-d", "-f", other, timeout=30)
    ok(p.returncode == 1 and "spool" in p.text, "the same spool: as well")
    s.check_alive()
    s.send()
    ok(s.wait_mail(2), "the first is not harmed")

    # The death of each child leaves the others and the sockets alone.
    for name in CHILDREN:
        before = {p: process_name(p) for p in s.children()}
        victim = s.children(name)[0]
        os.kill(victim, signal.SIGKILL)
        # Connections are queued by the kernel meanwhile, never refused.
        try:
            socket.create_connection(("127.0.0.1", PORT), 5).close()
            ok(True, "%s killed: the socket accepts" % name)
        except OSError as e:
            ok(False, "%s killed: %s" % (name, e))
        ok(until(lambda: [p for p in s.children(name) if p not in before],
                 10), "%s is started again" % name)
        others = [p for p, n in before.items()
                  if p != victim and n != "deliver"]
        now = s.children()
        ok(all(p in now for p in others), "the others live on")
        ok(s.wait_log(r"%s.*(signal|died|exited|killed)" % name, 5),
           "and it is logged")
        n = len(s.mails("smtpst1"))

        def try_send():
            try:
                s.send()
                return True
            except (smtplib.SMTPException, OSError):
                time.sleep(0.2)
                return False
        ok(until(try_send, 20), "a message is taken")
        ok(s.wait_mail(n + 1), "and delivered")

    # A MAIL that failed through no fault of the client's.
    FROM = "MAIL FROM:<smtpst1@example.org>"
    TO = "RCPT TO:<smtpst1@example.org>"

    def mail_fails(r, more=""):
        policy = s.children("policy")[0]
        os.kill(policy, signal.SIGSTOP)
        r.send(FROM + "\r\n" + more)
        time.sleep(0.3)
        os.kill(policy, signal.SIGKILL)
        eq(r.reply()[:3], "451", "MAIL while policy dies")

    with s.session() as r:
        mail_fails(r, TO + "\r\nDATA\r\n")
        eq((r.reply()[:3], r.reply()[:3]), ("451", "451"),
           "what was pipelined behind it may be tried again, too")
        for forget in ("RSET", "EHLO x", "HELO x"):
            eq(r.ask(forget)[:3], "250", forget)
            eq((r.ask(TO)[:3], r.ask("DATA")[:3]), ("503", "503"),
               "and RCPT and DATA come before MAIL")
            until(lambda: s.children("policy"), 10)
            mail_fails(r)
            eq(r.ask(TO)[:3], "451", "RCPT behind it")
        eq(r.ask("MAIL FROM:<smtpst1@example.org> FOO")[:3], "555",
           "one that is wrong")
        eq(r.ask(TO)[:3], "503", "is none")

    # Back-off for one that dies all the time.
    deaths = 0
    end = time.time() + 6
    while time.time() < end:
        for p in s.children("resolver"):
            os.kill(p, signal.SIGKILL)
            deaths += 1
            until(lambda: p not in s.children("resolver"), 1)
        time.sleep(0.01)
    ok(deaths < 30, "back-off: %d starts in 6 s" % deaths)
    ok(s.process.poll() is None, "smtpsd lives")
    ok(until(lambda: s.children("resolver"), 70), "resolver comes back")

    # SIGTERM with a message in the middle of DATA.
    r = s.raw()
    r.ask("EHLO x")
    r.login()
    r.ask("MAIL FROM:<smtpst1@example.org>")
    r.ask("RCPT TO:<smtpst1@example.org>")
    eq(r.ask("DATA")[:3], "354", "DATA is open")
    idle = s.raw()
    start = time.time()
    eq(s.stop(), 0, "SIGTERM: status 0")
    ok(time.time() - start < 10, "in %.1f s" % (time.time() - start))
    eq(idle.reply()[:3] in ("421", ""), True, "an idle session hears of it")
    s.start()
    s.send()
    ok(s.wait_log("ready"), "and it starts again")
done()
