/*
 * Questions of relay, answered from hosts(5) or by libunbound.  For
 * resolver only.
 */
#ifndef RESOLVER_LOOKUP_H
#define RESOLVER_LOOKUP_H

#include <stdint.h>

struct link;
struct link_in;

int	lookup_init(struct link *parent);
void	lookup_conf_begin(void);
int	lookup_conf_end(void);
void	on_parent_resolver_text(struct link *, struct link_in *);
void	lookup_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd);
void	lookup_on_stop(void);

#endif
