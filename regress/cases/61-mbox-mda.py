"""Local mail into mboxes and to commands, run as the user without a shell."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import mailbox
import stat

USER = pwd.getpwnam("smtpst1")
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
spool = top + "/mail"           # as Debian's /var/mail
os.mkdir(spool)
shutil.chown(spool, "root", "mail")
os.chmod(spool, 0o2775)
out = top + "/out"              # what commands write
os.mkdir(out)
os.chmod(out, 0o1777)

SHOW = """#!/bin/sh
n=$(mktemp %s/XXXXXX) || exit 75
{ for a in "$@"; do printf 'arg=[%%s]\\n' "$a"; done
env; echo "cwd=$(pwd)"; echo "id=$(id -u) $(id -g)"; ulimit -v
grep NoNewPrivs /proc/self/status; cat /proc/self/limits
ls -l /proc/self/fd | wc -l
echo ---; cat; } >$n.part 2>&1
mv $n.part $n.done; rm $n
""" % out
END = """#!/bin/sh
echo "it says $1"
case $1 in
again) [ -e %s/again ] || { : >%s/again; exit 75; };;
never) exit 67;;
hang) sleep 1000 & sleep 1000;;
esac
exit 0
""" % (out, out)


def script(name, text):
    path = top + "/" + name
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


ACTIONS = """
action "box" mbox "@/mail/%{user.username}"
action "home" mbox "~/smtpsd-test.mbox" user smtpst1
action "show" mda "@/show --from=%{sender} %{rcpt} \\"a b\\" %{dest.extension}"
action "end" mda "@/end %{dest.user}" user smtpst1 time 2s
""".replace("@", top)
RULES = """
match from auth for domain box.example.org action "box"
match from auth for domain home.example.org action "home"
match from auth for domain show.example.org action "show"
match from auth for domain end.example.org action "end"
"""
script("show", SHOW)
script("end", END)
home_box = USER.pw_dir + "/smtpsd-test.mbox"
if os.path.exists(home_box):
    os.unlink(home_box)


def shown():
    found = []
    for path in sorted(glob.glob(out + "/*.done")):
        with open(path) as f:
            found.append(f.read())
    return found


with Server(actions=ACTIONS, rules=RULES, retry="1s to 2s") as s:
    # mbox
    s.send("smtpst1@box.example.org", body="From here\r\n>From there\r\n")
    path = spool + "/smtpst1"
    ok(until(lambda: os.path.exists(path) and os.path.getsize(path) > 0),
       "an mbox where only root may make one")
    st = os.stat(path)
    eq((st.st_uid, stat.S_IMODE(st.st_mode)), (USER.pw_uid, 0o600),
       "it is the user's alone")
    for i in range(20):
        s.send("smtpst1@box.example.org", subject="n%d" % i)
    ok(s.wait_queue(0), "20 more")
    box = mailbox.mbox(path)
    eq(len(box), 21, "are 21 messages to a reader")
    text = open(path).read()
    ok("\n>From here\n>>From there\n" in text, "From lines are quoted")
    ok("\nDelivered-To: smtpst1@box.example.org\n" in text and
       "\r" not in text, "Delivered-To, LF")
    s.send("anybody@home.example.org")
    ok(until(lambda: os.path.exists(home_box) and
             "anybody" in open(home_box).read()), "an mbox at home")
    # traps of the owner
    os.unlink(home_box)
    victim = top + "/victim"
    with open(victim, "w") as f:
        f.write("v")
    shutil.chown(victim, "smtpst1")
    os.symlink(victim, home_box)
    s.send("trap@home.example.org")
    ok(s.wait_log(r"smtpsd-test.mbox: mailbox: open"),
       "a symbolic link is refused")
    eq(open(victim).read(), "v", "and nothing written behind it")
    os.unlink(home_box)
    ok(s.wait_queue(0), "when it is gone the message arrives")
    ok("trap@" in open(home_box).read(), "in the mbox")

    # commands
    s.send("smtpst1@show.example.org", body="one\r\ntwo\r\n")
    ok(until(lambda: len(shown()) == 1), "a command ran")
    got = shown()[0] if shown() else ""
    head, _, mail = got.partition("---\n")
    args = re.findall(r"arg=\[(.*)\]", head)
    eq(args, ["--from=smtpst1@example.org", "smtpst1@show.example.org",
              "a b", ""], "its arguments")
    env = dict(l.split("=", 1) for l in head.splitlines()
               if re.match(r"[A-Z_]+=", l))
    eq({k: env.get(k) for k in ("HOME", "USER", "LOGNAME", "SENDER",
                                "RECIPIENT", "LANG", "SHELL")},
       {"HOME": USER.pw_dir, "USER": "smtpst1", "LOGNAME": "smtpst1",
        "SENDER": "smtpst1@example.org", "LANG": "C", "SHELL": "/bin/sh",
        "RECIPIENT": "smtpst1@show.example.org"}, "its environment")
    eq(sorted(set(env) - {"HOME", "USER", "LOGNAME", "SENDER", "RECIPIENT",
                          "LANG", "SHELL", "PATH", "PWD", "OLDPWD", "_",
                          "SHLVL"}), [], "and nothing else")
    ok("cwd=%s\n" % USER.pw_dir in head, "its directory")
    ok("id=%d %d\n" % (USER.pw_uid, USER.pw_gid) in head, "its user")
    ok(re.search(r"NoNewPrivs:\s*1", head), "no privileges to gain")
    ok("\n524288\n" in head, "its memory is limited")
    for name, most in (("locked memory", 64 << 10), ("core file size", 0),
                       ("processes", 512), ("open files", 256),
                       ("nice priority", 0), ("realtime priority", 0)):
        had = re.search(r"^Max %s +(\w+) +(\w+)" % name, head, re.M)
        ok(had and all(x.isdigit() and int(x) <= most
                       for x in had.groups()), "at most %d: %s" % (most, name))
    ok(mail.startswith("Return-Path: <smtpst1@example.org>\n"
                       "Delivered-To: smtpst1@show.example.org\n") and
       mail.endswith("\n\none\ntwo\n") and "\r" not in mail,
       "its message")
    # An address is an argument, whatever is in it.
    s.send('"smtpst1+$(id>%s/evil);x"@show.example.org' % out)
    ok(until(lambda: len(shown()) == 2), "a strange address")
    ok(not os.path.exists(out + "/evil"), "is not looked into by a shell")
    ok("arg=[$(id>%s/evil);x]" % out in "".join(shown()), "but passed on")

    n = len(shown())
    s.send("smtpst1+-oX@show.example.org")
    ok(s.wait_log(r"result=failed to=<smtpst1\+-oX@.*status=5\.1\.3"),
       "an address becomes no option")
    eq(len(shown()), n, "of a command")

    # ends
    s.send("again@end.example.org")
    ok(s.wait_log(r'result=\S+ to=<again@.*status=4.3.0.*asks to try again: '
                  r'it says again'), "75 is tried again")
    ok(s.wait_queue(0), "and delivered then")
    s.send("never@end.example.org")
    ok(s.wait_log(r'to=<never@.*status=5.1.1.*no such user: it says never'),
       "67 is final")
    s.send("hang@end.example.org")
    ok(s.wait_log(r'to=<hang@.*status=4.3.0.*took too long'),
       "a command that hangs is killed")

    def sleepers():
        return [p for p in glob.glob("/proc/[0-9]*") if
                b"sleep\x001000\x00" == read_or_empty(p + "/cmdline") and
                os.stat(p).st_uid == USER.pw_uid]

    def read_or_empty(path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError:
            return b""
    with open(top + "/end", "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    ok(s.wait_queue(0), "the command is mended, the queue empties")
    ok(until(lambda: not sleepers(), 10), "and nothing of it is left")
    eq([d for d in s.log().splitlines() if "broke the rules" in d], [],
       "no deliver was at fault")
shutil.rmtree(top)
if os.path.lexists(home_box):
    os.unlink(home_box)
done()
