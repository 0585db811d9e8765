/*
 * Tables of the configuration.  All keys and values stand in one block of
 * memory, behind an array of items in the order of the text and a hash of
 * that array; keys that are networks also stand in an array sorted by family
 * and prefix length, so that an address costs one search per length in use.
 * Built once, never changed.  Secrets may be in it: freeing wipes.
 */
#include "mail/table.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"
#include "mail/table_impl.h"

#define TABLE_ITEMS_MAX	(16U << 20)
#define FINGERPRINT_SIZE	71	/* SHA256: and 64 digits */

struct net {
	uint8_t		 family;	/* 4 or 6 */
	uint8_t		 bits;
	uint8_t		 bytes[16];	/* host part zero */
};

/* One line of the text, its comment and outer white space cut off. */
struct line {
	const char	*s;
	size_t		 n;
	int		 is_continued;	/* it started with white space */
};

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static uint32_t
hash_key(const char *s, size_t n)
{
	uint32_t h = 2166136261U;

	while (n-- > 0) {
		h ^= (uint32_t)tolower((unsigned char)*s++);
		h *= 16777619U;
	}
	return h ^ h >> 15;
}

static void
mask_net(struct net *net)
{
	size_t i, bits = net->bits;

	for (i = 0; i < sizeof(net->bytes); i++) {
		if (bits >= 8)
			bits -= 8;
		else {
			net->bytes[i] &= (uint8_t)(0xff00U >> bits);
			bits = 0;
		}
	}
}

/* "192.0.2.0/24", "2001:db8::/32", "[::1]" or an address alone. */
static int
parse_net(const char *s, size_t n, struct net *net)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char host[INET6_ADDRSTRLEN + 4];
	char *slash;
	const char *p;
	unsigned int bits = 0, most;

	if (n == 0 || n >= sizeof(host))
		return -1;
	memcpy(host, s, n);
	host[n] = '\0';
	if ((slash = strchr(host, '/')) != NULL) {
		*slash++ = '\0';
		if (*slash == '\0' || strlen(slash) > 3)
			return -1;
		for (p = slash; *p != '\0'; p++) {
			if (*p < '0' || *p > '9')
				return -1;
			bits = bits * 10 + (unsigned int)(*p - '0');
		}
	}
	n = strlen(host);
	if (host[0] == '[' && n > 2 && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
	memset(net, 0, sizeof(*net));
	if (inet_pton(AF_INET, host, net->bytes) == 1) {
		net->family = 4;
		most = 32;
	} else if (inet_pton(AF_INET6, host, net->bytes) == 1) {
		net->family = 6;
		most = 128;
	} else
		return -1;
	if (slash == NULL)
		bits = most;
	if (bits > most)
		return -1;
	if (net->family == 6 && bits >= 96 &&
	    memcmp(net->bytes, mapped, sizeof(mapped)) == 0) {
		memmove(net->bytes, net->bytes + 12, 4);
		memset(net->bytes + 4, 0, 12);
		net->family = 4;
		bits -= 96;
	}
	net->bits = (uint8_t)bits;
	mask_net(net);
	return 0;
}

static int
compare_nets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct net));
}

/* The slot of the key, or the free one where it belongs. */
static uint32_t *
find_slot(const struct table *t, const char *key, size_t n)
{
	size_t i = hash_key(key, n) & (t->nslots - 1);
	const char *have;

	for (; t->slots[i] != 0; i = (i + 1) & (t->nslots - 1)) {
		have = t->items[t->slots[i] - 1].key;
		if (strncasecmp(have, key, n) == 0 && have[n] == '\0')
			break;
	}
	return &t->slots[i];
}

static int
grow_slots(struct table *t)
{
	size_t i, n = t->nslots == 0 ? 64 : t->nslots * 2;
	uint32_t *slots;

	if ((slots = calloc(n, sizeof(*slots))) == NULL)
		return -1;
	free(t->slots);
	t->slots = slots;
	t->nslots = n;
	for (i = 0; i < t->nitems; i++)
		*find_slot(t, t->items[i].key, strlen(t->items[i].key)) =
		    (uint32_t)i + 1;
	return 0;
}

int
table_add_item(struct table *t, const char *key, const char *value)
{
	struct item *items;
	uint32_t *slot;
	size_t room;

	if (t->nitems * 2 >= t->nslots && grow_slots(t) == -1)
		return -1;
	slot = find_slot(t, key, strlen(key));
	if (*slot != 0)
		return strcmp(t->items[*slot - 1].value, value) != 0;
	if (t->nitems == t->items_room) {
		room = t->items_room == 0 ? 32 : t->items_room * 2;
		if (room > TABLE_ITEMS_MAX || (items = reallocarray(t->items,
		    room, sizeof(*items))) == NULL)
			return -1;
		t->items = items;
		t->items_room = room;
	}
	t->items[t->nitems].key = key;
	t->items[t->nitems].value = value;
	*slot = (uint32_t)++t->nitems;
	return 0;
}

