"""More of other people's clients: swaks and msmtp on every listener, gsasl,
mutt, s-nail, Perl's Net::SMTP, and Postfix as a client that logs in.

A client that is not installed is skipped.
"""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

SUBMISSION = PORT + 1
SMTP = PORT + 2
USER = "smtpst1"
SECRET = PASSWORD % USER
FROM = USER + "@example.org"
TO = "smtpst2@example.org"
HOST = "mail.example.org"
# Not in a home: other cases may run.
TOP_DIR = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(TOP_DIR, 0o755)
BOX = TOP_DIR + "/mail/smtpst2"
sent = []


def client(name, *args, **kw):
    """One message whose subject is name."""
    if not shutil.which(args[0]):
        return skip(name, "no " + args[0])
    kw.setdefault("timeout", 60)
    try:
        p = run(*args, **kw)
    except subprocess.TimeoutExpired as e:
        ok(False, name)
        return diag((e.stdout or b"").decode(errors="replace")[-1500:])
    if ok(p.returncode == 0, name):
        sent.append(name)
    else:
        diag(p.text[-1500:])


def swaks(s):
    common = ["swaks", "--server", HOST, "--from", FROM, "--to", TO,
              "--tls-verify", "--tls-ca-path", s.cert]
    login = ["--auth-user", USER, "--auth-password", SECRET]
    for mechanism in ["PLAIN", "LOGIN"]:
        for port, tls in [(PORT, "--tls-on-connect"), (SUBMISSION, "--tls")]:
            name = "swaks %s %d" % (mechanism, port)
            client(name, *common, "--port", str(port), tls, "--auth",
                   mechanism, *login, "--h-Subject", name)
    for tls in [[], ["--tls"]]:
        name = "swaks 25 " + " ".join(tls)
        client(name.strip(), *common, "--port", str(SMTP), *tls,
               "--h-Subject", name.strip())
    if not shutil.which("swaks"):
        return
    p = run(*common, "--port", str(SUBMISSION), "--auth", "PLAIN", *login)
    ok(p.returncode != 0 and SECRET not in p.text,
       "swaks on 587 without TLS cannot log in")
    p = run(*common[:-4], "--to", "a@far.example", "--port", str(SMTP))
    eq(p.returncode, 24, "swaks on 25: no relaying")


def msmtp(s):
    for auth in ["plain", "login", "scram-sha-256", "scram-sha-256-plus"]:
        for port, starttls in [(PORT, "off"), (SUBMISSION, "on")]:
            name = "msmtp %s %d" % (auth, port)
            conf = s.write("msmtprc", "account default\nhost %s\nport %d\n"
                           "tls on\ntls_starttls %s\ntls_trust_file %s\n"
                           "auth %s\nuser %s\npassword %s\nfrom %s\n" %
                           (HOST, port, starttls, s.cert, auth, USER, SECRET,
                            FROM), 0o600)
            if auth.startswith("scram"):
                want = auth.upper() in s.mechanisms
                got = run("msmtp", "--version").text
                if not want or auth not in got:
                    skip(name, "by msmtp" if want else "not offered")
                    continue
            client(name, "msmtp", "-C", conf, TO, input=message(name))


def gsasl(s):
    for mechanism in ["PLAIN", "LOGIN", "SCRAM-SHA-256"]:
        name = "gsasl " + mechanism
        if mechanism not in s.mechanisms or not shutil.which("gsasl"):
            skip(name, "not offered or no gsasl")
            continue
        for password, want in [(SECRET, True), ("wrong", False)]:
            p = run("gsasl", "--smtp", "--no-cb", "--connect", "%s:%d" %
                    (HOST, SUBMISSION), "--mechanism", mechanism,
                    "--authentication-id", USER,
                    "--password", password, "--x509-ca-file", s.cert,
                    "--verbose", stdin=subprocess.DEVNULL, timeout=30)
            if not ok(("235 2.7.0" in p.text) == want, "%s, %s password" %
                      (name, "right" if want else "wrong")):
                diag(p.text)


