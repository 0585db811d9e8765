/*
 * Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, 3030),
 * SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY, ORCPT (RFC 3461), AUTH
 * (RFC 4954), REQUIRETLS (RFC 8689).  A table for each command says what
 * there is; each may be given once, those of RFC 3461 only by who may.  Strict, because the values go on into
 * bounces and to the next host.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "mail/xtext.h"
#include "parameter.h"

#define WORD_MAX	600	/* RFC 3461 4.2, 4954 5: 500 for a value */
#define AUTH_MAX	500

struct parameter {
	const char	*name;
	int		 has_value;
	int		 flag;		/* PARAMETER_* it needs, or 0 */
	/* -1: not what the RFC allows. */
	int		(*take)(const char *value, void *);
};

/* RFC 1870: 1*20DIGIT */
static int
take_size(const char *value, void *arg)
{
	struct mail_parameters	*m = arg;
	size_t			 n = strlen(value);

	if (n > 20 || strspn(value, "0123456789") != n)
		return -1;
	errno = 0;
	m->size = strtoull(value, NULL, 10);
	if (errno == ERANGE)
		m->size = UINT64_MAX;
	return 0;
}

static int
take_body(const char *value, void *arg)
{
	struct mail_parameters	*m = arg;

	if (strcasecmp(value, "8BITMIME") == 0)
		m->flags |= MAIL_8BITMIME;
	else if (strcasecmp(value, "BINARYMIME") == 0)
		m->flags |= MAIL_BINARYMIME;
	else if (strcasecmp(value, "7BIT") != 0)
		return -1;
	return 0;
}

static int
take_smtputf8(const char *value, void *arg)
{
	(void)value;
	((struct mail_parameters *)arg)->flags |= MAIL_SMTPUTF8;
	return 0;
}

static int
take_requiretls(const char *value, void *arg)
{
	(void)value;
	((struct mail_parameters *)arg)->flags |= MAIL_REQUIRETLS;
	return 0;
}

/* RFC 4954 5: nobody here is trusted to say that, so it is dropped. */
static int
take_auth(const char *value, void *arg)
{
	char	 text[AUTH_MAX + 1], scrap[MAILADDR_SIZE];

	(void)arg;
	if (xtext_decode(value, 1, text, sizeof(text)) == -1)
		return -1;
	if (strcmp(text, "<>") == 0)
		return 0;
	return address_parse(text, ADDRESS_UTF8 | ADDRESS_LOCAL, scrap,
	    sizeof(scrap));
}

static int
take_ret(const char *value, void *arg)
{
	struct mail_parameters	*m = arg;

	if (strcasecmp(value, "FULL") == 0)
		m->flags |= MAIL_RET_FULL;
	else if (strcasecmp(value, "HDRS") == 0)
		m->flags |= MAIL_RET_HDRS;
	else
		return -1;
	return 0;
}

static int
take_envid(const char *value, void *arg)
{
	struct mail_parameters	*m = arg;
	int			 n;

	n = xtext_decode(value, 0, m->envid, sizeof(m->envid));
	return n > 0 && xtext_envid_is_valid(m->envid, (size_t)n) ? 0 : -1;
}

static uint32_t
notify_bit(const char *word, size_t size)
{
	static const struct {
		const char	*word;
		uint32_t	 bit;
	} words[] = {
		{ "NEVER", NOTIFY_NEVER },
		{ "SUCCESS", NOTIFY_SUCCESS },
		{ "FAILURE", NOTIFY_FAILURE },
		{ "DELAY", NOTIFY_DELAY },
	};
	size_t	i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == size &&
		    strncasecmp(words[i].word, word, size) == 0)
			return words[i].bit;
	return 0;
}

static int
take_notify(const char *value, void *arg)
{
	struct rcpt_parameters	*r = arg;
	uint32_t		 bit;
	size_t			 n;

	for (;; value += n + 1) {
		n = strcspn(value, ",");
		if ((bit = notify_bit(value, n)) == 0 || (r->notify & bit))
			return -1;
		r->notify |= bit;
		if (value[n] == '\0')
			break;
	}
	return (r->notify & NOTIFY_NEVER) && r->notify != NOTIFY_NEVER ? -1 : 0;
}