/* The block is sized so that all of the text fits with its NULs. */
static char *
put(struct table *t, const char *s, size_t n)
{
	char *p = t->block + t->block_used;

	memcpy(p, s, n);
	p[n] = '\0';
	t->block_used += n + 1;
	return p;
}

/* '#' starts a comment at the start of a line and behind white space. */
static size_t
without_comment(const char *s, size_t n)
{
	size_t i;
	int in_quotes = 0;

	for (i = 0; i < n; i++) {
		if (s[i] == '"')
			in_quotes = !in_quotes;
		if (s[i] == '#' && !in_quotes && (i == 0 || is_blank(s[i - 1])))
			break;
	}
	while (i > 0 && is_blank(s[i - 1]))
		i--;
	return i;
}

/* Take the next line off the text; 0 at its end. */
static int
next_line(const char **text, const char *end, struct line *l)
{
	const char *nl;

	if (*text >= end)
		return 0;
	nl = memchr(*text, '\n', (size_t)(end - *text));
	if (nl == NULL)
		nl = end;
	l->s = *text;
	l->n = without_comment(l->s, (size_t)(nl - l->s));
	l->is_continued = l->n > 0 && is_blank(l->s[0]);
	while (l->n > 0 && is_blank(l->s[0])) {
		l->s++;
		l->n--;
	}
	*text = nl < end ? nl + 1 : end;
	return 1;
}

/*
 * Where the key ends: at white space or at a colon, except inside quotes or
 * brackets and in an IPv6 address, network or fingerprint.
 */
static size_t
key_size(const struct line *l)
{
	struct net net;
	size_t i, colon = 0;
	int in_quotes = 0, in_brackets = 0;

	for (i = 0; i < l->n; i++) {
		char c = l->s[i];

		if (c == '\\' && in_quotes && i + 1 < l->n) {
			i++;
			continue;
		}
		if (c == '"')
			in_quotes = !in_quotes;
		if (in_quotes)
			continue;
		if (c == '[' || c == ']')
			in_brackets = c == '[';
		if (c == ':' && !in_brackets && colon == 0 && i > 0)
			colon = i;
		if (is_blank(c))
			break;
	}
	if (colon == 0)
		return i;
	/* A fingerprint, with its value behind white space. */
	if (i == FINGERPRINT_SIZE && strncasecmp(l->s, "SHA256:", 7) == 0)
		return i;
	if (parse_net(l->s, i, &net) == 0)
		return i;
	/* "2001:db8::/32: value" */
	if (i > 1 && l->s[i - 1] == ':' && parse_net(l->s, i - 1, &net) == 0)
		return i - 1;
	return colon;
}

/* Split an item's first line and the lines that continue it. */
static int
parse_item(struct table *t, const struct line *first, const char **text,
    const char *end, unsigned int *lineno)
{
	struct line more;
	const char *ahead, *key, *value, *s = first->s;
	size_t n = key_size(first), at, left = first->n;

	key = put(t, s, n);
	s += n;
	left -= n;
	while (left > 0 && is_blank(*s))
		s++, left--;
	if (left > 0 && *s == ':') {
		s++, left--;
		while (left > 0 && is_blank(*s))
			s++, left--;
	}
	at = t->block_used;
	value = put(t, s, left);
	for (ahead = *text; next_line(&ahead, end, &more); *text = ahead) {
		if (more.n > 0 && !more.is_continued)
			break;
		++*lineno;
		if (more.n == 0)
			continue;
		/* Over the NUL, with one space between. */
		t->block_used--;
		if (t->block_used > at)
			t->block[t->block_used++] = ' ';
		put(t, more.s, more.n);
	}
	return table_add_item(t, key, value);
}

static int
collect_nets(struct table *t)
{
	struct net net;
	size_t i;

	for (i = 0; i < t->nitems; i++) {
		const char *key = t->items[i].key;

		if (key[strspn(key, "0123456789abcdefABCDEF:./[]")] != '\0' ||
		    parse_net(key, strlen(key), &net) == -1)
			continue;
		if (t->nets == NULL && (t->nets = calloc(t->nitems,
		    sizeof(*t->nets))) == NULL)
			return -1;
		t->nets[t->nnets++] = net;
	}
	if (t->nnets > 1)
		qsort(t->nets, t->nnets, sizeof(*t->nets), compare_nets);
	return 0;
}

/*
 * A CR that ends no line: 0, or the line.  Whoever wrote it saw a line end
 * there, and all behind it would be read as part of an item or a comment.
 */
static unsigned int
find_bare_cr(const char *text, const char *end)
{
	const char *p;
	unsigned int lineno = 1;

	for (p = text; (p = memchr(p, '\r', (size_t)(end - p))) != NULL; p++)
		if (p + 1 < end && p[1] != '\n')
			break;
	if (p == NULL)
		return 0;
	for (; text < p; text++)
		lineno += *text == '\n';
	return lineno;
}

