/* Gives a child that is ready its links; for rules.c. */
#ifndef PARENT_WIRE_H
#define PARENT_WIRE_H

struct link;
struct link_in;

void	on_child_ready(struct link *, struct link_in *);

#endif
