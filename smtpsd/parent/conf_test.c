/*
 * Tests of the configuration: tables of {text, expected complaint}.  Every
 * text stands behind one of the heads below, so a case holds only what it is
 * about.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"
#include "conf.h"
#include "conf_fixture.h"

/* Without listener and action, 4 lines. */
#define SHORT "hostname mx.test\n" \
	"pki mx.test cert \"crt\"\n" \
	"pki mx.test key \"key\"\n" \
	"table users file \"users\"\n"
#define TAIL "listen on 127.0.0.1 smtps port 10465 auth <users>\n" \
	"action m maildir\nmatch from auth for local action m\n"

struct test {
	const char	*name;
	const char	*text;
	const char	*want;		/* part of a line; NULL: no complaint */
};

static const struct test good[] = {
	{ "the least", HEAD RULE, NULL },
	{ "comments, blank lines, continuation", HEAD "# c\n\n  \t\n"
	    "match \\\n\tfrom auth \\\n\tfor any action out # c\n", NULL },
	{ "carriage returns", HEAD "limit errors 3\r\n" RULE, NULL },
	{ "macro", HEAD "net = \"10.0.0.0/8\"\n"
	    "match from src $net for any action out\n", NULL },
	{ "macro inside a word", HEAD "d = d.test\n"
	    "match from any for domain x.$d action m\naction m maildir\n" RULE,
	    NULL },
	{ "include, file without a last newline", HEAD RULE
	    "include \"part.conf\"", NULL },
	{ "names before their definition", "match from auth for any action "
	    "late\naction late relay host smtp://[::1]:25\n" SHORT
	    "listen on 127.0.0.1 smtps port 10465 auth <users>\n", NULL },
	{ "table in place, several lines", HEAD RULE "table d {\n a.test,\n"
	    "\n\"b.test\" = \"x y\",\n}\nmatch for domain <d> action m\n"
	    "action m maildir \"~/Maildir\"\n", NULL },
	{ "empty table", HEAD RULE "table d {}\n"
	    "match for domain <d> reject\n", NULL },
	{ "every setting", HEAD RULE
	    "limit message-size 1M\nlimit recipients 10\nlimit sessions 5\n"
	    "limit sessions-per-ip 2\nlimit messages 7\nlimit errors 3\n"
	    "queue expire 2d\nqueue retry 1m to 1h\nqueue delay-warning 0\n"
	    "queue delay-warning 2h\n"
	    "queue directory \"/var/spool/x\"\n"
	    "resolver forward \"127.0.0.1@53\", ::1\n"
	    "control socket \"/run/x.sock\"\nprocesses net 2 auth 3 relay 1\n",
	    NULL },
	{ "credentials with odd characters", HEAD RULE
	    "action o2 relay host smtps://label@h.test auth <s> ca \"ca\"\n"
	    "table s file \"secrets\"\nmatch for any action o2\n", NULL },
	{ "smtp without anything", HEAD RULE
	    "listen on 127.0.0.1 smtp port 10025 tag in\n"
	    "match tag in from any for local reject\n", NULL },
	{ "tag of listeners that need AUTH is no open relay", HEAD
	    "listen on ::1 submission port 10587 auth <users> tag s\n"
	    "match tag s from any for any action out\n", NULL },
	{ "own networks may be unique local", HEAD
	    "match from src \"fc00::/7\" for any action out\n", NULL },
	{ "mail for own domains from anybody to another host", HEAD
	    "match from any for domain \"x.test\" action out\n", NULL },
	{ "aliases of every kind of action", HEAD RULE
	    "table al file \"aliases\"\ntable v { \"a@v.test\" = \"b@w.test\" }\n"
	    "action m maildir alias <v2>\ntable v2 { postmaster = a@b.test }\n"
	    "action v expand-only alias <v>\n"
	    "action o relay host smtp://h.test alias <v>\n"
	    "action n maildir \"/var/v/%{dest.user}\" user nobody alias <al>\n"
	    "action w maildir alias <w> as nobody\n"
	    "action x expand-only alias <w> as nobody\n"
	    "match for domain x.test action w\nmatch for domain y.test action x\n"
	    "table w { root = a@b.test, c = \"|/bin/cat\", d = /dev/null }\n"
	    "match for domain v.test action v\nmatch for local action m\n"
	    "match for domain w.test action o\n"
	    "match for domain n.test action n\n", NULL },
	{ "virtual users", HEAD RULE "action v maildir "
	    "\"/var/mail/v/%{dest.domain}/%{dest.user}\" user nobody\n"
	    "match from any for domain v.test action v\n", NULL },
};

