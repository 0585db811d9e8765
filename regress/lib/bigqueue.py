"""Fills the spool of a stopped smtpsd with messages that wait.

    s.stop()
    fill(s, 50000, due=...)     # the schema is what smtpsd made

Rows are written past the daemon, in its own tables; columns that are not
named here get their defaults.  A million takes about a minute.  By hand:

    python3 regress/lib/bigqueue.py /var/spool/smtpsd/queue.db 1000000
"""

import os
import sqlite3
import time

FIRST = 1 << 40             # ids below those of the clock
BODY = (b"From: smtpst1@example.org\r\nTo: somebody@example.net\r\n"
        b"Subject: waits\r\n\r\n" + b"Not yet.\r\n" * 20)


def fill_file(path, n, recipient="r%d@dead.example", due=None, action="out",
              sender="smtpst1@example.org", body=BODY, first=FIRST,
              attempts=1, spread=0):
    """due: seconds since the epoch, an hour from now if None; spread over so
    many seconds.  The last id + 1."""
    owner = os.stat(path)
    now = int(time.time())
    due = now + 3600 if due is None else due
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -200000")
    step = 100000
    for at in range(0, n, step):
        ids = range(first + at, first + min(n, at + step))
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO message (id, created, size, flags, body_id, sender,"
            " user, bounce_action, bounce_user, body)"
            " VALUES (?,?,?,0,0,?,'smtpst1','local','smtpst1',?)",
            ((i, now, len(body), sender, body) for i in ids))
        db.executemany(
            "INSERT INTO envelope (id, next, attempts, action, user,"
            " recipient, original, error) VALUES (?,?,?,?,'',?,?,"
            "'dead.example: 450 4.2.0 not now')",
            ((i << 10 | 1, due + (i % spread if spread else 0), attempts,
              action, recipient % (i - first) if "%" in recipient else
              recipient, recipient % (i - first) if "%" in recipient else
              recipient) for i in ids))
        db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.chown(path + suffix, owner.st_uid, owner.st_gid)
    return first + n


def fill(server, n, **kw):
    return fill_file(server.dir + "/spool/queue.db", n, **kw)


if __name__ == "__main__":
    import sys
    if len(sys.argv) != 3:
        sys.exit("usage: bigqueue.py queue.db messages")
    fill_file(sys.argv[1], int(sys.argv[2]))
