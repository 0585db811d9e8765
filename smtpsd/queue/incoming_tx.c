/*
 * The bodies of transactions that are being received.  A body stays in memory
 * up to 64 KiB, so that an aborted small message costs no write; above that,
 * or when all bodies together are too many, it goes to the store as chunks in
 * a transaction of their own.  State owned: how much is in memory, whether a
 * transaction for chunks is open and whose chunks are in it.  Called by
 * incoming.c only; knows no table, no peers and no answers.
 */
#include <stdlib.h>
#include <string.h>

#include "incoming.h"
#include "incoming_tx.h"
#include "mail/reply.h"
#include "share.h"
#include "store.h"

#define MEMORY_MAX	(UINT64_C(128) << 20)
#define CHUNKS_MAX	(1U << 20)	/* of one body, as in the store's keys */
#define CHUNK_COST	64U		/* bytes of a row besides its data */

static struct store *store;
static TAILQ_HEAD(, tx) spilled = TAILQ_HEAD_INITIALIZER(spilled);
static uint64_t memory, memory_max = MEMORY_MAX;
static int chunks_open;

void
tx_init(struct store *s)
{
	store = s;
}

void
incoming_limit_memory(uint64_t bytes)
{
	memory_max = bytes;
}

uint64_t
incoming_memory(void)
{
	return memory;
}

void
tx_free_buffer(struct tx *t)
{
	memory -= t->capacity;
	t->share->memory -= t->capacity;
	free(t->buffer);
	t->buffer = NULL;
	t->used = t->capacity = 0;
}

void
tx_free_body(struct tx *t)
{
	if (t->is_spilled)
		TAILQ_REMOVE(&spilled, t, spilled);
	tx_free_buffer(t);
	t->share->stored -= t->stored;
}

static int
chunks_begin(void)
{
	if (chunks_open)
		return 0;
	if (store_begin(store, 0) == -1)
		return -1;
	chunks_open = 1;
	return 0;
}

/* All whose chunks were in the failed transaction have lost a part. */
static void
chunks_fail(void)
{
	struct tx *t;

	chunks_open = 0;
	store_rollback(store);
	while ((t = TAILQ_FIRST(&spilled)) != NULL) {
		TAILQ_REMOVE(&spilled, t, spilled);
		t->is_spilled = 0;
		t->reply = REPLY_DISK;
		tx_free_buffer(t);
	}
}

void
tx_drop_chunks(struct tx *t)
{
	if (t->message == NULL || t->message->body_id == 0)
		return;
	/* a failure leaves them to the sweep at the next start */
	if (chunks_begin() == 0 &&
	    store_remove_chunks(store, t->message->body_id) == -1)
		chunks_fail();
}

static int
memory_is_short(const struct tx *t)
{
	return memory > memory_max ||
	    t->share->memory > memory_max / OF_ONE_NET;
}

/*
 * For the chunk in memory, and as much again as the net has stored of
 * unfinished bodies already: it leaves half of the disk to the others.
 */
static int
disk_has_room(const struct tx *t)
{
	return store_has_room(store, t->used) &&
	    (t->share->stored == 0 ||
	    store_has_room(store, t->used + t->share->stored / 2));
}

/* Move what is in memory to the store. */
static void
tx_spill(struct tx *t)
{
	/* One more would fail, and with it what others have in the same
	 * transaction; the last is for the rest of the body. */
	if (t->nchunk >= CHUNKS_MAX - 1 ||
	    !disk_has_room(t)) {
		t->reply = REPLY_DISK;
		tx_free_buffer(t);
		return;
	}
	if (t->message->body_id == 0)
		t->message->body_id = store_new_body_id(store);
	if (!t->is_spilled) {
		TAILQ_INSERT_TAIL(&spilled, t, spilled);
		t->is_spilled = 1;
	}
	if (chunks_begin() == -1 || store_add_chunk(store,
	    t->message->body_id, t->nchunk, t->buffer, t->used) == -1) {
		chunks_fail();
		return;
	}
	t->nchunk++;
	t->stored += t->used + CHUNK_COST;
	t->share->stored += t->used + CHUNK_COST;
	t->used = 0;
	if (memory_is_short(t))
		tx_free_buffer(t);
}

static int
tx_reserve(struct tx *t, size_t size)
{
	size_t capacity;
	char *buffer;

	if (t->used + size <= t->capacity)
		return 0;
	capacity = t->capacity == 0 ? size : t->capacity * 2;
	if (capacity < t->used + size)
		capacity = t->used + size;
	if (capacity > MESSAGE_CHUNK_SIZE)
		capacity = MESSAGE_CHUNK_SIZE;
	if ((buffer = realloc(t->buffer, capacity)) == NULL)
		return -1;
	memory += capacity - t->capacity;
	t->share->memory += capacity - t->capacity;
	t->buffer = buffer;
	t->capacity = capacity;
	return 0;
}

void
tx_append(struct tx *t, const char *data, size_t size)
{
	size_t n;

	while (size > 0 && t->reply == 0) {
		n = size < MESSAGE_CHUNK_SIZE - t->used ? size :
		    MESSAGE_CHUNK_SIZE - t->used;
		if (tx_reserve(t, n) == -1) {
			t->reply = REPLY_TRY_LATER;
			break;
		}
		memcpy(t->buffer + t->used, data, n);
		t->used += n;
		data += n;
		size -= n;
		if (t->used == MESSAGE_CHUNK_SIZE || memory_is_short(t))
			tx_spill(t);
	}
}

void
tx_commit_chunks(void)
{
	struct tx *t;

	if (!chunks_open)
		return;
	if (store_commit(store) == -1) {
		chunks_fail();
		return;
	}
	chunks_open = 0;
	while ((t = TAILQ_FIRST(&spilled)) != NULL) {
		TAILQ_REMOVE(&spilled, t, spilled);
		t->is_spilled = 0;
	}
}

/* The rest of a body in chunks is its last chunk, in the same commit. */
int
tx_store(struct tx *t, uint64_t now_s)
{
	struct message *m = t->message;
	struct envelope *e;
	uint64_t n = 0;

	m->created_s = now_s;
	m->size = t->size;
	m->flags |= t->flags & (MAIL_8BITMIME | MAIL_SMTPUTF8);
	if (m->body_id == 0) {
		/* the message owns the buffer from here, also for a retry */
		memory -= t->capacity;
		t->share->memory -= t->capacity;
		m->body = t->buffer;
		t->buffer = NULL;
		t->used = t->capacity = 0;
	} else if (t->used > 0 && store_add_chunk(store, m->body_id,
	    t->nchunk, t->buffer, t->used) == -1)
		return -1;
	if (store_add_message(store, m) == -1)
		return -1;
	TAILQ_FOREACH(e, &t->envelopes, entry) {
		e->id = m->id << 10 | ++n;
		if (store_add_envelope(store, e, now_s) == -1)
			return -1;
	}
	return 0;
}
