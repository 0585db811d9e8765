"""Large messages for a slow command: few of them are in memory at once."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

N, SIZE = 20, 6 << 20
top = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(top, 0o755)
slow = top + "/slow"
with open(slow, "w") as f:
    f.write("#!/bin/sh\nuntil [ -e %s/go ]; do sleep 0.1; done\n"
            "[ $(wc -c) -gt %d ]\n" % (top, SIZE * 9 // 10))
os.chmod(slow, 0o755)


def anon(pid):
    """KiB of the process's own memory."""
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M).group(1))


def steady(pid):
    last = -1
    while anon(pid) != last:
        last = anon(pid)
        time.sleep(1)
    return last


def try_it(name, user, **conf):
    if os.path.exists(top + "/go"):
        os.unlink(top + "/go")
    with Server(**conf) as s:
        with s.client() as c:
            for i in range(N):
                c.sendmail("smtpst1@example.org", [user + "@example.org"],
                           message("n%d" % i, ("x" * 70 + "\r\n") *
                                   (SIZE // 72 + 1)))
        ok(until(lambda: len(s.children("deliver")) == 1), name + ": runs")
        got = steady(s.children("deliver")[0])
        # Ten of 64 MiB, each in the power of two above its size.
        ok(got < 90 << 10, "%s: %d MiB for %d of %d MiB" %
           (name, got >> 10, N, SIZE >> 20))
        open(top + "/go", "w").close()
        ok(s.wait_queue(0, 40), name + ": all get through")
        eq(len(s.log_lines("result=delivered")), N, name + ": at once")


try_it("mda", "smtpst2", actions='action "local" mda "%s"\n' % slow,
       rules='match from auth for any action "local"\n')
with open(os.path.expanduser("~smtpst1/.forward"), "w") as f:
    f.write('"|%s"\n' % slow)
shutil.chown(os.path.expanduser("~smtpst1/.forward"), "smtpst1")
try_it(".forward", "smtpst1", actions='action "local" maildir forward\n',
       rules='match from auth for any action "local"\n')
shutil.rmtree(top)
done()
