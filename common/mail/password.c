/*
 * crypt(3) with everything it leaves in memory wiped.  Called by the auth
 * workers (check) and by smtpsctl and the parent (hash, dummy).  crypt_rn()
 * gets its 32 KiB of scratch from the heap, not from the stack or a static
 * buffer, so that it can be wiped and given back.  Systems without it have
 * crypt(3) alone, or OpenBSD's crypt_checkpass(3).  No state.
 */
#include "mail/password.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __OpenBSD__
#include <crypt.h>
#endif

#define BCRYPT_COST	10	/* 2^10: 55 ms */
#define BCRYPT_MAX	72	/* bytes of a password that bcrypt looks at */
#define BCRYPT_TAIL	31	/* characters of the hash proper */

static const char digits[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#ifdef __OpenBSD__

int
password_check(const char *password, const char *hash)
{
	return crypt_checkpass(password, hash) == 0;
}

static int
make_hash(const char *password, char *out, size_t outsize)
{
	char pref[32];

	snprintf(pref, sizeof(pref), "bcrypt,%d", BCRYPT_COST);
	return crypt_newhash(password, pref, out, outsize);
}

#else

/* As long as the longer one, whatever differs. */
static int
same_string(const char *a, const char *b)
{
	size_t i, na = strlen(a), nb = strlen(b);
	unsigned char differ = na != nb;

	for (i = 0; i < na && i < nb; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/* password under the salt of setting into out; -1 if crypt cannot. */
static int
hash_into(const char *password, const char *setting, char *out, size_t outsize)
{
	const char *got;
	int ret = -1;
#ifdef CRYPT_OUTPUT_SIZE	/* libxcrypt */
	struct crypt_data *data;

	if ((data = calloc(1, sizeof(*data))) == NULL)
		return -1;
	got = crypt_rn(password, setting, data, (int)sizeof(*data));
	if (got != NULL && got[0] != '*' && strlcpy(out, got, outsize) < outsize)
		ret = 0;
	explicit_bzero(data, sizeof(*data));
	free(data);
#else
	char *scratch;

	got = scratch = crypt(password, setting);
	if (got != NULL && got[0] != '*' && strlcpy(out, got, outsize) < outsize)
		ret = 0;
	if (scratch != NULL)
		explicit_bzero(scratch, strlen(scratch));
#endif
	return ret;
}

int
password_check(const char *password, const char *hash)
{
	char got[512];
	int matches;

	/* A hash that is empty or a salt alone must never match. */
	if (strlen(hash) < 20 || hash_into(password, hash, got, sizeof(got)) == -1)
		return 0;
	matches = same_string(got, hash);
	explicit_bzero(got, sizeof(got));
	return matches;
}

static int
make_hash(const char *password, char *out, size_t outsize)
{
#ifdef CRYPT_OUTPUT_SIZE
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (crypt_gensalt_rn("$2b$", BCRYPT_COST, NULL, 0, setting,
	    sizeof(setting)) == NULL && crypt_gensalt_rn("$y$", 0, NULL, 0,
	    setting, sizeof(setting)) == NULL)
		return -1;
#else
	char setting[32];
	int i, at;

	at = snprintf(setting, sizeof(setting), "$2b$%02d$", BCRYPT_COST);
	for (i = 0; i < 22; i++)
		setting[at++] = digits[arc4random_uniform(64)];
	setting[at] = '\0';
#endif
	return hash_into(password, setting, out, outsize);
}

#endif

int
password_hash(const char *password, char *out, size_t outsize)
{
	/* bcrypt would silently drop the rest. */
	if (password[0] == '\0' || strlen(password) > BCRYPT_MAX) {
		errno = EINVAL;
		return -1;
	}
	return make_hash(password, out, outsize);
}

static void
random_digits(char *s, size_t n)
{
	while (n-- > 0)
		*s++ = digits[arc4random_uniform(64)];
}

/*
 * The salt stays: not every string of digits is a valid one, and an invalid
 * one would be refused at once instead of costing its time.
 */
int
password_dummy(const char *like, char *out, size_t outsize)
{
	const char *last;
	size_t keep, n;

	n = strlen(like);
	last = strrchr(like, '$');
	if (strncmp(like, "$2", 2) == 0 && n == 60)
		keep = n - BCRYPT_TAIL;
	else if (like[0] == '$' && last != NULL && last - like > 4 &&
	    strlen(last) > 20)
		keep = (size_t)(last - like) + 1;
	else {
		char plain[61];

		snprintf(plain, sizeof(plain), "$2b$%02d$", BCRYPT_COST);
		random_digits(plain + 7, 53);
		plain[60] = '\0';
		return strlcpy(out, plain, outsize) < outsize ? 0 : -1;
	}
	if (n >= outsize)
		return -1;
	memcpy(out, like, keep);
	random_digits(out + keep, n - keep);
	out[n] = '\0';
	return 0;
}
