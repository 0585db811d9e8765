/*
 * A slot and the process in it, as child.c, wire.c and accuse.c see them.
 * Nobody else may include this.
 */
#ifndef PARENT_CHILD_IMPL_H
#define PARENT_CHILD_IMPL_H

#include <sys/types.h>

#include <event.h>
#include <stdint.h>

#include "base/bucket.h"
#include "child.h"

struct lognet;

struct child {
	enum proc_kind		 kind;
	uint16_t		 instance;
	int			 wanted;
	pid_t			 pid;		/* 0: none runs */
	uint32_t		 id;
	uint64_t		 started_ms;
	uint32_t		 delay_ms;	/* of the last restart */
	uint32_t		 deaths;	/* before the first configuration */
	int			 ready;
	uint32_t		 generation;	/* answered */
	int			 refused;
	int			 is_condemned;	/* killed by a verdict */
	struct link		*link;
	struct link		*sign;		/* net only */
	struct lognet		*lognet;
	struct event		 restart_ev;
	struct event		 kill_ev;
	struct bucket		 sign_bucket;
	struct bucket		 auth_bucket;
	struct bucket		 ask_bucket;
	struct bucket		 peer_bucket;
	struct bucket		 accuse_bucket;
	struct event		 sign_ev;	/* reads the next request */
	char			 name[32];
};

/* The slot; NULL if there is none. */
struct child	*child_at(int kind, int instance);
/* A link to the process whose messages are those of rules_kind; takes fd. */
struct link	*child_make_link(struct child *, enum proc_kind rules_kind,
		    int fd);
/* Sends what is in force; -1: its link does not take it. */
int		 child_configure(struct child *);

#endif
