/*
 * Changes of the queue that the administrator asks for: hold, release,
 * schedule, remove.  For queue only.
 */
#ifndef QUEUE_EDIT_H
#define QUEUE_EDIT_H

#include <stddef.h>
#include <stdint.h>

struct store;

/* From QUEUE_EDIT's request; selector: address or domain, or "". */
struct edit_def {
	uint32_t	 what;		/* enum queue_edit */
	uint32_t	 which;		/* enum queue_select */
	uint64_t	 id;
	const char	*selector;
};

struct edit_result {
	int		 is_failed;
	uint64_t	 changed;
	uint64_t	 running;	/* left alone: being delivered */
};

void	edit_init(struct store *);
/* -1: not a request that can be, or too many at once. */
int	edit_start(const struct edit_def *, void (*done)(uint64_t request,
	    const struct edit_result *), uint64_t request);
/* Whoever asked is gone; the work goes on. */
void	edit_forget(void);
/* A piece of the work; the turn of the loop. */
void	edit_turn(uint64_t now_s);
int	edit_is_busy(void);

#endif
