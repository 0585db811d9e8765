"""A relay that was taken over: it can neither mark nor read the mail of
another one, has nobody killed and keeps nobody from the resolver; whoever
breaks a rule is killed.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

import threading

from nexthop import NextHop

FAR = "x%d@far.example"
SAYS = {"queue": ["AGENT_QUEUE_MORE", "AGENT_QUEUE_RESULT",
                  "AGENT_QUEUE_DONE", "AGENT_QUEUE_FORWARD",
                  "AGENT_QUEUE_ALIVE"],
        "resolver": ["RELAY_RESOLVER_HOST", "RELAY_RESOLVER_MX",
                     "RELAY_RESOLVER_RECORDS"],
        "control": ["ANY_CONTROL_STAT", "ANY_CONTROL_DONE"],
        "parent": ["RELAY_PARENT_CONNECT"]}
hop = NextHop(port=HOP_PORT)
free = threading.Event()
free.set()


def wait_free(session):
    free.wait(20)
    return False


# The other relay keeps what it has until free is set.
hop.fail("data-end", wait_free)


def result(delivery, n=0, kind=1, status="2.0.0", words="taken", remote="x"):
    return struct.pack("=QII", delivery, n, kind) + text(status, 12) + \
        text(remote, HOSTNAME + 4) + text(words, TEXT)


def given(c):
    """A delivery that the hostile relay was given: (id, recipients, size).
    The other one has some at the same time, and keeps them."""
    free.clear()
    with c.s.client() as client:
        for i in range(8):
            client.sendmail("smtpst1@example.org", [FAR % i, FAR % (i + 100)],
                            message("test", "secret %d\r\n" % i))
            got = c.heard("queue", "QUEUE_AGENT_OPEN", 200)
            if got:
                delivery, message_id, size, nrcpt = unpack("QQQI", got)
                return delivery, nrcpt, size
    ok(False, "a delivery for the hostile relay")
    return 0, 0, 0


def others(c):
    """What the other relay has, it can neither have nor end."""
    delivery, nrcpt, size = given(c)
    n = len(hop.messages)
    c.e.ask("up queue 200")
    before = int(c.e.ask("count 0x0802").rest)
    for other in range(1, delivery + 30):
        if other == delivery:
            continue
        for kind in (1, 3):
            c.message("queue", "AGENT_QUEUE_RESULT", result(other, 0, kind))
        for name in ("MORE", "ALIVE", "DONE"):
            c.message("queue", "AGENT_QUEUE_" + name,
                      struct.pack("=Q", other))
    c.up("queue", "of what it was not given")
    c.e.ask("up queue 200")
    eq(int(c.e.ask("count 0x0802").rest), before,
       "nothing comes of the other relay's bodies")
    ok("result=" not in c.s.log(), "nothing has a result")
    free.set()
    ok(until(lambda: len(hop.messages) > n), "the other relay goes on")
    ok(c.s.wait_log(r"result=delivered .*text=.*"), "and tells its own result")
    ok("text=\"taken\"" not in c.s.log(), "no other one counts")
    return delivery, nrcpt, size


def wrong_results(c):
    delivery, nrcpt, size = others(c)
    for i in range(100):
        c.message("queue", "AGENT_QUEUE_MORE", struct.pack("=Q", delivery))
    c.up("queue", "MORE beyond the body")
    c.message("queue", "AGENT_QUEUE_RESULT", result(
        delivery, 0, 3, "5.1.1\r\n", "no\r\nevent=delivery result=delivered",
        "host\r\nx"))
    c.message("queue", "AGENT_QUEUE_DONE", struct.pack("=Q", delivery))
    ok(c.s.wait_log(r"result=failed to=<x\d+@far.example> .*"
                    r"text=\"?no\?\?event"), "its text is one line")
    ok(c.s.wait_log(r"result=deferred .*the agent gave no result"),
       "DONE without a result: deferred")
    c.message("queue", "AGENT_QUEUE_DONE", struct.pack("=Q", delivery))
    c.message("queue", "AGENT_QUEUE_RESULT", result(delivery, 1))
    c.up("queue", "of a delivery that is over")
    for name, data in [("of recipient 2^32 - 1", (2 ** 32 - 1, 1)),
                       ("of one recipient more", (2, 1)),
                       ("of class 0", (0, 0)), ("of class 7", (0, 7)),
                       ("twice", (0, 1))]:
        delivery, nrcpt, size = given(c)
        if name == "twice":
            c.message("queue", "AGENT_QUEUE_RESULT", result(delivery, 0, 1))
        c.message("queue", "AGENT_QUEUE_RESULT", result(delivery, *data))
        c.cut("queue", "a result " + name, "RESULT out of place")
        free.set()
    c.give_back()
    ok(c.s.wait_queue(0, 20), "all is delivered in the end")
    c.take()
    c.suffer("results")


def deaf(c):
    """It takes mail and says nothing: its end frees what it holds."""
    c.e.ask("deaf queue 1")
    before = len(hop.messages)
    free.clear()
    for i in range(10):
        c.s.send(FAR % i, body=("x" * 70 + "\r\n") * 1400)
    free.set()
    ok(until(lambda: len(hop.messages) >= before + 5),
       "the other one has its part")
    ok(len(c.s.show("queue")) > 0, "what the deaf one has waits")
    c.give_back()
    ok(c.s.wait_queue(0, 20), "all are delivered when it is gone")
    c.take()


def mute(c):
    """It takes mail, reads it and never answers.  How long the queue waits is
    tested in smtpsd/queue/agent_test.c; here, that others go on meanwhile."""
    before = len(hop.messages)
    free.clear()
    for i in range(12):
        c.s.send(FAR % i, body="all of it\r\n")
    free.set()
    ok(until(lambda: len(hop.messages) >= before + 6),
       "the other relay has its part")
    kept = len(c.s.show("queue"))
    ok(kept > 0, "the mute one keeps %d" % kept)
    before = len(hop.messages)
    for i in range(10):
        c.s.send(FAR % i, body="what came later\r\n")
    ok(until(lambda: len(hop.messages) >= before + 10),
       "the other one has all that comes later")
    c.up("queue", "of one that is mute")
    c.give_back()
    ok(c.s.wait_queue(0, 20), "all are delivered when it is gone")
    eq(len(hop.messages), before + 10 + kept, "once")
    c.take()


def resolver(c):
    """Questions without end, to a name server that never answers."""
    for i in range(3000):
        c.message("resolver", "RELAY_RESOLVER_MX", struct.pack("=Q", i) +
                  text("h%d.silent.example" % i, HOSTNAME))
    c.up("resolver", "3,000 questions")
    # The other relay has one as well.
    c.s.send("x@asked.example")
    ok(until(lambda: asked.is_set(), 10), "the other relay's is asked too")
    # Never reading is its own loss.
    c.e.ask("deaf resolver 1")
    c.flood("resolver", "RELAY_RESOLVER_HOST", 60000,
            struct.pack("=Q", 1) + text("127.0.0.1", HOSTNAME))
    c.suffer("questions", {"resolver": 100})
    c.exit()


def sockets(c):
    """Connections of actions that have none, and of one that has."""
    for name in ("out", "local", "nobody", "../../etc/passwd", ""):
        c.message("parent", "RELAY_PARENT_CONNECT", struct.pack("=Q", 7) +
                  text(name, NAME))
        got = c.heard("parent", "PARENT_RELAY_CONNECT_FAILED")
        ok(got is not None, "no socket for action %r" % name)
    # Connections that it never takes must not use up the parent's.
    def fds():
        return len(os.listdir("/proc/%d/fd" % c.s.pid))
    before = fds()
    c.e.ask("deaf parent 1")
    c.e.tell("many 5000 0 send parent 0x0910 %s" % (
        struct.pack("=Q", 8) + text("lmtp", NAME)).hex())
    most = 0
    end = time.time() + 2
    while time.time() < end and not c.e.is_killed(0.02):
        most = max(most, fds())
    ok(most < before + 600, "5,000 connections: the parent holds %d of them" %
       (most - before))
    os.kill(c.e.pid, signal.SIGKILL)
    c.again()
    ok(until(lambda: fds() < before + 5), "and none in the end")
    c.suffer("connections")


# A name server that answers nothing.
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("127.0.0.1", 5354))
asked = threading.Event()


def serve():
    while True:
        if b"\5asked\7example" in dns.recv(4096).lower():
            asked.set()


threading.Thread(target=serve, daemon=True).start()
LISTENING = socket.socket(socket.AF_UNIX)
PATH = tempfile.mkdtemp() + "/lmtp"
LISTENING.bind(PATH)
LISTENING.listen(4096)

main("relay", 1, SAYS, [wrong_results, deaf, mute, resolver, sockets, malformed,
                        fuzz],
     extra="processes relay 2\ntable lmtps { lmtp.example }\n"
     "table askeds { asked.example }\nresolver forward 127.0.0.1@5354\n",
     actions=DEFAULT_ACTIONS + 'action "lmtp" lmtp "%s"\naction "mx" relay\n'
     % PATH, rules='match from auth for domain <lmtps> action "lmtp"\n'
     'match from auth for domain <askeds> action "mx"\n' + DEFAULT_RULES)
