/*
 * Confinement of a process, in two stages, irrevocable.  One file per
 * system: sandbox_linux.c (no_new_privs, Landlock, seccomp),
 * sandbox_openbsd.c (pledge, unveil), sandbox_none.c (refuses).
 * A profile names what a program may still do after the second stage.
 * Included by proc.c, and by the parent to see what the system has.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdint.h>

enum sandbox_profile {
	SANDBOX_COMPUTE,	/* links only: auth, policy */
	SANDBOX_ACCEPT,		/* links, accept, socket i/o: net */
	SANDBOX_ANSWER,		/* links, accept, who is calling: control */
	SANDBOX_CONNECT,	/* links, TCP sockets, connect: relay */
	SANDBOX_LOOKUP,		/* links, UDP and TCP sockets: resolver */
	SANDBOX_STORE,		/* links, files below the root: queue */
	SANDBOX_MAILBOX,	/* links, files below the root: deliver */
	/*
	 * Runs a user's command: what an unprivileged user may do is not taken
	 * away, except to gain privileges (also by set-user-id programs), to
	 * signal or trace other processes and to listen.
	 */
	SANDBOX_COMMAND,
	/*
	 * Stays root and may start programs: login, whose modules are not
	 * ours.  Only what no module needs is taken away.
	 */
	SANDBOX_SYSTEM
};

/* Bits of a mode.  None is how it should be. */
#define SANDBOX_WEAK	0x1	/* go on without what the system lacks */
#define SANDBOX_LEARN	0x2	/* for porting: forbidden calls are logged and
				 * fail, they do not kill */

enum sandbox_level {
	SANDBOX_NOTHING,	/* none, or one that only learns */
	SANDBOX_PART,		/* files or calls, not both */
	SANDBOX_WHOLE
};

struct sandbox_facts {
	uint8_t	level;		/* enum sandbox_level */
	uint8_t	landlock;	/* ABI; 0: none, or another system */
};

/*
 * What this system has, without entering it: what is missing for a whole
 * one, or NULL.
 */
const char	*sandbox_probe(struct sandbox_facts *);
/*
 * While the process is still root and will not stay it: nothing that it may
 * become or start can have privileges again.  -1 and a reason in log: refuse.
 */
int	sandbox_privileges(void);
/*
 * Stage 1, after privileges are gone; the mode holds for both stages.  -1 and
 * a reason in log: refuse.
 */
int	sandbox_first(enum sandbox_profile, unsigned int mode);
/* Stage 2, the tightest.  -1 and a reason in log: refuse. */
int	sandbox_second(enum sandbox_profile);
/* What is in force in this process. */
void	sandbox_in_force(struct sandbox_facts *);
/* The same in words, for the log: "landlock=7 seccomp=kill". */
const char	*sandbox_describe(void);

#endif
