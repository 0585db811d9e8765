"""Faults in running processes, and a ledger of what clients were told.

    from faults import *
    ledger = Ledger(s, hop, clients=4)      # sends until ledger.stop()
    f = Fault(s.children("queue")[0], "kill", n=7)
    f.wait()                                # True: it happened
    ledger.stop()
    ledger.check()                          # prints TAP

Fault is regress/abuse/faultat.c, see there.  Each message of the ledger has
an id and a body that follows from it, so that whatever arrives can be told
to be whole.
"""

import platform
import select
import threading

from smtpsdtest import *

FAULTAT = None
LOCAL = "smtpst2"
LARGE = 150000                  # bytes: goes to the queue's disk in pieces
HEAVY = 400000                  # so many that its flush is beside the loop


def build_faultat():
    """The path of the tool; None: not for this machine."""
    global FAULTAT
    if FAULTAT is None and platform.machine() == "x86_64":
        directory = tempfile.mkdtemp(prefix="smtpsd-faultat.", dir="/tmp")
        tool = directory + "/faultat"
        p = run("cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", tool,
                TOP + "/regress/abuse/faultat.c",
                TOP + "/regress/abuse/faultcall.c")
        if p.returncode != 0:
            shutil.rmtree(directory)
            raise RuntimeError(p.text)
        FAULTAT = tool
    return FAULTAT


def needs_faultat():
    if build_faultat() is None:
        skip("faults", "the tool is for x86_64")
        done()


def faultat_done():
    if FAULTAT is not None:
        shutil.rmtree(os.path.dirname(FAULTAT), ignore_errors=True)


