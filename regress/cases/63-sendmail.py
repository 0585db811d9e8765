"""sendmail, mailq and newaliases: local mail without setuid."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

LIBEXEC = PREFIX + "/libexec/smtpsd/"
SUBMIT = "/run/smtpsd.submit"
GIT_SEND_EMAIL = "/usr/lib/git-core/git-send-email"
CONF = DEFAULT_CONF.replace("control socket", "# control socket").replace(
    "hostname mail.example.org", "hostname mail.example.org\n"
    "limit message-size 3M").replace("{{ example.org,",
                                     "{{ example.org, mail.example.org,")
LISTEN = 'listen on socket "%s" limit recipients 20' % SUBMIT
USAGE, DATA, NOUSER, TEMP, NOPERM, CANT = 64, 65, 67, 75, 77, 73


def own_run():
    """A /run of our own: the sockets have fixed names."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/run", b"tmpfs", 0, b"mode=755") != 0:
        return False
    # git opens it for writing; a container may have closed it to users.
    run("mknod", "-m", "666", "/run/null", "c", "1", "3")
    libc.mount(b"/run/null", b"/dev/null", None, 0x1000, None)
    return True


def call(*args, text="Subject: t\n\nhello\n", user="smtpst1", name="sendmail",
         **kw):
    entry = pwd.getpwnam(user)
    if isinstance(text, str):
        text = text.encode()
    kw.setdefault("env", {"PATH": "/bin:/usr/bin"})
    return run(LIBEXEC + name, *args, input=text, user=entry.pw_uid,
               group=entry.pw_gid, extra_groups=[], cwd="/", **kw)


def sends(what, *args, **kw):
    p = call(*args, **kw)
    if not ok(p.returncode == 0 and p.text == "", what):
        diag("%d %s" % (p.returncode, p.text))


def refuses(what, status, *args, pattern=".", **kw):
    p = call(*args, **kw)
    if not ok(p.returncode == status and re.search(pattern, p.text), what):
        diag("%d, not %d: %s" % (p.returncode, status, p.text))


def mail_with(word, user="smtpst2"):
    """The one message that has it, LF only."""
    word = word.encode() if isinstance(word, str) else word
    got = until(lambda: [m for m in s.mails(user) if word in m])
    if len(got) != 1:
        diag("%d messages with %r" % (len(got), word))
    return got[0].replace(b"\r\n", b"\n") if got else b""


def header(mail, name):
    head = mail.split(b"\n\n")[0].decode("utf-8", "replace")
    head = re.sub(r"\n[ \t]", " ", head)
    return re.findall(r"(?im)^%s:[ \t]*(.*)$" % name, head)


def identity():
    sends("to a local part", "smtpst2", text="Subject: one\n\nx1\n")
    m = mail_with("Subject: one")
    eq(header(m, "From"), ["<smtpst1@mail.example.org>"], "From is added")
    eq(header(m, "Return-Path"), ["<smtpst1@mail.example.org>"],
       "the reverse-path")
    ok(header(m, "Date") and header(m, "Message-ID"), "Date and Message-ID")
    sends("-F", "-FJ\u00fcrgen", "smtpst2", text="Subject: two\n\nx\n")
    eq(header(mail_with("Subject: two"), "From"),
       ["=?UTF-8?B?SsO8cmdlbg==?= <smtpst1@mail.example.org>"], "its From")
    sends("a name in UTF-8", "smtpst2", text="From: J\u00fcrgen <smtpst1@"
          "example.org>\nSubject: name\n\nx\n")
    eq((header(mail_with("Subject: name"), "From"),
        b"UTF8" in mail_with("Subject: name").split(b"From:")[0]),
       (["=?UTF-8?B?SsO8cmdlbg==?= <smtpst1@example.org>"], False),
       "needs no SMTPUTF8")
    sends("-f own address", "-f", "smtpst1@example.org", "smtpst2",
          text="Subject: three\n\nx\n")
    eq(header(mail_with("Subject: three"), "Return-Path"),
       ["<smtpst1@example.org>"], "its reverse-path")
    sends("-f <>", "-f", "<>", "smtpst2", text="Subject: four\n\nx\n")
    eq(header(mail_with("Subject: four"), "Return-Path"), ["<>"],
       "its reverse-path")
    eq(header(mail_with("Subject: four"), "From"),
       ["<smtpst1@mail.example.org>"], "and From")
    refuses("-f another", NOPERM, "-f", "smtpst2@example.org", "smtpst3",
            pattern="smtpst2@example.org.*may not send")
    refuses("another From", NOPERM, "smtpst3",
            text="From: smtpst2@example.org\n\nx\n", pattern="From")
    refuses("root as another too", NOPERM, "-fsmtpst2@example.org",
            "smtpst3", user="root")


