# alone: it compares times and memory
"""Crowds: idle sessions, half handshakes, slow clients, an AUTH flood from
many addresses.  Others are served meanwhile, and afterwards memory,
descriptors and processes are what they were.

CROWD=10000 is the real thing; CI takes less."""
import base64, os, random, resource, statistics, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

CROWD = int(os.environ.get("CROWD", "1500"))
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
if hard != resource.RLIM_INFINITY and hard < CROWD + 500:
    CROWD = hard - 500
resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * CROWD + 1000, hard)
                   if hard != resource.RLIM_INFINITY else 2 * CROWD + 1000,
                   hard))


def pss(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return int(re.search(r"^Pss:\s+(\d+) kB", f.read(), re.M).group(1))


def descriptors(s):
    return {process_name(p): len(os.listdir("/proc/%d/fd" % p))
            for p in lasting(s)}


def lasting(s):
    """The processes that do not come and go."""
    return [p for p in s.children() if process_name(p) in CHILDREN]


def address(n):
    return "127.%d.%d.%d" % (1 + n % 200, 1 + n // 200 % 200, 1 + n // 40000)


def connect(n):
    return socket.create_connection(("127.0.0.1", PORT), 30, (address(n), 0))


def delays(s, n=100):
    """Seconds of each of n messages in one session, from MAIL to the 250."""
    took = []
    with s.client() as c:
        for i in range(n):
            start = time.perf_counter()
            c.sendmail("smtpst1@example.org", ["smtpst2@example.org"],
                       message("m%d" % i))
            took.append(time.perf_counter() - start)
    return took


def served(before, during, who):
    """Bounded delay: a factor of the same run, not a time."""
    ok(statistics.median(during) < 20 * statistics.median(before),
       "normal clients beside " + who)
    diag("median %.2f ms, before %.2f ms" % (
        1000 * statistics.median(during), 1000 * statistics.median(before)))


class Flood(threading.Thread):
    """Calls one() with increasing numbers until it is told to end."""

    def __init__(self, one, first):
        super().__init__(daemon=True)
        self.one, self.n, self.over = one, first, False
        self.start()

    def run(self):
        while not self.over:
            self.one(self.n)
            self.n += 1

    def end(self):
        self.over = True
        self.join(60)


with Server(extra="limit sessions 50000\nlimit sessions-per-ip 500\n"
            "limit command-time 30s\n") as s:
    context = s.context()
    delays(s)
    ok(until(lambda: not s.children("deliver"), 30), "deliver has ended")
    net = s.children("net")[0]
    pids, fds, memory = lasting(s), descriptors(s), pss(net)
    before = delays(s)

    # Idle, authenticated.
    idle = []
    for n in range(CROWD):
        t = context.wrap_socket(connect(n), server_hostname="mail.example.org")
        t.recv(512)
        t.sendall(b"EHLO x.example\r\n")
        while b"250 " not in t.recv(4096):
            pass
        idle.append(t)
    eq(descriptors(s)["net"], fds["net"] + CROWD, "%d idle sessions" % CROWD)
    peak = pss(net)
    ok(peak - memory < 40 * CROWD, "less than 40 KiB for each: %.1f" %
       ((peak - memory) / CROWD))
    served(before, delays(s), "idle sessions")
    eq(idle[0].send(b"NOOP\r\n"), 6, "an idle one")
    ok(idle[0].recv(100).startswith(b"250"), "lives")
    for t in idle:
        t.close()
    ok(until(lambda: descriptors(s) == fds), "descriptors return")
    ok(until(lambda: pss(net) < memory + (peak - memory) / 4, 20),
       "memory returns: %d of %d KiB" % (pss(net) - memory, peak - memory))

    # Handshakes half done: a hello without its end, from many addresses.
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200
    half = []
    for n in range(CROWD // 2):
        half.append(connect(n))
        half[-1].sendall(hello)
    ok(until(lambda: descriptors(s)["net"] >= fds["net"] + len(half)),
       "%d handshakes half done" % len(half))
    served(before, delays(s), "half handshakes")
    for t in half:
        t.close()

    # Slow: a byte of a message for each, round and round.
    slow = []
    for n in range(200):
        t = context.wrap_socket(connect(n), server_hostname="mail.example.org")
        t.recv(512)
        slow.append(t)

    def drip(n):
        try:
            slow[n % len(slow)].sendall(b"N")
        except OSError:
            time.sleep(0.01)
        time.sleep(0.001)
    flood = Flood(drip, 0)
    served(before, delays(s), "slow clients")
    flood.end()
    for t in slow:
        t.close()

    # AUTH from a thousand addresses, for one user among others.
    guesses = []

    def guess(n):
        word = base64.b64encode(("\0smtpst%d\0%s" % (
            1 + n % 3, random.random())).encode())
        try:
            with context.wrap_socket(
                    connect(n % 1000), server_hostname="mail.example.org") as t:
                t.recv(512)
                t.sendall(b"EHLO x\r\n")
                t.recv(4096)
                t.sendall(b"AUTH PLAIN " + word + b"\r\n")
                t.settimeout(60)
                guesses.append(t.recv(512)[:3])
        except OSError:
            guesses.append(b"")
    floods = [Flood(guess, i * 250) for i in range(4)]
    until(lambda: len(guesses) > 100, 60)
    at = len(guesses)
    logins = []
    for i in range(10):
        start = time.perf_counter()
        with s.client("smtpst%d" % (1 + i % 3)) as c:
            logins.append(c.noop()[0])
    eq(logins, [250] * 10, "owners log in during the flood")
    served(before, delays(s), "the flood")
    ok(len(guesses) > at, "which goes on: %d attempts" % len(guesses))
    for f in floods:
        f.end()
    ok(b"235" not in guesses, "and gets nowhere")

    ok(until(lambda: descriptors(s) == fds, 60), "descriptors return again")
    if descriptors(s) != fds:
        diag("%s, were %s" % (descriptors(s), fds))
    eq(lasting(s), pids, "the processes are the same")
    ok(until(lambda: pss(net) < memory + (peak - memory) / 4, 20),
       "and so is memory: %d KiB more" % (pss(net) - memory))
done()
