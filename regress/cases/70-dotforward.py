"""~/.forward: commands, files and the own mailbox, read as the user."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

USER = pwd.getpwnam("smtpst1")
HOME = USER.pw_dir
FILE = HOME + "/.forward"
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
out = top + "/out"
os.mkdir(out)
os.chmod(out, 0o1777)
box = top + "/box"
os.mkdir(box)
shutil.chown(box, "smtpst1")
END = """#!/bin/sh
echo "$1 $(id -un) $HOME $RECIPIENT" >>%s/ran
case $1 in
again) [ -e %s/again ] || { : >%s/again; exit 75; };;
never) exit 77;;
esac
exit 0
""" % (out, out, out)
end = top + "/end"
with open(end, "w") as f:
    f.write(END)
os.chmod(end, 0o755)
os.mkdir(top + "/mail")
shutil.chown(top + "/mail", "root", "mail")
os.chmod(top + "/mail", 0o2775)
victim = box + "/victim"
with open(victim, "w") as f:
    f.write("v")
shutil.chown(victim, "smtpst1")
os.symlink(victim, box + "/link")
secret = top + "/secret"                # root's
with open(secret, "w") as f:
    f.write('"|%s secret"\n' % end)
os.chmod(secret, 0o644)

CONF = dict(actions='action "local" maildir forward\n'
                    'action "box" mbox "@/mail/%{user.username}" forward\n'
                    .replace("@", top),
            rules='match from auth for domain box.example.org action "box"\n'
                  'match from auth for domain example.org action "local"\n',
            retry="1s to 1s")


def forward(text, mode=0o644, owner="smtpst1"):
    clear()
    with open(FILE, "w") as f:
        f.write(text.replace("@/", top + "/"))
    os.chmod(FILE, mode)
    shutil.chown(FILE, owner)


def clear():
    if os.path.lexists(FILE):
        os.unlink(FILE)


def content(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def ran():
    return [l.split()[0] for l in content(out + "/ran").splitlines()]


me = "smtpst1@example.org"
with Server(**CONF) as s:
    n = 0

    def arrives(what):
        global n
        n += 1
        ok(s.wait_mail(n, "smtpst1"), what)

    def stays_out(what):
        ok(s.wait_queue(0), what + ": delivered")
        eq(len(s.mails("smtpst1")), n, what + ": not in the mailbox")

    def waits(what, pattern):
        """Mail waits, and comes into the mailbox when it may."""
        mark = len(s.log())
        s.send(me, subject=what)
        ok(until(lambda: re.search(r"to=<%s> .*status=4\.[0-9.]+ .*%s" %
                                   (me, pattern), s.log()[mark:])),
           what + " waits")
        eq(len(s.mails("smtpst1")), n, what + ": not in the mailbox")
        clear()
        arrives(what + ": arrives when it is mended")
        ok(s.wait_queue(0), what + ": leaves the queue")

    clear()
    s.send(me)
    arrives("no .forward: the mailbox")
    forward("# nothing\n\n")
    s.send(me)
    arrives("an empty one: the mailbox")
    forward('\\smtpst1, "|@/end one a", @/box/file\n/dev/null\n')
    s.send(me)
    arrives("a copy")
    ok(s.wait_queue(0), "for all")
    eq(content(out + "/ran"), "one smtpst1 %s %s\n" % (HOME, me),
       "a command, as the user, at home")
    eq(content(box + "/file").count("\nHello.\n"), 1, "a file")
    forward('"|@/end two $(touch @/out/evil);x `id`"\n"|@/end three"')
    s.send(me)
    stays_out("two commands")
    eq(ran()[1:], ["two", "three"], "in order")
    ok(not os.path.exists(out + "/evil"), "and no shell")
    forward("@/box/file")
    s.send(me)
    stays_out("a file alone")
    eq(content(box + "/file").count("\nHello.\n"), 2, "it has it")
    forward("smtpst1@example.org")
    s.send(me)
    arrives("the own address is the mailbox")
    forward('"|@/end again"\n\\smtpst1')
    s.send(me)
    ok(s.wait_log("asks to try again"), "75 is tried again")
    arrives("then the mailbox has it, once")
    ok(s.wait_queue(0), "and the queue is empty")
    eq(len(s.mails("smtpst1")), n, "once, indeed")
    forward('"|@/end never"\n\\smtpst1')
    s.send(me)
    ok(s.wait_log(r"to=<%s> .*status=5\.7\.1" % me), "77 is final")
    ok(s.wait_queue(0), "and over")
    # The bounce is for the same user, who refuses it, too: it is dropped.
    eq(len(s.mails("smtpst1")), n, "nothing in the mailbox")

    # An mbox elsewhere.
    forward('\\smtpst1, "|@/end mbox"')
    s.send("smtpst1@box.example.org")
    ok(s.wait_queue(0), "an mbox behind .forward")
    eq(content(top + "/mail/smtpst1").count("\nHello.\n"), 1, "has it")
    ok("mbox" in ran(), "and so has the command")

    # traps
    before = ran()
    forward('"|@/end evil"\n', mode=0o664)
    waits("group may write", "others may write to it")
    forward('"|@/end evil"\n', mode=0o646)
    waits("others may write", "others may write to it")
    forward('"|@/end evil"\n', owner="smtpst2")
    waits("of somebody else", "belongs to somebody else")
    clear()
    os.symlink(secret, FILE)
    waits("a symbolic link", ".forward: ")
    os.mkfifo(FILE)
    shutil.chown(FILE, "smtpst1")
    waits("a fifo", "not a plain file")
    forward("@/box/x\n" * 101)
    waits("101 targets", "too many targets")
    forward("/" + "x" * 20000)
    waits("a large file", "is too large")
    forward("x@-.example\n\\smtpst1")
    waits("no address", "no target")
    forward(":include:/etc/passwd")
    waits("an included file", "no target")
    forward('"|touch evil"')
    waits("a relative command", "absolute path")
    forward("@/box/link")
    waits("a link to a file", "mailbox: open")
    forward("/etc/passwd")
    waits("a file of root's", "mailbox: open|somebody else")
    forward("/etc/../etc/passwd")
    waits("..", "mailbox: open")
    forward('"|@/end evil"\n')
    mode = os.stat(HOME).st_mode & 0o7777
    os.chmod(HOME, 0o777)
    waits("a home that all may write to", "its directory")
    os.chmod(HOME, mode)
    eq(content(victim), "v", "nothing behind the link")
    eq(ran(), before, "and no command ran")
    eq([d for d in s.log().splitlines() if "broke the rules" in d], [],
       "no deliver was at fault")
clear()
shutil.rmtree(top)
done()