static const struct test bad[] = {
	{ "one .forward for all", HEAD RULE
	    "action m maildir \"/var/v/%{dest.user}\" user nobody forward\n"
	    "match for local action m\n", "one user for all" },
	{ ".forward of a command", HEAD RULE
	    "action m mda \"/bin/cat\" forward\nmatch for local action m\n",
	    "'forward'" },
	{ "aliases run as root", HEAD RULE "action m maildir alias <t> as root\n"
	    "match for local action m\ntable t { root = a@b.test }\n",
	    "mail is not delivered as root" },
	{ "aliases of a relay run as somebody", HEAD RULE
	    "action m relay alias <t> as nobody\ntable t { root = a@b.test }\n",
	    "'as'" },
	{ "expand-only without aliases", HEAD RULE "action v expand-only\n"
	    "match for local action v\n", "'alias'" },
	/* words */
	{ "unknown first word", HEAD RULE "lisen on all smtp\n",
	    "8: unknown word 'lisen' at the start of a line "
	    "(did you mean 'listen'?)" },
	{ "unknown option", SHORT "listen on 127.0.0.1 smtps "
	    "prt 1 auth <users>\n",
	    "5: unknown word 'prt' where an option of a listener is expected "
	    "(did you mean 'port'?)" },
	{ "far from every word", HEAD RULE "xyzzyplugh\n",
	    "8: unknown word 'xyzzyplugh' at the start of a line" },
	{ "too much", HEAD RULE "hostname a.test b\n",
	    "8: hostname is set twice" },
	{ "rest of a line", HEAD RULE "limit errors 5 6\n",
	    "8: unknown word '6' where the end of the line is expected" },
	{ "too little", HEAD RULE "limit\n", "8: the line ends where the "
	    "name of a limit is expected (one of: message-size" },
	{ "open string", HEAD RULE "include \"abc\n",
	    "8: string is not closed on its line" },
	{ "open table name", HEAD RULE "match from auth <a for any reject\n",
	    "8: '<' without '>'" },
	{ "open list", HEAD RULE "table t { a,\nb\n",
	    "is not closed (add a } at its end)" },
	{ "list without commas", HEAD RULE "table t { a b }\n",
	    "8: unknown word 'b' where ',' or '}' is expected" },
	{ "list: space in an item", HEAD RULE "table t { \"a b\" }\n",
	    "8: an item 'a b' has a space" },
	{ "control character", HEAD RULE "hostname \001\n",
	    "8: character that does not belong here" },
	{ "unknown macro", HEAD "match from src $x for any action out\n",
	    "7: macro 'x' is not defined (define it above" },
	{ "macro twice", HEAD RULE "a = 1\na = 2\n",
	    "9: macro 'a' is defined twice" },
	{ "macro adds no words", HEAD "f = \"any for any action out\"\n"
	    "match from $f\n", "unknown word 'any for any action out'" },
	{ "include of nothing", HEAD RULE "include \"none.conf\"\n",
	    "8: cannot open none.conf: No such file" },
	{ "include of itself", HEAD RULE "include \"loop.conf\"\n",
	    "loop.conf:1: too many files" },
	{ "mistake in an included file", HEAD RULE "include \"bad.conf\"\n",
	    "bad.conf:3: unknown word 'eror' where the name of a limit is "
	    "expected (did you mean 'errors'?)" },
	{ "included file that others can write", HEAD RULE
	    "include \"shared.conf\"\n", "8: shared.conf can be written by "
	    "group or others" },
	{ "all mistakes: the first", HEAD RULE "lisen\nlimit x\nfoo\n",
	    "8: unknown word 'lisen'" },
	{ "all mistakes: the last", HEAD RULE "lisen\nlimit x\nmath x\n",
	    "10: unknown word 'math'" },
	{ "all mistakes: of the check too", HEAD RULE "lisen\n"
	    "match for any action nil\n", "9: action 'nil' is not defined" },
	/* settings */
	{ "size", HEAD RULE "limit message-size 50X\n",
	    "8: '50X' is not a size" },
	{ "size beyond all", HEAD RULE
	    "limit message-size 99999999999999999999999G\n", "is not a size" },
	{ "number", HEAD RULE "limit errors 0\n",
	    "8: limit '0' is too small (a number from 1 to" },
	{ "time", HEAD RULE "queue expire 5y\n", "8: '5y' is not a time" },
	{ "retry upside down", HEAD RULE "queue retry 4h to 5m\n",
	    "8: the first retry comes later" },
	{ "expires too early", HEAD RULE "queue expire 1h\n",
	    "8: mail expires before" },
	{ "queue directory", HEAD RULE "queue directory spool\n",
	    "'spool' cannot be the queue directory" },
	{ "resolver", HEAD RULE "resolver forward ns.test\n",
	    "8: resolver: 'ns.test' is not an address" },
	{ "control group", HEAD RULE "control group nogroupatall\n",
	    "no group 'nogroupatall'" },
	{ "control socket", HEAD RULE "control socket x.sock\n",
	    "8: 'x.sock' cannot be the control socket" },
	{ "hostname", "hostname a_b!\n", "'a_b!' is not a host name" },
	/* listeners */
	{ "no-verify of no host", HEAD RULE "action m relay no-verify\n",
	    "8: action 'm': 'no-verify' is for one host" },
	{ "two addresses to send from", HEAD RULE
	    "action m relay source 192.0.2.1 source ::1 source 192.0.2.2\n",
	    "8: mail is sent from 192.0.2.1 already" },
	{ "the control socket twice", HEAD RULE
	    "listen on socket \"/run/x\"\ncontrol socket \"/run/x\"\n",
	    "8: '/run/x' is the control socket already" },
	{ "a policy of TLS that is none", HEAD RULE "table p {\n\"a.test\" = "
	    "\"verify\", \"b.test\" = \"secure\" }\naction m relay tls-policy "
	    "<p>\nmatch from auth for domain a.test action m\n",
	    "8: tls-policy <p>: 'secure' of b.test is no way to speak TLS" },
	{ "a policy of TLS with half a pin", HEAD RULE "table p {\n\"a.test\" = "
	    "\"pin SHA256:00\" }\naction m relay tls-policy "
	    "<p>\nmatch from auth for domain a.test action m\n",
	    "'pin SHA256:00' of a.test" },
	{ "no listener", "hostname mx.test\n",
	    "there is nothing to listen on" },
	{ "smtps without auth", SHORT TAIL "listen on ::1 smtps\n",
	    "8: 'smtps' cannot be without 'auth' (add: auth <users>)" },
	{ "submission without auth", SHORT TAIL "listen on ::1 submission\n",
	    "8: 'submission' cannot be without 'auth'" },
	{ "smtps without pki", "table users file \"users\"\n" TAIL,
	    "2: 'smtps' cannot be without a certificate" },
	{ "auth in the clear", "table users file \"users\"\n"
	    "listen on ::1 smtp auth <users>\n",
	    "2: 'auth' cannot be offered without a certificate" },
	{ "senders without auth", SHORT TAIL "table s { a }\n"
	    "listen on ::1 smtp senders <s>\n",
	    "9: 'senders' means nothing without 'auth'" },
	{ "any-header-from without auth", SHORT TAIL
	    "listen on ::1 smtp any-header-from\n",
	    "8: 'any-header-from' means nothing without 'auth'" },
	{ "header-size above", SHORT TAIL "limit header-size 17M\n",
	    "8: a header of that size" },
	{ "header-fields", SHORT TAIL "limit header-fields 0\n", "8: " },
	{ "no kind", SHORT TAIL "listen on ::1 port 26\n",
	    "8: the listener has no kind" },
	{ "two kinds", SHORT TAIL "listen on ::1 smtp smtps\n",
	    "and another kind on one line" },
	{ "bad port", SHORT TAIL "listen on ::1 smtp port 0\n",
	    "8: port '0' is too small" },
	{ "no such address", SHORT TAIL "listen on 127.0.0.256 smtp\n",
	    "8: cannot listen on '127.0.0.256'" },
	{ "taken", SHORT TAIL "listen on 127.0.0.1 smtp port 10465\n",
	    "8: address 127.0.0.1 port 10465 is taken by line 5" },
	{ "taken by all", SHORT TAIL "listen on all smtp port 10465\n",
	    "8: address 0.0.0.0 port 10465 is taken by line 5" },
	{ "unknown pki", SHORT TAIL "listen on ::1 smtp pki x.test\n",
	    "8: pki 'x.test' is not defined" },
	/* certificates and keys */
	{ "no key", "pki mx.test cert \"crt\"\n", "pki 'mx.test': it has no "
	    "key (add: pki NAME key" },
	{ "no cert", "pki mx.test key \"key\"\n", "it has no certificate" },
	{ "file twice", SHORT TAIL "pki mx.test key \"other.key\"\n",
	    "8: pki 'mx.test' has this file already" },
	{ "key is missing", "pki a cert \"crt\" key \"none\"\n",
	    "1: key: cannot open none" },
	{ "key open to the group", "pki a cert \"crt\" key \"open.key\"\n",
	    "1: key: open.key is open to group or others, mode 0640 "
	    "(chmod 600 'open.key')" },
	{ "key is a link", "pki a cert \"crt\" key \"link.key\"\n",
	    "1: key: link.key is a symbolic link" },
	{ "key is a directory", "pki a cert \"crt\" key \".\"\n",
	    "1: key: . is not a regular file" },
	{ "key is none", "pki a cert \"crt\" key \"users\"\n",
	    "1: key: users cannot be read as a key" },
	{ "key is encrypted", "pki a cert \"crt\" key \"encrypted.key\"\n",
	    "1: key: encrypted.key is encrypted" },
	{ "cert is none", "pki a cert \"users.open\" key \"key\"\n",
	    "1: cert: users.open holds no certificate" },
	{ "mismatch", "pki a cert \"other.crt\" key \"key\"\n",
	    "1: pki 'a': certificate and key do not belong together" },
	{ "expired", "pki a cert \"old.crt\" key \"key\"\n",
	    "1: pki 'a': the certificate has expired" },
	{ "not yet valid", "pki a cert \"new.crt\" key \"key\"\n",
	    "1: pki 'a': the certificate is not valid yet" },
	{ "Ed25519", "pki a cert \"ed.crt\" key \"ed.key\"\n",
	    "1: pki 'a': Ed25519 keys do not work" },
	{ "P-521", "pki a cert \"p521.crt\" key \"p521.key\"\n",
	    "1: pki 'a': the curve of the EC key is not served" },
	{ "short RSA", "pki a cert \"rsa1024.crt\" key \"rsa1024.key\"\n",
	    "1: pki 'a': the RSA key is shorter than 2048 bits" },
	/* tables */
	{ "table twice", SHORT TAIL "table users { a }\n",
	    "8: table 'users' is defined twice" },
	{ "table is not there", HEAD "match from auth for domain <dmains> "
	    "action out\ntable domains { a.test }\n",
	    "7: table <dmains> is not defined (did you mean <domains>?)" },
	{ "table's file is not there", HEAD "table t file \"none\"\n"
	    "match for rcpt <t> action out\n", "7: table <t>: cannot open" },
	{ "table that all can write", HEAD "table t file \"aliases.open\"\n"
	    "match for rcpt <t> action out\n",
	    "7: table <t>: aliases.open can be written by others" },
	{ "users that others can read", HEAD RULE "table u file "
	    "\"users.open\"\nlisten on ::1 smtps port 10466 auth <u>\n",
	    "8: users <u>: " },
	{ "users in the configuration", HEAD RULE "table u { a = x }\n"
	    "listen on ::1 smtps port 10466 auth <u>\n",
	    "8: users <u> must stand in a file of their own" },
	{ "users for something else", HEAD
	    "match from auth <users> for any action out\n",
	    "4: table <users> holds passwords and is used for something else" },
	/* actions */
	{ "action twice", HEAD RULE "action out maildir\n",
	    "8: action 'out' is defined twice" },
	{ "unknown action", HEAD "match from auth for any action ou\n",
	    "7: action 'ou' is not defined (did you mean \"out\"?)" },
	{ "unknown method", HEAD RULE "action a madr x\n",
	    "8: unknown word 'madr' where maildir, mbox, mda, relay, "
	    "lmtp or expand-only is expected" },
	{ "scheme", HEAD RULE "action a relay host lmtp://x\n",
	    "8: 'lmtp://x' does not say where to relay to" },
	{ "Postfix's form of LMTP", HEAD RULE "action a lmtp unix:private/l\n",
	    "8: 'unix:private/l' does not say where LMTP is spoken (lmtp "
	    "\"localhost:24\" or lmtp \"/run/dovecot/lmtp\")" },
	{ "a word that is like none", HEAD RULE "action a relay tls may\n",
	    "8: unknown word 'may' where how TLS is spoken is expected (one "
	    "of: opportunistic required verify)" },
	{ "port of the URL", HEAD RULE "action a relay host smtp://x:0\n",
	    "8: 'smtp://x:0' does not say" },
	{ "password in the URL", HEAD RULE
	    "action a relay host smtps://me:pw@x\n",
	    "8: 'me:pw' cannot be a label" },
	{ "host of the URL", HEAD RULE "action a relay host smtps://a_/b\n",
	    "8: action 'a': 'a_/b' is not a host name" },
	{ "label without secrets", HEAD RULE
	    "action a relay host smtps://l@x.test\n",
	    "8: action 'a' has a label but no table of secrets" },
	{ "secrets without label", HEAD RULE "table s file \"secrets\"\n"
	    "action a relay host smtps://x.test auth <s>\n",
	    "9: action 'a' has secrets but no label" },
	{ "password without TLS", HEAD RULE "table s file \"secrets\"\n"
	    "action a relay host smtp://label@x.test auth <s>\n",
	    "9: action 'a' would send a password without TLS" },
	{ "unknown label", HEAD RULE "table s file \"secrets\"\n"
	    "action a relay host smtps://lab@x.test auth <s>\n",
	    "9: secrets <s> have no label 'lab'" },
	{ "secret of a wrong form", HEAD RULE "table s file \"secrets\"\n"
	    "action a relay host smtps://broken@x.test auth <s>\n",
	    "9: secrets <s>: line 4 is not of the right form" },
	{ "secrets that others can read", HEAD RULE
	    "table s file \"secrets.open\"\n"
	    "action a relay host smtps://label@x.test auth <s>\n",
	    "8: secrets <s>: secrets.open is open to group" },
	{ "secrets in an open configuration", HEAD RULE
	    "table s { label = \"joe:secret\" }\n"
	    "action a relay host smtps://label@x.test auth <s>\n",
	    "8: secrets <s> stand in a file that others can read" },
	{ "no CA bundle", HEAD RULE
	    "action a relay host smtps://x.test ca \"no.ca\"\n",
	    "8: ca: no.ca is not a CA bundle" },
	{ "relative maildir", HEAD RULE "action a maildir \"Maildir\"\n",
	    "8: action 'a': the path 'Maildir' must begin with / or ~/" },
	{ "dots in the maildir", HEAD RULE "action a maildir \"~/../x\"\n",
	    "8: action 'a': the path '~/../x' must not contain . or .." },
	{ "unknown format", HEAD RULE "action a maildir \"/m/%{rcpt}\"\n",
	    "has an unknown format" },
	{ "nothing fixed", HEAD RULE "action a maildir \"/%{dest.user}\"\n",
	    "must begin with a fixed directory" },
	{ "home itself", HEAD RULE "action a maildir \"~/\"\n",
	    "must name a directory below ~" },
	{ "unknown user", HEAD RULE "action a maildir user nosuchuser\n",
	    "no user 'nosuchuser'" },
	{ "root's mail", HEAD RULE "action a maildir user root\n",
	    "mail is not delivered as root" },
	/* rules */
	{ "no for", HEAD "match from auth action out\n",
	    "7: the rule does not say 'for' whom" },
	{ "no decision", HEAD "match from auth for any\n",
	    "7: the rule must have either 'action' or 'reject'" },
	{ "two decisions", HEAD "match for any action out reject\n",
	    "7: the rule must have either" },
	{ "from twice", HEAD "match from any from auth for any reject\n",
	    "7: 'from' stands twice in one rule" },
	{ "unknown source", HEAD "match from anny for any reject\n",
	    "7: unknown word 'anny' where a source is expected "
	    "(did you mean 'any'?)" },
	{ "unknown tag", HEAD "match tag x for any action out\n",
	    "7: no listener has the tag 'x'" },
	{ "no network", HEAD "match from src host.test for any reject\n",
	    "7: from src: 'host.test' is not an address or network" },
	/* open relays */
	{ "open relay", HEAD "match from any for any action out\n",
	    "7: this rule would relay for anybody" },
	{ "open relay by mail-from", HEAD
	    "match from any mail-from a.test for any action out\n",
	    "7: this rule would relay for anybody" },
	{ "open relay by rcpt", HEAD
	    "match from any for rcpt \"*\" action out\n",
	    "7: this rule would relay for anybody" },
	{ "open relay by a table of recipients", HEAD
	    "table r file \"everyone\"\n"
	    "match from any for rcpt <r> action out\n",
	    "8: this rule would relay for anybody" },
	{ "open relay by network", HEAD
	    "match from src 0.0.0.0/0 for any action out\n",
	    "7: this rule would relay for anybody in 0.0.0.0/0" },
	{ "open relay by half of it", HEAD
	    "match from src 128.0.0.0/1 for any action out\n",
	    "7: this rule would relay for anybody in 128.0.0.0/1" },
	{ "open relay by IPv6", HEAD
	    "match from src ::/0 for any action out\n",
	    "7: this rule would relay for anybody in ::/0" },
	{ "open relay by mapped addresses", HEAD
	    "match from src ::ffff:0.0.0.0/96 for any action out\n",
	    "7: this rule would relay for anybody in" },
	{ "open relay by a table of networks", HEAD "table n file \"nets\"\n"
	    "match from src <n> for any action out\n",
	    "8: this rule would relay for anybody in 0.0.0.0/0" },
	{ "open relay by tag", HEAD "listen on ::1 smtp port 10025 tag in\n"
	    "match tag in from any for any action out\n",
	    "8: this rule would relay for anybody" },
	{ "open relay behind a refusal", HEAD "match from any for any reject\n"
	    "match from any for any action out\n",
	    "8: this rule would relay for anybody" },
};

