"""Accounts of mail, and faults at chosen system calls.

    tool = build(directory)                 # abuse/faultat.c
    with Fault(tool, pid, "kill", 17) as f: # at its 17th write-type call
        ...
        f.wait_hit()

    book = Book(server, hop)
    book.send(range(10))                    # in one session
    book.check()                            # TAP: nothing lost, no halves

Each message has a number; the book knows which were answered with 250, which
were refused and which got no answer.  Even numbers go to the next hop, odd
ones into a Maildir.
"""

import os
import platform
import queue
import re
import signal
import smtplib
import subprocess
import threading

from smtpsdtest import diag, eq, message, ok, until

HERE = os.path.dirname(os.path.abspath(__file__))
FILLER = "0123456789abcdef" * 4 + "\r\n"


def build(directory):
    """The tool, or None where it does not work."""
    if platform.machine() != "x86_64":
        return None
    tool = os.path.join(directory, "faultat")
    subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-Wall",
                    "-Wextra", "-Werror", "-o", tool,
                    os.path.join(HERE, "..", "abuse", "faultat.c")],
                   check=True)
    return tool


class Fault:
    """One faultat at work on one process."""

    def __init__(self, tool, pid, action=None, n=0, calls=None, path=None,
                 persistent=False, record=None):
        argv = [tool, "-p", str(pid), "-n", str(n)]
        if action:
            argv += ["-a", action]
        if calls:
            argv += ["-c", calls]
        if path:
            argv += ["-f", path]
        if record:
            argv += ["-o", record]
        if persistent:
            argv.append("-P")
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        self.hit = None             # "CALL PATH"
        self.count = None           # calls that it saw, at the end
        threading.Thread(target=self._read, daemon=True).start()
        if self._next(10) != "ready":
            raise RuntimeError("faultat does not hold %d" % pid)

    def _read(self):
        for line in self.process.stdout:
            line = line.decode("utf-8", "replace").strip()
            if line.startswith("hit "):
                self.hit = line[4:]
            elif line.startswith(("gone ", "left ")):
                self.count = int(line.split()[1])
            self.lines.put(line)

    def _next(self, seconds):
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def wait_hit(self, seconds=10):
        return until(lambda: self.hit, seconds)

    def lift(self):
        self.process.send_signal(signal.SIGUSR1)

    def end(self):
        """The process, if it lives, goes on alone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.end()


def number(data):
    m = re.search(rb"(?m)^Subject: number (\d+)\r?$", data)
    return int(m.group(1)) if m else None


class Book:
    def __init__(self, server, hop, user="smtpst2", lines=8):
        self.server, self.hop, self.user = server, hop, user
        self.body = FILLER * lines + "the end\r\n"
        self.accepted, self.refused, self.unknown = set(), {}, set()

    def send(self, numbers):
        """In one session; after a broken one in the next."""
        client = None
        for n in numbers:
            to = self.user + "@example.org" if n % 2 else \
                "far%d@far.example" % n
            try:
                if client is None:
                    client = self.server.client()
                client.sendmail("smtpst1@example.org", [to],
                                message("number %d" % n, self.body))
                self.accepted.add(n)
            except smtplib.SMTPResponseException as e:
                self.refused[n] = "%d %s" % (e.smtp_code,
                                             e.smtp_error.decode())
                client = None
            except smtplib.SMTPRecipientsRefused as e:
                self.refused[n] = "%d %s" % list(e.recipients.values())[0]
                client = None
            except (OSError, smtplib.SMTPException):
                self.unknown.add(n)
                client = None
        if client is not None:
            try:
                client.quit()
            except (OSError, smtplib.SMTPException):
                pass

    def arrived(self):
        """{number: how often}, and the messages that are not whole."""
        counts, halves = {}, []
        end = self.body.encode()
        local = end.replace(b"\r\n", b"\n")
        for data, tail in [(m.data, end) for m in self.hop.messages] + \
                [(d, local) for d in self.server.mails(self.user)]:
            n = number(data)
            counts[n] = counts.get(n, 0) + 1
            if n is None or not data.endswith(tail):
                halves.append(data)
        return counts, halves

    def settle(self, seconds=60):
        """Until all that was accepted is there and the queue is empty."""
        def is_settled():
            counts, _ = self.arrived()
            return self.accepted <= set(counts)
        return until(is_settled, seconds)

    def check(self, what, in_flight=0):
        """in_flight: so many may have been stored and yet refused."""
        counts, halves = self.arrived()
        lost = sorted(self.accepted - set(counts))
        eq(lost, [], what + ": no acknowledged message is lost")
        eq(len(halves), 0, what + ": no half message exists")
        wrong = {n: r for n, r in self.refused.items() if r[:1] != "4"}
        eq(wrong, {}, what + ": whoever was refused may try again")
        ghosts = sorted(set(counts) & set(self.refused))
        ok(len(ghosts) <= in_flight, what + ": what was refused does not "
           "arrive: %d" % len(ghosts))
        diag("%d accepted, %d refused, %d without an answer, %d twice" % (
            len(self.accepted), len(self.refused), len(self.unknown),
            len([n for n in counts.values() if n > 1])))
