# alone: it compares times
"""AUTH: who gets in, and that the others all see the same."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import base64
import statistics


def b64(text):
    return base64.b64encode(text.encode()).decode()


def plain(user, password, authz=""):
    return b64("%s\0%s\0%s" % (authz, user, password))


with Server() as s:
    good = PASSWORD % "smtpst1"
    # The other kinds of hash.
    s.write("users", "smtpst1:%s\nsmtpst2:%s\nsmtpst3:%s\nlong@example.org:%s\n"
            % (HASHES["smtpst1"],
               hash_password("two", b"$6$rounds=5000$saltsalt"),
               hash_password("three", b"$y$j75$F5Jx5fExrKuPp53xLKQ..1"),
               hash_password("four five", b"$2b$04$CCCCCCCCCCCCCCCCCCCCC.")),
            0o600)
    p = s.ctl("reload")
    eq((p.returncode, p.text), (0, ""), "reload")

    with s.raw() as r:
        ok("AUTH PLAIN LOGIN" in r.ask("EHLO x"), "AUTH is offered")
        eq(r.ask("MAIL FROM:<smtpst1@example.org>")[:9], "530 5.7.0",
           "MAIL before AUTH: 530 5.7.0")
        eq(r.ask("RCPT TO:<smtpst1@example.org>")[:3] in ("503", "530"), True,
           "RCPT before AUTH")
        eq(r.ask("DATA")[:3] in ("503", "530"), True, "DATA before AUTH")
        eq(r.ask("AUTH CRAM-MD5")[:9], "504 5.5.4", "unknown mechanism")
        eq(r.ask("AUTH")[:3], "501", "no mechanism")
        eq(r.ask("AUTH PLAIN !!!")[:9], "501 5.5.2", "no base64")
        ok(r.ask("AUTH PLAIN =")[:3] in ("501", "535"), "an empty response")
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.ask("AUTH PLAIN")[:3], "334", "PLAIN without initial response")
        eq(r.ask("*")[:9], "501 5.7.0", "aborted")
        eq(r.ask("AUTH PLAIN")[:3], "334", "again")
        eq(r.ask(plain("smtpst1", good))[:9], "235 2.7.0", "and in")
        eq(r.ask("AUTH PLAIN " + plain("smtpst1", good))[:9], "503 5.5.1",
           "a second AUTH")
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.ask("AUTH LOGIN"), "334 VXNlcm5hbWU6", "LOGIN asks for the user")
        eq(r.ask(b64("smtpst1")), "334 UGFzc3dvcmQ6", "and the password")
        eq(r.ask(b64(good))[:9], "235 2.7.0", "LOGIN")
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.ask("auth login " + b64("smtpst1"))[:3], "334",
           "LOGIN with initial response, lower case")
        eq(r.ask(b64(good))[:9], "235 2.7.0", "in")
    for user, password in [("smtpst2", "two"), ("smtpst3", "three"),
                           ("long@example.org", "four five")]:
        with s.raw() as r:
            r.ask("EHLO x")
            eq(r.login(user, password)[:9], "235 2.7.0", "AUTH of " + user)
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.ask("AUTH PLAIN " + plain("smtpst1", good, "smtpst1"))[:3],
           "235", "authorization identity that is the user's own")
    with s.raw() as r:
        r.ask("EHLO x")
        eq(r.ask("AUTH PLAIN " + plain("smtpst1", good, "smtpst2"))[:3],
           "535", "authorization identity of somebody else")

# Unknown users and wrong passwords: same bytes, same time.  Each pair in a
# session of its own, from addresses of its own, so that back-off is equal.
with Server() as s:
    slow = {u: hash_password(PASSWORD % u, b"$2b$10$CCCCCCCCCCCCCCCCCCCCC.")
            for u in USERS}
    s.write("users", "".join("%s:%s\n" % (u, slow[u]) for u in USERS), 0o600)
    s.ctl("reload")
    replies = {"known": set(), "unknown": set()}
    times = {"known": [], "unknown": []}

    def attempt(kind, user, i, address):
        sock = socket.create_connection(("127.0.0.1", PORT), 30,
                                        (address, 0))
        tls = s.context().wrap_socket(sock,
                                      server_hostname="mail.example.org")
        f = tls.makefile("rb")
        f.readline()
        tls.sendall(b"EHLO x\r\n")
        while f.readline()[3:4] == b"-":
            pass
        start = time.time()
        tls.sendall(b"AUTH PLAIN " + plain(user, "wrong%d" % i).encode() +
                    b"\r\n")
        # All but the id of the refusal, which is another each time.
        replies[kind].add(re.sub(rb" \([0-9a-f.]+\)\r\n$", b"\r\n",
                                 f.readline()))
        times[kind].append(time.time() - start)
        f.close()
        tls.close()

    for i in range(9):
        attempt("known", USERS[i % 3], i, "127.1.%d.1" % i)
        attempt("unknown", "nobody%d" % i, i, "127.2.%d.1" % i)
    eq(replies["known"], replies["unknown"], "same bytes")
    eq(list(replies["known"])[:1], [b"535 5.7.8 Authentication credentials "
                                    b"invalid\r\n"], "535 5.7.8")
    a, b = (statistics.median(times[k]) for k in ("known", "unknown"))
    ok(abs(a - b) < 0.3 * max(a, b) + 0.02,
       "same time: %.0f and %.0f ms" % (a * 1000, b * 1000))

    # Back-off: a flood of wrong passwords is slowed down or shut out.
    start = time.time()
    got = []
    for i in range(12):
        try:
            with s.raw() as r:
                r.ask("EHLO x")
                got.append(r.login("smtpst1", "guess%d" % i)[:3])
        except (OSError, ssl.SSLError):
            got.append("closed")
        if time.time() - start > 30:
            break
    took = time.time() - start
    ok(took > 3 or any(g != "535" for g in got),
       "guessing is slowed down (%d guesses in %.1f s: %s)" %
       (len(got), took, " ".join(got)))
    ok("235" not in got, "and none of the guesses got in")
    ok("wrong" not in s.log() and "guess1" not in s.log(),
       "no password is in the log")
done()