static const struct test warned[] = {
	{ "senders that are none", SHORT "action m maildir\n"
	    "match from auth for local action m\ntable s {\n"
	    "joe = \"joe@a.test, @b.test d.test *\", ann = \"ann@@c! x\" }\n"
	    "listen on 127.0.0.1 smtps port 10465 auth <users> senders <s>\n",
	    "7: senders <s>: 'ann@@c!' of ann is no address" },
	{ "any-header-from with Dovecot", SHORT "action m maildir\n"
	    "match from auth for local action m\nlisten on 127.0.0.1 smtps "
	    "port 10465 auth dovecot \"/nonexistent\" any-header-from\n",
	    "7: there is no socket" },
	{ "a user without an address", SHORT "action m maildir\n"
	    "match from auth for local action m\ntable s { joe }\n"
	    "listen on 127.0.0.1 smtps port 10465 auth <users> senders <s>\n",
	    "7: senders <s>: joe may send as nobody" },
	{ "alias that runs a command", HEAD RULE "action m maildir alias <t>\n"
	    "match for local action m\n"
	    "table t { root = a@b.test, x = \"|/bin/cat\" }\n",
	    "aliases <t>: x: mail for it is refused: |/bin/cat: no user is "
	    "named to do it (alias <table> as USER, in the action)" },
	{ "alias that runs what is not there", HEAD RULE
	    "action m maildir alias <t> as nobody\nmatch for local action m\n"
	    "table t { root = a@b.test, x = \"|/nonexistent\" }\n",
	    "|/nonexistent: No such file" },
	{ "alias that is for a shell", HEAD RULE
	    "action m maildir alias <t> as nobody\nmatch for local action m\n"
	    "table t { root = a@b.test, x = \"\\\"|/bin/cat >/tmp/x\\\"\" }\n",
	    "x: |/bin/cat >/tmp/x: no shell reads this" },
	{ "alias into a directory", HEAD RULE
	    "action m maildir alias <t> as nobody\nmatch for local action m\n"
	    "table t { root = a@b.test, x = /tmp/ }\n",
	    "x: mail for it is refused: /tmp/: is a directory" },
	{ "alias into a file of somebody else", HEAD RULE
	    "action m maildir alias <t> as nobody\nmatch for local action m\n"
	    "table t { root = a@b.test, x = /etc/passwd }\n",
	    "x: /etc/passwd: the file is another user's" },
	{ "alias of nobody", HEAD RULE "action m maildir alias <t>\n"
	    "match for local action m\n"
	    "table t { root = a@b.test, x = no.such.user }\n",
	    "aliases <t>: x: mail for it is refused: nobody is called "
	    "no.such.user" },
	{ "alias of itself, without a mailbox", HEAD RULE
	    "action m maildir alias <t>\nmatch for local action m\n"
	    "table t { root = nobodyhere@a.test, x = \"x, root\" }\n",
	    "aliases <t>: x: mail for it is refused: nobody is called x" },
	{ "alias that leads back", HEAD RULE "action m maildir alias <t>\n"
	    "match for local action m\n"
	    "table t { root = a@a.test, x = \"a@a.test, y\", y = z, z = X }\n",
	    "aliases <t>: x: mail for it is refused: it leads back" },
	{ "alias that only looks so", HEAD RULE "action m maildir "
	    "\"/var/vmail/%{dest.user}\" user nobody "
	    "alias <t>\nmatch for local action m\n"
	    "table t { root = \"root, x\", x = \"y, \\\\x\", y = \"y, \\\\x\" }\n",
	    NULL },
	{ "alias of a file that is not there", HEAD RULE
	    "action m maildir alias <t>\nmatch for local action m\n"
	    "table t { root = \":include:/nonexistent\" }\n",
	    "aliases <t>: root: cannot open /nonexistent" },
	{ "nobody is postmaster", HEAD RULE "action m maildir alias <t>\n"
	    "match for local action m\ntable t { x = a@b.test }\n",
	    "aliases <t>: postmaster: mail for it is refused" },
	{ "alias of a relay without a domain", HEAD RULE
	    "action o relay host smtp://h.test alias <t>\n"
	    "match for local action o\ntable t { x = a@b.test }\n",
	    "aliases <t>: x: is of no use" },
	{ "expires soon", "hostname mx.test\npki mx.test cert \"soon.crt\"\n"
	    "pki mx.test key \"key\"\ntable users file \"users\"\n" TAIL,
	    "3: pki 'mx.test': the certificate expires within 14 days" },
	{ "another name", HEAD RULE "pki c.test cert \"other.crt\"\n"
	    "pki c.test key \"other.key\"\n",
	    "9: pki 'c.test': the certificate is for another name" },
	{ "table without use", HEAD RULE "table t { a }\n",
	    "8: table <t> is not used" },
	{ "a line of main.cf", HEAD RULE "relayhost = x\n",
	    "8: macro 'relayhost' is not used (settings are written without "
	    "'=')" },
	{ "action without use", HEAD RULE "action a maildir\n",
	    "8: action 'a' is not used" },
	{ "no rule", HEAD, "there is no rule" },
	{ "password without a check", HEAD RULE "table s file \"secrets\"\n"
	    "action a relay host smtps://label@x.test auth <s> no-verify\n"
	    "match for any action a\n",
	    "9: action 'a' gives its password to whoever answers" },
};

