"""The PROXY protocol: who may speak it, exact bytes, and what is refused."""
import os, struct, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

V1, V2, TLS, CLOSED = 10531, 10532, 10533, 10534
LISTEN = """\
listen on 127.0.0.1 smtp port 10531 proxy-v1 <balancers> limit sessions-per-ip 2
listen on 127.0.0.1 smtp port 10532 proxy-v2 <balancers>
listen on 127.0.0.1 smtps port 10533 auth <users> senders <senders> \\
	proxy-v2 127.0.0.0/30
listen on 127.0.0.1 smtp port 10534 proxy-v1 192.0.2.0/24
"""
EXTRA = "table balancers { 127.0.0.1, 127.0.0.2, 2001:db8::/64 }\n"
RULES = """\
match from auth for domain <domains> action "local"
match from src 198.51.100.0/24 for any action "out"
"""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source, family="TCP4", to="203.0.113.1"):
    return ("PROXY %s %s %s 40000 25\r\n" % (family, source, to)).encode()


def v2(source, tail=b"", command=0x21):
    six = ":" in source
    family = socket.AF_INET6 if six else socket.AF_INET
    body = socket.inet_pton(family, source)
    body += body + struct.pack(">HH", 40000, 25) + tail
    return (SIGNATURE + bytes([command, 0x21 if six else 0x11]) +
            struct.pack(">H", len(body)) + body)


def relays(c):
    """Does the session count as one from 198.51.100.0/24?"""
    c.ask("EHLO x.example")
    c.ask("MAIL FROM:<x@example.com>")
    return c.ask("RCPT TO:<x@example.net>")[:3] == "250"


def closed(s, port, data, name, wait=False):
    with Plain(s, port, False, first=data) as c:
        if wait:
            c.sock.shutdown(socket.SHUT_WR)
        eq(c.reply(), "", name)


def sessions(s):
    return [x["address"] for x in s.show("sessions")]


