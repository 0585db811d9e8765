# alone: it compares times
"""One client that sends as fast as it can is not all there is.

The mails per second of a client with small messages, alone and beside one
that pipelines big ones without ever waiting for a reply; in turns, so that
both kinds of time see the same machine.  Then a crowd of such clients from
one address."""
import os, select, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

ROUNDS = 2
SECONDS = 1.5
BIG = 1 << 20                   # bytes of a message
WORST = 50                      # times slower than alone, per flooding client


def flood(s, counts):
    """In a process of its own, until it is killed: what the socket takes is
    sent, replies are only counted."""
    r = s.session("smtpst2")
    text = message("big", ("x" * 70 + "\r\n") * (BIG // 72),
                   "smtpst2@example.org")
    group = memoryview(("MAIL FROM:<smtpst2@example.org>\r\n"
                        "RCPT TO:<smtpst2@example.org>\r\n"
                        "BDAT %d LAST\r\n" % len(text) + text).encode())
    os.write(counts, b"!")
    r.sock.setblocking(False)
    at, rest = 0, b""
    while True:
        try:
            at = (at + r.sock.send(group[at:at + 16384])) % len(group)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            select.select([r.sock], [r.sock], [], 1)
        try:
            while True:
                got = r.sock.recv(65536)
                if not got:
                    return
                lines = (rest + got).split(b"\r\n")
                rest = lines.pop()
                os.write(counts, b"." * sum(l.startswith(b"250 2.0.0")
                                            for l in lines))
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass


class Flood:
    def __init__(self, s, n):
        self.read, write = os.pipe()
        self.pids = []
        for i in range(n):
            pid = os.fork()
            if pid == 0:
                try:
                    flood(s, write)
                finally:
                    os._exit(1)
            self.pids.append(pid)
        os.close(write)
        ready = b""
        while ready.count(b"!") < n:
            ready += os.read(self.read, 1)
        time.sleep(0.3)         # it is in full swing

    def end(self):
        """Messages it got accepted; None if it ended by itself."""
        alive = True
        for pid in self.pids:
            alive = os.waitpid(pid, os.WNOHANG) == (0, 0) and alive
            if alive:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        n = 0
        while True:
            got = os.read(self.read, 65536)
            if not got:
                break
            n += got.count(b".")
        os.close(self.read)
        return n if alive else None


def small(r, seconds):
    """Mails in these seconds, and the longest that one took."""
    n, longest = 0, 0.0
    start = now = time.monotonic()
    while now - start < seconds:
        r.send("MAIL FROM:<smtpst1@example.org>\r\n"
               "RCPT TO:<smtpst1@example.org>\r\nDATA\r\n")
        for want in ("250", "250", "354"):
            got = r.reply()
            if got[:3] != want:
                raise RuntimeError(got)
        r.send(message("small") + ".\r\n")
        got = r.reply()
        if got[:3] != "250":
            raise RuntimeError(got)
        n += 1
        longest = max(longest, time.monotonic() - now)
        now = time.monotonic()
    return n / (now - start), longest


with Server(extra="limit messages 1000000\n") as s:
    # What counts here is taking mail; nothing is to fill the mailboxes.
    eq(s.ctl("pause", "mda").returncode, 0, "deliveries wait")
    with s.session() as r:
        small(r, 0.3)
        for clients in (1, 4):
            alone = beside = taken = 0
            worst = 0.0
            for i in range(ROUNDS):
                alone += small(r, SECONDS)[0] / ROUNDS
                f = Flood(s, clients)
                rate, longest = small(r, SECONDS)
                beside += rate / ROUNDS
                worst = max(worst, longest)
                n = f.end()
                if not ok(n is not None, "the flood went on"):
                    break
                taken += n
                s.ctl("remove", "all")
            ok(taken > 0, "%d clients with big messages: %d of them taken" %
               (clients, taken))
            diag("%.0f mails/s alone, %.0f beside %d, the longest took "
                 "%.2f s" % (alone, beside, clients, worst))
            ok(beside * WORST * clients >= alone,
               "small ones get their share beside %d" % clients)
    s.ctl("remove", "all")
    ok(s.wait_queue(0), "all are removed")
done()
