/*
 * Password stores that are not ours: what child.c and parent.c tell
 * authoutside.c of the processes that ask them.  The backends themselves are
 * in attempt.h.
 */
#ifndef PARENT_AUTHOUTSIDE_H
#define PARENT_AUTHOUTSIDE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/boot.h"

struct link;
struct link_in;

/* A login or dovecot process came or went; others are ignored. */
void	authoutside_on_ready(enum proc_kind, uint16_t instance,
	    uint32_t proc_id);
void	authoutside_on_death(enum proc_kind, uint16_t instance);
void	authoutside_tick(void);		/* once a second */
size_t	authoutside_queued(void);

void	on_backend_result(struct link *, struct link_in *);
void	on_dovecot_connect(struct link *, struct link_in *);

#endif
