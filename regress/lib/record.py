"""What a disk may hold after a power cut, from a record of faultat -o.

    disk = Disk("/tmp/spool")           # as it is now: all of it is safe
    ... a process works there, recorded ...
    disk.load(read(["record"]))
    near, far = disk.cuts()
    disk.cut(near[5], policy, random, "/tmp/copy")  # into /tmp/copy/0

A change of a file is safe after the next good flush of that file that began
after it, a change of a directory (a name made, moved, removed) after such a
flush of the directory.  What is not safe may be there or not, each for itself,
and a write may be there in part, in units of SECTOR bytes.  The bytes of a file
that were not safe at the end of a flush that failed are not made safe by a
later one: the system may have given them up.  Names are in a journal, which it
does not.
"""

import os

SECTOR = 512
BLOCK = 4096
POLICIES = ["none", "all", "some", "torn"]


class Event:
    def __init__(self, fields, path, path2, data):
        self.start, self.stop = int(fields[0]), int(fields[1])
        self.call, self.result = fields[2], int(fields[3])
        self.offset, self.size = int(fields[4]), int(fields[5])
        self.is_of_thread = fields[7] == "1"    # of a second one
        self.path, self.path2, self.data = path, path2, data

    def is_flush(self):
        return self.call in ("fsync", "fdatasync")

    @property
    def flushes(self):
        return self.is_flush() and self.result == 0

    @property
    def writes(self):
        return len(self.data) > 0

    def __repr__(self):
        return "%s %s %d+%d = %d" % (self.call, self.path, self.offset,
                                     self.size, self.result)


def read(records):
    """The events of several records, in order of time."""
    events = []
    for name in records:
        with open(name, "rb") as f:
            for line in f:
                head, path, path2 = line.decode().rstrip("\n").split("\t")
                fields = head.split()
                size = int(fields[5])
                data = bytes(size) if fields[6] == "1" else f.read(size)
                events.append(Event(fields, path, path2, data))
    return sorted(events, key=lambda e: e.stop)


class File:
    """safe: extents of the file as it was; changes: (kind, offset, data)."""

    def __init__(self, path=None):
        self.extents, self.size = [], 0
        self.changes = []       # [number of the event, offset, data, safe at]
        if path:
            self.size = os.path.getsize(path)
            with open(path, "rb") as f:
                at = 0
                while block := f.read(BLOCK):
                    if block.count(0) != len(block):
                        self.extents.append((at, block))
                    at += len(block)


class Disk:
    def __init__(self, *directories):
        self.directories = directories
        self.files = {}         # path -> File, the live names
        self.start = {}
        self.events = []
        for top in directories:
            for where, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(where, name)
                    self.files[path] = File(path)
        self.start = dict(self.files)
        self.names = []         # [event, changes of names, directory, safe at]

    def load(self, events):
        """Takes the whole record in."""
        self.events = events
        for k, e in enumerate(events):
            if e.is_flush():
                self._flush(k, e)
            elif e.result >= 0:
                self._change(k, e)

    def _name(self, k, path, file, removed=()):
        changes = [(p, None) for p in removed]
        if file is not None:
            changes.append((path, file))
        self.names.append([k, changes, os.path.dirname(path), None])
        for p, f in changes:
            if f is None:
                self.files.pop(p, None)
            else:
                self.files[p] = f

    def _change(self, k, e):
        file = self.files.get(e.path)
        if e.call == "open":
            if file is None:
                self._name(k, e.path, File())
        elif e.call == "unlink":
            self._name(k, e.path, None, [e.path])
        elif e.call == "rename" and file is not None:
            self._name(k, e.path2, file, [e.path])
        elif e.call == "link" and file is not None:
            self._name(k, e.path2, file)
        elif file is None:
            pass
        elif e.call == "ftruncate":
            file.changes.append([k, e.offset, None, None])
        elif e.data:
            file.changes.append([k, e.offset, e.data, None])

    def _flush(self, k, e):
        is_file = e.path in self.files
        if is_file:
            changes = self.files[e.path].changes
        else:
            changes = [n for n in self.names if n[2] == e.path]
        for c in changes:
            if c[-1] is not None:
                continue
            if e.result != 0 and is_file:
                c[-1] = -1
            elif e.result == 0 and self.events[c[0]].stop <= e.start:
                c[-1] = k

    def unflush(self):
        """As if nothing had ever been flushed: a test must notice."""
        for file in self.files.values():
            for change in file.changes:
                change[-1] = None

    def cuts(self):
        """Numbers of events: around each flush, and all others."""
        near = set()
        for k, e in enumerate(self.events):
            if e.is_flush():
                near |= {k, k + 1}
        return sorted(near), [k for k in range(len(self.events))
                              if k not in near]

    def time(self, k):
        """The end of event k, in front of which the power goes: what clients
        had been told by then, is promised."""
        return self.events[k].stop if k < len(self.events) else 1 << 63

    def _is_there(self, change, k, policy, random):
        number, safe = change[0], change[-1]
        if safe is not None and 0 <= safe < k:
            return True
        if policy == "none":
            return False
        return policy == "all" or random.random() < 0.5

    def _names_at(self, k, policy, random):
        names = dict(self.start)
        for change in self.names:
            if change[0] > k or not self._is_there(change, k, policy, random):
                continue
            for path, file in change[1]:
                if file is None:
                    names.pop(path, None)
                else:
                    names[path] = file
        return names

    def _write(self, f, change, k, policy, random):
        _, offset, data, safe = change
        if data is None:
            f.truncate(offset)
            return
        if policy != "torn" or (safe is not None and 0 <= safe < k):
            f.seek(offset)
            f.write(data)
            return
        at = 0
        while at < len(data):
            n = SECTOR - (offset + at) % SECTOR
            if random.random() < 0.5:
                f.seek(offset + at)
                f.write(data[at:at + n])
            at += n

    def cut(self, k, policy, random, target):
        """The disk if the power goes while event k is under way: below the
        target a directory 0, 1, ... for each."""
        for path, file in self._names_at(k, policy, random).items():
            for i, top in enumerate(self.directories):
                if path.startswith(top + "/"):
                    break
            out = os.path.join(target, str(i), path[len(top) + 1:])
            os.makedirs(os.path.dirname(out), exist_ok=True)
            with open(out, "wb") as f:
                f.truncate(file.size)
                for at, block in file.extents:
                    f.seek(at)
                    f.write(block)
                for change in file.changes:
                    if change[0] <= k and self._is_there(change, k, policy,
                                                         random):
                        self._write(f, change, k, policy, random)
