"""smtpsctl: sessions, stats, kill, reload, users, stop; who may what."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *
from nexthop import NextHop

with Server() as s:
    a, b = s.client("smtpst1"), s.client("smtpst2")
    sessions = {x["user"]: x for x in s.show("sessions")}
    eq(sorted(sessions), ["smtpst1", "smtpst2"], "two sessions are shown")
    text = s.ctl("show", "sessions").text
    ok("smtpst1" in text and "127.0.0.1" in text and "TLSv1" in text,
       "as a table too")
    eq(s.ctl("kill", "session", sessions["smtpst1"]["session"]).returncode, 0,
       "kill session")
    try:
        a.noop()
        dead = a.noop()[0] == 421
    except (smtplib.SMTPException, OSError):
        dead = True
    ok(dead, "it is gone")
    eq(b.noop()[0], 250, "the other lives")
    eq([x["user"] for x in s.show("sessions")], ["smtpst2"], "one is left")
    ok(s.ctl("kill", "session", "dead0000dead").returncode != 0,
       "kill of an unknown session fails")
    ok(s.ctl("kill", "session", "xyz").returncode != 0, "or of nonsense")
    stats = {x["name"]: x["value"] for x in s.show("stats")}
    ok(len(stats) > 10, "%d statistics" % len(stats))
    ok(any(n.startswith("net.") for n in stats) and
       any(n.startswith("queue.") for n in stats), "of several processes")
    b.quit()

    # A stranger asks and breaks rules as often as he can.
    import pwd
    stranger = pwd.getpwnam("smtpst2")
    noise = """if 1:
        import socket, sys
        for i in range(300):
            c = socket.socket(socket.AF_UNIX)
            c.settimeout(2)
            c.connect(sys.argv[1])
            try:
                c.sendall(b"\\xff" * 64)
                c.recv(10)
            except OSError:
                pass
            c.close()
        """
    p = subprocess.run(["/usr/bin/python3", "-c", noise,
                        s.dir + "/smtpsd.sock"],
                       user=stranger.pw_uid, group=stranger.pw_gid,
                       extra_groups=[])
    eq(p.returncode, 0, "300 messages that are none")
    n = len([x for x in s.log().splitlines() if "smtpsctl" in x])
    ok(0 < n < 20, "are %d lines of the log" % n)

    # With -j all but a message is JSON, and all of it has to be written.
    s.send("x@far.example")
    envelope = until(lambda: s.show("queue"))[0]["envelope"]
    seen = {}
    for words in ["show queue", "show envelope " + envelope, "show stats",
                  "show listeners", "show limits", "show limits nobody",
                  "show users", "hold all", "hold domain far.example",
                  "remove " + envelope, "pause mta", "resume mta", "reload",
                  "user device add smtpst3 x", "user devices smtpst3",
                  "user device del smtpst3 x"]:
        p = s.ctl("-j", *words.split(), stdin=subprocess.DEVNULL)
        try:
            seen[words] = json.loads(p.text)
        except ValueError:
            pass
        ok(p.returncode == 0 and type(seen.get(words)) is list, "-j " + words)
    eq([x["envelopes"] for x in seen["hold all"]], [1], "-j counts envelopes")
    ok(len(seen["user device add smtpst3 x"][0]["password"]) > 20,
       "and shows a new password")
    for words in ["show limits", "show stats"]:
        p = run("sh", "-c", '"$@" >/dev/full', "sh",
                s.prefix + "/sbin/smtpsctl", "-s", s.dir + "/smtpsd.sock",
                *words.split())
        ok(p.returncode != 0 and "standard output" in p.text,
           words + " into a full file fails")
    p = s.ctl("user", "devices", "nobody-here")
    ok(p.returncode != 0 and "no such user" in p.text,
       "devices of nobody are an error")

    # Users.
    eq(s.ctl("user", "add", "fresh", input="new secret\n").returncode, 0,
       "user add")
    ok("new secret" not in open(s.dir + "/users").read(), "hashed")
    ok("fresh" in s.ctl("show", "users").text.split(), "show users")
    ok(s.ctl("user", "add", "fresh", input="x1\n").returncode != 0,
       "user add again fails")

    def login(user, password):
        try:
            with s.raw() as r:
                r.ask("EHLO x")
                return r.login(user, password)[:3]
        except (OSError, ssl.SSLError):
            return "closed"
    eq(until(lambda: login("fresh", "new secret") == "235", 5), True,
       "the new user can log in at once")
    eq(s.ctl("user", "check", "fresh", input="new secret\n").returncode, 0,
       "user check")
    ok(s.ctl("user", "check", "fresh", input="wrong\n").returncode != 0,
       "user check, wrong password")
    eq(s.ctl("user", "passwd", "fresh", input="other secret\n").returncode,
       0, "user passwd")
    eq(until(lambda: login("fresh", "other secret") == "235", 5), True,
       "the new password works")
    eq(login("fresh", "new secret"), "535", "the old one no longer")
    eq(s.ctl("user", "del", "fresh").returncode, 0, "user del")
    eq(login("fresh", "other secret"), "535", "and out")
    st = os.stat(s.dir + "/users")
    eq((st.st_uid, st.st_mode & 0o777), (0, 0o600), "users file: root, 0600")
    ok(s.ctl("user", "add", "a:b", input="x\n").returncode != 0,
       "a bad name is refused")

    # Reload: a broken file changes nothing.
    good = open(s.conf_path).read()
    s.write("smtpsd.conf", good + "\nnonsense here\nlisten on\n")
    p = s.ctl("reload")
    ok(p.returncode != 0, "reload of a broken file fails")
    ok(len(re.findall(r"smtpsd\.conf:\d+: ", p.text)) >= 2,
       "and says all that is wrong, with lines")
    s.send()
    ok(s.wait_mail(1), "nothing has changed")
    s.write("smtpsd.conf", good + '\nlisten on 127.0.0.1 smtps port %d '
            'auth <users>\n' % (PORT + 1))
    with s.client() as c:
        p = s.ctl("reload")
        eq(p.returncode, 0, "reload")
        c.sendmail("smtpst1@example.org", ["smtpst1@example.org"],
                   message("over a reload"))
    ok(s.wait_mail(2), "a session outlives a reload")
    with s.client(port=PORT + 1) as c:
        eq(c.noop()[0], 250, "the new listener is there")
    s.write("smtpsd.conf", good)
    s.process.send_signal(signal.SIGHUP)

    def refused():
        try:
            socket.create_connection(("127.0.0.1", PORT + 1), 1).close()
            return False
        except OSError:
            return True
    ok(until(refused, 10), "SIGHUP reloads: the listener is gone again")
    s.send()

    # Others may not.
    p = run("setpriv", "--reuid", "smtpst1", "--clear-groups", "--regid",
            "smtpst1", s.prefix + "/sbin/smtpsctl", "-s",
            s.dir + "/smtpsd.sock", "stop")
    ok(p.returncode != 0 and s.process.poll() is None,
       "a user may not stop it")
    p = run("setpriv", "--reuid", "smtpst1", "--clear-groups", "--regid",
            "smtpst1", s.prefix + "/sbin/smtpsctl", "-s",
            s.dir + "/smtpsd.sock", "show", "sessions")
    ok(p.returncode != 0, "nor look")
    # Junk on the socket harms nobody.
    for junk in [b"", b"\0" * 16, b"\xff" * 4000, b"GET / HTTP/1.0\r\n\r\n"]:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(s.dir + "/smtpsd.sock")
        try:
            sock.sendall(junk)
            sock.settimeout(0.5)
            sock.recv(10)
        except OSError:
            pass
        sock.close()
    eq(s.show("sessions"), [], "junk on the socket")
    s.check_alive()
    eq(s.ctl("stop").returncode, 0, "stop")
    eq(until(lambda: s.process.poll() is not None and
             (s.process.poll(),), 10), (0,), "it stops, status 0")
    s.process = None
    ok(s.ctl("show", "stats").returncode != 0, "smtpsctl without a daemon")

# Several processes of a kind: one line for all of them, and all work.
with Server(extra="processes net 3 auth 2 relay 3\n") as s:
    hop = NextHop(port=HOP_PORT)
    eq([len(s.children(k)) for k in ["net", "relay"]], [3, 3],
       "as many as were asked for")
    for i in range(12):
        s.send("x@d%d.example" % i)
    ok(hop.wait(12), "mail goes through them")
    ok(s.wait_queue(0), "all of it")
    stats = s.show("stats")
    eq(len({x["name"] for x in stats}), len(stats), "each name stands once")
    stats = {x["name"]: x["value"] for x in stats}
    eq([stats["net.messages"], stats["relay.sent"]], [12, 12],
       "counters add up")

with Server(extra='control group "smtpst2"\n') as s:
    p = run("setpriv", "--reuid", "smtpst2", "--regid", "smtpst2",
            "--clear-groups", s.prefix + "/sbin/smtpsctl", "-s",
            s.dir + "/smtpsd.sock", "show", "stats")
    eq(p.returncode, 0, "the group may look")
    p = run("setpriv", "--reuid", "smtpst2", "--regid", "smtpst2",
            "--clear-groups", s.prefix + "/sbin/smtpsctl", "-s",
            s.dir + "/smtpsd.sock", "reload")
    ok(p.returncode != 0, "but not more")
done()
