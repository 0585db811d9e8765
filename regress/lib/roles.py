"""Children other than net that were taken over: what cases 81 to 87 share.

    def wrong_results(c): ...
    main("relay", 1, {"queue": ["AGENT_QUEUE_MORE", ...], ...},
         [malformed, wrong_results, fuzz], extra="processes relay 2\\n")

The parts are attacks on one server, in order; c is a Role.  Each ends with
c.again() if the hostile program may have died of it.  A program of which
there is one is started again later and later, so the server itself is begun
anew after some deaths, and when a peer has had it killed as often as the
parent takes its word (smtpsd/parent/accuse.h).
"""

from hostile import *

DEATHS_MAX = 4          # of a single program: 1.5 seconds of waiting in all
MAILADDR, LOGIN, HOSTNAME, IPADDR, NAME = 328, 256, 256, 64, 64
TEXT = 512
SEED = 20260202


def text(s, size):
    s = s.encode() if isinstance(s, str) else s
    return s[:size - 1].ljust(size, b"\0")


def unpack(fmt, data):
    return struct.unpack("=" + fmt, data[:struct.calcsize("=" + fmt)])


class Role(HostileNet):
    """says: {link: [names of messages without "MSG_"]}; wake: makes the
    server start the program, if that does not run by itself."""

    def __init__(self, server, says, wake=None):
        self.says, self.wake, self.deaths = says, wake, 0
        if wake:
            wake(server)
        super().__init__(server)
        self.wired()

    def learn(self):
        self.ids = {}

    def wired(self):
        """Waits until it has its links."""
        until(lambda: all(self.e.ask("up %s" % link).rest == "1"
                          for link in self.says), 5)
        return self.e

    def is_many(self):
        return self.s.instance > 0

    def again(self):
        if self.wake:
            self.e.ask("exit 0")
            self.e.is_killed()
            self.e = self.s.evil(0.5)
            for i in range(5):
                if self.e is None:
                    self.wake(self.s)
                    self.e = self.s.evil(3)
            if self.e is None:
                raise RuntimeError("the hostile %s is not started" %
                                   self.s.role)
        elif self.is_many():
            if self.is_spent():
                self.begin_anew()
            else:
                self.e = self.s.fresh()
        else:
            self.e.is_killed()
            self.deaths += 1
            if self.deaths > DEATHS_MAX or \
                    max(self.words.values(), default=0) >= WORDS:
                self.begin_anew()
            else:
                self.e = self.s.evil()
        return self.wired()

    def begin_anew(self):
        super().begin_anew()
        self.deaths = 0

    def exit(self):
        self.e.ask("exit 0")
        return self.again()

    def id_of(self, name):
        """The process id, as links know it, of a child that lives."""
        return int(re.findall(r"^\S+ %s ready: pid \d+, id (\d+)" % name,
                              self.s.log(), re.M)[-1])

    # what it says and hears

    def message(self, link, name, data=b"", fds=0):
        """A whole message; Answer.  data is filled up with zeros."""
        kind, least = self.shapes["MSG_" + name][:2]
        return self.e.ask("send %s 0x%x %s %d" % (
            link, kind, data.ljust(least, b"\0").hex() or "-", fds))

    def heard(self, link, name, ms=3000):
        """Bytes of the oldest message that was not looked at; None."""
        got = self.e.ask("got %s 0x%x %d" % (link, self.type("MSG_" + name),
                                             ms))
        return bytes.fromhex(got.rest) if got.word == "ok" else None

    def flood(self, link, name, n, data=b"", fds=0):
        """The same n times, without a look at answers."""
        kind, least = self.shapes["MSG_" + name][:2]
        return self.e.ask("many %d 0 send %s 0x%x %s %d" % (
            n, link, kind, data.ljust(least, b"\0").hex() or "-", fds))

    # what became of it

    def cut(self, link, name, why=None):
        """Killed for it, by whoever heard it on that link, and nobody else
        is; then there is a new one."""
        before = self.peers_now()
        ok(self.e.is_killed(), name + ": killed")
        if why:
            ok(self.s.wait_log(why), name + ": and it is logged")
        if not self.wake:
            eq(self.peers_now(), before, name + ": the others live")
        self.spend(link)
        self.again()

    def peers_now(self):
        now = self.s.peers()
        return {n: now.get(n) for n in self.before}

    def cut_if_down(self, link, name):
        """What is ignored is ignored; what is not, is its end."""
        if self.e.ask("up %s 50" % link).rest == "1":
            return diag(name + ": ignored")
        return self.cut(link, name)

    def up(self, link, name):
        return eq(self.e.ask("up %s 100" % link).rest, "1",
                  name + ": the link stands")

    def give_back(self):
        """The real program takes the place again."""
        self.chosen = open(self.s.libexec + "/hostile").read()
        with open(self.s.libexec + "/hostile", "w") as f:
            f.write("nobody 0\n")
        mark = len(self.s.log())
        self.e.ask("exit 0")
        self.e.is_killed()
        if self.wake:
            return
        if self.is_many():
            self.s.fresh(False)
        ok(until(lambda: re.search(r"^\S+ %s(/\d+)? ready: pid" % self.s.role,
                                   self.s.log()[mark:], re.M), 40),
           "the real %s takes its place" % self.s.role)
        time.sleep(0.2)

    def take(self):
        """After give_back(), of one of many."""
        with open(self.s.libexec + "/hostile", "w") as f:
            f.write(self.chosen)
        self.e = self.s.fresh()
        return self.e


