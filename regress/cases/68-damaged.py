"""A message that is damaged on the disk: it is put aside and seen, and the
others go."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import sqlite3

from nexthop import NextHop


def sql(s, *statements):
    with sqlite3.connect(s.dir + "/spool/queue.db") as db:
        for q in statements:
            db.execute(q)
    db.close()


def stat(s, name):
    return [x["value"] for x in s.show("stats") if x["name"] == name][0]


def queued(s):
    return {q["recipient"].split("@")[0]: q for q in s.show("queue")}


BIG = "a line of a message that is larger than a row\r\n" * 4000
KINDS = ["gone", "empty", "short", "long", "missing", "orphan", "whole"]

# Addresses that no policy makes: the message ends there, and no link.
with Server(retry="1h to 1h") as s:
    s.send(["abroad@far.example", "here@far.example"])
    ok(until(lambda: len(queued(s)) == 2 and
             all(q["error"] for q in queued(s).values())), "two wait")
    eq(s.stop(), 0, "stop")
    sql(s, "UPDATE envelope SET next = 1",
        "UPDATE envelope SET recipient = recipient || char(13, 10) || "
        "'DATA' WHERE recipient LIKE 'abroad@%'",
        "UPDATE envelope SET recipient = 'x' || char(10) || '@example.org', "
        "action = 'local', user = 'smtpst2' WHERE recipient LIKE 'here@%'")
    s.start()
    for action in ("out", "local"):
        ok(s.wait_log("event=delivery .*result=failed .*action=%s .*"
                      "status=5.1.3" % action),
           "%s: an address with a line end fails for good" % action)
    s.send("smtpst2@example.org")
    ok(s.wait_mail(1, "smtpst2"), "mail for the same user goes on")
    ok("broke the rules" not in s.log() and " died: " not in s.log(),
       "and no process was replaced for it")


def rot(s, text):
    """The pages of a body lead nowhere; how many."""
    sql(s, "SELECT count(*) FROM message")  # its end empties the log
    n = 0
    with open(s.dir + "/spool/queue.db", "r+b") as f:
        for at in range(0, os.fstat(f.fileno()).st_size, 16384):
            f.seek(at)
            page = f.read(16384)
            if page[:1] == b"\0" and page.count(text) > 200:
                f.seek(at)
                f.write(b"\x7f\xff\xff\xff")
                n += 1
    return n


# SQLite cannot take such a one apart, and refuses all else with it.
with Server(retry="1h to 1h") as s:
    for name in ("rotten", "second", "third"):
        s.send(name + "@far.example",
               body=(name + " line of a large body\r\n") * 9000)
    ok(until(lambda: len(queued(s)) == 3 and
             all(q["error"] for q in queued(s).values())), "three wait")
    eq(s.stop(), 0, "stop")
    ok(rot(s, b"rotten line") > 0 and rot(s, b"third line") > 0,
       "two are rotten")
    s.start()
    eq(s.ctl("remove", "all").text, "3 envelopes\n", "all are removed")
    eq(queued(s), {}, "and gone")
    s.send("smtpst1@example.org")
    ok(s.wait_mail(1, "smtpst1"), "new mail goes")
    ok(until(lambda: queued(s) == {}), "and its result is stored")
    ok("stays in the database" in s.log(), "the log says what is left")
    s.check_alive()

with Server(retry="1h to 1h") as s:
    for kind in KINDS:
        s.send(kind + "@far.example", body=BIG if kind in
               ("gone", "long") else "Hello.\r\n", subject=kind)
    ok(until(lambda: len(queued(s)) == len(KINDS) and
             all(q["error"] for q in queued(s).values())), "they wait")
    q = queued(s)
    eq(s.stop(), 0, "stop")
    ids = {k: int(v["message"], 16) for k, v in q.items()}
    chunk = ("WHERE id >> 20 = (SELECT body_id FROM message WHERE id = %d)"
             " AND id & 1048575 = %d")
    sql(s, "DELETE FROM chunk " + chunk % (ids["gone"], 1),
        "UPDATE chunk SET data = data || data " + chunk % (ids["long"], 2),
        "UPDATE message SET body = '' WHERE id = %d" % ids["empty"],
        "UPDATE message SET body = substr(body, 1, 9) WHERE id = %d" %
        ids["short"],
        "UPDATE message SET body = NULL WHERE id = %d" % ids["missing"],
        "DELETE FROM message WHERE id = %d" % ids["orphan"],
        # in one look with the others, all before the whole one
        "UPDATE envelope SET next = 1")
    hop = NextHop(port=HOP_PORT)
    s.start()
    ok(hop.wait(1), "one that is whole goes")
    ok(until(lambda: len(queued(s)) == len(KINDS) - 1 and
             {v["state"] for v in queued(s).values()} == {"quarantined"}),
       "the others are quarantined")
    for k, v in sorted(queued(s).items()):
        ok(v["state"] == "quarantined" and re.search(
            "damaged|not in the queue", v["error"]),
           "%s: %s, %s" % (k, v["state"], v["error"]))
    eq(sorted(m.recipients[0] for m in hop.messages), ["whole@far.example"],
       "nothing of them has gone")
    eq(stat(s, "queue.quarantined"), 5, "stats count those that were tried")
    ok(re.search("event=delivery .*result=quarantined.*to=<gone@", s.log()),
       "the log says so")
    p = s.ctl("show", "message", q["gone"]["message"])
    ok(p.returncode != 0 and "Subject: gone" in p.text and
       re.search("quarantined: the message cannot be read behind its first "
                 "65536 of ", p.text), "show message: up to the damage")
    ok("quarantined" in s.ctl("show", "queue").text, "show queue, for people")
    eq(s.ctl("schedule", "all").text, "0 envelopes\n",
       "schedule does not concern them")
    s.send("next@far.example")
    ok(hop.wait(2), "new mail goes on")

    # Mended and released, or released as it is, or removed.
    eq(s.stop(), 0, "stop")
    sql(s, "UPDATE message SET size = 9 WHERE id = %d" % ids["short"],
        "UPDATE message SET body = CAST(body AS BLOB) WHERE id = %d" %
        ids["short"])
    s.start()
    eq({v["state"] for v in queued(s).values()}, {"quarantined"},
       "quarantined after a restart")
    eq(s.ctl("release", q["short"]["message"]).text, "1 envelopes\n",
       "release one that was mended")
    ok(hop.wait(3), "it goes")
    eq(s.ctl("release", q["empty"]["message"]).text, "1 envelopes\n",
       "release one that was not")
    ok(until(lambda: stat(s, "queue.quarantined") == 1 and
             queued(s)["empty"]["state"] == "quarantined"),
       "it is quarantined again")
    eq(s.ctl("remove", "all").text, "5 envelopes\n", "remove")
    eq(queued(s), {}, "all are gone, the one without a message as well")
    time.sleep(0.5)
    eq(s.mails("smtpst1"), [], "no bounce quotes what cannot be read")
    s.check_alive()
done()