static int
has_complaint(const struct conf_errors *errors, const char *want)
{
	size_t i;

	for (i = 0; i < errors->n; i++)
		if (strstr(errors->list[i].text, want) != NULL)
			return 1;
	return 0;
}

static void
show(const struct conf_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->n; i++)
		printf("# %s%s\n", errors->list[i].is_warning ? "warning: " :
		    "", errors->list[i].text);
}

/* want NULL: not a word, not even a warning. */
static void
run(const struct test *tests, size_t n, int loads)
{
	struct conf_errors errors;
	struct conf *conf;
	size_t i;
	int ok;

	for (i = 0; i < n; i++) {
		conf = fixture_load(tests[i].text, NULL, &errors);
		ok = (conf != NULL) == loads;
		if (tests[i].want == NULL)
			ok = ok && errors.n == 0;
		else
			ok = ok && has_complaint(&errors, tests[i].want);
		tap_ok(ok, "%s", tests[i].name);
		if (!ok)
			show(&errors);
		conf_free(conf);
		conf_errors_free(&errors);
	}
}

int
main(void)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP the users file must be root's\n");
		return 0;
	}
	fixture_make();
	run(good, sizeof(good) / sizeof(good[0]), 1);
	run(warned, sizeof(warned) / sizeof(warned[0]), 1);
	run(bad, sizeof(bad) / sizeof(bad[0]), 0);
	fixture_remove();
	return tap_done();
}
