/*
 * A mail transaction: from MAIL to the reply to its end of data.
 */
#ifndef NET_TX_H
#define NET_TX_H

#include <stddef.h>
#include <stdint.h>

#include "data.h"
#include "header.h"

struct tx {
	uint32_t	 id;		/* counts the MAIL of a session */
	uint32_t	 flags;		/* MAIL_* */
	uint32_t	 ncommands;	/* RCPT */
	uint32_t	 naccepted;	/* RCPT */
	uint32_t	 nwaiting;	/* RCPT without a reply yet */
	uint32_t	 nrcpt;		/* recipients the queue has for them */
	uint32_t	 nsmall;	/* small chunks */
	uint32_t	 failed;	/* REPLY_*: it cannot succeed any more */
	uint64_t	 message;	/* id in the queue */
	uint64_t	 sent;		/* bytes given to the queue */
	char		*rcpt;		/* the first accepted one */
	char		*body;		/* gathers one BODY */
	size_t		 body_size;
	char		*sender;	/* in normal form; NULL: no memory */
	char		*failed_arg;	/* for the text of failed, or NULL */
	char		*authors;	/* asked of policy, a NUL behind each */
	size_t		 authors_size;
	struct header	 header;
	struct data	 data;
	uint64_t	 begun_ms;	/* MAIL; later by what we paused */
	uint64_t	 start_ms;	/* of its data; likewise */
	uint64_t	 paused_ms;	/* since then the queue has no room */
	uint64_t	 received;	/* bytes of data from the client */
	uint8_t		 has_mail;	/* policy accepted MAIL */
	uint8_t		 header_done;
	uint8_t		 header_asked;	/* policy has not answered yet */
	uint8_t		 end_waits;	/* for that answer */
	uint8_t		 is_bdat;	/* its data comes by BDAT */
	uint8_t		 is_sent;	/* the queue has heard of it */
	uint8_t		 is_ended;	/* END was sent */
};

#endif
