"""What the memory of a process holds.

    ok(not found(pid, [b"secret"]), "no password")
"""


def read_memory(pid):
    """All readable memory of a process, as a list of bytes."""
    parts = []
    with open("/proc/%d/maps" % pid) as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            words = line.split()
            if not words[1].startswith("r") or "[v" in line:
                continue
            start, end = (int(x, 16) for x in words[0].split("-"))
            try:
                mem.seek(start)
                parts.append(mem.read(end - start))
            except (OSError, ValueError, OverflowError):
                continue
    return parts


def found(pid, words):
    """Those of the words that are there."""
    parts = read_memory(pid)
    return [w for w in words if any(w in p for p in parts)]
