"""A small SMTP server that plays the next hop of a relay action.

It stores what it gets and can be told to misbehave.  For tests only; the
Python standard library only.  Each connection has a thread.

    hop = NextHop(port=10025, directory="/tmp/x")   # starts it
    hop.fail("rcpt", 450)        # that code at that stage, from now on
    hop.fail("data-end", "close")
    hop.ok()                     # behave again
    hop.messages                 # list of Message, in order of arrival
    hop.stop()

Stages: connect ehlo starttls auth mail rcpt data data-end quit.  What to do
at a stage: a code (int), a whole reply line (str with a space), "close",
"hang", a float: that many seconds of delay, then go on as usual, bytes: sent
as they are instead of the reply, or a function, called with the Session,
that does it all, unless it returns False: go on as usual then.
"""

import base64
import os
import socket
import ssl
import threading
import time


class Message:
    def __init__(self, sender, recipients, data, connection, tls, user,
                 mail="", rcpts=(), chunked=False):
        self.sender = sender
        self.recipients = recipients
        self.data = data            # bytes, dot-stuffing undone
        self.connection = connection
        self.tls = tls
        self.user = user
        self.mail = mail            # the MAIL command
        self.rcpts = list(rcpts)    # the RCPT commands that were accepted
        self.chunked = chunked      # came by BDAT


class NextHop:
    def __init__(self, host="127.0.0.1", port=10025, directory=None,
                 cert=None, key=None, starttls=False, smtps=False,
                 login=None, mechanisms="PLAIN LOGIN", pipelining=True,
                 name="next.example.net",
                 words=("8BITMIME", "ENHANCEDSTATUSCODES",
                        "SIZE 52428800")):
        self.directory = directory
        self.login = login          # (user, password) or None
        self.mechanisms = mechanisms
        self.starttls = starttls
        self.smtps = smtps
        self.pipelining = pipelining
        self.name = name
        self.words = list(words)    # of the reply to EHLO
        self.messages = []
        self.connections = 0
        self.commands = []          # (connection, line)
        self.faults = {}
        self.bad_recipients = {}    # address -> code
        self.lock = threading.Lock()
        self.stopping = False
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert, key)
        self.open = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(self, stage, what):
        self.faults[stage] = what

    def ok(self):
        self.faults.clear()
        self.bad_recipients.clear()

    def wait(self, n, seconds=20):
        """Until n messages are there; True if they came."""
        end = time.time() + seconds
        while len(self.messages) < n and time.time() < end:
            time.sleep(0.02)
        return len(self.messages) >= n

    def drop(self):
        """Closes all connections that stand."""
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        while self.open:
            time.sleep(0.01)

    def stop(self):
        self.stopping = True
        for s in [self.listener] + list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _accept(self):
        while not self.stopping:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                n = self.connections
            threading.Thread(target=self._serve, args=(s, n),
                             daemon=True).start()

    def _wrap(self, s):
        tls = self.context.wrap_socket(s, server_side=True)
        with self.lock:
            self.open.discard(s)
            self.open.add(tls)
        return tls

    def _serve(self, s, n):
        session = None
        with self.lock:
            self.open.add(s)
        try:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.smtps:
                s = self._wrap(s)
            session = Session(self, s, n)
            session.run()
        except (OSError, ssl.SSLError, EOFError, ValueError):
            pass
        finally:
            with self.lock:
                self.open -= {x for x in self.open
                              if x.fileno() == -1 or x is s or
                              (session and x is session.sock)}
            try:
                (session.sock if session else s).close()
            except OSError:
                pass

    def store(self, message):
        with self.lock:
            self.messages.append(message)
            i = len(self.messages)
        if self.directory:
            path = os.path.join(self.directory, "%06d" % i)
            with open(path + ".tmp", "wb") as f:
                f.write(message.data)
            os.rename(path + ".tmp", path)


