/*
 * What a next hop answers: the same however the bytes are cut, bounded, no
 * control gets into what is kept, and of EHLO only what was said counts.
 */
#include <string.h>

#include "capability.h"
#include "fuzz.h"
#include "reply.h"

struct seen {
	struct smtp_reply	 reply;
	struct capability	 can;
	int			 result;
	size_t			 used;
	size_t			 lines;
};

static void
each(void *arg, const char *text)
{
	struct seen *s = arg;

	MUST(strlen(text) < REPLY_LINE_MAX);
	s->lines++;
	capability_line(&s->can, text);
}

static void
feed(struct seen *s, const char *in, size_t size, size_t step)
{
	const char *why = NULL;
	size_t n, used;

	memset(s, 0, sizeof(*s));
	reply_reset(&s->reply);
	capability_reset(&s->can);
	while (s->used < size && s->result == 0) {
		n = size - s->used < step ? size - s->used : step;
		s->result = reply_feed(&s->reply, in + s->used, n, &used, each,
		    s, &why);
		MUST(used <= n && (s->result != 0 || used == n));
		MUST(s->result != -1 || why != NULL);
		s->used += used;
	}
}

static void
check(const struct seen *s)
{
	const struct smtp_reply *r = &s->reply;
	const char *p;

	MUST(s->lines <= REPLY_LINES_MAX);
	MUST(strlen(r->text) < sizeof(r->text));
	for (p = r->text; *p != '\0'; p++)
		MUST(*p >= ' ' && *p <= '~');
	MUST(strspn(r->enhanced, "0123456789.") == strlen(r->enhanced));
	if (s->result != 1)
		return;
	MUST(r->code >= 200 && r->code <= 599);
	MUST(r->enhanced[0] == '\0' || r->enhanced[0] - '0' == r->code / 100);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen whole, other;
	static const size_t steps[] = { 1, 5, 100 };
	char *text;
	size_t i;

	feed(&whole, (const char *)data, size, size == 0 ? 1 : size);
	check(&whole);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		feed(&other, (const char *)data, size, steps[i]);
		MUST(other.result == whole.result);
		MUST(whole.result == -1 || other.used == whole.used);
		MUST(strcmp(other.reply.text, whole.reply.text) == 0);
		MUST(strcmp(other.reply.enhanced, whole.reply.enhanced) == 0);
		MUST(memcmp(&other.can, &whole.can, sizeof(whole.can)) == 0);
	}
	/* A line of EHLO by itself. */
	if ((text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	capability_reset(&other.can);
	capability_line(&other.can, text);
	MUST(other.can.size_max == 0 || (other.can.ext & EXT_SIZE));
	free(text);
	return 0;
}
