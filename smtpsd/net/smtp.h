/*
 * The SMTP side of a session (RFC 5321): commands and their order.  smtp.c
 * dispatches, smtp_mail.c, smtp_auth.c and smtp_data.c do one topic each.
 */
#ifndef NET_SMTP_H
#define NET_SMTP_H

#include <stddef.h>
#include <stdint.h>

struct session;

/* Greets (or refuses). */
void	smtp_start(struct session *);
/* Takes what it can of buf, returns how much that was. */
size_t	smtp_input(struct session *, char *buf, size_t size);
int	smtp_has_tls(const struct session *);
int	smtp_may_dsn(const struct session *);	/* or NOTIFY is unknown */
/* A reply in its turn: behind those still awaited. */
void	smtp_answer(struct session *, unsigned int reply, const char *arg);
/* The session ends: free and tell the others. */
void	smtp_end(struct session *);

/* smtp_mail.c */
void	smtp_mail(struct session *, const char *args);
void	smtp_rcpt(struct session *, const char *args);
void	smtp_reset(struct session *);	/* drop the transaction */
int	smtp_is_waiting(const struct session *);	/* for policy's replies */
void	smtp_slots_free(struct session *);
void	smtp_mail_done(struct session *, uint32_t tx, uint64_t message,
	    uint32_t reply, const char *text);
void	smtp_rcpt_done(struct session *, uint32_t tx, uint32_t n,
	    uint32_t reply, uint32_t count, const char *text);
/* What is open cannot succeed: without this it would wait for the queue. */
void	smtp_revoked(struct session *, uint32_t tx);
void	smtp_policy_down(struct session *, void *);

/* smtp_auth.c */
void	smtp_auth(struct session *, const char *args);
void	smtp_auth_line(struct session *, const char *line);
/* What EHLO says behind AUTH here and now, each with a space before it. */
void	smtp_auth_offer(const struct session *, char *out, size_t outsize);
void	smtp_auth_challenge(struct session *, const char *, size_t);
/* valid_s: seconds, 0 is for ever. */
void	smtp_auth_done(struct session *, uint32_t result, const char *user,
	    uint32_t valid_s);
void	smtp_login_free(struct session *);

/* smtp_header.c */
/* The header is complete; -1: the transaction has failed. */
int	smtp_header_check(struct session *);
void	smtp_header_done(struct session *, uint32_t tx, uint32_t reply,
	    uint32_t n);

/* smtp_data.c */
void	smtp_data_end(struct session *);	/* all of it has come */
void	smtp_data(struct session *);
/* REPLY_NONE: MAIL and RCPT are done, a message may come. */
unsigned int smtp_data_check(struct session *);
unsigned int smtp_data_open(struct session *);
/* Octets of a chunk as well. */
size_t	smtp_data_input(struct session *, const char *buf, size_t size);
void	smtp_data_fault(struct session *);	/* fail if data.c found one */
void	smtp_data_pause(struct session *);	/* if the queue is behind */
void	smtp_data_end(struct session *);	/* all of it is there */
void	smtp_data_done(struct session *, uint32_t tx, uint64_t message,
	    uint32_t reply);
/* The transaction cannot succeed any more: keep nothing, remember why. */
void	smtp_data_fail(struct session *, unsigned int reply);
void	smtp_data_turn(void);		/* go on when the link has room */
void	smtp_queue_down(struct session *, void *);

/* smtp_bdat.c */
void	smtp_bdat(struct session *, const char *args);
/* A BDAT that may not run now: its octets follow all the same. */
void	smtp_bdat_refuse(struct session *, const char *args,
	    unsigned int reply);
size_t	smtp_bdat_input(struct session *, const char *buf, size_t size);

#endif
