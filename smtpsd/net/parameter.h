/*
 * The parameters behind the addresses of MAIL and RCPT.  No process, no
 * memory; used by smtp_mail.c and the unit test.
 */
#ifndef NET_PARAMETER_H
#define NET_PARAMETER_H

#include <stdint.h>

#include "mail/reply.h"
#include "proto/net_policy.h"

struct mail_parameters {
	uint64_t	size;			/* SIZE, RFC 1870; 0: not said */
	uint32_t	flags;			/* MAIL_* */
	char		envid[ENVID_MAX + 1];	/* decoded; "": none */
};

struct rcpt_parameters {
	uint32_t	notify;			/* NOTIFY_* */
	char		orcpt[ORCPT_MAX + 1];	/* decoded; "": none */
};

/* s is what follows the address.  REPLY_NONE: all of it is fine. */
enum reply_id	parameter_mail(const char *s, struct mail_parameters *);
/* is_utf8: MAIL said SMTPUTF8. */
enum reply_id	parameter_rcpt(const char *s, int is_utf8,
		    struct rcpt_parameters *);

#endif
