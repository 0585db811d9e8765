/*
 * Writes MAIL and RCPT.  Called by transaction.c; owns no state.  ENVID and
 * ORCPT leave in xtext (RFC 3461 4), so that nothing in them can end the
 * parameter or the line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "mail/domain.h"
#include "proto/net_policy.h"

static void
add(char out[COMMAND_SIZE], const char *s)
{
	strlcat(out, s, COMMAND_SIZE);
}

/* Code point at s, *size its bytes; a broken one counts as its first byte. */
static uint32_t
code_point(const unsigned char *s, size_t *size)
{
	size_t i, n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = s[0] & (0x7fU >> n);

	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*size = 1;
			return s[0];
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	*size = n;
	return c;
}

/*
 * xtext; what is not ASCII becomes \x{HEX}, which is right for an address of
 * type utf-8 with and without SMTPUTF8 (RFC 6533 3).
 */
static void
add_xtext(char out[COMMAND_SIZE], const char *s)
{
	char text[16];
	size_t n;

	for (; *s != '\0'; s += n) {
		unsigned char c = (unsigned char)*s;

		n = 1;
		if (c >= 0x80)
			snprintf(text, sizeof(text), "\\x{%" PRIX32 "}",
			    code_point((const unsigned char *)s, &n));
		else if (c <= ' ' || c == 0x7f || c == '+' || c == '=')
			snprintf(text, sizeof(text), "+%02X", c);
		else
			snprintf(text, sizeof(text), "%c", c);
		add(out, text);
	}
}

int
command_is_utf8(const char *address)
{
	for (; *address != '\0'; address++)
		if ((unsigned char)*address >= 0x80)
			return 1;
	return 0;
}

int
command_needs_utf8(const char *address)
{
	return command_is_utf8(address) && !domain_can_be_ascii(address);
}

/* As it came, or for a server without SMTPUTF8 with its domain in A-labels. */
static const char *
address_for(const char *address, const struct capability *can,
    char room[MAILADDR_SIZE])
{
	return can->ext & EXT_SMTPUTF8 ? address :
	    domain_canonical(address, room, MAILADDR_SIZE);
}

/* RFC 6531 3.4: the message or an address of this transaction needs it. */
static int
needs_utf8(const struct delivery *d)
{
	uint32_t n;

	if ((d->flags & MAIL_SMTPUTF8) || command_is_utf8(d->sender))
		return 1;
	for (n = 0; n < d->nrcpt; n++)
		if (!d->rcpt[n].is_done &&
		    command_is_utf8(d->rcpt[n].recipient))
			return 1;
	return 0;
}

void
command_mail(const struct delivery *d, const struct capability *can,
    char out[COMMAND_SIZE])
{
	char size[32], room[MAILADDR_SIZE];

	snprintf(out, COMMAND_SIZE, "MAIL FROM:<%s>",
	    address_for(d->sender, can, room));
	if (can->ext & EXT_SIZE) {
		snprintf(size, sizeof(size), " SIZE=%" PRIu64, d->size);
		add(out, size);
	}
	if (d->flags & MAIL_BINARYMIME)
		add(out, " BODY=BINARYMIME");
	else if ((d->flags & MAIL_8BITMIME) && (can->ext & EXT_8BITMIME))
		add(out, " BODY=8BITMIME");
	if ((can->ext & EXT_SMTPUTF8) && needs_utf8(d))
		add(out, " SMTPUTF8");
	if (d->flags & MAIL_REQUIRETLS)
		add(out, " REQUIRETLS");
	if (!(can->ext & EXT_DSN))
		return;
	if (d->flags & MAIL_RET_FULL)
		add(out, " RET=FULL");
	else if (d->flags & MAIL_RET_HDRS)
		add(out, " RET=HDRS");
	if (d->envid[0] != '\0') {
		add(out, " ENVID=");
		add_xtext(out, d->envid);
	}
}

void
command_rcpt(const struct rcpt *r, const struct capability *can,
    char out[COMMAND_SIZE])
{
	static const struct { uint32_t flag; const char *name; } names[] = {
		{ NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *separator = "", *address;
	char room[MAILADDR_SIZE];
	size_t i;

	snprintf(out, COMMAND_SIZE, "RCPT TO:<%s>",
	    address_for(r->recipient, can, room));
	if (!(can->ext & EXT_DSN))
		return;
	if (r->notify & NOTIFY_NEVER)
		add(out, " NOTIFY=NEVER");
	else if (r->notify != 0) {
		add(out, " NOTIFY=");
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (r->notify & names[i].flag) {
				add(out, separator);
				add(out, names[i].name);
				separator = ",";
			}
	}
	if (r->orcpt != NULL && (address = strchr(r->orcpt, ';')) != NULL) {
		add(out, " ORCPT=");
		strncat(out, r->orcpt, (size_t)(address - r->orcpt) + 1);
		add_xtext(out, address + 1);
	}
}
