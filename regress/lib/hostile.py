"""A child of smtpsd that was taken over: regress/abuse/hostile in its place.

    from hostile import *
    with HostileServer("net", 1, extra="processes net 2\\n") as s:
        evil = s.evil()                 # waits for it, also after its death
        evil.ask("mail 1 1 1 0 192.0.2.1 a@example.org")  -> Answer

The installed libexec directory is covered, in this case's mount namespace
alone, by a copy whose program NAME is the hostile one; the real ones lie in
its folder "real".  Instances that were not named become the real program.
"""

import select
import shutil
import struct

import smtpsdtest
from smtpsdtest import *


def build_hostile(directory):
    """The hostile program, built below directory; its path."""
    src = os.path.join(directory, "hostile-src")
    script = (
        "set -e; mkdir -p '%(src)s/regress'; cd '%(top)s'; "
        "tar cf - --exclude='*.[oadt]' --exclude=config.mk --exclude=config.h "
        "--exclude=flags.stamp Makefile common regress/abuse | "
        "tar xf - -C '%(src)s'; cd '%(src)s'; "
        "rm -f regress/abuse/hostile; make common/proto; "
        "cd regress/abuse; make hostile" % {"src": src, "top": TOP})
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    p = run("sh", "-c", script, timeout=300, env=env)
    if p.returncode != 0:
        diag("\n".join(p.text.splitlines()[-20:]))
        raise RuntimeError("cannot build the hostile program")
    return src + "/regress/abuse/hostile"


class Answer(dict):
    """The values of "ok NAME=VALUE ..."; word is its first word."""

    def __init__(self, line):
        words = line.split()
        self.word = words[0] if words else "gone"
        self.rest = " ".join(words[1:])
        super().__init__(w.split("=", 1) for w in words[1:] if "=" in w)

    def __getattr__(self, name):
        return self.get(name, "")

    def __repr__(self):
        return "%s %s" % (self.word, self.rest)


class Evil:
    """One life of the hostile program."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(90)
        self.file = sock.makefile("rb")
        self.hello = Answer(self._line())
        self.pid = int(self.hello.pid or 0)
        self.id = int(self.hello.id or 0)

    def _line(self):
        try:
            return self.file.readline().decode("utf-8", "replace").rstrip()
        except ConnectionResetError:
            return ""

    def ask(self, line, *args):
        """Answer.word: ok, none, down (the link is), gone (it was killed)."""
        try:
            self.sock.sendall((line % args if args else line).encode() +
                              b"\n")
        except OSError:
            return Answer("")
        return Answer(self._line())

    def tell(self, line):
        """Without waiting; answer() is what it says."""
        self.sock.sendall(line.encode() + b"\n")

    def answer(self):
        return Answer(self._line())

    def is_killed(self, seconds=5):
        """True if it is, or soon gets, killed."""
        end = time.time() + seconds
        while time.time() < end:
            if process_state(self.pid) in ("", "Z"):
                return True
            time.sleep(0.02)
        return False

    def session(self, n):
        """A session of its own as others would name it."""
        return "x%08x%08x" % (self.id, n)

    def close(self):
        self.file.close()
        self.sock.close()


def process_state(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def pss(pid):
    """KiB of memory that is this process's share."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return int(re.search(r"^Pss: +(\d+)", f.read(), re.M).group(1))
    except (OSError, AttributeError):
        return 0


class HostileServer(Server):
    """Server() whose child name/instance is the hostile program.

    prepare(server) is called before it is started; uid: only as that user."""

    def __init__(self, name, instance=0, **kw):
        self.role, self.instance = name, instance
        prepare = kw.pop("prepare", None)
        uid = kw.pop("uid", None)
        self.current = None
        kw.setdefault("expect_deaths", True)
        kw["start"] = False
        super().__init__(**kw)
        with open(self.conf_path) as f:
            text = f.read().replace("{dir}", self.dir)
        self.write("smtpsd.conf", text)
        self._cover("" if uid is None else " %d" % uid)
        if prepare:
            prepare(self)
        self.listening = socket.socket(socket.AF_UNIX)
        path = self.libexec + "/hostile.sock"
        self.listening.bind(path)
        os.chmod(path, 0o777)
        self.listening.listen(8)
        self.start()

    def _cover(self, uid):
        self.libexec = self.prefix + "/libexec/smtpsd"
        if not smtpsdtest._own:
            skip("a hostile %s" % self.role, "no mount namespace")
            done()
        copy = self.dir + "/libexec"
        shutil.copytree(self.libexec, copy + "/real", symlinks=True)
        for n in os.listdir(copy + "/real"):
            os.link(copy + "/real/" + n, copy + "/" + n,
                    follow_symlinks=False)
        os.unlink(copy + "/" + self.role)
        shutil.copy(build_hostile(self.dir), copy + "/" + self.role)
        with open(copy + "/hostile", "w") as f:
            f.write("%s %d%s\n" % (self.role, self.instance, uid))
        os.chmod(copy, 0o755)
        p = run("mount", "--bind", copy, self.libexec)
        if p.returncode != 0:
            raise RuntimeError("mount: " + p.text)

    def __exit__(self, kind, value, tb):
        super().__exit__(kind, value, tb)
        for path in (self.libexec, self.dir + "/spool"):
            run("umount", "-l", path)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.listening.close()
        return False

    def evil(self, seconds=45):
        """The hostile program that lives now; None if there is none."""
        if self.current is not None and \
                process_state(self.current.pid) in ("", "Z"):
            self.current.close()
            self.current = None
        # Not one that died while nobody looked.
        while self.current is None or select.select([self.listening], [], [],
                                                    0)[0]:
            if not select.select([self.listening], [], [], seconds)[0]:
                return None
            sock, _ = self.listening.accept()
            e = Evil(sock)
            if e.pid and process_state(e.pid) not in ("", "Z"):
                self.current = e
            else:
                e.close()
        return self.current

    def fresh(self, waits=True):
        """A new one at once, whatever the back-off of its restarts is: a
        reload that does not want it starts the slot anew."""
        text = open(self.conf_path).read()
        fewer = re.sub(r"^(processes .*\b%s) \d+" % self.role,
                       r"\g<1> %d" % self.instance, text, flags=re.M)
        for t in (fewer, text):
            self.write("smtpsd.conf", t)
            p = self.ctl("reload")
            if p.returncode != 0:
                diag("reload: " + p.text)
        return self.evil() if waits else None

    def peers(self):
        """{name: pid} of the processes that must not suffer."""
        found = {"smtpsd": self.pid}
        for p in children_of(self.pid):
            name = process_name(p)
            if self.current is not None and p == self.current.pid:
                continue
            if name in CHILDREN:
                found.setdefault(name, p)
        return found


