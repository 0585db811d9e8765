"""36: net without descriptors: accepting pauses, control answers, links come.
"""
import os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *


NOFILE = 64                     # of each process; the machine says more


def few_descriptors(s, kind="", number=NOFILE):
    """smtpsd starts below a hard limit, as a container may set one, or with
    kind "-S" a soft one, as a shell has it."""
    prefix = os.path.join(s.dir, "prefix")
    os.makedirs(prefix + "/sbin")
    with open(prefix + "/sbin/smtpsd", "w") as f:
        f.write("#!/bin/sh\nulimit %s -n %d\nexec %s/sbin/smtpsd \"$@\"\n" %
                (kind, number, s.prefix))
    os.chmod(prefix + "/sbin/smtpsd", 0o755)
    os.symlink(s.prefix + "/sbin/smtpsctl", prefix + "/sbin/smtpsctl")
    s.prefix = prefix


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        return sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13])


with Server(extra="processes net 1\nlimit sessions-per-ip 5000\n",
            expect_deaths=True, start=False) as s:
    few_descriptors(s)
    s.start()
    net = s.children("net")[0]
    s.send()
    idle = descriptors(net)
    # A thousand connect; the kernel takes what net cannot.
    crowd = []
    for n in range(1000):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", PORT))
        crowd.append(sock)

    def stats():
        return {x["name"]: x["value"] for x in s.show("stats")}
    ok(until(lambda: stats()["net.accept_paused"] > 0, 15),
       "accepting pauses, and show stats says so")
    sessions = stats()["net.sessions"]
    ok(0 < sessions < NOFILE, "%d sessions are in" % sessions)
    ok(descriptors(net) <= NOFILE - 10, "some descriptors are left")
    before = cpu(net)
    time.sleep(2)
    ok(cpu(net) - before < 100, "it does not spin")
    eq(len(s.show("sessions")), sessions, "control answers")
    ok("too few descriptors" in s.log(), "the log says why")
    ok(s.log().count("accept: pausing") < 5, "not again and again")

    # A process that starts afresh gets its link to net.
    old = s.children("policy")
    os.kill(old[0], signal.SIGKILL)
    ok(until(lambda: [p for p in s.children("policy") if p not in old], 20),
       "policy is killed and starts again")
    time.sleep(1)
    eq(s.children("net"), [net], "net lives")
    for sock in crowd:
        sock.close()
    # Where it was accepted before it was closed, it goes through its end.
    ok(until(lambda: stats()["net.sessions"] == 0, 30), "the crowd leaves")

    def may_send():
        try:
            s.send()
            return True
        except (OSError, smtplib.SMTPException):
            return False
    ok(until(may_send, 20), "service goes on, with the new policy")
    eq(s.children("net"), [net], "in the same net")
    ok(until(lambda: descriptors(net) <= idle + 1, 10),
       "no descriptor is lost")

# What is only a default keeps the parent from nothing.
with Server(extra="processes net 8\nprocesses relay 8\n", start=False) as s:
    few_descriptors(s, "-S", 32)
    s.start()
    ok(descriptors(s.process.pid) > 32, "the parent has raised a soft limit")
    s.send()
    ok(s.wait_mail(1), "and all goes on")
done()
