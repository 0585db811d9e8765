"""What a disk may hold after power was lost, from a record of faultat -o.

    disk = Disk(base, read_record(path))    # base: a copy from before
    for cut in disk.cuts(random, 100):
        disk.replay(cut, how, directory)    # how: none all some torn

A write counts as flushed when an fsync or fdatasync of its file began after
it ended, and ended before the cut.  Of the others any may be there, in any
order, also only some of their sectors.  Sizes follow the writes.
"""

import os
import random
import shutil

SECTOR = 512


class Event:
    def __init__(self, line, data):
        words, path, path2 = line.split("\t")
        start, end, self.call, result, offset, size, zero = words.split()
        self.start, self.end = int(start), int(end)     # ns, monotonic
        self.result, self.offset = int(result), int(offset)
        self.path, self.path2 = path, path2
        self.data = bytes(int(size)) if zero == "1" else data

    @property
    def writes(self):
        return self.call in ("write", "pwrite64", "writev", "pwritev") and \
            self.result > 0

    @property
    def flushes(self):
        return self.call in ("fsync", "fdatasync") and self.result == 0


def read_record(path):
    events = []
    with open(path, "rb") as f:
        while True:
            line = f.readline()
            if not line:
                return events
            line = line.decode().rstrip("\n")
            size, zero = line.split("\t")[0].split()[5:7]
            events.append(Event(line, b"" if zero == "1" else
                                f.read(int(size))))


class Disk:
    def __init__(self, base, events):
        self.base = base
        self.events = [e for e in events if e.writes or e.flushes or
                       e.call in ("ftruncate", "unlink")]

    def cuts(self, dice, n):
        """Indices of events: power goes just before.  All flushes first."""
        flushes = [i for i, e in enumerate(self.events) if e.flushes]
        after = [i + 1 for i in flushes]
        some = dice.sample(range(len(self.events) + 1),
                           min(n, len(self.events) + 1))
        return sorted(set(flushes + after + some))

    def when(self, cut):
        """What was said before this had to be true."""
        return self.events[cut].start if cut < len(self.events) else \
            self.events[-1].end

    def replay(self, cut, how, directory, dice=random):
        """A copy of the base with what may have come to it."""
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(self.base, directory)
        done = self.events[:cut]
        for i, e in enumerate(done):
            flushed = any(f.flushes and f.path == e.path and
                          f.start >= e.end for f in done[i + 1:])
            path = os.path.join(directory, os.path.basename(e.path))
            if e.writes:
                self._write(path, e, "all" if flushed else how, dice)
            elif e.call == "ftruncate" and (flushed or how == "all"):
                with open(path, "r+b") as f:
                    f.truncate(e.offset)
            elif e.call == "unlink" and how == "all" and \
                    os.path.exists(path):
                os.unlink(path)

    @staticmethod
    def _write(path, e, how, dice):
        pieces = [(0, len(e.data))]
        if how == "none" or (how == "some" and dice.random() < 0.5):
            return
        if how == "torn":
            pieces = [(at, min(at + SECTOR, len(e.data)))
                      for at in range(0, len(e.data), SECTOR)
                      if dice.random() < 0.5]
        with open(path, "r+b" if os.path.exists(path) else "w+b") as f:
            for start, end in pieces:
                f.seek(e.offset + start)
                f.write(e.data[start:end])
