/*
 * The client's side of Dovecot's auth protocol, version 1.2, without any
 * input and output of its own: bytes come in by client_input(), lines to be
 * sent wait in client_output(), verdicts come by a callback.
 *
 * The other side is trusted with passwords, not to be sound: lines are
 * bounded, unknown ones ignored, an answer to a question that was not asked
 * or was given up is ignored.
 */
#ifndef DOVECOT_CLIENT_H
#define DOVECOT_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/parent_backend.h"

#define CLIENT_LINE_MAX		8192	/* bytes, of either direction */

struct client;

struct client	*client_new(void (*verdict)(const struct
		    backend_parent_result *));
void		 client_free(struct client *);	/* wipes; NULL is fine */
/* A new connection: the handshake starts again.  Nothing may be pending. */
void		 client_start(struct client *, unsigned int pid);
/* -1: the connection is of no use any more, *why says so. */
int		 client_input(struct client *, const char *data, size_t size,
		    const char **why);
/* 1: handshake done. */
int		 client_is_ready(const struct client *);
/* -1 and a reason for the log: not ready, too many, cannot be asked. */
int		 client_ask(struct client *, const struct parent_backend_check *,
		    uint64_t now_ms, const char **reason);
/* Gives up what has waited for too long; all of it. */
void		 client_tick(struct client *, uint64_t now_ms);
void		 client_give_up(struct client *, const char *reason);
size_t		 client_pending(const struct client *);
/* What is to be sent; how much of it was. */
const char	*client_output(const struct client *, size_t *size);
void		 client_sent(struct client *, size_t size);

#endif