def recipients():
    sends("-t", "-t", text="To: smtpst2 (x),\n smtpst2@example.org\n"
          "Bcc: smtpst3\nSubject: list\n\nx\n")
    ok(mail_with("Subject: list", "smtpst3"), "Bcc gets it")
    m = mail_with("Subject: list", "smtpst3")
    ok(b"Bcc" not in m and b"smtpst3" not in m.split(b"\n\n")[0].split(
        b"Received:")[-1].split(b"Subject")[-1], "and is not seen")
    eq(header(m, "To"),
       ["smtpst2@mail.example.org (x), smtpst2@example.org"],
       "To is complete")
    sends("names as web applications write them", "-t", text=b"From: "
          b"smtpst1@example.org <smtpst1@example.org>\nTo: M\xfcller <smtpst2>;"
          b" smtpst3@example.org <smtpst3@example.org>\nSubject: web\n\nx\n")
    m = mail_with("Subject: web", "smtpst3")
    eq(header(m, "From") + header(m, "To"),
       ['"smtpst1@example.org" <smtpst1@example.org>',
        'M?ller <smtpst2@mail.example.org>, "smtpst3@example.org" '
        '<smtpst3@example.org>'], "are made readable")
    ok(mail_with("Subject: web"), "and each gets it")
    sends("-t and an argument", "-t", "smtpst3",
          text="To: smtpst2\nSubject: both\n\nx\n")
    ok(mail_with("Subject: both") and mail_with("Subject: both", "smtpst3"),
       "is both")
    refuses("nobody", USAGE, text="x\n")
    refuses("-t and nobody", DATA, "-t", text="Subject: x\n\nx\n")
    refuses("an unknown user", NOUSER, "nobody-here", pattern="5.1.1")
    refuses("one of two unknown", NOUSER, "smtpst3", "nobody-here",
            text="Subject: half\n\nx\n")
    refuses("elsewhere, by rule", NOPERM, "a@elsewhere.example")
    refuses("a program", NOUSER, "|/bin/sh", pattern="no such user")
    refuses("too many", 69, *["smtpst2+%d" % i for i in range(21)])
    ok(not [m for m in s.mails("smtpst3") if b"Subject: half" in m],
       "nothing is sent by halves")


def content():
    sends("a dot ends", "smtpst2", text="Subject: dot\n\na\n.\nb\n")
    ok(mail_with("Subject: dot").endswith(b"\n\na\n"), "the message")
    sends("not with -i", "-i", "smtpst2", text="Subject: idot\n\na\n.\nb\n")
    ok(mail_with("Subject: idot").endswith(b"\n\na\n.\nb\n"), "the message")
    sends("-oi -oem", "-oi", "-oem", "smtpst2",
          text="Subject: oidot\n\n..\n.x\n")
    ok(mail_with("Subject: oidot").endswith(b"\n\n..\n.x\n"), "dots stay")
    sends("no header", "smtpst2", text="just words\n")
    ok(mail_with("just words").endswith(b"\n\njust words\n"), "is a body")
    sends("8 bit, CR, NUL and a long line", "smtpst2", text=b"Subject: raw\n"
          b"\n\xe4\xc3\xa4\n10%\r20%\n\0end\n" + b"w" * 3000 + b"\n")
    m = mail_with("Subject: raw")
    ok(b"\xe4\xc3\xa4\n10%\n20%\n?end\n" in m, "arrive as lines")
    ok(max(map(len, m.split(b"\n"))) <= 998, "that are short enough")
    for what, text in (("CR", b"Subject: a\rTo: b\n\nx\n"),
                       ("NUL", b"Subject: a\0b\n\nx\n"),
                       ("300 KB", b"Subject: " + b"a" * 300000 + b"\n\n")):
        refuses("a header with " + what, DATA, "smtpst2", text=text)
    big = b"Subject: big\n\n" + b"0123456789\n" * 250000
    sends("2.75 MB", "smtpst2", text=big)
    ok(mail_with("Subject: big").endswith(big[14:]), "arrive whole")
    refuses("more than the server takes", DATA, "smtpst2",
            text=big + big, pattern="larger")
    p = subprocess.Popen(["/usr/bin/yes"], stdout=subprocess.PIPE)
    q = subprocess.run(["sh", "-c", "ulimit -v 60000; exec %ssendmail "
                        "smtpst2" % LIBEXEC], stdin=p.stdout,
                       stderr=subprocess.PIPE, timeout=60)
    p.stdout.close()
    p.kill()
    p.wait()
    eq(q.returncode, DATA, "input without an end, in little memory")
    eq(len([f for f in os.listdir("/tmp") if f.startswith("sendmail.")]), 0,
       "no file stays")


