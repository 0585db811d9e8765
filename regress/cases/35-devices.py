"""Passwords of devices: their scope, when each was used, and that taking one
away takes effect."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

with Server() as s:
    p = s.ctl("user", "device", "add", "smtpst1", "phone", input="")
    got = re.fullmatch(r"login smtpst1/phone\npassword ([a-z2-9-]{24})\n",
                       p.text)
    ok(got, "a password is made and printed once")
    phone = got.group(1)
    p = s.ctl("user", "device", "add", "smtpst1", "scanner", "scope",
              "smtpst1+scan@example.org", input="paper\n")
    eq((p.returncode, p.text), (0, ""), "or read from standard input")
    for args, why in [
            (("nobody", "phone"), "of nobody"),
            (("smtpst1", "phone"), "twice"),
            (("smtpst1", "a/b"), "with a bad name"),
            (("smtpst1", "x", "scope"), "with an empty scope"),
            (("smtpst1", "x", "scope", "a b@x"), "with a bad scope")]:
        p = s.ctl("user", "device", "add", *args, input="x\n")
        ok(p.returncode != 0, "no device %s" % why)
    p = s.ctl("user", "devices", "smtpst1")
    ok("smtpst1/phone" in p.text and "smtpst1+scan@example.org" in p.text and
       p.text.count("\n") == 3, "user devices lists them")

    def used():
        return {u["user"]: u["used"] for u in
                s.show("users") + json.loads(
                    s.ctl("-j", "user", "devices", "smtpst1").text)}

    eq(set(used().values()), {0}, "no password was ever used")
    ok(re.search(r"smtpst1/phone .* never *\n", p.text), "never")
    before = int(time.time())

    def login(user, password):
        r = s.raw()
        r.ask("EHLO x")
        return r, r.login(user, password)[:3]

    r, reply = login("smtpst1/phone", phone)
    eq(reply, "235", "the phone logs in")
    eq(r.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250", "as its user")
    ok(any(i["user"] == "smtpst1/phone" for i in s.show("sessions")),
       "show sessions says which device")
    r2, reply = login("smtpst1/scanner", "paper")
    eq(reply, "235", "the scanner logs in")
    eq(r2.ask("MAIL FROM:<smtpst1+scan@example.org>")[:3], "250", "its scope")
    r2.ask("RSET")
    eq(r2.ask("MAIL FROM:<smtpst1@example.org>")[:3], "553",
       "another address of its user: not in its scope")
    eq(r2.ask("MAIL FROM:<>")[:3], "553", "nor the null reverse-path")
    r3, reply = login("smtpst1", PASSWORD % "smtpst1")
    eq(reply, "235", "the user's own password still works")
    for user, password in [("smtpst1", phone), ("smtpst1", "paper"),
                           ("smtpst2/phone", phone),
                           ("smtpst1/scanner", phone)]:
        eq(login(user, password)[1], "535", "not as " + user)

    # When each was used, which a restart does not change.
    eq(login("smtpst2", "wrong")[1], "535", "a wrong password")
    u = used()
    ok(all(before <= u[n] <= time.time() for n in
           ("smtpst1", "smtpst1/phone", "smtpst1/scanner")),
       "show users has the last use of each password")
    eq((u["smtpst2"], u["smtpst3"]), (0, 0), "others have none")
    ok(re.search(r"^smtpst1/scanner .* %s smtpst1\+scan@" % time.strftime(
        "%Y-%m-%d", time.localtime(u["smtpst1/scanner"])),
        s.ctl("user", "devices", "smtpst1").text, re.M), "and its day")
    s.stop()
    ok(re.search(r"^smtpst1 .* - +- *$", s.ctl("show", "users").text, re.M),
       "without smtpsd it is not known")
    s.start()
    eq(used(), u, "a restarted smtpsd knows it still")
    r, reply = login("smtpst1/phone", phone)
    r2, reply = login("smtpst1/scanner", "paper")
    r3, reply = login("smtpst1", PASSWORD % "smtpst1")
    eq(r.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250", "logged in again")

    p = s.ctl("user", "device", "del", "smtpst1", "phone")
    eq((p.returncode, p.text), (0, ""), "the phone is lost")
    eq(r.ask("RSET")[:3], "250", "its session")
    ok(r.ask("MAIL FROM:<smtpst1@example.org>")[:3] in ("451", "530", "421"),
       "may not send any more")
    eq(r2.ask("MAIL FROM:<smtpst1+scan@example.org>")[:3], "250",
       "other devices may")
    r2.ask("RCPT TO:<smtpst1@example.org>")
    r2.ask("DATA")
    r2.send("From: <smtpst1@example.org>\r\n\r\nx\r\n.\r\n")
    eq(r2.reply()[:9], "553 5.7.1", "but in From, too, only as their scope")
    r2.ask("MAIL FROM:<smtpst1+scan@example.org>")
    r2.ask("RCPT TO:<smtpst1@example.org>")
    r2.ask("DATA")
    r2.send("From: <smtpst1+scan@example.org>\r\n\r\nx\r\n.\r\n")
    eq(r2.reply()[:3], "250", "which is accepted")
    eq(r3.ask("MAIL FROM:<smtpst1@example.org>")[:3], "250",
       "and so may the user")
    eq(login("smtpst1/phone", phone)[1], "535", "no new login")
    # A users file that was changed by hand, and a reload of everything.
    r4, reply = login("smtpst2", PASSWORD % "smtpst2")
    r5, reply = login("smtpst3", PASSWORD % "smtpst3")
    with open(s.dir + "/users") as f:
        text = f.read()
    with open(s.dir + "/users", "w") as f:
        f.write("".join(l for l in text.splitlines(True)
                        if not l.startswith("smtpst2:")))
    eq(s.ctl("reload").returncode, 0, "reload")
    ok(s.wait_log("event=auth-revoked user=smtpst2"), "who went is named")
    ok(r4.ask("MAIL FROM:<smtpst2@example.org>")[:3] in ("451", "530", "421"),
       "and may not send any more")
    eq(r5.ask("MAIL FROM:<smtpst3@example.org>")[:3], "250",
       "who did not change may")
    ok("event=auth-revoked user=smtpst3" not in s.log(), "and is not named")

    # What a header says has to be in the scope as well.
    r6, reply = login("smtpst1/scanner", "paper")
    for author, want in (("smtpst1+scan", "250"), ("smtpst1", "5")):
        eq(r6.ask("MAIL FROM:<smtpst1+scan@example.org>")[:3], "250", "MAIL")
        eq(r6.ask("RCPT TO:<smtpst3@example.org>")[:3], "250", "RCPT")
        eq(r6.ask("DATA")[:3], "354", "DATA")
        r6.send(message(sender=author + "@example.org"))
        ok(r6.ask(".").startswith(want), "From: " + author)
        r6.ask("RSET")

    # What is open when a password goes is not delivered, wherever it stands.
    def open_one(user, password, mailbox):
        r, reply = login(user, password)
        eq(reply, "235", user + " logs in")
        for line in ("MAIL FROM:<%s@example.org>" % mailbox,
                     "RCPT TO:<smtpst3@example.org>",
                     "RCPT TO:<smtpst2@example.org>"):
            eq(r.ask(line)[:3], "250", line)
        return r

    head = message("revoked", "one\r\n", "smtpst3@example.org")
    many = "x" * 70 + "\r\n"
    ok(s.wait_queue(0), "what came before is delivered")
    mails = [len(s.mails(u)) for u in USERS]
    open_ones = {}
    for where in ("RCPT", "DATA", "header", "small body", "big body", "BDAT"):
        eq(s.ctl("user", "device", "add", "smtpst3", "d" + where[0],
                 input="gone\n").returncode, 0, "a device")
        r = open_one("smtpst3/d" + where[0], "gone", "smtpst3")
        if where == "BDAT":
            r.send("BDAT %d\r\n%s" % (len(head), head))
            eq(r.reply()[:3], "250", "a chunk")
        elif where != "RCPT":
            eq(r.ask("DATA")[:3], "354", "DATA")
        if where == "header":
            r.send("From: smtpst3@example.org\r\n")
        elif where == "small body":
            r.send(head)
        elif where == "big body":
            r.send(head + many * 10000)
        open_ones[where] = r
        s.ctl("user", "device", "del", "smtpst3", "d" + where[0])
        time.sleep(0.3)
    for where, r in open_ones.items():
        if where == "RCPT":
            reply = r.ask("DATA")
            if reply[:3] == "354":
                r.send(head)
                reply = r.ask(".")
        elif where == "BDAT":
            reply = r.ask("BDAT 0 LAST")
        else:
            if where in ("DATA", "header"):
                r.send(head)
            reply = r.ask(".")
        ok(reply[:1] in ("4", "5"), "revoked at %s: %s" % (where, reply))
        r.close()
    ok(s.wait_queue(0), "nothing of it is in the queue")
    eq([len(s.mails(u)) for u in USERS], mails, "nor delivered")

    ok(used()["smtpst3"] >= before, "who logged in by the old password")
    s.ctl("user", "passwd", "smtpst3", input="new\n")
    ok(until(lambda: used()["smtpst3"] == 0), "never used the new one")

    p = s.ctl("user", "del", "smtpst1")
    eq((p.returncode, p.text), (0, ""), "the user goes")
    with open(s.dir + "/users") as f:
        ok("smtpst1" not in f.read(), "with all devices")
    ok(r3.ask("RSET")[:3] == "250" and
       r3.ask("MAIL FROM:<smtpst1@example.org>")[:3] != "250",
       "and nobody sends as that user")
    ok(r2.ask("RSET")[:3] == "250" and
       r2.ask("MAIL FROM:<smtpst1+scan@example.org>")[:3] != "250",
       "nor do the devices")
    ok(phone not in s.log() and "paper" not in s.log(), "no secret is logged")
done()
