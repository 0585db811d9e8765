# alone: it compares times
"""31: slow clients.  A byte now and then wins no time; nobody waits for them.

The times are configured small; only the order of things is asserted, and
that they end."""
import os, select, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

TIMES = """limit command-time 3s
limit transaction-time 8s
limit auth-time 20s
limit sessions-per-ip 2000
"""
SLOW = 300


def begins(reply, code, name):
    if not ok(reply.startswith(code), name):
        diag(reply)


def session(s):
    r = s.raw()
    r.ask("EHLO client.example.com")
    r.login("smtpst1")
    return r


def drip(r, data, pause=0.3, seconds=25):
    """Bytes one by one until the other side has had enough; seconds."""
    start = time.time()
    for at in range(10 ** 6):
        if is_readable(r.sock) or time.time() - start > seconds:
            break
        try:
            r.send(data[at % len(data):at % len(data) + 1])
        except (OSError, ssl.SSLError):
            break
        time.sleep(pause)
    return time.time() - start


def is_readable(sock):
    return bool(select.select([sock], [], [], 0)[0])


def transaction(r):
    r.ask("MAIL FROM:<smtpst1@example.org>")
    r.ask("RCPT TO:<smtpst1@example.org>")
    begins(r.ask("DATA"), "354", "DATA")


with Server(extra=TIMES) as s:
    # One byte of a command at a time.
    with session(s) as r:
        took = drip(r, b"NOOP aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
        begins(r.reply(), "421 4.4.2", "a command byte by byte")
        eq(r.reply(), "", "it is closed")
        ok(took < 20, "in time")
    # Of DATA: below the pace.
    with session(s) as r:
        transaction(r)
        took = drip(r, b"Subject: x\r\n\r\n" + b"x" * 500)
        begins(r.reply(), "421 4.4.2 Too slow", "DATA byte by byte")
        ok(took < 20, "in time")
    # Of BDAT: chunks at once, and pauses between them.
    with session(s) as r:
        r.ask("MAIL FROM:<smtpst1@example.org>")
        r.ask("RCPT TO:<smtpst1@example.org>")
        start = time.time()
        reply = "250"
        while reply.startswith("250") and time.time() - start < 25:
            r.send(b"BDAT 1\r\nx")
            reply = r.reply()
            time.sleep(0.5)
        begins(reply, "421 4.4.2 Too slow", "BDAT with pauses")
        ok(time.time() - start < 20, "in time")
    # A silent one in DATA.
    with session(s) as r:
        transaction(r)
        begins(r.reply(), "421 4.4.2", "nothing at all after 354")
    # Fast enough for the pace, but for too long.
    with session(s) as r:
        transaction(r)
        start = time.time()
        line = b"x" * 500 + b"\r\n"
        while time.time() - start < 25 and not is_readable(r.sock):
            try:
                r.send(line)
            except OSError:
                break
            time.sleep(0.2)
        begins(r.reply(), "421 4.4.2", "a transaction without end")
        ok(time.time() - start < 20, "in time")
    # RCPTs without end, each in its time.
    with session(s) as r:
        r.ask("MAIL FROM:<smtpst1@example.org>")
        start = time.time()
        while time.time() - start < 25:
            reply = r.ask("RCPT TO:<smtpst1@example.org>")
            if not reply.startswith("250"):
                break
            time.sleep(0.5)
        begins(reply, "421 4.4.2", "a transaction of RCPTs")
    # TLS: nothing, or a byte of a hello at a time.
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 400
    for name, data in [("no hello", b""), ("a hello byte by byte", hello)]:
        sock = socket.create_connection(("127.0.0.1", PORT), 30)
        start = time.time()
        at = 0
        while time.time() - start < 25 and not is_readable(sock):
            try:
                sock.sendall(data[at:at + 1])
            except OSError:
                break
            at += 1
            time.sleep(0.2)
        try:
            ok(sock.recv(10) == b"", name + ": closed")
        except OSError:
            ok(True, name + ": closed")
        ok(time.time() - start < 20, "in time")
        sock.close()
    # A client that does not read its replies.
    with session(s) as r:
        r.sock.settimeout(1)
        start = time.time()
        try:
            while time.time() - start < 25:
                r.send(b"HELP\r\n" * 1000)
        except (TimeoutError, OSError, ssl.SSLError):
            pass
        ok(until(lambda: s.show("sessions") == [], 20),
           "replies that nobody reads: dropped")
    stats = {x["name"]: x["value"] for x in s.show("stats")}
    ok(stats["net.timeouts"] >= 6, "timeouts are counted")

# Many at once, in all states, and one who is in a hurry.
with Server(extra="limit command-time 60s\nlimit sessions-per-ip 2000\n") as s:
    def submit(n=20):
        start = time.time()
        for i in range(n):
            s.send()
        return time.time() - start
    submit(3)
    alone = submit()
    slow, stop = [], threading.Event()
    for n in range(SLOW):
        if n % 3 == 0:                  # no TLS
            sock = socket.create_connection(("127.0.0.1", PORT), 30)
            slow.append((sock, hello))
        elif n % 3 == 1 or n > 60:      # a command
            r = s.raw()
            slow.append((r.sock, b"EHLO aaaaaaaaaaaaa"))
        else:                           # DATA
            r = session(s)
            r.ask("MAIL FROM:<smtpst1@example.org>")
            r.ask("RCPT TO:<smtpst1@example.org>")
            r.ask("DATA")
            slow.append((r.sock, b"Subject: slow\r\n\r\n"))

    def dribble():
        at = 0
        while not stop.is_set():
            for sock, data in slow:
                try:
                    sock.sendall(data[at % len(data):at % len(data) + 1])
                except OSError:
                    pass
                time.sleep(0.001)
            at += 1
    thread = threading.Thread(target=dribble)
    thread.start()
    eq(len(s.show("sessions")), SLOW, "%d slow clients" % SLOW)
    crowded = submit()
    eq(len(s.show("sessions")), SLOW, "are there all the time")
    stop.set()
    thread.join()
    diag("20 messages: %.2f s alone, %.2f s among them" % (alone, crowded))
    ok(crowded < alone * 5 + 2, "and nobody waits for them")
    r.close()
    for sock, data in slow:
        sock.close()
    ok(until(lambda: s.show("sessions") == [], 20), "all are gone")
done()
