"""Every command in every state, followed by every command, against a small
model of RFC 5321, 3030, 3207 and 4954; and no message arrives that the model
says was not accepted.

Each run takes a session (a fresh one, or one that RSET brings back to where
the state begins), plays the commands of a state, then two commands, and
compares the first digits of all replies with what the model expects.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *
import base64

ME = "smtpst1@example.org"
# Not in a home: other cases may run.
TOP_DIR = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(TOP_DIR, 0o755)
BOX = TOP_DIR + "/mail/smtpst1"
VIRTUAL = ('action "local" maildir "%s/mail/%%{{dest.user}}" user smtpst3 '
           'alias <aliases>\n' % TOP_DIR).replace("{{", "{").replace("}}", "}")
RULES = 'match from auth for domain <domains> action "local"\n'
PLAIN_PORT = 10587
LOGIN = base64.b64encode(("\0smtpst1\0" + PASSWORD % "smtpst1").encode())
TEXT = b"From: <smtpst1@example.org>\r\nSubject: m%d\r\n\r\nx\r\n"
serial = 0


class Model:
    """What a server must answer; tags of accepted messages."""

    def __init__(self, tls, auth):
        self.tls, self.needs_auth = tls, auth
        self.accepted = []
        self.helo = self.user = self.closed = False
        self.esmtp = False
        self.reset()

    def reset(self):
        self.mail = False           # MAIL was accepted
        self.rcpts = 0
        self.text = None            # of BDAT chunks so far
        self.failed = False         # a refused BDAT: only RSET helps

    def gate(self):
        """The reply that every mail command gets for now, or None."""
        if not self.tls:
            return "530"
        if not self.helo:
            return "503"
        return "530" if self.needs_auth and not self.user else None

    def run(self, name, tag):
        """The expected replies, in order."""
        return getattr(self, "on_" + name)(tag)

    def hello(self, esmtp):
        self.reset()
        self.helo, self.esmtp = True, esmtp
        return ["250"]

    def on_ehlo(self, tag):
        return self.hello(True)

    def on_helo(self, tag):
        return self.hello(False)

    def on_mail(self, tag):
        if self.gate():
            return [self.gate()]
        if self.mail or self.failed:
            return ["503"]
        self.mail = True
        return ["250"]

    def on_rcpt(self, tag):
        if self.gate():
            return [self.gate()]
        if not self.mail or self.text is not None:
            return ["503"]
        self.rcpts += 1
        return ["250"]

    def on_badrcpt(self, tag):
        if self.gate():
            return [self.gate()]
        return ["503"] if not self.mail or self.text is not None else ["550"]

    def data(self, tag, good):
        if self.gate():
            return [self.gate()]
        if not self.mail:
            return ["503"]
        if self.text is not None:
            self.reset()
            self.failed = True
            return ["503"]
        if self.rcpts == 0:
            return ["554"]
        self.reset()
        if not good:
            return ["354", "550"]
        self.accepted.append(tag)
        return ["354", "250"]

    def on_data(self, tag):
        return self.data(tag, True)

    def on_baddata(self, tag):
        return self.data(tag, False)

    def refuse(self, code, last):
        if self.mail:
            self.reset()
            self.failed = not last
        return [code]

    def bdat(self, tag, text, last=False, good=True):
        if self.gate():
            return self.refuse(self.gate(), last)
        if self.failed or not self.esmtp or not self.mail:
            return self.refuse("503", last)
        if self.rcpts == 0:
            return self.refuse("554", last)
        if not good:
            return self.refuse("550", last)
        self.text = (self.text or []) + ([tag] if text else [])
        if last:
            # The first chunk that had a text named the message.
            self.accepted.append(self.text[0] if self.text else None)
            self.reset()
        return ["250"]

    def on_bdat0(self, tag):
        return self.bdat(tag, False)

    def on_bdat(self, tag):
        return self.bdat(tag, True)

    def on_last(self, tag):
        return self.bdat(tag, True, last=True)

    def on_badbdat(self, tag):
        return self.bdat(tag, True, good=False)

    def on_badlast(self, tag):
        return self.bdat(tag, True, last=True, good=False)

    def on_rset(self, tag):
        self.reset()
        return ["250"]

    def on_noop(self, tag):
        return ["250"]

    def on_vrfy(self, tag):
        if not self.tls:
            return ["530"]
        return ["530"] if self.needs_auth and not self.user else ["252"]

    def on_help(self, tag):
        return ["214"]

    def on_auth(self, tag):
        if not self.helo:
            return ["503"]
        if not self.tls:
            return ["538"]
        if self.user or self.mail:
            return ["503"]
        self.user = True
        return ["235"]

    def on_starttls(self, tag):
        if self.tls:
            return ["503"]
        self.closed = True          # the handshake is for other cases
        return ["220"]

    def on_quit(self, tag):
        self.closed = True
        return ["221"]

    def on_unknown(self, tag):
        return ["500"]


def wire(name, tag):
    """The bytes of a command; DATA with its text where it is awaited."""
    text = TEXT % tag
    bad = b"Subject: bad\r\n\r\na\nb\r\n"
    return {
        "ehlo": b"EHLO x\r\n", "helo": b"HELO x\r\n",
        "mail": b"MAIL FROM:<%s>\r\n" % ME.encode(),
        "rcpt": b"RCPT TO:<%s>\r\n" % ME.encode(),
        "badrcpt": b"RCPT TO:<nobody@elsewhere.example>\r\n",
        "data": b"DATA\r\n", "baddata": b"DATA\r\n",
        "bdat0": b"BDAT 0\r\n",
        "bdat": b"BDAT %d\r\n%s" % (len(text), text),
        "last": b"BDAT %d LAST\r\n%s" % (len(text), text),
        "badbdat": b"BDAT %d\r\n%s" % (len(bad), bad),
        "badlast": b"BDAT %d LAST\r\n%s" % (len(bad), bad),
        "rset": b"RSET\r\n", "noop": b"NOOP\r\n", "vrfy": b"VRFY x\r\n",
        "help": b"HELP\r\n", "auth": b"AUTH PLAIN " + LOGIN + b"\r\n",
        "starttls": b"STARTTLS\r\n", "quit": b"QUIT\r\n",
        "unknown": b"XYZZY\r\n"}[name]


def data_text(name, tag):
    return (TEXT % tag if name == "data" else
            b"Subject: bad\r\n\r\na\nb\r\n") + b".\r\n"


COMMANDS = ["ehlo", "helo", "mail", "rcpt", "badrcpt", "data", "baddata",
            "bdat0", "bdat", "last", "badbdat", "badlast", "rset", "noop",
            "vrfy", "help", "auth", "starttls", "quit", "unknown"]
READY = ["ehlo", "auth"]
STATES = {
    "new": [], "greeted": ["ehlo"], "helo": ["helo"],
    "authenticated": READY, "authenticated by HELO": READY + ["helo"],
    "mail": READY + ["mail"], "rcpt": READY + ["mail", "rcpt"],
    "rcpt refused": READY + ["mail", "badrcpt"],
    "bdat open": READY + ["mail", "rcpt", "bdat"],
    "bdat 0 open": READY + ["mail", "rcpt", "bdat0"],
    "bdat failed": READY + ["mail", "rcpt", "badbdat"],
    "last failed": READY + ["mail", "rcpt", "badlast"],
    "after data": READY + ["mail", "rcpt", "data"],
    "after bdat": READY + ["mail", "rcpt", "last"],
    "after refused data": READY + ["mail", "rcpt", "baddata"],
    "after errors": READY + ["unknown", "rcpt", "data", "unknown"],
}


class Player:
    def __init__(self, server, port):
        self.server, self.port = server, port
        self.session = None
        self.accepted = []
        self.steps = 0

    def open(self):
        if self.session is not None:
            self.session.close()
        if self.port == PORT:
            self.session = self.server.raw()
        else:
            self.session = Plain(self.port)
        self.is_ready = False       # authenticated: RSET is enough

    def play(self, model, names):
        """One by one; what was wrong, or None."""
        global serial
        out = []
        for name in names:
            serial += 1
            self.steps += 1
            if model.closed:
                break
            want = model.run(name, serial)
            out.append((name, want, serial))
        # All in one piece, but not beyond a 354.
        data = b""
        pending = []
        for name, want, tag in out:
            data += wire(name, tag)
            pending.append((name, want[0]))
            if want[0] == "354":
                bad = self.flush(data, pending)
                if bad:
                    return bad
                data = data_text(name, tag)
                pending = [(name + " text", want[1])]
        return self.flush(data, pending)

    def flush(self, data, pending):
        self.session.send(data)
        for name, want in pending:
            got = self.session.reply()
            if got[:3] != want:
                return "%s: got %r, want %s" % (name, got, want)
        return None

    def case(self, setup, pair):
        tls = self.port == PORT
        model = Model(tls, True)
        start = list(setup)
        if self.session is None or not (self.is_ready and
                                        setup[:2] == READY):
            self.open()
        else:
            # Where READY leads: the rest of the state from there.
            start = ["ehlo"] + setup[2:]
            model.user = True
        bad = self.play(model, start + list(pair))
        self.accepted += model.accepted
        self.is_ready = bool(model.user) and not model.closed
        if not self.is_ready or bad:
            self.session.close()
            self.session = None
        return bad


class Plain(Raw):
    """Without TLS."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.reply()


