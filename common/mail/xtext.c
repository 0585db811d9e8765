/*
 * xtext and the two values that travel decoded from net to the bounce.  net
 * decodes what the client sent and refuses what is wrong; policy, which does
 * not believe net, checks the decoded form again with the same functions.
 * A control character in either would write header lines of its own into a
 * bounce, so none comes through.
 */
#include "mail/xtext.h"

#include <string.h>
#include <strings.h>

#include "mail/address.h"

/* RFC 3461 4: upper case only. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One coded byte at *s; -1: none. */
static int
xtext_byte(const char **s, int is_utf8)
{
	unsigned char	c = (unsigned char)*(*s)++;
	int		high, low;

	if (c == '+') {
		if ((high = hex_value((*s)[0])) == -1 ||
		    (low = hex_value((*s)[1])) == -1)
			return -1;
		*s += 2;
		return high << 4 | low;
	}
	if (c >= 0x80)
		return is_utf8 ? c : -1;
	return c > ' ' && c < 0x7f && c != '=' ? c : -1;
}

/* Text without controls; with is_utf8 beyond ASCII. */
static int
is_text(const char *s, int is_utf8)
{
	size_t	n;

	for (; *s != '\0'; s += n) {
		n = 1;
		if ((unsigned char)*s >= 0x80) {
			if (!is_utf8 || (n = address_utf8_size(s)) == 0)
				return 0;
		} else if (*s < ' ' || *s == 0x7f) {
			return 0;
		}
	}
	return 1;
}

int
xtext_decode(const char *s, int is_utf8, char *out, size_t outsize)
{
	size_t	n = 0;
	int	c;

	while (*s != '\0') {
		if ((c = xtext_byte(&s, is_utf8)) <= 0 || n + 1 >= outsize)
			return -1;
		out[n++] = (char)c;
	}
	if (outsize == 0)
		return -1;
	out[n] = '\0';
	return is_text(out, is_utf8) ? (int)n : -1;
}

int
xtext_envid_is_valid(const char *s, size_t n)
{
	char	text[101];

	if (n == 0 || n >= sizeof(text) || memchr(s, '\0', n) != NULL)
		return 0;
	memcpy(text, s, n);
	text[n] = '\0';
	return is_text(text, 0);
}

/* RFC 3461 4.2: addr-type is an atom. */
int
xtext_orcpt_is_valid(const char *s, size_t n)
{
	char	text[501], *address;
	size_t	i;

	if (n == 0 || n >= sizeof(text) || memchr(s, '\0', n) != NULL)
		return 0;
	memcpy(text, s, n);
	text[n] = '\0';
	if ((address = strchr(text, ';')) == NULL || address == text ||
	    address[1] == '\0')
		return 0;
	*address++ = '\0';
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f ||
		    strchr("()<>@,;:\\\".[]", text[i]) != NULL)
			return 0;
	return is_text(address, strcasecmp(text, "utf-8") == 0);
}
