"""Real clients: swaks, curl and msmtp, with a checked certificate."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

with Server() as s:
    user, password = "smtpst1", PASSWORD % "smtpst1"
    for mechanism in ["PLAIN", "LOGIN"]:
        p = run("swaks", "--server", "127.0.0.1", "--port", str(PORT),
                "--tls-on-connect", "--auth", mechanism, "--auth-user", user,
                "--auth-password", password, "--from", user + "@example.org",
                "--to", "smtpst2@example.org", "--h-Subject",
                "swaks " + mechanism)
        ok(p.returncode == 0, "swaks, AUTH " + mechanism)
        if p.returncode:
            diag(p.text)
    p = run("swaks", "--server", "127.0.0.1", "--port", str(PORT),
            "--tls-on-connect", "--auth", "PLAIN", "--auth-user", user,
            "--auth-password", "wrong", "--from", user + "@example.org",
            "--to", "smtpst2@example.org")
    eq(p.returncode, 28, "swaks, wrong password")

    mail = s.write("mail", message("curl").replace("\r\n", "\n"))
    url = "smtps://mail.example.org:%d/client.example.com" % PORT
    curl = ["curl", "-sS", "--crlf", "--resolve",
            "mail.example.org:%d:127.0.0.1" % PORT, "--cacert", s.cert,
            "--mail-from", user + "@example.org", "--mail-rcpt",
            "smtpst2@example.org", "-T", mail, "--user",
            user + ":" + password]
    p = run(*curl, url)
    ok(p.returncode == 0, "curl")
    if p.returncode:
        diag(p.text)
    for mechanism in ["PLAIN", "LOGIN"]:
        for ir in [[], ["--sasl-ir"]]:
            p = run(*curl, "--login-options", "AUTH=" + mechanism, *ir, url)
            ok(p.returncode == 0, "curl, AUTH %s %s" %
               (mechanism, "with initial response" if ir else "without"))
            if p.returncode:
                diag(p.text)
    p = run(*curl[:-1], user + ":wrong", url)
    eq(p.returncode, 67, "curl, wrong password")

    for n, auth in enumerate(["plain", "login"]):
        conf = s.write("msmtprc", """
account default
host 127.0.0.1
port %d
tls on
tls_starttls off
tls_trust_file %s
tls_host_override mail.example.org
auth %s
user %s
password %s
from smtpst1@example.org
""" % (PORT, s.cert, auth, user, password), 0o600)
        p = run("msmtp", "-C", conf, "smtpst2@example.org",
                input=message("msmtp"))
        ok(p.returncode == 0, "msmtp, auth " + auth)
        if p.returncode:
            diag(p.text)

    with s.client() as c:
        c.sendmail("smtpst1@example.org", ["smtpst2@example.org"],
                   message("smtplib"))
    ok(s.wait_mail(10, "smtpst2"), "all ten messages arrived")
    subjects = [re.search(rb"(?m)^Subject: (.*)$", m).group(1).decode()
                for m in s.mails("smtpst2")]
    for want in ["swaks PLAIN", "curl", "msmtp", "smtplib"]:
        ok(want in subjects, "one of them: " + want)
done()
