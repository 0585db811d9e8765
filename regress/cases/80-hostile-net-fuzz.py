"""A net process that was taken over: what it says wrongly.

Every message that is malformed, foreign or random, on each of its links; see
80-hostile-net.py.  The others live on and mail goes through the other net
process; whoever breaks a rule is killed.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from hostile import *

LINKS = ["parent", "sign", "policy", "queue", "control"]
LISTEN = """\
listen on 127.0.0.1 smtps port %d auth <users> senders <senders>
listen on 127.0.0.1 smtp port 10026
""" % PORT
SPOKEN = {"parent": ["NET_PARENT_AUTH", "NET_PARENT_AUTH_CANCEL",
                     "NET_PARENT_AUTH_STEP", "NET_PARENT_PEER",
                     "ANY_PARENT_BROKE"],
          "sign": ["NET_PARENT_SIGN"],
          "policy": ["NET_POLICY_MAIL", "NET_POLICY_RCPT", "NET_POLICY_RESET",
                     "NET_POLICY_END", "NET_POLICY_HEADER"],
          "queue": ["NET_QUEUE_BODY", "NET_QUEUE_END", "NET_QUEUE_ABORT"],
          "control": ["NET_CONTROL_SESSION", "NET_CONTROL_LISTENER",
                      "ANY_CONTROL_STAT", "ANY_CONTROL_DONE"]}


def spoken(link):
    return ["MSG_" + name for name in SPOKEN[link]]


def header(kind, size, mark=0):
    return struct.pack("=IIII", kind, size | mark, 0, 1)


def malformed(c):
    """Frames that are none."""
    for link in LINKS:
        name = spoken(link)[0]
        kind, least, most, fd, text = c.shapes[name]
        for what, data, nfds in [
                ("a length of 0", header(kind, 0), 0),
                ("a length of 15", header(kind, 15) + b"x" * 16, 0),
                ("a length of 16385", header(kind, 16385), 0),
                ("a length of 2^31 - 1", header(kind, 2 ** 31 - 1), 0),
                ("descriptors without a message", b"\0", 8),
                ("64 descriptors", header(kind, 16 + most), 64)]:
            c.e.ask("bytes %s %s %d" % (link, data.hex(), nfds))
            if "descriptors" in what and link == "parent":
                # It may hold what comes with half a message, up to 64.
                for i in range(20):
                    c.e.ask("bytes %s 00 8" % link)
            c.killed("%s: %s" % (link, what), link=link)
        # Half a message is no message.
        c.e.ask("bytes %s %s" % (link, header(kind, 16 + most).hex()))
        eq(c.e.ask("up %s 50" % link).rest, "1", link + ": half a message")
        c.e.ask("exit 0")
        c.again()
    c.suffer("malformed frames")


def shapes(c):
    """Of every message it may send: short, long, a descriptor, no end."""
    for link in LINKS:
        for name in spoken(link):
            kind, least, most, fd, text = c.shapes[name]
            cases = [("a byte short", least - 1, 0, fd),
                     ("empty", 0, 0, fd), ("a byte long", most + 1, 0, fd),
                     ("as long as can be", 16368, 0, fd),
                     ("a stray descriptor" if not fd else "no descriptor",
                      least, 0, 1 - fd)]
            if text:
                cases.append(("text without end", least, 65, fd))
            for what, size, byte, nfds in cases:
                c.e.ask("fill %s 0x%x %d %d %d" % (link, kind, size, byte,
                                                   nfds))
                c.killed("%s: %s" % (name, what), link=link)
    c.suffer("shapes")


def foreign(c):
    """Every message of every other role, on every link; to control a
    part of them, because its word counts four times."""
    n, survived = 0, []
    for link in LINKS:
        mine = set(spoken(link))
        shapes = list(c.shapes.items())
        for name, (kind, least, most, fd, text) in \
                shapes[::16 if link in BETWEEN else 1]:
            if name in mine or (link == "parent" and
                                name == "MSG_ANY_PARENT_CONF_DONE"):
                continue
            n += 1
            c.e.ask("fill %s 0x%x %d 0 %d" % (link, kind, least, fd))
            if not c.e.is_killed(5):
                survived.append("%s to %s" % (name, link))
                c.e.ask("exit 1")
            c.spend(link)
            c.again()
    eq(survived, [], "%d messages of other roles: killed for each" % n)
    done = c.shapes["MSG_ANY_PARENT_CONF_DONE"][0]
    c.e.ask("send parent 0x%x %s" % (done, struct.pack(
        "=IIHHI", 1, 0, 2, 7, 0).hex()))
    c.e.ask("send parent 0x%x %s" % (done, struct.pack(
        "=IIHHI", 10 ** 9, 0, 2, 7, 0).hex()))
    c.killed("CONF_DONE of what never was")
    c.e.ask("fill sign 0x112 41 0")
    c.killed("a signature with no key")
    c.suffer("messages of other roles")


def fuzz(c, n=3000, seed=20260101):
    """Random messages in their shapes, all of its links."""
    total = dead = 0
    for link in LINKS:
        for i, name in enumerate(spoken(link)):
            if "BROKE" in name:
                continue        # is obeyed: 80-hostile-net-accuse.py
            kind = c.shapes[name][0]
            for own in (1, 0):
                left, lives = n if own else 50, 0
                while left > 0 and lives < (2 if link in BETWEEN else 25):
                    got = c.e.ask("fuzz %s 0x%x %d %d %d" % (
                        link, kind, left, seed + i + lives, own))
                    sent = max(int(got.sent or 1), 1)
                    left -= sent
                    total += sent
                    if got.word != "ok" or c.e.is_killed(0.03):
                        c.e.is_killed(5)
                        dead += 1
                        lives += 1
                        c.spend(link)
                        c.again()
    # Within the rules, in any order.
    for i in range(3):
        for k in range(0, 64, 4):
            c.e.ask("auth %d %s 1 198.51.100.1 plain:smtpst1:%s", k,
                    c.ids[PORT], PASSWORD % "smtpst1")
        got = c.e.ask("storm %d %d %s %s", 10000, seed + i, c.ids[PORT],
                      c.ids[10026])
        if not eq(got.word, "ok", "a storm of messages in any order"):
            diag(got)
            c.again()
            continue
        eq(c.e.ask("up policy 100").rest + c.e.ask("up queue 10").rest +
           c.e.ask("up parent 10").rest, "111", "it breaks no rule")
        total += int(got.sent)
        c.e.ask("exit 0")
        c.again()
    diag("%d messages, killed %d times" % (total, dead))
    ok(total > 10000 and dead > 20, "fuzz")
    c.suffer("fuzz", {"policy": 60, "queue": 140, "smtpsd": 30})


main([malformed, shapes, foreign, fuzz], listen=LISTEN,
     rules=DEFAULT_RULES + 'match from any for domain <domains> action '
     '"local"\n')
