/*
 * smtpsctl's parts: the connection to control, the commands that show and
 * the commands that change users.  For smtpsctl only.
 */
#ifndef SMTPSCTL_CTL_H
#define SMTPSCTL_CTL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/ctl.h"

/* The daemon's defaults.  No option and no environment changes SUBMIT. */
#ifdef __OpenBSD__
#define CONTROL_SOCKET_PATH	"/var/run/smtpsd.sock"
#define SUBMIT_SOCKET_PATH	"/var/run/smtpsd.submit"
#else
#define CONTROL_SOCKET_PATH	"/run/smtpsd.sock"
#define SUBMIT_SOCKET_PATH	"/run/smtpsd.submit"
#endif

struct ctl_handlers {
	void	(*session)(const struct session_info *);
	void	(*item)(const struct queue_item *);
	void	(*stat)(const struct ctl_stat *);
	void	(*listener)(const struct listener_info *);
	void	(*limit)(const struct limit_info *);
	void	(*login)(const struct login_info *);
	void	(*body)(const char *, size_t);
	void	(*text)(const char *);	/* of success; NULL: printed */
};

/*
 * connect.c: -1 and errno if nobody listens there.  Call it before the first
 * output: what is printed while an answer comes waits until all of it is
 * here, so that a reader's pace concerns nobody but smtpsctl.  path must stay.
 */
int	ctl_connect(const char *path);
/*
 * One request and its whole answer.  0: done; -1: refused, failed or the
 * connection broke (complaint printed to standard error).
 */
int	ctl_request(uint32_t type, uint64_t arg, uint32_t limit,
	    const struct ctl_handlers *);
/*
 * A message from part on, until a part has been printed; part becomes the
 * next.  1: there is more; 0, -1 as above.
 */
int	ctl_request_part(uint64_t message, struct message_part *part,
	    const struct ctl_handlers *);
/* The same with a text: a user, an address, a domain. */
int	ctl_request_text(uint32_t type, uint64_t arg, uint32_t limit,
	    const char *text, const struct ctl_handlers *);

/* A handler for warnings: to standard error. */
void	complain_text(const char *);

/* show.c: exit status */
int	show_sessions(int json);
/* Some pages of what stands above an envelope, or all of it. */
int	show_queue(uint64_t above, int is_all, int json);
int	show_stats(int json);
int	show_listeners(int json);
int	show_limits(const char *user, int json);	/* NULL: all users */

/* queue.c: exit status */
/* "all", "above ID"; no words: from the beginning. */
int	show_queue_part(int argc, char **argv, int json);
int	show_message(const char *id);
int	show_envelope(const char *id, int json);
/* "hold", "release", "schedule" or "remove": words say what. */
int	queue_edit(const char *verb, int argc, char **argv, int json);
int	queue_pause(const char *what, int is_pause);
/* -1: no id of a message, and a complaint. */
int	queue_message_id(const char *text, uint64_t *id);
/* One line of show queue. */
void	queue_item_table(const struct queue_item *);
void	queue_item_json(const struct queue_item *);

/*
 * logins.c: when passwords were used, as a running smtpsd tells, which takes
 * the path of its socket.  -1: it does not; without a complaint if there is
 * none or the caller may not ask.
 */
int	logins_load(const char *path);
/* Seconds since the epoch; 0: never. */
int64_t	logins_find(const char *login);

/* users.c: exit status */
#define USERS_LINE_SIZE	2048	/* what stands behind a name */

/* owner NULL: all, else that user's devices.  has_logins: logins_load() did. */
int	users_show(const char *file, const char *owner, int json,
	    int has_logins);
int	users_add(const char *file, const char *user, int must_exist);
int	users_delete(const char *file, const char *user);
int	users_check(const char *file, const char *user, int json);
/* One line of standard input, "" if there is none; -1: complained. */
int	users_password_stdin(char *out, size_t outsize);
/* HASH:VERIFIER of a password; -1: complained. */
int	users_line(const char *password, char *out, size_t outsize);

/* devices.c: exit status */
int	devices_add(const char *file, const char *user, const char *device,
	    char **scope, int nscope, int json);
int	devices_delete(const char *file, const char *user, const char *device);

#endif
