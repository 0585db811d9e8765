"""auth system: Unix passwords by PAM, in processes that may hang or die."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64

from memory import found as holds
from unixauth import SERVICE, UNIX_PASSWORD, auth_plain, own_etc

LISTEN = "listen on 127.0.0.1 smtps port %d auth system senders <senders>" % \
    PORT
UNIX = "auth required pam_unix.so\naccount required pam_unix.so\n"

if not os.path.isdir("/etc/pam.d"):
    print("1..0 # SKIP no PAM")
    sys.exit(0)

# The passwords, the service and the locks of this case are nobody else's.
if not own_etc():
    ok(False, "an /etc of its own")
    done()
if os.path.exists(SERVICE):
    os.unlink(SERVICE)


def service(text):
    with open(SERVICE, "w") as f:
        f.write(text)


def unix_password(user, password):
    p = run("chpasswd", "-c", "SHA512", input="%s:%s\n" % (user, password))
    if p.returncode != 0:
        diag(p.text)
    return p.returncode == 0


def auth(*args):
    return auth_plain(*args)[:3]


for u in USERS + ["root"]:
    ok(unix_password(u, UNIX_PASSWORD % u), "a Unix password for " + u)

with Server(listen=LISTEN, start=False) as s:
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    ok(p.returncode != 0 and "/etc/pam.d/smtpsd" in p.text and
       "smtpsd.pam" in p.text, "-n: the PAM service is missing, and the way "
       "out")
    with open(os.path.join(s.prefix, "share/examples/smtpsd/smtpsd.pam")) as f:
        service(f.read())
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    eq(p.returncode, 0, "-n: with the installed example it is fine")
    s.start()
    login = s.children("login")
    eq(len(login), 1, "the login process runs")
    with open("/proc/%d/status" % login[0]) as f:
        status = f.read()
    ok(re.search(r"^Seccomp:\s*2$", status, re.M), "with a seccomp filter")
    ok(re.search(r"^NoNewPrivs:\s*1$", status, re.M), "no new privileges")
    # chown, dac_override, dac_read_search, fowner, kill, setgid, setuid,
    # audit_write
    for field in ("CapPrm", "CapEff", "CapBnd"):
        eq(int(re.search(r"^%s:\s*(\w+)" % field, status, re.M).group(1), 16),
           0x200000ef, "%s is what modules need" % field)

    with s.raw() as r:
        ehlo = r.ask("EHLO x")
        ok(re.search(r"AUTH PLAIN LOGIN$", ehlo, re.M) and
           "SCRAM" not in ehlo, "EHLO: PLAIN and LOGIN only")
        eq(r.login("smtpst1", UNIX_PASSWORD % "smtpst1")[:9], "235 2.7.0",
           "a Unix password")
    with s.raw() as r:
        r.ask("EHLO x")
        r.ask("AUTH LOGIN")
        r.ask(base64.b64encode(b"smtpst2").decode())
        eq(r.ask(base64.b64encode((UNIX_PASSWORD % "smtpst2").encode())
                 .decode())[:3], "235", "LOGIN as well")
    with s.client("smtpst1", UNIX_PASSWORD % "smtpst1") as c:
        c.sendmail("smtpst1@example.org", ["smtpst2@example.org"],
                   message("by PAM"))
        try:
            c.sendmail("smtpst2@example.org", ["smtpst2@example.org"],
                       message("forged"))
            ok(False, "another sender is refused")
        except smtplib.SMTPException:
            ok(True, "another sender is refused")
    ok(s.wait_mail(1, "smtpst2"), "and mail goes")
    eq(auth(s, "smtpst1", "wrong", "127.3.0.1"), "535", "a wrong password")
    eq(auth(s, "smtpst1", PASSWORD % "smtpst1", "127.3.0.2"), "535",
       "a password of the users file")
    eq(auth(s, "nobody-there", "wrong", "127.3.0.3"), "535", "no such user")
    eq(auth(s, "root", UNIX_PASSWORD % "root", "127.3.0.4"), "535",
       "root with the right password")
    ok(s.wait_log(r"user=root mechanism=PLAIN reason=root"), "the log says why")
    ok(run("usermod", "-L", "smtpst3").returncode == 0, "lock an account")
    eq(auth(s, "smtpst3", UNIX_PASSWORD % "smtpst3", "127.3.0.5"), "535",
       "it is locked at once")
    run("usermod", "-U", "smtpst3")
    eq(auth(s, "smtpst3", UNIX_PASSWORD % "smtpst3", "127.3.0.6"), "235",
       "and unlocked at once")
    run("usermod", "-e", "1", "smtpst3")
    eq(auth(s, "smtpst3", UNIX_PASSWORD % "smtpst3", "127.3.0.7"), "535",
       "an expired account")
    run("usermod", "-e", "", "smtpst3")
    ok(s.wait_log(r"user=smtpst3 mechanism=PLAIN reason=account-expired"), "and why")
    for name in ("a\tb", "a\nb", "a:b", "x" * 255):
        eq(auth(s, name, "x", "127.3.1.1"), "535", "a strange name %r" %
           name[:4])
    ok(UNIX_PASSWORD % "smtpst1" not in s.log() and "Unix-root" not in
       s.log(), "no password in the log")

    # The client's address reaches the modules.
    rhost = s.dir + "/rhost"
    script = s.write("note.sh", "#!/bin/sh\necho \"$PAM_RHOST $PAM_USER "
                     "$PAM_SERVICE $PAM_TTY\" >>/tmp/rhost.%d\n" % os.getpid(),
                     0o755)
    service("auth optional pam_exec.so %s\n" % script + UNIX)
    eq(auth(s, "smtpst1", UNIX_PASSWORD % "smtpst1", "127.3.2.1"), "235",
       "with a module that notes")
    try:
        with open("/tmp/rhost.%d" % os.getpid()) as f:
            eq(f.read().split(), ["127.3.2.1", "smtpst1", "smtpsd", "smtpsd"],
               "what modules see")
        os.unlink("/tmp/rhost.%d" % os.getpid())
    except OSError as e:
        ok(False, "what modules see: %s" % e)
    # What modules cannot do.
    script = s.write("evil.sh", "#!/bin/sh\n"
                     "touch /etc/evil /usr/evil /root/evil %s/evil\n"
                     "exit 0\n" % s.dir, 0o755)
    service("auth optional pam_exec.so %s\n" % script + UNIX)
    auth(s, "smtpst1", UNIX_PASSWORD % "smtpst1", "127.3.2.2")
    ok(not any(os.path.exists(d + "/evil") for d in ("/etc", "/usr",
                                                     "/root")),
       "a module cannot write to the system")
    ok(os.path.exists(s.dir + "/evil"), "though it ran as root")

    # One user's module hangs, the others' logins go on.
    pidfile = "/tmp/hung.%d" % os.getpid()
    script = s.write("hang.sh", "#!/bin/sh\n"
                     "[ \"$PAM_USER\" = smtpst2 ] || exit 0\n"
                     "echo $$ >>%s\nsleep 60\n" % pidfile, 0o755)
    service("auth optional pam_exec.so %s\n" % script + UNIX)
    import threading
    results = []

    def hang(i):
        results.append((auth(s, "smtpst2", UNIX_PASSWORD % "smtpst2",
                             "127.4.0.%d" % i)))
    threads = [threading.Thread(target=hang, args=(i,)) for i in range(1, 13)]
    start = time.time()
    for t in threads:
        t.start()
    ok(until(lambda: os.path.exists(pidfile), 10), "a module hangs")
    eq(auth(s, "smtpst1", UNIX_PASSWORD % "smtpst1", "127.4.1.1"), "235",
       "another user gets in meanwhile")
    ok(not results and all(t.is_alive() for t in threads),
       "while the others still wait")
    for t in threads:
        t.join(90)
    eq(set(results), {"454"}, "those are told to try later")
    ok(s.wait_log(r"user=smtpst2 backend=system reason=timeout"),
       "and the log says timeout")
    with open(pidfile) as f:
        pids = [int(x) for x in f.read().split()]
    os.unlink(pidfile)
    ok(until(lambda: not any(process_name(p) for p in pids), 15),
       "nothing of the modules is left")
    eq(s.children("login"), login, "the login process is still the same")

    # A module that kills its process.
    script = s.write("die.sh", "#!/bin/sh\nkill -SEGV $PPID\n", 0o755)
    service("auth optional pam_exec.so %s\n" % script + UNIX)
    eq(auth(s, "smtpst1", UNIX_PASSWORD % "smtpst1", "127.4.2.1"), "454",
       "a module that crashes: try later")
    service(UNIX)
    eq(auth(s, "smtpst1", UNIX_PASSWORD % "smtpst1", "127.4.2.2"), "235",
       "and the next login is fine")
    eq(s.children("login"), login, "the login process is still the same")

    # The password is left in nobody.
    ok(until(lambda: not s.show("sessions")), "the sessions have ended")
    words = [(UNIX_PASSWORD % "smtpst1").encode(), base64.b64encode(
        ("\0smtpst1\0" + UNIX_PASSWORD % "smtpst1").encode())]
    for pid in [s.pid] + s.children():
        eq(holds(pid, words), [], "no password stays in " +
           process_name(pid))

run("umount", "-l", "/etc")
done()
