/*
 * Unit test of check.c: right and wrong passwords, bad hashes, and that
 * nothing secret is left in what was asked.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/link.h"
#include "base/tap.h"
#include "mail/password.h"
#include "proto/parent_auth.h"

/* check.c is tested without a loop: what it would send is not. */
static char good[HASH_SIZE];

static void
check_one(const char *name, const char *hash, const char *password,
    unsigned int want)
{
	struct parent_auth_check check;
	struct auth_parent_result result;
	const unsigned char *p = (const unsigned char *)&check;
	size_t i, left = 0;

	memset(&check, 0, sizeof(check));
	check.request = 42;
	strlcpy(check.hash, hash, sizeof(check.hash));
	strlcpy(check.password, password, sizeof(check.password));
	check_answer(&check, &result);
	for (i = 0; i < sizeof(check); i++)
		left += p[i] != 0;
	tap_ok(result.request == 42 && result.matches == want, "%s", name);
	tap_ok(left == 0, "%s: wiped", name);
}

int
main(void)
{
	tap_ok(check_warm() == 0, "warm");
	tap_ok(password_hash("sesame", good, sizeof(good)) == 0, "make a hash");
	check_one("right password", good, "sesame", 1);
	check_one("wrong password", good, "sesame ", 0);
	check_one("empty password", good, "", 0);
	check_one("empty hash", "", "", 0);
	check_one("empty hash, a password", "", "x", 0);
	check_one("star", "*", "*", 0);
	check_one("hash as password", good, good, 0);
	return tap_done();
}
