/*
 * The text of a delivery status notification (RFC 3464) for recipients that
 * failed for good.  Pure: everything it needs comes in.
 */
#ifndef QUEUE_BOUNCE_H
#define QUEUE_BOUNCE_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define BOUNCE_EXCERPT_MAX	8192	/* bytes of the original header */

struct bounce {
	const char		*hostname;	/* ours */
	const char		*boundary;	/* unlikely in any message */
	uint64_t		 id;		/* of the notification */
	uint64_t		 now_s;
	const struct message	*message;	/* that failed */
	struct envelope		*const *failed;	/* with their results */
	size_t			 nfailed;
	const char		*head;		/* start of its body, or NULL */
	size_t			 head_size;
};

/*
 * The whole message with CRLF line ends; the caller frees it.  NULL: no
 * memory.  *flags: MAIL_* that it needs.
 */
char	*bounce_compose(const struct bounce *, size_t *size, uint32_t *flags);

#endif
