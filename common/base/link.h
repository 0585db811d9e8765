/*
 * A link: one end of a socketpair over which two programs exchange imsg
 * messages.  The one loop that reads all links lives here.  It checks type,
 * size, descriptor, state and string termination against const tables
 * before a handler sees a message (compare OpenSSH's monitor).
 *
 * The shapes of all messages are in common/proto/shape.c; each receiver
 * brings its own table of rules: which types it takes, in which states, and
 * who handles them.  Payload handed to a handler is valid only until the
 * handler returns; data of secret messages is wiped afterwards.
 */
#ifndef BASE_LINK_H
#define BASE_LINK_H

#include <stddef.h>
#include <stdint.h>

#define LINK_PAYLOAD_MAX	16000	/* bytes of payload of one message */
#define LINK_STRINGS_MAX	8
/*
 * Bytes; then the peer does not read.  Whoever answers at length looks at
 * link_queued() before: what a peer asked for and has not read is its own
 * doing, what it had no time to read is not.
 */
#define LINK_UNREAD_MAX		(96U << 20)

/* A char array inside the struct that must hold a NUL. */
struct link_string {
	uint16_t	offset;
	uint16_t	size;
};

/* The shape of a message: same for both ends.  size 0 in strings ends. */
struct link_shape {
	uint32_t		 type;
	const char		*name;
	uint32_t		 size_min;	/* bytes: the struct */
	uint32_t		 size_max;	/* bytes: struct and longest tail */
	uint8_t			 has_fd;	/* 0: none, 1: exactly one */
	uint8_t			 is_secret;	/* never traced, wiped after use */
	struct link_string	 strings[LINK_STRINGS_MAX];
};

/* Looks up a type; NULL if there is none.  common/proto has it. */
const struct link_shape	*proto_shape(uint32_t type);

struct link;

/* A message as a handler gets it. */
struct link_in {
	uint32_t	 type;
	uint32_t	 size;		/* bytes of data */
	const void	*data;		/* aligned for any scalar */
	int		 fd;		/* -1 or owned here: take it by setting
					 * -1, else the loop closes it */
};

#define LINK_STATE_ANY	0xffffffffU	/* states are bits, up to 32 */

struct link_rule {
	uint32_t	 type;
	uint32_t	 states;	/* mask of states in which it may come */
	void		(*handle)(struct link *, struct link_in *);
};

struct link_end {
	const char		*name;	/* of the peer, for log lines */
	const struct link_rule	*rules;
	size_t			 nrules;
	/*
	 * Called once when the peer broke a rule (why names it), closed the
	 * link or something failed on this side (why == NULL).  The link is
	 * already closed for reading and writing and is freed at the end of
	 * this turn; drop every pointer.
	 */
	void			(*down)(struct link *, const char *why);
	void			*arg;
	uint32_t		 peer_id;	/* process id of boot.h; 0: none */
	uint8_t			 is_spare;	/* another comes in its place, also
						 * without a new process */
	uint8_t			 is_quiet;	/* down() logs why, or not */
};

/* Takes fd (set non-blocking).  NULL and errno on failure; fd is kept then. */
struct link	*link_new(int fd, const struct link_end *);
/* Close from this side: no down() call.  Safe inside handlers.  NULL is ok. */
void		 link_close(struct link *);
/* A handler found a fault of meaning: log it, close, call down(why). */
void		 link_fault(struct link *, const char *why);

/*
 * Whoever breaks a rule from now on is named to this function as well, if its
 * process id is known; after down().
 */
void		 link_on_broken(void (*)(uint32_t peer_id));
/*
 * Called when a link that is not spare cannot be made or, before it is shut,
 * is lost by a failure of this process itself: no memory, a system call, a
 * message that may not be sent.  No peer is to blame, and no new link comes
 * while both ends live.
 */
void		 link_on_failed(void (*)(void));

void		*link_arg(struct link *);
uint32_t	 link_peer_id(struct link *);
const char	*link_name(struct link *);
void		 link_set_state(struct link *, uint32_t state_bit); /* from 1 */
uint32_t	 link_state(struct link *);

/*
 * Queue a message; it leaves at the end of the turn, all of a link's with
 * one system call.  -1 if the link is down or cannot take it: no memory, a
 * message of a wrong shape, more than a peer may leave unread (the link then
 * goes down at the end of the turn).  link may be NULL: -1.
 */
int	link_send(struct link *, uint32_t type, const void *data, size_t size);
int	link_send_tail(struct link *, uint32_t type, const void *data,
	    size_t size, const void *tail, size_t tail_size);
int	link_send_fd(struct link *, uint32_t type, int fd, const void *data,
	    size_t size);		/* takes fd, also on failure */

size_t	link_queued(struct link *);	/* bytes waiting to be sent */
void	link_flush(struct link *);	/* send now what is queued */
void	link_flush_all(void);		/* end of turn; also frees dead ones */
/* Read and dispatch now what has already arrived, without waiting. */
void	link_poll(struct link *);
/* Stop or go on reading (back pressure). */
void	link_pause(struct link *);
void	link_resume(struct link *);
/* Bytes of kernel buffer asked for in both directions (best effort). */
void	link_set_buffer(struct link *, int bytes);

#endif
