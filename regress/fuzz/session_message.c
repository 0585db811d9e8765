/*
 * What becomes of a message: the queue has to have what the client sent, and
 * policy has to have been asked whom it is from.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "mail/mailbox.h"
#include "mail/reply.h"
#include "proto/net_policy.h"
#include "session_model.h"

int
model_code(unsigned int reply)
{
	return reply_get(reply)->code;
}

void
model_drop_tx(void)
{
	m.has_tx = m.tx_known = m.is_bdat = 0;
	m.text_size = 0;
}

void
model_text(const void *bytes, size_t size)
{
	if ((m.text = realloc(m.text, m.text_size + size + 2)) == NULL)
		abort();
	memcpy(m.text + m.text_size, bytes, size);
	m.text_size += size;
}

const struct record *
model_record(enum record_kind kind)
{
	if (m.record == peers.nrecords ||
	    peers.record[m.record].kind != kind)
		return NULL;
	return &peers.record[m.record];
}

static int
body_ends(const struct record *r, const char *p, size_t n)
{
	return r->body_size >= n &&
	    memcmp(r->body + r->body_size - n, p, n) == 0;
}

/* What the queue has ends with what the client sent behind its header. */
static void
check_body(const struct record *r)
{
	const char *p, *end;
	size_t n;

	MUST(r->body_size > 10 && memcmp(r->body, "Received: ", 10) == 0);
	/* Without a header it begins with the empty line. */
	p = m.text_size >= 2 && memcmp(m.text, "\r\n", 2) == 0 ? m.text :
	    memmem(m.text, m.text_size, "\r\n\r\n", 4);
	/* Binary ends as it ends; a last line else gets what it lacks. */
	if ((m.flags & MAIL_BINARYMIME) && p != NULL &&
	    body_ends(r, p, (size_t)(m.text + m.text_size - p)))
		return;
	n = p == NULL ? 0 : (size_t)(p - m.text);
	if (m.text_size < 2 || memcmp(m.text + m.text_size - 2, "\r\n", 2) != 0)
		model_text("\r\n", 2);
	if (p == NULL) {
		end = m.text + m.text_size - 2;
		for (n = (size_t)(end - m.text); n > 0 &&
		    m.text[n - 1] != '\n'; n--)
			;
	}
	MUST(body_ends(r, m.text + n, m.text_size - n));
}

static void
on_author(void *arg, const char *address)
{
	int *others = arg;

	*others += strcasecmp(address, m.sender) != 0;
}

/* The line ends with CRLF. */
static int
is_field(const char *p)
{
	const char *name = p;

	while (*p > ' ' && *p < 127 && *p != ':')
		p++;
	if (p == name)
		return 0;
	p += strspn(p, " \t");
	return *p == ':';
}

/* Who is logged in says in one From who that is; policy knows of others. */
static void
check_authors(const struct record *r)
{
	const char *p = m.text, *end = m.text + m.text_size, *eol, *why;
	int others = 0, nfrom = 0;

	if (!m.has_user || host.listener.flags & LISTENER_ANY_FROM)
		return;
	for (; p < end && (eol = memmem(p, (size_t)(end - p), "\r\n",
	    2)) != NULL && eol > p; p = eol + 2) {
		while (eol + 2 < end && (eol[2] == ' ' || eol[2] == '\t') &&
		    (eol = memmem(eol + 2, (size_t)(end - eol - 2), "\r\n",
		    2)) != NULL)
			;
		if (eol == NULL || !is_field(p))
			break;
		if (strncasecmp(p, "From:", 5) != 0)
			continue;
		nfrom++;
		MUST(mailbox_parse(p + 5, (size_t)(eol - p - 5), m.flags &
		    MAIL_SMTPUTF8 ? MAILBOX_UTF8 : 0, on_author, &others,
		    &why) > 0);
	}
	MUST(nfrom <= 1 && (others == 0 || r->was_asked));
}

void
model_message_end(int code)
{
	const struct record *r = model_record(RECORD_END);

	MUST(code == 250 || code >= 400);
	if (r != NULL) {
		MUST(m.has_tx && r->tx == m.tx && r->count == m.nrcpt);
		MUST(code == (r->reply == REPLY_NONE ? 451 :
		    model_code(r->reply)));
		check_body(r);
		check_authors(r);
		m.record++;
	}
	MUST(code != 250 || r != NULL);
	if (code == 250)
		m.nmessages++;
	model_drop_tx();
}
