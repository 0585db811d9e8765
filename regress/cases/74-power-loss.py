"""35: power is lost.  The queue's writes and flushes are written down during
a load, and replayed up to some point into a copy: what was flushed is there,
of the rest nothing, all, some or pieces.  Every message that had its 250 by
then must be there whole, with all its recipients; no half message may be.

SMTPSD_SWEEP=1 tries more points."""
import os, random, sqlite3, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import record
from faults import Fault, faultat_done, needs_faultat

SWEEP = bool(os.environ.get("SMTPSD_SWEEP"))
CHUNK_BITS = 20                 # store.h
RCPTS = 3
seed = int(os.environ.get("SEED", "0")) or random.randrange(1, 10 ** 9)
dice = random.Random(seed)
tmp = tempfile.mkdtemp(prefix="smtpsd-test.", dir="/tmp")
needs_faultat()
FILLER = "0123456789abcdef" * 4 + "\r\n"
acks = {}                       # number: time of its 250


def body(n):
    return FILLER * (2400 if n % 8 == 7 else 8) + "the end %d\r\n" % n


def load(s, numbers):
    with s.client() as c:
        for n in numbers:
            c.sendmail("smtpst1@example.org",
                       ["r%d-%d@far.example" % (n, i) for i in range(RCPTS)],
                       message("number %d" % n, body(n)))
            acks[n] = time.monotonic_ns()


def replay(disk, cut, how):
    """The spool if power is lost at this event."""
    shutil.rmtree(tmp + "/replay", ignore_errors=True)
    disk.cut(cut, how, dice, tmp + "/replay")
    return tmp + "/replay/0"


def look(directory):
    """({number: recipients}, faults) of a spool, by SQLite alone."""
    db = sqlite3.connect(directory + "/queue.db")
    found, faults = {}, []
    state = db.execute("PRAGMA integrity_check").fetchone()[0]
    if state != "ok":
        faults.append("integrity: " + state)
    for ident, size, body_id, text in db.execute(
            "SELECT id, size, body_id, body FROM message"):
        if body_id:
            text = b"".join(r[0] for r in db.execute(
                "SELECT data FROM chunk WHERE id >= ? AND id < ? ORDER BY id",
                (body_id << CHUNK_BITS, (body_id + 1) << CHUNK_BITS)))
        m = re.search(rb"(?m)^Subject: number (\d+)\r?$", text or b"")
        if not m or len(text) != size or not text.endswith(
                body(int(m.group(1))).encode()):
            faults.append("half message %x" % ident)
            continue
        n = db.execute("SELECT count(*) FROM envelope WHERE id >= ? AND "
                       "id < ?", (ident << 10, (ident + 1) << 10)).fetchone()
        found[int(m.group(1))] = n[0]
    db.close()
    return found, faults


with Server() as s:
    s.ctl("pause", "mta")
    load(s, [10 ** 6])
    time.sleep(1)
    spool = s.dir + "/spool"
    f = Fault(s.children("queue")[0], n=0, path=spool, record=tmp + "/record")
    ok(f.is_held, "the queue is watched")
    disk = record.Disk(spool)
    acks.clear()
    threads = [threading.Thread(target=load, args=(
        s, range(i * 100, i * 100 + 10))) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    eq(len(acks), 40, "a load of 40 messages")
    eq(s.stop(), 0, "stops")            # which moves the log to its place
    f.end()
    acks[10 ** 6] = 0
    disk.load(record.read([tmp + "/record"]))
    near, far = disk.cuts()
    cuts = near + dice.sample(far, min(len(far), 400 if SWEEP else 30))
    diag("%d events; %d cuts at flushes, %d others; SEED=%d" % (
        len(disk.events), len(near), len(cuts) - len(near), seed))
    tried, lost, bad, torn_lists = 0, [], [], []
    for cut in cuts:
        must = {n for n, at in acks.items() if at < disk.time(cut)}
        for how in ("none", "all", "some", "torn"):
            found, faults = look(replay(disk, cut, how))
            tried += 1
            lost += [(cut, how, n) for n in must - set(found)]
            bad += [(cut, how, w) for w in faults]
            torn_lists += [(cut, how, n) for n, count in found.items()
                           if count != RCPTS]
    ok(tried > 100, "attack 35: %d replays" % tried)
    eq(lost[:5], [], "attack 35: every acknowledged message is there")
    eq(bad[:5], [], "attack 35: and no half one")
    eq(torn_lists[:5], [], "attack 35: each with all its recipients")
    # smtpsd itself starts on some of them and sends what is there.
    for cut in dice.sample(cuts, 3):
        how = dice.choice(["none", "some", "torn"])
        left = replay(disk, cut, how)
        shutil.copytree(left, tmp + "/left", dirs_exist_ok=True)
        want = look(tmp + "/left")[0]   # which opens and changes it
        shutil.rmtree(tmp + "/left")
        shutil.rmtree(spool)
        shutil.copytree(left, spool)
        owner = pwd.getpwnam("_smtpsq")
        for name in [""] + os.listdir(spool):
            os.chown(os.path.join(spool, name), owner.pw_uid, owner.pw_gid)
            os.chmod(os.path.join(spool, name), 0o600 if name else 0o700)
        s.start()
        got = {m.rsplit("-", 1)[0] for m in
               [q["recipient"] for q in s.show("queue")]}
        eq(got, {"r%d" % n for n in want}, "attack 35: smtpsd starts after "
           "cut %d, %s" % (cut, how))
        eq(s.stop(), 0, "and stops")
    # The ledger can fail: without flushes something is missing.
    disk.unflush()
    end = len(disk.events)
    must = {n for n, at in acks.items() if at < disk.time(end)}
    ok(must - set(look(replay(disk, end, "none"))[0]), "attack 35: a disk "
       "that does not flush would lose some")
    s.start()

    # A mailbox: the file, its new name, and only then the result.
    s.send("smtpst2@example.org")
    ok(s.wait_mail(1, "smtpst2"), "a mailbox")
    f = Fault(s.children("deliver")[0], n=0, record=tmp + "/record")
    for i in range(2, 5):
        s.send("smtpst2@example.org", body=body(i))
        # Its result too: the file is there before the queue is told.
        until(lambda: len(s.log_lines(
            r"result=delivered to=<smtpst2@")) >= i)
    f.end()
    events = record.read([tmp + "/record"])
    moves = [i for i, e in enumerate(events) if e.call in ("rename", "link")
             and "/new/" in e.path2]
    eq(len(moves), 3, "attack 35: three messages into the mailbox")
    for i in moves:
        e = events[i]
        ok(any(f.flushes and f.path == e.path for f in events[:i]) and
           not any(f.writes and f.path == e.path for f in events[i:]),
           "attack 35: flushed before it gets its name")
        told = next(k for k in range(i, len(events))
                    if events[k].call == "sendmsg")
        ok(any(f.flushes and f.path == os.path.dirname(e.path2)
               for f in events[i:told]),
           "attack 35: the directory flushed before the queue is told")
shutil.rmtree(tmp)
faultat_done()
done()
