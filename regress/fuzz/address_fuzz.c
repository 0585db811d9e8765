/*
 * Addresses: no crash, and what is accepted is stable (parsing the result
 * gives the result), bounded, free of controls, and never longer than said.
 */
#include <string.h>

#include "fuzz.h"
#include "mail/address.h"

static void
check_result(const char *address, int flags)
{
	char again[328], local[328];
	const char *domain = address_domain(address), *p;

	MUST(strlen(address) <= 64 + 1 + 255);
	for (p = address; *p != '\0'; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	MUST(address_parse(address, flags, again, sizeof(again)) == 0);
	MUST(strcmp(address, again) == 0);
	if (!(flags & ADDRESS_LOCAL))
		MUST(domain != NULL);
	if (domain != NULL) {
		MUST(strchr(domain, '@') == NULL && *domain != '\0');
		MUST(flags & ADDRESS_UTF8 || *domain == '[' ||
		    address_is_hostname(domain) || strlen(domain) > 253);
	}
	(void)address_local(address, local, sizeof(local));
	/* One that gets quotes may grow too long. */
	if (address_tagless(address, local, sizeof(local)) == 0 &&
	    (local[0] != '"' || address[0] == '"')) {
		MUST(strlen(local) < strlen(address));
		MUST(address_parse(local, flags, again, sizeof(again)) == 0);
		MUST(strcmp(local, again) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s, *out;
	const char *end;
	size_t room;
	int flags;

	if (size < 2 || (s = malloc(size)) == NULL)
		return 0;
	flags = data[0] & 0x7;
	/* Small rooms too: the first byte's other bits choose. */
	room = data[0] & 0x80 ? (size_t)(data[0] >> 3 & 0xf) + 1 : 328;
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';
	if ((out = malloc(room)) == NULL)
		abort();
	if (address_parse_path(s, flags, out, room, &end) == 0) {
		MUST(end > s && end <= s + size && end[-1] == '>');
		if (out[0] != '\0')
			check_result(out, flags);
		else
			MUST(flags & ADDRESS_NULL);
	} else
		MUST(out[0] == '\0');
	if (address_parse(s, flags, out, room) == 0 && out[0] != '\0')
		check_result(out, flags);
	(void)address_local(s, out, room);
	(void)address_tagless(s, out, room);
	(void)address_domain(s);
	(void)address_is_hostname(s);
	free(out);
	free(s);
	return 0;
}
