/*
 * Answers net's question whether the user of a session may send with the
 * addresses that a header names.  That these are the addresses of the header
 * is net's word: the body never comes here.  Who the user is, and what he or
 * this device of his may send as, is not.  No state; an answer is given for each question.
 */
#include <string.h>

#include "base/link.h"
#include "mail/address.h"
#include "mail/reply.h"
#include "author.h"
#include "book.h"
#include "conf.h"
#include "sender.h"
#include "transaction.h"

/* The addresses of the tail, a NUL behind each; -1: malformed. */
static int
count_authors(const char *tail, size_t size)
{
	char	again[MAILADDR_SIZE];
	size_t	at;
	int	n = 0;

	if (tail[size - 1] != '\0')
		return -1;
	for (at = 0; at < size; at += strlen(tail + at) + 1, n++)
		if (address_parse(tail + at, ADDRESS_UTF8, again,
		    sizeof(again)) == -1 || strcmp(tail + at, again) != 0)
			return -1;
	return n;
}

static unsigned int
check_authors(const struct session *s, const char *tail, size_t size,
    uint32_t *n)
{
	const struct conf		*conf = conf_current();
	const struct conf_listener	*listener;
	size_t				 at;
	int				 is_his;

	/* One of a policy before this, or a listener of a conf before. */
	if (conf == NULL || s->user == NULL || (listener =
	    conf_find_listener(conf, s->tx->listener)) == NULL)
		return REPLY_TRY_LATER;
	for (at = 0; at < size; at += strlen(tail + at) + 1, (*n)++) {
		is_his = sender_check(conf, listener, s->user, s->scope,
		    tail + at);
		if (is_his != 1)
			return is_his == 0 ? REPLY_AUTHOR_NOT_YOURS :
			    REPLY_TRY_LATER;
	}
	*n = 0;
	return REPLY_OK;
}

void
on_net_header(struct link *link, struct link_in *in)
{
	const struct net_policy_header	*header = in->data;
	const struct net		*net = link_arg(link);
	const char			*tail = (const char *)(header + 1);
	struct policy_net_header_done	 done;
	struct session			*s;
	size_t				 size = in->size - sizeof(*header);

	if (header->session >> 32 != net->id) {
		link_fault(link, "HEADER of a session that is not its own");
		return;
	}
	if (count_authors(tail, size) == -1) {
		link_fault(link, "HEADER with a malformed address");
		return;
	}
	memset(&done, 0, sizeof(done));
	done.session = header->session;
	done.tx = header->tx;
	s = book_find(header->session);
	if (s == NULL || s->tx == NULL || s->tx->tx != header->tx) {
		/* policy was started afresh and never heard the MAIL. */
		done.reply = REPLY_TRY_LATER;
	} else {
		done.reply = check_authors(s, tail, size, &done.n);
		if (done.reply != REPLY_OK) {
			policy_counts()->mail_refused++;
			transaction_log_refusal(s, s->tx->address,
			    s->tx->sender, NULL, done.reply);
		}
	}
	link_send(net->link, MSG_POLICY_NET_HEADER_DONE, &done, sizeof(done));
}
