"""Packages unpacked into a directory, not installed: for programs whose
installation would change the machine (a mail server, a service).

Call it before smtpsdtest is imported, which takes the network away.
"""
import glob
import os
import shutil
import subprocess


def unpack(package, directory, depends=False):
    """None, or why it did not work; the files are below directory/root."""
    if not shutil.which("apt-get"):
        return "no apt-get"
    debs = directory + "/debs"
    os.makedirs(debs + "/partial")
    if depends:
        args = ["install", "-y", "-q", "--download-only", "--reinstall",
                "--no-install-recommends",
                "-o", "Dir::Cache::archives=" + debs]
    else:
        args = ["download", "-q"]
    p = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root"] + args + [package],
        cwd=debs, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=120)
    if p.returncode != 0:
        return "apt-get: " + p.stdout.decode().strip().split("\n")[-1]
    for deb in glob.glob(debs + "/*.deb"):
        if not os.path.basename(deb).startswith("libc6"):
            subprocess.run(["dpkg", "-x", deb, directory + "/root"],
                           check=True)
    return None
