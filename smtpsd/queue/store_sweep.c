/*
 * The queue on disk, what is left to do after the start: envelopes are
 * counted, and chunks whose message was never accepted are removed.  A long
 * queue would keep the first client waiting, so this goes in pieces, in
 * order of the keys; what is added or removed meanwhile counts when the walk
 * has passed its key.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "store_sql.h"

#define COUNT_PIECE	2000	/* envelopes */
#define SWEEP_PIECE	200	/* bodies */

static void
count_piece(struct store *s)
{
	int n, r;

	store_bind_id(s, ST_COUNT, 1, s->counted);
	sqlite3_bind_int(s->st[ST_COUNT], 2, COUNT_PIECE);
	for (n = 0; (r = store_step(s, ST_COUNT)) == 1; n++)
		s->counted = (uint64_t)sqlite3_column_int64(s->st[ST_COUNT],
		    0);
	if (r == -1)
		store_complain(s, "count envelopes");
	store_reset(s, ST_COUNT);
	s->count += (uint64_t)n;
	if (n < COUNT_PIECE)
		s->counted = UINT64_MAX;
}

int
store_sweep_init(struct store *s)
{
	uint64_t last_chunk, last_message;

	if (store_number(s, "SELECT ifnull(max(id) >> 20, 0) FROM chunk",
	    &last_chunk) == -1 ||
	    store_number(s, "SELECT ifnull(max(body_id), 0) FROM message"
	    " INDEXED BY chunked WHERE body_id > 0", &last_message) == -1)
		return -1;
	s->next_body_id = 1 +
	    (last_chunk > last_message ? last_chunk : last_message);
	s->sweep_end = s->next_body_id;
	count_piece(s);		/* which is all of a short queue */
	return 0;
}

/* The first body from this one on that has chunks; sweep_end: none. */
static uint64_t
next_body(struct store *s, uint64_t body_id)
{
	uint64_t next = s->sweep_end;

	store_bind_id(s, ST_NEXT_CHUNK, 1, body_id << STORE_CHUNK_BITS);
	switch (store_step(s, ST_NEXT_CHUNK)) {
	case 1:
		next = (uint64_t)sqlite3_column_int64(s->st[ST_NEXT_CHUNK],
		    0) >> STORE_CHUNK_BITS;
		break;
	case -1:
		store_complain(s, "look for chunks");
	}
	store_reset(s, ST_NEXT_CHUNK);
	return next;
}

/* 1: some message has it, or nobody can tell. */
static int
body_has_message(struct store *s, uint64_t body_id)
{
	int r;

	store_bind_id(s, ST_HAS_BODY, 1, body_id);
	if ((r = store_step(s, ST_HAS_BODY)) == -1)
		store_complain(s, "look for a message");
	store_reset(s, ST_HAS_BODY);
	return r != 0;
}

/* Removes one at most: it may be long. */
static void
sweep_piece(struct store *s)
{
	uint64_t id = s->swept;
	int i;

	for (i = 0; i < SWEEP_PIECE && s->swept < s->sweep_end; i++) {
		if ((id = next_body(s, s->swept)) >= s->sweep_end) {
			s->swept = s->sweep_end;
			return;
		}
		s->swept = id + 1;
		if (!body_has_message(s, id)) {
			if (store_remove_chunks(s, id) == 0)
				log_info("store: swept body=%" PRIu64
				    " received by half", id);
			return;
		}
	}
}

int
store_sweep(struct store *s)
{
	if (store_is_counted(s) && s->swept == s->sweep_end)
		return 0;
	if (!store_is_idle(s) || s->is_doubtful)
		return -1;
	if (!store_is_counted(s))
		count_piece(s);
	else
		sweep_piece(s);
	return !store_is_counted(s) || s->swept < s->sweep_end;
}

int
store_is_counted(struct store *s)
{
	return s->counted == UINT64_MAX;
}

uint64_t
store_count(struct store *s)
{
	return s->count;
}
