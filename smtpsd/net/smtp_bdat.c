/*
 * BDAT (RFC 3030): a message in chunks that say how long they are.  They go
 * the way of DATA, through data.c and header.c to the queue.
 *
 * Whatever becomes of a BDAT, its octets are read as octets and never as
 * commands, so a refused one that said how many follow is answered at once
 * and they are dropped.  It takes the transaction with it, and until RSET
 * nothing but RSET is heard (section 2: the client cannot know what is left).
 * Where it cannot be known how many octets follow, the connection ends.  Tiny
 * chunks cost far more than they carry: only so many are taken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/proc.h"
#include "mail/reply.h"
#include "proto/net_policy.h"
#include "conf.h"
#include "listener.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"
#include "tx.h"

#define SMALL_SIZE	512	/* bytes */
#define SMALL_MAX	1000	/* chunks below that, of one transaction */

enum chunk_syntax {
	CHUNK_FINE,
	CHUNK_EXTRA,		/* the size is known, the rest is wrong */
	CHUNK_HUGE,		/* no connection could carry it */
	CHUNK_NONE,		/* no size at all */
	CHUNK_BAD		/* something like a size: who knows what follows */
};

/* RFC 3030 2: chunk-size = 1*DIGIT, then perhaps LAST */
static enum chunk_syntax
chunk_parse(const char *args, struct chunk *c)
{
	size_t		n = strspn(args, "0123456789");

	memset(c, 0, sizeof(*c));
	if (args[strcspn(args, "0123456789")] == '\0')
		return CHUNK_NONE;
	if (n == 0 || (args[n] != '\0' && args[n] != ' '))
		return CHUNK_BAD;
	errno = 0;
	c->size = strtoull(args, NULL, 10);
	if (errno == ERANGE || c->size > INT64_MAX)
		return CHUNK_HUGE;
	c->left = c->size;
	args += n;
	args += strspn(args, " ");
	c->is_last = strcasecmp(args, "LAST") == 0;
	return *args == '\0' || c->is_last ? CHUNK_FINE : CHUNK_EXTRA;
}

static void
chunk_begin(struct session *s, const struct chunk *c, uint64_t seconds)
{
	if (c->left == 0 || s->is_closing)
		return;		/* what comes after the last reply is not read */
	s->chunk = *c;
	s->chunk.is_on = 1;
	s->mode = MODE_DATA;
	session_deadline(s, seconds);
}

/* Answer, drop the transaction and then the octets. */
static void
chunk_refuse(struct session *s, struct chunk *c, unsigned int reply)
{
	struct tx	*tx = s->tx;

	smtp_answer(s, reply, tx != NULL && tx->failed == reply ?
	    tx->failed_arg : NULL);
	if (tx != NULL) {
		stats_add(STAT_MESSAGES_REFUSED, 1);
		smtp_reset(s);
		if (!c->is_last)
			s->bdat_failed = reply;
	}
	c->is_refused = 1;
	chunk_begin(s, c, conf_limits()->data_s);
}

void
smtp_bdat_refuse(struct session *s, const char *args, unsigned int reply)
{
	struct chunk	c;

	switch (chunk_parse(args, &c)) {
	case CHUNK_FINE:
	case CHUNK_EXTRA:
		break;
	case CHUNK_NONE:
		break;
	default:
		smtp_answer(s, reply, NULL);
		s->why = "BDAT of an unknown size";
		session_finish(s);
		return;
	}
	chunk_refuse(s, &c, reply);
}

static unsigned int
chunk_check(struct session *s, const struct chunk *c)
{
	struct tx	*tx = s->tx;
	uint64_t	 max = listener_info(s->listener)->message_max;
	unsigned int	 reply;

	/* What was our trouble once is so for the chunks behind it. */
	if (s->bdat_failed != REPLY_NONE)
		return reply_get(s->bdat_failed)->code / 100 == 4 ?
		    s->bdat_failed : REPLY_SEQUENCE;
	if (!s->is_esmtp)
		return REPLY_SEQUENCE;
	if ((reply = smtp_data_check(s)) != REPLY_NONE)
		return reply;
	if (tx->is_bdat)
		max = tx->data.max - tx->data.size;
	if (c->size > max)
		return REPLY_TOO_BIG;
	if (c->size < SMALL_SIZE && !c->is_last && ++tx->nsmall > SMALL_MAX)
		return REPLY_TOO_MANY_ERRORS;
	return REPLY_NONE;
}

/* All octets of the chunk are there. */
static void
chunk_end(struct session *s)
{
	struct tx	*tx = s->tx;
	char		 size[24];
	unsigned int	 reply;

	s->chunk.is_on = 0;
	s->mode = MODE_COMMAND;
	session_deadline(s, conf_limits()->command_s);
	if (s->chunk.is_refused)
		return;
	if (s->chunk.is_last)
		data_chunk_end(&tx->data);
	smtp_data_fault(s);
	if (s->chunk.is_last) {
		s->mode = MODE_DATA;
		smtp_data_end(s);
	} else if ((reply = tx->failed) != REPLY_NONE) {
		smtp_data_end(s);
		s->bdat_failed = reply;
	} else {
		snprintf(size, sizeof(size), "%llu",
		    (unsigned long long)s->chunk.size);
		session_reply(s, REPLY_CHUNK_OK, size);
	}
}

/* What is left of the time that all of the data has. */
static uint64_t
chunk_seconds(const struct tx *tx)
{
	uint64_t	spent = (proc_now_ms() - tx->start_ms) / 1000;
	uint64_t	limit = conf_limits()->data_s;

	return spent < limit ? limit - spent : 1;
}

void
smtp_bdat(struct session *s, const char *args)
{
	struct chunk	c;
	unsigned int	reply = REPLY_SYNTAX;

	switch (chunk_parse(args, &c)) {
	case CHUNK_FINE:
		reply = chunk_check(s, &c);
		break;
	case CHUNK_HUGE:
		smtp_bdat_refuse(s, args, REPLY_TOO_BIG);
		return;
	default:
		break;
	}
	if (reply == REPLY_NONE && !s->tx->is_bdat) {
		reply = smtp_data_open(s);
		s->tx->is_bdat = 1;
		s->tx->data.is_binary = (s->tx->flags & MAIL_BINARYMIME) != 0;
	}
	if (reply != REPLY_NONE) {
		smtp_bdat_refuse(s, args, reply);
		if (reply == REPLY_TOO_MANY_ERRORS)
			session_finish(s);
		return;
	}
	chunk_begin(s, &c, chunk_seconds(s->tx));
	if (c.size == 0) {
		s->chunk = c;
		chunk_end(s);
	}
}

size_t
smtp_bdat_input(struct session *s, const char *buf, size_t size)
{
	struct chunk	*c = &s->chunk;

	if (size > c->left)
		size = (size_t)c->left;
	c->left -= size;
	if (!c->is_refused) {
		s->tx->received += size;
		data_chunk(&s->tx->data, buf, size);
		smtp_data_fault(s);
	}
	if (c->left == 0)
		chunk_end(s);
	else if (!c->is_refused)
		smtp_data_pause(s);
	return size;
}
