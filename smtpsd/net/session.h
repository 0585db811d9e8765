/*
 * One connection of a client.  Included by the smtp*.c files, policy.c,
 * queue.c and control.c of this program.
 */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"
#include "tls_io.h"

#define SESSION_INTERNAL_S	600	/* for our own programs to answer */

struct listener;
struct login;
struct perip;
struct slots;
struct tx;

enum session_mode {
	MODE_HANDSHAKE,		/* TLS */
	MODE_COMMAND,
	MODE_AUTH,		/* a line of an AUTH dialogue */
	MODE_DATA,
	MODE_PROXY		/* its header has to come first */
};

/* What a session waits for before it reads on. */
enum session_wait {
	WAIT_NOTHING,
	WAIT_SYNC,		/* all replies of policy */
	WAIT_AUTH,		/* the parent */
	WAIT_QUEUE		/* the commit, or room in the link */
};

/* A chunk of BDAT whose octets come next. */
struct chunk {
	uint64_t	size;
	uint64_t	left;
	uint8_t		is_on;
	uint8_t		is_last;
	uint8_t		is_refused;	/* they are dropped */
};

struct session {
	TAILQ_ENTRY(session)	 entry;		/* of all */
	TAILQ_ENTRY(session)	 work;		/* of those with work to do */
	struct session		*next;		/* of the same hash */
	uint64_t		 id;
	struct listener		*listener;
	struct perip		*perip;
	struct tio		 tio;
	struct event		 read_ev;
	struct event		 write_ev;
	struct tx		*tx;		/* NULL: no transaction */
	struct slots		*slots;		/* replies not yet given */
	struct login		*login;		/* NULL: no AUTH dialogue */
	char			*in;		/* read and decrypted */
	char			*out;		/* to be sent */
	char			*helo;
	char			*user;		/* NULL: not authenticated */
	uint32_t		 in_size;
	uint32_t		 out_size;
	uint32_t		 out_off;
	uint32_t		 out_capacity;
	uint64_t		 start_ms;
	uint64_t		 last_ms;	/* the client was heard */
	uint64_t		 deadline_ms;
	uint64_t		 until_ms;	/* the login; 0: for ever */
	uint64_t		 bytes;		/* of accepted messages */
	uint32_t		 messages;	/* accepted */
	uint32_t		 errors;	/* that count against the limit */
	uint32_t		 refusals;	/* all replies from 400 on */
	uint32_t		 last_tx;
	uint32_t		 refuse;	/* REPLY_* instead of a greeting */
	uint32_t		 bdat_failed;	/* REPLY_*: only RSET helps */
	struct chunk		 chunk;
	struct line		 line;
	uint8_t			 mode;		/* enum session_mode */
	uint8_t			 wait;		/* enum session_wait */
	uint8_t			 is_esmtp;
	uint8_t			 has_work;
	uint8_t			 must_run;	/* what it waited for came */
	uint8_t			 must_yield;	/* others first, then it goes on */
	uint8_t			 read_off;	/* no read event */
	uint8_t			 write_on;	/* a write event */
	uint8_t			 starts_tls;	/* STARTTLS was accepted */
	uint8_t			 is_closing;	/* when all is sent */
	uint8_t			 is_dead;	/* freed in this turn */
	uint8_t			 policy_knows;
	uint8_t			 is_greeted;
	uint8_t			 mail_later;	/* the last MAIL got a 451 */
	const char		*why;		/* it ends, if not known later */
	char			 address[64];	/* numeric, of the client */
};

int		 session_init(void);
/* From admit.c: it is one of all from here on. */
void		 session_add(struct session *, struct listener *, int fd);
struct session	*session_find(uint64_t id);
void		 session_each(void (*)(struct session *, void *), void *);

/* Appends to what will be sent at the end of the turn; counts errors.  Once
 * the session is closing nothing is said any more. */
void		 session_reply(struct session *, unsigned int reply,
		    const char *arg);
void		 session_send(struct session *, const char *, size_t);
/* 1: so much waits to be sent that no command may add to it. */
int		 session_is_full(const struct session *);
/* What it waited for has come: goes on in this turn. */
void		 session_wake(struct session *);
void		 session_finish(struct session *);	/* close when sent */
void		 session_drop(struct session *, const char *why);
/* The client has this long from now on. */
void		 session_deadline(struct session *, uint64_t seconds);

void		 session_turn(void);	/* at the end of each turn */
void		 session_stop(void);	/* the process is to end */
int		 session_is_stopping(void);
uint32_t	 session_count(void);

#endif
