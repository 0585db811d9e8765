/*
 * Parses EHLO lines.  Called by reply.c through client.c, which bounds their
 * length and number.  A keyword counts only as a whole word, a number only
 * if it is nothing but digits and fits: a server that says nonsense has said
 * nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "capability.h"

void
capability_reset(struct capability *c)
{
	memset(c, 0, sizeof(*c));
}

static int
is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

/* Decimal digits of n bytes; 0 if they are not that or too many. */
static uint64_t
number(const char *text, size_t n)
{
	uint64_t value = 0;
	size_t i;

	if (n == 0 || n > 18)
		return 0;
	for (i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	return value;
}

static void
mechanism(struct capability *c, const char *word, size_t length)
{
	if (is_word(word, length, "PLAIN"))
		c->ext |= EXT_PLAIN;
	else if (is_word(word, length, "LOGIN"))
		c->ext |= EXT_LOGIN;
}

static void
limit(struct capability *c, const char *word, size_t length)
{
	uint32_t *max = NULL;
	uint64_t value;

	if (length <= 8)
		return;
	if (strncasecmp(word, "RCPTMAX=", 8) == 0)
		max = &c->rcpt_max;
	else if (strncasecmp(word, "MAILMAX=", 8) == 0)
		max = &c->mail_max;
	value = number(word + 8, length - 8);
	if (max != NULL && value > 0 && value <= UINT32_MAX)
		*max = (uint32_t)value;
}

static void
words(struct capability *c, const char *text,
    void (*each)(struct capability *, const char *, size_t))
{
	size_t n;

	while (*(text += strspn(text, " ")) != '\0') {
		n = strcspn(text, " ");
		each(c, text, n);
		text += n;
	}
}

void
capability_line(void *arg, const char *text)
{
	static const struct { const char *name; uint32_t ext; } names[] = {
		{ "PIPELINING", EXT_PIPELINING }, { "8BITMIME", EXT_8BITMIME },
		{ "SMTPUTF8", EXT_SMTPUTF8 }, { "STARTTLS", EXT_STARTTLS },
		{ "SIZE", EXT_SIZE }, { "DSN", EXT_DSN },
		{ "CHUNKING", EXT_CHUNKING }, { "BINARYMIME", EXT_BINARYMIME },
		{ "REQUIRETLS", EXT_REQUIRETLS },
	};
	struct capability *c = arg;
	size_t i, length = strcspn(text, " ");
	const char *rest = text + length + strspn(text + length, " ");

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_word(text, length, names[i].name))
			c->ext |= names[i].ext;
	if (is_word(text, length, "SIZE"))
		c->size_max = number(rest, strlen(rest));
	else if (is_word(text, length, "LIMITS"))
		words(c, rest, limit);
	else if (is_word(text, length, "AUTH"))
		words(c, rest, mechanism);
	else if (strncasecmp(text, "AUTH=", 5) == 0)	/* old servers */
		words(c, text + 5, mechanism);
}
