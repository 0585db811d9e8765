/*
 * The signing link: what TLS needs of a private key, and nothing else.
 */
#ifndef PARENT_SIGN_H
#define PARENT_SIGN_H

#include <stdint.h>

/* Signatures per second and net process, and how many may be saved. */
#define SIGN_RATE	2000.0
#define SIGN_BURST	4000.0

struct link;
struct link_in;

void		 on_net_sign(struct link *, struct link_in *);
uint64_t	 sign_count(void);

#endif
