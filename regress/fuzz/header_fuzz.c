/*
 * The header that net keeps back: the same however the bytes are cut, never
 * more than its limits, and what it says of fields is what stands there.
 */
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "header.h"

#define PIECES	4

static size_t
feed(struct header *h, const struct header_limits *limits, const char *in,
    size_t size, size_t step, int *end)
{
	size_t at = 0, n, used;

	*end = 0;
	while (at < size && *end == 0) {
		n = size - at < step ? size - at : step;
		*end = header_feed(h, limits, in + at, n, &used);
		MUST(*end != -1 && used <= n);
		MUST(*end == 1 || used == n);
		at += used;
	}
	return at;
}

static void
check(const struct header *h, const struct header_limits *limits, int end,
    const char *in, size_t at)
{
	const struct header_author *a;
	uint32_t i, sum = 0;

	MUST(h->size <= limits->bytes && h->size == at);
	MUST(memcmp(h->buf == NULL ? in : h->buf, in, at) == 0);
	MUST(h->fault == HEADER_TOO_MANY || h->nfields <= limits->fields);
	for (i = 0; i < HEADER_NAMES; i++)
		sum += h->count[i];
	MUST(sum == h->nfields);
	MUST(h->nauthors == h->count[HEADER_FROM] + h->count[HEADER_SENDER] +
	    h->count[HEADER_RESENT_FROM] + h->count[HEADER_RESENT_SENDER]);
	for (i = 0; i < h->nauthors && i < HEADER_AUTHORS; i++) {
		a = &h->author[i];
		MUST(a->start <= a->end && a->end + 2 <= h->size);
		MUST(a->start > 0 && h->buf[a->start - 1] == ':');
		MUST(memcmp(h->buf + a->end, "\r\n", 2) == 0);
		MUST(a->name >= HEADER_FROM && a->name <= HEADER_RESENT_SENDER);
		MUST(header_name(a->name)[0] != '\0');
	}
	if (end && h->fault == HEADER_FINE && !h->no_blank)
		MUST(h->size >= 2 && memcmp(h->buf + h->size - 2, "\r\n", 2) == 0);
	MUST(!h->no_blank || h->line < h->size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[PIECES] = { 1, 3, 17, SIZE_MAX };
	struct header_limits limits;
	struct header h[PIECES];
	size_t at[PIECES];
	int end[PIECES], i;

	if (size < 1)
		return 0;
	limits.bytes = data[0] & 1 ? 64 : 4096;
	limits.fields = data[0] & 2 ? 2 : 100;
	header_limit(1 << 20);
	memset(h, 0, sizeof(h));
	for (i = 0; i < PIECES; i++) {
		at[i] = feed(&h[i], &limits, (const char *)data + 1, size - 1,
		    steps[i], &end[i]);
		if (h[i].fault != HEADER_TOO_BIG)
			check(&h[i], &limits, end[i], (const char *)data + 1,
			    at[i]);
		/* Only how much of a header too big was taken differs. */
		MUST(end[i] == end[0]);
		MUST((h[i].fault == HEADER_FINE) ==
		    (h[0].fault == HEADER_FINE));
		MUST(h[i].fault != HEADER_FINE || (at[i] == at[0] &&
		    h[i].no_blank == h[0].no_blank));
		MUST(h[i].fault != HEADER_FINE || memcmp(h[i].count,
		    h[0].count, sizeof(h[0].count)) == 0);
	}
	for (i = 0; i < PIECES; i++)
		header_free(&h[i]);
	/* All memory is given back: as much can be had again. */
	header_limit(2048);
	memset(h, 0, sizeof(h[0]));
	MUST(header_feed(&h[0], &limits, "a", 1, &at[0]) == 0);
	header_free(&h[0]);
	header_limit((size_t)1 << 20);
	return 0;
}