static int
take_orcpt_as(const char *value, int is_utf8, struct rcpt_parameters *r)
{
	int	n;

	n = xtext_decode(value, is_utf8, r->orcpt, sizeof(r->orcpt));
	return n > 0 && xtext_orcpt_is_valid(r->orcpt, (size_t)n) ? 0 : -1;
}

static int
take_orcpt(const char *value, void *arg)
{
	return take_orcpt_as(value, 0, arg);
}

/* RFC 6533 3: addr-type utf-8 may come as it is. */
static int
take_orcpt_utf8(const char *value, void *arg)
{
	return take_orcpt_as(value, 1, arg);
}

static const struct parameter mail_table[] = {
	{ "SIZE", 1, 0, take_size },
	{ "BODY", 1, 0, take_body },
	{ "SMTPUTF8", 0, 0, take_smtputf8 },
	{ "AUTH", 1, 0, take_auth },
	{ "RET", 1, PARAMETER_DSN, take_ret },
	{ "ENVID", 1, PARAMETER_DSN, take_envid },
	{ "REQUIRETLS", 0, 0, take_requiretls },
	{ NULL, 0, 0, NULL }
};
static const struct parameter rcpt_table[] = {
	{ "NOTIFY", 1, PARAMETER_DSN, take_notify },
	{ "ORCPT", 1, PARAMETER_DSN, take_orcpt },
	{ NULL, 0, 0, NULL }
};
static const struct parameter rcpt_table_utf8[] = {
	{ "NOTIFY", 1, PARAMETER_DSN, take_notify },
	{ "ORCPT", 1, PARAMETER_DSN, take_orcpt_utf8 },
	{ NULL, 0, 0, NULL }
};

/* RFC 5321 4.1.2: esmtp-keyword */
static int
is_keyword(const char *s)
{
	static const char	 letters[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

	return *s != '\0' && *s != '-' && s[strspn(s, letters)] == '\0';
}

static enum reply_id
take_word(char *word, const struct parameter *table, int flags,
    unsigned int *seen, void *arg)
{
	char	*value;
	int	 i;

	if ((value = strchr(word, '=')) != NULL)
		*value++ = '\0';
	if (!is_keyword(word))
		return REPLY_SYNTAX;
	for (i = 0; table[i].name != NULL; i++)
		if (strcasecmp(table[i].name, word) == 0)
			break;
	if (table[i].name == NULL || (table[i].flag & ~flags) != 0)
		return REPLY_UNKNOWN_PARAMETER;
	if ((*seen & 1U << i) || (value != NULL) != table[i].has_value ||
	    (value != NULL && *value == '\0') ||
	    table[i].take(value, arg) == -1)
		return REPLY_SYNTAX;
	*seen |= 1U << i;
	return REPLY_NONE;
}

static enum reply_id
take_all(const char *p, const struct parameter *table, int flags, void *arg)
{
	char		word[WORD_MAX];
	size_t		n;
	unsigned int	seen = 0;
	enum reply_id	reply;

	while (*p != '\0') {
		if (*p != ' ')
			return REPLY_SYNTAX;
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if (n == 0 || n >= sizeof(word))
			return REPLY_SYNTAX;
		memcpy(word, p, n);
		word[n] = '\0';
		p += n;
		if ((reply = take_word(word, table, flags, &seen, arg)) !=
		    REPLY_NONE)
			return reply;
	}
	return REPLY_NONE;
}

enum reply_id
parameter_mail(const char *s, int flags, struct mail_parameters *m)
{
	memset(m, 0, sizeof(*m));
	return take_all(s, mail_table, flags, m);
}

enum reply_id
parameter_rcpt(const char *s, int flags, struct rcpt_parameters *r)
{
	memset(r, 0, sizeof(*r));
	return take_all(s, flags & PARAMETER_UTF8 ? rcpt_table_utf8 :
	    rcpt_table, flags, r);
}
