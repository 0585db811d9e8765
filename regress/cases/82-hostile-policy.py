"""A policy that was taken over: it routes as it likes, by nature, but only to
what the configuration names, never as root, and never so much that the queue
or net suffer for long.  See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

MARK = "/tmp/smtpsd-evil-%d" % os.getpid()
SAYS = {"queue": ["POLICY_QUEUE_OPEN", "POLICY_QUEUE_RCPT",
                  "POLICY_QUEUE_CANCEL", "POLICY_QUEUE_USAGE",
                  "POLICY_QUEUE_OWNER", "POLICY_QUEUE_ROUTED",
                  "POLICY_QUEUE_ROUTED_OWNER",
                  "POLICY_QUEUE_ROUTED_DONE"],
        "net": ["POLICY_NET_MAIL_DONE", "POLICY_NET_RCPT_DONE",
                "POLICY_NET_HEADER_DONE", "POLICY_NET_REVOKED"],
        "control": ["POLICY_CONTROL_LIMIT", "ANY_CONTROL_STAT",
                    "ANY_CONTROL_DONE"],
        "parent": ["POLICY_PARENT_USER", "ANY_PARENT_BROKE"]}
ME = "smtpst1@example.org"


def reply_id(name):
    with open(TOP + "/common/mail/reply.h") as f:
        return re.findall(r"^X\((\w+),", f.read(), re.M).index(name)


def bounce(action="", user="", recipient=""):
    return text(action, NAME) + text(user, NAME) + text(recipient, MAILADDR)


def open_(session, tx=1, sender=ME, message=1, route=None, user="smtpst1"):
    return struct.pack("=QQII", session, message, tx, 0) + \
        text(sender, MAILADDR) + text(user, LOGIN) + \
        text("192.0.2.1", IPADDR) + (route or bounce())


def rcpt(session, tx=1, action="local", recipient=ME, user="smtpst1"):
    return struct.pack("=QII", session, tx, 0) + text(action, NAME) + \
        text(recipient, MAILADDR) + text(recipient, MAILADDR) + \
        text(user, NAME)


class Client:
    """A session of the real net in which the hostile policy says yes to
    everything, with what it hands to the queue instead."""

    def __init__(self, c):
        self.c, self.r = c, c.s.session()
        self.tx = 0

    def mail(self, rcpts, opens=None, count=None, waits=True):
        """rcpts: RCPT messages; the reply to the whole message."""
        c = self.c
        self.r.send("MAIL FROM:<%s>\r\n" % ME)
        asked = c.heard("net", "NET_POLICY_MAIL")
        self.session, _, self.tx = unpack("QQI", asked)
        c.message("net", "POLICY_NET_MAIL_DONE", struct.pack(
            "=QQII", self.session, 1, self.tx, reply_id("SENDER_OK")))
        if self.r.reply()[:3] != "250":
            return "MAIL"
        self.r.send("RCPT TO:<%s>\r\n" % ME)
        c.heard("net", "NET_POLICY_RCPT")
        for o in opens if opens is not None else [{}]:
            c.message("queue", "POLICY_QUEUE_OPEN",
                      open_(self.session, self.tx, **o))
        for r in rcpts:
            c.message("queue", "POLICY_QUEUE_RCPT",
                      rcpt(self.session, self.tx, **r))
        c.message("net", "POLICY_NET_RCPT_DONE", struct.pack(
            "=QIIII", self.session, self.tx, 0, reply_id("RCPT_OK"),
            len(rcpts) if count is None else count))
        if self.r.reply()[:3] != "250":
            return "RCPT"
        if self.r.ask("DATA")[:3] != "354":
            return "DATA"
        if not waits:
            return self.r.send(message() + "\r\n.\r\n")
        return self.r.ask(message() + "\r\n.")


def routes(c):
    """Where there is nothing, nobody, or root."""
    client = Client(c)
    for name, r in [("an action that does not exist", dict(action="evil")),
                    ("a path for an action", dict(action="/etc/passwd")),
                    ("a command that no alias has", dict(
                        action="|/usr/bin/touch " + MARK)),
                    ("root", dict(user="root")),
                    ("a user of smtpsd", dict(user="_smtpsq")),
                    ("a user that is a path", dict(user="../../root")),
                    ("nobody", dict(user="")),
                    ("a command in the address", dict(
                        action="command", user="smtpst1",
                        recipient="-x;touch${IFS}%s;@example.org" % MARK)),
                    ("a line in the address", dict(
                        action="out", recipient="a@b.example>\r\nRCPT TO:<"
                        "evil@b.example"))]:
        mark = len(c.s.log())
        got = client.mail([r])
        eq(got[:3], "250", "a recipient with " + name)
        ok(until(lambda: re.search(r"event=delivery .*result=(deferred|"
                                   r"failed|delivered)", c.s.log()[mark:])),
           name + ": has a result")
        lines = re.findall(r"event=delivery .*", c.s.log()[mark:])
        ok(any("result=delivered" not in l for l in lines) or
           "command in" in name, name + ": is not delivered")
    ok(not os.path.exists(MARK), "nothing ran that the configuration does "
       "not name")
    ok(not any("evil@b" in str(m.recipients) for m in hop.messages),
       "no recipient out of a line end")
    who = {l.split("user=")[-1] for l in c.s.log_lines("deliver.*ready")}
    ok("root" not in who, "no deliver as root")
    client.r.close()
    c.peers_live("routes")


def transactions(c):
    """Of nobody, too many, twice, before and after."""
    client = Client(c)
    n = len(c.s.mails("smtpst1"))
    got = client.mail([{}], opens=[{}, {"sender": "evil@example.org"}])
    eq(got[:3], "250", "OPEN twice")
    ok(c.s.wait_mail(n + 1), "the first one counts")
    got = client.mail([{}] * 1100)
    ok(got[:1] == "4", "1,100 recipients: %s" % got)
    mark = len(c.s.log())
    client.mail([{}], count=2, waits=False)     # waits for half a minute
    time.sleep(0.3)
    client.r.close()
    ok("event=accepted" not in c.s.log()[mark:],
       "fewer than it says to net: is not accepted")
    client = Client(c)
    got = client.mail([{}, {}], count=1)
    ok(got[:1] == "4", "more than it says to net: %s" % got)
    got = client.mail([], count=0)
    ok(got[:1] in ("4", "5") or got in ("RCPT", "DATA"),
       "none: %s" % got[:40])
    client.r.close()
    client = Client(c)
    for ident in (0, 2 ** 64 - 1, 2 ** 53):
        got = client.mail([{}], opens=[{"message": ident}])
        eq(got[:3], "250", "message id %x" % ident)
    for i in range(2):
        got = client.mail([{}], opens=[{"message": 4711}])
        eq(got[:3], "250", "an id that is there already" if i else "an id")
    # A bounce that bounces, to an action that cannot be.
    mark = len(c.s.log())
    got = client.mail([dict(user="nosuch")], opens=[dict(route=bounce(
        "local", "nosuch", "nosuch@example.org"))])
    eq(got[:3], "250", "a bounce to where the message could not go")
    ok(until(lambda: len(re.findall("result=failed", c.s.log()[mark:])) >= 2),
       "the second one fails")
    time.sleep(0.3)
    ok(len(re.findall("event=bounce", c.s.log()[mark:])) <= 2, "no loop")
    client.r.close()
    c.peers_live("transactions")


def flood(c):
    """Transactions of nets that are not there, with all recipients."""
    queue = c.before["queue"]
    start = pss(queue)
    for net in range(10):
        for tx in range(70):
            session = (1000 + net) << 32 | tx
            c.message("queue", "POLICY_QUEUE_OPEN", open_(session))
            c.flood("queue", "POLICY_QUEUE_RCPT", 1000, rcpt(session))
    got = c.e.ask("up queue 100").rest
    time.sleep(0.5)
    more = (pss(queue) - start) >> 10
    ok(more < 400, "700,000 recipients of nobody: the queue has %d MiB more"
       % more)
    for i in range(5000):
        c.message("queue", "POLICY_QUEUE_USAGE", b"\xff" * 48 + text(
            "u%d" % i, LOGIN))
    eq(got, "1", "the link stands")
    c.flood("parent", "POLICY_PARENT_USER", 50000, text("smtpst1", NAME))
    c.e.ask("deaf parent 1")
    c.flood("parent", "POLICY_PARENT_USER", 20000, text("nobody", NAME))
    c.exit()
    c.peers_live("floods")


def accusations(c):
    """Of whom it has no link with.  The others: 80-hostile-net-accuse.py."""
    for name in ("relay", "auth", "resolver"):
        c.message("parent", "ANY_PARENT_BROKE",
                  struct.pack("=I", c.id_of(name)))
    time.sleep(0.3)
    c.peers_live("it has nobody killed")


def refusals(c):
    """It refuses what root has changed: the keys in force stay."""
    text = open(c.s.conf_path).read()
    nets = c.s.children("net")
    _, cert, key = c.s.keys[0]
    for i in range(3):
        other = make_cert(c.s.dir, "other%d.example.org" % i, "ec")
        c.s.write("smtpsd.conf", text.replace(cert, other[0]).replace(
            key, other[1]))
        mark = len(c.s.log())
        c.e.ask("obey 0")
        c.s.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        c.e.ask("obey 1")               # of the old one
        c.message("parent", "ANY_PARENT_CONF_DONE",
                  struct.pack("=IIHHI", 2 + 2 * i, 1, 2, 0, 0))
        ok(until(lambda: "the old one is in force" in c.s.log()[mark:], 5),
           "reload %d is refused" % i)
        time.sleep(0.3)                 # net has it a moment later
        try:
            with c.s.raw() as r:
                ok(r, "a handshake with the old key")
        except OSError as e:
            ok(False, "a handshake with the old key: %s" % e)
    c.s.write("smtpsd.conf", text)
    eq(c.s.children("net"), nets, "net lives")
    c.begin_anew()
    c.wired()


from nexthop import NextHop
hop = NextHop(port=HOP_PORT)
main("policy", 0, SAYS, [refusals, routes, transactions, flood, accusations, malformed,
                         fuzz], memory={"queue": 300},
     extra="table xs { x.example }\n",
     actions=DEFAULT_ACTIONS + 'action "command" mda "/usr/bin/tee '
     '%{rcpt}"\n',
     rules=DEFAULT_RULES + 'match from auth for domain <xs> '
     'action "command"\n')
