/*
 * The answers that every program gives to control in the same form.
 */
#ifndef PROTO_CONTROL_ANSWER_H
#define PROTO_CONTROL_ANSWER_H

#include <stdint.h>

struct link;

/* One counter. */
void	control_answer_stat(struct link *, uint64_t request, const char *name,
	    uint64_t value);
/*
 * Before a list: 0 if much of what control asked for is still unread.  It has
 * had the last answer then, and is to ask again; else the answers of one turn,
 * which it had no time to read, could end the link (base/link.c).
 */
int	control_answer_may_list(struct link *, uint64_t request);
/* The last answer.  failed 0: it was done; text may be NULL. */
void	control_answer_done(struct link *, uint64_t request, int failed,
	    const char *text);
/* The last of this part, and there is more. */
void	control_answer_next(struct link *, uint64_t request, uint32_t next);

#endif
