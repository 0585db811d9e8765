"""Batches into a Maildir: a full disk, a deliver that its user has stopped."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import threading

USER = pwd.getpwnam("smtpst1")
N = 300
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
disk = top + "/disk"
os.mkdir(disk)
if run("mount", "-t", "tmpfs", "-o", "size=2m,mode=0755", "tmpfs",
       disk).returncode != 0:
    skip("a full mailbox", "cannot mount")
    done()
flag = top + "/flag"
with open(top + "/wait", "w") as f:
    f.write("#!/bin/sh\n[ -e %s ] && exit 0\nkill -STOP $PPID\nexit 75\n" %
            flag)
os.chmod(top + "/wait", 0o755)

ACTIONS = """
action "local" maildir "~/Maildir"
action "disk" maildir "@/disk/m" user smtpst1
action "wait" mda "@/wait" user smtpst1 time 1s
""".replace("@", top)
RULES = """
match from auth for domain disk.example.org action "disk"
match from auth for domain wait.example.org action "wait"
match from auth for domain <domains> action "local"
"""


def listing(name):
    try:
        return os.listdir(disk + "/m/" + name)
    except OSError:
        return []


def subjects(texts):
    return sorted(re.search(rb"^Subject: (.*?)\r?$", t, re.M).group(1)
                  for t in texts)


with Server(actions=ACTIONS, rules=RULES, retry="1s to 2s",
            expect_deaths=True) as s:
    def feed(k):
        with s.client() as c:
            for i in range(N // 10):
                c.sendmail("smtpst1@example.org", ["smtpst1@example.org"],
                           message("m%d.%d" % (k, i), "x" * 70 + "\r\n"))
    threads = [threading.Thread(target=feed, args=(k,)) for k in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ok(s.wait_queue(0, 60), "%d messages to one user" % N)
    want = sorted(b"m%d.%d" % (k, i) for k in range(10)
                  for i in range(N // 10))
    eq(subjects(s.mails()) == want, True, "each is there once")
    eq(os.listdir(USER.pw_dir + "/Maildir/tmp"), [], "nothing is left in tmp")

    # A disk for about two of these.
    big = ("x" * 76 + "\r\n") * 10000
    for i in range(4):
        s.send("b%d@disk.example.org" % i, subject="b%d" % i, body=big)
    ok(s.wait_log(r"result=\S+ to=<b\d@disk.* status=4\.3\.1"),
       "no room: temporary failure 4.3.1")
    paths = [disk + "/m/new/" + n for n in listing("new")]
    ok(paths and all(open(p, "rb").read().endswith(b"x" * 76 + b"\n")
                     for p in paths), "what is in new is whole")
    run("mount", "-o", "remount,size=20m", disk)
    ok(s.wait_queue(0, 30), "with room again all arrive")
    texts = [open(disk + "/m/new/" + n, "rb").read() for n in listing("new")]
    eq(subjects(texts), [b"b0", b"b1", b"b2", b"b3"], "each once")
    eq(len({len(t) for t in texts}), 1, "and whole")
    eq(listing("tmp"), [], "no half message in tmp")

    # The command stops the process that runs it, as its user may.
    s.send("w@wait.example.org")
    ok(s.wait_log(r"deliver for smtpst1: pid \d+ is killed", 60),
       "a stopped deliver is killed")
    open(flag, "w").close()
    ok(s.wait_queue(0, 30), "its message is delivered later")
run("umount", disk)
shutil.rmtree(top)
done()
