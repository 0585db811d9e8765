/*
 * The way to a host, or to a domain by its mail exchangers: addresses in the
 * order in which to try them, those of a host with the families in turn.  For relay only.
 */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include <stdint.h>

#include "proto/relay_resolver.h"

#define ROUTE_HOSTS_MAX		8	/* exchangers that are looked up */
#define ROUTE_TARGETS_MAX	32	/* addresses */

struct target {
	struct host_address	 address;
	uint32_t		 host;		/* index of hosts */
	uint32_t		 preference;	/* of that: the lower first */
	uint64_t		 clear_until_ms; /* TLS does not work there */
};

/* Counted: connections keep the one they were made with. */
struct targets {
	uint32_t	 refs;
	uint32_t	 count;		/* at least 1 */
	uint32_t	 first;		/* the one that took mail last ... */
	uint64_t	 first_until_ms;	/* ... is tried first until then */
	int		 is_secure;	/* DNSSEC proved every name */
	/* Those of hosts are no stranger's: configured, the domain itself, or
	 * proved by DNSSEC.  A certificate for one of others says nothing. */
	int		 has_true_names;
	char		 hosts[ROUTE_HOSTS_MAX][HOSTNAME_SIZE];
	struct target	 target[ROUTE_TARGETS_MAX];
};

struct route;

struct route_why {
	int		 is_permanent;
	const char	*status;	/* RFC 3463 */
	const char	*text;
};

/* What a route is for: copied.  host "": exchangers of the domain. */
struct route_def {
	const char	*host;
	const char	*domain;
	const char	*own_name;	/* ours: a loop if it is an exchanger */
	int		 allow_loopback;
	/* The targets are there (why NULL), or there are none. */
	void		(*done)(void *, const struct route_why *why);
	void		*arg;
};

struct route	*route_new(const struct route_def *);	/* NULL: no memory */
void		 route_free(struct route *);		/* NULL is ok */
/*
 * Counted targets; NULL: done() will be called (or has been, if it failed at
 * once).
 */
struct targets	*route_targets(struct route *);
void		 targets_unref(struct targets *);	/* NULL is ok */
/* Ask anew next time. */
void		 route_expire(struct route *);
void		 route_tick(struct route *, uint64_t now_ms);

void		 route_resolver_link(uint32_t peer_id, int fd);

#endif
