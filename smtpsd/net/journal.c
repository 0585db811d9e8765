/*
 * The log lines of a session.  Everything the client chose passes through
 * log_vis() or log_text().
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "journal.h"
#include "listener.h"
#include "session.h"

#define REPLY_LINE_MAX	512	/* bytes with CR LF, RFC 5321 4.5.3.1.5 */

size_t
journal_refusal(struct session *s, char *reply, size_t size, size_t room)
{
	char	id[48];
	size_t	n;

	snprintf(id, sizeof(id), "%x.%x.%x", (unsigned int)(s->id >> 32),
	    (unsigned int)s->id, ++s->refusals);
	while (size > 0 && (reply[size - 1] == '\n' || reply[size - 1] == '\r'))
		size--;
	reply[size] = '\0';
	log_info("event=refused session=%016llx id=%s address=%s user=%s "
	    "text=\"%s\"", (unsigned long long)s->id, id, s->address,
	    log_vis(s->user), log_text(reply));
	if (room > REPLY_LINE_MAX)
		room = REPLY_LINE_MAX;
	n = strlen(id) + 5;	/* " (" ")" CR LF */
	if (n >= room)
		return size;
	if (size > room - 1 - n)
		size = room - 1 - n;
	snprintf(reply + size, room - size, " (%s)\r\n", id);
	return size + n;
}

void
journal_login(const struct session *s)
{
	log_info("event=login session=%016llx address=%s user=%s",
	    (unsigned long long)s->id, s->address, log_vis(s->user));
}

void
journal_end(struct session *s, const char *why)
{
	const char	*version = "-", *cipher = "-";

	if (s->tio.is_open)
		tio_cipher(&s->tio, &version, &cipher);
	log_info("event=end session=%016llx address=%s port=%u tls=%s "
	    "cipher=%s user=%s messages=%u bytes=%llu refused=%u seconds=%llu "
	    "why=\"%s\"", (unsigned long long)s->id, s->address,
	    listener_info(s->listener)->port, version, cipher,
	    log_vis(s->user), s->messages, (unsigned long long)s->bytes,
	    s->refusals,
	    (unsigned long long)(proc_now_ms() - s->start_ms) / 1000,
	    log_text(why));
}

const char *
journal_state(const struct session *s)
{
	if (s->is_closing)
		return "closing";
	if (s->mode == MODE_HANDSHAKE)
		return "handshake";
	if (s->mode == MODE_PROXY)
		return "proxy";
	if (s->mode == MODE_DATA)
		return s->wait == WAIT_QUEUE ? "commit" : "data";
	if (s->mode == MODE_AUTH || s->wait == WAIT_AUTH)
		return "auth";
	if (s->tx != NULL)
		return "mail";
	return s->helo != NULL ? "idle" : "start";
}
