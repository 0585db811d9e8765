/*
 * The sandbox as the parent sees it: what the system has, how strict the
 * configuration wants it, and what each kind of child says is in force.
 */
#ifndef PARENT_CONFINE_H
#define PARENT_CONFINE_H

#include <stdint.h>

#include "proto/boot.h"

struct any_conf;
struct conf;
struct link;

/* -L, before anything is started: forbidden calls are logged, not fatal. */
void		 confine_learn(void);
/* NULL, or why no child could start here with this configuration. */
const char	*confine_fault(const struct conf *);
/* For -n: what would be in force, on standard error. */
void		 confine_print(const struct conf *);
/* At start and after a reload: what is not as it should be, loudly. */
void		 confine_warn(const struct conf *);
/* The mode for BOOT, SANDBOX_* of base/sandbox.h. */
uint8_t		 confine_mode(const struct conf *);

/*
 * The first CONF_DONE of a process, sent before it saw anything of the
 * outside.  -1: it runs with less than it must.
 */
int		 confine_note(enum proc_kind, const struct any_conf *,
		    const struct conf *);
/* Counters parent.sandbox.*, as smtpsctl(8) explains them. */
void		 confine_stats(struct link *, const struct conf *,
		    uint64_t request);

#endif
