"""Aliases: lists, included files, owners, catch-alls, virtual domains."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ALIASES = """\
root: smtpst1
team: :include:{dir}/team
owner-team: smtpst3
far-team: x@far.example, bad@far.example, smtpst2
owner-far-team: boss@far.example
outer: team, smtpst1
owner-outer: smtpst1
plain: x@far.example
deep: :include:{dir}/deep0
circle: :include:{dir}/circle
missing: :include:{dir}/missing
pipe: "|/bin/cat"
file: /var/mail/x
gone: nobody-here
@catch.example: smtpst2
info@catch.example: smtpst1
@move.example: @example.org
"""
VIRTUAL = """\
info@v1.example: smtpst1
both@v1.example: smtpst1, someone@far.example
sales@v2.example: smtpst2@example.org
chain@v1.example: sales@v2.example
loop@v1.example: loop@v2.example
loop@v2.example: loop@v1.example
@v3.example: smtpst3
abuse: smtpst2
"""
RELAYED = """\
old@far.example: new@far.example
@all.example: pool@far.example
bare: smtpst1
"""
CONF = dict(
    extra='table virtual file "{dir}/virtual"\n'
          'table relayed file "{dir}/relayed"\n'
          'table vdomains {{ v1.example, v2.example, v3.example }}\n'
          'table own {{ example.org, localhost, catch.example, '
          'move.example }}\n',
    actions='action "local" maildir alias <aliases>\n'
            'action "virtual" expand-only alias <virtual>\n'
            'action "out" relay host smtp://127.0.0.1:10025 '
            'alias <relayed>\n'
            'action "plain" relay host smtp://127.0.0.1:10025\n',
    rules='match from any for domain <own> action "local"\n'
          'match from any for domain <vdomains> action "virtual"\n'
          'match from auth for domain all.example action "out"\n'
          'match from auth for domain far.example action "out"\n'
          'match from auth for any action "plain"\n',
    listen='listen on 127.0.0.1 smtps port %d auth <users>\n'
           'listen on 127.0.0.1 smtp port %d' % (PORT, PORT + 1))
ME = "smtpst1@example.org"


def make(**kw):
    """A Server with all files; extra ones by name."""
    s = Server(start=False, aliases="", **{k: (
        v.replace("{dir}", "@DIR@").replace("{{", "{").replace("}}", "}")
        if k == "extra" else v) for k, v in CONF.items()})
    with open(s.conf_path) as f:
        text = f.read().replace("@DIR@", s.dir)
    with open(s.conf_path, "w") as f:
        f.write(text)
    s.write("aliases", ALIASES.replace("{dir}", s.dir))
    s.write("virtual", VIRTUAL)
    s.write("relayed", RELAYED)
    s.write("team", "# the team\nsmtpst1, smtpst2  # two on one line\n\n"
            "someone@far.example\n")
    s.write("circle", ":include:%s/circle\n" % s.dir)
    for i in range(12):
        s.write("deep%d" % i, ":include:%s/deep%d\n" % (s.dir, i + 1))
    s.write("deep12", "smtpst1\n")
    for name, text in kw.items():
        s.write(name, text)
    return s


def rcpt(s, to, sender=ME):
    with s.raw() as r:
        r.ask("EHLO x")
        r.login()
        r.ask("MAIL FROM:<%s>" % sender)
        return r.ask("RCPT TO:<%s>" % to)[:9]


def got(s, subject, user):
    """Return-Path and Delivered-To of the messages with a subject."""
    out = []
    for m in s.mails(user):
        text = m.decode("utf-8", "replace")
        if "Subject: %s\n" % subject in text.replace("\r\n", "\n"):
            out.append((re.search("^Return-Path: <(.*)>", text,
                                  re.M).group(1),
                        re.search("^Delivered-To: (\\S*)", text,
                                  re.M).group(1)))
    return out


def senders(hop, rcpt):
    return [m.sender for m in hop.messages if rcpt in m.recipients]


def check(s):
    return run(s.prefix + "/sbin/smtpsd", "-n", "-f", s.conf_path).text


hop = NextHop(port=HOP_PORT)
s = make()
text = check(s)
for want in ["missing: cannot open", "pipe: mail for it is refused: |/bin/cat: no user",
             "file: mail for it is refused: /var/mail/x: no user",
             "gone: mail for it is refused: nobody is called nobody-here",
             "bare: is of no use", "configuration OK"]:
    ok(want in text, "-n: %s" % want) or diag(text)
ok("postmaster" not in text, "-n: postmaster falls to root's alias")
s.write("aliases", "a: smtpst1\n")
ok("postmaster: mail for it is refused" in check(s),
   "-n: nobody is postmaster")
s.write("aliases", ALIASES.replace("{dir}", s.dir))
s.start()
with s:
    ok("missing: cannot open" in s.log(), "the log says it as well")
    # Refusals.
    for to, want in [
            ("circle@example.org", "550 5.4.6"),
            ("deep@example.org", "550 5.4.6"),
            ("missing@example.org", "451 4.3.0"),
            ("pipe@example.org", "550 5.1.1"),
            ("file@example.org", "550 5.1.1"),
            ("gone@example.org", "550 5.1.1"),
            ("nobody@v1.example", "550 5.1.1"),
            ("smtpst1@v1.example", "550 5.1.1"),
            ("loop@v1.example", "550 5.4.6"),
            ("_smtpsd@example.org", "550 5.1.1"),
            ("_smtpsp@example.org", "550 5.1.1"),
            ("_smtpsq@example.org", "550 5.1.1"),
            ("nobody-here@move.example", "550 5.1.1"),
            ("bare@all.example", "250 2.1.5"),
            ("postmaster", "250 2.1.5"),
            ("PostMaster@v1.example", "250 2.1.5"),
            ("postmaster@example.org", "250 2.1.5")]:
        reply = rcpt(s, to)
        if want.startswith("550 5.4.6"):
            eq(reply[:3], "550", "%s: a loop" % to)
        else:
            eq(reply, want, "%s: %s" % (to, want))

    # A list with an owner, from an included file.
    s.send("team@example.org", subject="list")
    ok(s.wait_mail(1, "smtpst1") and s.wait_mail(1, "smtpst2") and
       hop.wait(1), "a list")
    eq(got(s, "list", "smtpst1"), [("owner-team@example.org",
                                    "smtpst1@example.org")],
       "comes from its owner")
    eq(senders(hop, "someone@far.example"), ["owner-team@example.org"],
       "to other hosts too")
    # Together with an ordinary recipient, a tag and a nested list.
    with s.client() as c:
        c.sendmail(ME, ["smtpst3+x@example.org", "Team+x@example.org",
                        "plain@example.org"], message("mixed"))
    ok(until(lambda: got(s, "mixed", "smtpst3") and
             got(s, "mixed", "smtpst2") and senders(hop, "x@far.example")),
       "a list among others")
    eq(got(s, "mixed", "smtpst3"), [(ME, "smtpst3+x@example.org")],
       "others keep the sender and the tag")
    eq(got(s, "mixed", "smtpst2"), [("owner-team@example.org",
                                     "smtpst2@example.org")],
       "a tag changes nothing for a list")
    eq(senders(hop, "x@far.example"), [ME], "an alias without owner")
    s.send("outer@example.org", subject="nested")
    ok(until(lambda: got(s, "nested", "smtpst2")), "a list in a list")
    eq([got(s, "nested", u)[0][0] for u in ["smtpst1", "smtpst2"]],
       ["owner-team@example.org"] * 2, "the inner owner")
    # No owner instead of the null reverse-path.
    with s.client() as c:
        c.sendmail("", ["team@example.org"], message("null"))
    ok(until(lambda: got(s, "null", "smtpst2")), "a bounce to a list")
    eq(got(s, "null", "smtpst2"), [("", "smtpst2@example.org")],
       "stays a bounce")

    # Bounces go to the owner, here or elsewhere.
    hop.bad_recipients["bad@far.example"] = 550
    s.send("far-team@example.org", subject="returned")
    ok(until(lambda: senders(hop, "boss@far.example")),
       "the owner elsewhere gets the bounce")
    eq(senders(hop, "boss@far.example"), [""], "from the null sender")
    ok(not [m for m in s.mails() if b"Undelivered" in m],
       "the sender of the message does not")

    # Catch-all, precedence, moved domain, virtual domains.
    n = {u: len(s.mails(u)) for u in USERS}
    for to, user, delivered in [
            ("any.thing@catch.example", "smtpst2", "smtpst2@catch.example"),
            ("Info+x@catch.example", "smtpst1", "smtpst1@catch.example"),
            ("SMTPST3@catch.example", "smtpst3", "SMTPST3@catch.example"),
            ("smtpst3+t@move.example", "smtpst3", "smtpst3+t@move.example"),
            ("info@v1.example", "smtpst1", "smtpst1@mail.example.org"),
            ("chain@v1.example", "smtpst2", "smtpst2@example.org"),
            ("whoever@v3.example", "smtpst3", "smtpst3@mail.example.org"),
            ("abuse@v2.example", "smtpst2", "smtpst2@mail.example.org"),
            ("postmaster@v2.example", "smtpst1", "smtpst1@mail.example.org"),
            ]:
        s.send(to, subject="to " + to)
        ok(until(lambda: got(s, "to " + to, user)), to)
        eq(got(s, "to " + to, user), [(ME, delivered)], "%s is %s" %
           (to, delivered))
    s.send(["both@v1.example", "old@far.example", "q@all.example"],
           subject="both")
    ok(until(lambda: got(s, "both", "smtpst1") and
             senders(hop, "new@far.example") and
             senders(hop, "pool@far.example")), "aliases of relays")
    ok(s.wait_queue(0), "the queue empties")
    ok(not senders(hop, "old@far.example"), "nothing for the old address")

    # A stranger reaches what aliases name, and nothing else.
    with Plain(s, PORT + 1) as r:
        r.ask("EHLO x")
        r.ask("MAIL FROM:<x@far.example>")
        eq(r.ask("RCPT TO:<plain@example.org>")[:3], "250",
           "a stranger writes to an alias that leads elsewhere")
        for to in ["x@far.example", "old@far.example", "q@all.example",
                   "x%far.example@v3.example.net", "plain@far.example"]:
            eq(r.ask("RCPT TO:<%s>" % to)[:3], "550", "not to %s" % to)

    # Reload reads it all again.
    s.write("team", "smtpst3\n")
    s.write("missing", "smtpst1\n")
    s.write("aliases", ALIASES.replace("{dir}", s.dir) + "new: smtpst2\n")
    eq(s.ctl("reload").returncode, 0, "reload")
    ok(until(lambda: rcpt(s, "new@example.org") == "250 2.1.5"),
       "a new alias")
    eq(rcpt(s, "missing@example.org"), "250 2.1.5", "a file that came")
    s.send("team@example.org", subject="after")
    ok(until(lambda: got(s, "after", "smtpst3")), "the list changed")
    eq(got(s, "after", "smtpst1"), [], "who left it gets nothing")
    # What others can write is not read.
    s.write("missing", "smtpst1\n", 0o646)
    s.ctl("reload")
    ok(until(lambda: rcpt(s, "missing@example.org") == "451 4.3.0"),
       "a file that others can write is not included")
    s.write("team", "smtpst3\n", 0o644)
    os.chown(s.dir + "/team", pwd.getpwnam("smtpst1").pw_uid, 0)
    s.ctl("reload")
    ok(until(lambda: rcpt(s, "team@example.org") == "451 4.3.0"),
       "nor one of another user")
    # The owner's envelopes after a restart of the daemon.
    hop.bad_recipients["slow@far.example"] = 450
    s.write("aliases", "lst: slow@far.example\nowner-lst: smtpst1\n"
            "postmaster: smtpst1\n")
    s.ctl("reload")
    ok(until(lambda: rcpt(s, "lst@example.org") == "250 2.1.5"), "reload")
    s.send("lst@example.org", subject="kept")
    ok(until(lambda: [q for q in s.show("queue") if q["sender"] ==
                      "owner-lst@example.org"]), "the queue shows the owner")
    ok(until(lambda: [q for q in s.show("queue") if q.get("attempts")]),
       "it was tried")
    s.stop()
    hop.ok()
    s.start()
    ok(until(lambda: senders(hop, "slow@far.example")), "after a restart")
    eq(senders(hop, "slow@far.example"), ["owner-lst@example.org"],
       "the owner is still the sender")
done()
