"""Unix passwords for a case: an /etc that nobody else sees, and logins."""
import base64, os, socket, tempfile

from smtpsdtest import PORT, diag, remove_at_end, run

SERVICE = "/etc/pam.d/smtpsd"
UNIX_PASSWORD = "Unix-%s!"


def copy_etc():
    """The directory of a copy of /etc, which goes with the case; or None."""
    etc = tempfile.mkdtemp(prefix="smtpsd-etc.", dir="/tmp")
    remove_at_end(etc)
    os.chmod(etc, 0o755)
    p = run("cp", "-a", "/etc/.", etc)
    if p.returncode != 0:
        diag(p.text)
        return None
    return etc


def own_etc():
    """1: such a copy is /etc from here on, as long as the case runs."""
    etc = copy_etc()
    if etc is None:
        return 0
    p = run("mount", "--bind", etc, "/etc")
    if p.returncode != 0:
        diag(p.text)
    return p.returncode == 0


def auth_plain(s, user, password, source="127.0.0.1", port=PORT):
    """The reply to AUTH PLAIN, from an address of one's own."""
    sock = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
    tls = s.context().wrap_socket(sock, server_hostname="mail.example.org")
    with tls, tls.makefile("rb") as f:
        f.readline()
        tls.sendall(b"EHLO x\r\n")
        while f.readline()[3:4] == b"-":
            pass
        tls.sendall(b"AUTH PLAIN " + base64.b64encode(
            ("\0%s\0%s" % (user, password)).encode()) + b"\r\n")
        return f.readline().decode()
