"""The administrator and the queue: hold, release, schedule, remove, show one
message, pause."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

from nexthop import NextHop

ME = "smtpst1@example.org"


def rcpts(s):
    return sorted(q["recipient"] for q in s.show("queue"))


def states(s):
    return sorted({q["state"] for q in s.show("queue")})


with Server(retry="1h to 1h") as s:
    for i in range(3):
        s.send("r%d@far.example" % i, subject="message %d" % i)
    s.send("x@other.example", sender="smtpst2@example.org", user="smtpst2")
    ok(until(lambda: len(s.show("queue")) == 4 and
             all(q["error"] for q in s.show("queue"))), "four wait")
    q = {x["recipient"]: x for x in s.show("queue")}
    one = q["r0@far.example"]
    out = s.ctl("show", "message", one["message"]).text
    ok("Subject: message 0" in out and "Received: from" in out,
       "show message prints it")
    out = s.ctl("show", "envelope", one["envelope"]).text
    ok("r0@far.example" in out and out.count("\n") <= 2,
       "show envelope prints that one")
    for args in [("show", "message", "1234"),
                 ("show", "message", "0000000000001"),
                 ("show", "envelope", "0" * 15 + "1"),
                 ("show", "envelope", one["message"] + "/2"),
                 ("hold", one["message"] + "/1024"),
                 ("hold", one["message"] + "/+1"), ("hold", "1/1"),
                 ("remove", "0" * 12 + "1"), ("release", "0" * 12 + "1/1"),
                 ("hold", "nonsense"), ("hold", "r0@far.example"),
                 ("remove", "color", "red"), ("pause", "all"),
                 ("hold", "domain", ""), ("remove", "sender", ""),
                 ("kill", "session", " -1"), ("kill", "session", "0x1")]:
        r = s.ctl(*args)
        ok(r.returncode != 0 and r.text, " ".join(args) + " is refused")

    # The log and the table have one form, which every command takes.
    form = one["message"] + "/1"
    ok(s.log_lines("envelope=%s .*to=<r0@far.example>" % form) and
       re.search(r"(?m)^%s +waiting .*r0@far" % form,
                 s.ctl("show", "queue").text), "one form in log and table")
    ok("r0@far.example" in s.ctl("show", "envelope", form).text and
       "r0@far.example" not in s.ctl("show", "queue", "above", form).text,
       "show takes it")
    eq(s.ctl("hold", form).text, "1 envelopes\n", "hold takes it")
    eq(s.ctl("release", form).text, "1 envelopes\n", "release takes it")

    # Hold, and nothing else than release makes it go.
    r = s.ctl("hold", "domain", "FAR.example")
    eq(r.text, "3 envelopes\n", "hold by domain says how many")
    eq(sorted(x["recipient"] for x in s.show("queue")
              if x["state"] == "held"),
       ["r0@far.example", "r1@far.example", "r2@far.example"], "held")
    hop = NextHop(port=HOP_PORT)
    time.sleep(6)       # relay asks a host that failed no more for 5 seconds
    eq(s.ctl("schedule", "all").text, "1 envelopes\n",
       "schedule all: those that are not held")
    ok(hop.wait(1), "which is delivered at once")
    eq([m.recipients for m in hop.messages], [["x@other.example"]],
       "that one alone")
    ok(s.wait_queue(3), "and gone")
    eq(s.ctl("release", "recipient", "<r1@far.example>").text,
       "1 envelopes\n", "release one")
    ok(hop.wait(2), "it goes")
    ok(s.wait_queue(2), "the others stay")

    # Removed without a word to the sender.
    eq(s.ctl("remove", one["envelope"]).text, "1 envelopes\n",
       "remove by envelope")
    eq(rcpts(s), ["r2@far.example"], "it is gone")
    eq(s.ctl("show", "message", one["message"]).returncode, 1,
       "and its message with it")
    two = q["r2@far.example"]
    eq(s.stop(), 0, "stop")
    s.start()
    eq(states(s), ["held"], "held after a restart")
    eq(s.ctl("remove", two["message"]).text, "1 envelopes\n",
       "remove by message")
    eq(rcpts(s), [], "the queue is empty")
    time.sleep(0.5)
    eq(s.mails("smtpst1"), [], "and nobody was told")
    eq(s.ctl("remove", "all").text, "0 envelopes\n", "remove all of none")
    ok("event=remove envelope=" in s.log(), "removals are in the log")

    # Pause.
    n = len(hop.messages)
    s.ctl("pause", "mta")
    s.send("later@far.example")
    s.send(ME)
    ok(s.wait_mail(1), "local mail is delivered while mta pauses")
    time.sleep(1)
    eq(len(hop.messages), n, "far mail is not")
    eq([x["value"] for x in s.show("stats")
        if x["name"] == "queue.paused.mta"], [1], "show stats tells")
    s.ctl("resume", "mta")
    ok(hop.wait(n + 1), "it is when mta goes on")
    s.ctl("pause", "mda")
    s.send(ME, subject="second")
    s.send("more@far.example")
    ok(hop.wait(n + 2), "far mail goes while mda pauses")
    eq(len(s.mails("smtpst1")), 1, "local mail waits")
    s.ctl("resume", "mda")
    ok(s.wait_mail(2), "and comes")
    s.ctl("pause", "smtp")
    try:
        sock = socket.create_connection(("127.0.0.1", PORT), 2)
        sock.settimeout(1)
        tls = s.context().wrap_socket(sock,
                                      server_hostname="mail.example.org")
        got = tls.recv(10)
    except (OSError, ssl.SSLError) as e:
        got = b""
    eq(got, b"", "pause smtp: nobody is greeted")
    s.ctl("resume", "smtp")
    s.send(ME, subject="third")
    ok(s.wait_mail(3), "resume smtp: mail is taken again")

    # A message of 40 MB, for one who reads it and one who does not.
    s.ctl("pause", "mda")
    s.send(ME, body=("x" * 76 + "\r\n") * 540000)
    big = s.show("queue")[0]
    show = [s.prefix + "/sbin/smtpsctl", "-s", s.dir + "/smtpsd.sock", "show",
            "message", big["message"]]
    r = subprocess.run(show, capture_output=True)
    eq((r.returncode, len(r.stdout)), (0, big["size"]), "show message, 40 MB")
    p = subprocess.Popen(show, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    out, err = p.communicate()
    eq((p.returncode, out == r.stdout, err), (0, True, b""),
       "not read for a second: whole")
    ok("broke the rules" not in s.log(), "nobody is accused")
    s.ctl("remove", big["message"])
    s.ctl("resume", "mda")

    # What users may not.
    import pwd
    u = pwd.getpwnam("smtpst1")
    r = subprocess.run([os.path.join(s.prefix, "sbin", "smtpsctl"), "-s",
                        s.dir + "/smtpsd.sock", "remove", "all"],
                       user=u.pw_uid, group=u.pw_gid, extra_groups=[],
                       capture_output=True, text=True)
    ok(r.returncode != 0, "a user may not remove: " + r.stderr.strip())
    s.check_alive()
done()
