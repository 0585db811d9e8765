"""Whole-daemon tests: a smtpsd of its own in a private network namespace.

A case imports this, makes a Server and prints TAP:

    from smtpsdtest import *
    with Server() as s:
        with s.client() as c:          # smtplib.SMTP_SSL, logged in
            c.sendmail(...)
        ok(s.wait_mail(1), "delivered")
    done()

Importing moves the process (and so all that it starts) into network and
mount namespaces of its own, where the test users' homes are empty.  Leaving the "with" stops the daemon by its pid and
checks that every process was alive until then and none is left.

SMTPSD_PREFIX names an installed smtpsd; without it the sources are copied,
built and installed below /tmp/smtpsd-regress.UID once.
"""

import ctypes
import glob
import json
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PORT = 10465                    # of the smtps listener
HOP_PORT = 10025                # of the next hop
USERS = ["smtpst1", "smtpst2", "smtpst3"]
PASSWORD = "sesame-%s"          # % user
CHILDREN = ["net", "auth", "policy", "queue", "relay", "resolver", "control"]
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_REC_PRIVATE = 0x44000


# --- TAP ---------------------------------------------------------------

_n = 0
_failed = 0
_servers = []
_left = []


def ok(value, name):
    global _n, _failed
    _n += 1
    if not value:
        _failed += 1
    print("%sok %d - %s" % ("" if value else "not ", _n, name), flush=True)
    return bool(value)


def eq(got, want, name):
    if not ok(got == want, name):
        diag("got  %r" % (got,))
        diag("want %r" % (want,))
    return got == want


def skip(name, why):
    global _n
    _n += 1
    print("ok %d - %s # SKIP %s" % (_n, name, why), flush=True)