class Session:
    def __init__(self, hop, sock, n):
        self.hop = hop
        self.sock = sock
        self.n = n
        self.file = sock.makefile("rb")
        self.tls = hop.smtps
        self.user = None
        self.reset()

    def reset(self):
        self.sender = None
        self.recipients = []
        self.mail = ""
        self.rcpts = []
        self.chunks = []

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")

    def line(self):
        line = self.file.readline(65536)
        if not line:
            raise EOFError
        return line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")

    def stage(self, name, arg=None):
        """True: the stage went wrong and has been answered."""
        what = self.hop.faults.get(name)
        if name == "rcpt" and arg in self.hop.bad_recipients:
            what = self.hop.bad_recipients[arg]
        if what is None:
            return False
        if what == "close":
            raise EOFError
        if what == "hang":
            while not self.hop.stopping:
                time.sleep(0.1)
            raise EOFError
        if isinstance(what, float):
            time.sleep(what)
            return False
        if callable(what):
            return what(self) is not False
        elif isinstance(what, bytes):
            self.sock.sendall(what)
        elif isinstance(what, str):
            self.say(what)
        else:
            self.say("%d %d.0.0 told to fail at %s" %
                     (what, what // 100, name))
        return True

    def run(self):
        if self.stage("connect"):
            return
        self.say("220 %s ESMTP test" % self.hop.name)
        while True:
            line = self.line()
            self.hop.commands.append((self.n, line))
            verb = line.split(" ")[0].upper()
            handler = getattr(self, "on_" + verb.lower(), None)
            if handler is None:
                self.say("500 5.5.1 what?")
            elif handler(line) == "quit":
                return

    def on_helo(self, line):
        self.say("250 " + self.hop.name)

    def on_ehlo(self, line):
        if self.stage("ehlo"):
            return
        words = [self.hop.name] + self.hop.words
        if self.hop.pipelining:
            words.append("PIPELINING")
        if self.hop.starttls and not self.tls:
            words.append("STARTTLS")
        if self.hop.login:
            words.append("AUTH " + self.hop.mechanisms)
        for w in words[:-1]:
            self.say("250-" + w)
        self.say("250 " + words[-1])

    def on_starttls(self, line):
        if not self.hop.starttls or self.tls:
            return self.say("502 5.5.1 no")
        if self.stage("starttls"):
            return
        self.say("220 2.0.0 go")
        self.sock = self.hop._wrap(self.sock)
        self.file = self.sock.makefile("rb")
        self.tls = True
        self.reset()

    def on_auth(self, line):
        if self.stage("auth"):
            return
        words = line.split(" ")
        given = words[2] if len(words) > 2 else None
        if words[1].upper() == "PLAIN":
            if given is None:
                self.say("334 ")
                given = self.line()
            parts = base64.b64decode(given).split(b"\0")
            got = tuple(p.decode() for p in parts[1:])
        else:
            if given is None:
                self.say("334 VXNlcm5hbWU6")
                given = self.line()
            user = base64.b64decode(given).decode()
            self.say("334 UGFzc3dvcmQ6")
            got = (user, base64.b64decode(self.line()).decode())
        if got != self.hop.login:
            return self.say("535 5.7.8 no")
        self.user = got[0]
        self.say("235 2.7.0 yes")

    def on_mail(self, line):
        if self.stage("mail"):
            return
        if self.hop.login and self.user is None:
            return self.say("530 5.7.0 log in first")
        self.reset()
        self.mail = line
        self.sender = line[line.index("<") + 1:line.index(">")]
        self.say("250 2.1.0 ok")

    def on_rcpt(self, line):
        address = line[line.index("<") + 1:line.index(">")]
        if self.sender is None:
            return self.say("503 5.5.1 MAIL first")
        if self.stage("rcpt", address):
            return
        self.recipients.append(address)
        self.rcpts.append(line)
        self.say("250 2.1.5 ok")

    def on_data(self, line):
        if not self.recipients:
            return self.say("503 5.5.1 RCPT first")
        if self.stage("data"):
            return
        self.say("354 go")
        data = []
        while True:
            l = self.file.readline()
            if not l.endswith(b"\n"):
                raise EOFError
            if l == b".\r\n":
                break
            data.append(l[1:] if l.startswith(b".") else l)
        self.last = b"".join(data)
        if self.stage("data-end"):
            return self.reset()
        self.take(self.last, False)

    def take(self, data, chunked):
        self.hop.store(Message(self.sender, self.recipients, data, self.n,
                               self.tls, self.user, self.mail, self.rcpts,
                               chunked))
        self.reset()
        self.say("250 2.0.0 taken")

    def on_bdat(self, line):
        words = line.split()
        data = self.file.read(int(words[1]))
        if not self.recipients:
            return self.say("503 5.5.1 RCPT first")
        self.chunks.append(data)
        if words[2:] != ["LAST"]:
            return self.say("250 2.0.0 more")
        if self.stage("data-end"):
            return self.reset()
        self.take(b"".join(self.chunks), True)

    def on_rset(self, line):
        self.reset()
        self.say("250 2.0.0 ok")

    def on_noop(self, line):
        self.say("250 2.0.0 ok")

    def on_quit(self, line):
        if not self.stage("quit"):
            self.say("221 2.0.0 bye")
        return "quit"


if __name__ == "__main__":
    import sys
    if len(sys.argv) != 3:
        sys.exit("usage: nexthop.py port directory")
    NextHop(port=int(sys.argv[1]), directory=sys.argv[2])
    while True:
        time.sleep(3600)
