/*
 * The mailbox or command that this process is for.  For deliver only.
 */
#ifndef DELIVER_CONF_H
#define DELIVER_CONF_H

#include "proto/parent_deliver.h"

struct link;
struct link_in;
struct outcome;

void	conf_begin(void);
int	conf_end(void);		/* -1: no or a bad mailbox */
void	on_parent_deliver_conf(struct link *, struct link_in *);
const struct parent_deliver_conf *conf_now(void);
/* Where paths of mailboxes begin, as a descriptor; -1 and an outcome. */
int	conf_root(struct outcome *);

#endif
