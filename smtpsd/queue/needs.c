/*
 * A client may ask for SMTPUTF8 and then use nothing of it: such a message
 * can go to any host.  Called by agent_send.c for each delivery.  Of addresses
 * the sender's local part counts only: relay sees to domains, which have a form
 * in ASCII, and to each recipient by itself, so that one does not keep the
 * message from another.  Only the header of the message
 * itself counts: in a body UTF-8 is 8-bit text.
 */
#include <string.h>

#include "mail/address.h"
#include "needs.h"

static int
is_ascii(const char *s, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((unsigned char)s[i] > 0x7e)
			return 0;
	return 1;
}

/* Whether all of the header is at hand and holds nothing but ASCII. */
static int
is_header_ascii(const struct message *m, const char *data, size_t size)
{
	const char *end;

	if (data == NULL)
		return 0;
	if ((end = memmem(data, size, "\r\n\r\n", 4)) == NULL)
		return size == m->size && is_ascii(data, size);
	return is_ascii(data, (size_t)(end - data));
}

uint32_t
needs_flags(const struct message *m, const char *data, size_t size)
{
	const char *domain = address_domain(m->sender);

	if (!(m->flags & MAIL_SMTPUTF8) || !is_ascii(m->sender, domain == NULL ?
	    strlen(m->sender) : (size_t)(domain - m->sender)))
		return m->flags;
	return is_header_ascii(m, data, size) ?
	    m->flags & ~(uint32_t)MAIL_SMTPUTF8 : m->flags;
}
