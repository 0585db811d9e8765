/*
 * The fuzz target of a whole session: session_fuzz.c reads the input and turns
 * the loop, session_peers.c is policy, queue and parent, session_host.c the
 * socket, TLS, time and configuration, session_model.c with its parts
 * (session_model.h) the client that knows what has to be answered.
 */
#ifndef SESSION_FUZZ_H
#define SESSION_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "proto/net_parent.h"

#define BYTES_MAX	16384	/* of one input */
#define OUT_MAX		(4U << 20)
#define RECORDS_MAX	8192

struct listener;
struct session;

/* One bit each, of the first bytes of an input. */
#define HOST_TLS	0x04	/* an smtp listener has a certificate */
#define HOST_AUTH	0x08	/* and AUTH, if it has one */
#define HOST_CERT	0x10	/* the client has one as well */
#define HOST_ANY_FROM	0x20

/* session_host.c */
#define BROKEN_READ	1
#define BROKEN_WRITE	2
struct host {
	struct parent_net_listener	 listener;
	struct parent_net_conf		 limits;
	int				 has_tls;	/* a certificate */
	int				 has_peer;
	const uint8_t			*in;
	size_t				 in_size;
	size_t				 in_at;
	uint8_t				 seen[BYTES_MAX];	/* read by it */
	size_t				 nseen;
	char				 out[OUT_MAX];
	size_t				 nout;
	size_t				 write_room;	/* before it blocks */
	int				 tls;		/* shaken hands */
	size_t				 tls_at;	/* in seen */
	int				 may_drop;	/* without a word */
	int				 is_gone;	/* it closed the socket */
	int				 is_eof;
	int				 is_broken;	/* bits below */
	int				 is_stopping;
	int				 is_active;	/* event_active() */
	uint64_t			 now_ms;
};
extern struct host host;
void	host_begin(uint8_t kind, uint8_t limits);
int	host_fd(void);	/* of the connection; nothing is read from it */
/* Neither it nor its struct tls are ever looked into. */
struct listener	*host_listener(void);
int	host_has_op(void);	/* an operation is next in the input */
int	host_has_bytes(void);
void	host_readable(void);	/* calls back if it wants to hear of it */
void	host_writable(void);
int	host_go_on(void);	/* calls back if it wanted to go on by itself */
void	host_tick(void);

/* session_peers.c */
enum record_kind { RECORD_MAIL, RECORD_RCPT, RECORD_END };
struct record {
	enum record_kind	 kind;
	uint32_t		 tx;
	uint32_t		 flags;		/* of MAIL */
	uint32_t		 reply;		/* REPLY_* it got */
	uint32_t		 count;
	int			 was_asked;	/* END: policy, about authors */
	char			 text[328];	/* address */
	char			*body;		/* of END */
	size_t			 body_size;
};
struct peers {
	struct record	 record[RECORDS_MAX];
	size_t		 nrecords;
	int		 granted;	/* the parent said who it is */
	int		 was_down;	/* a link, some time */
	uint32_t	 nends;		/* of the session */
};
extern struct peers peers;
void	peers_begin(const uint8_t *choices, size_t n);
int	peers_answer(int which);	/* 0: the oldest, 1: newest; 0: none */
int	peers_answer_ready(void);	/* those that do not wait; how many */
void	peers_op(int op);
void	peers_end(void);

/* session_model.c */
void	model_begin(void);
/* 1: it waits for a reply, 0: for more input. */
int	model_run(void);
void	model_end(int waits);

#endif
