"""The directory with the accounts (LDAP, NIS) is away: nothing ends by that.

The system asks a module of this case's own for users, after /etc/passwd.  It
fails with what the clients of such directories fail with.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import contextlib
import errno
import resource

from unixauth import UNIX_PASSWORD, auth_plain, copy_etc

MODULE = r"""
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

enum nss_status _nss_away_getpwnam_r(const char *, struct passwd *, char *,
    size_t, int *);
enum nss_status _nss_away_getpwuid_r(uid_t, struct passwd *, char *, size_t,
    int *);

static enum nss_status
find(const char *name, uid_t uid, struct passwd *pw, char *buf, size_t size,
    int *error)
{
	struct passwd	*found = NULL;
	FILE		*f;
	int		 status;

	if ((f = fopen(DIRECTORY "/state", "re")) != NULL) {
		if (fscanf(f, "%d %d", &status, error) == 2) {
			fclose(f);
			return (enum nss_status)status;
		}
		fclose(f);
	}
	*error = 0;
	if ((f = fopen(DIRECTORY "/users", "re")) == NULL)
		return NSS_STATUS_NOTFOUND;
	while (fgetpwent_r(f, pw, buf, size, &found) == 0)
		if (name != NULL ? strcmp(found->pw_name, name) == 0 :
		    found->pw_uid == uid)
			break;
	fclose(f);
	return found == NULL ? NSS_STATUS_NOTFOUND : NSS_STATUS_SUCCESS;
}

enum nss_status
_nss_away_getpwnam_r(const char *name, struct passwd *pw, char *buf,
    size_t size, int *error)
{
	return find(name, 0, pw, buf, size, error);
}

enum nss_status
_nss_away_getpwuid_r(uid_t uid, struct passwd *pw, char *buf, size_t size,
    int *error)
{
	return find(NULL, uid, pw, buf, size, error);
}
"""
TRYAGAIN, UNAVAIL = -2, -1
HOMES = {u: pwd.getpwnam(u).pw_dir for u in USERS}
UIDS = {u: pwd.getpwnam(u).pw_uid for u in USERS}
REMOTE = ["smtpst2", "smtpst3"]
SYSTEM_PORT = PORT + 1
SUBMIT = "/run/smtpsd.submit"      # where sendmail looks

# An /etc of this case's own, with these users in the module's file instead.
if not os.path.exists("/etc/nsswitch.conf") or \
        not os.path.isdir("/etc/pam.d"):
    print("1..0 # SKIP no NSS or no PAM")
    sys.exit(0)
etc = copy_etc()
away = etc + "/away"
os.mkdir(away)
with open(away + "/away.c", "w") as f:
    f.write(MODULE)
p = run("gcc", "-shared", "-fPIC", "-O", "-Wall", "-Wextra", "-Werror",
        "-D_GNU_SOURCE", '-DDIRECTORY="/etc/away"', "-o",
        away + "/libnss_away.so.2", away + "/away.c")
if not ok(p.returncode == 0, "a module for users"):
    diag(p.text)
    done()
with open(etc + "/ld.so.conf", "a") as f:
    f.write("\n/etc/away\n")
ok(run("mount", "--bind", etc, "/etc").returncode == 0, "an /etc of its own")
ok(run("mount", "-t", "tmpfs", "-o", "mode=755", "none",
       "/run").returncode == 0, "and a /run")
ok(run("ldconfig", "-X").returncode == 0, "the linker finds it")
for u in USERS:
    run("chpasswd", "-c", "SHA512", input="%s:%s\n" %
        (u, UNIX_PASSWORD % u))
with open("/etc/passwd") as f:
    lines = f.readlines()
with open("/etc/passwd", "w") as f:
    f.writelines(l for l in lines if l.split(":")[0] not in REMOTE)
with open("/etc/away/users", "w") as f:
    f.writelines(l for l in lines if l.split(":")[0] in REMOTE)
with open("/etc/pam.d/smtpsd", "w") as f:
    f.write("auth required pam_unix.so\naccount required pam_unix.so\n")


def nsswitch(passwd):
    with open("/etc/nsswitch.conf") as f:
        text = re.sub(r"(?m)^passwd:.*$", "passwd: " + passwd, f.read())
    with open("/etc/nsswitch.conf.new", "w") as f:
        f.write(text)
    os.rename("/etc/nsswitch.conf.new", "/etc/nsswitch.conf")


def state(status=None, error=0):
    """What the module says; None: the truth."""
    with open("/etc/away/new", "w") as f:
        if status is not None:
            f.write("%d %d\n" % (status, error))
    os.rename("/etc/away/new", "/etc/away/state")


nsswitch("files away")
state()
ok(run("getent", "passwd", "smtpst2").text.startswith("smtpst2:"),
   "users come out of it")

CONF = dict(
    listen="listen on 127.0.0.1 smtps port %d auth <users> senders "
           "<senders>\nlisten on 127.0.0.1 smtps port %d auth system\n"
           'listen on socket "%s"' % (PORT, SYSTEM_PORT, SUBMIT),
    actions='action "local" maildir alias <aliases> as smtpst2\n'
            'action "fwd" maildir forward\n'
            'action "vmail" maildir "~/vmail/%{dest.user}" '
            'user smtpst3\n',
    rules='match from auth for domain fwd.example.org action "fwd"\n'
          'match from auth for domain vmail.example.org action "vmail"\n'
          'match from auth for any action "local"\n'
          'match from local for domain example.org action "local"\n',
    aliases="postmaster: smtpst1\nteam: smtpst1, smtpst3\n"
            "run: |/bin/true\n@catch.example.org: smtpst1\n",
    retry="1s to 1s")


def rcpt(s, to):
    with s.session() as r:
        r.ask("MAIL FROM:<smtpst1@example.org>")
        return r.ask("RCPT TO:<%s>" % to)


count = 0


def auth(s, user):
    """Of a system password, each time from another address."""
    global count
    count += 1
    return auth_plain(s, user, UNIX_PASSWORD % user, "127.5.0.%d" % count,
                      SYSTEM_PORT)[:9]


def greeting(s, user):
    """Of the socket, which the kernel tells the caller's number."""
    p = run("/usr/bin/python3", "-c", "import socket, sys\n"
            "s = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
            "print(s.makefile().readline())", SUBMIT,
            user=UIDS[user], group=UIDS[user], extra_groups=[], cwd="/")
    return p.text[:3]


