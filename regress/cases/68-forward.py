"""Commands and files as targets of aliases."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import stat

USER = pwd.getpwnam("smtpst1")          # whose aliases' commands they are
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
out = top + "/out"
os.mkdir(out)
os.chmod(out, 0o1777)
box = top + "/box"                      # of that user
os.mkdir(box)
shutil.chown(box, "smtpst1")

SHOW = """#!/bin/sh
n=$(mktemp %s/XXXXXX) || exit 75
{ for a in "$@"; do printf 'arg=[%%s]\\n' "$a"; done
echo "id=$(id -u)"; env; echo ---; cat; } >$n.part 2>&1
mv $n.part $n.done; rm $n
""" % out
END = """#!/bin/sh
echo "it says $1"
case $1 in
again) [ -e %s/again ] || { : >%s/again; exit 75; };;
never) exit 77;;
esac
exit 0
""" % (out, out)


def script(name, text):
    path = top + "/" + name
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


show = script("show", SHOW)
end = script("end", END)
victim = box + "/victim"
with open(victim, "w") as f:
    f.write("v")
shutil.chown(victim, "smtpst1")
os.symlink(victim, box + "/link")
os.link(victim, box + "/second")
others = box + "/others"
with open(others, "w") as f:
    f.write("o")                        # root's

ALIASES = """\
postmaster: smtpst1
show: "|@/show \\"a b\\" $(id>@/out/evil) ; 'x %{dest.extension}"
show2: |"@/show two"
sale: smtpst2, "|@/show sale", @/box/sale
again: "|@/end again"
never: "|@/end never"
file: @/box/archive
null: /dev/null
link: @/box/link
second: @/box/second
others: @/box/others
gone: "|@/nonexistent"
included: :include:@/list
list: "|@/show list"
owner-list: smtpst2
""".replace("@", top)
with open(top + "/list", "w") as f:
    f.write('smtpst1\n"|%s/show list"\n' % top)
CONF = dict(actions='action "local" maildir alias <aliases> as smtpst1\n'
                    'action "own" maildir alias <aliases>\n',
            rules='match from auth for domain own.example.org '
                  'action "own"\n'
                  'match from auth for domain example.org action "local"\n',
            aliases=ALIASES, retry="1s to 2s")


def shown():
    found = []
    for path in sorted(glob.glob(out + "/*.done"), key=os.path.getmtime):
        with open(path) as f:
            found.append(f.read())
    return found


def args(text):
    return re.findall(r"^arg=\[(.*)\]", text, re.M)


def content(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def rcpt(s, to):
    with s.raw() as r:
        r.ask("EHLO x")
        r.login()
        r.ask("MAIL FROM:<smtpst1@example.org>")
        return r.ask("RCPT TO:<%s>" % to)[:9]


with Server(**CONF) as s:
    text = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path).text
    for want in [r"gone: mail for it is refused: \|\S+/nonexistent: No such",
                 r"show: \|\S+/show .*: no shell reads this",
                 r"included: mail for it is refused: .*included file",
                 r"others: \S+/others: the file is another user's",
                 r"link: \S+/link: not a plain file",
                 r"second: \S+/second: not a plain file"]:
        ok(re.search(want, text), "-n: " + want)
    # commands
    s.send("show+`id`&|$x@example.org")
    ok(until(lambda: len(shown()) == 1), "a command of an alias ran")
    got = shown()[0] if shown() else ""
    eq(args(got), ["a b", "$(id>%s/evil)" % out, ";", "'x", "`id`&|$x"],
       "its arguments are no shell's")
    ok("id=%d\n" % USER.pw_uid in got, "as the user of the action")
    ok("RECIPIENT=show+`id`&|$x@example.org\n" in got, "for the alias")
    ok("\nDelivered-To: show+`id`&|$x@example.org\n" in got and
       "\n\nHello.\n" in got, "it got the message")
    eq(sorted(set(re.findall(r"^([A-Z_]+)=", got, re.M)) -
              {"HOME", "USER", "LOGNAME", "SENDER", "RECIPIENT", "LANG",
               "SHELL", "PATH", "PWD", "OLDPWD", "SHLVL", "_"}), [],
       "a clean environment")
    s.send("show2@example.org")
    ok(until(lambda: len(shown()) == 2 and args(shown()[1]) == ["two"]),
       "quotes behind the bar")
    s.send("sale@example.org")
    ok(s.wait_mail(1, "smtpst2"), "a mailbox, a command and a file: mailbox")
    ok(until(lambda: len(shown()) == 3), "the command")
    ok(until(lambda: "Hello." in content(box + "/sale")), "the file")
    s.send("list@example.org")
    ok(until(lambda: len(shown()) == 4 and
             "SENDER=owner-list@example.org\n" in shown()[3]),
       "a command behind a list comes from its owner")
    s.send("again@example.org")
    ok(s.wait_log(r"to=<again@.*status=4.3.0.*asks to try again: "
                  r"it says again"), "75 is tried again")
    ok(s.wait_queue(0), "and delivered then")
    s.send("never@example.org")
    ok(s.wait_log(r"to=<never@.*status=5.7.1.*it says never"), "77 is final")
    ok(s.wait_queue(0), "and leaves")
    # files
    for i in range(3):
        s.send("file@example.org", subject="f%d" % i)
    ok(s.wait_queue(0), "three into a file")
    got = content(box + "/archive")
    eq(got.count("\nDelivered-To: file@example.org\n"), 3, "three are there")
    st = os.stat(box + "/archive")
    eq((st.st_uid, stat.S_IMODE(st.st_mode)), (USER.pw_uid, 0o600),
       "the file is the user's")
    s.send("null@example.org")
    ok(s.wait_log(r"to=<null@.*Discarded"), "/dev/null takes everything")
    ok(s.wait_queue(0), "for good")
    # refused
    for to in ["gone@example.org", "included@example.org",
               "show@own.example.org", "file@own.example.org"]:
        eq(rcpt(s, to), "550 5.1.1", to + " is refused")
    ok(s.wait_log(r"alias of show@own.example.org: no command"),
       "the log says why")
    # traps
    for to in ["link", "second", "others"]:
        s.send(to + "@example.org")
        ok(s.wait_log(r"to=<%s@.*status=4\.2\.1" % to), to + " waits")
    eq((content(victim), content(others)), ("v", "o"),
       "nothing was written there")
    # A target that is no alias any more does not run for what waits.
    n = len(shown())
    os.unlink(out + "/again")
    mark = len(s.log())
    s.send("again@example.org")
    ok(until(lambda: "asks to try again" in s.log()[mark:]), "one waits")
    with open(s.dir + "/aliases", "w") as f:
        f.write("postmaster: smtpst1\nagain: \"|%s/show other\"\n" % top)
    s.ctl("reload")
    ok(s.wait_log(r"result=deferred to=<again@.*not in the configuration"),
       "its command was taken away: it waits for another configuration")
    eq(len(shown()), n, "and no other ran instead")
    # Who may write the table would say what runs, and where root makes files.
    table = s.dir + "/aliases"
    with open(table, "w") as f:
        f.write("postmaster: smtpst1\nlist: smtpst2\n"
                "show: |%s\nfile: %s/archive\n" % (show, box))
    for mode, want in ((0o664, "550 5.1.1"), (0o644, "250 2.1.5")):
        os.chmod(table, mode)
        s.ctl("reload")
        for to in ["show", "file"]:
            eq(rcpt(s, to + "@example.org"), want, "%s in a table of mode %o" %
               (to, mode))
        eq(rcpt(s, "list@example.org"), "250 2.1.5", "and a user there")
        said = re.search(r"show: mail for it is refused: .*a group may write",
                         run(s.prefix + "/sbin/smtpsd", "-n", "-f",
                             s.conf_path).text)
        eq(said is not None, mode == 0o664, "-n says so of mode %o" % mode)
    eq([d for d in s.log().splitlines() if "broke the rules" in d], [],
       "no deliver was at fault")
shutil.rmtree(top)
done()
