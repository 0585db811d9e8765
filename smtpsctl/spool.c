/*
 * Takes a message from standard input and gives it the form that it has on
 * the wire: CRLF, dots doubled, lines of at most 998 bytes.  All of it is
 * taken before the server hears of it, because cron(8) starts sendmail with
 * the first byte of a job's output and the last may come hours later.  What
 * exceeds some memory goes into a file without a name.
 *
 * The body may hold anything, as what jobs print does: a lone CR ends a
 * line, NUL becomes '?', lines are cut.  The header is not repaired: what
 * one program takes for a line end there and another does not is an attack.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "spool.h"

#define HEADER_MAX_BYTES	(256 * 1024)
#define MEMORY_BYTES		(1024 * 1024)
#define PIECE_BYTES		65536
#define BODY_LINE		990	/* RFC 5322 2.1.1: 998 */

enum place { IN_HEADER, IN_BODY, AT_END };

struct spool {
	enum place	 place;
	int		 ignore_dots;
	int		 had_cr;
	int		 is_8bit;
	int		 is_cut;		/* line goes on a longer one */
	int		 status;		/* EX_*, once it failed */
	const char	*why;
	char		*header;		/* the unfinished line too */
	size_t		 header_size;
	size_t		 header_line;		/* where that starts */
	char		 line[BODY_LINE + 1];	/* of the body */
	size_t		 line_size;
	char		*memory;
	size_t		 used;			/* of it, not in the file */
	size_t		 given;			/* by spool_next() */
	uint64_t	 size;
	uint64_t	 limit;
	int		 file;
};

struct spool *
spool_new(int ignore_dots, uint64_t limit)
{
	struct spool *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->file = -1;
	s->ignore_dots = ignore_dots;
	s->limit = limit;
	s->header = malloc(HEADER_MAX_BYTES + 2);
	s->memory = malloc(MEMORY_BYTES);
	if (s->header == NULL || s->memory == NULL) {
		spool_free(s);
		return NULL;
	}
	return s;
}

static void
fail(struct spool *s, int status, const char *why)
{
	if (s->status != 0)
		return;
	s->status = status;
	s->why = why;
	s->place = AT_END;
}

static int
open_file(void)
{
	char name[] = "/tmp/sendmail.XXXXXXXXXX";
	int fd;

	if ((fd = mkostemp(name, O_CLOEXEC)) != -1)
		unlink(name);
	return fd;
}

static void
write_memory(struct spool *s)
{
	size_t done = 0;
	ssize_t n;

	if (s->file == -1 && (s->file = open_file()) == -1) {
		fail(s, EX_CANTCREAT, "cannot make a file in /tmp for a large "
		    "message");
		return;
	}
	while (done < s->used) {
		if ((n = write(s->file, s->memory + done,
		    s->used - done)) == -1) {
			if (errno == EINTR)
				continue;
			fail(s, EX_IOERR, "cannot write to a file in /tmp");
			return;
		}
		done += (size_t)n;
	}
	s->used = 0;
}

static void
add(struct spool *s, const char *data, size_t size)
{
	if (s->used + size > MEMORY_BYTES)
		write_memory(s);
	if (s->status != 0)
		return;
	memcpy(s->memory + s->used, data, size);
	s->used += size;
	s->size += size;
	if (s->limit != 0 && s->size > s->limit)
		fail(s, EX_DATAERR, "the message is larger than smtpsd "
		    "accepts");
}

static void
add_line(struct spool *s, size_t size)
{
	if (size > 0 && s->line[0] == '.')
		add(s, ".", 1);
	add(s, s->line, size);
	add(s, "\r\n", 2);
}

static void
body_line_end(struct spool *s)
{
	if (!s->ignore_dots && !s->is_cut && s->line_size == 1 &&
	    s->line[0] == '.')
		s->place = AT_END;
	else
		add_line(s, s->line_size);
	s->line_size = 0;
	s->is_cut = 0;
}

/* At most BODY_LINE bytes, and not inside of a UTF-8 sequence. */
static void
cut_line(struct spool *s)
{
	size_t cut = s->line_size, rest;

	while (cut > s->line_size - 3 &&
	    ((unsigned char)s->line[cut] & 0xc0) == 0x80)
		cut--;
	rest = s->line_size - cut;
	add_line(s, cut);
	memmove(s->line + 1, s->line + cut, rest + 1);	/* the new byte too */
	s->line[0] = ' ';
	s->line_size = rest + 1;
	s->is_cut = 1;
}

static void
body_byte(struct spool *s, char c)
{
	if (s->had_cr) {
		s->had_cr = 0;
		body_line_end(s);
		if (c == '\n' || s->place == AT_END)
			return;
	}
	if (c == '\n') {
		body_line_end(s);
		return;
	}
	if (c == '\r') {
		s->had_cr = 1;
		return;
	}
	s->line[s->line_size] = c == '\0' ? '?' : c;
	if (s->line_size == BODY_LINE)
		cut_line(s);
	if ((unsigned char)c >= 0x80)
		s->is_8bit = 1;
	s->line_size++;
}

