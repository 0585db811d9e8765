/*
 * The client that knows better: it reads what went to the server and what
 * came back side by side and says for each command which reply is right.  It
 * learns what policy and the queue said from the records of their questions,
 * which have to come in the order of the commands, each exactly once.  A
 * reply too many, too few, out of order or of the wrong class ends the run,
 * and so does a question that no command stands behind.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "session_model.h"

#define LINE_MAX_SIZE	8192
#define COMMAND_MAX	2048

struct model	m;
static char	line[LINE_MAX_SIZE + 1];

void
model_begin(void)
{
	free(m.text);
	memset(&m, 0, sizeof(m));
	m.has_tls = host.listener.kind == LISTENER_SMTPS;
}

static int
seen_is(size_t at, size_t size, const char *word)
{
	return size >= strlen(word) &&
	    strncasecmp((const char *)host.seen + at, word,
	    strlen(word)) == 0;
}

/* Code of the next reply, 0 if it is not there yet; its size in bytes. */
static int
reply_peek(size_t *size)
{
	const char *p = host.out + m.out_at, *end;
	size_t left = host.nout - m.out_at, n = 0, len, i;

	for (;;) {
		end = memmem(p + n, left - n, "\r\n", 2);
		if (end == NULL)
			return 0;
		len = (size_t)(end - p) - n;
		MUST(len >= 4 && len + 2 <= 512);
		for (i = 0; i < len; i++)
			MUST(p[n + i] >= ' ' && p[n + i] <= '~');
		MUST(isdigit(p[n]) && isdigit(p[n + 1]) && isdigit(p[n + 2]));
		MUST(p[n] >= '2' && p[n] <= '5');
		MUST(p[n + 3] == ' ' || p[n + 3] == '-');
		MUST(memcmp(p, p + n, 3) == 0);
		n += len + 2;
		if (p[n - len + 1] == ' ')
			break;
	}
	*size = n;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

/* The reply before was the last; but for a 421 if it was one error too many. */
void
model_over(int is_error)
{
	m.is_over = m.may_close = 1;
	m.may_421 = is_error;
}

/* Everything before the dot, without the dots that were put before lines. */
static enum result
data_run(int code)
{
	const uint8_t *p = host.seen + m.at;
	size_t left = host.nseen - m.at, i, from = 0, size;

	size = 0;
	if (left >= 3 && memcmp(p, ".\r\n", 3) == 0)
		size = 3;
	for (i = 0; size == 0 && i + 5 <= left; i++)
		if (memcmp(p + i, "\r\n.\r\n", 5) == 0)
			size = i + 5;
	if (size == 0)
		return WANTS_INPUT;
	if (code == 0)
		return WANTS_REPLY;
	m.text_size = 0;
	for (i = 0; i < size - 3; i++)
		if (p[i] == '.' && (i == 0 ||
		    (i >= 2 && memcmp(p + i - 2, "\r\n", 2) == 0))) {
			model_text(p + from, i - from);
			from = i + 1;
		}
	model_text(p + from, size - 3 - from);
	m.at += size;
	m.mode = COMMAND;
	model_message_end(code);
	return USED_REPLY;
}

static int
is_bdat_line(size_t at, size_t size)
{
	while (size > 0 && (host.seen[at] == ' ' || host.seen[at] == '\t')) {
		at++;
		size--;
	}
	return seen_is(at, size, "BDAT");
}

/* A whole command; its bytes are already gone from what was seen. */
static void
command(size_t start, size_t size, int code)
{
	int is_long = size + 2 > COMMAND_MAX;
	const char *args;
	size_t n;

	while (size > 0 && line[size - 1] == ' ')
		size--;
	line[size] = '\0';
	n = strcspn(line, " ");
	args = line + n + strspn(line + n, " ");
	line[n] = '\0';
	if (strcasecmp(line, "AUTH") == 0) {
		model_auth(args, code);
	} else if (is_long || !model_command(line, args, code)) {
		MUST(code == 500);
		if (is_bdat_line(start, size))
			model_over(1);
	}
}

static void
dialogue(int code)
{
	MUST(code == 235 || code == 334 || code == 501 || code == 535 ||
	    code == 454);
	MUST(code != 235 || peers.granted);
	if (code == 235)
		m.has_user = 1;
	if (code != 334)
		m.mode = COMMAND;
}

/* A line that is none: up to and with its LF, or too long to be one. */
static void
bad_line(size_t start, size_t size, int code)
{
	MUST(code == 500);
	m.mode = COMMAND;
	if (!m.in_bad_line && is_bdat_line(start, size))
		model_over(1);
}

/* The line, or piece of a bad one, at m.at.  0: there is none. */
static size_t
line_find(int *is_bad, int *is_silent)
{
	const uint8_t *p = host.seen + m.at, *nl;
	size_t left = host.nseen - m.at, n = left;

	*is_bad = *is_silent = 0;
	if (!m.in_bad_line && n > LINE_MAX_SIZE)
		n = LINE_MAX_SIZE;
	nl = n == 0 ? NULL : memchr(p, '\n', n);
	if (m.in_bad_line) {
		*is_silent = nl != NULL && nl > p && nl[-1] == '\r';
		*is_bad = !*is_silent;
		return nl == NULL ? 0 : (size_t)(nl - p) + 1;
	}
	if (nl == NULL) {
		*is_bad = n == LINE_MAX_SIZE;
		return !*is_bad ? 0 : p[n - 1] == '\r' ? n - 1 : n;
	}
	n = (size_t)(nl - p) + 1;
	*is_bad = n < 2 || p[n - 2] != '\r' ||
	    memchr(p, '\r', n - 2) != NULL || memchr(p, '\0', n) != NULL;
	return n;
}

/* A BDAT whose octets are still to come need not be answered yet. */
static int
is_open_bdat(size_t start, size_t n)
{
	uint64_t size;
	char buf[64];

	if (m.mode != COMMAND || n < 7 || n >= sizeof(buf) ||
	    !seen_is(start, n, "BDAT "))
		return 0;
	memcpy(buf, host.seen + start + 5, n - 7);
	buf[n - 7] = '\0';
	return model_bdat_size(buf + strspn(buf, " "), &size) &&
	    size > host.nseen - start - n;
}

static enum result
line_run(int code)
{
	int is_bad, is_silent;
	size_t n = line_find(&is_bad, &is_silent), start = m.at;

	if (n == 0)
		return WANTS_INPUT;
	if (is_silent) {
		m.in_bad_line = 0;
		m.at += n;
		return WENT_ON;
	}
	if (code == 0)
		return !is_bad && is_open_bdat(start, n) ? WANTS_INPUT :
		    WANTS_REPLY;
	m.at += n;
	if (is_bad) {
		bad_line(start, host.nseen - start, code);
		if (host.seen[start + n - 1] != '\n' || n < 2 ||
		    host.seen[start + n - 2] != '\r')
			m.in_bad_line = 1;
		return USED_REPLY;
	}
	n -= 2;
	memcpy(line, host.seen + start, n);
	line[n] = '\0';
	if (m.mode == DIALOGUE)
		dialogue(code);
	else
		command(start, n, code);
	return USED_REPLY;
}

static enum result
greeting(int code)
{
	if (code == 0)
		return WANTS_REPLY;
	MUST(code == 220 || code == 554 || code == 421);
	m.is_greeted = 1;
	if (code != 220)
		model_over(1);
	if (host.listener.kind == LISTENER_LOCAL && code == 220) {
		MUST(peers.granted);
		m.has_user = 1;
	}
	return USED_REPLY;
}

static enum result
step(int code)
{
	uint64_t left;

	if (!m.is_greeted)
		return greeting(code);
	if (m.skip > 0) {
		left = host.nseen - m.at;
		if (left > m.skip)
			left = m.skip;
		m.at += (size_t)left;
		m.skip -= left;
		return left > 0 ? WENT_ON : WANTS_INPUT;
	}
	return m.mode == DATA ? data_run(code) : line_run(code);
}

int
model_run(void)
{
	enum result result;
	size_t size = 0;
	int code;

	for (;;) {
		code = reply_peek(&size);
		if (m.is_over && !(m.may_421 && code == 421)) {
			MUST(code == 0);
			return 0;
		}
		if (code == 421) {
			/* At any time, and the last that is said. */
			m.out_at += size;
			model_over(0);
			continue;
		}
		if (host.tls_at == m.at && !m.has_tls)
			m.has_tls = 1;
		result = step(code);
		if (result == USED_REPLY) {
			MUST(code != 0);
			m.out_at += size;
		} else if (result != WENT_ON) {
			/* Else it would be a reply to nothing. */
			MUST(result == WANTS_REPLY || code == 0);
			return result == WANTS_REPLY;
		}
	}
}

void
model_end(int waits)
{
	if (host.is_gone) {
		MUST(m.may_close || host.may_drop);
		return;
	}
	MUST(!waits);
	MUST(m.is_over || m.record == peers.nrecords);
}
