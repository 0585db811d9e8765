/*
 * Notifications as messages: which recipients go together, how much of the
 * original comes with it, and the row in the store.  Owns no state.  The
 * null reverse-path is told nothing (RFC 5321 4.5.5), and a notification
 * leaves with the null reverse-path and NOTIFY=NEVER (RFC 3461 6).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "dsn.h"
#include "notify.h"
#include "report.h"
#include "store.h"

int
report_is_wanted(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nenv; i++)
		if (job->env[i]->report != REPORT_NONE)
			return 1;
	return 0;
}

/* All of one message and sender that are to be reported; how many. */
static size_t
report_collect(struct job *job, struct envelope **found)
{
	const struct message *m = job->message;
	size_t n = 0;
	uint32_t i;

	for (; job != NULL; job = TAILQ_NEXT(job, entry)) {
		if (!message_is_same(job->message, m) || job->is_reported)
			continue;
		job->is_reported = 1;
		for (i = 0; i < job->nenv && n < MESSAGE_ENVELOPES_MAX; i++)
			if (job->env[i]->report != REPORT_NONE)
				found[n++] = job->env[i];
	}
	return n;
}

/*
 * RFC 3461 4.3: RET speaks of failures only.  Confidential messages do not
 * travel back (RFC 8689 5), nor do those that need a binary transport.
 */
static int
is_full_wanted(const struct message *m, struct envelope *const *reported,
    size_t n)
{
	size_t i;

	if (!(m->flags & MAIL_RET_FULL) || m->size > DSN_FULL_MAX ||
	    (m->flags & (MAIL_REQUIRETLS | MAIL_BINARYMIME)))
		return 0;
	for (i = 0; i < n; i++)
		if (reported[i]->report == REPORT_FAILED)
			return 1;
	return 0;
}

/*
 * The body up to max bytes, in memory that the caller frees if *copy is set.
 * One that cannot be read fails once, as SQLite then writes nothing in this
 * transaction, and ends in front of that from then on: the sender is told all
 * the same.
 */
static int
body_get(struct store *store, struct message *m, size_t max,
    const char **body, size_t *size, char **copy)
{
	char *piece, *bigger;
	size_t n;
	uint32_t i;

	*copy = NULL;
	*size = 0;
	if (m->body != NULL) {
		*size = m->size < max ? (size_t)m->size : max;
		*body = m->body;
		return 0;
	}
	for (i = 0; *size < m->size && *size < max &&
	    (!m->is_cut || i < m->npieces); i++) {
		if (store_read_body(store, m, i, *size, &piece, &n) != 0) {
			m->is_cut = 1;
			m->npieces = i;
			return -1;
		}
		bigger = n == 0 ? NULL : realloc(*copy, *size + n);
		if (bigger != NULL) {
			memcpy(bigger + *size, piece, n);
			*copy = bigger;
			*size += n;
		}
		free(piece);
		if (bigger == NULL)
			break;
	}
	*body = *copy;
	return 0;
}

/* Fill in the text of a notification. */
static int
report_compose(struct store *store, struct message *from,
    struct envelope *const *reported, size_t nreported, struct message *m)
{
	char boundary[48], *copy;
	struct dsn d;
	size_t size;

	memset(&d, 0, sizeof(d));
	snprintf(boundary, sizeof(boundary), "=_%013" PRIx64 ".%08x%08x",
	    m->id, arc4random(), arc4random());
	d.hostname = conf_get()->hostname;
	d.boundary = boundary;
	d.id = m->id;
	d.now_s = m->created_s;
	d.expires_s = from->created_s + conf_get()->expire_s;
	d.message = from;
	d.reported = reported;
	d.nreported = nreported;
	d.is_full = is_full_wanted(from, reported, nreported);
	if (body_get(store, from, d.is_full ? DSN_FULL_MAX : DSN_EXCERPT_MAX,
	    &d.body, &d.body_size, &copy) == -1) {
		free(copy);
		return -1;
	}
	if (d.body_size < from->size)
		d.is_full = 0;
	m->body = dsn_compose(&d, &size, &m->flags);
	m->size = size;
	m->flags |= from->flags & MAIL_REQUIRETLS;
	free(copy);
	return m->body == NULL ? -1 : 0;
}

static int
report_store_chunks(struct store *store, struct message *m)
{
	uint64_t at, n;

	m->body_id = store_new_body_id(store);
	for (at = n = 0; at < m->size; at += MESSAGE_INLINE_MAX, n++)
		if (store_add_chunk(store, m->body_id, (uint32_t)n,
		    m->body + at, m->size - at > MESSAGE_INLINE_MAX ?
		    MESSAGE_INLINE_MAX : m->size - at) == -1)
			return -1;
	return 0;
}

int
report_store(struct store *store, struct job *job, uint64_t now_s)
{
	struct envelope *reported[MESSAGE_ENVELOPES_MAX], *e;
	struct message *from = job->message;
	size_t n = report_collect(job, reported);
	struct message *m;

	if (n == 0 || from->sender[0] == '\0' || from->bounce.action[0] == '\0')
		return 0;
	if ((job->dsn = m = message_new()) == NULL ||
	    (e = envelope_new()) == NULL)
		return -1;
	TAILQ_INSERT_TAIL(&job->dsn_envelopes, e, entry);
	m->id = message_id_now();
	m->created_s = now_s;
	if (report_compose(store, from, reported, n, m) == -1)
		return -1;
	if (m->size > MESSAGE_INLINE_MAX && report_store_chunks(store, m) == -1)
		return -1;
	strlcpy(e->action, from->bounce.action, sizeof(e->action));
	strlcpy(e->user, from->bounce.user, sizeof(e->user));
	strlcpy(e->recipient, from->bounce.recipient[0] != '\0' ?
	    from->bounce.recipient : from->sender, sizeof(e->recipient));
	strlcpy(e->original, from->sender, sizeof(e->original));
	e->notify = NOTIFY_NEVER;
	if (store_add_message(store, m) == -1)
		return -1;
	e->id = m->id << 10 | 1;
	return store_add_envelope(store, e, now_s);
}