def hostile():
    for what, args in (
            ("-f with LF", ["-fa@b\nRCPT TO:<smtpst3@example.org>", "x"]),
            ("-f with CR", ["-f", "a\rb", "x"]),
            ("-F with LF", ["-F", "a\nBcc: smtpst3", "x"]),
            ("a recipient with CRLF", ["smtpst2>\r\nDATA\r\n"]),
            ("an unknown option", ["--version"]),
            ("an option behind an address", ["smtpst2", "-Fx"]),
            ("a daemon", ["-bd"]),
            ("-N", ["-Nperhaps", "smtpst2"])):
        refuses(what, USAGE, *args)
    refuses("-f with two", USAGE, "-f", "a@b.c, d@e.f", "x")
    refuses("-f with a space", DATA, "-f", "a@b.c SIZE=1", "x")
    refuses("a recipient with a parameter", DATA, "a@b.c> NOTIFY=NEVER")
    sends("files as options change nothing", "-C/etc/shadow", "-X",
          "/tmp/sendmail.x", "-OQueueDirectory=/tmp", "smtpst2",
          text="Subject: files\n\nx\n")
    ok(mail_with("Subject: files") and not os.path.exists("/tmp/sendmail.x"),
       "and it is sent")


def other_modes():
    sends("DSN parameters", "-Nfailure,delay", "-Rhdrs", "-Va+b", "smtpst2",
          text="Subject: dsn\n\nx\n")
    ok(mail_with("Subject: dsn"), "are taken")
    p = call("-v", "smtpst2", text="Subject: v\n\nx\n")
    ok(p.returncode == 0 and ">>> RCPT TO:<smtpst2@mail.example.org>"
       in p.text and "<<< 250" in p.text, "-v shows the dialogue")
    p = call("-bs", text="EHLO x\r\nMAIL FROM:<smtpst1@example.org>\r\n"
             "RCPT TO:<smtpst2@example.org>\r\nDATA\r\n"
             "From: smtpst1@example.org\r\nSubject: bs\r\n\r\nx\r\n.\r\n"
             "QUIT\r\n")
    ok(p.returncode == 0 and re.search(r"(?s)^220 .*\n354 .*\n250 .*\n221 ",
                                       p.text), "-bs")
    ok(mail_with("Subject: bs"), "sends it")
    eq(call("-q").returncode, 0, "-q")
    entry = pwd.getpwnam("smtpst1")
    p = subprocess.Popen([LIBEXEC + "sendmail", "smtpst2"],
                         stdin=subprocess.PIPE, user=entry.pw_uid,
                         group=entry.pw_gid, extra_groups=[])
    p.stdin.write(b"Subject: slow\n\nfirst\n")
    p.stdin.flush()
    ok(until(lambda: [1 for x in s.show("sessions")]) and
       until(lambda: not s.show("sessions")), "a slow job holds no session")
    p.stdin.write(b"last\n")
    p.stdin.close()
    eq(p.wait(30), 0, "its end")
    ok(mail_with("Subject: slow").endswith(b"first\nlast\n"), "all of it")


