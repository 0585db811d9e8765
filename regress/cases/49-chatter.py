# alone: it compares times
"""Strangers who never send a message: commands that cost little in any
number, and a long list as the recipient again and again.  A client with mail
is served beside them."""
import os, select, signal, socket, statistics, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

CROWD = 20
LIST = 400
OPEN = 10025                    # the port of strangers
WORST = 15 * CROWD              # times slower than alone

MEMBERS = ",".join("r%d@far.example" % i for i in range(LIST))
FLOODS = [
    ("NOOP", b"NOOP\r\n" * 4000),
    ("the same list", b"MAIL FROM:<a@b.example>\r\n" +
     b"RCPT TO:<all@example.org>\r\n" * 999 + b"RSET\r\n"),
    ("lists and no message", (b"MAIL FROM:<a@b.example>\r\n" +
     b"RCPT TO:<all@example.org>\r\n" * 3 + b"RSET\r\n") * 200),
    ("a list with tags", b"MAIL FROM:<a@b.example>\r\n" + b"".join(
        b"RCPT TO:<all+%d@example.org>\r\n" % i for i in range(999)) +
     b"RSET\r\n"),
]


def flood(text):
    """In a process of its own, until it is killed or alone."""
    clients, parent = {}, os.getppid()
    for _ in range(CROWD):
        c = socket.create_connection(("127.0.0.1", OPEN))
        c.sendall(b"EHLO client.example\r\n")
        c.setblocking(False)
        clients[c] = b""
    while clients and os.getppid() == parent:
        can_read, can_write, _ = select.select(list(clients), list(clients),
                                               [], 1)
        for c in can_read:
            try:
                if not c.recv(1 << 20):
                    del clients[c]
            except BlockingIOError:
                pass
            except OSError:
                clients.pop(c, None)
        for c in can_write:
            if c not in clients:
                continue
            try:
                rest = clients[c] or text
                clients[c] = rest[c.send(rest):]
            except BlockingIOError:
                pass
            except OSError:
                clients.pop(c, None)
    while os.getppid() == parent:       # all were sent away
        time.sleep(1)


def delays(s, n):
    """Seconds of each of n messages in one session; fewer if they crawl."""
    took = []
    with s.client() as c:
        for i in range(n):
            start = time.perf_counter()
            c.sendmail("smtpst1@example.org", ["smtpst2@example.org"],
                       message("m%d" % i))
            took.append(time.perf_counter() - start)
            if sum(took) > 8:
                break
    return statistics.median(took)


with Server(listen="listen on 127.0.0.1 smtps port %d auth <users> senders "
            "<senders>\nlisten on 127.0.0.1 smtp port %d" % (PORT, OPEN),
            aliases="postmaster: smtpst1\nall: %s\n" % MEMBERS,
            rules='match from any for domain <domains> action "local"\n'
            'match from auth for any action "out"\n') as s:
    eq(s.ctl("pause", "mda").returncode, 0, "deliveries wait")
    for name, text in FLOODS:
        alone = delays(s, 30)
        pid = os.fork()
        if pid == 0:
            try:
                flood(text)
            finally:
                os._exit(1)
        time.sleep(1)
        beside = delays(s, 20)
        eq(os.waitpid(pid, os.WNOHANG), (0, 0), name + ": they go on")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        diag("%.1f ms alone, %.1f ms beside" % (1000 * alone, 1000 * beside))
        ok(beside < WORST * alone, name + ": others are served")
    s.ctl("remove", "all")
done()
