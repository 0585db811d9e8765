/*
 * Addresses as they come in MAIL, RCPT, tables and aliases.  Everything here
 * works on text that a stranger wrote: every byte is checked against what
 * RFC 5321 4.1.2 allows there and results are built by appending to a
 * bounded buffer, never by editing in place.  The domain is lower-cased and a
 * quoted local part loses quotes it does not need, so that two spellings of
 * one address compare equal.  No state.
 */
#include "mail/address.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#define LOCAL_MAX	64	/* RFC 5321 4.5.3.1.1 */
#define DOMAIN_MAX	255	/* RFC 5321 4.5.3.1.2 */

struct text {
	char		*p;
	size_t		 size;
	size_t		 n;
	int		 full;
};

static void
text_put(struct text *t, const char *s, size_t n)
{
	if (t->size - t->n <= n) {
		t->full = 1;
		return;
	}
	memcpy(t->p + t->n, s, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static int
is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int
is_atext(unsigned char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* RFC 3629: no overlong forms, no surrogates, nothing above 10FFFF. */
size_t
address_utf8_size(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t i, n;

	if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		n = 2;
		code = u[0] & 0x1f;
	} else if (u[0] >= 0xe0 && u[0] <= 0xef) {
		n = 3;
		code = u[0] & 0x0f;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		n = 4;
		code = u[0] & 0x07;
	} else
		return 0;
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3f);
	}
	if (code < least[n] || (code >= 0xd800 && code <= 0xdfff) ||
	    code > 0x10ffff || code < 0xa0)
		return 0;
	return n;
}

/* Bytes of the atom text at s: 1, more for UTF-8, 0 if it is none. */
static size_t
atext_size(const char *s, int flags)
{
	if (is_atext((unsigned char)*s))
		return 1;
	return flags & ADDRESS_UTF8 ? address_utf8_size(s) : 0;
}

/* Atoms joined by single dots; NULL unless s starts with such. */
static const char *
skip_dot_string(const char *s, int flags)
{
	size_t n;

	for (;;) {
		if ((n = atext_size(s, flags)) == 0)
			return NULL;
		do
			s += n;
		while ((n = atext_size(s, flags)) > 0);
		if (*s != '.')
			return s;
		s++;
	}
}

/* Undo the quotes at s into raw; NULL if it is no Quoted-string. */
static const char *
unquote(const char *s, int flags, struct text *raw)
{
	size_t n;

	for (s++; *s != '"'; s += n) {
		n = 1;
		if (*s == '\\')
			s++;
		if ((unsigned char)*s >= 0x80) {
			if (!(flags & ADDRESS_UTF8) ||
			    (n = address_utf8_size(s)) == 0)
				return NULL;
		} else if (*s < 0x20 || *s == 0x7f)
			return NULL;
		text_put(raw, s, n);
	}
	return s + 1;
}

static void
put_quoted(struct text *out, const char *raw)
{
	text_put(out, "\"", 1);
	for (; *raw != '\0'; raw++) {
		if (*raw == '"' || *raw == '\\')
			text_put(out, "\\", 1);
		text_put(out, raw, 1);
	}
	text_put(out, "\"", 1);
}

static const char *
parse_local(const char *s, int flags, struct text *out)
{
	char raw[LOCAL_MAX + 1] = "";
	struct text t = { raw, sizeof(raw), 0, 0 };
	const char *end, *atoms;
	size_t before = out->n;

	if (*s == '"') {
		end = unquote(s, flags, &t);
		if (end == NULL || t.full)
			return NULL;
		atoms = skip_dot_string(raw, flags);
		if (atoms != NULL && *atoms == '\0')
			text_put(out, raw, t.n);
		else
			put_quoted(out, raw);
	} else {
		if ((end = skip_dot_string(s, flags)) == NULL)
			return NULL;
		text_put(out, s, (size_t)(end - s));
	}
	if (out->full || out->n - before > LOCAL_MAX)
		return NULL;
	return end;
}

