"""A large message and a long queue, shown to somebody who reads slowly: all of
it comes, control and queue keep nothing for him, and others are served."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import hashlib

from bigqueue import fill
from ctlraw import Ctl, TYPES, frame, request

ME = "smtpst1@example.org"
LINES = 540000                  # 78 bytes each: 40 MB
ROWS = 12000                    # 24 pages
PAUSE = 12                      # seconds; control lets nobody idle longer


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def show(s, *args):
    return subprocess.Popen([s.prefix + "/sbin/smtpsctl", "-s",
                             s.dir + "/smtpsd.sock", "show", *args],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(p, digest, n):
    """Reads the rest in many steps; sha256, bytes, complaint, status."""
    while True:
        data = os.read(p.stdout.fileno(), 65536)
        if data == b"":
            break
        digest.update(data)
        n += len(data)
        if n % 7 == 0:
            time.sleep(0.002)
    return digest.hexdigest(), n, p.stderr.read().decode(), p.wait(20)


def begin(p):
    """Reads a little and stops.  What a finish() goes on with."""
    data = os.read(p.stdout.fileno(), 4096)
    return hashlib.sha256(data), len(data)


with Server(retry="1h to 1h") as s:
    s.ctl("pause", "mda")
    s.ctl("pause", "mta")
    s.send(ME, body="".join("%076d\r\n" % i for i in range(LINES)))
    big = s.show("queue")[0]
    whole = subprocess.run([s.prefix + "/sbin/smtpsctl", "-s", s.dir +
                            "/smtpsd.sock", "show", "message",
                            big["message"]], capture_output=True).stdout
    # Behind the header the daemon wrote stands what was sent.
    text = whole.split(b"\r\n\r\n" if b"\r\n\r\n" in whole else b"\n\n", 1)[1]
    eq(re.sub(rb"\D+", b" ", text).strip(),
       b" ".join(b"%076d" % i for i in range(LINES)), "the message is whole")
    eq(len(whole), big["size"], "%d MB of it" % (len(whole) >> 20))
    expected = hashlib.sha256(whole).hexdigest()

    pids = {n: s.children(n)[0] for n in ("control", "queue")}
    before = {n: rss(p) for n, p in pids.items()}
    slow = [show(s, "message", big["message"]) for i in range(8)]
    state = [begin(p) for p in slow]
    # One without smtpsctl's manners: it asks and never reads.
    never = Ctl(s.dir + "/smtpsd.sock")
    never.send(frame(TYPES["CTL_CONTROL_MESSAGE"],
                     request(int(big["message"], 16)) + bytes(16)))
    time.sleep(1)
    for name, pid in pids.items():
        grown = rss(pid) - before[name]
        diag("%s: %d KiB more with nine slow readers" % (name, grown))
        ok(grown < 8 << 10, name + " holds no message for those who do not "
           "read")
    p = show(s, "message", big["message"])
    eq(finish(p, *begin(p)), (expected, big["size"], "", 0),
       "beside them another is shown the whole message")
    s.send(ME, subject="meanwhile")
    eq(len(s.show("queue")), 2, "and mail is accepted")

    time.sleep(PAUSE)
    for i, p in enumerate(slow):
        eq(finish(p, *state[i]), (expected, big["size"], "", 0),
           "%d: read with a pause of %d s, whole" % (i, PAUSE))
    ok(until(lambda: s.ctl("show", "stats").returncode == 0 and
             len([x for x in os.listdir("/proc/%d/fd" % pids["control"])]) <
             30), "control has closed all of them")
    ok(until(never.is_closed, 30), "and the one that never read")

    # Gone meanwhile: what is missing is not hidden.
    p = show(s, "message", big["message"])
    digest, n = begin(p)
    s.ctl("remove", big["message"])
    _, n, err, status = finish(p, digest, n)
    ok(status == 1 and n < big["size"] and "no such message" in err,
       "removed while it was shown: %s" % err.strip())

    # The queue, in pages.
    s.ctl("remove", "all")
    s.stop()
    fill(s, ROWS, recipient="r%d@d.example")
    s.start()
    p = show(s, "queue", "all")
    got = os.read(p.stdout.fileno(), 4096)
    time.sleep(PAUSE)
    while True:
        data = os.read(p.stdout.fileno(), 65536)
        if data == b"":
            break
        got += data
    eq((p.wait(20), p.stderr.read()), (0, b""), "show queue all, read slowly")
    eq([int(n) for n in re.findall(rb"-> r(\d+)@d\.example", got)],
       list(range(ROWS)), "each of %d rows, once, in order" % ROWS)
    ok("broke the rules" not in s.log(), "nobody is accused")
    s.check_alive()
done()
