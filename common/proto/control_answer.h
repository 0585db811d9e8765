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
/* The last answer.  failed 0: it was done; text may be NULL. */
void	control_answer_done(struct link *, uint64_t request, int failed,
	    const char *text);

#endif
