/* What comes from a pipe, and how it goes over the wire. */
#include "spool.h"

#include <sys/wait.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/tap.h"

#define H	"A: b\r\n"

/* want: header, '|', body; NULL: refused. */
static const struct {
	const char *name, *in, *want;
	size_t size;		/* of in, if it has a NUL */
	int keeps_dots;		/* -i */
} inputs[] = {
	{ "plain", "A: b\n\nx\n", H "|x\r\n", 0, 0 },
	{ "CRLF", "A: b\r\n\r\nx\r\n", H "|x\r\n", 0, 0 },
	{ "no last line end", "A: b\n\nx", H "|x\r\n", 0, 0 },
	{ "only a header", "A: b", H "|", 0, 0 },
	{ "folded", "A: b\n\tc\n\nx\n", "A: b\r\n\tc\r\n|x\r\n", 0, 0 },
	{ "no header", "hello you\nx\n", "|hello you\r\nx\r\n", 0, 0 },
	{ "no header, empty line", "\nA: b\n", "|A: b\r\n", 0, 0 },
	{ "header ends with what is none", "A: b\nhello you\n\nx\n",
	    H "|hello you\r\n\r\nx\r\n", 0, 0 },
	{ "space first", " A: b\n", "| A: b\r\n", 0, 0 },
	{ "mbox", "From a@b.c Mon Jan 1\nA: b\n\nx\n", H "|x\r\n", 0, 0 },
	{ "From further down", "A: b\n\nFrom me\n", H "|From me\r\n", 0, 0 },
	{ "nothing", "", "|", 0, 0 },
	{ "a dot ends", "A: b\n\nx\n.\ny\n", H "|x\r\n", 0, 0 },
	{ "with CR", "A: b\n\nx\r\n.\r\ny\n", H "|x\r\n", 0, 0 },
	{ "without line end", "A: b\n\nx\n.", H "|x\r\n", 0, 0 },
	{ "in the header", "A: b\n.\nC: d\n", H "|", 0, 0 },
	{ "not with -i", "A: b\n\nx\n.\ny\n", H "|x\r\n..\r\ny\r\n", 0, 1 },
	{ "not when more follows", "A: b\n\n.x\n..\n", H "|..x\r\n...\r\n",
	    0, 0 },
	{ "an empty line behind a dot", "A: b\n\n.x\n\nMAIL\n",
	    H "|..x\r\n\r\nMAIL\r\n", 0, 0 },
	{ "an empty line behind one alone", "A: b\n\n.\n\nMAIL\n",
	    H "|..\r\n\r\nMAIL\r\n", 0, 1 },
	{ "bare CR in the body", "A: b\n\n1%\r2%\r\n", H "|1%\r\n2%\r\n", 0,
	    0 },
	{ "dots behind a bare CR", "A: b\n\nx\r.\rRCPT TO:<y>\n",
	    H "|x\r\n..\r\nRCPT TO:<y>\r\n", 0, 1 },
	{ "CR last", "A: b\n\nx\r", H "|x\r\n", 0, 0 },
	{ "NUL in the body", "A: b\n\nx\0y\n", H "|x?y\r\n", 10, 0 },
	{ "bare CR in the header", "A: b\rBcc: c\n\nx\n", NULL, 0, 0 },
	{ "two CR", "A: b\r\r\n\nx\n", NULL, 0, 0 },
	{ "NUL in the header", "A: b\0c\n\nx\n", NULL, 10, 0 },
	{ "NUL where no header is", "hello\0you\n", "|hello?you\r\n", 10, 0 },
	{ "CR where no header is", "1%\r2%\n", "|1%\r\n2%\r\n", 0, 0 },
};

/* Through a pipe from a child, as n copies of unit between two texts. */
static struct spool *
spooled(const char *before, size_t size, const char *unit, size_t n,
    int keeps_dots, uint64_t limit, int *status)
{
	struct spool *s = spool_new(keeps_dots, limit);
	char err[256];
	int fd[2];
	FILE *f;
	size_t i;
	pid_t pid;

	if (s == NULL || pipe(fd) == -1 || (pid = fork()) == -1)
		abort();
	if (pid == 0) {
		close(fd[0]);
		f = fdopen(fd[1], "w");
		fwrite(before, 1, size, f);
		for (i = 0; i < n; i++)
			fputs(unit, f);
		fclose(f);
		_exit(0);
	}
	close(fd[1]);
	*status = spool_read(s, fd[0], -1, err, sizeof(err));
	close(fd[0]);
	waitpid(pid, NULL, 0);
	return s;
}

