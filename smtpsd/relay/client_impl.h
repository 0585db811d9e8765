/*
 * The inside of a connection, shared by client.c (connection, greeting to
 * AUTH) and transaction.c (MAIL to the final reply).  Nobody else includes
 * this.
 */
#ifndef RELAY_CLIENT_IMPL_H
#define RELAY_CLIENT_IMPL_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "capability.h"
#include "client.h"
#include "conf.h"
#include "delivery.h"
#include "destination.h"
#include "reply.h"
#include "route.h"
#include "stream.h"

enum client_state {
	CLIENT_CONNECT,
	CLIENT_GREETING,
	CLIENT_EHLO,
	CLIENT_HELO,
	CLIENT_STARTTLS,
	CLIENT_HANDSHAKE,
	CLIENT_AUTH,		/* PLAIN, or the last step of LOGIN */
	CLIENT_LOGIN_USER,
	CLIENT_LOGIN_PASSWORD,
	CLIENT_READY,
	CLIENT_QUIT
};

enum tx_state { TX_MAIL, TX_RCPT, TX_DATA, TX_BODY, TX_DOT, TX_RSET };

/* One transaction on the connection. */
struct tx {
	struct delivery	*delivery;	/* NULL: none */
	enum tx_state	 state;		/* which reply comes next */
	uint32_t	 next;		/* recipient whose reply comes next */
	uint32_t	 asked;		/* RCPT commands written ... */
	uint32_t	 answered;	/* ... and replied to */
	uint32_t	 accepted;
	uint32_t	 told;		/* LMTP: whose reply to the dot is next */
	int		 is_refused;	/* MAIL was */
	int		 is_chunked;	/* BDAT instead of DATA */
	uint64_t	 asks_at;	/* the awaited reply's command is here
					 * in what the stream was given */
	int		 at_line_start;	/* DATA: last byte was LF ... */
	int		 has_cr;	/* ... or CR */
};

struct client {
	struct destination	*destination;
	struct action		*action;
	struct stream		*stream;
	enum client_state	 state;
	struct targets		*targets;	/* NULL: over the action's socket */
	struct connector	*connector;	/* until it is ready */
	const char		*host;		/* name of the one it has */
	struct tls_rule		 rule;
	uint64_t		 deadline_ms;	/* 0: nothing was begun */
	struct capability	 can;
	uint32_t		 messages;
	size_t			 behind;	/* bytes written behind the dot */
	struct target		*target;	/* of these, that it has */
	int			 without_tls;	/* it has none that works */
	int			 is_retired;
	enum client_reach	 reach;
	int			 has_later;	/* a target may work later */
	uint64_t		 request;	/* for a socket, 0: none */
	TAILQ_ENTRY(client)	 asking;	/* socket.c's list */
	struct tx		 tx[2];		/* [1] is written behind [0] */
	struct smtp_reply	 reply;
};

/* All return -1 when the client is gone, else 0. */
int	client_printf(struct client *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
int	client_write(struct client *, const void *, size_t);
int	client_end(struct client *, const char *status, const char *why);
void	client_wait(struct client *, unsigned int seconds);

/* The server's complaint as the reason for the end. */
int	client_refused(struct client *, const char *what);

/* login.c: the first command, and what its replies lead to. */
int	login_start(struct client *);
int	login_reply(struct client *);

/* From socket.c: what was asked for. */
int	client_connected(struct client *, int fd);

/* fit.c */
/* 1: this server cannot take the message; it got its results and is gone. */
int	tx_unfit(struct client *, struct delivery *);
/* Recipients beyond what it takes at once get AGAIN. */
void	tx_limit(const struct client *, struct delivery *);

/* transaction.c */
int	tx_start(struct client *, struct tx *, struct delivery *);
int	tx_reply(struct client *);	/* client->reply is complete */
int	tx_pump(struct client *);	/* more of the body may go */
void	tx_end_all(struct client *, const char *status, const char *why);
int	tx_idle(struct client *);	/* nothing is being sent: what next? */

#endif
