"""The control socket as an attacker uses it: frames of any shape, as any user.

    c = Ctl(path, uid=1000, gid=1000)       # connected as that user
    c.send(frame(QUEUE, request(0, 500)))
    c.answer()                              # [(type, data)] up to DONE
"""

import array
import os
import re
import socket
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = 16


def _types():
    with open(os.path.join(HERE, "..", "..", "common", "proto",
                           "ctl.h")) as f:
        return {name: int(value, 16) for name, value in re.findall(
            r"#define MSG_(\w+)\s+(0x[0-9a-f]+)", f.read())}


TYPES = _types()
DONE = TYPES["CONTROL_CTL_DONE"]
REQUESTS = {n: v for n, v in TYPES.items() if n.startswith("CTL_CONTROL_")}
QUEUE = TYPES["CTL_CONTROL_QUEUE"]
STATS = TYPES["CTL_CONTROL_STATS"]


def request(arg=0, limit=0, tail=b""):
    return struct.pack("=QII", arg, limit, 0) + tail


def frame(kind, data=b"", length=None):
    """length: what the header says instead of the truth."""
    n = HEADER + len(data) if length is None else length
    return struct.pack("=IIII", kind, n & 0xffffffff, 0, 0) + data + \
        b"\0" * (-len(data) % 8)


class Ctl:
    def __init__(self, path, uid=0, gid=0, groups=(), timeout=30):
        self.sock = socket.socket(socket.AF_UNIX)
        before = os.getgroups()
        # The kernel notes who connects at connect(2).
        try:
            os.setgroups(list(groups))
            os.setegid(gid)
            os.seteuid(uid)
            self.sock.connect(path)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(before)
        # Not before: a full backlog is waited for, not an error.
        self.sock.settimeout(timeout)
        self.data = b""

    def send(self, data, fds=()):
        """False: the other side does not want it."""
        try:
            if fds:
                self.sock.sendmsg([data], [(socket.SOL_SOCKET,
                                            socket.SCM_RIGHTS,
                                            array.array("i", fds))])
            else:
                self.sock.sendall(data)
            return True
        except OSError:
            return False

    def _more(self):
        try:
            got = self.sock.recv(1 << 16)
        except ConnectionResetError:
            got = b""
        self.data += got
        return got != b""

    def message(self):
        """(type, data), None at the end of the connection."""
        while True:
            if len(self.data) >= HEADER:
                kind, n = struct.unpack_from("=II", self.data)
                whole = n + -n % 8
                if len(self.data) >= whole:
                    data = self.data[HEADER:n]
                    self.data = self.data[whole:]
                    return kind, data
            if not self._more():
                return None

    def answer(self):
        """Messages of one answer; the last is DONE unless it was closed."""
        got = []
        while not got or got[-1][0] != DONE:
            m = self.message()
            if m is None:
                break
            got.append(m)
        return got

    def ask(self, kind, data=None):
        self.send(frame(kind, request() if data is None else data))
        return self.answer()

    def is_closed(self):
        """The other side hangs up, whatever it says before."""
        try:
            while self._more():
                self.data = b""
            return True
        except socket.timeout:
            return False

    def close(self):
        self.sock.close()


def verdict(answer):
    """'ok', the text of a failure, or 'closed'."""
    if not answer or answer[-1][0] != DONE:
        return "closed"
    data = answer[-1][1]
    if struct.unpack_from("=I", data)[0] == 0:
        return "ok"
    return data[8:].split(b"\0")[0].decode()
