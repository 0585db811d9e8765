"""TLS: key kinds, versions, server names, what is not offered."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *


def handshake(s, version=None, name="mail.example.org", ciphers=None,
              cafile=None):
    """(version, cipher, certificate in DER) or the error."""
    context = ssl.create_default_context(cafile=cafile or s.cert)
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    try:
        with socket.create_connection(("127.0.0.1", PORT), 20) as sock:
            with context.wrap_socket(sock, server_hostname=name) as tls:
                tls.recv(4)
                return tls.version(), tls.cipher()[0], tls.getpeercert(True)
    except (OSError, ssl.SSLError) as e:
        return e


for kind in ["rsa", "rsa4096", "ec", "ec384"]:
    with Server(kinds=(kind,)) as s:
        for v in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            got = handshake(s, v)
            ok(isinstance(got, tuple), "%s, %s: %s" % (kind, v.name, got[:2]
               if isinstance(got, tuple) else got))
        s.send()
        ok(s.wait_mail(1), kind + ": a message")
        if kind == "rsa":
            # PSS and PKCS#1 both, in TLS 1.2.
            for algorithm in ["rsa_pss_rsae_sha256", "RSA+SHA256",
                              "RSA+SHA384", "RSA+SHA512",
                              "rsa_pss_rsae_sha512"]:
                p = run("openssl", "s_client", "-connect",
                        "127.0.0.1:%d" % PORT, "-tls1_2", "-sigalgs",
                        algorithm, "-brief", input="QUIT\r\n")
                ok("ESTABLISHED" in p.text,
                   "TLS 1.2 with " + algorithm)
            for algorithm in ["rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"]:
                p = run("openssl", "s_client", "-connect",
                        "127.0.0.1:%d" % PORT, "-tls1_3", "-sigalgs",
                        algorithm, "-brief", input="QUIT\r\n")
                ok("ESTABLISHED" in p.text,
                   "TLS 1.3 with " + algorithm)
            for flag in ["-tls1", "-tls1_1"]:
                p = run("openssl", "s_client", "-connect",
                        "127.0.0.1:%d" % PORT, flag, "-cipher",
                        "ALL@SECLEVEL=0", "-brief", input="")
                ok(p.returncode != 0 and "ESTABLISHED" not in p.text,
                   "refused: " + flag[1:])
            for ciphers in ["kRSA", "aNULL", "ECDHE+AES+SHA1", "DHE"]:
                try:
                    got = handshake(s, ssl.TLSVersion.TLSv1_2,
                                    ciphers=ciphers + "@SECLEVEL=0")
                except ssl.SSLError as e:
                    got = e
                ok(not isinstance(got, tuple), "refused: " + ciphers)
            # Not TLS at all, half of it, nothing.
            for junk in [b"EHLO x\r\n", b"\x16\x03\x01\x00", b"",
                         b"\x16\x03\x01\xff\xff" + b"\0" * 4000]:
                sock = socket.create_connection(("127.0.0.1", PORT), 20)
                try:
                    sock.sendall(junk)
                    sock.shutdown(socket.SHUT_WR)
                    sock.recv(100)
                except OSError:
                    pass
                sock.close()
            ok(isinstance(handshake(s), tuple), "junk harms nobody")
            # Sessions closed while others shake hands.
            socks = [socket.create_connection(("127.0.0.1", PORT), 20)
                     for i in range(50)]
            for sock in socks[::2]:
                sock.close()
            ok(isinstance(handshake(s), tuple), "half-open ones neither")
            for sock in socks:
                sock.close()

names = ["mail.example.org", "mx.example.net", "smtp.example.com"]
kinds = ["rsa", "ec", "ec384"]


class Several(Server):
    """A kind of key for each name."""

    def __init__(self):
        super().__init__(names=("mail.example.org",), start=False)
        text = ""
        for name, kind in zip(names[1:], kinds[1:]):
            cert, key = make_cert(self.dir, name, kind)
            self.keys.append((name, cert, key))
            text += 'pki %s cert "%s"\npki %s key "%s"\n' % (name, cert, name,
                                                            key)
        self.parts["pki"] += text
        self.parts["listen"] = (
            "listen on 127.0.0.1 smtps port %d auth <users> senders <senders> "
            "%s" % (PORT, " ".join("pki " + n for n in names)))
        self.write("smtpsd.conf", DEFAULT_CONF.format(**self.parts))
        self.start()


with Several() as s:
    for name, cert, key in s.keys:
        want = ssl.PEM_cert_to_DER_cert(open(cert).read())
        for v in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            got = handshake(s, v, name, cafile=cert)
            ok(isinstance(got, tuple) and got[2] == want,
               "SNI %s, %s%s" % (name, v.name, "" if isinstance(got, tuple)
                                 else ": %s" % got))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    first = ssl.PEM_cert_to_DER_cert(open(s.keys[0][1]).read())
    for name in [None, "unknown.example.org"]:
        with socket.create_connection(("127.0.0.1", PORT), 20) as sock:
            with context.wrap_socket(sock, server_hostname=name) as tls:
                eq(tls.getpeercert(True), first, "SNI %s: the first" % name)
done()
