/*
 * Domains beyond ASCII: what comes out is a host name in lower case or the
 * ASCII that came, is stable, and is never written where there is no room.
 */
#include <string.h>

#include "fuzz.h"
#include "mail/address.h"
#include "mail/domain.h"

static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return 0;
	return 1;
}

static const char *
domain_of(const char *s)
{
	const char *at = strrchr(s, '@');

	return at != NULL ? at + 1 : s + (*s == '.');
}

static void
check_canonical(const char *s)
{
	char once[512], twice[512];
	const char *form = domain_canonical(s, once, sizeof(once));

	MUST(form == s || (is_ascii(strrchr(form, '@') != NULL ?
	    strrchr(form, '@') : form) && strcmp(form, s) != 0));
	MUST(domain_canonical(form, twice, sizeof(twice)) == form || form == s);
	if (domain_can_be_ascii(s))
		MUST(is_ascii(form));
	if (domain_key_form(s, twice, sizeof(twice)) != 0)
		return;
	if (*domain_of(s) == '[')
		MUST(*domain_of(twice) == '[' && is_ascii(domain_of(twice)));
	else
		MUST(strcmp(twice, form) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s, *out;
	size_t room;

	if (size < 2 || (s = malloc(size)) == NULL)
		return 0;
	room = data[0] & 0x80 ? (size_t)(data[0] & 0x3f) + 1 : 256;
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';
	if ((out = malloc(room)) == NULL)
		abort();
	if (domain_to_ascii(s, out, room) == 0) {
		MUST(is_ascii(out));
		MUST(strcmp(s, out) == 0 || (!is_ascii(s) &&
		    address_is_hostname(out)));
	} else
		MUST(out[0] == '\0');
	if (domain_address_to_ascii(s, out, room) != 0)
		MUST(out[0] == '\0');
	check_canonical(s);
	free(out);
	free(s);
	return 0;
}
