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

#define PARAMETER_DSN	0x1	/* RFC 3461's are known */
#define PARAMETER_UTF8	0x2	/* MAIL said SMTPUTF8 */

/*
 * s is what follows the address, flags are PARAMETER_*.  REPLY_NONE: all of
 * it is fine.
 */
enum reply_id	parameter_mail(const char *s, int flags,
		    struct mail_parameters *);
enum reply_id	parameter_rcpt(const char *s, int flags,
		    struct rcpt_parameters *);

#endif
