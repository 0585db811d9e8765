/*
 * Runs a fuzz target without libFuzzer: all files of a corpus as they are,
 * then COUNT inputs made of them by a few blind mutations (SEED makes a run
 * repeatable), or as many as fit in $FUZZ_SECONDS.  $FUZZ_DICT names a
 * dictionary.  The input stands in a heap block of exactly its size, so that
 * AddressSanitizer sees one byte too many.  On a crash the input is in the
 * file $FUZZ_CRASH.
 *
 * With a file instead of a directory it runs just that: so AFL++ calls it,
 * and so does who looks into a crash.
 *
 *	usage: TARGET directory [count [seed]]
 *	       TARGET file
 */
#include <sys/stat.h>

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

#define INPUT_MAX	8192	/* bytes */
#define SEEDS_MAX	4096
#define WORDS_MAX	512	/* of a dictionary */
#define WORD_SIZE	64	/* bytes */

struct input {
	uint8_t	*data;
	size_t	 size;
};

static struct input seeds[SEEDS_MAX];
static size_t nseeds;
static struct input current;
static struct input words[WORDS_MAX];
static size_t nwords;
static uint64_t state;

static uint32_t
next_random(uint32_t below)
{
	/* splitmix64 */
	uint64_t z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

/* Where there are sanitizers they call this before they end the process. */
void	__sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static void
keep_input(void)
{
	const char *path = getenv("FUZZ_CRASH");
	FILE *f;

	if (path == NULL || (f = fopen(path, "wb")) == NULL)
		return;
	fwrite(current.data, 1, current.size, f);
	fclose(f);
}

static void
on_abort(int sig)
{
	keep_input();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
run_one(uint8_t *data, size_t size)
{
	uint8_t *copy;

	current.data = data;
	current.size = size;
	if ((copy = malloc(size > 0 ? size : 1)) == NULL)
		exit(1);
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
load_file(const char *path)
{
	struct input *in = &seeds[nseeds];
	FILE *f;

	if ((f = fopen(path, "rb")) == NULL ||
	    (in->data = malloc(INPUT_MAX)) == NULL) {
		perror(path);
		exit(1);
	}
	in->size = fread(in->data, 1, INPUT_MAX, f);
	fclose(f);
	nseeds++;
}

/* In the order of their names, so that a run can be repeated anywhere. */
static void
load(const char *dir)
{
	char path[1024];
	struct dirent **list;
	int i, n;

	if ((n = scandir(dir, &list, NULL, alphasort)) == -1) {
		perror(dir);
		exit(1);
	}
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && nseeds < SEEDS_MAX)
			load_file(path);
		free(list[i]);
	}
	free(list);
	if (nseeds == 0) {
		fprintf(stderr, "%s: no seeds\n", dir);
		exit(1);
	}
}

/* The word of one line of a dictionary: name="word", with \xHH, \\ and \". */
static void
word_take(const char *line)
{
	struct input *w = &words[nwords];
	const char *p = strchr(line, '"');
	unsigned int byte;

	if (line[0] == '#' || p == NULL || nwords == WORDS_MAX)
		return;
	if ((w->data = malloc(WORD_SIZE)) == NULL)
		exit(1);
	for (p++; *p != '"' && *p != '\0' && w->size < WORD_SIZE; p++) {
		byte = (unsigned char)*p;
		if (p[0] == '\\' && p[1] == 'x') {
			if (sscanf(p + 2, "%2x", &byte) != 1)
				break;
			p += 3;
		} else if (p[0] == '\\' && p[1] != '\0') {
			byte = (unsigned char)*++p;
		}
		w->data[w->size++] = (uint8_t)byte;
	}
	nwords++;
}

static void
load_words(const char *path)
{
	char line[512];
	FILE *f;

	if (path == NULL || (f = fopen(path, "r")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		word_take(line);
	fclose(f);
}

static size_t
put_word(uint8_t *p, size_t n, size_t at)
{
	const struct input *w;

	if (nwords == 0)
		return n;
	w = &words[next_random((uint32_t)nwords)];
	if (n + w->size > INPUT_MAX)
		return n;
	memmove(p + at + w->size, p + at, n - at);
	memcpy(p + at, w->data, w->size);
	return n + w->size;
}

/* One change in place; the new size. */
static size_t
mutate(uint8_t *p, size_t n)
{
	static const char odd[] = "<>@\"\\.,:;=# \t\r\n\0\x7f\x80\xc3\xff[]+*/%";
	size_t at = n > 0 ? next_random((uint32_t)n) : 0, len, from;
	const struct input *in;

	switch (next_random(nwords > 0 ? 9 : 7)) {
	case 0:					/* another byte */
		if (n > 0)
			p[at] = (uint8_t)next_random(256);
		return n;
	case 1:					/* a byte that means something */
		if (n > 0)
			p[at] = (uint8_t)odd[next_random(sizeof(odd))];
		return n;
	case 2:					/* cut the end */
		return at;
	case 3:					/* cut out of the middle */
		len = next_random(16);
		if (n < at + len)
			return n;
		memmove(p + at, p + at + len, n - at - len);
		return n - len;
	case 4:					/* one byte more */
		if (n + 1 > INPUT_MAX)
			return n;
		memmove(p + at + 1, p + at, n - at);
		p[at] = (uint8_t)odd[next_random(sizeof(odd))];
		return n + 1;
	case 5:					/* a piece again, to get long */
		len = next_random(64) + 1;
		if (n < at + len || n + len > INPUT_MAX)
			return n;
		memmove(p + at + len, p + at, n - at);
		return n + len;
	case 7:					/* a word of the dictionary */
	case 8:
		return put_word(p, n, at);
	default:				/* the tail of another */
		in = &seeds[next_random((uint32_t)nseeds)];
		from = in->size > 0 ? next_random((uint32_t)in->size) : 0;
		len = in->size - from;
		if (at + len > INPUT_MAX)
			return n;
		memcpy(p + at, in->data + from, len);
		return at + len;
	}
}

/* One input that was not seen before. */
static void
run_new(void)
{
	static uint8_t input[INPUT_MAX];
	const struct input *in = &seeds[next_random((uint32_t)nseeds)];
	uint32_t j;
	size_t n = in->size;

	memcpy(input, in->data, n);
	for (j = next_random(8) + 1; j > 0; j--)
		n = mutate(input, n);
	run_one(input, n);
}

int
main(int argc, char **argv)
{
	const char *seconds = getenv("FUZZ_SECONDS");
	unsigned long i, count = 10000;
	struct stat st;
	time_t end = 0;

	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(keep_input);
	signal(SIGABRT, on_abort);
	if (argc < 2 || stat(argv[1], &st) == -1) {
		fprintf(stderr, "usage: %s corpus|file [count [seed]]\n",
		    argv[0]);
		return 2;
	}
	if (!S_ISDIR(st.st_mode)) {
		load_file(argv[1]);
		run_one(seeds[0].data, seeds[0].size);
		return 0;
	}
	if (argc > 2)
		count = strtoul(argv[2], NULL, 10);
	state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	if (seconds != NULL)
		end = time(NULL) + (time_t)strtoul(seconds, NULL, 10);
	load(argv[1]);
	load_words(getenv("FUZZ_DICT"));
	for (i = 0; i < nseeds; i++)
		run_one(seeds[i].data, seeds[i].size);
	for (i = 0; end != 0 ? time(NULL) < end : i < count; i++)
		run_new();
	printf("%lu inputs from %zu seeds\n", i, nseeds);
	return 0;
}