def queue():
    refuses("mailq for users", NOPERM, name="mailq", pattern="permission")
    refuses("-bp for users", NOPERM, "-bp")
    eq(call(name="mailq", user="root").text, "Mail queue is empty\n",
       "an empty queue")
    eq(call("-q", user="root").text, "", "-q without mail")
    sends("two that stay", "-f", "root", "a@far.example", "b@far.example",
          user="root")
    until(lambda: "Connection refused" in call(name="mailq",
                                               user="root").text)
    p = call("-bp", user="root")
    ok(re.search(r"^-Queue ID- .*\n[0-9a-f]{13}[ *] +\d+ \w{3} \w{3} +\d+ "
                 r"[0-9:]{8} +root@mail\.example\.org\n"
                 r"( +\(.*\)\n)? +a@far\.example\n( +\(.*\)\n)?"
                 r" +b@far\.example\n\n-- 1 Kbytes in 1 Request\.\n$",
                 p.text), "the customary form")
    diag(p.text)
    attempts = {q["recipient"]: q["attempts"] for q in s.show("queue")}
    call("-q")
    ok(all(q["next_s"] > time.time() + 60 for q in s.show("queue")),
       "-q by a user hurries nothing")

    def tried(*whom):
        return until(lambda: [q["recipient"] for q in s.show("queue")
                              if q["attempts"] > attempts[q["recipient"]]]
                     == list(whom))
    for option, whom in (("-qRb@far.example", ["b@far.example"]),
                         ("-qSroot@mail.example.org",
                          ["a@far.example", "b@far.example"])):
        p = call(option, user="root")
        ok(p.returncode == 0 and p.text == "" and tried(*whom),
           option + " tries at once")
    for option in ("-q", "-qf", "-qRfar.example",
                   "-qI" + s.show("queue")[0]["message"]):
        attempts = {q["recipient"]: q["attempts"] for q in s.show("queue")}
        p = call(option, user="root")
        ok(p.returncode == 0 and tried("a@far.example", "b@far.example"),
           option + ": all of them")
    eq(call("-q30m", user="root").text, "", "an interval is nothing")
    eq(call("-qInonsense", user="root").returncode, USAGE, "-qI nonsense")
    for name, args in (("newaliases", []), ("sendmail", ["-bi"])):
        p = call(*args, name=name)
        ok(p.returncode == 0 and "nothing to build" in p.text,
           name + " by a user")
    s.write("aliases", "fresh: smtpst3\n")
    eq(call(name="newaliases", user="root").returncode, 0,
       "newaliases by root")
    sends("to the new alias", "fresh", text="Subject: fresh\n\nx\n")
    ok(mail_with("Subject: fresh", "smtpst3"), "arrives")
    s.write("aliases", "fresh: smtpst3, nobody-here\n")
    p = call(name="newaliases", user="root")
    ok(p.returncode == 0 and re.search("warning: .*fresh: .* nobody-here",
                                       p.text),
       "an alias that refuses mail is told of")
    ok(s.log_lines("warning: .*fresh: .* nobody-here"), "in the log as well")
    s.write("aliases", "fresh: smtpst3\n")


def no_privileges():
    for name in ("sendmail", "mailq", "newaliases"):
        path = LIBEXEC + name
        ok(os.path.islink(path) and os.stat(path).st_mode & 0o6000 == 0,
           name + " has no setuid or setgid")
    p = run("setpriv", "--no-new-privs", "--reuid", "smtpst1", "--regid",
            "smtpst1", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all", LIBEXEC + "sendmail", "smtpst2",
            input="Subject: nnp\n\nx\n")
    eq((p.returncode, p.text), (0, ""), "with no_new_privs")
    ok(mail_with("Subject: nnp"), "as under systemd")