static void
test_input(size_t i)
{
	size_t size = inputs[i].size != 0 ? inputs[i].size :
	    strlen(inputs[i].in), n;
	char got[1024];
	const char *p;
	struct spool *s;
	int status;
	long m;

	s = spooled(inputs[i].in, size, "", 0, inputs[i].keeps_dots, 0,
	    &status);
	p = spool_header(s, &n);
	snprintf(got, sizeof(got), "%.*s|", (int)n, p);
	while ((m = spool_next(s, &p)) > 0)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s",
		    (int)m, p);
	tap_is_str(status == 0 ? got : NULL, inputs[i].want, inputs[i].name);
	spool_free(s);
}

/* Lines in the body and the longest of them. */
static void
measure(struct spool *s, size_t *lines, size_t *longest, uint64_t *bytes,
    int *splits)
{
	size_t line = 0;
	char before = 'x';
	const char *p;
	long n, i;

	*lines = *longest = 0;
	*bytes = 0;
	*splits = 0;
	while ((n = spool_next(s, &p)) > 0) {
		*bytes += (uint64_t)n;
		for (i = 0; i < n; i++) {
			if (line == 1 && before == ' ' &&
			    ((unsigned char)p[i] & 0xc0) == 0x80)
				++*splits;
			before = p[i];
			line++;
			if (p[i] != '\n')
				continue;
			++*lines;
			if (line > *longest)
				*longest = line;
			line = 0;
		}
	}
}

static void
test_long(const char *unit, size_t n, const char *name)
{
	size_t lines, longest;
	uint64_t bytes;
	struct spool *s;
	int status, splits;

	s = spooled("A: b\n\n", 6, unit, n, 0, 0, &status);
	measure(s, &lines, &longest, &bytes, &splits);
	tap_ok(status == 0 && longest <= 1000 &&
	    (splits == 0 || unit[0] == '\x80') &&
	    bytes == spool_size(s) && bytes >= n * strlen(unit),
	    "%s: %zu lines, longest %zu", name, lines, longest);
	spool_free(s);
}

static int
status_with(const char *before, const char *unit, size_t n, uint64_t limit)
{
	struct spool *s;
	int status;

	s = spooled(before, strlen(before), unit, n, 0, limit, &status);
	spool_free(s);
	return status;
}

static void
test_patience(void)
{
	struct spool *s = spool_new(0, 0);
	char err[256];
	int fd[2];

	if (s == NULL || pipe(fd) == -1)
		abort();
	tap_ok(write(fd[1], "A: b\n\nx\n", 8) == 8 &&
	    spool_read(s, fd[0], 50, err, sizeof(err)) == 1, "more will come");
	close(fd[1]);
	tap_ok(spool_read(s, fd[0], -1, err, sizeof(err)) == 0 &&
	    spool_size(s) == 3, "and then its end");
	spool_free(s);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		test_input(i);
	test_long("x", 100000, "a long line");
	test_long("\xc3\xa4", 100000, "of UTF-8");
	test_long("\xe2\x82\xac", 100000, "of three bytes");
	test_long("a\xf0\x9f\x98\x80", 100000, "of four");
	test_long("\x80", 100000, "of no text at all");
	test_long("0123456789\n", 300000, "3 MB in a file");
	test_long("....\n", 300000, "dots across pieces");
	tap_ok(status_with("A: b\n\n", "x\n", 1000000, 100000) != 0,
	    "more than the server takes");
	tap_ok(status_with("", "A: b\n", 100000, 0) != 0, "a huge header");
	tap_ok(status_with("A: ", "b", 300000, 0) != 0, "a huge field");
	tap_ok(status_with("A ", "b", 300000, 0) == 0,
	    "no header is no huge one");
	test_patience();
	return tap_done();
}
