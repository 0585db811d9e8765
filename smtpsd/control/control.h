/*
 * control's two halves.  client.c owns the socket and smtpsctl's
 * connections; ask.c owns the links to the other processes and the requests
 * that are waiting for them.  For control only.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/link.h"
#include "proto/ctl.h"

/* client.c */
int	client_init(struct link *parent);
void	on_parent_conf(struct link *, struct link_in *);
void	on_parent_socket(struct link *, struct link_in *);
void	client_conf_begin(void);
int	client_conf_end(void);
void	client_on_stop(void);
/* Pass on one message of an answer; an unknown request is stale. */
void	client_answer(uint64_t request, uint32_t type, const void *data,
	    size_t size);
/* The answer is complete.  text: why it failed; next: as in DONE. */
void	client_done(uint64_t request, int failed, const char *text,
	    uint32_t next);

/* ask.c */
void	ask_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd);
/*
 * Send a request of smtpsctl's type to whom it concerns.  Exactly one
 * client_done() follows, unless ask_cancel() comes first.
 */
void	ask_start(uint64_t request, uint32_t type, const struct ctl_request *,
	    const void *tail, size_t tail_size);
void	ask_cancel(uint64_t request);
/* From the parent's link. */
void	on_any_stat(struct link *, struct link_in *);
void	on_any_done(struct link *, struct link_in *);

#endif
