/*
 * What a server says it can do in its reply to EHLO (RFC 5321 4.1.1.1).  For
 * relay only.
 */
#ifndef RELAY_CAPABILITY_H
#define RELAY_CAPABILITY_H

#include <stdint.h>

#define EXT_PIPELINING	0x0001
#define EXT_8BITMIME	0x0002
#define EXT_SMTPUTF8	0x0004
#define EXT_STARTTLS	0x0008
#define EXT_SIZE	0x0010
#define EXT_PLAIN	0x0020
#define EXT_LOGIN	0x0040
#define EXT_DSN		0x0080
#define EXT_CHUNKING	0x0100
#define EXT_BINARYMIME	0x0200
#define EXT_REQUIRETLS	0x0400

struct capability {
	uint32_t	ext;		/* EXT_* */
	uint32_t	rcpt_max;	/* RFC 9422 RCPTMAX, 0: not said */
	uint32_t	mail_max;	/* RFC 9422 MAILMAX, 0: not said */
	uint64_t	size_max;	/* RFC 1870, 0: no limit */
};

void	capability_reset(struct capability *);
/* One line without its code; arg is the struct.  What is odd is ignored. */
void	capability_line(void *arg, const char *text);

#endif
