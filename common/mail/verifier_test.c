/* Unit test of verifier.c; the keys' values are checked by scram_test.c. */
#include "mail/verifier.h"

#include <string.h>

#include "base/tap.h"

#define SALT	"W22ZaJ0SNY7soEsUEjb6gQ=="
#define KEY	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="

static const struct {
	const char	*text;
	int		 want;
} forms[] = {
	{ "scram-sha-256$4096$" SALT "$" KEY "$" KEY, 0 },
	{ "scram-sha-256$999$" SALT "$" KEY "$" KEY, -1 },
	{ "scram-sha-256$1000001$" SALT "$" KEY "$" KEY, -1 },
	{ "scram-sha-256$99999999999999$" SALT "$" KEY "$" KEY, -1 },
	{ "scram-sha-256$$" SALT "$" KEY "$" KEY, -1 },
	{ "scram-sha-1$4096$" SALT "$" KEY "$" KEY, -1 },
	{ "scram-sha-256$4096$" SALT "$" KEY, -1 },
	{ "scram-sha-256$4096$" SALT "$" KEY "$" KEY "$", -1 },
	{ "scram-sha-256$4096$" SALT "$" KEY "$" KEY "x", -1 },
	{ "scram-sha-256$4096$$" KEY "$" KEY, -1 },
	{ "scram-sha-256$4096$AAAA$" KEY "$" KEY, -1 },
	{ "scram-sha-256$4096$" SALT "$AAAA$" KEY, -1 },
	{ "scram-sha-256$4096$" SALT "$" KEY "$" KEY KEY, -1 },
	{ "", -1 },
};

int
main(void)
{
	struct verifier v, again;
	char text[VERIFIER_SIZE], other[VERIFIER_SIZE], tiny[16];
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		tap_ok(verifier_parse(forms[i].text, &v) == forms[i].want,
		    "%s", forms[i].text);
	tap_ok(verifier_make("secret", text, sizeof(text)) == 0 &&
	    verifier_parse(text, &v) == 0 && v.iterations == VERIFIER_ROUNDS,
	    "made and parsed");
	again = v;
	tap_ok(verifier_derive("secret", &again) == 0 &&
	    memcmp(&v, &again, sizeof(v)) == 0, "the same password again");
	tap_ok(verifier_derive("Secret", &again) == 0 &&
	    memcmp(&v, &again, sizeof(v)) != 0, "another password");
	tap_ok(verifier_make("secret", other, sizeof(other)) == 0 &&
	    strcmp(text, other) != 0, "a salt of its own");
	tap_ok(strpbrk(text, ": \t\n") == NULL, "no colon, no space");
	tap_ok(verifier_make("", text, sizeof(text)) == -1, "no password");
	tap_ok(verifier_make("x", tiny, sizeof(tiny)) == -1, "no room");
	return tap_done();
}
