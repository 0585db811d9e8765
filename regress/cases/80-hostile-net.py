# alone: it compares times
"""A net process that was taken over: what it cannot do.

One of two net processes is the hostile program.  It has all that net has:
the links, the sockets, the passwords that its clients give.  After each
attack the others live on under the same pids, mail goes through the other
net, and who broke a rule is killed.  Floods and fuzz are in
80-hostile-net-flood.py.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from hostile import *

import hashlib
import statistics

from memory import found

ME, OTHER = "192.0.2.1", "198.51.100.7"
LISTEN = """\
listen on 127.0.0.1 smtps port %d auth <users> senders <senders> pki mail.example.org
listen on 127.0.0.1 smtp port 10026 pki mail.example.org pki ec.example.org
listen on socket "{dir}/local.sock"
""" % PORT


def plain(user, password=None):
    return ("\0%s\0%s" % (user, PASSWORD % user if password is None
                          else password)).encode().hex()


class Case(HostileNet):
    def login(self, session, user="smtpst1", password=None, address=ME):
        return self.e.ask("auth %s %s 1 %s %s", session, self.ids[PORT], address,
                          plain(user, password))

    def mail(self, session, tx, user="smtpst1", listener=None, auth=1,
             sender=None, address=ME):
        return self.e.ask("mail %s %d %s %d %s %s", session, tx,
                          listener or self.ids[PORT], auth, address,
                          sender or user + "@example.org")

    def rcpt(self, session, tx, n=0, to="smtpst2@example.org"):
        return self.e.ask("rcpt %s %d %d %s", session, tx, n, to)


# --- signatures --------------------------------------------------------

def public(cert):
    """(n, e, bytes, id) of the key in a certificate, RSA of 4096 bits."""
    p = run("sh", "-c", "openssl x509 -in %s -noout -pubkey | openssl rsa "
            "-pubin -RSAPublicKey_out -outform DER 2>/dev/null | od -An -v "
            "-tx1" % cert)
    der = bytes.fromhex("".join(p.text.split()))
    at = 4                              # SEQUENCE of two INTEGER
    size = int.from_bytes(der[at + 2:at + 4], "big")
    n = int.from_bytes(der[at + 4:at + 4 + size], "big")
    return n, 65537, 512, hashlib.sha256(der).hexdigest()


def ec_id(cert):
    p = run("sh", "-c", "openssl x509 -in %s -noout -pubkey | openssl ec "
            "-pubin -outform DER -conv_form uncompressed 2>/dev/null | "
            "od -An -v -tx1" % cert)
    return hashlib.sha256(bytes.fromhex("".join(p.text.split()))[-65:]
                          ).hexdigest()


def mgf(seed, size, md):
    out = b""
    for i in range(size // md().digest_size + 1):
        out += md(seed + i.to_bytes(4, "big")).digest()
    return out[:size]


def pss(size, md=hashlib.sha256, salt=None, trailer=0xbc, one=1):
    """EMSA-PSS of a made up hash; salt: its bytes."""
    h = md().digest_size
    salt = os.urandom(h if salt is None else salt)
    digest = md(b"\0" * 8 + md(b"x").digest() + salt).digest()
    db = b"\0" * (size - len(salt) - h - 2) + bytes([one]) + salt
    masked = bytes(a ^ b for a, b in zip(db, mgf(digest, len(db), md)))
    return bytes([masked[0] & 0x7f]) + masked[1:] + digest + bytes([trailer])


INFO = {"md5": "3020300c06082a864886f70d020505000410",
        "sha1": "3021300906052b0e03021a05000414",
        "sha224": "302d300d06096086480165030402040500041c",
        "sha256": "3031300d060960864801650304020105000420"}


def digest_info(name, data=b"x"):
    return bytes.fromhex(INFO[name]) + hashlib.new(name, data).digest()


def signatures(c):
    n, e, size, key = public(c.s.keys[0][1])
    ec = ec_id(c.s.keys[1][1])
    unused = ec_id(c.s.keys[2][1])

    # What a TLS library makes is signed: the rest is refused for a reason.
    for md in (hashlib.sha256, hashlib.sha384, hashlib.sha512):
        block = pss(size, md)
        got = c.e.ask("sign 1 %s %s", key, block.hex())
        ok(got.word == "ok" and pow(int(got.rest, 16), e, n) ==
           int.from_bytes(block, "big"),
           "a PSS block with %s is signed" % md().name)
    eq(c.e.ask("sign 2 %s %s", key, digest_info("sha256").hex()).word, "ok",
       "a DigestInfo of SHA-256 is signed")
    eq(c.e.ask("sign 3 %s %s", ec, os.urandom(32).hex()).word, "ok",
       "a digest is signed with the EC key of another listener")

    raw = r"raw RSA of something that is not EMSA-PSS"
    pkcs1 = r"PKCS#1 signature of something that is not a DigestInfo"
    padded = b"\0\1" + b"\xff" * (size - 54) + b"\0" + digest_info("sha256")
    for name, kind, k, data, why in [
            ("a raw block of random bytes", 1, key,
             b"\0" + os.urandom(size - 1), raw),
            ("a raw block that is a ciphertext", 1, key,
             pow(12345, e, n).to_bytes(size, "big"), raw),
            ("raw PKCS#1 padding", 1, key, padded, raw),
            ("a raw block of zeros", 1, key, b"\0" * size, raw),
            ("a raw one", 1, key, b"\0" * (size - 1) + b"\1", raw),
            ("PSS without salt", 1, key, pss(size, salt=0), raw),
            ("PSS with a short salt", 1, key, pss(size, salt=20), raw),
            ("PSS with a longer salt", 1, key, pss(size, salt=48), raw),
            ("PSS with SHA-1", 1, key, pss(size, hashlib.sha1), raw),
            ("PSS with MD5", 1, key, pss(size, hashlib.md5), raw),
            ("PSS with another trailer", 1, key, pss(size, trailer=0xcc),
             raw),
            ("PSS with another separator", 1, key, pss(size, one=3), raw),
            ("PSS of another size", 1, key, pss(size // 2), raw),
            ("PSS with a byte more", 1, key, b"\0" + pss(size), raw),
            ("PKCS#1 with MD5", 2, key, digest_info("md5"), pkcs1),
            ("PKCS#1 with SHA-1", 2, key, digest_info("sha1"), pkcs1),
            ("PKCS#1 with SHA-224", 2, key, digest_info("sha224"), pkcs1),
            ("PKCS#1 of MD5 and SHA-1, TLS 1.0", 2, key, os.urandom(36),
             pkcs1),
            ("PKCS#1 of a bare hash", 2, key, os.urandom(32), pkcs1),
            ("PKCS#1 with a byte more", 2, key, digest_info("sha256") + b"x",
             pkcs1),
            ("PKCS#1 with a byte less", 2, key, digest_info("sha256")[:-1],
             pkcs1),
            ("ECDSA of 20 bytes", 3, ec, os.urandom(20), "not a digest"),
            ("ECDSA of 31 bytes", 3, ec, os.urandom(31), "not a digest"),
            ("ECDSA of a whole message", 3, ec, os.urandom(500),
             "not a digest"),
            ("ECDSA with the RSA key", 3, key, os.urandom(32), "another key"),
            ("PSS with the EC key", 1, ec, pss(size), "another key"),
            ("another kind", 4, key, pss(size), "unknown kind"),
            ("kind 0", 0, key, pss(size), "unknown kind"),
            ("a key that nobody has", 1, "11" * 32, pss(size),
             "a key that is not here"),
            ("a key of no listener", 3, unused, os.urandom(32),
             "a key that is not here")]:
        mark = len(c.s.log())
        got = c.e.ask("sign %d %s %s", kind, k, data.hex())
        if not ok(got.word in ("down", "gone"), "no signature: " + name):
            diag(got)
        ok(c.e.is_killed() and until(lambda: re.search(why,
                                                       c.s.log()[mark:])),
           "no signature: %s: killed, logged" % name)
        c.again()

    # Others do not wait behind all that it asks for.
    def handshakes():
        times = []
        for i in range(5):
            start = time.monotonic()
            c.s.raw().close()
            times.append(time.monotonic() - start)
        return statistics.median(times)
    block = pss(size).hex()
    alone = handshakes()
    c.e.tell("many 3000 0 sign 1 %s %s" % (key, block))
    time.sleep(0.2)
    busy = handshakes()
    eq(c.e.answer().word, "ok", "3,000 signatures are asked for")
    diag("a handshake: %.0f ms, behind 3,000 signatures %.0f ms" %
         (alone * 1000, busy * 1000))
    ok(busy < 15 * alone, "handshakes of others come in between")
    c.e.ask("exit 1")
    c.again()

    # The rate: far more than it may have.
    ok(c.e.ask("many 20000 0 sign 3 %s %s" % (ec, "22" * 32)).word == "ok",
       "20,000 requests at once")
    c.suffer("meanwhile")
    eq(c.e.ask("up sign 100").rest, "1", "asking too often is no crime")

    def answered():
        c.e.ask("up sign 50")
        return int(c.e.ask("count 0x104").rest) >= 20000
    ok(until(answered, 30), "all are answered")
    c.e.ask("forget")
    words = [c.e.ask("sign 1 %s %s", key, block).word for i in range(20)]
    ok(c.s.wait_log(r"net/1 asks for too many signatures"),
       "what goes beyond the rate is refused and logged")
    eq(len(re.findall("too many signatures", c.s.log())), 1,
       "in one line")
    ok(set(words) <= {"ok", "failed"}, "refused or signed")
    c.e.ask("exit 1")
    c.again()
    got = c.e.ask("many 3500 0 sign 3 %s %s" % (ec, "22" * 32))
    eq(got.word, "ok", "a new life")
    c.suffer("signatures")


# --- passwords ---------------------------------------------------------

def guesses(c, first, n, user, address=None):
    """Wrong passwords, each in a session and from an address of its own;
    how many were looked at within some seconds."""
    mark = len(c.s.log())
    c.e.ask("forget")
    c.e.ask("many %d %d auth %% %s 1 %s %s" %
            (n, first, c.ids[PORT], address or "2001:db8:%::1",
             "plain:%s:wrong%%" % user))
    end = time.time() + 2.5
    while time.time() < end:
        c.e.ask("up parent 200")
    return len(re.findall(r"event=auth-failed .*user=%s " % user,
                          c.s.log()[mark:]))


def passwords(c):
    eq(c.login(1).result, "1", "a right password from anywhere")
    start = time.time()
    got = guesses(c, 1000, 3000, "smtpst2")
    ok(got < 160, "3,000 guesses for one user, each from another address: "
       "%d were looked at" % got)
    ok(got > 20, "some were")
    got = guesses(c, 10000, 3000, "smtpst2", ME)
    ok(got < 40, "3,000 more from one address: %d" % got)
    # Who gets killed does not get a new allowance by that.
    c.e.ask("exit 1")
    c.again()
    got = guesses(c, 1000, 3000, "smtpst2")
    ok(got < 30, "3,000 more after a death: %d" % got)
    got = sum(guesses(c, 5000 + 1000 * i, 600, "nobody%d" % i)
              for i in range(3))
    total = len(re.findall(r"event=auth-failed", c.s.log()))
    limit = 400 + 20 * (time.time() - start) + 50
    ok(total < limit, "%d failures in all, %d are allowed" % (total, limit))
    ok(c.s.wait_log("too many failures through net/1"), "it is logged")
    # The owner is elsewhere and not concerned.
    c.suffer("guessing")
    c.s.send("smtpst2@example.org", "smtpst2@example.org", user="smtpst2")
    ok(c.s.wait_mail(1, "smtpst2"), "the owner of the account logs in")
    # What one password that works allows: no flood of lines.
    mark = len(c.s.log())
    c.e.ask("many 60000 200000 auth %% %s 1 %s %s" % (c.ids[PORT], ME,
                                                 plain("smtpst1")))
    c.suffer("60,000 logins")
    c.e.ask("many 60000 300000 auth %% %s 1 %s %s" %
            (c.ids[PORT], ME, "plain:smtpst1:wrong%"))
    c.suffer("60,000 failures")
    lines = c.s.log()[mark:].count("\n")
    ok(4000 < lines < 45000, "%d lines in the log" % lines)
    eq(c.e.ask("up parent").rest, "1", "no rule was broken")
    c.e.ask("exit 1")
    c.again()


def oracle(c):
    """Does a user exist?"""
    # Hashes that take some time, so that a missing one would be seen.
    c.s.write("users", "".join("%s:%s\n" % (u, hash_password(
        PASSWORD % u, b"$2b$08$CCCCCCCCCCCCCCCCCCCCC.")) for u in USERS),
        0o600)
    eq(c.s.ctl("reload").returncode, 0, "reload")
    c.learn()
    times = {"smtpst1": [], "nosuchuser": []}
    answers = set()
    for i in range(25):
        for user in times:
            got = c.login(50000 + 2 * i + (user == "smtpst1"), user, "wrong",
                          "203.0.113.%d" % (2 * i + (user == "smtpst1")))
            answers.add((got.result, got.bytes))
            times[user].append(int(got.ms or 0))
    eq(len(answers), 1, "the same bytes whether a user exists")
    eq({a[0] for a in answers}, {"2"}, "it is a refusal")
    known, unknown = (statistics.median(t) for t in times.values())
    diag("medians: known %s ms, unknown %s ms" % (known, unknown))
    ok(known > 0.5 * unknown and unknown > 0.5 * known, "and the same time")


# --- identities --------------------------------------------------------

def identities(c):
    # To be sure that refusals mean something: what is allowed works.
    eq(c.login(1).result, "1", "a login through it")
    ok(c.mail(1, 1).accepted == "1" and c.rcpt(1, 1).accepted == "1" and
       c.e.ask("body 1 1 500").word == "ok" and
       c.e.ask("end 1 1 500 1").queued == "1",
       "whoever logs in through it can send")
    n = len(c.s.wait_mail(1, "smtpst2") or [])

    def mail_after_end():
        c.e.ask("bye 1")
        return c.mail(1, 4)
    for name, got in [
            ("a session that never logged in", c.mail(2, 1)),
            ("the same, said to need no login", c.mail(3, 1, auth=0)),
            ("as another user than the login", c.mail(1, 2, "smtpst2")),
            ("at another listener than the login",
             c.mail(1, 3, listener=c.ids[10026])),
            ("at a listener that is not there", c.mail(4, 1, listener=77)),
            ("after END of the session", mail_after_end())]:
        if not eq((got.word, got.accepted), ("ok", "0"),
                  "no MAIL: " + name):
            diag(got)
    got = c.rcpt(1, 4)
    eq(got.accepted, "0", "and no RCPT there")
    c.peers_live("identities")
    # Without AUTH there is only what the rules allow to strangers.
    got = c.mail(5, 1, listener=c.ids[10026], auth=0)
    eq(got.accepted, "1", "MAIL at a listener without AUTH")
    for to in ("x@elsewhere.example.net", "smtpst2@example.org"):
        got = c.rcpt(5, 1, to == "smtpst2@example.org", to)
        eq((got.word, got.accepted), ("ok", "0"),
           "relays for no stranger: " + to)

    # The session of a client of the other net.
    with c.s.session("smtpst3") as r:
        ident = "x" + c.s.wait_log(r"event=login session=(\w{16}) \S+ user="
                                   r"smtpst3").group(1)
        for name, ask in [
                ("MAIL", lambda: c.mail(ident, 9, "smtpst3")),
                ("RCPT", lambda: c.rcpt(ident, 9)),
                ("RESET", lambda: c.e.ask("reset %s 1" % ident)),
                ("END", lambda: c.e.ask("bye " + ident)),
                ("HEADER", lambda: c.e.ask("header %s 1 a@example.org" %
                                           ident)),
                ("BODY", lambda: c.e.ask("body %s 1 10" % ident)),
                ("END of data", lambda: c.e.ask("end %s 1 10 1 500" % ident)),
                ("ABORT", lambda: c.e.ask("abort %s 1" % ident)),
                ("AUTH", lambda: c.login(ident)),
                ("STEP", lambda: c.e.ask("step %s 00" % ident)),
                ("CANCEL", lambda: c.e.ask("cancel %s" % ident)),
                ("PEER", lambda: c.e.ask("peer %s %s" % (
                    ident, c.ids[0])))]:
            mark = len(c.s.log())
            ask()
            ok(c.e.is_killed() and until(lambda: re.search(
                r"not its own|another process", c.s.log()[mark:])),
               "%s in a session of another net: killed, logged" % name)
            c.again()
        begins = r.ask("MAIL FROM:<smtpst3@example.org>")
        eq(begins[:3], "250", "that session goes on")
    # Ids of a process that was, which is this one's slot.
    dead = c.e.session(1)
    eq(c.login(1).result, "1", "a login")
    c.e.ask("exit 0")
    c.again()
    eq(c.mail(1, 1).accepted, "0", "a new life has none of the old sessions")
    c.mail(dead, 1)
    c.killed("the id of its former life", "not its own")

    # What it tells of its sessions.
    p = subprocess.Popen([c.s.prefix + "/sbin/smtpsctl", "-s",
                          c.s.dir + "/smtpsd.sock", "-j", "show", "sessions"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    asked = c.e.ask("got control 0x%x" % c.type("MSG_CONTROL_NET_SESSIONS"))
    size = c.shapes["MSG_NET_CONTROL_SESSION"][1]
    info = (bytes.fromhex(asked.rest)[:8] + bytes.fromhex(ident[1:])[::-1]
            ).ljust(size, b"\0")
    c.e.ask("send control 0x%x %s" % (c.type("MSG_NET_CONTROL_SESSION"),
                                      info.hex()))
    c.killed("a session of another net in its list", "not its own")
    ok(ident[1:] not in p.communicate(timeout=30)[0].decode(),
       "it is not shown")

    # Old transactions.
    c.login(1)
    c.mail(1, 5)
    c.rcpt(1, 5)
    c.e.ask("body 1 5 100")
    eq(c.e.ask("end 1 5 100 1").queued, "1", "a message")
    eq(len(c.s.wait_mail(n + 1, "smtpst2") or []), n + 1, "arrives")
    c.e.ask("body 1 5 100")
    eq(c.e.ask("end 1 5 100 1 700").queued, "", "not twice by its END")
    eq(c.rcpt(1, 4).accepted, "0", "no RCPT for an older transaction")
    c.mail(1, 5)
    c.killed("MAIL with an old transaction", "old transaction")

    # The user is taken away, the session is ended.
    def revoked(name, how):
        c.login(1)
        c.mail(1, 1)
        c.rcpt(1, 1)
        c.e.ask("body 1 1 100")
        how()
        got = c.e.ask("end 1 1 100 1 1500")
        eq(got.queued == "1", False, name + ": what was open is not queued")
        eq(c.mail(1, 2).accepted, "0", name + ": no MAIL")
        eq(c.rcpt(1, 2).accepted, "0", name + ": no RCPT")
        eq(c.mail(1, 3, auth=0).accepted, "0", name + ": nor without login")

    def kill():
        # Whom it asks never answers.
        p = subprocess.Popen([c.s.prefix + "/sbin/smtpsctl", "-s",
                              c.s.dir + "/smtpsd.sock", "kill", "session",
                              c.e.session(1)[1:]])
        time.sleep(0.5)
        p.kill()
        p.wait()

    def forget():
        p = c.s.ctl("user", "del", "smtpst1")
        eq(p.returncode, 0, "user del")
        time.sleep(0.5)
    revoked("after smtpsctl kill", kill)
    c.e.ask("exit 0")
    c.again()
    revoked("after user del", forget)
    eq(c.login(2).result, "2", "nor a new login")
    c.suffer("identities")
    eq(len(c.s.mails("smtpst2")), n + 1, "nothing else was delivered")


# --- recipients and bodies -----------------------------------------------

def begin(c, session, tx=1, rcpts=("smtpst2@example.org",)):
    """An honest transaction up to its body."""
    if c.login(session, "smtpst3").result != "1" or \
            c.mail(session, tx, "smtpst3").accepted != "1":
        return False
    return all(c.rcpt(session, tx, i, to).accepted == "1"
               for i, to in enumerate(rcpts))


def recipients(c):
    n = len(c.s.mails("smtpst2"))
    # The queue's own messages, which only policy sends.
    for name in ("OPEN", "RCPT", "CANCEL", "USAGE", "OWNER"):
        kind, size = c.shapes["MSG_POLICY_QUEUE_" + name][:2]
        c.e.ask("fill queue 0x%x %d 0" % (kind, size))
        c.killed("policy's %s to the queue" % name, r"0x%04x not allowed" %
                 kind)
    for name, nrcpt in [("none", 0), ("one more", 2), ("many more", 1000),
                        ("-1", 0xffffffff)]:
        ok(begin(c, 1), "a transaction")
        c.e.ask("body 1 1 100")
        eq(c.e.ask("end 1 1 100 %d 300" % nrcpt).queued == "1", False,
           "END with %s recipients" % name)
        c.e.ask("bye 1")
        c.e.ask("abort 1 1")
    for name, size in [("fewer", 99), ("more", 101), ("no", 0),
                       ("2^64 - 1", 2 ** 64 - 1)]:
        begin(c, 2)
        c.e.ask("body 2 1 100")
        eq(c.e.ask("end 2 1 %d 1 300" % size).queued == "1", False,
           "END with %s bytes" % name)
        c.e.ask("bye 2")
    begin(c, 3)
    c.e.ask("body 3 1 100")
    eq(c.e.ask("end 3 1 100 1").queued, "1", "END as it is")
    ok(c.s.wait_mail(n + 1, "smtpst2"), "is delivered")
    got = c.rcpt(3, 1, 1, "smtpst2+late@example.org")
    diag("RCPT after END: %s" % got)
    c.e.ask("body 3 1 100")
    eq(c.e.ask("end 3 1 100 1 300").queued == "1", False,
       "RCPT after END makes no other message")
    begin(c, 4)
    c.e.ask("body 4 1 100")
    c.e.ask("end 4 1 100 2 100")
    c.e.ask("body 4 1 10")
    c.killed("BODY after END", "BODY after END")
    begin(c, 4)
    c.e.ask("body 4 1 100")
    c.e.ask("end 4 1 100 2 100")
    c.e.ask("end 4 1 100 1 100")
    c.killed("END after END", "second END")
    begin(c, 5)
    c.e.ask("rcpt 5 1 0 smtpst2@example.org")
    c.killed("RCPT with a number that was", "out of order")
    c.login(6, "smtpst3")
    c.e.ask("rcpt 6 1 0 smtpst2@example.org")
    c.killed("RCPT before MAIL", "before MAIL|RCPT")
    c.suffer("recipients")
    eq(len(c.s.mails("smtpst2")), n + 1, "nothing else was delivered")


# All that net may say, by link.
SPOKEN = {"parent": ("NET_PARENT_AUTH", "NET_PARENT_AUTH_STEP",
                     "NET_PARENT_AUTH_CANCEL", "NET_PARENT_PEER"),
          "policy": ("NET_POLICY_MAIL", "NET_POLICY_RCPT", "NET_POLICY_END",
                     "NET_POLICY_HEADER", "NET_POLICY_RESET"),
          "queue": ("NET_QUEUE_BODY", "NET_QUEUE_END", "NET_QUEUE_ABORT"),
          "control": ("NET_CONTROL_SESSION", "ANY_CONTROL_STAT",
                      "ANY_CONTROL_DONE")}


def bodies(c):
    """It cannot read back a message, whatever it asks for it."""
    word = b"Jx5-red-herring-%d" % os.getpid()
    # One of a client of the other net, and one of its own; no host takes them.
    c.s.send("x@far.example", body=word.decode() + "\r\n")
    ok(begin(c, 7, rcpts=("y@far.example",)), "a transaction of its own")
    c.e.ask("body 7 1 100")
    eq(c.e.ask("end 7 1 100 1").queued, "1", "is queued")
    q = c.s.show("queue")
    eq(len(q), 2, "both wait")
    with_word = [x for x in q if word in c.s.ctl(
        "show", "message", x["message"]).stdout]
    eq(len(with_word), 1, "root can read the one with the word")
    ids = [int(with_word[0][k], 16) for k in ("message", "envelope")]
    # What it says is in its memory, and so is what it hears.
    ok(c.login(8, "smtpst3").word == "ok" and
       found(c.e.pid, [b"mail.example.org"]), "it remembers what it is told")
    tried = died = 0
    for ident in ids:
        session = int(c.e.session(7)[1:], 16)
        for link, names in SPOKEN.items():
            for name in names:
                kind, least = c.shapes["MSG_" + name][:2]
                c.e.ask("send %s 0x%x %s 0" % (link, kind, struct.pack(
                    "=QQ", session, ident).ljust(least, b"\0")[:max(
                        least, 16)].hex()))
                tried += 1
                if c.e.ask("up %s 30" % link).rest == "1":
                    continue
                ok(c.e.is_killed(), name + ": its end")
                died += 1
                c.spend(link)
                c.again()
                session = int(c.e.session(7)[1:], 16)
                begin(c, 7)
        eq(found(c.e.pid, [word]), [], "it has not got the word")
    ok(tried >= 24, "%d messages with the ids, %d were its end" %
       (tried, died))
    # It can ask for nothing that the queue holds.
    for name in ("QUEUE_LIST", "QUEUE_MESSAGE", "QUEUE_EDIT"):
        kind, size = c.shapes["MSG_CONTROL_" + name][:2]
        c.e.ask("send queue 0x%x %s 0" % (kind, (bytes(8) + ids[0].to_bytes(
            8, "little")).ljust(size, b"\0").hex()))
        c.killed("control's %s to the queue" % name,
                 r"0x%04x not allowed" % kind)
    # Nor for what an agent of the queue gets.
    for name in [n for n in c.shapes if n.startswith("MSG_AGENT_QUEUE_")]:
        kind, size = c.shapes[name][:2]
        c.e.ask("fill queue 0x%x %d 0" % (kind, size))
        c.killed("%s to the queue" % name[4:], r"0x%04x not allowed" % kind)
    c.suffer("bodies")


main([signatures, passwords, oracle, identities, recipients, bodies],
     listen=LISTEN,
     kinds=("rsa", "ec", "ec"), names=("mail.example.org", "ec.example.org",
                                       "unused.example.org"), case=Case,
     special={signatures: {"kinds": ("rsa4096", "ec", "ec")}})