def diag(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def remove_at_end(path):
    _left.append(path)


def done():
    print("1..%d" % _n, flush=True)
    sys.stdout.flush()
    for s in _servers:
        if s.process is not None:       # a start that went wrong
            s.process.kill()
        if not os.environ.get("KEEP"):
            shutil.rmtree(s.dir, ignore_errors=True)
    for path in _left:
        shutil.rmtree(path, ignore_errors=True)
    # Threads of a next hop must not keep the process.
    os._exit(1 if _failed or _n == 0 else 0)


def _excepthook(kind, value, tb):
    global _n, _failed
    for line in "".join(traceback.format_exception(kind, value,
                                                   tb)).splitlines():
        diag(line)
    ok(False, "case ended by %s" % kind.__name__)
    done()


sys.excepthook = _excepthook


def until(condition, seconds=15):
    """Its value as soon as it is true, or the last one."""
    end = time.time() + seconds
    while True:
        value = condition()
        if value or time.time() >= end:
            return value
        time.sleep(0.03)


def run(*args, **kw):
    kw.setdefault("stdout", subprocess.PIPE)
    kw.setdefault("stderr", subprocess.STDOUT)
    kw.setdefault("timeout", 120)
    if isinstance(kw.get("input"), str):
        kw["input"] = kw["input"].encode()
    p = subprocess.run(list(args), **kw)
    p.text = (p.stdout or b"").decode("utf-8", "replace")
    return p


# --- the machine ---------------------------------------------------------

def _private_network():
    """False if this machine does not let us."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        diag("no private network: %s" % os.strerror(ctypes.get_errno()))
        return False
    # Mounts of a case (a small file system, other hosts) end with it.
    libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None)
    run("ip", "link", "set", "lo", "up")
    return True


def _users():
    for u in ["_smtpsd", "_smtpsp", "_smtpsq"]:
        try:
            pwd.getpwnam(u)
        except KeyError:
            run("useradd", "-r", "-M", "-d", "/nonexistent", "-s",
                "/usr/sbin/nologin", u)
    for u in USERS:
        try:
            pwd.getpwnam(u)
        except KeyError:
            run("useradd", "-m", "-s", "/usr/sbin/nologin", u)


def _homes():
    """Home directories of this case alone, so that cases can run at once."""
    libc = ctypes.CDLL(None, use_errno=True)
    for u in USERS:
        e = pwd.getpwnam(u)
        options = "mode=0755,uid=%d,gid=%d" % (e.pw_uid, e.pw_gid)
        if libc.mount(b"none", e.pw_dir.encode(), b"tmpfs", 0,
                      options.encode()) != 0:
            diag("no private %s: %s" % (e.pw_dir,
                                        os.strerror(ctypes.get_errno())))


def _prefix():
    prefix = os.environ.get("SMTPSD_PREFIX")
    if prefix:
        return prefix
    base = "/tmp/smtpsd-regress.%d" % os.getuid()
    os.makedirs(base, mode=0o755, exist_ok=True)
    prefix = base + "/prefix"
    src = base + "/src"
    script = (
        "set -e; mkdir -p %(src)s; cd %(top)s; "
        "tar cf - --exclude='*.[oadt]' --exclude=.git --exclude=config.mk "
        "--exclude=config.h --exclude=flags.stamp . | "
        "tar xf - --keep-newer-files --warning=none -C %(src)s; "
        "cd %(src)s; make install PREFIX=%(prefix)s "
        "SYSCONFDIR=%(prefix)s/etc" %
        {"src": src, "top": TOP, "prefix": prefix})
    p = run("sh", "-c", script, timeout=900)
    if p.returncode != 0:
        diag("\n".join(p.text.splitlines()[-20:]))
        raise RuntimeError("cannot build smtpsd")
    return prefix


def make_key(path, kind):
    args = {"rsa": ["rsa:2048"], "rsa4096": ["rsa:4096"],
            "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "ec384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            "ed25519": ["ed25519"]}[kind]
    return ["-newkey"] + args + ["-keyout", path]


def make_cert(directory, name, kind="rsa", days=30, names=()):
    """A self-signed certificate; (certificate, key) paths.  names: more that
    it is for, as "DNS:name"."""
    base = os.path.join(directory, "%s-%s" % (name, kind))
    cert, key = base + ".crt", base + ".key"
    p = run("openssl", "req", "-x509", "-nodes", "-days", str(days), "-subj",
            "/CN=" + name, "-addext", "subjectAltName=" + ",".join(
                ["DNS:" + name, "IP:127.0.0.1", *names]), "-out", cert,
            *make_key(key, kind))
    if p.returncode != 0:
        raise RuntimeError(p.text)
    os.chmod(key, 0o600)
    return cert, key


def make_ocsp(cert, key, path, days=5):
    """The response of a responder about a self-signed certificate."""
    d = tempfile.mkdtemp(prefix="ocsp.", dir=os.path.dirname(path))
    serial = run("openssl", "x509", "-in", cert, "-noout",
                 "-serial").text.strip().split("=")[1]
    with open(d + "/index", "w") as f:
        f.write("V\t391231235959Z\t\t%s\tunknown\t/CN=x\n" % serial)
    run("openssl", "ocsp", "-issuer", cert, "-cert", cert, "-no_nonce",
        "-reqout", d + "/request")
    p = run("openssl", "ocsp", "-index", d + "/index", "-rsigner", cert,
            "-rkey", key, "-CA", cert, "-reqin", d + "/request", "-respout",
            path, "-ndays", str(days))
    shutil.rmtree(d)
    if not os.path.exists(path):
        raise RuntimeError(p.text)
    return path


def process_name(pid):
    """Last part of the program's path, "" if it is gone."""
    try:
        return os.path.basename(os.readlink("/proc/%d/exe" % pid)).replace(
            " (deleted)", "")
    except OSError:
        return ""


def children_of(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                text = f.read()
        except OSError:
            continue
        rest = text[text.rindex(")") + 2:].split()
        if int(rest[1]) == pid and rest[0] != "Z":
            found.append(int(text.split(" ")[0]))
    return sorted(found)


# --- the daemon ----------------------------------------------------------

DEFAULT_CONF = """\
hostname mail.example.org

{pki}
table users file "{dir}/users"
table aliases file "{dir}/aliases"
table senders file "{dir}/senders"
table domains {{ example.org, localhost }}

queue directory "{dir}/spool"
queue retry {retry}
control socket "{dir}/smtpsd.sock"
{extra}
{listen}
{actions}
{rules}
"""
DEFAULT_ACTIONS = """\
action "local" maildir "~/Maildir" alias <aliases>
action "out" relay host smtp://127.0.0.1:10025
"""
DEFAULT_RULES = """\
match from auth for domain <domains> action "local"
match from auth for any action "out"
"""


class Server:
    """conf: a whole configuration with {dir}, {pki}; or parts of one."""

    def __init__(self, conf=DEFAULT_CONF, kinds=("rsa",), extra="",
                 listen=None, actions=DEFAULT_ACTIONS, rules=DEFAULT_RULES,
                 aliases="postmaster: smtpst1\n", senders=None,
                 retry="1s to 3s", names=("mail.example.org",), start=True,
                 expect_deaths=False):
        self.prefix = PREFIX
        self.dir = tempfile.mkdtemp(prefix="smtpsd-test.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.process = None
        _servers.append(self)
        self.pid = None
        self.expect_deaths = expect_deaths
        self.log_path = self.dir + "/log"
        self.keys = []
        pki = []
        for name, kind in zip(names, list(kinds) * len(names)):
            cert, key = make_cert(self.dir, name, kind)
            self.keys.append((name, cert, key))
            pki.append('pki %s cert "%s"\npki %s key "%s"\n' %
                       (name, cert, name, key))
        self.cert = self.keys[0][1]
        if listen is None:
            listen = ("listen on 127.0.0.1 smtps port %d auth <users>%s" %
                      (PORT, " senders <senders>"))
        if senders is None:
            senders = "".join("%s %s@example.org, %s+*@example.org\n" %
                              (u, u, u) for u in USERS)
        self.write("aliases", aliases)
        self.write("senders", senders)
        self.write("users", "".join("%s:%s\n" % (u, HASHES[u])
                                    for u in USERS), 0o600)
        self.parts = {"dir": self.dir, "pki": "".join(pki), "extra": extra,
                      "listen": listen, "actions": actions, "rules": rules,
                      "retry": retry}
        self.conf_path = self.write("smtpsd.conf", conf.format(**self.parts))
        for u in USERS:
            shutil.rmtree(os.path.expanduser("~%s/Maildir" % u),
                          ignore_errors=True)
        if start:
            self.start()

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def start(self, *args):
        log = open(self.log_path, "ab")
        mark = log.tell()
        self.process = subprocess.Popen(
            [self.prefix + "/sbin/smtpsd", "-d", "-v", "-f", self.conf_path] +
            list(args), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.pid = self.process.pid

        def is_up():
            if self.process.poll() is not None:
                return True
            with open(self.log_path, "rb") as f:
                f.seek(mark)
                return re.search(rb"\bsmtpsd(\[\d+\])?: .*\bready\b(?!:)|"
                                 rb"^ready", f.read(), re.M)
        if not until(is_up, 20) or self.process.poll() is not None:
            diag(self.log()[-4000:])
            raise RuntimeError("smtpsd did not start")

    def log(self):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def log_lines(self, pattern):
        """Those with it; logs may have 100,000 lines."""
        return [l for l in self.log().splitlines() if re.search(pattern, l)]

    def wait_log(self, pattern, seconds=15):
        return until(lambda: re.search(pattern, self.log()), seconds)

    def children(self, name=None):
        return [p for p in children_of(self.pid)
                if name is None or process_name(p) == name]

    def check_alive(self):
        names = {process_name(p) for p in self.children()}
        missing = [c for c in CHILDREN if c not in names]
        return ok(not missing, "all processes live%s" %
                  (": missing " + " ".join(missing) if missing else ""))

    def stop(self, sig=signal.SIGTERM, seconds=15):
        """The exit status, None if it had to be killed."""
        if self.process is None:
            return None
        kids = self.children()
        self.process.send_signal(sig)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            self.process.kill()
            self.process.wait()
        self.process = None
        left = until(lambda: not [p for p in kids if process_name(p) in
                                  CHILDREN + ["deliver"]], 5)
        ok(left, "no process is left behind")
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        if self.process is not None and self.process.poll() is not None:
            ok(False, "smtpsd ended by itself: %s" % self.process.returncode)
            self.process = None
        if self.process is not None:
            if kind is None:
                self.check_alive()
            eq(self.stop(), 0, "smtpsd stops within seconds, status 0")
        if not self.expect_deaths:
            deaths = self.log_lines(r"died: pid|killed by|signal \d+|"
                                    r"broke a rule|fault:")
            ok(not deaths, "no process died and no link was at fault")
            for line in deaths[:5]:
                diag(line)
        # Only a build with SAN=1 can say these.
        reports = self.log_lines(r"Sanitizer|runtime error:")
        if reports:
            ok(False, "the sanitizers have nothing to report")
            diag("\n".join(reports[:20]))
        if kind is not None or _failed:
            diag("the end of the log:")
            diag("\n".join(self.log().splitlines()[-40:]))
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        return False

    # clients

    def context(self, cert=None):
        context = ssl.create_default_context(cafile=cert or self.cert)
        return context

    def client(self, user="smtpst1", password=None, port=PORT, login=True):
        """An smtplib client, its certificate checked; logged in."""
        c = smtplib.SMTP_SSL(timeout=30, context=self.context(),
                             local_hostname="client.example.com")
        c._host = "mail.example.org"
        c.connect("127.0.0.1", port)
        c.ehlo()
        if login:
            c.login(user, password or PASSWORD % user)
        return c

    def raw(self, port=PORT, greet=True):
        """A TLS socket with send(bytes) and reply() -> text of one reply."""
        return Raw(self, port, greet)

    def session(self, user="smtpst1", port=PORT):
        """raw(), EHLO and login."""
        r = self.raw(port)
        r.ask("EHLO client.example.com")
        r.login(user)
        return r

    def send(self, rcpt="smtpst1@example.org", sender="smtpst1@example.org",
             body="Hello.\r\n", subject="test", user="smtpst1"):
        with self.client(user) as c:
            rcpts = [rcpt] if isinstance(rcpt, str) else rcpt
            return c.sendmail(sender, rcpts, message(subject, body, sender))

    # mailboxes

    def mails(self, user="smtpst1", directory=None):
        """Contents (bytes) of the delivered messages."""
        directory = directory or os.path.expanduser("~%s/Maildir" % user)
        found = []
        for path in sorted(glob.glob(directory + "/new/*")):
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def wait_mail(self, n=1, user="smtpst1", seconds=15, directory=None):
        until(lambda: len(self.mails(user, directory)) >= n, seconds)
        return self.mails(user, directory) \
            if len(self.mails(user, directory)) >= n else None

    # smtpsctl

    def ctl(self, *args, **kw):
        return run(self.prefix + "/sbin/smtpsctl", "-s",
                   self.dir + "/smtpsd.sock", "-t", self.dir + "/users",
                   *args, **kw)

    def show(self, what):
        # All of it; by itself the list ends after a thousand.
        p = self.ctl("-j", "show", what, *["all"] * (what == "queue"),
                     stderr=subprocess.PIPE)
        if p.returncode != 0:
            raise RuntimeError("show %s: %s" % (what, p.stderr))
        try:
            got = json.loads(p.text)
        except ValueError:
            got = [json.loads(l) for l in p.text.splitlines() if l.strip()]
        return got

    def wait_queue(self, n, seconds=20):
        return until(lambda: len(self.show("queue")) == n, seconds)


class Raw:
    def __init__(self, server, port, greet):
        s = socket.create_connection(("127.0.0.1", port), 30)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = server.context().wrap_socket(
            s, server_hostname="mail.example.org")
        self.sock.settimeout(30)
        self.file = self.sock.makefile("rb")
        if greet:
            self.greeting = self.reply()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self):
        """All lines of one reply, "" at the end of the connection."""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except (ConnectionResetError, ssl.SSLError):
                line = b""
            if not line:
                return "\n".join(lines)
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            if len(line) < 4 or line[3:4] != b"-":
                return "\n".join(lines)

    def ask(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def login(self, user="smtpst1", password=None):
        import base64
        word = base64.b64encode(("\0%s\0%s" % (
            user, password or PASSWORD % user)).encode()).decode()
        return self.ask("AUTH PLAIN " + word)

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


class Plain(Raw):
    """The same without TLS, until starttls().  where: port or path."""

    def __init__(self, server, where=PORT, greet=True, source=None,
                 first=b""):
        self.server = server
        if isinstance(where, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(where)
        else:
            self.sock = socket.create_connection(
                ("127.0.0.1", where), 30, (source, 0) if source else None)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(30)
        if first:
            self.sock.sendall(first)
        self.file = self.sock.makefile("rb")
        if greet:
            self.greeting = self.reply()

    def tls(self, context=None, name="mail.example.org"):
        self.sock = (context or self.server.context()).wrap_socket(
            self.sock, server_hostname=name)
        self.file = self.sock.makefile("rb")

    def starttls(self, context=None, name="mail.example.org"):
        reply = self.ask("STARTTLS")
        if reply.startswith("220"):
            self.tls(context, name)
        return reply


def message(subject="test", body="Hello.\r\n",
            sender="smtpst1@example.org", to="somebody@example.org"):
    return ("From: %s\r\nTo: %s\r\nSubject: %s\r\n\r\n%s" %
            (sender, to, subject, body))


def hash_password(password, setting=b"$2b$04$CCCCCCCCCCCCCCCCCCCCC."):
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), setting).decode()


if os.getuid() != 0:
    print("1..0 # SKIP needs root")
    sys.exit(0)
_own = _private_network()
_users()
if _own:
    _homes()
PREFIX = _prefix()
HASHES = {u: hash_password(PASSWORD % u) for u in USERS}