/* Name and colon, or space that continues a field? */
static int
is_field(const struct spool *s)
{
	const char *p = s->header + s->header_line;
	const char *end = s->header + s->header_size;
	const char *name = p;

	if (p < end && (*p == ' ' || *p == '\t'))
		return s->header_line > 0;
	while (p < end && *p > ' ' && *p < 0x7f && *p != ':')
		p++;
	if (p == name)
		return 0;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p < end && *p == ':';
}

/* Without an empty line: what is no field is body. */
static void
start_body(struct spool *s)
{
	size_t i, size = s->header_size;
	int had_cr = s->had_cr;

	s->header_size = s->header_line;
	s->place = IN_BODY;
	s->had_cr = 0;
	for (i = s->header_line; i < size && s->place == IN_BODY; i++)
		body_byte(s, s->header[i]);
	s->had_cr = had_cr;
}

static void
header_line_end(struct spool *s)
{
	const char *line = s->header + s->header_line;
	size_t size = s->header_size - s->header_line;

	if (size == 0) {
		s->place = IN_BODY;
	} else if (size == 1 && line[0] == '.' && !s->ignore_dots) {
		s->header_size = s->header_line;
		s->place = AT_END;
	} else if (s->header_line == 0 && size > 5 &&
	    memcmp(line, "From ", 5) == 0) {
		s->header_size = 0;	/* of an mbox file */
	} else if (is_field(s)) {
		memcpy(s->header + s->header_size, "\r\n", 2);
		s->header_line = s->header_size += 2;
	} else {
		start_body(s);
		s->had_cr = 0;
		if (s->place == IN_BODY)
			body_line_end(s);
	}
}

static void
header_byte(struct spool *s, char c)
{
	int is_full = s->header_size >= HEADER_MAX_BYTES;

	if (c == '\n') {
		s->had_cr = 0;
		header_line_end(s);
		return;
	}
	if (s->had_cr || c == '\0' || is_full) {
		if (!is_field(s) && (!is_full || s->header_line == 0)) {
			start_body(s);
			if (s->place == IN_BODY)
				body_byte(s, c);
		} else if (is_full)
			fail(s, EX_DATAERR, "the header of the message is "
			    "too large");
		else
			fail(s, EX_DATAERR, "the header of the message has a "
			    "bare CR or a NUL");
		return;
	}
	if (c == '\r') {
		s->had_cr = 1;
		return;
	}
	if ((unsigned char)c >= 0x80)
		s->is_8bit = 1;
	s->header[s->header_size++] = c;
}

static void
take(struct spool *s, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size && s->place != AT_END; i++) {
		if (s->place == IN_HEADER)
			header_byte(s, data[i]);
		else
			body_byte(s, data[i]);
	}
}

/* The last line may have no end. */
static void
take_end(struct spool *s)
{
	if (s->place == IN_HEADER && s->header_size > s->header_line)
		header_line_end(s);
	else if (s->place == IN_BODY && (s->line_size > 0 || s->had_cr))
		body_line_end(s);
	s->place = AT_END;
}

static int
left_ms(const struct timespec *start, int patience_ms)
{
	struct timespec now;
	long long ms;

	if (patience_ms == -1)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (long long)(now.tv_sec - start->tv_sec) * 1000 +
	    (now.tv_nsec - start->tv_nsec) / 1000000;
	return ms >= patience_ms ? 0 : patience_ms - (int)ms;
}

int
spool_read(struct spool *s, int fd, int patience_ms, char *err,
    size_t errsize)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char piece[PIECE_BYTES];
	struct timespec start;
	ssize_t n;
	int ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (s->place != AT_END) {
		ms = left_ms(&start, patience_ms);
		if (ms == 0 || (ms > 0 && poll(&p, 1, ms) == 0))
			return 1;
		if ((n = read(fd, piece, sizeof(piece))) == -1) {
			if (errno != EINTR && errno != EAGAIN)
				fail(s, EX_IOERR, "cannot read the message");
		} else if (n == 0)
			take_end(s);
		else
			take(s, piece, (size_t)n);
	}
	if (s->status == 0 && s->file != -1) {
		write_memory(s);
		if (lseek(s->file, 0, SEEK_SET) == -1)
			fail(s, EX_IOERR, "cannot read a file in /tmp");
	}
	if (s->status != 0)
		strlcpy(err, s->why, errsize);
	return s->status;
}

const char *
spool_header(const struct spool *s, size_t *size)
{
	*size = s->header_size;
	return s->header;
}

int
spool_is_8bit(const struct spool *s)
{
	return s->is_8bit;
}

uint64_t
spool_size(const struct spool *s)
{
	return s->size;
}

long
spool_next(struct spool *s, const char **out)
{
	size_t n;

	*out = s->memory;
	if (s->file != -1)
		return read(s->file, s->memory, MEMORY_BYTES);
	n = s->used - s->given;
	s->given = s->used;
	return (long)n;
}

void
spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	if (s->file != -1)
		close(s->file);
	free(s->header);
	free(s->memory);
	free(s);
}
