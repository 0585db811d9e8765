"""Users without a home have no mailbox there: refused at once, not too late.

A home that is only away for a while is another matter: that mail waits.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
os.mkdir(top + "/mail")
ran = top + "/ran"
open(ran, "w").close()
os.chmod(ran, 0o666)
command = top + "/command"
with open(command, "w") as f:
    f.write('#!/bin/sh\necho "$(id -un) $HOME $(pwd)" >>%s\n' % ran)
os.chmod(command, 0o755)

with open("/etc/passwd") as f:
    LINES = [l for l in f.read().splitlines()
             if l.split(":")[0] not in ("daemon", "nobody", "smtpst3")]


def passwd(home):
    """Accounts of this case alone; home is smtpst3's."""
    uid = pwd.getpwnam("smtpst3").pw_uid
    with open(top + "/passwd", "w") as f:
        f.write("\n".join(LINES + [
            "owned:x:%d:1::%s/owned:/bin/sh" % (uid + 5007, top),
            "closed:x:%d:1::%s/closed:/bin/sh" % (uid + 5008, top),
            "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin",
            "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin",
            "slash:x:%d:1::/:/bin/sh" % (uid + 5001),
            "blank:x:%d:1:::/bin/sh" % (uid + 5002),
            "relative:x:%d:1::home/relative:/bin/sh" % (uid + 5003),
            "null:x:%d:1::/dev/null:/bin/sh" % (uid + 5004),
            "below:x:%d:1::/nonexistent/below:/bin/sh" % (uid + 5005),
            "binary:x:%d:1::%s/binary:/bin/sh" % (uid + 5006, top),
            "smtpst3:x:%d:%d::%s:/bin/sh" % (uid, uid, home)]) + "\n")


away = top + "/away/smtpst3"
passwd(away)
ok(run("mount", "--bind", top + "/passwd", "/etc/passwd").returncode == 0,
   "accounts of our own")
CONF = dict(
    actions='action "local" maildir alias <aliases> as nobody\n'
            'action "spool" mbox "{0}/mail/%{{user.username}}"\n'
            'action "both" mbox "{0}/mail/%{{user.username}}" forward\n'
            'action "mda" mda "{1}"\n'.format(top, command),
    rules=''.join('match from auth for domain %s.example.org action "%s"\n' %
                  (a, a) for a in ("spool", "both", "mda")) +
          'match from auth for any action "local"\n',
    aliases='postmaster: smtpst1\nwww-data: smtpst2\nbad: \\daemon\n'
            'worse: smtpst1, nobody\nrun: "|%s"\n'
            '@catch.example.org: smtpst2\n' % command,
    # A deliver that cannot get into its root directory dies.
    retry="1s to 1s", expect_deaths=True)


def rcpt(s, to):
    with s.session() as r:
        r.ask("MAIL FROM:<smtpst1@example.org>")
        return r.ask("RCPT TO:<%s>" % to)


with Server(**CONF) as s:
    homeless = ["daemon", "nobody", "slash", "blank", "relative", "null",
                "below"]
    for u in homeless + ["bad", "worse"]:
        got = rcpt(s, u + "@example.org")
        ok(got.startswith("550 5.1.1 ") and "neither a mailbox nor an alias"
           in got, "%s is refused: %s" % (u, got.strip()))
    for u in ["root", "no-such-user"]:
        got = rcpt(s, u + "@example.org")
        ok(got.startswith("550 5.1.1 ") and "no such user" in got,
           "%s is nobody: %s" % (u, got.strip()))
    text = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path).text
    ok("worse: mail for it is refused: no home, and so no mailbox, has "
       "nobody" in text, "-n says so")
    # the ways out
    s.send("www-data@example.org")
    ok(s.wait_mail(1, "smtpst2"), "an alias for one")
    s.send("daemon@catch.example.org")
    ok(s.wait_mail(2, "smtpst2"), "a catch-all takes what is for one")
    s.send(["daemon@spool.example.org", "nobody@both.example.org"])
    ok(s.wait_queue(0), "a mailbox outside of homes")
    for u in ["daemon", "nobody"]:
        with open("%s/mail/%s" % (top, u)) as f:
            eq(f.read().count("\nHello.\n"), 1, u + " has one there")
    # commands
    ok(rcpt(s, "daemon@mda.example.org").startswith("550 5.1.1 "),
       "the command that fills mailboxes needs a home")
    s.send(["run@example.org", "smtpst2@mda.example.org"])
    ok(s.wait_queue(0), "commands")
    with open(ran) as f:
        eq(sorted(f.read().splitlines()), ["nobody / /",
           "smtpst2 %s %s" % ((os.path.expanduser("~smtpst2"),) * 2)],
           "one of a user without a home runs in the root directory")

    # A home that is root's, as that of www-data, or one that is not mounted.
    for u, mode in [("owned", 0o755), ("closed", 0o700)]:
        os.mkdir("%s/%s" % (top, u))
        os.chmod("%s/%s" % (top, u), mode)
        eq(rcpt(s, u + "@example.org")[:3], "250", u + ": a home of root's")
        s.send(u + "@example.org", subject=u)
        ok(s.wait_log(r"result=deferred to=<%s@.*status=4\.2\.1.*Permission "
                      r"denied; the directory for it belongs to uid 0" % u),
           "waits, and the log says for what")
    maildir = top + "/owned/Maildir"
    os.mkdir(maildir, 0o700)
    shutil.chown(maildir, "owned")
    ok(s.wait_mail(1, directory=maildir), "until it gets a Maildir in it")
    shutil.chown(top + "/closed", "closed")
    ok(s.wait_mail(1, directory=top + "/closed/Maildir"), "or is the user's")
    ok(s.wait_queue(0), "both have their mail")
    mark = len(s.log_lines("result=deferred"))

    # away
    eq(rcpt(s, "smtpst3@example.org")[:3], "250", "a home that is not there")
    s.send("smtpst3@example.org", subject="away")
    ok(s.wait_log(r"to=<smtpst3@example.org> .*result=deferred|"
                  r"result=deferred .*to=<smtpst3@example.org>"), "waits")
    os.makedirs(away)
    shutil.chown(away, "smtpst3")
    ok(s.wait_mail(1, "smtpst3", directory=away + "/Maildir"),
       "and its mail arrives when it is back")
    ok(until(lambda: not s.children("deliver")), "its deliver ends")
    shutil.rmtree(away)
    s.send("smtpst3@example.org", subject="gone")
    ok(until(lambda: len(s.log_lines("result=deferred")) >= mark + 2),
       "away again")
    passwd("/nonexistent")
    ok(s.wait_mail(1, "smtpst1"), "taken away for good: a bounce")
    ok(b"5.1.1" in s.mails()[0] and b"no home directory" in s.mails()[0],
       "which says why")
    ok(s.wait_queue(0), "nothing waits any more")
bad = Server(start=False, rules='match from any for any action "vmail"\n',
             actions='action "vmail" maildir user nobody\n')
ok("user 'nobody' has no home directory" in
   run(bad.prefix + "/sbin/smtpsd", "-n", "-f", bad.conf_path).text,
   "a user for all, too")
run("umount", "/etc/passwd")
shutil.rmtree(top)
done()
