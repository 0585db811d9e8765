/*
 * The supervised children: one slot for each instance of each kind, filled
 * anew when its process dies.  A struct child lives as long as its slot is
 * wanted; child_id() tells one process in it from the next.
 */
#ifndef PARENT_CHILD_H
#define PARENT_CHILD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "kinds.h"
#include "proto/boot.h"

#define CHILD_INSTANCES_MAX	KINDS_INSTANCES_MAX

struct child;
struct conf;
struct link;
struct link_in;

/* Starts what conf wants and is not there, stops what it does not want. */
void		 children_adjust(const struct conf *);
/* Sends conf to all that are ready. */
void		 children_configure(const struct conf *, uint32_t generation);
/* 1: all have answered generation; *refused names one that said no. */
int		 children_configured(uint32_t generation, const char **refused);
/* 1: the process was a supervised child. */
int		 child_on_death(pid_t, int status);
void		 children_stop_net(void);
void		 children_stop_rest(void);
void		 children_kill(void);
size_t		 children_alive(int net_only);
void		 children_set_verbose(int on);
uint64_t	 children_restarts(void);

/* The parent link of a process; NULL if it is not ready (or gone). */
struct link	*child_link(enum proc_kind, uint16_t instance);
struct link	*child_link_by_id(enum proc_kind, uint32_t proc_id);
void		 child_kill_by_id(uint32_t proc_id);

/* Of the child at the other end: link_arg() of its links. */
uint32_t	 child_id(const struct child *);
uint16_t	 child_instance(const struct child *);
enum proc_kind	 child_kind(const struct child *);
const char	*child_name(const struct child *);
struct bucket	*child_sign_bucket(struct child *);
struct bucket	*child_auth_bucket(struct child *);
struct bucket	*child_ask_bucket(struct child *);
struct bucket	*child_peer_bucket(struct child *);
/* The next request on its signing link has to wait for everybody's turn. */
void		 child_sign_yield(struct child *);

void		 on_child_conf_done(struct link *, struct link_in *);

#endif
