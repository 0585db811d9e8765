/*
 * Confinement of a process, in two stages, irrevocable.  One file per
 * system: sandbox_linux.c (no_new_privs, Landlock, seccomp),
 * sandbox_openbsd.c (pledge, unveil), sandbox_none.c (refuses).
 * A profile names what a program may still do after the second stage.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

enum sandbox_profile {
	SANDBOX_COMPUTE,	/* links only: auth, policy */
	SANDBOX_ACCEPT,		/* links, accept, socket i/o: net, control */
	SANDBOX_CONNECT,	/* links, socket, connect: relay, resolver */
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

/* Stage 1, after privileges are gone.  -1 and a reason in log: refuse. */
int	sandbox_first(enum sandbox_profile);
/* Stage 2, the tightest.  -1 and a reason in log: refuse. */
int	sandbox_second(enum sandbox_profile);
/* What is in force, for show stats: "landlock=7 seccomp=kill". */
const char	*sandbox_describe(void);

#endif
