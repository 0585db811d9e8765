"""One Unix user owns the Maildirs of all addresses."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
base = top + "/mail"            # smtpsd makes it, for the user
with Server(actions='action "virtual" maildir "%s/%%{{dest.domain}}/'
            '%%{{dest.user}}" user smtpst3 alias <aliases>\n'
            'action "out" relay host smtp://127.0.0.1:10025\n'
            .replace("{{", "{").replace("}}", "}") % base,
            rules='match from auth for domain <domains> action "virtual"\n'
            'match from auth for any action "out"\n') as s:
    with s.client() as c:
        c.sendmail("smtpst1@example.org", ["Anybody@example.org",
                                           "other@localhost"],
                   message("virtual"))
    def boxes():
        return sorted(os.path.relpath(p, base) for p in
                      glob.glob(base + "/*/*/new/*"))
    ok(until(lambda: len(boxes()) == 2, 15), "two mailboxes")
    eq([os.path.dirname(b).lower() for b in boxes()],
       ["example.org/anybody/new", "localhost/other/new"], "by address")
    uid = pwd.getpwnam("smtpst3").pw_uid
    ok(all(os.stat(os.path.join(base, b)).st_uid == uid for b in boxes()),
       "they belong to the one user")
    # Names that try to leave.
    for local in ['".."', '"../../../etc"', '"a/b"', '"."', '"x y"',
                  '"a\\\\b"']:
        try:
            with s.client() as c:
                c.sendmail("smtpst1@example.org",
                           ["%s@example.org" % local], message("evil"))
        except smtplib.SMTPException:
            pass
    s.send("last@example.org")
    ok(until(lambda: len(glob.glob(base + "/example.org/last/new/*")) == 1,
             15), "the last one is delivered")
    until(lambda: s.show("queue") == [], 10)
    names = sorted(os.listdir(base))
    ok(set(names) <= {"example.org", "localhost"}, "nothing beside: %s" %
       names)
    below = sorted(os.listdir(base + "/example.org"))
    ok(not [b for b in below if b.startswith(".") or b in
            ("cur", "new", "tmp")], "nothing in the wrong place: %s" % below)
# The lock of an mbox has a name that could be an address, too.
with Server(actions='action "virtual" mbox "%s/%%{{dest.user}}" user smtpst3\n'
            'action "out" relay host smtp://127.0.0.1:10025\n'
            .replace("{{", "{").replace("}}", "}") % base,
            rules='match from auth for domain <domains> action "virtual"\n'
            'match from auth for any action "out"\n') as s:
    s.send(["bob.lock@example.org"])
    ok(s.wait_log(r"to=<bob\.lock@example\.org> .*status=5\.1\.3"),
       "an mbox cannot have the name of a lock")
    s.send(["bob@example.org"])
    ok(s.wait_log(r"result=delivered to=<bob@example\.org>"),
       "so nobody locks another's mailbox by mail")
    ok(not os.path.exists(base + "/bob.lock"), "and it is not locked")
shutil.rmtree(top)
done()