/* One form for each address; a mapped one is the IPv4 address it stands for. */
static int
put_ipv6(struct text *out, const struct in6_addr *a)
{
	char form[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(a)) {
		if (inet_ntop(AF_INET, a->s6_addr + 12, form, sizeof(form)) ==
		    NULL)
			return -1;
		text_put(out, "[", 1);
	} else {
		if (inet_ntop(AF_INET6, a, form, sizeof(form)) == NULL)
			return -1;
		text_put(out, "[IPv6:", 6);
	}
	text_put(out, form, strlen(form));
	text_put(out, "]", 1);
	return 0;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; other literals are refused. */
static const char *
parse_literal(const char *s, struct text *out)
{
	char host[INET6_ADDRSTRLEN + 8];
	struct in6_addr a6;
	struct in_addr a4;
	const char *end;
	size_t n;

	if ((end = strchr(s, ']')) == NULL)
		return NULL;
	n = (size_t)(end - s - 1);
	if (n == 0 || n >= sizeof(host))
		return NULL;
	memcpy(host, s + 1, n);
	host[n] = '\0';
	if (strncasecmp(host, "IPv6:", 5) == 0) {
		if (inet_pton(AF_INET6, host + 5, &a6) != 1 ||
		    put_ipv6(out, &a6) == -1)
			return NULL;
	} else {
		if (inet_pton(AF_INET, host, &a4) != 1)
			return NULL;
		text_put(out, s, n + 2);
	}
	return end + 1;
}

/* A domain name at s, lower-cased into out. */
static const char *
parse_name(const char *s, int flags, struct text *out)
{
	size_t n, label = 0, total = 0, labels = 0;
	char c, before = '.';

	for (;; s += n) {
		n = 1;
		if (*s == '.' || (!is_alnum((unsigned char)*s) && *s != '-')) {
			if (*s != '.' && (flags & ADDRESS_UTF8) &&
			    (n = address_utf8_size(s)) > 0)
				goto take;
			n = 1;
			if (label == 0 || label > 63 || before == '-')
				return NULL;
			labels++;
			if (*s != '.')
				break;
			label = 0;
			text_put(out, ".", 1);
			before = '.';
			total++;
			continue;
		}
		if (*s == '-' && label == 0)
			return NULL;
take:
		if (n == 1) {
			c = lower(*s);
			text_put(out, &c, 1);
		} else
			text_put(out, s, n);
		before = *s;
		/* A-labels, which relay makes of it, are never shorter than
		 * its letters; their bytes may be more, RFC 5890 4.2 */
		label++;
		total += n;
	}
	return labels > 0 && total <= DOMAIN_MAX ? s : NULL;
}

/* Local part and domain at s; NULL or the end of it. */
static const char *
parse_mailbox(const char *s, int flags, struct text *out)
{
	if ((s = parse_local(s, flags, out)) == NULL)
		return NULL;
	if (*s != '@')
		return flags & ADDRESS_LOCAL ? s : NULL;
	text_put(out, "@", 1);
	s++;
	s = *s == '[' ? parse_literal(s, out) : parse_name(s, flags, out);
	return s == NULL || out->full ? NULL : s;
}

/* "@a,@b:" in front of a mailbox; returns s itself if there is none. */
static const char *
skip_route(const char *s, int flags)
{
	char scrap[DOMAIN_MAX + 2];

	while (*s == '@') {
		struct text t = { scrap, sizeof(scrap), 0, 0 };

		s++;
		s = *s == '[' ? parse_literal(s, &t) : parse_name(s, flags, &t);
		if (s == NULL || t.full)
			return NULL;
		if (*s == ':')
			return s + 1;
		if (*s != ',' || s[1] != '@')
			return NULL;
		s++;
	}
	return s;
}

int
address_parse_path(const char *s, int flags, char *out, size_t outsize,
    const char **end)
{
	struct text t = { out, outsize, 0, 0 };

	if (outsize == 0)
		return -1;
	out[0] = '\0';
	if (*s++ != '<')
		return -1;
	if (*s == '>') {
		if (!(flags & ADDRESS_NULL))
			return -1;
		*end = s + 1;
		return 0;
	}
	if ((s = skip_route(s, flags)) == NULL ||
	    (s = parse_mailbox(s, flags, &t)) == NULL || *s != '>') {
		out[0] = '\0';
		return -1;
	}
	*end = s + 1;
	return 0;
}

int
address_parse(const char *s, int flags, char *out, size_t outsize)
{
	struct text t = { out, outsize, 0, 0 };

	if (outsize == 0)
		return -1;
	out[0] = '\0';
	if (*s == '\0' && (flags & ADDRESS_NULL))
		return 0;
	s = parse_mailbox(s, flags, &t);
	if (s == NULL || *s != '\0') {
		out[0] = '\0';
		return -1;
	}
	return 0;
}

const char *
address_domain(const char *address)
{
	const char *at = strrchr(address, '@');

	/* Behind the last '@' a quote can only end a local part. */
	if (at == NULL || at[1] == '\0' || strchr(at, '"') != NULL)
		return NULL;
	return at + 1;
}

int
address_local(const char *address, char *out, size_t outsize)
{
	struct text t = { out, outsize, 0, 0 };
	const char *domain = address_domain(address);
	const char *end;
	size_t i, n;

	if (outsize == 0)
		return -1;
	out[0] = '\0';
	n = domain != NULL ? (size_t)(domain - 1 - address) : strlen(address);
	if (address[0] == '"') {
		end = unquote(address, ADDRESS_UTF8, &t);
		if (end == NULL || end != address + n)
			return -1;
	} else {
		for (i = 0; i < n; i++)
			if ((unsigned char)address[i] < 0x20 ||
			    address[i] == 0x7f)
				return -1;
		text_put(&t, address, n);
	}
	return t.full || t.n == 0 ? -1 : 0;
}

/* Normal form never escapes a '+', so the first one is found as it stands. */
int
address_tagless(const char *address, char *out, size_t outsize)
{
	const char *domain = address_domain(address);
	const char *start = address + (*address == '"'), *plus, *s;
	struct text t = { out, outsize, 0, 0 };
	size_t n, before, all = strlen(address);
	size_t local = domain != NULL ? (size_t)(domain - 1 - address) : all;

	if (outsize == 0)
		return -1;
	out[0] = '\0';
	if (local < (size_t)(start - address) || (plus = memchr(start, '+',
	    local - (size_t)(start - address))) == NULL || plus == start)
		return -1;
	before = (size_t)(plus - start);
	/* Without its tag it may need no quotes, or need them. */
	for (s = start; s < plus && (n = atext_size(s, ADDRESS_UTF8)) > 0;)
		if (*(s += n) == '.' && s + 1 < plus)
			s++;
	if (s < plus)
		text_put(&t, "\"", 1);
	text_put(&t, start, before);
	if (s < plus)
		text_put(&t, "\"", 1);
	text_put(&t, address + local, all - local);
	if (t.full)
		out[0] = '\0';
	return t.full ? -1 : 0;
}

int
address_has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 1;
	return 0;
}

int
address_is_hostname(const char *s)
{
	char scrap[DOMAIN_MAX + 2];
	struct text t = { scrap, sizeof(scrap), 0, 0 };
	const char *end = parse_name(s, 0, &t);

	return end != NULL && *end == '\0' && !t.full && t.n <= 253;
}

int
address_is_dns_name(const char *s)
{
	char copy[DOMAIN_MAX + 2], *p;

	if (strlcpy(copy, s, sizeof(copy)) >= sizeof(copy))
		return 0;
	for (p = copy; *p != '\0'; p++)
		if (*p == '_')
			*p = 'x';
	return address_is_hostname(copy);
}
