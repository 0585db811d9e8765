/*
 * The text of a delivery status notification (RFC 3464): what became of some
 * recipients of one message.  Pure: everything it needs comes in.
 */
#ifndef QUEUE_DSN_H
#define QUEUE_DSN_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define DSN_EXCERPT_MAX	8192		/* bytes of the original header */
#define DSN_FULL_MAX	(1U << 20)	/* bytes of a message returned whole */

struct dsn {
	const char		*hostname;	/* ours */
	const char		*boundary;	/* unlikely in any message */
	uint64_t		 id;		/* of the notification */
	uint64_t		 now_s;
	uint64_t		 expires_s;	/* delayed: tried until then */
	const struct message	*message;	/* it speaks of */
	struct envelope		*const *reported;	/* with their reports */
	size_t			 nreported;
	const char		*body;		/* what is there of its body */
	size_t			 body_size;
	int			 is_full;	/* body is all of it: return it */
};

/*
 * The whole message with CRLF line ends; the caller frees it.  NULL: no
 * memory.  *flags: MAIL_* that it needs.
 */
char	*dsn_compose(const struct dsn *, size_t *size, uint32_t *flags);

#endif
