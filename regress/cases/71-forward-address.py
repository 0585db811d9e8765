"""Addresses in ~/.forward: routed as mail of this host, once, without end."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

A, B, SENDER = USERS
at = "%s@example.org"
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
ran = top + "/ran"
open(ran, "w").close()
os.chmod(ran, 0o666)
end = top + "/end"
with open(end, "w") as f:
    f.write("""#!/bin/sh
echo "$1" >>%s
case $1 in
slow) while [ ! -e %s/go ]; do sleep 0.1; done;;
fail) exit 75;;
esac
exit 0
""" % (ran, top))
os.chmod(end, 0o755)

CONF = dict(actions='action "local" maildir "~/Maildir" alias <aliases> '
                    'forward\n'
                    'action "out" relay host smtp://127.0.0.1:10025\n'
                    'action "old" relay host smtp://127.0.0.1:10027\n'
                    'action "auth" relay host smtp://127.0.0.1:10026\n',
            rules='match from any for domain <domains> action "local"\n'
                  'match from local for domain far.example action "out"\n'
                  'match from local for domain old.example action "old"\n'
                  'match from auth for any action "auth"\n',
            aliases="postmaster: smtpst3\nteam: smtpst2, x@far.example\n"
                    "owner-team: smtpst3\nbroken: nobody-there@far.invalid\n",
            retry="1s to 1s", expect_deaths=True)


def path(user):
    return os.path.expanduser("~%s/.forward" % user)


def forward(user, text):
    if isinstance(text, str):
        text = text.replace("@/", top + "/").encode()
    with open(path(user), "wb") as f:
        f.write(text)
    os.chmod(path(user), 0o644)
    shutil.chown(path(user), user)


def clear():
    for u in USERS:
        if os.path.lexists(path(u)):
            os.unlink(path(u))


def commands():
    with open(ran) as f:
        return f.read().split()


clear()
have = dict.fromkeys(USERS, 0)
far = 0
hop = NextHop(port=10025, words=["8BITMIME", "SMTPUTF8"])
old = NextHop(port=10027)
with Server(**CONF) as s:
    def send(subject, to=at % A):
        s.send(to, sender=at % SENDER, subject=subject, user=SENDER)

    def arrived(what, a=0, b=0, bounces=0, away=0):
        """The queue is empty, and there is just so much more than before."""
        global far
        ok(s.wait_queue(0, 20), what + ": leaves the queue")
        far += away
        for u, n in zip(USERS, (a, b, bounces)):
            have[u] += n
        eq(([len(s.mails(u)) for u in USERS], len(hop.messages)),
           ([have[u] for u in USERS], far), what + ": who has it")

    def bounce(status):
        mails = s.mails(SENDER)
        ok(mails and (b"Status: " + status) in mails[-1], "because of %s" %
           status.decode())

    forward(A, at % B)
    send("one")
    arrived("to another user", b=1)
    forward(A, B)
    send("a name")
    arrived("to a name", b=1)
    forward(A, "someone@far.example")
    send("far")
    arrived("far away", away=1)
    eq((hop.messages[-1].sender, hop.messages[-1].recipients),
       (at % SENDER, ["someone@far.example"]), "with the first sender")
    forward(A, '\\smtpst1, smtpst2@example.org, x@far.example\n"|@/end all"')
    send("all")
    arrived("all at once", a=1, b=1, away=1)
    eq(commands(), ["all"], "and the command")
    forward(A, "team@example.org")
    send("a list")
    arrived("a list", b=1, away=1)
    eq(hop.messages[-1].sender, "owner-team@example.org", "of its owner")
    forward(A, "x@far.example")
    s.send([at % A, at % B], sender=at % SENDER, user=SENDER)
    arrived("one recipient of two", b=1, away=1)

    # who asks for it is told once of each mailbox, not of the way there
    for what, text, where in [
            ("the own mailbox and another", "\\smtpst1, smtpst2", (1, 1)),
            ("another", "smtpst2", (0, 1)),
            ("a command and another", '"|@/end told", smtpst2', (0, 1)),
            ("a file and another", "/dev/null, smtpst2", (0, 1)),
            ("a command", '"|@/end told"', (0, 0))]:
        forward(A, text)
        want = len(text.split(", "))
        with s.client(SENDER) as c:
            c.sendmail(at % SENDER, [at % A],
                       message(what, sender=at % SENDER),
                       rcpt_options=["NOTIFY=SUCCESS", "ORCPT=rfc822;" +
                                     at % A])
        ok(s.wait_mail(have[SENDER] + want, SENDER), what + ": told")
        arrived(what + ": NOTIFY=SUCCESS", *where, bounces=want)
        reports = s.mails(SENDER)[-want:]
        eq([b"Action: delivered" in m and b"Original-Recipient: rfc822;"
            in m for m in reports], [True] * want, what + ": delivered")
    eq(commands().count("told"), 2, "the commands ran")

    # UTF-8, to hosts that take it and to others
    forward(A, "j\u00f6rg@far.example, x@far.example")
    send("UTF-8")
    arrived("an address in UTF-8 beside another", away=1)
    eq(sorted(hop.messages[-1].recipients), ["j\u00f6rg@far.example",
       "x@far.example"], "both")
    ok("SMTPUTF8" in hop.messages[-1].mail, "by SMTPUTF8")
    forward(A, "j\u00f6rg@old.example, x@old.example")
    send("no UTF-8")
    arrived("a host that does not take it", bounces=1)
    eq([m.recipients for m in old.messages], [["x@old.example"]],
       "gets the other")
    ok("SMTPUTF8" not in old.messages[0].mail, "in the old way")
    bounce(b"5.6.7")
    forward(A, "j\u00f6rg, \\smtpst1")
    send("a name in UTF-8")
    arrived("nobody is called so", a=1, bounces=1)
    bounce(b"5.1.1")

    # what has no way
    forward(A, "someone@elsewhere.example\n\\smtpst1")
    send("denied")
    arrived("no rule takes it from here, only from users", a=1, bounces=1)
    bounce(b"5.7.1")
    forward(A, "nobody-there@example.org, \\smtpst1")
    send("unknown")
    arrived("no such user", a=1, bounces=1)
    bounce(b"5.1.1")

    # circles
    forward(A, at % B)
    forward(B, at % A)
    send("circle")
    arrived("a circle of two", bounces=1)
    bounce(b"5.4.6")
    forward(A, "smtpst1, smtpst2")
    forward(B, "smtpst1, smtpst2")
    send("copies")
    arrived("a circle with copies", a=1, b=1, bounces=1)
    bounce(b"5.4.6")
    clear()

    # how many, and what is none
    forward(A, "".join("n%d@far.example\n" % i for i in range(100)))
    before = len(hop.messages)
    send("100")
    ok(s.wait_queue(0, 20), "100 addresses")
    eq(sorted(r for m in hop.messages[before:] for r in m.recipients),
       sorted("n%d@far.example" % i for i in range(100)), "get it, once each")
    far = len(hop.messages)
    for what, text, pattern in [
            ("101", "n@far.example\n" * 101, "too many targets"),
            ("control", "a\x01b@far.example", "no (address|target)"),
            ("long", "x" * 70 + "@far.example", "no (address|target)"),
            ("8 bit", b"\xe4@far.example", "line 1: no (address|target)"),
            ("domain", "x@-.example", "no (address|target)")]:
        forward(A, text)
        mark = len(s.log())
        send(what)
        ok(until(lambda: re.search(r"to=<%s> .*status=4\.3\.5 .*%s" %
                                   (at % A, pattern), s.log()[mark:])),
           "%s: waits" % what)
        clear()
        arrived("%s: when it is mended" % what, a=1)

    # nothing twice
    forward(A, '\\smtpst1, x@far.example, "|@/end fail"')
    send("fail")
    ok(until(lambda: commands().count("fail") > 1), "a command is run again")
    eq(len(hop.messages), far, "and before it succeeds nothing leaves")
    clear()
    arrived("then it is gone", a=1)
    for victims in ["policy"], ["policy", "queue"]:
        name = " and ".join(victims) + " killed: "
        go = top + "/go"
        if os.path.exists(go):
            os.unlink(go)
        n = commands().count("slow")
        forward(A, '\\smtpst1, smtpst2, x@far.example, "|@/end slow"')
        send(name)
        ok(until(lambda: commands().count("slow") == n + 1),
           name + "delivery begins")
        policy = s.children("policy")[0]
        os.kill(policy, signal.SIGSTOP)
        open(go, "w").close()
        ok(s.wait_mail(have[A] + 1, A), name + "the own mailbox has it")
        ok(s.wait_queue(2), name + "the addresses wait")
        pids = [s.children(v)[0] for v in victims]
        for p in pids:
            os.kill(p, signal.SIGKILL)
        ok(until(lambda: s.ctl("show", "queue").returncode == 0),
           name + "all is up again")
        arrived(name + "later", a=1, b=1, away=1)
        eq(commands().count("slow"), n + 1, name + "the command ran once")
clear()
shutil.rmtree(top)
hop.stop()
old.stop()
done()
