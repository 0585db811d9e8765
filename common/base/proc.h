/*
 * The start of every child process, the same nine steps for all, and its
 * loop.  A program's main() fills a struct proc_def and calls proc_main(),
 * which does not return before the process ends.
 *
 *  1 close stray descriptors      2 refuse a start by hand
 *  3 log through descriptor 3     4 title, umask, rlimits, no core, no dump
 *  5 warm what needs files        6 chroot, drop privileges, prove it
 *  7 first sandbox stage          8 loop, signals, parent link, READY
 *  9 second sandbox stage when the first configuration is complete
 *
 * Descriptor 4 is the link to the parent.  The parent's first message, BOOT
 * (common/proto/boot.h), names user, group, root directory and limits.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "sandbox.h"

struct proc_def {
	const char		*name;		/* "net" */
	uint8_t			 kind;		/* PROC_NET, boot.h */
	uint8_t			 stays_root;	/* only login: no chroot, uid 0 */
	enum sandbox_profile	 profile;
	/* Step 5: open and warm what needs files.  NULL: nothing. */
	int			(*warm)(void);
	/*
	 * Step 8, before the limit of processes and what follows it: start
	 * threads.  NULL: none; -1 is fatal.
	 */
	int			(*threads)(void);
	/* Step 8: make state; the parent link stands. -1 is fatal. */
	int			(*init)(struct link *parent);
	/* Rules for messages from the parent beyond those of boot.h. */
	const struct link_rule	*rules;
	size_t			 nrules;
	/*
	 * The parent hands over a link to another process.  Takes fd.
	 * A second one for the same kind replaces the first (peer restarted).
	 */
	void			(*on_link)(uint8_t kind, uint32_t peer_id,
				    uint64_t cookie, int fd);
	/*
	 * A configuration transaction: begin makes an empty new one, the
	 * messages in between fill it, end puts it in force (-1: it is
	 * incomplete, keep the old one).
	 */
	void			(*conf_begin)(void);
	int			(*conf_end)(void);
	/* SIGTERM or STOP from the parent: finish, then proc_exit(). */
	void			(*on_stop)(void);
	/* After each turn of the event loop, before links are flushed. */
	void			(*turn)(void);
	/* After links were flushed (for an order of sending; may be NULL). */
	void			(*flushed)(void);
};

int		 proc_main(int argc, char **argv, const struct proc_def *);
/* Leave the loop at the end of this turn, with everything flushed. */
void		 proc_exit(int status);
struct link	*proc_parent(void);
uint32_t	 proc_id(void);		/* unique for each start of a process */
uint16_t	 proc_instance(void);	/* 0 .. N-1 among its kind */
int		 proc_is_stopping(void);
/* Monotonic milliseconds and wall seconds, read once per turn. */
uint64_t	 proc_now_ms(void);
uint64_t	 proc_now_s(void);

#endif