def programs():
    """As others call it."""
    sends("Debian's cron", "-FCronDaemon", "-i", "-B8BITMIME", "-oem",
          "root", user="root", text="From: root (Cron Daemon)\nTo: root\n"
          "Subject: Cron <root@host> job\nMIME-Version: 1.0\n\nout\n")
    m = mail_with("Subject: Cron", "smtpst1")
    eq(header(m, "From"), ["root@mail.example.org (Cron Daemon)"], "From")
    eq(header(m, "To"), ["root@mail.example.org"], "To")
    entry = pwd.getpwnam("smtpst1")
    as_user = {"user": entry.pw_uid, "group": entry.pw_gid,
               "extra_groups": [], "cwd": "/tmp",
               "env": {"MAILRC": s.write("mailrc", "set sendmail=%ssendmail\n"
                                         % LIBEXEC), "PATH": "/bin:/usr/bin", "HOME": s.dir + "/home",
                       "USER": "smtpst1", "LC_ALL": "C.UTF-8"}}
    os.mkdir(s.dir + "/home")
    os.chown(s.dir + "/home", entry.pw_uid, entry.pw_gid)
    patch = s.write("0001-x.patch", "From 0123456789012345678901234567890123"
                    "456789 Mon Sep 17 00:00:00 2001\nFrom: J <smtpst1@"
                    "example.org>\nDate: Tue, 24 Nov 2026 08:00:00 +0000\n"
                    "Subject: [PATCH] git\n\n---\n x | 1 +\n")
    for name, command, text in (
            ("php", ["php", "-d", "sendmail_path=%ssendmail -t -i" % LIBEXEC,
                     "-r", "exit(mail('smtpst2@example.org', 'by php',"
                     "\"Hello\\n.\\nend\", \"From: smtpst1@example.org\\r\\n"
                     "X-A: b\") ? 0 : 1);"], None),
            ("mutt", ["mutt", "-n", "-e",
                      "set sendmail=\"%ssendmail -oem -oi\"" % LIBEXEC,
                      "-e", "set from=smtpst1@example.org", "-e",
                      "set copy=no", "-F", "/dev/null", "-s", "by mutt",
                      "smtpst2@example.org"], b"hello\n.\nend\n"),
            ("git", ["git", "-c", "user.name=J", "-c",
                     "user.email=smtpst1@example.org", "-c",
                     "sendemail.smtpServer=%ssendmail" % LIBEXEC,
                     "send-email", "--confirm=never", "--quiet",
                     "--from=smtpst1@example.org",
                     "--suppress-cc=all", "--subject", "by git",
                     "--to=smtpst2@example.org", patch], b""),
            ("s-nail", ["s-nail", "-:/", "-S", "mta=%ssendmail" % LIBEXEC,
                        "-s", "by s-nail", "smtpst2@example.org"],
             b"hello\nend\n"),
            ("bsd-mailx", ["bsd-mailx", "-s", "by bsd-mailx", "smtpst2"],
             b"hello\nend\n")):
        if shutil.which(command[0]) is None:
            skip(name, "not installed")
            continue
        if name == "git" and not os.path.exists(GIT_SEND_EMAIL):
            skip(name, "no git send-email")
            continue
        p = run(*command, input=text or b"", **as_user)
        if not ok(p.returncode == 0, name + " sends"):
            diag(p.text)
        word = "[PATCH] git" if name == "git" else "by " + name
        m = mail_with("Subject: " + word)
        ok(name == "git" or b"end" in m, "all of it arrives")


if not own_run():
    skip("sendmail", "no /run of its own")
    done()
with Server(conf=CONF, listen=LISTEN,
            aliases="root: smtpst1\npostmaster: smtpst1\n",
            retry="1h to 2h",
            rules='match from auth for domain <domains> action "local"\n'
            'match from auth for domain far.example action "out"\n',
            start=False) as s:
    refuses("without a server", TEMP, "smtpst2", pattern="not running")
    eq(call("-bs", text="").returncode, TEMP, "-bs too")
    eq(call(name="mailq").returncode, TEMP, "mailq too")
    ok("not running" in call(name="newaliases", user="root").text,
       "newaliases too")
    s.start()
    s.ctl = lambda *a, **kw: run(s.prefix + "/sbin/smtpsctl", "-t",
                                 s.dir + "/users", *a, **kw)
    for step in (no_privileges, identity, recipients, content, hostile,
                 other_modes, programs, queue):
        step()
done()
