"""The systemd unit: how tight it is, and that smtpsd works as tight."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

UNIT = os.path.join(TOP, "etc", "smtpsd.service")
# What keeps it from less: root, the network of the host, any address, other
# users' ids and files, chroot.
EXPOSURE_MAX = 2.9

with open(UNIT) as f:
    unit = dict(l.rstrip("\n").split("=", 1) for l in f
                if "=" in l and l[0] != "#")
if shutil.which("systemd-analyze"):
    p = run("systemd-analyze", "security", "--offline=true", UNIT)
    found = re.search(r"exposure level for \S+: ([\d.]+)", p.text)
    if found is None:
        skip("exposure", "systemd-analyze is too old")
    else:
        ok(float(found.group(1)) <= EXPOSURE_MAX, "exposure %s of 10" %
           found.group(1))
else:
    skip("exposure", "no systemd-analyze")

if not shutil.which("setpriv"):
    skip("a start like systemd's", "no setpriv")
    done()

# The capabilities, and a file system to be read where the unit says so.
WRAPPER = """#!/bin/sh
for d in /usr /boot /etc /opt /root; do
	test ! -d $d || { mount --bind $d $d && mount -o remount,bind,ro $d; }
done
exec setpriv --bounding-set=-all,%s --inh-caps=-all --no-new-privs \\
    %s "$@"
"""
with Server(start=False, actions=DEFAULT_ACTIONS +
            'action "run" mda "/bin/false" user smtpst2\n',
            rules='match from auth for domain run.example.org action "run"\n'
            + DEFAULT_RULES) as s:
    prefix = s.dir + "/prefix"
    os.makedirs(prefix + "/sbin")
    caps = ",".join("+" + c.lower().replace("cap_", "") for c in
                    unit["CapabilityBoundingSet"].split())
    with open(prefix + "/sbin/smtpsd", "w") as f:
        f.write(WRAPPER % (caps, PREFIX + "/sbin/smtpsd"))
    os.chmod(prefix + "/sbin/smtpsd", 0o755)
    os.symlink(PREFIX + "/sbin/smtpsctl", prefix + "/sbin/smtpsctl")
    s.prefix = prefix
    s.start()
    with open("/proc/%d/status" % s.pid) as f:
        text = f.read()
    bound = int(re.search(r"CapBnd:\s*(\w+)", text).group(1), 16)
    eq(bin(bound).count("1"), len(unit["CapabilityBoundingSet"].split()),
       "smtpsd has the capabilities of the unit")
    ok(re.search(r"NoNewPrivs:\s*1", text), "and gains no others")
    s.send()
    ok(s.wait_mail(1), "mail reaches a mailbox, as its owner")
    s.send(rcpt="x@run.example.org")
    ok(s.wait_log(r"event=delivery .*to=<x@run\.example\.org>"),
       "a command runs")
    p = s.ctl("reload")
    eq(p.returncode, 0, "a reload works") or diag(p.text)
    eq({x["value"] for x in s.show("stats") if x["name"] in
        ["parent.sandbox." + c for c in CHILDREN + ["deliver"]]}, {2},
       "every program is confined")
done()
