/*
 * Whom a message of an authenticated user claims to be from.  The fields are
 * parsed here, strictly; whether the user may send as what they say policy
 * decides.  It is asked only about addresses that are not the reverse-path,
 * which it has accepted already, so most messages cost no question.  The
 * answer is awaited before END goes to the queue, never earlier.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "mail/mailbox.h"
#include "mail/reply.h"
#include "proto/net_policy.h"
#include "listener.h"
#include "policy.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"
#include "tx.h"

struct authors {
	const char	*known;		/* the reverse-path */
	char		*text;		/* a NUL behind each */
	size_t		 size;
	int		 failed;	/* no room */
};

static void
header_fail(struct session *s, unsigned int reply, const char *arg)
{
	struct tx	*tx = s->tx;

	if (tx->failed == REPLY_NONE && arg != NULL) {
		free(tx->failed_arg);
		tx->failed_arg = strdup(arg);
	}
	smtp_data_fail(s, reply);
}

static int
author_is_known(const struct authors *a, const char *address)
{
	size_t	at;

	if (a->known != NULL && strcasecmp(a->known, address) == 0)
		return 1;
	for (at = 0; at < a->size; at += strlen(a->text + at) + 1)
		if (strcmp(a->text + at, address) == 0)
			return 1;
	return 0;
}

static void
author_add(void *arg, const char *address)
{
	struct authors	*a = arg;
	size_t		 n = strlen(address) + 1;

	if (a->failed || author_is_known(a, address))
		return;
	if (a->text == NULL && (a->text = malloc(HEADER_TAIL_MAX)) == NULL) {
		a->failed = REPLY_TRY_LATER;
		return;
	}
	if (a->size + n > HEADER_TAIL_MAX) {
		a->failed = REPLY_HEADER_AUTHOR;
		return;
	}
	memcpy(a->text + a->size, address, n);
	a->size += n;
}

static void
header_unparsed(struct session *s, const char *name, const char *why)
{
	char	text[128];

	strlcpy(text, name, sizeof(text));
	strlcat(text, " has ", sizeof(text));
	strlcat(text, why, sizeof(text));
	header_fail(s, REPLY_HEADER_AUTHOR, text);
}

/* One field; -1: the message has failed. */
static int
header_field(struct session *s, const struct header_author *f,
    struct authors *a)
{
	struct tx	*tx = s->tx;
	const char	*name = header_name(f->name), *why;
	int		 n;

	n = mailbox_parse(tx->header.buf + f->start, f->end - f->start,
	    tx->flags & MAIL_SMTPUTF8 ? MAILBOX_UTF8 : 0, author_add, a, &why);
	if (n == -1)
		header_unparsed(s, name, why);
	else if (a->failed == REPLY_HEADER_AUTHOR)
		header_unparsed(s, name, "too many addresses");
	else if (a->failed)
		header_fail(s, (unsigned int)a->failed, NULL);
	/* RFC 5322 3.6.2: a Sender is one mailbox. */
	else if (n == 0 || (n > 1 && (f->name == HEADER_SENDER ||
	    f->name == HEADER_RESENT_SENDER)))
		header_fail(s, REPLY_HEADER_NO_ADDRESS, name);
	return tx->failed == REPLY_NONE ? 0 : -1;
}

static void
header_ask(struct session *s, struct authors *a)
{
	struct tx	*tx = s->tx;

	if (policy_header(s->id, tx->id, a->text, a->size) == -1) {
		header_fail(s, REPLY_TRY_LATER, NULL);
		return;
	}
	tx->authors = a->text;
	tx->authors_size = a->size;
	a->text = NULL;
	tx->header_asked = 1;
}

int
smtp_header_check(struct session *s)
{
	struct tx	*tx = s->tx;
	struct header	*h = &tx->header;
	struct authors	 a;
	uint32_t	 i;

	if (s->user == NULL)
		return 0;
	if (listener_info(s->listener)->flags & LISTENER_ANY_FROM)
		return 0;
	if (h->count[HEADER_FROM] != 1)
		header_fail(s, h->count[HEADER_FROM] == 0 ? REPLY_FROM_MISSING :
		    REPLY_HEADER_TWICE, header_name(HEADER_FROM));
	else if (h->count[HEADER_SENDER] > 1)
		header_fail(s, REPLY_HEADER_TWICE, header_name(HEADER_SENDER));
	else if (h->nauthors > HEADER_AUTHORS)
		header_fail(s, REPLY_HEADER_TOO_MANY, NULL);
	memset(&a, 0, sizeof(a));
	a.known = tx->sender;
	for (i = 0; i < h->nauthors && tx->failed == REPLY_NONE; i++)
		if (header_field(s, &h->author[i], &a) == -1)
			break;
	if (tx->failed == REPLY_NONE && a.size > 0)
		header_ask(s, &a);
	free(a.text);
	return tx->failed == REPLY_NONE ? 0 : -1;
}

/* "" if there are not so many. */
static const char *
author_get(const struct tx *tx, uint32_t n)
{
	size_t	at = 0;

	while (n-- > 0 && at < tx->authors_size)
		at += strlen(tx->authors + at) + 1;
	return at < tx->authors_size ? tx->authors + at : "";
}

void
smtp_header_done(struct session *s, uint32_t id, uint32_t reply, uint32_t n)
{
	struct tx	*tx = s->tx;

	if (tx == NULL || tx->id != id || !tx->header_asked) {
		stats_add(STAT_STALE, 1);
		return;
	}
	tx->header_asked = 0;
	if (reply != REPLY_OK)
		header_fail(s, reply == REPLY_NONE ? REPLY_TRY_LATER : reply,
		    reply == REPLY_AUTHOR_NOT_YOURS ? author_get(tx, n) : NULL);
	free(tx->authors);
	tx->authors = NULL;
	if (!tx->end_waits)
		return;
	tx->end_waits = 0;
	if (s->is_closing) {	/* it had its 421 meanwhile */
		smtp_reset(s);
		return;
	}
	session_wake(s);
	smtp_data_end(s);
}
