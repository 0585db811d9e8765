"""auth system: a module that looks for something of one user's, in a file
system of his that never answers.  Its process cannot be killed; others' logins
go on."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import threading

from hole import Hole
from unixauth import SERVICE, UNIX_PASSWORD, auth_plain, own_etc

LISTEN = "listen on 127.0.0.1 smtps port %d auth system senders <senders>" % \
    PORT
ROUNDS = 5              # of two each; login has eight places

if not os.path.isdir("/etc/pam.d"):
    print("1..0 # SKIP no PAM")
    sys.exit(0)

if not own_etc():
    ok(False, "an /etc of its own")
    done()
for u in USERS:
    run("chpasswd", "-c", "SHA512", input="%s:%s\n" % (u, UNIX_PASSWORD % u))
place = tempfile.mkdtemp(prefix="smtpsd-hole.", dir="/tmp")
with open(SERVICE, "w") as f:
    f.write("auth [success=1 default=ignore] pam_succeed_if.so quiet "
            "user != smtpst2\n"
            "auth required pam_listfile.so item=user sense=deny "
            "file=%s/list onerr=succeed\n"
            "auth required pam_unix.so\n"
            "account required pam_unix.so\n" % place)


def auth(s, user, source):
    return auth_plain(s, user, UNIX_PASSWORD % user, source)[:3]


def hangs(s):
    """With or without FUSE, and when it fails: what is below /tmp goes."""
    hole = Hole(place)
    if hole.fd == -1:
        return skip("a module that cannot be killed", "FUSE cannot be mounted")
    login, = s.children("login")
    eq(auth(s, "smtpst1", "127.4.0.1"), "235", "a login")
    results = []
    for n in range(ROUNDS):
        threads = [threading.Thread(target=lambda i=i: results.append(
            auth(s, "smtpst2", "127.4.%d.%d" % (n + 1, i))))
            for i in (1, 2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(30)
    eq(results, ["454"] * 2 * ROUNDS, "one user's hang")
    stuck = children_of(login)
    ok(0 < len(stuck) <= 4, "%d of them have a process" % len(stuck))
    eq(auth(s, "smtpst1", "127.4.0.2"), "235", "another user gets in")
    ok(s.wait_log(r"user=smtpst2 backend=system reason=still-hangs"),
       "the log says why he does not")
    hole.end()
    ok(until(lambda: not children_of(login), 10), "they end at last")
    eq(auth(s, "smtpst2", "127.4.0.3"), "235", "and he gets in again")


try:
    with Server(listen=LISTEN) as s:
        hangs(s)
finally:
    run("umount", "-l", "/etc")
    run("umount", "-l", place)          # where it failed in the middle
    os.rmdir(place)
done()
