/*
 * Domains beyond ASCII as A-labels, by libidn2.  Called by policy and deliver,
 * which compare them, by relay, which asks the DNS for them, and by queue for
 * its notifications; the names are those of whoever wrote an address, so what
 * comes out is checked again.
 */
#include "mail/domain.h"

#include <idn2.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"

/*
 * Without IDN2_USE_STD3_ASCII_RULES: that takes out what is no letter, digit
 * or hyphen and goes on with the rest, which is somebody else's name.  Other
 * ASCII stays as it is through Punycode, so that address_is_hostname() sees
 * it and refuses.
 */
#define FLAGS	(IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)
#define UTF8_MAX	1024	/* 253 code points of four bytes, and more */

static int
is_ascii(const char *s, size_t n)
{
	while (n-- > 0)
		if ((unsigned char)*s++ >= 0x80)
			return 0;
	return 1;
}

/* No overlong forms, surrogates or controls reach the library. */
static int
is_utf8(const char *s)
{
	size_t n;

	for (; *s != '\0'; s += n) {
		n = (unsigned char)*s < 0x80 ? *s > ' ' && *s != 0x7f :
		    address_utf8_size(s);
		if (n == 0)
			return 0;
	}
	return 1;
}

/*
 * Since Unicode 15.1 the capital sharp s is the sharp s; to older tables it is
 * "ss", as if the name were written without: that of somebody else.
 */
static void
fold_sharp_s(const char *s, char *out)
{
	for (; *s != '\0'; s++) {
		if (strncmp(s, "\341\272\236", 3) == 0) {
			*out++ = '\303';
			*out++ = '\237';
			s += 2;
		} else
			*out++ = *s;
	}
	*out = '\0';
}

static int
convert(const char *domain, char *out, size_t outsize)
{
	char folded[UTF8_MAX + 1];
	uint8_t *name = NULL;
	int error, result = DOMAIN_BAD;

	if (strlen(domain) > UTF8_MAX || !is_utf8(domain))
		return DOMAIN_BAD;
	fold_sharp_s(domain, folded);
	error = idn2_lookup_u8((const uint8_t *)folded, &name, FLAGS);
	if (error == IDN2_MALLOC)
		result = DOMAIN_NO_MEMORY;
	else if (error == IDN2_OK && name != NULL &&
	    address_is_hostname((const char *)name) &&
	    strlcpy(out, (const char *)name, outsize) < outsize)
		result = 0;
	idn2_free(name);
	return result;
}

int
domain_to_ascii(const char *domain, char *out, size_t outsize)
{
	int result = 0;

	if (!is_ascii(domain, strlen(domain)))
		result = convert(domain, out, outsize);
	else if (strlcpy(out, domain, outsize) >= outsize)
		result = DOMAIN_BAD;
	if (result != 0 && outsize > 0)
		out[0] = '\0';
	return result;
}

/* What is not converted: "local@", "@", "." or nothing. */
static size_t
head_size(const char *address)
{
	const char *at = strrchr(address, '@');

	if (at != NULL)
		return (size_t)(at - address) + 1;
	return *address == '.';
}

int
domain_address_to_ascii(const char *address, char *out, size_t outsize)
{
	size_t n = head_size(address);
	int result;

	if (n >= outsize) {
		if (outsize > 0)
			out[0] = '\0';
		return DOMAIN_BAD;
	}
	memcpy(out, address, n);
	if ((result = domain_to_ascii(address + n, out + n, outsize - n)) != 0)
		out[0] = '\0';
	return result;
}

const char *
domain_try_canonical(const char *address, char *room, size_t roomsize)
{
	size_t n = head_size(address);

	if (is_ascii(address + n, strlen(address + n)))
		return address;
	switch (domain_address_to_ascii(address, room, roomsize)) {
	case 0:
		return room;
	case DOMAIN_NO_MEMORY:
		return NULL;
	default:
		return address;
	}
}

const char *
domain_canonical(const char *address, char *room, size_t roomsize)
{
	const char *form = domain_try_canonical(address, room, roomsize);

	return form != NULL ? form : address;
}

int
domain_can_be_ascii(const char *address)
{
	char room[512];
	size_t n = head_size(address);

	return is_ascii(address, n) &&
	    domain_to_ascii(address + n, room, sizeof(room)) == 0;
}

/* "[IPv6:...]" behind the head of a key, as address.c has it. */
static int
literal_key_form(const char *key, size_t n, char *out, size_t outsize)
{
	char whole[512], form[512];

	if (strlcpy(whole, "x@", sizeof(whole)) >= sizeof(whole) ||
	    strlcat(whole, key + n, sizeof(whole)) >= sizeof(whole) ||
	    address_parse(whole, 0, form, sizeof(form)) == -1 ||
	    strcasecmp(whole, form) == 0 || n + strlen(form + 2) >= outsize)
		return DOMAIN_BAD;
	memcpy(out, key, n);
	strlcpy(out + n, form + 2, outsize - n);
	return 0;
}

int
domain_key_form(const char *key, char *out, size_t outsize)
{
	size_t n = head_size(key);

	if (key[n] == '[')
		return literal_key_form(key, n, out, outsize);
	/* A word without a dot is a login or an alias. */
	if (is_ascii(key + n, strlen(key + n)) ||
	    (n == 0 && strchr(key, '.') == NULL))
		return DOMAIN_BAD;
	return domain_address_to_ascii(key, out, outsize);
}
