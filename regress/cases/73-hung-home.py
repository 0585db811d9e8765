"""A home directory that hangs, on a dead server or by its user's doing."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *


def hang(user):
    """Covers the home with a FUSE whose server never answers; -1: cannot."""
    e = pwd.getpwnam(user)
    fd = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"fuse", e.pw_dir.encode(), b"fuse", 0,
                  b"fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other" %
                  (fd, e.pw_uid, e.pw_gid)) != 0:
        diag(os.strerror(ctypes.get_errno()))
        os.close(fd)
        return -1
    return fd


if not os.path.exists("/dev/fuse"):
    skip("a home that hangs", "no FUSE")
    done()
with Server(expect_deaths=True, actions=DEFAULT_ACTIONS +
            'action "kept" mbox "%s/kept"\n' % pwd.getpwnam("smtpst2").pw_dir,
            rules='match from auth for domain kept.example action "kept"\n' +
            DEFAULT_RULES) as s:
    fd = hang("smtpst2")
    if fd == -1:
        skip("a home that hangs", "FUSE cannot be mounted")
        done()
    s.send(["smtpst2@example.org", "smtpst2@kept.example"])
    ok(until(lambda: s.children("deliver")), "a deliver hangs in it")
    for n in range(1, 4):
        p = run("timeout", "5", PREFIX + "/sbin/smtpsctl", "-s",
                s.dir + "/smtpsd.sock", "show", "stats")
        eq(p.returncode, 0, "the parent answers")
        try:
            s.send()
            sent = True
        except (OSError, smtplib.SMTPException) as e:
            diag(e)
            sent = False
        ok(sent and s.wait_mail(n), "others log in and get mail")
    ok("smtpst2@example.org" in [q["recipient"] for q in s.show("queue")],
       "that mail waits")
    os.close(fd)                        # now there is an error instead
    run("umount", "-l", pwd.getpwnam("smtpst2").pw_dir)
    ok(s.wait_mail(1, "smtpst2", 20), "and arrives when the home is back")
    ok(until(lambda: os.path.exists(pwd.getpwnam("smtpst2").pw_dir + "/kept"),
             20), "in a file of it as well")
    # One that is not there.
    with open("/etc/passwd") as f:
        text = f.read()
    with open(s.dir + "/passwd", "w") as f:
        f.write(text.replace(pwd.getpwnam("smtpst3").pw_dir + ":",
                             s.dir + "/nobody:"))
    run("mount", "--bind", s.dir + "/passwd", "/etc/passwd")
    s.send(["smtpst3@example.org"])
    ok(s.wait_log(r"to=<smtpst3@.*status=4\.3\.0"), "without a home: waits")
    ok(s.wait_log(r"chroot \S+/nobody: No such file"), "the log says why")
    run("umount", "-l", "/etc/passwd")
    ok(s.wait_mail(1, "smtpst3", 20), "and arrives")
done()