def matrix(s, port, states, name):
    p = Player(s, port)
    for state in states:
        bad = []
        for first in COMMANDS:
            for second in COMMANDS:
                why = p.case(STATES[state], (first, second))
                if why:
                    bad.append("%s, %s, %s: %s" % (state, first, second, why))
        if not ok(not bad, "%s: every two commands in state \"%s\"" %
                  (name, state)):
            diag("%d of %d differ" % (len(bad), len(COMMANDS) ** 2))
            diag("\n".join(bad[:10]))
    diag("%d commands" % p.steps)
    return p.accepted


with Server(actions=VIRTUAL, rules=RULES, extra="limit errors 100000\nlimit messages 100000\n",
            listen="listen on 127.0.0.1 smtps port %d auth <users> "
            "senders <senders>\nlisten on 127.0.0.1 submission port %d "
            "auth <users> senders <senders>\n" % (PORT, PLAIN_PORT)) as s:
    accepted = matrix(s, PORT, STATES, "TLS")
    accepted += matrix(s, PLAIN_PORT, ["new", "greeted", "helo"], "in the clear")
    ok(len(accepted) > 100, "%d messages were accepted" % len(accepted))
    ok(s.wait_queue(0, 60), "the queue is empty")
    until(lambda: len(s.mails(directory=BOX)) >= len(accepted), 20)
    got = []
    for m in s.mails(directory=BOX):
        tags = re.findall(rb"(?m)^Subject: m(\d+)$", m)
        got.append(int(tags[0]) if tags else None)

    def key(tag):
        return -1 if tag is None else tag
    eq(sorted(map(key, got)), sorted(map(key, accepted)),
       "exactly those that the model accepts have arrived")
    ok(not any(b"Subject: bad" in m for m in s.mails(directory=BOX)),
       "none that was refused")
shutil.rmtree(TOP_DIR)
done()
