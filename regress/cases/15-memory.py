# alone: it measures memory
"""Secrets in memory: private keys and hashes are in the parent only."""
import base64, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import threading

from memory import found as holds, read_memory


def integers(key):
    """The secret numbers of a key, as bytes, both byte orders."""
    text = run("openssl", "pkey", "-in", key, "-noout", "-text").text
    found = {}
    for name in ["privateExponent", "prime1", "prime2", "exponent1",
                 "exponent2", "coefficient", "priv"]:
        m = re.search(r"^%s:\s*\n((?:    [0-9a-f:]+\n?)+)" % name, text, re.M)
        if m:
            raw = bytes.fromhex(re.sub(r"[^0-9a-f]", "", m.group(1)))
            raw = raw.lstrip(b"\0")
            found[name] = raw
    return found


with Server(kinds=("rsa",), start=False) as s:
    cert, key = make_cert(s.dir, "mx.example.net", "ec")
    s.keys.append(("mx.example.net", cert, key))
    s.parts["pki"] += ('pki mx.example.net cert "%s"\n'
                       'pki mx.example.net key "%s"\n' % (cert, key))
    s.parts["listen"] += " pki mail.example.org pki mx.example.net"
    s.write("smtpsd.conf", DEFAULT_CONF.format(**s.parts))
    s.start()

    needles = {}
    for name, cert, key in s.keys:
        for what, raw in integers(key).items():
            # 24 bytes from the middle: no alignment, no leading zero.
            at = max(0, len(raw) // 2 - 12)
            piece = raw[at:at + 24]
            needles["%s %s" % (name, what)] = [piece, piece[::-1]]
        pem = "".join(open(key).read().splitlines()[2:4])
        needles["%s PEM" % name] = [pem[:48].encode()]
    ok(len(needles) >= 9, "%d secrets to look for" % len(needles))
    hashes = {u: [HASHES[u][29:].encode()] for u in USERS}

    stop = threading.Event()
    errors = []

    def traffic():
        i = 0
        while not stop.is_set():
            i += 1
            try:
                # Users 2 and 3 never log in: their hashes go nowhere.
                s.send()
            except Exception as e:
                errors.append(e)
    threads = [threading.Thread(target=traffic) for i in range(3)]
    for t in threads:
        t.start()
    for name in ["mail.example.org", "mx.example.net"] * 10:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", PORT), 20) as sock:
            context.wrap_socket(sock, server_hostname=name).close()

    kids = {p: process_name(p) for p in s.children()}
    ok(set(CHILDREN) <= set(kids.values()), "every kind of child is there")
    for round in range(3):
        time.sleep(0.7)
        for pid, name in sorted(kids.items()):
            try:
                parts = read_memory(pid)
            except OSError as e:
                if name != "deliver":
                    ok(False, "read %s: %s" % (name, e))
                continue
            size = sum(map(len, parts))
            bad = [what for what, pieces in needles.items()
                   for piece in pieces if any(piece in p for p in parts)]
            # An auth worker holds one hash while it works: of user 1 only.
            bad += ["hash of " + u for u in USERS
                    if (name != "auth" or u != "smtpst1") and
                    any(hashes[u][0] in p for p in parts)]
            if round == 2 or bad:
                ok(not bad, "%s (%d KiB) holds none: %s" %
                   (name, size >> 10, ", ".join(bad)))
    stop.set()
    for t in threads:
        t.join()
    eq(errors[:1], [], "mail flowed meanwhile")

    parts = read_memory(s.pid)
    found = [what for what, pieces in needles.items()
             if any(piece in p for piece in pieces for p in parts)]
    for name, cert, key in s.keys:
        ok([f for f in found if f.startswith(name)],
           "the same search finds the key of %s in the parent" % name)
    ok(all(any(hashes[u][0] in p for p in parts) for u in USERS),
       "and the hashes")
    # After traffic the workers have wiped what they had.
    time.sleep(1)
    for pid in s.children("auth"):
        parts = read_memory(pid)
        ok(not any(h[0] in p for h in hashes.values() for p in parts),
           "an idle worker holds no hash")
        ok(not any((PASSWORD % "smtpst1").encode() in p for p in parts),
           "and no password")
    # What clients sent is in no process any more, as it came or decoded.
    words = [(PASSWORD % "smtpst1").encode(), base64.b64encode(
        ("\0smtpst1\0" + PASSWORD % "smtpst1").encode())]
    for mechanism in ["LOGIN", "PLAIN"]:
        with s.raw() as r:
            r.ask("EHLO client.example.com")
            if mechanism == "PLAIN":
                eq(r.login()[:3], "235", "PLAIN")
                continue
            r.ask("AUTH LOGIN " + base64.b64encode(b"smtpst1").decode())
            words.append(base64.b64encode(words[0]))
            eq(r.ask(words[2].decode())[:3], "235", "LOGIN")
            ok(any(w in p for w in words for p in read_memory(os.getpid())),
               "the search finds it in the client")
    ok(until(lambda: not s.show("sessions")), "the sessions have ended")
    for pid in [s.pid] + s.children():
        name, bad = process_name(pid), holds(pid, words)
        ok(not bad, "%s holds no password%s" %
           (name, "".join(": %r" % w for w in bad)))
    # smtpsctl, which made a hash and waits for a daemon that does not answer.
    control = s.children("control")[0]
    os.kill(control, signal.SIGSTOP)
    secret = "Wd4-paper-clip-%d" % os.getpid()
    before = os.stat(s.dir + "/users").st_ino
    p = subprocess.Popen([s.prefix + "/sbin/smtpsctl", "-s",
                          s.dir + "/smtpsd.sock", "-t", s.dir + "/users",
                          "user", "passwd", "smtpst2"],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    p.stdin.write(secret.encode() + b"\n")
    p.stdin.close()
    ok(until(lambda: os.stat(s.dir + "/users").st_ino != before),
       "smtpsctl has changed the users file")
    eq(holds(p.pid, [secret.encode()]), [], "and holds no password")
    os.kill(control, signal.SIGCONT)
    eq(p.wait(30), 0, "it tells the daemon and ends")
    with open("/proc/%d/status" % s.children("net")[0]) as f:
        status = f.read()
    ok("Seccomp:\t2" in status, "net: seccomp filter is on")
    ok("NoNewPrivs:\t1" in status, "net: no new privileges")
    for pid in s.children():
        name = process_name(pid)
        st = open("/proc/%d/status" % pid).read()
        uid = int(re.search(r"Uid:\t(\d+)", st).group(1))
        ok(uid != 0, "%s does not run as root" % name)
        ok("CapEff:\t0000000000000000" in st, "%s has no capability" % name)
        eq(os.listdir("/proc/%d/root" % pid) == [] or name in ("queue", "deliver"), True,
           "%s sees an empty root" % name)
done()