class Fault:
    """One run of the tool.  pid None: of a command.  threads: only calls of
    the threads that are not the first."""

    def __init__(self, pid, action=None, n=1, calls=None, path=None,
                 record=None, persistent=False, threads=False, command=()):
        args = [build_faultat(), "-n", str(n)]
        args += ["-a", action] if action else []
        args += ["-c", calls] if calls else []
        args += ["-f", path] if path else []
        args += ["-o", record] if record else []
        args += ["-P"] if persistent else []
        args += ["-t"] if threads else []
        args += ["-p", str(pid)] if pid else ["--"] + list(command)
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.text = b""
        self.is_held = self._until(b"ready\n", 10)

    def _until(self, word, seconds):
        end = time.time() + seconds
        fd = self.process.stdout.fileno()
        while word not in self.text:
            ready = select.select([fd], [], [], max(0, end - time.time()))[0]
            part = os.read(fd, 4096) if ready else b""
            if not part:
                return False
            self.text += part
        return True

    def hit(self, seconds=15):
        """Waits for the fault; "CALL PATH", "" if none came."""
        self._until(b"hit ", seconds)
        self._until(b"\n", 1)
        found = re.search(rb"hit (.*)\n", self.text)
        return found.group(1).decode() if found else ""

    def gone(self, seconds=15):
        """Waits for the end of the process."""
        return self._until(b"gone ", seconds)

    def lift(self):
        self.process.send_signal(signal.SIGUSR1)

    def end(self):
        """Lets go of the process; how many calls it made."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._until(b"left ", 10)
        self.process.wait(10)
        self.process.stdout.close()
        found = re.search(rb"(?:left|gone) (\d+)", self.text)
        return int(found.group(1)) if found else 0


def is_of(pid, user):
    """Whether the process runs as this user."""
    try:
        with open("/proc/%d/status" % pid) as f:
            return "Uid:\t%d\t" % pwd.getpwnam(user).pw_uid in f.read()
    except OSError:
        return False


def hold(s, role, *args, seconds=20, user=None, **kw):
    """A Fault in a process of this role; they may end at any time."""
    end = time.time() + seconds
    while time.time() < end:
        pids = [s.pid] if role == "parent" else s.children(role)
        pids = [p for p in pids if user is None or is_of(p, user)]
        if pids:
            f = Fault(pids[0], *args, **kw)
            if f.is_held:
                return f
            f.end()
        time.sleep(0.02)
    return None


class Ledger:
    """Clients that send and write down what they were told.

    large: every so many messages one of large_bytes.  far: those that go to
    the next hop, of four.  mbox: a user with an mbox instead of a Maildir,
    who gets every fourth."""

    def __init__(self, s, hop, clients=4, large=8, far=2, pause=0.0,
                 local=LOCAL, limit=10 ** 9, start=0, mbox=None,
                 large_bytes=LARGE):
        self.s, self.hop = s, hop
        self.large, self.far, self.pause = large, far, pause
        self.large_bytes = large_bytes
        self.local, self.limit, self.mbox = local, limit, mbox
        self.told = {}          # id -> 250, another code, None: no reply
        self.told_s = {}        # id -> when, time.monotonic()
        self.ids = set()
        self.envelopes = {}
        self.lock = threading.Lock()
        self.next = start
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._client, daemon=True)
                        for i in range(clients)]
        for t in self.threads:
            t.start()

    # What a message is.

    def recipient(self, n):
        if n % 4 < self.far:
            return "far%d@far.example" % n
        return "%s@example.org" % (
            self.mbox if self.mbox and n % 4 == 3 else self.local)

    def body(self, n):
        """Without the last line end; each line names its message."""
        line = "%d-%d" % (n, n * 7919 % 10007)
        size = self.large_bytes if n % self.large == self.large - 1 else \
            100 + n * 37 % 700
        lines = ["%s.%d %s" % (line, i, "x" * 60)
                 for i in range(size // 70 + 1)]
        return "\r\n".join(lines + ["end %d" % n])

    def text(self, n):
        return message("number %d" % n, self.body(n) + "\r\n")

    # Sending.

    def _take(self):
        with self.lock:
            if self.next >= self.limit:
                return None
            self.next += 1
            return self.next - 1

    def _note(self, n, what):
        with self.lock:
            self.told_s[n] = time.monotonic()
            self.told[n] = what

    def _send(self, c, n):
        """What the client was told."""
        try:
            c.sendmail("smtpst1@example.org", [self.recipient(n)],
                       self.text(n))
            return 250
        except smtplib.SMTPRecipientsRefused as e:
            return list(e.recipients.values())[0][0]
        except smtplib.SMTPResponseException as e:
            return e.smtp_code if e.smtp_code > 0 else None
        except (smtplib.SMTPException, OSError, ValueError):
            return None

    def _client(self):
        c = None
        while not self.stopping.is_set():
            try:
                if c is None:
                    c = self.s.client()
            except (smtplib.SMTPException, OSError):
                c = None
                time.sleep(0.05)
                continue
            n = self._take()
            if n is None:
                break
            self._note(n, self._send(c, n))
            if self.told[n] != 250:
                try:
                    c.close()
                except OSError:
                    pass
                c = None
                time.sleep(0.02)
            time.sleep(self.pause)
        if c is not None:
            try:
                c.quit()
            except (smtplib.SMTPException, OSError):
                pass

    def acknowledged(self):
        with self.lock:
            return {n for n, what in self.told.items() if what == 250}

    def codes(self):
        with self.lock:
            return set(self.told.values())

    def wait(self, more, seconds=30):
        """Until so many more are acknowledged."""
        before = len(self.acknowledged())
        return until(lambda: len(self.acknowledged()) >= before + more,
                     seconds)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(40)

    def join(self):
        for t in self.threads:
            t.join(120)

    # Accounts.

    def number(self, data):
        """Which message this is, and whether it is whole."""
        data = data.replace(b"\r\n", b"\n")
        head, _, body = data.partition(b"\n\n")
        m = re.search(rb"(?m)^Subject: number (\d+)$", head)
        n = int(m.group(1)) if m else None
        whole = n is not None and \
            body == self.body(n).replace("\r\n", "\n").encode() + b"\n"
        return n, whole

    def mailbox(self):
        return self.s.mails(self.local) + self.mbox_mails()

    def mbox_mails(self):
        """No line of a body begins with From."""
        path = os.path.expanduser("~%s/mbox" % self.mbox)
        if not self.mbox or not os.path.exists(path):
            return []
        with open(path, "rb") as f:
            parts = re.split(rb"(?m)^From .*\n", f.read())[1:]
        # an empty line behind each
        return [p[:-1] if p.endswith(b"\n\n") else p for p in parts]

    def arrived(self):
        """id -> copies that arrived; and how many are not whole."""
        copies, halves = {}, 0
        for data in [m.data for m in self.hop.messages] + self.mailbox():
            n, whole = self.number(data)
            halves += not whole
            copies[n] = copies.get(n, 0) + 1
        return copies, halves

    def check(self, refused_may_arrive=False):
        """TAP of what must hold at the end, the queue being empty."""
        copies, halves = self.arrived()
        lost = self.acknowledged() - set(copies)
        ok(not lost, "of %d acknowledged none is lost: %s" %
           (len(self.acknowledged()), sorted(lost)[:10]))
        eq(halves, 0, "what arrived is whole")
        refused = [n for n, what in self.told.items()
                   if what not in (250, None)]
        twice = [n for n, k in copies.items() if k > 1]
        came = [n for n in refused if n in copies]
        if not refused_may_arrive:
            ok(not came, "of %d refused none arrived: %s" %
               (len(refused), came[:10]))
        done_twice = [e for e, k in self.delivered().items() if k > 1]
        ok(not done_twice, "no envelope was delivered again after its result "
           "was stored: %s" % done_twice[:5])
        silent = [n for n, what in self.told.items() if what is None]
        diag("%d arrived, %d twice; %d refused; %d without a reply, %d of "
             "these arrived" % (len(copies), len(twice), len(refused),
                                len(silent),
                                len([n for n in silent if n in copies])))
        return copies

    def delivered(self):
        """envelope -> how often the log says that it was delivered."""
        found = {}
        for e in re.findall(r"event=delivery envelope=(\S+) "
                            r"result=delivered", self.s.log()):
            found[e] = found.get(e, 0) + 1
        return found
