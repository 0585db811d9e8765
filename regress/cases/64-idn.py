"""Domains beyond ASCII: A-labels for the DNS and for old hosts, and both forms
of a name taken for one by rules, senders, mailboxes and TLS policies."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

import dnsstub
from nexthop import NextHop

ME = "smtpst1@example.org"
U, A, BIG = "m\u00fcnchen.example", "xn--mnchen-3ya.example", \
    "M\u00dcNCHEN.example"
NEW = ["8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"]
BOX_TOP = tempfile.mkdtemp(dir="/var/lib", prefix="smtpsd-test.")
os.chmod(BOX_TOP, 0o755)
tmp = tempfile.mkdtemp()
os.chmod(tmp, 0o755)
with open(tmp + "/policy", "w", encoding="utf-8") as f:
    f.write("m\u00fcll.example\trequired\n")

dns = dnsstub.Dns()
new = NextHop(host="127.0.0.2", port=25, words=NEW)
old = NextHop(host="127.0.0.3", port=25)


def mx(domain, address):
    dns.add(domain, MX="10 mx." + domain)
    dns.add("mx." + domain, A=address)


mx(A, "127.0.0.2")
mx("xn--kln-sna.example", "127.0.0.3")          # with o and dots
mx("xn--mll-hoa.example", "127.0.0.3")          # with u and dots
mx("ascii.example", "127.0.0.3")

s = Server(
    extra="resolver forward 127.0.0.1@%d\n"
    "table policy file \"%s/policy\"\n" % (dnsstub.PORT, tmp),
    senders="smtpst1 smtpst1@example.org, smtpst1@b\u00fc.example\n",
    actions='action "local" maildir "%s/mail/%%{dest.domain}/%%{dest.user}" user '
    'smtpst3\naction "out" relay allow-loopback tls-policy <policy>\n' %
    BOX_TOP,
    rules='match from auth for domain "b\u00f6se.example" reject\n'
    'match from auth for domain "haus.\u00fc.example" action "local"\n'
    'match from auth for domain <domains> action "local"\n'
    'match from auth for any action "out"\n')


def box(domain="example.org"):
    return BOX_TOP + "/mail/" + domain + "/smtpst1"


def send(rcpts, text=None, sender=ME, options=("SMTPUTF8",)):
    with s.client() as c:
        c.command_encoding = "utf-8"
        return c.sendmail(sender, [rcpts] if isinstance(rcpts, str) else
                          rcpts, (text or message("idn")).encode(),
                          [*options, "BODY=8BITMIME"])


bounces = [0]


def returned(rcpt, status, words, name, **kw):
    """One more notification, which says this."""
    before = s.mails(directory=box())
    send(rcpt, **kw)
    mails = s.wait_mail(bounces[0] + 1, directory=box())
    bounces[0] += 1
    if not ok(any(b"\nStatus: " + status in m and words in
                  b" ".join(m.split()) for m in (mails or [])
                  if m not in before), name):
        diag((mails or [b"nothing"])[-1][-2500:].decode("latin-1"))


def refused(rcpt, status, name):
    try:
        send(rcpt)
        ok(False, name)
    except smtplib.SMTPRecipientsRefused as e:
        code, text = list(e.recipients.values())[0]
        eq((code, text.decode().split()[0]), (550, status), name)


with s:
    # --- the DNS ------------------------------------------------------------
    send("a@" + U)
    ok(new.wait(1), "to a U-label")
    send("b@" + A, options=())
    send("c@" + BIG)
    ok(new.wait(3), "to its A-label and in upper case")
    eq([m.recipients for m in new.messages],
       [["a@" + U], ["b@" + A], ["c@m\u00dcnchen.example"]],
       "a host with SMTPUTF8 gets them as they came but for ASCII's case")
    ok("SMTPUTF8" in new.messages[0].mail and
       "SMTPUTF8" not in new.messages[1].mail, "and is told where needed")
    eq(dns.count(A, "MX"), 1, "one question for exchangers")
    ok(all(q[0].isascii() for q in dns.queries), "in ASCII")
    eq(new.connections, 1, "one connection for all forms")

    # --- hosts without SMTPUTF8 ---------------------------------------------
    send("a@k\u00f6ln.example")
    ok(old.wait(1), "a host without SMTPUTF8")
    m = old.messages[-1] if old.messages else None
    eq(m and m.recipients, ["a@xn--kln-sna.example"], "gets the A-label")
    ok(m and "SMTPUTF8" not in m.mail and m.data.isascii(),
       "and nothing beyond ASCII")
    send("a@ascii.example", sender="smtpst1@B\u00dc.example")
    ok(old.wait(2), "a sender whose domain is beyond ASCII")
    eq(old.messages[-1].sender, "smtpst1@xn--b-eha.example", "in A-labels")
    send("a@ascii.example", sender="smtpst1@xn--b-eha.example", options=())
    ok(old.wait(3), "who may send by the other form too")
    returned("j\u00f6rg@k\u00f6ln.example", b"5.6.7", b"SMTPUTF8",
             "a local part has no other form")
    returned("a@k\u00f6ln.example", b"5.6.7", b"SMTPUTF8",
             "nor has a header in UTF-8", text=message("caf\u00e9"))
    returned("a@ascii.example", b"5.6.7", b"SMTPUTF8",
             "whoever it comes from", text=message("caf\u00e9"))
    eq(len(old.messages), 3, "these did not go out")

    # --- what is no name ----------------------------------------------------
    n = len(dns.queries)
    for domain in ["\U0001f600.example", "a\u05d0b.example", "\u00bd.example",
                   "a\uff20" + U, "\u00fc" * 63 + ".example",
                   "xn--a." + U, "b\u00f6se.example\u3002",
                   "haus.\u00fc\u2060\U0001f600.example"]:
        refused("a@" + domain, "5.1.2", "refused: " + ascii(domain))
    eq(len(dns.queries), n, "without a question")
    with s.client() as c:
        c.command_encoding = "utf-8"
        c.ehlo()
        code, text = c.mail("x@b\u00f6se.example\u3002", ["SMTPUTF8"])
        eq((code, text.split()[0]), (501, b"5.1.7"), "nor may it be a sender")

    # --- rules, mailboxes, policies -----------------------------------------
    for domain in ["b\u00f6se.example", "B\u00d6SE.example",
                   "xn--bse-sna.example"]:
        try:
            send("a@" + domain)
            ok(False, "reject: " + ascii(domain))
        except smtplib.SMTPRecipientsRefused as e:
            eq([v[0] for v in e.recipients.values()], [550],
               "reject: " + ascii(domain))
    for domain in ["haus.\u00fc.example", "haus.xn--tda.example",
                   "HAUS.\u00dc.example"]:
        send("smtpst1@" + domain)
    ok(s.wait_mail(3, directory=box("haus.xn--tda.example")),
       "all forms of a domain of ours are one mailbox")
    eq(sorted(os.listdir(BOX_TOP + "/mail")), ["example.org", "haus.xn--tda.example"],
       "and no other was made")
    for domain in ["m\u00fcll.example", "xn--mll-hoa.example"]:
        send("a@" + domain)
        ok(until(lambda: [q for q in s.show("queue") if "STARTTLS" in
                          (q["error"] or "")], 15),
           "tls-policy: " + ascii(domain))
        s.ctl("remove", "all")
    eq(len(old.messages), 3, "nothing went in the clear")
    s.check_alive()

shutil.rmtree(tmp)
shutil.rmtree(BOX_TOP)
done()
