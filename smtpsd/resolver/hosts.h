/*
 * The hosts(5) table, given as text.  For resolver only.
 */
#ifndef RESOLVER_HOSTS_H
#define RESOLVER_HOSTS_H

#include <stddef.h>

#include "proto/relay_resolver.h"

/* Keeps text: the table looks names up in it. */
void		hosts_set(char *text);		/* takes malloc'd text or NULL */
/* Up to max addresses of the name; 0: not in the table. */
uint32_t	hosts_find(const char *name, struct host_address *, uint32_t max);
/* Numeric address to its form on the link.  -1: not numeric. */
int		hosts_parse_address(const char *, struct host_address *);

#endif
