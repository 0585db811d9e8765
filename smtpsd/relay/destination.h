/*
 * Where an action's deliveries go: the waiting ones, the connections, the
 * addresses.  For relay only.
 */
#ifndef RELAY_DESTINATION_H
#define RELAY_DESTINATION_H

#include <stdint.h>

struct client;
struct delivery;
struct destination;

/* A new delivery, all of its recipients known. */
void		 destination_add(struct delivery *);
/* One that was taken but not sent: first in line again. */
void		 destination_return(struct delivery *);
/* A waiting one that ends; it is not freed here. */
void		 destination_forget(struct delivery *);
/* The next waiting delivery or NULL; the caller has it now. */
struct delivery	*destination_take(struct destination *);
/* The same for one to be sent: the pace may say not yet. */
struct delivery	*destination_next(struct destination *);

/* From client.c: it may take deliveries now. */
void		 destination_client_ready(struct destination *,
		    struct client *);
/* How far a connection came. */
enum client_reach { CLIENT_NOT_READY, CLIENT_WAS_READY, CLIENT_TOOK_MAIL };
/* From client.c: it is about to be freed.  why NULL: ended in order. */
void		 destination_client_gone(struct destination *,
		    struct client *, enum client_reach, const char *status,
		    const char *why);
/* From client.c: others wait for a place, and it has more than one. */
int		 destination_is_wanted(const struct destination *);
/* So it is, and one, between two messages, will be retired: counted. */
int		 destination_gives_up(struct destination *);
/* From client.c: one more socket may be on its way there. */
int		 destination_has_room(const struct destination *);

void		 destination_conf_changed(void);
void		 destination_init(void);
void		 destination_turn(void);	/* hand out what waits */
void		 destination_stop(void);
int		 destination_is_busy(void);

uint64_t	 destination_count_clients(void);
uint64_t	 destination_count_waiting(void);

#endif
