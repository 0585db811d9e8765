/*
 * What sendmail makes of a header: lines with CRLF in come out as such, none
 * too long, no Bcc, a From; recipients are complete addresses, each once; a
 * second time there is nothing left to do.
 */
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "mail/address.h"
#include "sendhead.h"

/* Lines with CRLF and no other CR, LF or NUL, as sendmail.c makes them. */
static char *
clean(const uint8_t *data, size_t size, size_t *outsize)
{
	char *out = malloc(2 * size + 2);
	size_t i, n = 0, from = 0;

	if (out == NULL)
		abort();
	for (i = 0; i < size; i++) {
		if (data[i] == '\r' || data[i] == '\0')
			continue;
		if (data[i] != '\n') {
			out[n++] = (char)data[i];
			continue;
		}
		if (n == from)
			continue;	/* an empty line would end it */
		out[n++] = '\r';
		out[n++] = '\n';
		from = n;
	}
	if (n > from) {
		out[n++] = '\r';
		out[n++] = '\n';
	}
	*outsize = n;
	return out;
}

static void
check(const char *out, size_t size)
{
	const char *p = out, *end = out + size, *eol;
	int has_from = 0;

	MUST(size >= 2 && memcmp(end - 2, "\r\n", 2) == 0);
	while (p < end) {
		eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		MUST(eol != NULL && eol - p <= 998 + (p[0] == '.'));
		MUST(eol > p || eol + 2 == end);
		if (strncasecmp(p, "From", 4) == 0 &&
		    p[4 + strspn(p + 4, " \t")] == ':')
			has_from = 1;
		MUST(strncasecmp(p, "Bcc:", 4) != 0);
		p = eol + 2;
	}
	MUST(has_from);
}

static void
check_recipients(struct recipients *r)
{
	char again[328];
	size_t i;

	recipients_sort(r);
	for (i = 0; i < r->n; i++) {
		MUST(address_parse(r->list[i], ADDRESS_UTF8, again,
		    sizeof(again)) == 0);
		MUST(strcmp(again, r->list[i]) == 0);
		MUST(i == 0 || strcmp(r->list[i - 1], r->list[i]) < 0);
	}
}

static void
once(const char *in, size_t size, int takes, int again)
{
	struct recipients r = { 0 };
	struct head head = { .host = "h.example", .from = "joe@h.example",
	    .name = takes ? "Joe \"x\"" : "J\xc3\xb6", .rcpts = takes ? &r :
	    NULL };
	char err[256] = "", *out;
	size_t outsize = 0;
	int status;

	out = head_make(&head, in, size, &outsize, &status, err, sizeof(err));
	MUST((out != NULL) == (status == 0));
	MUST(out != NULL || err[0] != '\0');
	if (out != NULL) {
		check(out, outsize);
		if (again)
			once(out, outsize - 2, 0, 0);
	}
	check_recipients(&r);
	recipients_free(&r);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recipients r = { 0 };
	char err[256], *in, *text;
	size_t n;

	if (size < 1)
		return 0;
	in = clean(data + 1, size - 1, &n);
	once(in, n, data[0] & 1, 1);
	free(in);
	if ((text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (recipients_add(&r, text, "h.example", err, sizeof(err)) == 0)
		check_recipients(&r);
	recipients_free(&r);
	free(text);
	return 0;
}