struct table *
table_parse(const char *text, size_t size, char *err, size_t errsize)
{
	struct table *t;
	struct line l;
	const char *end = text + size;
	unsigned int lineno = 0, start;
	int bad;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		goto no_memory;
	/* A line of one byte takes three: key, NUL, NUL of its value. */
	t->block_size = size * 2 + 4;
	if ((t->block = malloc(t->block_size)) == NULL || grow_slots(t) == -1)
		goto no_memory;
	if (memchr(text, '\0', size) != NULL) {
		snprintf(err, errsize, "a NUL byte in the text");
		goto fail;
	}
	if ((start = find_bare_cr(text, end)) != 0) {
		snprintf(err, errsize, "line %u: a CR that ends no line",
		    start);
		goto fail;
	}
	/* What some editors put in front of UTF-8 is not of the first key. */
	if (size >= 3 && memcmp(text, "\357\273\277", 3) == 0)
		text += 3;
	while (next_line(&text, end, &l)) {
		start = ++lineno;
		if (l.n == 0)
			continue;
		if (l.is_continued) {
			snprintf(err, errsize, "line %u: starts with white "
			    "space but continues no line", start);
			goto fail;
		}
		bad = parse_item(t, &l, &text, end, &lineno);
		if (bad == -1)
			goto no_memory;
		if (bad) {
			snprintf(err, errsize, "line %u: this key is there "
			    "already with another value", start);
			goto fail;
		}
	}
	if (collect_nets(t) == -1)
		goto no_memory;
	return t;

no_memory:
	snprintf(err, errsize, "not enough memory");
fail:
	table_free(t);
	return NULL;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	if (t->block != NULL)
		explicit_bzero(t->block, t->block_size);
	free(t->block);
	while (t->nvalues > 0) {
		t->nvalues--;
		freezero(t->values[t->nvalues],
		    strlen(t->values[t->nvalues]));
	}
	free(t->values);
	free(t->forms);
	free(t->items);
	free(t->slots);
	free(t->nets);
	free(t);
}

size_t
table_size(const struct table *t)
{
	return t->nitems;
}

static const char *
get(const struct table *t, const char *key, size_t n)
{
	uint32_t slot = *find_slot(t, key, n);

	return slot == 0 ? NULL : t->items[slot - 1].value;
}

const char *
table_get(const struct table *t, const char *key)
{
	return get(t, key, strlen(key));
}

int
table_has_domain(const struct table *t, const char *domain)
{
	const char *dot;

	if (domain[0] == '\0' || domain[0] == '.')
		return 0;
	if (table_get(t, domain) != NULL)
		return 1;
	for (dot = strchr(domain, '.'); dot != NULL && dot[1] != '\0';
	    dot = strchr(dot + 1, '.'))
		if (table_get(t, dot) != NULL)
			return 1;
	return 0;
}

/* "user+tag@domain" and "user@domain" under the key "user+*@domain". */
static int
has_tagged(const struct table *t, const char *address)
{
	char plain[512], key[520];
	const char *at;
	int n;

	if (address_tagless(address, plain, sizeof(plain)) == -1 &&
	    strlcpy(plain, address, sizeof(plain)) >= sizeof(plain))
		return 0;
	if (plain[0] == '"' || (at = strrchr(plain, '@')) == NULL)
		return 0;
	n = snprintf(key, sizeof(key), "%.*s+*%s", (int)(at - plain), plain,
	    at);
	return n > 0 && (size_t)n < sizeof(key) && get(t, key, (size_t)n) != NULL;
}

int
table_has_address(const struct table *t, const char *address)
{
	const char *at;

	if (table_get(t, "*") != NULL)
		return 1;
	/* "" is the null reverse-path; a bare domain is no address. */
	if (address[0] == '\0')
		return 0;
	at = strrchr(address, '@');
	if (at == NULL || at == address)
		return at == NULL && table_get(t, address) != NULL;
	return table_get(t, address) != NULL || has_tagged(t, address) ||
	    table_get(t, at) != NULL || table_get(t, at + 1) != NULL;
}

int
table_has_net(const struct table *t, const char *address)
{
	struct net net, want;
	size_t lo, hi, mid, from;

	/* An item has no scope: fe80::/10 is on every link. */
	if (t->nnets == 0 || parse_net(address, strcspn(address, "%"), &net) ==
	    -1)
		return 0;
	for (from = 0; from < t->nnets; from = hi) {
		/* The run with this family and length ends at hi. */
		memset(&want, 0xff, sizeof(want));
		want.family = t->nets[from].family;
		want.bits = t->nets[from].bits;
		for (lo = from, hi = t->nnets; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			if (compare_nets(&t->nets[mid], &want) <= 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (want.family != net.family)
			continue;
		if (want.bits > net.bits)
			continue;
		memcpy(want.bytes, net.bytes, sizeof(want.bytes));
		mask_net(&want);
		if (bsearch(&want, &t->nets[from], hi - from, sizeof(want),
		    compare_nets) != NULL)
			return 1;
	}
	return 0;
}

void
table_each(const struct table *t,
    void (*each)(const char *, const char *, void *), void *arg)
{
	size_t i;

	for (i = 0; i < t->nitems; i++)
		each(t->items[i].key, t->items[i].value, arg);
}
