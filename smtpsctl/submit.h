/*
 * An SMTP client on the socket where users of this host hand over mail.  All
 * functions that return int: 0, or an exit status of sysexits(3) with the
 * reason in submit_error().  For sendmail.c.
 */
#ifndef SMTPSCTL_SUBMIT_H
#define SMTPSCTL_SUBMIT_H

#include <stddef.h>
#include <stdint.h>

struct submit;

/* NULL: no memory. */
struct submit	*submit_new(const char *path, int verbose);
/* Connect without a word: a descriptor, or -1. */
int		 submit_connect(const char *path);
/* Connect, read the greeting, say EHLO; again after submit_close(). */
int		 submit_open(struct submit *);
int		 submit_is_open(const struct submit *);
const char	*submit_host(const struct submit *);	/* the server's name */
uint64_t	 submit_limit(const struct submit *);	/* SIZE; 0: none */
/* parameters: " BODY=8BITMIME ..." or "". */
int		 submit_mail(struct submit *, const char *sender,
		    const char *parameters);
int		 submit_rcpt(struct submit *, const char *rcpt,
		    const char *parameters);
int		 submit_data(struct submit *);
int		 submit_write(struct submit *, const char *data, size_t size);
/* The dot and its answer. */
int		 submit_end(struct submit *);
/* QUIT, not within a message; and hang up. */
void		 submit_quit(struct submit *);
void		 submit_close(struct submit *);
/* Printable. */
const char	*submit_error(const struct submit *);
void		 submit_free(struct submit *);

#endif
