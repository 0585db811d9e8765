/* Unit test of password.c: every kind, and that a dummy costs the same. */
#include "mail/password.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/tap.h"
#include "mail/usersfile.h"

static const struct {
	const char	*name;
	const char	*password;
	const char	*hash;
	int		 want;
} checks[] = {
	{ "sha512", "sesame", "$6$abcdefgh$RPxq.ZWmeB6QzQlCn1Jgk4G6xuh1Q5EnmEtvd"
	    "uD/3d29LICV6C8QIQVkOMX42zIr3gvC2i1uH8Jo/NT.xgrqk0", -1 },
	{ "empty hash", "", "", 0 },
	{ "locked", "x", "!", 0 },
	{ "locked hash", "x", "!$6$abcdefgh$x", 0 },
	{ "nonsense", "x", "nonsense", 0 },
	{ "salt alone", "", "$2b$10$abcdefghijklmnopqrstuu", 0 },
	{ "DES", "x", "abJnggxhB/yWI", 0 },
};

static double
ms_of(const char *password, const char *hash)
{
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	(void)password_check(password, hash);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) * 1e3 +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e6;
}

static void
test_dummy(const char *name, const char *like, size_t same)
{
	char dummy[256], other[256];
	double real, fake;
	int i;

	tap_ok(password_dummy(like, dummy, sizeof(dummy)) == 0 &&
	    strlen(dummy) == strlen(like) && strncmp(dummy, like, same) == 0,
	    "%s dummy: same prefix, cost and length", name);
	tap_ok(users_hash_ok(dummy), "%s dummy: valid", name);
	tap_ok(password_check("sesame", dummy) == 0, "%s dummy: no match", name);
	tap_ok(password_dummy(like, other, sizeof(other)) == 0 &&
	    strcmp(dummy, other) != 0, "%s dummy: random", name);
	real = fake = 1e9;
	for (i = 0; i < 3; i++) {
		double t;

		if ((t = ms_of("sesame", like)) < real)
			real = t;
		if ((t = ms_of("sesame", dummy)) < fake)
			fake = t;
	}
	tap_ok(fake > real / 2 && fake < real * 2,
	    "%s dummy: same time (%.2f and %.2f ms)", name, real, fake);
}

int
main(void)
{
	char hash[256], longer[80];
	size_t i;

	tap_ok(password_hash("sesame", hash, sizeof(hash)) == 0, "hash");
	tap_ok(strncmp(hash, "$2b$10$", 7) == 0 && users_hash_ok(hash),
	    "bcrypt with cost 10");
	tap_ok(password_check("sesame", hash) == 1, "right password");
	tap_ok(password_check("Sesame", hash) == 0, "wrong password");
	tap_ok(password_check("", hash) == 0, "empty password");
	tap_ok(password_hash("", hash, sizeof(hash)) == -1,
	    "no hash of an empty password");
	tap_ok(password_hash("sesame", longer, 20) == -1, "no room");
	memset(longer, 'a', sizeof(longer));
	longer[73] = '\0';
	tap_ok(password_hash(longer, hash, sizeof(hash)) == -1,
	    "no hash of what bcrypt would cut");
	longer[72] = '\0';
	tap_ok(password_hash(longer, hash, sizeof(hash)) == 0,
	    "a hash of 72 bytes");
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i].want >= 0)
			tap_ok(password_check(checks[i].password,
			    checks[i].hash) == checks[i].want, "check: %s",
			    checks[i].name);

	tap_ok(password_hash("sesame", hash, sizeof(hash)) == 0, "hash again");
	test_dummy("bcrypt", hash, 7);
#ifndef __OpenBSD__
	test_dummy("sha512", checks[0].hash, 12);
	test_dummy("yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUsp"
	    "mcxMfb0.WiB9W.zEaKlOBL35rC", 7);
#endif
	tap_ok(password_dummy("nonsense", hash, sizeof(hash)) == 0 &&
	    users_hash_ok(hash), "dummy like nothing known");
	tap_ok(password_dummy("", hash, 10) == -1, "dummy: no room");
	return tap_done();
}
