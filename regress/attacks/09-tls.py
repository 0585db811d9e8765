"""Attacks in and around TLS: SNI, close_notify, renegotiation, tickets.

Numbers are those of the table in README.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import struct
import threading

ME = "smtpst1@example.org"
OTHER = PORT + 1
STARTTLS = PORT + 122


def hello(name):
    """A TLS 1.2 ClientHello with these bytes as its server name."""
    sni = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    ext = struct.pack(">HH", 0, len(sni)) + sni
    ext += bytes.fromhex("000a00080006001d00170018" "000b00020100"
                         "000d000e000c040308040401050308050501")
    body = (b"\x03\x03" + os.urandom(32) + b"\0" +
            bytes.fromhex("000ac02bc02fcca9cca8c030") + b"\x01\x00" +
            struct.pack(">H", len(ext)) + ext)
    msg = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(msg)) + msg


def server_names(s):
    for name in [b"a\\", b"\\", b"\\\\\\", b"a\0b", b"\0", b"", b"\xff" * 10,
                 b"a" * 255, b"." * 64, b"x\r\nevent=login user=root", b"%s%n",
                 b"a\" event=\"x", b"../../../etc/shadow", b"*", b"\x1b[2J",
                 b"mail.example.org.", b"mail.example.org\0evil"]:
        with socket.create_connection(("127.0.0.1", PORT), 10) as c:
            c.sendall(hello(name))
            try:
                got = c.recv(5)
            except OSError:
                got = b""
            ok(got == b"" or got[:1] in b"\x15\x16",
               "attack 9: SNI %r: %s" % (name[:24], got[:1].hex() or "closed"))
    ok(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\uffff]", s.log()),
       "attack 9: the log has only printable ASCII")
    ok(not re.search(r"(?m)^event=|user=root", s.log()),
       "attack 9: and no line that a name made")


class Memory(Plain):
    """TLS through memory: what stands on the socket is ours to choose."""

    def __init__(self, s, port=PORT, version=None):
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.settimeout(10)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = s.context()
        if version:
            context.maximum_version = version
        self.tls_object = context.wrap_bio(self.incoming, self.outgoing,
                                           server_hostname="mail.example.org")
        self.pump(self.tls_object.do_handshake)
        self.text = b""
        self.reply()
        self.ask("EHLO client.example.com")
        self.login()

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def pump(self, call, *args):
        while True:
            try:
                got = call(*args)
                self.flush()
                return got
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError
                self.incoming.write(data)

    def send(self, data):
        self.tls_object.write(data if isinstance(data, bytes)
                              else data.encode())
        self.flush()

    def reply(self):
        while True:
            lines = self.text.split(b"\r\n")
            for i, line in enumerate(lines[:-1]):
                if line[3:4] != b"-":
                    self.text = b"\r\n".join(lines[i + 1:])
                    return b"\n".join(lines[:i + 1]).decode()
            try:
                self.text += self.pump(self.tls_object.read, 65536) or b""
            except (EOFError, ssl.SSLError, OSError):
                return ""

    def goodbye(self):
        try:
            self.tls_object.unwrap()
        except ssl.SSLError:
            pass
        self.flush()

    def rest(self):
        """All bytes until the server closes; None if it does not."""
        got = b""
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    return got
                got += data
        except ConnectionResetError:
            return got
        except OSError:
            return None

    def close(self):
        self.sock.close()


END = b"\r\n.\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\nx\r\n.\r\n" % (
    ME.encode(), ME.encode())


def goodbyes(s):
    """close_notify, then bytes in the clear."""
    def before(r):
        r.ask("MAIL FROM:<%s>" % ME)
        r.ask("RCPT TO:<%s>" % ME)

    def data(r):
        before(r)
        eq(r.ask("DATA")[:3], "354", "attack 14: DATA")
        r.send(b"From: <%s>\r\nSubject: cut\r\n\r\nhalf" % ME.encode())

    def bdat(r):
        before(r)
        r.send(b"BDAT 100\r\nSubject: cut\r\n\r\nhalf")

    def bdat_second(r):
        before(r)
        r.send(b"BDAT 5\r\nSubje")
        eq(r.reply()[:3], "250", "attack 14: BDAT")
        r.send(b"BDAT 100 LAST\r\nct: cut\r\n\r\nhalf")

    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        for what in [before, data, bdat, bdat_second]:
            for clear in [b"", b"x", b"\n", END, b"\x15\x03\x03\0\2\1\0",
                          b"x" * 20000]:
                with Memory(s, version=version) as r:
                    what(r)
                    r.goodbye()
                    try:
                        r.sock.sendall(clear)
                    except OSError:
                        pass
                    got = r.rest()
                    ok(got is not None and b"250" not in got and
                       b"354" not in got,
                       "attack 14: %s in %s, close_notify, %d clear bytes: "
                       "closed" % (version.name, what.__name__, len(clear)))
        # Without close_notify: as if an attacker cut the wire.
        with Memory(s, version=version) as r:
            data(r)
            r.sock.shutdown(socket.SHUT_WR)
            ok(r.rest() is not None, "attack 14: cut in DATA: closed")
        # Clear bytes into the open TLS stream.
        with Memory(s, version=version) as r:
            data(r)
            r.sock.sendall(END)
            ok(r.rest() is not None, "attack 14: clear bytes in DATA: closed")
    s.wait_queue(0)
    subjects = b"".join(s.mails("smtpst1"))
    ok(b"cut" not in subjects, "attack 14: no half message was kept")


def renegotiation(s):
    p = run("timeout", "10", "sh", "-c",
            "{ sleep 1; echo R; sleep 2; echo QUIT; sleep 1; } | "
            "openssl s_client -connect 127.0.0.1:%d -tls1_2 -crlf 2>&1" % PORT)
    ok("RENEGOTIATING" in p.text, "attack 14: the client tried it")
    ok("no renegotiation" in p.text or "handshake failure" in p.text or
       re.search(r"(?i)alert|error|unexpected", p.text.split(
           "RENEGOTIATING")[-1]),
       "attack 14: renegotiation is refused")
    with s.client() as c:
        eq(c.noop()[0], 250, "attack 14: others are served")


def tickets(s):
    """Nothing of one session opens another, nor another listener."""
    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        context = s.context()
        context.maximum_version = version
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(
                socket.create_connection(("127.0.0.1", PORT), 10),
                server_hostname="mail.example.org") as c:
            c.recv(1000)
            c.sendall(b"NOOP\r\n")
            c.recv(1000)                # TLS 1.3 tickets would be in by now
            session = c.session
            ok(not (session and session.has_ticket),
               "attack 22: %s gives no ticket" % version.name)
        for port, name in [(PORT, "mail.example.org"),
                           (OTHER, "mail.example.org"),
                           (PORT, "other.example.org")]:
            with context.wrap_socket(
                    socket.create_connection(("127.0.0.1", port), 10),
                    server_hostname=name, session=session) as c:
                ok(not c.session_reused,
                   "attack 22: %s, no resumption at %d as %s" %
                   (version.name, port, name))
                c.recv(1000)
                c.sendall(b"EHLO x\r\nMAIL FROM:<%s>\r\n" % ME.encode())
                time.sleep(0.2)
                ok(b"\n530 5.7.0 " in c.recv(4000),
                   "attack 22: and nobody is logged in")


def injection(s):
    """Commands behind STARTTLS in one segment, then a handshake."""
    for tail in [b"RSET\r\n", b"EHLO x\r\n", b"\r\n", b"A",
                 b"AUTH PLAIN AHNtdHBzdDEAc2VzYW1l\r\n", b"\x16"]:
        with Plain(s, STARTTLS) as r:
            r.ask("EHLO client.example.com")
            r.send(b"STARTTLS\r\n" + tail)
            got = r.reply()
            eq(got[:9], "503 5.5.1", "attack 19: STARTTLS with %r behind it" %
               tail[:10])
            eq(r.reply(), "", "attack 19: the connection is closed")
    # What was said in the clear is forgotten (RFC 3207 4.2).
    with Plain(s, STARTTLS) as r:
        r.ask("EHLO client.example.com")
        ok("AUTH" not in r.ask("EHLO x"), "attack 19: no AUTH in the clear")
        ok(r.ask("AUTH PLAIN AHNtdHBzdDEAc2VzYW1l")[:3] in ("530", "538"),
           "attack 19: AUTH in the clear is refused")
        eq(r.starttls()[:3], "220", "attack 19: STARTTLS alone")
        ok(r.ask("MAIL FROM:<%s>" % ME)[:3] in ("503", "530"),
           "attack 19: the EHLO in the clear is forgotten")
        ok("STARTTLS" not in r.ask("EHLO x"),
           "attack 19: STARTTLS is not offered again")
        eq(r.ask("STARTTLS")[:3] in ("502", "503"), True,
           "attack 19: nor taken")


with Server(names=("mail.example.org", "other.example.org"), listen=
            "listen on 127.0.0.1 smtps port %d auth <users> senders <senders>\n"
            "listen on 127.0.0.1 smtps port %d auth <users> senders <senders>\n"
            "listen on 127.0.0.1 submission port %d auth <users>\n" %
            (PORT, OTHER, STARTTLS)) as s:
    pids = s.children()
    server_names(s)
    goodbyes(s)
    renegotiation(s)
    tickets(s)
    injection(s)
    ok(set(pids) <= set(s.children()), "attack 9: the same processes as before")
done()