def mailers(s):
    for port, scheme in [(PORT, "smtps"), (SUBMISSION, "smtp")]:
        name = "mutt %d" % port
        conf = s.write("muttrc", 'set smtp_url="%s://%s:%s@%s:%d/"\n'
                       'set certificate_file="%s"\nset from="%s"\n'
                       'set ssl_starttls=yes\nset ssl_force_tls=yes\n'
                       'set smtp_authenticators="scram-sha-256"\nset copy=no\nset record=""\nset use_from=yes\n'
                       'set realname="M. Utt"\nset envelope_from_address='
                       '"%s"\n' % (scheme, USER, SECRET, HOST, port, s.cert,
                                   FROM, FROM), 0o600)
        client(name, "mutt", "-n", "-F", conf, "-s", name, "--", TO,
               input="A line.\n.\nAnother.\n", env=dict(os.environ,
                                                        HOME=s.dir))
        name = "s-nail %d" % port
        client(name, "s-nail", "-:/", "-S", "v15-compat", "-S", "from=" + FROM,
               "-S", "mta=%s://%s:%s@%s:%d" % (scheme, USER, SECRET, HOST,
                                               port),
               "-S", "smtp-use-starttls" if scheme == "smtp" else "x=y",
               "-S", "smtp-auth=plain", "-S", "tls-ca-file=" + s.cert,
               "-S", "tls-ca-no-defaults", "-S", "tls-verify=strict",
               "-S", "sendwait", "-s", name, TO, input="A line.\n.\nOne.\n",
               env=dict(os.environ, HOME=s.dir))


PERL = r"""
use strict; use Net::SMTP;
my ($host, $port, $ssl, $ca, $user, $password, $from, $to, $subject) = @ARGV;
my $c = Net::SMTP->new(Host => $host, Port => $port, SSL => $ssl,
    SSL_ca_file => $ca, Timeout => 30) or die "connect: $@";
$ssl or $c->starttls(SSL_ca_file => $ca) or die "starttls: " . $c->message;
$c->auth($user, $password) or die "auth: " . $c->message;
$c->mail($from, Size => 300) or die "mail: " . $c->message;
$c->to($to) or die "to: " . $c->message;
$c->data("From: $from\nTo: $to\nSubject: $subject\n\n.dot\n..\n.\nx\n")
    or die "data: " . $c->message;
$c->quit or die "quit";
"""


def perl(s):
    if run("perl", "-MNet::SMTP", "-MIO::Socket::SSL", "-MAuthen::SASL", "-e",
           "1").returncode:
        return skip("Net::SMTP", "a module is missing")
    for port, tls in [(PORT, "1"), (SUBMISSION, "0")]:
        name = "Net::SMTP %d" % port
        client(name, "perl", "-e", PERL, HOST, str(port), tls, s.cert, USER,
               SECRET, FROM, TO, name)


def smtplib_587(s):
    with smtplib.SMTP(HOST, SUBMISSION, timeout=30) as c:
        c.starttls(context=s.context())
        c.login(USER, SECRET)
        eq(c.sendmail(FROM, [TO], message("smtplib 587")), {}, "smtplib 587")
    sent.append("smtplib 587")


def curl(s):
    mail = s.write("mail", message("curl 587").replace("\r\n", "\n"))
    client("curl 587", "curl", "-sS", "--crlf", "--ssl-reqd", "--cacert",
           s.cert, "--mail-from", FROM, "--mail-rcpt", TO, "-T", mail,
           "--user", USER + ":" + SECRET, "smtp://%s:%d/client.example.com" %
           (HOST, SUBMISSION))


POSTFIX = """compatibility_level = 3.6
queue_directory = %(d)s/queue
data_directory = %(d)s/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
myhostname = client.example.com
relayhost = [mail.example.org]:%(port)d
smtp_host_lookup = native
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{ {[mail.example.org]:%(port)d = %(user)s:%(secret)s} }
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = hostname
smtp_tls_CAfile = %(cert)s
smtp_tls_wrappermode = %(wrap)s
maillog_file = %(d)s/log
maillog_file_prefixes = %(d)s
"""


