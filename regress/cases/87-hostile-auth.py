"""An auth worker that was taken over: it can say yes to what it was asked,
which is its work, and to nothing else; one that never answers is replaced.
See 80-hostile-net.py."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from roles import *

import itertools
import threading

SAYS = {"parent": ["AUTH_PARENT_RESULT", "AUTH_PARENT_TOKEN_DONE"]}


def attempt(c):
    """A login in the background, by a user and from an address that was not
    there before: a list that gets its reply."""
    got, n = [], next(numbers)

    def run():
        r = Plain(c.s, PORT, greet=False, source="127.0.1.%d" % (n % 250 + 1))
        r.tls()
        r.reply()
        r.ask("EHLO client.example.com")
        got.append(r.login("u%d" % n, "sesame"))
        r.close()
    threading.Thread(target=run, daemon=True).start()
    return got


def asked(c):
    """A check that the hostile worker was given, and the login's reply.  The
    first idle one gets a check, so there have to be two at once."""
    for i in range(5):
        first, second = attempt(c), attempt(c)
        check = c.heard("parent", "PARENT_AUTH_CHECK", 1000)
        if check:
            until(lambda: first or second)
            return unpack("Q", check)[0], second if first else first
        until(lambda: first and second, 20)
    ok(False, "a check for the hostile worker")
    return 0, []


def verdict(c, request, matches=1):
    return c.message("parent", "AUTH_PARENT_RESULT", struct.pack(
        "=QII", request, matches, 0))


def others_requests(c):
    """An answer counts for what it was asked, and once."""
    ok(c.e.ask("up parent 100").rest == "1", "it waits for work")
    verdict(c, 1)
    c.cut("parent", "a verdict for what nobody asked",
          "answer to a check that it was not given")
    for name, other in [("the request before", -1), ("the next", 1),
                        ("2^63 later", 1 << 63)]:
        request, got = asked(c)
        verdict(c, (request + other) % 2 ** 64)
        c.cut("parent", "a verdict for %s" % name)
        ok(until(lambda: got) and got[0][:3] in ("454", "535"),
           "and the login fails: %s" % got)
    request, got = asked(c)
    verdict(c, request, 0)
    ok(until(lambda: got) and got[0][:3] == "535", "a refusal is one")
    verdict(c, request, 1)
    c.cut("parent", "a second verdict")
    request, got = asked(c)
    c.message("parent", "AUTH_PARENT_TOKEN_DONE", struct.pack(
        "=QqII", request, 2 ** 40, 1, 0) + text("smtpst2", LOGIN) +
        text("", NAME))
    c.cut("parent", "a token's verdict for a password")
    ok(until(lambda: got) and got[0][:3] != "235",
       "makes nobody somebody else: %s" % got)
    request, got = asked(c)
    verdict(c, request, 2)
    ok(until(lambda: got) and got[0][:3] != "235", "2 is not 1")


def by_nature(c):
    """What it was asked it can answer: the manual says so."""
    request, got = asked(c)
    verdict(c, request, 1)
    ok(until(lambda: got) and got[0][:3] == "235",
       "it lets in whoever guesses while it is asked")


def floods(c):
    request, got = asked(c)
    c.e.ask("deaf parent 1")
    c.flood("parent", "AUTH_PARENT_RESULT", 2000, struct.pack(
        "=QII", request + 5, 1, 0))
    c.cut("parent", "verdicts without end")
    ok(until(lambda: got), "the login is answered")
    time.sleep(0.5)     # for the other worker
    c.e.ask("log 4 20000 again-and-again")
    c.suffer("log lines")
    c.exit()


def hangs(c):
    """It answers nothing: the other worker goes on, this one is killed."""
    request, got = asked(c)
    pid = c.e.pid
    c.suffer("one worker hangs")
    for i in range(3):
        c.s.client("smtpst2").quit()
    ok(c.s.wait_log("auth worker 1 hangs: killed", 30), "it is killed")
    ok(c.e.is_killed(), "and gone")
    ok(until(lambda: got) and got[0][:3] == "454", "its login fails for now")
    c.e = c.s.evil()
    ok(c.e is not None and c.e.pid != pid, "there is a new one")


def many_users(s):
    """Whose passwords take a while: two checks at once are for both."""
    kept = hash_password("sesame", b"$2b$10$CCCCCCCCCCCCCCCCCCCCC.")
    with open(s.dir + "/users", "a") as f:
        f.writelines("u%d:%s\n" % (i, kept) for i in range(200))


numbers = itertools.count()
main("auth", 1, SAYS, [hangs, others_requests, by_nature, floods,
                       malformed, fuzz], extra="processes auth 2\n", prepare=many_users)
