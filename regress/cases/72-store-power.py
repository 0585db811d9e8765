"""The power goes at any write: what was acknowledged is there, and whole.

Records what the queue and a deliver write and flush, makes the disks that a
power cut may leave, and opens each.  SMTPSD_SWEEP=10: ten times as many.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import collections
import random

import record
from faults import *
from nexthop import NextHop

SWEEP = int(os.environ.get("SMTPSD_SWEEP", "1"))
SEED = int(os.environ.get("SMTPSD_SEED", "0")) or random.randrange(1, 10 ** 6)
SOURCES = ["common/base/log.c", "common/mail/xtext.c", "common/mail/address.c",
           "smtpsd/queue/message.c"]
needs_faultat()
rng = random.Random(SEED)
work = tempfile.mkdtemp(prefix="smtpsd-power.", dir="/tmp")
replays = 0


def store_sources():
    """What its Makefile says that the store is."""
    with open(TOP + "/smtpsd/queue/Makefile") as f:
        objects = re.search(r"(?m)^STORE_OBJS = ((?:.*\\\n)*.*)\n", f.read())
    return ["smtpsd/queue/%s.c" % name for name in
            re.findall(r"(\w+)\.o", objects.group(1))]


def build_storetool():
    tool = work + "/storetool"
    flags = run("pkg-config", "--cflags", "libbsd-overlay").text.split()
    p = run("cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-I" + TOP + "/common",
            "-I" + TOP + "/smtpsd/queue", "-Wall", *flags, "-o", tool,
            TOP + "/regress/abuse/storetool.c",
            *[TOP + "/" + c for c in SOURCES + store_sources()],
            "-lsqlite3", "-lbsd", "-lpthread")
    if p.returncode != 0:
        raise RuntimeError(p.text)
    return tool


STORETOOL = build_storetool()


def listed(paths):
    """For each database its bodies; None: it cannot be opened or read."""
    p = subprocess.run([STORETOOL, "list"] + paths, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, timeout=60)
    found, data, at = [], p.stdout, 0

    while at < len(data):
        end = data.index(b"\n", at)
        word, _, rest = data[at:end].partition(b" ")
        at = end + 1
        if word == b"store":
            found.append([])
        elif word == b"message":
            found[-1].append(data[at:at + int(rest)])
            at += int(rest) + 1
        elif word != b"end":
            # the rest is not to be parsed
            found[-1] = None
            break
    if len(found) < len(paths):
        found += [None] * (len(paths) - len(found))
    return found


def replay(disk, count, check, first=0, last=1 << 30):
    """Cuts the power count times; check(disk, k, bodies, target) -> faults."""
    global replays
    near, far = [[k for k in some if first <= k <= last]
                 for some in disk.cuts()]
    faults = collections.Counter()
    for i in range(count):
        k = rng.choice(near if i % 4 else far or near)
        policy = record.POLICIES[i % len(record.POLICIES)]
        target = "%s/cut" % work
        disk.cut(k, policy, rng, target)
        path = target + "/0/queue.db"
        bodies = listed([path])[0] if os.path.exists(path) else []
        for fault in check(disk, k, bodies, target):
            faults["%s" % fault] += 1
            if faults.total() < 6:
                diag("%s: power cut at %d of %d (%r), %s written" %
                     (fault, k, len(disk.events), disk.events[min(
                         k, len(disk.events) - 1)], policy))
        replays += 1
        shutil.rmtree(target, ignore_errors=True)
    return faults


# The store by itself: pieces, commits, removals, copies of the log.

def work_body(n):
    word = b"%d." % n
    size = 150000 if n % 5 == 4 else 3000
    return (word * (size // len(word) + 1))[:size]


def work_check(lines):
    said = [(what, int(t), int(n)) for what, t, n in re.findall(
        r"(?m)^(add|remove|refused|kept) (\d+) (\d+)$", lines)]
    leaves = {}             # message -> from when to when it may be missing
    gone = {}               # what was not taken, from when it is not there
    for i, (what, t, n) in enumerate(said):
        if what == "remove":
            leaves[n] = (said[i - 1][1], 1 << 63)
            gone[n] = t
        elif what in ("kept", "refused"):
            # the next that succeeds has repaired the log
            later = [u for w, u, _ in said[i + 1:] if w in ("add", "remove")]
            end = later[0] if later else 1 << 63
            if what == "kept":
                leaves[n] = (said[i - 1][1], end)
            else:
                gone[n] = end

    def check(disk, k, bodies, target):
        if bodies is None:
            return ["the store cannot be read"]
        there = collections.Counter(int(b.split(b".")[0]) for b in bodies)
        now = disk.time(k)
        faults = ["half a message" for b in bodies
                  if b != work_body(int(b.split(b".")[0]))]
        faults += ["a message twice" for n in there.values() if n > 1]
        faults += ["a removed or refused message is there"
                   for n, t in gone.items() if t < now and there[n]]
        for what, t, n in said:
            start, end = leaves.get(n, (1 << 63, 0))
            if what == "add" and t < now and not there[n] and \
                    not start < now <= end:
                faults.append("an acknowledged message is lost")
        return faults
    return check, said


def work_recorded(name, *fault, **kw):
    spool = "%s/%s" % (work, name)
    os.mkdir(spool)
    disk = record.Disk(spool)
    f = Fault(None, *fault, path=spool, record=spool + ".record",
              command=[STORETOOL, "work", spool + "/queue.db", "60"], **kw)
    f.gone(30)
    f.end()
    disk.load(record.read([spool + ".record"]))
    check, said = work_check(f.text.decode())
    return disk, check, said


diag("seed %d" % SEED)
disk, check, said = work_recorded("alone")
ok(len([1 for what, _, _ in said if what == "add"]) == 60, "the store works")
ok(len([e for e in disk.events if e.is_flush() and e.path.endswith(".db")])
   > 3, "its log is copied into the database now and then")
eq(dict(replay(disk, 200 * SWEEP, check)), {},
   "power cuts of the store: nothing acknowledged is lost")

# A flush that failed: the system may have dropped all before it.
bad, refused = collections.Counter(), 0
for i in range(15 * SWEEP):
    disk, check, said = work_recorded("flush%d" % i, "EIO", 4 + i,
                                      calls="fdatasync")
    refused += len([1 for what, _, _ in said if what == "refused"])
    failed = [k for k, e in enumerate(disk.events)
              if e.is_flush() and e.result != 0]
    if failed:
        bad += replay(disk, 12, check, failed[0], failed[0] + 120)
ok(refused > 0, "failed flushes refuse: %d" % refused)
eq(dict(bad), {}, "after a failed flush nothing acknowledged is lost")

# The same of a flush beside the loop, and while it is under way.
bad, refused, threads = collections.Counter(), 0, 0
for i in range(5):
    disk, check, said = work_recorded("beside%d" % i, "EIO", 1 + i,
                                      calls="fdatasync", threads=True)
    refused += len([1 for what, _, _ in said if what == "refused"])
    for k, e in enumerate(disk.events):
        if e.is_flush() and e.is_of_thread:
            threads += 1
            bad += replay(disk, 20 if e.result else 3, check, max(0, k - 10),
                          k + 120 if e.result else k + 10)
ok(threads >= 25, "%d flushes were beside the loop" % threads)
ok(refused >= 5, "those that fail refuse: %d" % refused)
eq(dict(bad), {}, "after a failed flush beside the loop nothing is lost")

# Opening what a crash left, when the power goes again.
open_spool = work + "/open"
shutil.copytree(work + "/alone", open_spool)
want = listed([work + "/alone/queue.db"])[0]
disk = record.Disk(open_spool)
f = Fault(None, path=open_spool, record=open_spool + ".record",
          command=[STORETOOL, "list", open_spool + "/queue.db"])
f.gone(30)
f.end()
disk.load(record.read([open_spool + ".record"]))
ok(want and disk.events, "a store with a log is opened")
eq(dict(replay(disk, 50 * SWEEP, lambda disk, k, bodies, target:
               [] if bodies == want else ["other messages than before"])), {},
   "power cuts while it is opened: all is there")

# The daemon: queue, one deliver, a next hop that has what it took.

hop = NextHop(port=HOP_PORT)
hop_s = {}
hop_store = hop.store


def store(m):
    hop_store(m)
    n, whole = ledger.number(m.data)
    hop_s.setdefault(n, time.monotonic_ns())


hop.store = store
with Server() as s:
    maildir = os.path.expanduser("~%s/Maildir" % LOCAL)
    s.send(rcpt=LOCAL + "@example.org")
    ok(s.wait_mail(1, LOCAL) and s.wait_queue(0), "mail flows")
    os.unlink(glob.glob(maildir + "/new/*")[0])
    time.sleep(0.1)
    records = [work + "/queue.record", work + "/deliver.record"]
    disk = record.Disk(s.dir + "/spool", maildir)
    held = [hold(s, "queue", path=s.dir + "/spool", record=records[0]),
            hold(s, "deliver", path=maildir, record=records[1])]
    ok(all(held), "queue and deliver are recorded")
    ledger = Ledger(s, hop, clients=3, large=6, pause=0.03, limit=70,
                    large_bytes=HEAVY)
    ledger.join()
    s.wait_queue(0)
    for f in held:
        f.end()
    disk.load(record.read(records))
    beside = [k for k, e in enumerate(disk.events)
              if e.flushes and e.is_of_thread]
    ok(len(beside) > 3, "%d commits were flushed beside the loop" %
       len(beside))
    ok(len(ledger.acknowledged()) == 70, "70 messages")
    copies, halves = ledger.arrived()
    told_ns = {n: int(t * 1e9) for n, t in ledger.told_s.items()}

    def daemon_check(disk, k, bodies, target):
        if bodies is None:
            return ["the store cannot be read"]
        found = list(bodies)
        for path in glob.glob(target + "/1/new/*"):
            with open(path, "rb") as f:
                found.append(f.read())
        numbers = [ledger.number(data) for data in found]
        there = {n for n, _ in numbers}
        now = disk.time(k)
        return ["half a message" for _, whole in numbers if not whole] + [
            "an acknowledged message is lost" for n, t in told_ns.items()
            if t < now and n not in there and
            not (n in hop_s and hop_s[n] < now)]

    bad = replay(disk, 200 * SWEEP, daemon_check)
    for k in beside:
        bad += replay(disk, len(record.POLICIES), daemon_check, k, k)
    eq(dict(bad), {}, "power cuts of the daemon: nothing acknowledged is lost")
    eq((len(copies), halves), (70, 0), "and all arrived")
diag("%d power cuts" % replays)
shutil.rmtree(work, ignore_errors=True)
faultat_done()
done()
