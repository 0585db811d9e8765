/*
 * The pool of auth workers: slow hashes never run on the parent's loop.
 */
#ifndef PARENT_AUTHWORK_H
#define PARENT_AUTHWORK_H

#include <stddef.h>
#include <stdint.h>

struct link;
struct link_in;
struct parent_auth_token;

/*
 * Queues one check; both strings are copied, the copies are wiped.  The
 * answer comes by authusers_on_result().  -1: the queue is full.
 */
int	authwork_submit(uint64_t request, const char *hash,
	    const char *password);
/* The same for a token, by authtoken_on_result(). */
int	authwork_submit_token(const struct parent_auth_token *,
	    const char *token, const char *keys, size_t keys_size);
size_t	authwork_queued(void);
/* A worker came or went (child.c); once a second, kills one that hangs. */
void	authwork_on_ready(uint16_t instance, uint32_t proc_id);
void	authwork_on_death(uint16_t instance);
void	authwork_tick(void);

void	on_auth_result(struct link *, struct link_in *);
void	on_auth_token_done(struct link *, struct link_in *);

#endif
