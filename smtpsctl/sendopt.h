/*
 * The command line of sendmail, as the many programs that call it write it.
 * For sendmail.c and the unit test.
 */
#ifndef SMTPSCTL_SENDOPT_H
#define SMTPSCTL_SENDOPT_H

#include <stddef.h>

enum send_mode {
	SEND_MESSAGE,		/* a message on standard input */
	SEND_SMTP,		/* -bs */
	SEND_MAILQ,		/* -bp */
	SEND_ALIASES,		/* -bi */
	SEND_QUEUE		/* -q */
};

struct send_options {
	enum send_mode	 mode;
	int		 from_header;	/* -t */
	int		 ignore_dots;	/* -i */
	int		 verbose;	/* -v */
	const char	*sender;	/* -f; NULL: not given */
	const char	*name;		/* -F; NULL: not given */
	const char	*queue;		/* behind -q; NULL: not given */
	const char	*ret;		/* -R: "FULL", "HDRS" or NULL */
	char		 notify[32];	/* -N: as in RCPT, or "" */
	char		 envid[320];	/* -V: xtext, or "" */
	int		 argc;		/* recipients */
	char		**argv;
};

/* 0, or an exit status with the reason in err. */
int	send_options(struct send_options *, int argc, char **argv, char *err,
	    size_t errsize);

#endif
