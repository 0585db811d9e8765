"""A FUSE that takes questions and never answers them: whoever waits for it
cannot even be killed.  Anybody may mount one on a directory of his.

    hole = Hole(directory)      # hole.fd is -1 if that cannot be
    hole.asked.wait(10)         # somebody hangs
    hole.end()                  # he gets an error; also at the end of a case
"""

import atexit
import ctypes
import os
import struct
import subprocess
import threading

INIT = 26                       # FUSE_INIT


class Hole:
    def __init__(self, path):
        self.path = path
        self.asked = threading.Event()
        self.fd = -1
        if not os.path.exists("/dev/fuse"):
            return
        fd = os.open("/dev/fuse", os.O_RDWR)
        st = os.stat(path)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"fuse", path.encode(), b"fuse", 0,
                      b"fd=%d,rootmode=40000,user_id=%d,group_id=%d,"
                      b"allow_other" % (fd, st.st_uid, st.st_gid)) != 0:
            os.close(fd)
            return
        self.fd = fd
        atexit.register(self.end)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                question = os.read(self.fd, 1 << 18)
            except OSError:
                return
            opcode, unique = struct.unpack("=IQ", question[4:16])
            if opcode != INIT:
                self.asked.set()
                continue
            out = struct.pack("=IIIIHHIIHH8I", 7, 31, 4096, 0, 0, 0, 4096, 1,
                              0, 0, *[0] * 8)
            os.write(self.fd, struct.pack("=IiQ", 16 + len(out), 0, unique) +
                     out)

    def end(self):
        """To close it would not do: the read in the thread keeps it open."""
        if self.fd == -1:
            return
        self.fd = -1
        for how in ("-f", "-l"):
            subprocess.run(["umount", how, self.path],
                           stderr=subprocess.DEVNULL)
