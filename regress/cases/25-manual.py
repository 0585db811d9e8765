"""The manual pages: clean under mandoc, and every example is accepted."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from smtpsdtest import *

PAGES = ["smtpsd/parent/smtpsd.8", "smtpsd/parent/smtpsd.conf.5",
         "smtpsctl/smtpsctl.8", "smtpsctl/sendmail.8"]
for page in PAGES:
    p = run("mandoc", "-Tlint", "-Wstyle", os.path.join(TOP, page))
    # mandoc cannot know pages that are not installed, nor other systems.
    lines = [l for l in p.text.splitlines()
             if "referenced manual not found" not in l and
             "outdated mandoc.db" not in l and
             "Mdocdate" not in l and "RCS id" not in l and
             "operating system explicitly specified" not in l]
    ok(not lines, page + " is clean")
    for l in lines:
        diag(l)

server = Server(start=False)
name, cert, key = server.keys[0]
d = server.dir
server.write("secrets", "label user:password\n", 0o600)
server.write("virtual", "info@example.com: smtpst1\n")
server.write("programs", "postmaster: smtpst1\nnoreply: /dev/null\n")
server.write("certs", "SHA256:%s alice\n" % ("0" * 64))
pem = run("openssl", "x509", "-in", cert, "-noout", "-pubkey").text
server.write("id.pem", pem)
ocsp = make_ocsp(cert, key, d + "/ocsp")


def examples(text):
    """The literal blocks of a page, as they are printed."""
    for block in re.findall(r"(?s)\n\.Bd [^\n]*\n(.*?)\n\.Ed", text):
        if ".Ic" in block or ".Ar" in block or block.startswith("."):
            continue
        yield block.replace("\\e", "\\").replace("\\&", "")


def localize(text):
    """Paths and ports of this machine instead of the reader's."""
    text = re.sub(r'"/etc/ssl/[^"]*\.(crt|pem|cert)"', '"%s"' % cert, text)
    text = re.sub(r'"/etc/ssl/[^"]*key[^"]*"|"/etc/ssl/private/[^"]*"',
                  '"%s"' % key, text)
    text = re.sub(r'"/etc/ssl/[^"]*\.ocsp"', '"%s"' % ocsp, text)
    for f in ["users", "secrets", "senders", "aliases", "virtual", "certs",
              "programs", "id\\.pem"]:
        text = re.sub(r'"/etc/(smtpsd/|mail/)?%s"' % f, '"%s/%s"' % (d, f.replace("\\", "")),
                      text)
    return text.replace("user vmail", "user smtpst3")


n = 0
for page in PAGES[1:2]:
    blocks = list(examples(open(os.path.join(TOP, page)).read()))
    # The whole configuration among them; others are parts of one.
    first = localize([b for b in blocks if b.startswith("hostname")][0])
    for block in blocks:
        if not re.search(r"(?m)^(listen|match|action|table|token|pki|limit|queue)",
                         block):
            continue
        text = localize(block)
        if not block.startswith("hostname"):
            if "listen on" in text:
                first_part = re.sub(r"(?m)^listen .*\n", "", first)
            else:
                first_part = first
            text = first_part + "\n" + text
        n += 1
        p = run(server.prefix + "/sbin/smtpsd", "-n", "-f",
                server.write("example.conf", text))
        if not ok(p.returncode == 0, "%s, example %d" % (page, n)):
            diag(text)
            diag(p.text)
ok(n >= 2, "%d examples" % n)
for path in ["etc/smtpsd.conf", "README"]:
    text = open(os.path.join(TOP, path)).read()
    if path == "README":
        text = text.split("/etc/smtpsd/smtpsd.conf:\n", 1)[1].split("Then\n")[0]
    p = run(server.prefix + "/sbin/smtpsd", "-n", "-f",
            server.write("example.conf", localize(text)))
    if not ok(p.returncode == 0, path):
        diag(p.text)
shutil.rmtree(server.dir)

# Each word that the parser knows stands in the manual, and each command.
page = open(os.path.join(TOP, PAGES[1])).read()
words = set()
for path in glob.glob(TOP + "/smtpsd/parent/conf_*.c"):
    if path.endswith(("_test.c", "_fixture.c")):
        continue
    text = open(path).read()
    words |= set(re.findall(r'parse_accept\(p,\s*"([a-z0-9-]+)"\)', text))
    words |= set(re.findall(r'\{ "([a-z-]+)", parse_[a-z]+ \}', text))
ok(len(words) > 60, "%d words of the configuration" % len(words))
eq(sorted(w for w in words if not
          re.search(r"(?m)^\.(It )?[A-Z][a-z] .*(?<![\w-])%s(?![\w-])" % w, page)),
   [], "all are in smtpsd.conf.5")
# Each event of the log, and each key of its line.
page = open(os.path.join(TOP, PAGES[0])).read()
page = page[page.index(".Ss Log"):page.index(".Ss Signals")]
events = {}
for path in glob.glob(TOP + "/smtpsd/*/*.c"):
    if path.endswith("_test.c"):
        continue
    text = re.sub(r'"\s*(PRI\w+\s*)?"', "", open(path).read())
    for m in re.finditer(r'"event=([a-z-]+) ([^;]*?)"', text):
        events.setdefault(m.group(1), set()).update(
            re.findall(r"([a-z_]+)=", m.group(2)))
ok(len(events) >= 12, "%d events" % len(events))
for name in sorted(events):
    item = re.search(r"(?s)^\.It Cm %s\n(.*?)(?=^\.It|^\.El)" % name, page,
                     re.M)
    eq(sorted(k for k in events[name] if not item or not
              re.search(r"\b%s\b" % k, item.group(1))), [],
       "smtpsd.8 has event %s and its keys" % name)
page = open(os.path.join(TOP, PAGES[2])).read()
usage = run(server.prefix + "/sbin/smtpsctl").text.split("\n", 1)[1]
words = set(re.findall(r"(?<![\w-])[a-z]{3,}", usage))
ok(len(words) > 25, "%d words of smtpsctl" % len(words))
eq(sorted(w for w in words if not re.search(r"\b%s\b" % w, page)), [],
   "all are in smtpsctl.8")
done()