def good(s):
    for port, make in ((V1, v1), (V2, v2)):
        for address, want in (("198.51.100.7", True), ("192.0.2.7", False)):
            with Plain(s, port, first=make(address)) as c:
                eq(c.greeting[:3], "220", "%d: %s" % (port, address))
                eq(sessions(s), [address], "show sessions has it")
                eq(relays(c), want, "a rule sees it")
            until(lambda: not sessions(s))
            ok(s.wait_log(r"event=end .*address=" + re.escape(address)),
               "and the log")
    for first, want in (
            (v1("2001:db8::7", "TCP6", "2001:db8::8"), "2001:db8::7"),
            (v1("::ffff:198.51.100.8", "TCP6", "::1"), "198.51.100.8"),
            (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
            (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", "127.0.0.1")):
        with Plain(s, V1, first=first) as c:
            eq(sessions(s), [want], "v1: %r" % first[:40])
        until(lambda: not sessions(s))
    for first, want in (
            (v2("2001:db8::7"), "2001:db8::7"),
            (v2("::ffff:198.51.100.8"), "198.51.100.8"),
            (v2("198.51.100.9", b"\x04\0\x01x"), "198.51.100.9"),
            (v2("198.51.100.9", b"\0" * (536 - 12)), "198.51.100.9"),
            (v2("198.51.100.9", command=0x20), "127.0.0.1"),
            (SIGNATURE + b"\x20\0\0\0", "127.0.0.1"),
            (SIGNATURE + b"\x21\0\0\0", "127.0.0.1")):
        with Plain(s, V2, first=first) as c:
            eq(sessions(s), [want], "v2: %r" % first[:40])
        until(lambda: not sessions(s))


def pieces(s):
    """One byte at a time, and all at once with what follows."""
    for port, first in ((V1, v1("198.51.100.7")), (V2, v2("198.51.100.7"))):
        with Plain(s, port, False) as c:
            for i in range(len(first)):
                c.send(first[i:i + 1])
                time.sleep(0.002)
            eq(c.reply()[:3], "220", "%d: in pieces" % port)
        with Plain(s, port, first=first + b"EHLO x.example\r\n") as c:
            eq(c.greeting[:3], "220", "%d: with EHLO behind it" % port)
            eq(c.reply()[:3], "250", "which is answered")
    with Plain(s, TLS, False, first=v2("198.51.100.7")) as c:
        c.tls()
        eq(c.reply()[:3], "220", "TLS behind it")
        c.ask("EHLO x.example")
        ok(c.login()[:3] == "235", "AUTH there")
        ok(s.wait_log(r"event=login .*address=198\.51\.100\.7"),
           "the login has the client's address")


def bad(s):
    for first, name in (
            (b"EHLO x.example\r\n", "no header"),
            (v1("198.51.100.7")[:-2] + b"\n", "a bare LF"),
            (v1("198.51.100.256"), "no address"),
            (v1("198.51.100.7", "TCP6"), "another family"),
            (v1("198.51.100.7", "UDP4"), "UDP"),
            (v1("198.51.100.7").replace(b" 25", b" 65536"), "no port"),
            (v1("198.51.100.7").replace(b"\r\n", b" x\r\n"), "too much"),
            (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "108 bytes"),
            (b"PROXY " + b"x" * 100000, "huge"),
            (v2("198.51.100.7"), "v2")):
        closed(s, V1, first, "v1 refuses: " + name)
    for first, name in (
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),
            (v2("198.51.100.7", b"\0" * (537 - 12)), "one byte too long"),
            (SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 65535, "huge"),
            (SIGNATURE + b"\x31\x11\0\x0c" + b"x" * 12, "version 3"),
            (SIGNATURE + b"\x21\x11\0\x04" + b"x" * 12, "short IPv4"),
            (SIGNATURE + b"\x21\x12\0\x0c" + b"x" * 12, "UDP"),
            (v1("198.51.100.7"), "v1")):
        closed(s, V2, first, "v2 refuses: " + name)
    for port, first in ((V1, v1("198.51.100.7")), (V2, v2("198.51.100.7"))):
        for n in (0, 1, 5, 12, 15, len(first) - 1):
            closed(s, port, first[:n], "%d: cut after %d bytes" % (port, n),
                   True)
    with Plain(s, V1, first=v1("192.0.2.7") + v1("198.51.100.7")) as c:
        ok(c.reply()[:3] == "500", "a second header is no command")
        ok(not relays(c), "and changes nothing")


def unlisted(s):
    closed(s, CLOSED, v1("198.51.100.7"), "a peer that is not listed")
    with Plain(s, CLOSED, False) as c:
        eq(c.reply(), "", "is closed at once, whatever it says")
    with Plain(s, V1, False, "127.0.0.9", v1("198.51.100.7")) as c:
        eq(c.reply(), "", "another address of the same host")
    with Plain(s, V1, True, "127.0.0.2", v1("198.51.100.7")) as c:
        eq(c.greeting[:3], "220", "a listed one")
    ok(s.wait_log("address=127.0.0.9 port=10531 closed: not listed for PROXY"),
       "the log says why")


def per_ip(s):
    """The limit is the clients', not the balancer's."""
    until(lambda: not sessions(s))
    open_ones = [Plain(s, V1, first=v1("192.0.2.%d" % (i // 2)))
                 for i in range(8)]
    eq({c.greeting[:3] for c in open_ones}, {"220"}, "four clients, twice")
    with Plain(s, V1, first=v1("192.0.2.1")) as c:
        eq(c.greeting[:9], "421 4.7.0", "one of them once more")
    with Plain(s, V1, first=v1("192.0.2.99")) as c:
        eq(c.greeting[:3], "220", "somebody else")
    for c in open_ones:
        c.close()


with Server(listen=LISTEN, extra=EXTRA, rules=RULES) as s:
    nets = s.children("net")
    good(s)
    pieces(s)
    bad(s)
    unlisted(s)
    per_ip(s)
    eq(s.children("net"), nets, "net is the same")

done()
