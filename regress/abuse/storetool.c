/*
 * The queue's store without the queue, for tests that cut the power.
 *
 *	storetool list PATH ...		what is in these databases
 *	storetool work PATH N		N messages in, some out again
 *
 * list prints for each database "store PATH", for each envelope in it
 * "message SIZE" with the body's bytes and a line end behind it, or "damaged",
 * and "end"; "failed" if it cannot be opened.
 *
 * work prints a line for what has been committed, with the time of the
 * monotonic clock in ns: "add TIME N", "remove TIME N"; if it failed "refused
 * TIME N", "kept TIME N".  Message N is "N." again and again.  Every fifth
 * comes in pieces that are committed without a flush, and the log is copied
 * every few pages.  Of these every other one is flushed beside the loop, with
 * the first pieces of the next one committed meanwhile.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "flush.h"
#include "store_sql.h"

#define NOW		1700000000U
#define LOG_PAGES	24	/* copied when it has so many */
#define KEEP		7	/* messages before the oldest goes */
#define SMALL		3000
#define LARGE		150000
#define EARLY		2	/* pieces that come during a flush */

static struct store *store;

/* The next large one, if some of it has come already. */
static struct {
	uint64_t	body_id;	/* 0: nothing has */
	uint32_t	npieces;
	int		is_lost;	/* a flush failed since */
} early;

static void
say(const char *what, unsigned int n)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	printf("%s %" PRIu64 " %u\n", what, (uint64_t)ts.tv_sec * 1000000000U +
	    (uint64_t)ts.tv_nsec, n);
	fflush(stdout);
}

static int
is_large(unsigned int n)
{
	return n % 5 == 4;
}

static int
is_later(unsigned int n)
{
	return n % 10 == 9;
}

static char *
body(unsigned int n, size_t *size)
{
	char word[16], *text;
	size_t i, len;

	*size = is_large(n) ? LARGE : SMALL;
	snprintf(word, sizeof(word), "%u.", n);
	len = strlen(word);
	if ((text = malloc(*size)) == NULL)
		err(1, NULL);
	for (i = 0; i < *size; i++)
		text[i] = word[i % len];
	return text;
}

static int
commit(int r)
{
	if (r == 0 && store_commit(store) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

/* Each piece in a transaction of its own, without a flush. */
static int
add_pieces(uint64_t body_id, const char *text, size_t size, uint32_t first,
    uint32_t end)
{
	size_t at, len;
	uint32_t n;

	for (n = first; n < end; n++) {
		at = (size_t)n * MESSAGE_CHUNK_SIZE;
		if (at >= size)
			break;
		len = size - at < MESSAGE_CHUNK_SIZE ? size - at :
		    MESSAGE_CHUNK_SIZE;
		if (store_begin(store, 0) == -1 || commit(store_add_chunk(store,
		    body_id, n, text + at, len)) == -1)
			return -1;
	}
	return 0;
}

static int
add_large(struct message *m)
{
	uint64_t body_id = early.body_id;
	uint32_t n = early.npieces;
	int is_lost = early.is_lost;

	memset(&early, 0, sizeof(early));
	if (is_lost)
		return -1;
	m->body_id = body_id != 0 ? body_id : store_new_body_id(store);
	return add_pieces(m->body_id, m->body, m->size, n, UINT32_MAX);
}

/* While a flush is under way. */
static void
add_early(unsigned int n)
{
	size_t size;
	char *text = body(n, &size);

	early.body_id = store_new_body_id(store);
	early.npieces = EARLY;
	early.is_lost = add_pieces(early.body_id, text, size, 0, EARLY) == -1;
	free(text);
}

static int
commit_later(int r, unsigned int n)
{
	if (r == -1 || store_commit_later(store) == -1) {
		store_rollback(store);
		return -1;
	}
	if (store_is_flushing(store))
		add_early(n + 5);
	if (store_flush_end(store, 1) == 0)
		return 0;
	early.is_lost = early.body_id != 0;
	return -1;
}

static int
add(unsigned int n)
{
	struct message *m = message_new();
	struct envelope *e = envelope_new();
	int r = -1;

	m->id = n + 1;
	m->created_s = NOW;
	m->body = body(n, (size_t *)&m->size);
	if (is_large(n) && add_large(m) == -1)
		goto out;
	e->id = m->id << 10 | 1;
	strlcpy(e->action, "out", sizeof(e->action));
	if (store_begin(store, !is_later(n)) == -1)
		goto out;
	r = store_add_message(store, m) == 0 &&
	    store_add_envelope(store, e, NOW) == 0 ? 0 : -1;
	r = is_later(n) ? commit_later(r, n) : commit(r);
out:
	message_unref(m);
	envelope_free(e);
	return r;
}

static int
drop(unsigned int n)
{
	struct message *m = message_new();
	struct envelope *e = envelope_new();
	uint64_t id = (uint64_t)(n + 1) << 10 | 1;
	int r = -1;

	if (store_load(store, id, e, m) == 1 && store_begin(store, 1) == 0)
		r = commit(store_remove_envelope(store, id) == 0 &&
		    store_remove_message(store, m->id, m->body_id) == 1 ?
		    0 : -1);
	message_unref(m);
	envelope_free(e);
	return r;
}

static void
work(const char *path, unsigned int count)
{
	unsigned int n;

	if ((store = store_open(path, 1 << 20)) == NULL)
		errx(1, "cannot open %s", path);
	if (flush_init() == -1)
		errx(1, "no thread");
	for (n = 0; n < count; n++) {
		store->wal_next = LOG_PAGES;
		say(add(n) == 0 ? "add" : "refused", n);
		if (n >= KEEP && n % 2 == 1)
			say(drop(n - KEEP) == 0 ? "remove" : "kept", n - KEEP);
		store_checkpoint(store);
	}
	_exit(0);	/* a clean end is not what this is about */
}

static int
print_body(const struct message *m)
{
	char *data;
	size_t size, sent = 0;
	uint32_t n = 0;

	printf("message %" PRIu64 "\n", m->size);
	while (sent < m->size) {
		if (store_read_body(store, m, n++, sent, &data, &size) != 0) {
			printf("\ndamaged\n");
			return -1;
		}
		fwrite(data, 1, size, stdout);
		free(data);
		sent += size;
	}
	printf("\n");
	return 0;
}

static void
print_envelope(const struct queue_item *item, void *arg)
{
	struct message *m = message_new();
	struct envelope *e = envelope_new();

	(void)arg;
	if (store_load(store, item->envelope, e, m) != 1)
		printf("damaged\n");
	else
		print_body(m);
	message_unref(m);
	envelope_free(e);
}

static void
list(const char *path)
{
	printf("store %s\n", path);
	if ((store = store_open(path, 0)) == NULL ||
	    store_list(store, 0, 100000, print_envelope, NULL) == -1)
		printf("failed\n");
	printf("end\n");
	fflush(stdout);
	store_close(store);
}

int
main(int argc, char **argv)
{
	int i;

	log_init("storetool", LOG_TO_STDERR);
	if (argc == 4 && strcmp(argv[1], "work") == 0)
		work(argv[2], (unsigned int)strtoul(argv[3], NULL, 10));
	else if (argc > 2 && strcmp(argv[1], "list") == 0) {
		for (i = 2; i < argc; i++)
			list(argv[i]);
	} else {
		fprintf(stderr, "usage: storetool list|work path ...\n");
		return 1;
	}
	return 0;
}
