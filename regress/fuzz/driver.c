/*
 * Runs a fuzz target without libFuzzer: all files of a corpus as they are,
 * then COUNT inputs made of them by a few blind mutations (SEED makes a run
 * repeatable).  The input stands in a heap block of exactly its size, so
 * that AddressSanitizer sees one byte too many.  On a crash the input is in
 * the file "crash-input" beside.
 *
 *	usage: TARGET corpus-directory [count [seed]]
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX	8192	/* bytes */
#define SEEDS_MAX	1024

struct input {
	uint8_t	*data;
	size_t	 size;
};

static struct input seeds[SEEDS_MAX];
static size_t nseeds;
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

static void
run_one(const uint8_t *data, size_t size, const char *crash)
{
	uint8_t *copy;
	FILE *f;

	/* Written before, not after: a crash leaves no time. */
	if (crash != NULL && (f = fopen(crash, "wb")) != NULL) {
		fwrite(data, 1, size, f);
		fclose(f);
	}
	if ((copy = malloc(size > 0 ? size : 1)) == NULL)
		exit(1);
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
load(const char *dir)
{
	char path[1024];
	struct dirent *e;
	struct input *in;
	FILE *f;
	DIR *d;

	if ((d = opendir(dir)) == NULL) {
		perror(dir);
		exit(1);
	}
	while ((e = readdir(d)) != NULL && nseeds < SEEDS_MAX) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		in = &seeds[nseeds];
		if ((f = fopen(path, "rb")) == NULL ||
		    (in->data = malloc(INPUT_MAX)) == NULL)
			exit(1);
		in->size = fread(in->data, 1, INPUT_MAX, f);
		fclose(f);
		nseeds++;
	}
	closedir(d);
	if (nseeds == 0) {
		fprintf(stderr, "%s: no seeds\n", dir);
		exit(1);
	}
}

/* One change in place; the new size. */
static size_t
mutate(uint8_t *p, size_t n)
{
	static const char odd[] = "<>@\"\\.,:;=# \t\r\n\0\x7f\x80\xc3\xff[]+*/%";
	size_t at = n > 0 ? next_random((uint32_t)n) : 0, len, from;
	const struct input *in;

	switch (next_random(7)) {
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

int
main(int argc, char **argv)
{
	static uint8_t input[INPUT_MAX];
	const struct input *in;
	unsigned long i, count = 10000;
	uint32_t j;
	size_t n;

	if (argc < 2) {
		fprintf(stderr, "usage: %s corpus [count [seed]]\n", argv[0]);
		return 2;
	}
	if (argc > 2)
		count = strtoul(argv[2], NULL, 10);
	state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	load(argv[1]);
	for (i = 0; i < nseeds; i++)
		run_one(seeds[i].data, seeds[i].size, NULL);
	for (i = 0; i < count; i++) {
		in = &seeds[next_random((uint32_t)nseeds)];
		memcpy(input, in->data, in->size);
		n = in->size;
		for (j = next_random(8) + 1; j > 0; j--)
			n = mutate(input, n);
		run_one(input, n, getenv("FUZZ_CRASH"));
	}
	printf("%lu inputs from %zu seeds\n", count, nseeds);
	return 0;
}
