/*
 * Starts deliver processes, as the owner of one mailbox each.
 */
#ifndef PARENT_DELIVER_H
#define PARENT_DELIVER_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct link;
struct link_in;

/* 1: the process was a deliver. */
int		 deliver_on_death(pid_t, int status);
/* Those that it asked for have nothing to do any more. */
void		 deliver_on_queue_death(uint32_t queue_id);
void		 deliver_stop(void);
void		 deliver_kill(void);
size_t		 deliver_alive(void);
/* Of those, who hold a place: a kill or the end of their work ends them. */
size_t		 deliver_places(void);
uint64_t	 deliver_count(void);

void		 on_queue_deliver(struct link *, struct link_in *);
void		 on_queue_deliver_kill(struct link *, struct link_in *);
void		 on_deliver_ready(struct link *, struct link_in *);
void		 on_deliver_conf_done(struct link *, struct link_in *);

#endif
