/*
 * The libunbound context and what the parent says about it.  For resolver
 * only.
 */
#ifndef RESOLVER_CONTEXT_H
#define RESOLVER_CONTEXT_H

struct link;
struct link_in;
struct ub_ctx;

struct ub_ctx	*context_get(void);	/* NULL before the first conf */
int		 context_init(struct link *parent);
void		 context_conf_begin(void);
int		 context_conf_end(void);
void		 on_parent_resolver_text(struct link *, struct link_in *);

#endif
