"""Deliver processes that their users stop do not keep the places of others."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *


def state(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def stop(user, pid):
    """As the user, who may: it is the user's process."""
    run("setpriv", "--reuid", user, "--regid", user, "--clear-groups",
        "kill", "-STOP", str(pid))
    return ok(until(lambda: state(pid) == "T", 5), "%s stops it" % user)


def running(s):
    return {q["name"]: q["value"] for q in s.show("stats")}[
        "parent.deliver.running"]


def one(s, user, n):
    s.send(user + "@example.org")
    ok(s.wait_mail(n, user), "mail for " + user)
    pids = s.children("deliver")
    ok(pids, "its deliver waits for more")
    return pids[0]


with Server(expect_deaths=True) as s:
    # Nothing is under way: the queue lets it go, but it does not go.
    pid = one(s, "smtpst1", 1)
    stop("smtpst1", pid)
    ok(until(lambda: state(pid) in ("", "Z"), 25), "it has to go")
    ok(s.wait_log(r"deliver for smtpst1 does not end"), "the log says so")
    eq(running(s), 0, "its place is free")
    one(s, "smtpst1", 2)
    ok(until(lambda: running(s) == 0, 10), "one that nobody stops ends")
    eq(len(s.log_lines("does not end")), 1, "of itself")
    # The queue that asked for it is gone.
    pid = one(s, "smtpst2", 1)
    stop("smtpst2", pid)
    for q in s.children("queue"):
        os.kill(q, signal.SIGKILL)
    ok(until(lambda: state(pid) in ("", "Z"), 20), "it goes after its queue")
    s.send("smtpst2@example.org")
    ok(s.wait_mail(2, "smtpst2"), "and mail arrives")
done()