def header(kind, size, mark=0):
    return struct.pack("=IIII", kind, size | mark, 0, 1)


def malformed(c):
    """Frames that are none, messages of others, wrong shapes."""
    for link, names in c.says.items():
        kind, least, most, fd, words = c.shapes["MSG_" + names[0]]
        alien = c.type("MSG_PARENT_AUTH_CHECK")
        cases = [
            ("a length of 0", "bytes %s %s" % (link, header(kind, 0).hex())),
            ("a length of 2^31 - 1", "bytes %s %s" %
             (link, header(kind, 2 ** 31 - 1).hex())),
            ("64 descriptors", "bytes %s %s 64" %
             (link, (header(kind, 16 + most) + bytes(most)).hex())),
            ("a byte short", "fill %s 0x%x %d 0 %d" %
             (link, kind, least - 1, fd)),
            ("a byte long", "fill %s 0x%x %d 0 %d" %
             (link, kind, most + 1, fd)),
            ("a stray descriptor" if not fd else "no descriptor",
             "fill %s 0x%x %d 0 %d" % (link, kind, least, 1 - fd)),
            ("a message of others", "fill %s 0x%x %d 0" %
             (link, alien, c.shapes["MSG_PARENT_AUTH_CHECK"][1]))]
        if words:
            cases.append(("text without end", "fill %s 0x%x %d 65 %d" %
                          (link, kind, least, fd)))
        if not c.is_many():
            cases = cases[1:2] + cases[-1:]
        for what, line in cases:
            c.e.ask(line)
            c.cut(link, "%s: %s" % (link, what))
        if fd or most == 0:
            continue
        # Half a message is no message.
        c.e.ask("bytes %s %s" % (link, header(kind, 16 + most).hex()))
        c.up(link, link + ": half a message")
        if c.is_many():
            c.exit()
    c.exit()
    c.peers_live("malformed frames")


def betray(c, name):
    """Of BETWEEN: it has one that faces the outside killed as often as its
    word counts, and then ends with it, each time."""
    c.begin_anew()
    c.wired()
    for i in range(WORDS + 2):
        victim = c.process(name)
        c.accuse(victim[1])
        ok(until(lambda: process_state(victim[0]) in ("", "Z"), 5),
           "word %d: %s is killed" % (i + 1, name))
        if i < WORDS:
            eq(c.e.ask("up parent 200").rest, "1", "its accuser is not")
        else:
            ok(c.e.is_killed(), "its accuser as well")
            ok(c.s.wait_log("%s accused others too often, now %s: both are "
                            "killed" % (c.s.role, name)), "and it is logged")
            c.e = c.s.evil()
        c.wait_new(name, victim)
    eq(len(re.findall("so says %s$" % c.s.role, c.s.log(), re.M)), WORDS,
       "no word of its successors counts")
    c.note_peers()
    c.begin_anew()
    c.wired()


def fuzz(c, n=300, lives=2):
    """Random messages in their shapes, with ids of others, of its own
    process, and small ones."""
    total = dead = lived = 0
    net = c.id_of(r"net(?:/\d+)?")
    for link, names in c.says.items():
        for i, name in enumerate(names):
            if "BROKE" in name:
                continue        # is obeyed
            kind = c.shapes["MSG_" + name][0]
            for k, own in enumerate(["s", "p%d" % net, "0"]):
                left, used = n, 0
                while left > 0 and used < lives:
                    got = c.e.ask("fuzz %s 0x%x %d %d %s" % (
                        link, kind, left, SEED + 100 * i + 10 * k + used,
                        own))
                    sent = max(int(got.sent or 1), 1)
                    left -= sent
                    total += sent
                    if got.word == "ok" and not c.e.is_killed(0.02) and \
                            c.e.ask("up %s 20" % link).rest == "1":
                        continue
                    dead += 1
                    used += 1
                    lived += not c.e.is_killed()
                    c.spend(link)
                    c.again()
    diag("%d messages, killed %d times" % (total, dead))
    eq(lived, 0, "fuzz: nobody was only cut off")
    ok(total >= 200 or dead > 5, "fuzz")
    c.exit()
    c.peers_live("fuzz")


def main(name, instance, says, parts, wake=None, give_back=True, memory={},
         uid=None, **kw):
    start = time.time()
    with HostileServer(name, instance, uid=uid, **kw) as s:
        c = Role(s, says, wake)
        for part in parts:
            if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
                continue
            before = time.time()
            part(c)
            diag("%s: %.1f s" % (part.__name__, time.time() - before))
        if give_back and not c.is_many():
            c.give_back()
        c.suffer("in the end", memory)
        size = os.path.getsize(s.log_path)
        ok(size < 20 << 20, "the log is bounded: %d KiB" % (size >> 10))
    diag("%.1f s" % (time.time() - start))
    done()
