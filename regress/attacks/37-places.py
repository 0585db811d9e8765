"""Attacks by links and modes: the spool, the control socket, mailboxes.

Numbers are those of the table in README.  The victim is a file as /etc/shadow
is one: root's, 0600.  It must keep content, owner, mode and number of names.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import stat

USER = pwd.getpwnam("smtpst1")
SECRET = "root:secret-of-the-shadow:19000:0:99999:7:::\n"
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
HOME = USER.pw_dir


class Victim:
    def __init__(self, directory):
        self.path = os.path.join(directory, "shadow")
        with open(self.path, "w") as f:
            f.write(SECRET)
        os.chmod(self.path, 0o600)
        self.before = self.now()

    def now(self):
        st = os.stat(self.path)
        with open(self.path) as f:
            return (f.read(), st.st_uid, st.st_gid, st.st_mode)

    def unharmed(self, n, name):
        eq(self.now(), self.before, "attack %d: %s: untouched" % (n, name))

    def plant(self, kind, at):
        (os.symlink if kind == "symlink" else os.link)(self.path, at)


def starts(s):
    open(s.log_path, "w").close()
    try:
        s.start()
        return True
    except RuntimeError:
        if s.process is not None and s.process.poll() is None:
            s.process.kill()
        s.process = None
        return False


def refused(s, pattern, name, n=37):
    """No start, and the log says what to do."""
    if not ok(not starts(s), "attack %d: %s: no start" % (n, name)):
        s.stop()
    if not ok(re.search(pattern, s.log()), "attack %d: %s: said so" %
              (n, name)):
        diag(s.log())


def taken(s, name):
    if ok(starts(s), "attack 37: %s: starts" % name):
        s.stop()


def setting(s, **kw):
    """The configuration with another spool or socket."""
    text = DEFAULT_CONF.format(**s.parts)
    for word, path in kw.items():
        old = "queue directory" if word == "spool" else "control socket"
        text = re.sub(old + ' ".*"', '%s "%s"' % (old, path), text)
    s.write("smtpsd.conf", text)


def spool(s):
    real = s.dir + "/real"
    victim = Victim(s.dir)
    taken(s, "a new spool")
    path = s.dir + "/spool"
    eq(stat.S_IMODE(os.stat(path).st_mode), 0o700, "attack 3: it is 0700")
    os.rename(path, real)
    os.symlink(real, path)
    refused(s, r"spool: not a directory \(symbolic links", "a link for a "
            "spool")
    os.unlink(path)
    victim.plant("symlink", path)
    refused(s, r"spool: not a directory", "a link to a file")
    os.unlink(path)
    open(path, "w").close()
    refused(s, r"spool: not a directory", "a file")
    os.unlink(path)
    os.rename(real, path)
    shutil.chown(path, "smtpst1")
    refused(s, r"must belong to _smtpsq \(chown", "somebody else's")
    shutil.chown(path, "_smtpsq")
    for mode in (0o777, 0o1777, 0o770, 0o720):
        os.chmod(path, mode)
        refused(s, r"spool: is writable by others.*chmod", "mode %o" % mode)
        eq(stat.S_IMODE(os.stat(path).st_mode), mode,
           "attack 37: and left as it was")
    os.chmod(path, 0o755)
    taken(s, "one that is only read by others")
    eq(stat.S_IMODE(os.stat(path).st_mode), 0o700, "attack 37: is closed")
    for name in ("queue.db", "queue.db-wal", "queue.db-journal",
                 "queue.db-shm"):
        at = path + "/" + name
        kept = None
        if os.path.exists(at):
            kept = real
            os.rename(at, kept)
        for kind in ("symlink", "link"):
            victim.plant(kind, at)
            refused(s, r"/%s: (is not a file|has a second name).*away" % name,
                    "%s is a %s" % (name, kind), 3)
            os.unlink(at)
            victim.unharmed(3, name)
        open(at, "w").close()
        refused(s, r"/%s: does not belong to _smtpsq" % name,
                name + " is somebody else's", 3)
        os.unlink(at)
        if kept:
            os.rename(kept, at)
    open_dir = s.dir + "/open"
    os.mkdir(open_dir)
    os.chmod(open_dir, 0o777)
    setting(s, spool=open_dir + "/spool")
    refused(s, r"open/?: is writable by others than root", "in an open "
            "directory")
    ok(not os.listdir(open_dir), "attack 37: nothing was made there")
    os.chmod(open_dir, 0o755)
    shutil.chown(open_dir, "smtpst1")
    refused(s, r"open/?: does not belong to root", "in a user's directory")
    os.rmdir(open_dir)
    os.symlink(s.dir, open_dir)
    refused(s, r"open: not a directory \(symbolic", "behind a link")
    os.unlink(open_dir)
    setting(s)


def socket_at(path, uid=0):
    c = socket.socket(socket.AF_UNIX)
    c.bind(path)
    os.chown(path, uid, uid)
    return c


def control(s):
    victim = Victim(s.dir)
    path = s.dir + "/smtpsd.sock"
    for kind in ("symlink", "link"):
        victim.plant(kind, path)
        refused(s, r"smtpsd.sock: is in the way and not a socket of root",
                "a %s for the control socket" % kind)
        ok(os.path.lexists(path), "attack 37: it is still there")
        os.unlink(path)
    os.symlink(s.dir + "/nowhere", path)
    refused(s, "is in the way", "a link to nowhere")
    ok(not os.path.exists(s.dir + "/nowhere"), "attack 37: nothing is made")
    os.unlink(path)
    for name, make in (("a file", lambda: open(path, "w").close()),
                       ("a directory", lambda: os.mkdir(path)),
                       ("a fifo", lambda: os.mkfifo(path))):
        make()
        refused(s, "is in the way", name)
        os.rmdir(path) if name == "a directory" else os.unlink(path)
    c = socket_at(path, USER.pw_uid)
    refused(s, "is in the way and not a socket of root", "a user's socket")
    c.close()
    os.unlink(path)
    c = socket_at(path)
    c.listen(1)
    refused(s, "somebody, another smtpsd maybe, answers", "a live socket")
    for i in range(4):              # now its backlog is full
        more = socket.socket(socket.AF_UNIX)
        more.setblocking(False)
        more.connect_ex(path)
    refused(s, "somebody, another smtpsd maybe, answers", "a busy socket")
    c.close()
    taken(s, "a stale socket")
    ok(not os.path.exists(path), "attack 37: its name is gone with it")
    open_dir = s.dir + "/open"
    os.mkdir(open_dir)
    for mode, why in ((0o777, "writable"), (0o775, "writable")):
        os.chmod(open_dir, mode)
        setting(s, socket=open_dir + "/s")
        refused(s, why, "a socket in a directory of mode %o" % mode)
    os.chmod(open_dir, 0o755)
    shutil.chown(open_dir, "smtpst1")
    refused(s, "must belong to root|open/?: does not belong to root",
            "a socket in a user's directory")
    os.rmdir(open_dir)
    os.symlink(s.dir, open_dir)
    refused(s, r"symbolic links", "a socket behind a link")
    os.unlink(open_dir)
    setting(s)
    # A daemon that was killed, and one that lives.
    ok(starts(s), "starts")
    first = s.process
    refused(s, "another smtpsd|somebody", "a second daemon")
    eq(first.poll(), None, "attack 37: the first lives")
    s.process = first
    eq(s.ctl("show", "stats").returncode, 0, "attack 37: and answers")
    inode = os.stat(path).st_ino
    kids = s.children()
    first.kill()
    first.wait()
    s.process = None
    until(lambda: not [p for p in kids if process_name(p) in CHILDREN], 10)
    eq(os.stat(path).st_ino, inode, "attack 37: killed, the name stays")
    ok(starts(s), "attack 37: and is replaced at the next start")
    eq(s.ctl("show", "stats").returncode, 0, "attack 37: which answers")
    eq(s.stop(), 0, "stops")


def modes(s):
    """Nothing that a start makes is writable by others."""
    ok(starts(s), "starts")
    s.send()
    ok(s.wait_mail(1), "a message")
    loose = []
    for place in (s.dir, "/var/empty/smtpsd", os.path.expanduser(
            "~smtpst1/Maildir")):
        for d, names, files in os.walk(place):
            for name in [d] + [os.path.join(d, f) for f in files]:
                st = os.lstat(name)
                if st.st_mode & 0o022 and not stat.S_ISLNK(st.st_mode) and \
                        not stat.S_ISSOCK(st.st_mode):
                    loose.append(name)
    eq(loose, [], "attack 3: nothing is writable by others")
    eq(s.stop(), 0, "stops")


def traps(victims):
    """[(action, where the trap is below the home, kind, victim)]"""
    found = []
    for kind in ("symlink", "link"):
        for victim in victims:
            for what, where in (("mbox", "/mbox"), ("mbox", ""),
                                ("maildir", ""), ("maildir", "/dir"),
                                ("maildir", "/dir/tmp"),
                                ("maildir", "/dir/new"),
                                ("maildir", "/dir/cur")):
                found.append((what, "t%d%s" % (len(found), where), kind,
                              victim))
    return found


def mailboxes():
    """The owner of a mailbox plants links in it."""
    roots = HOME + "/roots"
    os.mkdir(roots)
    victim, own = Victim(roots), Victim(HOME)
    os.chown(own.path, USER.pw_uid, USER.pw_gid)
    own.before = own.now()
    planted = traps((victim, own))
    for _, where, kind, v in planted:
        at = HOME + "/" + where
        os.makedirs(os.path.dirname(at), exist_ok=True)
        v.plant(kind, at)
        v.names = os.stat(v.path).st_nlink
    outside = top + "/outside"
    for name in ("", "/tmp", "/new", "/cur"):
        os.mkdir(outside + name)
        shutil.chown(outside + name, "smtpst1")
    os.symlink(outside, HOME + "/away")
    for d, _, _ in os.walk(HOME):
        shutil.chown(d, "root" if d == roots else "smtpst1")
    acts = ['action "a%d" %s "~/t%d/%s" user smtpst1\n' % (
        i, what, i, "dir" if what == "maildir" else "mbox")
        for i, (what, _, _, _) in enumerate(planted)]
    acts.append('action "away" maildir "~/away" user smtpst1\n')
    rules = ['match from auth for rcpt t%d@example.org action "a%d"\n' %
             (i, i) for i in range(len(planted))]
    rules.append('match from auth for any action "away"\n')
    with Server(actions="".join(acts), rules="".join(rules),
                retry="1s to 1s") as s:
        with s.client() as c:
            for i in range(len(planted)):
                c.sendmail("smtpst1@example.org", ["t%d@example.org" % i],
                           message("trap %d" % i))
            c.sendmail("smtpst1@example.org", ["away@example.org"],
                       message())
        until(lambda: len([q for q in s.show("queue") if q["error"]]) ==
              len(planted) + 1, 15)
        waiting = {q["recipient"] for q in s.show("queue") if q["error"]}
        for i, (what, where, kind, v) in enumerate(planted):
            ok("t%d@example.org" % i in waiting,
               "attack 3: %s, a %s at %s: put off" % (what, kind, where))
        for v in (victim, own):
            v.unharmed(3, "a mailbox is no way to it")
        eq([f for _, _, files in os.walk(outside) for f in files], [],
           "attack 3: nothing goes through a link to a directory")
        for _, where, _, _ in planted:
            os.unlink(HOME + "/" + where)
        os.unlink(HOME + "/away")
        ok(s.wait_queue(0), "attack 3: without them all arrives")
    for v in (victim, own):
        v.unharmed(3, "all the time")


with Server(start=False) as s:
    spool(s)
    control(s)
    modes(s)
mailboxes()
shutil.rmtree(top)
done()