def sendmail(user):
    return run(PREFIX + "/libexec/smtpsd/sendmail", "smtpst1@example.org",
               input="Subject: t\n\nhello\n", user=UIDS[user],
               group=UIDS[user], extra_groups=[], cwd="/")


@contextlib.contextmanager
def descriptors_of(pid, most):
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, old[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)


def check(s):
    p = run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path)
    return p.returncode, p.text


def mails(user):
    return s.mails(user, HOMES[user] + "/Maildir")


with Server(**CONF) as s:
    eq(auth(s, "smtpst2"), "235 2.7.0", "AUTH of one of its users")
    eq(greeting(s, "smtpst2"), "220", "and the socket")
    eq(check(s)[0], 0, "-n")

    # Accepted, and not delivered when it goes away.
    r = s.session()
    r.ask("MAIL FROM:<smtpst1@example.org>")
    eq(r.ask("RCPT TO:<smtpst2@example.org>")[:3], "250", "RCPT of one")
    eq(r.ask("DATA")[:3], "354", "DATA")
    state(UNAVAIL, errno.ECONNREFUSED)
    eq(r.ask(message("waits") + "\r\n.")[:3], "250", "the directory is gone")
    r.close()
    ok(s.wait_log(r"result=deferred to=<smtpst2@|"
                  r"to=<smtpst2@example.org> .*result=deferred"),
       "the mail waits")

    for n, (status, error) in enumerate([
            (UNAVAIL, errno.ECONNREFUSED), (UNAVAIL, errno.ENOENT),
            (UNAVAIL, errno.ESRCH), (TRYAGAIN, errno.EAGAIN),
            (TRYAGAIN, errno.ETIMEDOUT)]):
        state(status, error)
        got = rcpt(s, "nobody%d@example.org" % n)
        ok(got.startswith("451 4.3."), "RCPT while it says %d, %s: %s" %
           (status, errno.errorcode[error], got.strip()))
    state(UNAVAIL, errno.ENOENT)
    for to in ["smtpst3@example.org", "team@example.org",
               "smtpst3@catch.example.org", "nobody0@fwd.example.org"]:
        got = rcpt(s, to)
        ok(got.startswith("451 4.3."), "%s: %s" % (to, got.strip()))
    eq(auth(s, "smtpst2"), "454 4.7.0", "AUTH: later")
    eq(auth(s, "nobody-there"), "454 4.7.0", "AUTH of nobody: later")
    eq(auth(s, "smtpst1"), "235 2.7.0", "AUTH of one in /etc/passwd")
    ok(s.wait_log(r"event=auth-later user=smtpst2 .*"
                  r"reason=accounts-unavailable"), "the log says why")
    eq(greeting(s, "smtpst2"), "421", "the socket: later")
    eq(greeting(s, "smtpst1"), "220", "the socket, in /etc/passwd")
    eq(sendmail("smtpst2").returncode, 75, "sendmail: later")
    status, text = check(s)
    ok(status == 0 and "cannot say now whether there is a user 'smtpst3'" in
       text and "cannot be looked up now" in text,
       "-n: nothing is wrong with the configuration")
    eq(s.ctl("reload").returncode, 0, "a reload")
    ok(s.wait_log("reload: configuration 2 is in force"), "is done")

    # Others' mail goes on; a ~/.forward to one of its users waits.
    s.send("smtpst1@example.org", subject="goes on")
    ok(s.wait_mail(1), "mail for one in /etc/passwd arrives")
    with open(HOMES["smtpst1"] + "/.forward", "w") as f:
        f.write("smtpst3@example.org\n")
    os.chown(HOMES["smtpst1"] + "/.forward", UIDS["smtpst1"],
             UIDS["smtpst1"])
    s.send("smtpst1@fwd.example.org", subject="forwarded")
    eq(rcpt(s, "run@example.org")[:3], "250",
       "a command's alias is still there")
    s.send(["run@example.org", "x@vmail.example.org"], subject="commands")
    ok(until(lambda: len(s.log_lines("result=deferred")) >= 8),
       "all that waits is tried")
    eq(len(s.show("queue")), 4, "and still waits")
    eq(len(s.mails()), 1, "no bounce")
    told = s.log_lines("the system cannot say whether")
    ok(len(told) == 1 and "nsswitch.conf" in told[0],
       "one line about it, which says where to look")

    state()
    ok(until(lambda: len(mails("smtpst2")) == 1), "back: what waited arrives")
    ok(until(lambda: len(mails("smtpst3")) == 1), "and what was forwarded")
    ok(s.wait_queue(0), "all of it")
    eq(len(s.mails()), 1, "still no bounce")
    ok(until(lambda: rcpt(s, "smtpst3@example.org")[:3] == "250"), "RCPT")
    got = until(lambda: [g for g in [rcpt(s, "nobody0@example.org")]
                         if g.startswith("550 5.1.1 ")])
    ok(got, "nobody is nobody again")
    eq(auth(s, "smtpst2"), "235 2.7.0", "AUTH")
    eq(greeting(s, "smtpst2"), "220", "the socket")
    eq(len(s.log_lines("who is a user again")), 1, "one line about that")

    # The parent cannot open /etc/passwd, and who stands behind it says no.
    with descriptors_of(s.pid, 3):
        got = rcpt(s, "daemon@fwd.example.org")
    ok(got.startswith("451 4.3."), "no descriptor left: " + got.strip())
    ok(until(lambda: rcpt(s, "daemon@fwd.example.org")[:6] == "550 5."),
       "one is: a user without a home")

    # What the manual says of a service behind it, which would say "no".
    nsswitch("files away [UNAVAIL=return TRYAGAIN=return] files")
    state(UNAVAIL, errno.ECONNREFUSED)
    got = rcpt(s, "nobody9@example.org")
    ok(got.startswith("451 4.3."), "with one behind it: " + got.strip())
run("umount", "-l", "/run")
run("umount", "-l", "/etc")
done()
