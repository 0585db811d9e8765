"""The fail2ban filter finds what smtpsd writes, and nothing else.

fail2ban is unpacked, not installed: its service would start.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import atexit
import shutil
import tempfile
from unpack import unpack

scratch = tempfile.mkdtemp(prefix="smtpsd-fail2ban.", dir="/tmp")
atexit.register(shutil.rmtree, scratch, True)
WHY = unpack("fail2ban", scratch) if os.getuid() == 0 else "needs root"

from smtpsdtest import *

import base64

FILTER = TOP + "/etc/fail2ban/smtpsd.conf"
EVIL = ["a address=192.0.2.9 user=b", "x\nevent=auth-failed address=192.0.2.9"
        " user=x mechanism=plain reason=password", 'a" address=192.0.2.9',
        "\x1b[2J", "-", ""]


def fail2ban(path, *options):
    """Lines that matched, [(address, ...)] and the whole output."""
    root = scratch + "/root"
    p = run("python3", root + "/usr/bin/fail2ban-regex", "-c",
            root + "/etc/fail2ban", "--out", "ip", *options, path, FILTER_IN,
            env=dict(os.environ, PYTHONPATH=root + "/usr/lib/python3/"
                     "dist-packages"))
    return p.text.split(), p.text


def attempts(s):
    """The addresses that failed, in order."""
    bad = []
    for n, (user, password, mechanism) in enumerate(
            [("smtpst1", "wrong", "PLAIN"), ("nobody", "wrong", "PLAIN"),
             ("smtpst1", "wrong", "LOGIN"),
             ("smtpst1", PASSWORD % "smtpst1", "PLAIN")] +
            [(e, "wrong", "PLAIN") for e in EVIL]):
        address = "127.3.3.%d" % (n + 1)
        with Plain(s, PORT, greet=False, source=address) as r:
            r.tls()
            r.reply()
            r.ask("EHLO x")
            if mechanism == "PLAIN":
                got = r.ask("AUTH PLAIN " + base64.b64encode(
                    ("\0%s\0%s" % (user, password)).encode()).decode())
            else:
                r.ask("AUTH LOGIN " + base64.b64encode(user.encode()).decode())
                got = r.ask(base64.b64encode(password.encode()).decode())
            if got[:3] == "535":
                bad.append(address)
    return bad


def syslog(text):
    return re.sub(r"(?m)^smtpsd: ", time.strftime("%b %d %H:%M:%S ") +
                  "mail smtpsd[4711]: ", text)


with Server() as s:
    bad = attempts(s)
    ok(len(bad) >= 3, "%d logins failed" % len(bad))
    lines = re.findall(r"(?m)^smtpsd: event=auth-failed address=(\S+) user=\S* "
                       r"mechanism=\S+ reason=\S+$", s.log())
    eq(lines, bad, "each has its line, in order")
    if WHY:
        skip("fail2ban-regex", WHY)
    else:
        FILTER_IN = scratch + "/root/etc/fail2ban/filter.d/smtpsd.conf"
        shutil.copy(FILTER, FILTER_IN)
        for name, text in [("foreground", s.log()), ("syslog",
                                                     syslog(s.log()))]:
            path = s.write("log." + name, text)
            got, out = fail2ban(path)
            eq(got, bad, "fail2ban finds them, %s" % name) or diag(out[-2000:])
        fake = syslog("smtpsd: net: event=refused session=1 id=1.1.1 address="
                      "127.9.9.9 user=- text=\"event=auth-failed address="
                      "127.9.9.9 user=a mechanism=plain reason=password\"\n")
        got, out = fail2ban(s.write("log.fake", fake))
        eq(got, [], "and no forgery")
done()
