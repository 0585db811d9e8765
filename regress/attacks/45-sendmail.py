"""Attack 45: line ends, NUL and more in what sendmail is given.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

SENDMAIL = PREFIX + "/libexec/smtpsd/sendmail"
SUBMIT = "/run/smtpsd.submit"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"none", b"/run", b"tmpfs", 0, b"mode=755") != 0:
    skip("attack 45: sendmail", "no private /run")
    done()
ENDS = ["\n", "\r", "\r\n", "\n.\n", "\n\n", "\r\n.\r\n", "\x0b", "\x0c",
        "\x1b[2J", "\x7f", "\u0085", "\u2028"]
FORGED = "RCPT TO:<smtpst3@example.org>"


def call(*args, text="Subject: t\n\nhello\n", user="smtpst1"):
    entry = pwd.getpwnam(user)
    return run(SENDMAIL, *args, user=entry.pw_uid, group=entry.pw_gid,
               input=text.encode() if isinstance(text, str) else text,
               extra_groups=[], cwd="/", env={"PATH": "/bin:/usr/bin",
                                              "LC_ALL": "C.UTF-8"})


def refused(s, name, *args, **kw):
    p = call(*args, **kw)
    return [] if p.returncode in (64, 65, 67, 77) and p.text else \
        [(name, p.returncode, p.text)]


def arguments(s):
    bad = []
    for end in ENDS:
        word = repr(end)
        bad += refused(s, "-f " + word, "-f", "smtpst1@example.org" + end +
                       FORGED, "smtpst2")
        bad += refused(s, "-f attached " + word, "-fsmtpst1" + end +
                       "smtpst1", "smtpst2")
        bad += refused(s, "-f in < " + word, "-f", "<smtpst1@example.org>" +
                       end, "smtpst2")
        bad += refused(s, "recipient " + word, "smtpst2@example.org" + end +
                       FORGED)
        bad += refused(s, "quoted " + word, '"a%sb"@example.org' % end)
        bad += refused(s, "-r " + word, "-r", "a%sb@example.org" % end,
                       "smtpst2")
        if ord(end[0]) < 0x80:      # these are just text elsewhere
            bad += refused(s, "-F " + word, "-F", "Name" + end +
                           "Bcc: smtpst3", "smtpst2")
            bad += refused(s, "-V " + word, "-V", "id" + end + "x", "smtpst2")
            bad += refused(s, "-N " + word, "-N", "never" + end, "smtpst2")
            bad += refused(s, "-R " + word, "-R", "hdrs" + end, "smtpst2")
    for args in (["-f", "a@b> SIZE=1"], ["-f", "a@b>\tAUTH=<>"],
                 ["-f", "<a@b> <c@d>"], ["-f", "a@b,c@d"], ["-f", "a b@c"],
                 ["-f", "<a@b"], ["-f", "a@b>"], ["-f", "@x:a@b"],
                 ["-f", "a" * 70000]):
        bad += refused(s, repr(args)[:40], *args, "smtpst2")
    for rcpt in ("smtpst2> NOTIFY=NEVER", "smtpst2>,<smtpst3", "<smtpst2",
                 "smtpst2>", "a" * 70000, "@", "a@", "@b", "a@b@c"):
        bad += refused(s, rcpt[:40], rcpt)
    eq(bad, [], "attack 45: arguments with line ends and more are refused")


def headers(s):
    """With -t the recipients are in the header; its lines are data."""
    bad = []
    for name in ("To", "Cc", "Bcc", "From", "Sender", "Subject", "Resent-To"):
        for what in ("\r", "\0"):
            bad += refused(s, "%s %r" % (name, what), "-t", text="To: smtpst2"
                           "\n%s: a%sBcc: smtpst3@example.org\n\nx\n" % (
                               name, what))
    bad += refused(s, "a quoted line end", "-t",
                   text='To: "a\n b\r\n c"@example.org\n\nx\n')
    bad += refused(s, "an encoded word as an address", "-t",
                   text="To: =?utf-8?q?smtpst3=40example.org=0a?=\n\nx\n")
    eq(bad, [], "attack 45: headers with CR and NUL are refused")
    # DATA takes a dot away: what is left must not be another field.
    p = call("-i", "smtpst2", text="X: dots\n.Bcc: smtpst3\n"
             ".From: smtpst2@example.org\n.: x\n\nx\n")
    eq((p.returncode, p.text), (0, ""), "attack 45: fields with a dot first")
    got = until(lambda: [m for m in s.mails("smtpst2") if b"X: dots" in m])
    ok(got and b"\n.Bcc: smtpst3\n.From: smtpst2@example.org\n.: x\n" in
       got[0], "attack 45: stay as they are")


def bodies(s):
    """Ends of DATA, other commands: data."""
    text = ("Subject: smuggled\n\na\r\n.\r\nMAIL FROM:<root@example.org>\r\n"
            "%s\r\nDATA\r\nSubject: forged\r\n\r\n.\r\n\n.\r\n.\r.\n\r.\r\n"
            "end\n") % FORGED
    p = call("-i", "smtpst2", text=text)
    eq(p.returncode, 0, "attack 45: -i, every end of DATA in the body")
    got = until(lambda: [m for m in s.mails("smtpst2") if b"smuggled" in m])
    ok(got and got[0].rstrip().endswith(b"end") and FORGED.encode() in got[0],
       "attack 45: is one message, with all of it")
    # A dot that stays behind of the line before, on an empty one.
    for k, dots in enumerate((".x", "..", ".")):
        p = call("-i", "smtpst2", text="Subject: stale%d\n\n%s\n\nRSET\n"
                 "MAIL FROM:<smtpst1@example.org>\n%s\nDATA\n"
                 "From: smtpst1@example.org\n\nforged\n.\nQUIT\n" % (
                     k, dots, FORGED))
        eq((p.returncode, p.text), (0, ""), "attack 45: %r and nothing "
           "behind it" % dots)
        got = until(lambda: [m for m in s.mails("smtpst2")
                             if b"stale%d" % k in m])
        ok(got and got[0].endswith(b"\nforged\n.\nQUIT\n"),
           "attack 45: is data to the last line")
    # An end of the input as others write it: the rest is nobody's command.
    for text in ("Subject: dot1\n\na\n.\nMAIL FROM:<>\n%s\n",
                 "Subject: dot2\r\n\r\na\r\n.\r\nMAIL FROM:<>\r\n%s\r\n"):
        call("smtpst2", text=text % FORGED)
    until(lambda: len(s.mails("smtpst2")) == 7 and not s.show("queue"))


def forged(s):
    eq(s.mails("smtpst3"), [], "attack 45: nobody else got anything")
    eq(s.show("queue"), [], "attack 45: nothing is in the queue")
    eq(len(s.mails("smtpst2")), 7, "attack 45: only what was meant")
    ok(not any(b"\nBcc:" in m for m in s.mails("smtpst2")),
       "attack 45: no field was added")
    odd = [l for l in s.log().split("\n") if l and not re.match(
        r"smtpsd: |\S+ listening|ready", l)]
    eq(odd, [], "attack 45: every line of the log is one of ours")
    ok(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", s.log()),
       "attack 45: no control character is in it")
    eq(re.findall(r"event=accepted.*smtpst3.*", s.log()), [],
       "attack 45: no envelope of theirs")


conf = DEFAULT_CONF.replace("{{ example.org,",
                            "{{ example.org, mail.example.org,")
with Server(conf, listen='listen on socket "%s"' % SUBMIT,
            rules='match from auth for domain <domains> action "local"\n'
            'match from auth for any action "out"\n') as s:
    arguments(s)
    headers(s)
    bodies(s)
    forged(s)
done()