def postfix(s, port, wrap):
    """An installed Postfix, in directories of its own."""
    name = "Postfix %d" % port
    sendmail = "/usr/sbin/sendmail"
    if not shutil.which("postfix", path="/usr/sbin") or \
            not os.path.exists("/etc/postfix/master.cf"):
        return skip(name, "Postfix is not installed")
    if not glob.glob("/usr/lib/*/sasl2/libplain.so"):
        return skip(name, "libsasl2-modules is not installed")
    d = tempfile.mkdtemp(prefix="smtpsd-postfix.", dir="/tmp")
    os.chmod(d, 0o755)
    os.mkdir(d + "/queue")
    os.mkdir(d + "/data")
    shutil.chown(d + "/data", "postfix")
    conf = d + "/conf"
    os.mkdir(conf)
    with open(conf + "/main.cf", "w") as f:
        f.write(POSTFIX % {"d": d, "port": port, "user": USER, "wrap": wrap,
                           "secret": SECRET, "cert": s.cert})
    with open("/etc/postfix/master.cf") as f, \
            open(conf + "/master.cf", "w") as g:
        for line in f:                  # no listener; no chroot
            words = line.split()
            if len(words) > 7 and words[1] in ("inet", "unix", "unix-dgram"):
                if words[1] == "inet":
                    continue
                line = " ".join(
                    words[:4] + ["n"] + words[5:]) + "\n"
            g.write(line)
    p = run("postfix", "-c", conf, "start", timeout=60)
    try:
        p = run(sendmail, "-C", conf, "-f", FROM, TO, timeout=60,
                env=dict(os.environ, MAIL_CONFIG=conf), input="From: %s\n"
                "To: %s\nSubject: %s\n\nx\n" % (FROM, TO, name))
        got = s.wait_mail(len(sent) + 1, seconds=40, directory=BOX)
        if ok(p.returncode == 0 and got, name):
            sent.append(name)
        else:
            diag(p.text)
            diag(open(d + "/log").read()[-2500:] if os.path.exists(d + "/log")
                 else "no log")
    finally:
        run("postfix", "-c", conf, "stop", timeout=60)
        if not os.environ.get("KEEP"):
            shutil.rmtree(d, ignore_errors=True)


listen = "".join("listen on 127.0.0.1 %s port %d%s\n" % x for x in [
    ("smtps", PORT, " auth <users> senders <senders>"),
    ("submission", SUBMISSION, " auth <users> senders <senders>"),
    ("smtp", SMTP, "")])
RULES = ('match from auth for domain <domains> action "local"\n'
         'match from auth for any action "out"\n'
         'match from any for domain <domains> action "local"\n')
ACTIONS = ('action "local" maildir "%s/mail/%%{dest.user}" user smtpst3\n'
           'action "out" relay host smtp://127.0.0.1:10025\n' % TOP_DIR)
with Server(listen=listen, rules=RULES, actions=ACTIONS) as s:
    hosts = s.write("hosts", "127.0.0.1 localhost mail.example.org\n")
    run("mount", "--bind", hosts, "/etc/hosts")
    for u in USERS:                     # SCRAM wants all to have verifiers
        p = s.ctl("user", "passwd", u, input=PASSWORD % u + "\n")
        eq(p.returncode, 0, "password of " + u)
    with s.raw() as r:
        s.mechanisms = re.search(r"AUTH (.*)", r.ask("EHLO x")).group(1).split()
    diag("AUTH " + " ".join(s.mechanisms))
    swaks(s)
    msmtp(s)
    gsasl(s)
    mailers(s)
    perl(s)
    smtplib_587(s)
    curl(s)
    s.wait_mail(len(sent), directory=BOX)
    postfix(s, PORT, "yes")
    postfix(s, SUBMISSION, "no")
    got = [re.search(rb"(?m)^Subject: (.*)$", m).group(1).decode()
           for m in s.wait_mail(len(sent), directory=BOX) or []]
    eq(sorted(got), sorted(sent), "each message arrived, once")
shutil.rmtree(TOP_DIR)
done()
