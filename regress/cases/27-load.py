# alone: it compares times
"""Load through to another's server: Postfix's smtp-sink as the next hop.

2,000 messages of different sizes from 20 connections at once; then again with
the next hop gone in the middle of it.  What was acknowledged arrives whole.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import atexit
import glob
import shutil
import subprocess
import tempfile
from unpack import unpack


def fetch(directory):
    """smtp-sink and its environment; unpacked, for to install Postfix would
    make it the machine's mail server.  With None: why there is none."""
    env = dict(os.environ, MAIL_CONFIG=directory)
    open(directory + "/main.cf", "w").close()
    sink = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if sink:
        return sink, env
    why = unpack("postfix", directory, depends=True)
    if why:
        return None, "no smtp-sink, " + why
    env["LD_LIBRARY_PATH"] = ":".join(
        [directory + "/root/usr/lib/postfix"] +
        glob.glob(directory + "/root/usr/lib/*-linux-*") +
        glob.glob(directory + "/root/lib/*-linux-*"))
    return directory + "/root/usr/sbin/smtp-sink", env


def clean():
    if not os.environ.get("KEEP"):
        shutil.rmtree(scratch, ignore_errors=True)


# Importing smtpsdtest takes the network away.
scratch = tempfile.mkdtemp(prefix="smtpsd-load.", dir="/tmp")
os.chmod(scratch, 0o755)
atexit.register(clean)
SINK, ENV = fetch(scratch) if os.getuid() == 0 else (None, None)

from smtpsdtest import *

import itertools
import threading

MESSAGES = 2000
CONNECTIONS = 20


class Sink:
    """smtp-sink; every message becomes a file in scratch/mail."""

    def __init__(self):
        os.makedirs(scratch + "/mail")
        shutil.chown(scratch + "/mail", "nobody")
        self.start()

    def start(self):
        self.log = open(scratch + "/sink.log", "ab")
        self.process = subprocess.Popen(
            ["timeout", "360", SINK, "-u", "nobody", "-d",
             scratch + "/mail/%H%M%S.", "127.0.0.1:%d" % HOP_PORT, "100"],
            env=ENV, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log)

        def listens():
            if self.process.poll() is not None:
                return True
            try:
                socket.create_connection(("127.0.0.1", HOP_PORT)).close()
                return True
            except OSError:
                return False
        until(listens)
        if self.process.poll() is not None:
            with open(scratch + "/sink.log") as f:
                raise RuntimeError("smtp-sink: " + f.read())

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.stop()


def text(n):
    """A body that no other message has; every fiftieth is large."""
    line = "%d %s\r\n" % (n, "abcdefghij" * (n % 7))
    return "." + line + line * (1500 if n % 50 == 0 else n % 40) + "end\r\n"


def recipients(n):
    return ["far%d.%d@far.example" % (n, i)
            for i in range(3 if n % 10 == 0 else 1)]


class Load:
    """Messages first..first+count-1, from all connections at once."""

    def __init__(self, s, first, count):
        self.s = s
        self.numbers = itertools.count(first)
        self.end = first + count
        self.lock = threading.Lock()
        self.acknowledged = set()
        self.errors = []
        self.threads = [threading.Thread(target=self.sender, daemon=True)
                        for i in range(CONNECTIONS)]
        for t in self.threads:
            t.start()

    def sender(self):
        try:
            with self.s.client() as c:
                while True:
                    with self.lock:
                        n = next(self.numbers)
                    if n >= self.end:
                        return
                    refused = c.sendmail("smtpst1@example.org", recipients(n),
                                         message("number %d" % n, text(n)))
                    with self.lock:
                        self.acknowledged.add(n)
                        self.errors += refused.items()
        except Exception as e:
            with self.lock:
                self.errors.append("%s: %s" % (type(e).__name__, e))

    def wait(self, seconds=120):
        end = time.time() + seconds
        for t in self.threads:
            t.join(max(0, end - time.time()))
        return not [t for t in self.threads if t.is_alive()]


def arrived():
    """[(number, recipient)] of whole messages, names of the others."""
    pairs, bad = [], []
    for path in glob.glob(scratch + "/mail/*"):
        with open(path, newline="") as f:
            head, _, body = f.read().replace("\r\n", "\n").partition("\n\n")
        m = re.search(r"(?m)^Subject: number (\d+)$", head)
        n = int(m.group(1)) if m else None
        if n is None or body.rstrip("\n") != \
                text(n).replace("\r\n", "\n").rstrip("\n"):
            bad.append(path)
            continue
        pairs += [(n, r) for r in
                  re.findall(r"(?m)^X-Rcpt-Args: <([^>]*)>", head)]
    return pairs, bad


def check(load, what):
    want = {(n, r) for n in load.acknowledged for r in recipients(n)}
    pairs, bad = arrived()
    lost = want - set(pairs)
    ok(not lost, "%s: no acknowledged message is lost: %d, %s" %
       (what, len(lost), sorted(lost)[:5]))
    return [p for p in pairs if p in want], bad


def steady(s, sink):
    start = time.time()
    load = Load(s, 0, MESSAGES)
    ok(load.wait(), "all connections end")
    diag("%.0f messages/s accepted" %
         (len(load.acknowledged) / (time.time() - start)))
    eq(load.errors[:5], [], "no errors")
    eq(len(load.acknowledged), MESSAGES, "every message is acknowledged")
    ok(s.wait_queue(0, 60), "the queue empties")
    pairs, bad = check(load, "steady")
    eq(bad[:5], [], "every message that arrived is whole")
    eq(len(pairs), len(set(pairs)), "none arrives twice")


def hop_goes(s, sink):
    """The next hop goes away under load and comes back."""
    load = Load(s, MESSAGES, MESSAGES)
    until(lambda: len(load.acknowledged) > MESSAGES // 4, 60)
    sink.stop()
    before = len(load.acknowledged)
    ok(load.wait(), "all connections end")
    eq(load.errors[:5], [], "no errors without a next hop")
    eq(len(load.acknowledged), MESSAGES, "every message is acknowledged")
    ok(s.show("queue"), "%d messages later the queue holds some" %
       (MESSAGES - before))
    sink.start()
    ok(s.wait_queue(0, 90), "the queue empties")
    check(load, "next hop gone")


try:
    if SINK is None:
        skip("load through to smtp-sink", ENV)
    else:
        with Sink() as sink, Server() as s:
            steady(s, sink)
            hop_goes(s, sink)
finally:
    clean()
done()
