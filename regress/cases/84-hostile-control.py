"""A control that was taken over: it has what smtpsctl has as root, which the
manual says; it gets no more, and nobody suffers from its asking.  See
80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

SAYS = {"net": ["CONTROL_NET_SESSIONS", "CONTROL_NET_KILL", "CONTROL_ANY_STATS",
                "CONTROL_NET_LISTENERS"],
        "policy": ["CONTROL_POLICY_LIMITS", "CONTROL_NET_KILL",
                   "CONTROL_ANY_STATS"],
        "queue": ["CONTROL_QUEUE_LIST", "CONTROL_QUEUE_LOGINS",
                  "CONTROL_QUEUE_MESSAGE", "CONTROL_ANY_STATS"],
        "relay": ["CONTROL_ANY_STATS"],
        "parent": ["CONTROL_PARENT_USERS", "CONTROL_ANY_STATS",
                   "CONTROL_PARENT_RELOAD"]}


def request(n=1, arg=0, limit=0):
    return struct.pack("=QQII", n, arg, limit, 0)


def edit(what, which):
    return what << 4 | which


def secrets(c):
    """What it can learn: no password, no hash, no key."""
    client = c.s.session("smtpst2")
    for link, name in [("net", "CONTROL_NET_SESSIONS"),
                       ("net", "CONTROL_NET_LISTENERS"),
                       ("policy", "CONTROL_POLICY_LIMITS"),
                       ("queue", "CONTROL_QUEUE_LIST"),
                       ("queue", "CONTROL_QUEUE_LOGINS"),
                       ("parent", "CONTROL_ANY_STATS"),
                       ("parent", "CONTROL_PARENT_USERS"),
                       ("parent", "CONTROL_PARENT_RELOAD")]:
        c.message(link, name, request(1, 0, 1000))
        ok(c.heard(link, "ANY_CONTROL_DONE") is not None, name + ": answered")
    got = b""
    for link in SAYS:
        for name in c.shapes:
            if "_CONTROL_" in name and name[:11] != "MSG_CONTROL":
                while True:
                    more = c.heard(link, name[4:], 0)
                    if more is None:
                        break
                    got += more
    ok(b"smtpst2" in got, "it sees who is logged in")
    for what, secret in [("a password", PASSWORD % "smtpst2"),
                         ("a hash", HASHES["smtpst2"])]:
        ok(secret.encode() not in got, "it does not see " + what)
    client.close()
    c.peers_live("questions")


def states(c):
    """Numbers that mean nothing."""
    for i in range(64):
        for which in range(16):
            if i not in (1, 2, 3, 4) or which > 6 or which == 0:
                c.message("queue", "CONTROL_QUEUE_EDIT", request(
                    i, 2 ** 64 - 1, edit(i, which)))
    for arg in (0, 1, 2 ** 53, 2 ** 64 - 1):
        for sent, piece in ((0, 0), (2 ** 64 - 1, 0), (0, 2 ** 32 - 1)):
            c.message("queue", "CONTROL_QUEUE_MESSAGE", request(1, arg) +
                      sent.to_bytes(8, "little") +
                      piece.to_bytes(8, "little"))
        c.message("queue", "CONTROL_QUEUE_LIST", request(1, arg, 2 ** 32 - 1))
        c.message("net", "CONTROL_NET_KILL", request(1, arg))
        c.message("policy", "CONTROL_NET_KILL", request(1, arg))
    for tail in (b"\0" * 200, b"\xff" * 200, b"'; DELETE FROM login; --"):
        c.message("queue", "CONTROL_QUEUE_LOGINS", request(1, 0, 99) + tail)
        c.message("policy", "CONTROL_POLICY_LIMITS", request(1) + tail)
        c.message("queue", "CONTROL_QUEUE_EDIT", request(
            1, 0, edit(1, 4)) + tail)
    for link in SAYS:
        c.up(link, "numbers that mean nothing, " + link)
    # What it may not ask.
    for link, name in [("net", "CONTROL_QUEUE_MESSAGE"),
                       ("relay", "CONTROL_NET_SESSIONS"),
                       ("parent", "QUEUE_PARENT_DELIVER")]:
        c.message(link, name)
        c.cut(link, "%s to %s" % (name, link))
    c.suffer("numbers")


def accusations(c):
    """Of whom it has no link with, and of net.  Of policy and queue:
    80-hostile-net-accuse.py."""
    for name in ("auth", "resolver"):
        c.message("parent", "ANY_PARENT_BROKE",
                  struct.pack("=I", c.id_of(name)))
    time.sleep(0.2)
    c.peers_live("accusations")
    betray(c, "net")


def floods(c):
    """Questions without end, with and without reading the answers."""
    for link, name in [("net", "CONTROL_ANY_STATS"),
                       ("queue", "CONTROL_QUEUE_LIST"),
                       ("policy", "CONTROL_POLICY_LIMITS"),
                       ("parent", "CONTROL_ANY_STATS"),
                       ("parent", "CONTROL_PARENT_USERS"),
                       ("parent", "CONTROL_PARENT_RELOAD"),
                       ("relay", "CONTROL_ANY_STATS")]:
        c.flood(link, name, 300, request(1, 0, 500))
    c.suffer("questions without end")
    for link in SAYS:
        c.e.ask("deaf %s 1" % link)
    for link in ("net", "queue", "policy", "relay", "parent"):
        c.e.ask("many 5000 0 fill %s 0x%x 24 0" % (
            link, c.type("MSG_CONTROL_ANY_STATS")))
    c.suffer("no answer is read", {"net": 80, "queue": 80, "policy": 80,
                                   "relay": 80, "smtpsd": 80})
    c.exit()


def by_nature(c):
    """What smtpsctl can do as root it can do: the manual says so."""
    c.message("queue", "CONTROL_ANY_PAUSE", request(1, 3, 1))
    c.message("net", "CONTROL_ANY_PAUSE", request(1, 0, 0))
    n = len(c.s.mails("smtpst1"))
    c.s.send(body="what is in a message\r\n")
    c.e.ask("forget")
    c.message("queue", "CONTROL_QUEUE_LIST", request(2, 0, 10))
    item = c.heard("queue", "QUEUE_CONTROL_ITEM")
    ok(item is not None, "it can hold mail back")
    envelope, = unpack("Q", item[8:])
    c.message("queue", "CONTROL_QUEUE_MESSAGE",
              request(3, envelope >> 10) + bytes(16))
    body = c.heard("queue", "QUEUE_CONTROL_BODY")
    ok(body and b"what is in a message" in body, "read it")
    c.message("queue", "CONTROL_QUEUE_EDIT", request(4, envelope,
                                                     edit(4, 2)))
    c.message("queue", "CONTROL_ANY_PAUSE", request(5, 3, 0))
    c.e.ask("up queue 300")
    c.message("queue", "CONTROL_QUEUE_LIST", request(6, 0, 10))
    eq(c.heard("queue", "QUEUE_CONTROL_ITEM", 500), None, "and remove it")
    eq(len(c.s.mails("smtpst1")), n, "which nobody gets")


main("control", 0, SAYS, [secrets, states, accusations, floods, by_nature,
                          malformed, fuzz], memory={
    "net": 80, "queue": 80, "policy": 80, "relay": 80, "smtpsd": 80})
