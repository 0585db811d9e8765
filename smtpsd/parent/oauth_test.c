/*
 * Unit test of oauth.c: both forms, and whatever is not quite one of them.
 */
#include "oauth.h"

#include <stdio.h>
#include <string.h>

#include "base/tap.h"

#define A	"\001"

struct row {
	const char	*name;
	const char	*in;
	size_t		 size;
	const char	*want;	/* "user/token", or what is wrong */
};
#define ROW(name, in, want)	{ name, in, sizeof(in) - 1, want }

static const struct row bearer[] = {
	ROW("no user", "n,," A "auth=Bearer t.o.k" A A, "/t.o.k"),
	ROW("a user", "n,a=alice," A "auth=Bearer t" A A, "alice/t"),
	ROW("host and port", "n,a=a@b.org," A "host=h" A "port=143" A
	    "auth=Bearer t" A A, "a@b.org/t"),
	ROW("other keys", "y,," A "x=" A "auth=Bearer t" A "y=z y" A A, "/t"),
	ROW("bearer in other letters", "n,," A "auth=bEARER  t" A A, "/t"),
	ROW("a user with = and ,", "n,a=a=3Db=2Cc," A "auth=Bearer t" A A,
	    "a=b,c/t"),
	ROW("bad escape", "n,a=a=3d," A "auth=Bearer t" A A, "malformed"),
	ROW("half an escape", "n,a=a=3," A "auth=Bearer t" A A, "malformed"),
	ROW("bound", "p=tls-unique,," A "auth=Bearer t" A A, "malformed"),
	ROW("bound, short", "p,," A "auth=Bearer t" A A,
	    "channel-binding-flag"),
	ROW("three fields in the header", "n,a=a,b," A "auth=Bearer t" A A,
	    "malformed"),
	ROW("an empty user", "n,a=," A "auth=Bearer t" A A, "malformed"),
	ROW("not a=", "n,b=x," A "auth=Bearer t" A A, "malformed"),
	ROW("no last comma", "n,a=x" A "auth=Bearer t" A A, "malformed"),
	ROW("no header", "auth=Bearer t" A A, "malformed"),
	ROW("only the header", "n,,", "malformed"),
	ROW("header and end", "n,," A A, "no-token"),
	ROW("no end", "n,," A "auth=Bearer t" A, "malformed"),
	ROW("no separator at the end", "n,," A "auth=Bearer t", "malformed"),
	ROW("more behind the end", "n,," A "auth=Bearer t" A A "x",
	    "malformed"),
	ROW("two tokens", "n,," A "auth=Bearer t" A "auth=Bearer u" A A,
	    "malformed"),
	ROW("an empty token", "n,," A "auth=Bearer " A A, "no-token"),
	ROW("Basic", "n,," A "auth=Basic t" A A, "not-a-bearer-token"),
	ROW("no scheme", "n,," A "auth=t" A A, "not-a-bearer-token"),
	ROW("a blank in the token", "n,," A "auth=Bearer t u" A A,
	    "malformed"),
	ROW("a NUL in the token", "n,," A "auth=Bearer t\0u" A A,
	    "malformed"),
	ROW("a NUL in the user", "n,a=a\0b," A "auth=Bearer t" A A,
	    "malformed"),
	ROW("a name that cannot be", "n,a=a b," A "auth=Bearer t" A A,
	    "name-not-possible"),
	ROW("a key without name", "n,," A "=x" A "auth=Bearer t" A A,
	    "malformed"),
	ROW("a field without =", "n,," A "host" A "auth=Bearer t" A A,
	    "malformed"),
	ROW("eight bits", "n,," A "host=\xc3\xa9" A "auth=Bearer t" A A,
	    "malformed"),
	ROW("nothing", "", "malformed"),
	ROW("a separator", A, "malformed"),
	ROW("many fields", "n,," A "a=" A "a=" A "a=" A "a=" A "a=" A "a=" A
	    "a=" A "a=" A "a=" A "a=" A "a=" A "a=" A "a=" A "a=" A "a=" A
	    "a=" A "auth=Bearer t" A A, "malformed"),
};

static const struct row xoauth2[] = {
	ROW("as it is", "user=a@b.org" A "auth=Bearer t" A A, "a@b.org/t"),
	ROW("no user", "user=" A "auth=Bearer t" A A, "name-not-possible"),
	ROW("not user=", "usr=x" A "auth=Bearer t" A A, "malformed"),
	ROW("token first", "auth=Bearer t" A "user=x" A A, "malformed"),
	ROW("no token", "user=a" A A, "no-token"),
	ROW("no end", "user=a" A "auth=Bearer t" A, "malformed"),
	ROW("a NUL in the user", "user=a\0b" A "auth=Bearer t" A A,
	    "malformed"),
	ROW("a header", "n,," A "auth=Bearer t" A A, "malformed"),
	ROW("nothing", "", "malformed"),
};

static void
check(const struct row *r, const char *(*parse)(struct oauth *, const char *,
    size_t))
{
	static struct oauth o;
	char got[LOGIN_SIZE + TOKEN_MAX + 2];
	const char *why;

	if ((why = parse(&o, r->in, r->size)) == NULL)
		snprintf(got, sizeof(got), "%s/%s", o.user, o.token);
	else
		strlcpy(got, why, sizeof(got));
	tap_is_str(got, r->want, r->name);
}

static void
test_long(void)
{
	static struct oauth o;
	static char buf[TOKEN_MAX + 512];
	int i, n;

	for (i = 0; i <= 1; i++) {
		n = snprintf(buf, sizeof(buf), "n,," A "auth=Bearer ");
		memset(buf + n, 'a', TOKEN_MAX + (size_t)i);
		n += TOKEN_MAX + i;
		memcpy(buf + n, A A, 2);
		tap_is_str(oauth_parse_bearer(&o, buf, (size_t)n + 2),
		    i == 0 ? NULL : "token-too-long", "longest token");
	}
	for (i = 0; i <= 1; i++) {
		memcpy(buf, "n,a=", 4);
		n = 4 + LOGIN_SIZE - 1 + i;
		memset(buf + 4, 'a', sizeof(buf) - 4);
		n += snprintf(buf + n, 64, "," A "auth=Bearer t" A A);
		tap_is_str(oauth_parse_bearer(&o, buf, (size_t)n),
		    i == 0 ? NULL : "name-too-long", "longest user");
	}
	memcpy(buf, "user=", 5);
	memset(buf + 5, 'a', LOGIN_SIZE);
	n = 5 + LOGIN_SIZE;
	n += snprintf(buf + n, 64, A "auth=Bearer t" A A);
	tap_is_str(oauth_parse_xoauth2(&o, buf, (size_t)n), "name-too-long",
	    "XOAUTH2 with a long user");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(bearer) / sizeof(bearer[0]); i++)
		check(&bearer[i], oauth_parse_bearer);
	for (i = 0; i < sizeof(xoauth2) / sizeof(xoauth2[0]); i++)
		check(&xoauth2[i], oauth_parse_xoauth2);
	test_long();
	return tap_done();
}