WORDS = 4       # that the parent takes: ACCUSE_BURST of parent/accuse.h
BETWEEN = ("control", "resolver")       # whose words cost them, always


class HostileNet:
    """A server with a hostile net/1, between its deaths."""

    def __init__(self, server):
        self.s = server
        self.e = server.evil()
        self.words = {}         # of peers, that were needed for its deaths
        self.note_peers()
        self.shapes = {}        # name: (type, least, most, has fd, has text)
        for word in self.e.ask("shapes").rest.split():
            f = word.split(":")
            self.shapes[f[0]] = (int(f[1], 16),) + tuple(map(int, f[2:]))
        self.learn()

    def note_peers(self):
        self.before = self.s.peers()
        self.memory = {n: pss(p) for n, p in self.before.items()}

    def begin_anew(self):
        """The whole server, after a look whether the others still live."""
        self.peers_live("until now")
        eq(self.s.stop(), 0, "smtpsd stops")
        self.s.start()
        self.words = {}
        self.e = self.s.evil()
        self.note_peers()

    def spend(self, link):
        """Before again(): the peer on that link has had it killed."""
        self.words[link] = self.words.get(link, 0) + 1

    def is_spent(self):
        """One more word and its peer would be killed as well."""
        return max(self.words.get(n, 0) for n in BETWEEN) >= WORDS

    def process(self, name):
        """(pid, id) of a child of this name that was ready last."""
        found = re.findall(r"^\S+ %s ready: pid (\d+), id (\d+)" % name,
                           self.s.log(), re.M)
        return tuple(map(int, found[-1]))

    def wait_new(self, name, old):
        """The successor of that process()."""
        ok(until(lambda: self.process(name)[1] != old[1], 10),
           "there is a new " + name)
        return self.process(name)

    def accuse(self, proc_id):
        """Say of a process that it broke the rules."""
        return self.e.ask("send parent 0x%x %s 0" % (
            self.type("MSG_ANY_PARENT_BROKE"),
            struct.pack("=II", proc_id, 0).hex()))

    def learn(self):
        """Ids of listeners by port, 0 for a Unix socket."""
        self.ids = {}
        for word in self.e.ask("listeners").rest.split():
            ident, port, kind, auth = word.split(":")
            self.ids[int(port)] = ident

    def again(self):
        """After a death."""
        if self.is_spent():
            self.begin_anew()
        else:
            self.e = self.s.fresh()
        self.learn()
        return self.e

    def type(self, name):
        return self.shapes[name][0]

    def peers_live(self, name):
        now = self.s.peers()
        return eq({n: now.get(n) for n in self.before}, self.before,
                  name + ": the others live")

    def killed(self, name, why=None, link=None):
        """What was done, on that link, must have been its end."""
        if not ok(self.e.is_killed(), name + ": killed"):
            self.e.ask("exit 1")
        if why:
            ok(self.s.wait_log(why), name + ": and it is logged")
        self.spend(link)
        self.again()

    def suffer(self, name, memory={}):
        """After an attack: the others live, are small (memory: MiB more
        than at the start, of each), and serve."""
        n = len(self.s.mails("smtpst3"))
        sent = False
        try:
            self.s.send("smtpst3@example.org", "smtpst3@example.org",
                        user="smtpst3")
            sent = True
        except (OSError, smtplib.SMTPException) as err:
            diag(err)
        ok(sent and self.s.wait_mail(n + 1, "smtpst3"),
           name + ": others' mail flows")
        self.peers_live(name)
        more = {k: (pss(p) - self.memory[k]) // 1024
                for k, p in self.s.peers().items() if k in self.memory}
        diag("%s: MiB more: %s" % (name, {k: v for k, v in more.items() if v}))
        with open("/proc/%d/maps" % self.s.pid) as f:
            if "libasan" in f.read():
                return          # it keeps what was freed
        eq({k: v for k, v in more.items() if v > memory.get(k, 20)}, {},
           name + ": their memory is bounded")


def main(parts, case=HostileNet, special={}, **kw):
    """Each part with a server of its own, or those named as arguments;
    special: {part: {keyword: value}} for that server alone."""
    for part in parts:
        if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
            continue
        start = time.time()
        with HostileServer("net", 1, extra="processes net 2 auth 1 relay 1\n",
                           **dict(kw, **special.get(part, {}))) as s:
            part(case(s))
        diag("%s: %.1f s" % (part.__name__, time.time() - start))
    done()
