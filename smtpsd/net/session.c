/*
 * The life of a session: sockets, buffers, time.  How it comes to be is
 * admit.c's, what the client says smtp.c's business.
 *
 * Input is read in one buffer shared by all and handled at once; only what
 * cannot be handled yet is kept with the session.  Output is gathered and
 * leaves at the end of the turn with one write, so that a pipelined group is
 * answered in one TLS record.  A session ends at the end of the turn too:
 * until then is_dead tells everybody to keep away.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/reply.h"
#include "admit.h"
#include "conf.h"
#include "journal.h"
#include "listener.h"
#include "memory.h"
#include "pace.h"
#include "perip.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"

#define BUCKETS		4096
#define INPUT_SIZE	32768	/* a TLS record and a rest before it */
#define OUTPUT_MAX	16384	/* unsent replies before reading pauses */
#define REFUSALS_MAX	1000	/* even if they are trouble of ours */
#define TURN_MAX	262144	/* bytes of one session in one turn */
#define CLOSE_S		10	/* to take the last reply */
#define STOP_S		3

static TAILQ_HEAD(, session)	 all = TAILQ_HEAD_INITIALIZER(all);
static TAILQ_HEAD(, session)	 work = TAILQ_HEAD_INITIALIZER(work);
static struct session		*buckets[BUCKETS];
static uint32_t			 last_id, nsessions;
static char			 input[INPUT_SIZE];
static size_t			 input_high;	/* bytes of it in use */
static struct event		 tick_ev;
static uint64_t			 stop_ms;

static void
session_has_work(struct session *s)
{
	if (s->has_work)
		return;
	s->has_work = 1;
	TAILQ_INSERT_TAIL(&work, s, work);
}

void
session_drop(struct session *s, const char *why)
{
	if (s->is_dead)
		return;
	journal_end(s, why);
	s->is_dead = 1;
	session_has_work(s);
}

void
session_finish(struct session *s)
{
	s->is_closing = 1;
	session_deadline(s, CLOSE_S);
	session_has_work(s);
}

void
session_wake(struct session *s)
{
	s->wait = WAIT_NOTHING;
	s->must_run = 1;
	session_has_work(s);
}

void
session_deadline(struct session *s, uint64_t seconds)
{
	s->deadline_ms = proc_now_ms() + seconds * 1000;
}

void
session_send(struct session *s, const char *text, size_t size)
{
	uint32_t	 want;
	char		*p;

	if (s->is_dead)
		return;
	if (s->out_size + size > s->out_capacity) {
		want = s->out_capacity == 0 ? 512 : s->out_capacity;
		while (want < s->out_size + size)
			want *= 2;
		if ((p = realloc(s->out, want)) == NULL) {
			session_drop(s, "no memory");
			return;
		}
		s->out = p;
		s->out_capacity = want;
	}
	memcpy(s->out + s->out_size, text, size);
	s->out_size += (uint32_t)size;
	session_has_work(s);
}

/* 4.3.x is trouble of ours; a client that meets a limit on recipients or of
 * its user has done nothing wrong (RFC 5321 4.5.3.1.10). */
static int
reply_is_error(unsigned int reply)
{
	const struct reply	*r = reply_get(reply);

	return r->code >= 400 && strncmp(r->enhanced, "4.3.", 4) != 0 &&
	    reply != REPLY_TOO_MANY_RCPT && reply != REPLY_USER_RECIPIENTS &&
	    reply != REPLY_USER_MESSAGES;
}

static void
session_say(struct session *s, unsigned int reply, const char *arg)
{
	char	buf[768];
	size_t	size;

	size = reply_format(buf, sizeof(buf), reply, arg);
	if (reply_get(reply)->code >= 400)
		size = journal_refusal(s, buf, size, sizeof(buf));
	session_send(s, buf, size);
}

void
session_reply(struct session *s, unsigned int reply, const char *arg)
{
	/* Behind the last one it would answer nothing. */
	if (s->is_closing)
		return;
	session_say(s, reply, arg);
	if (reply_get(reply)->code < 400)
		return;
	if (reply_get(reply)->code == 421) {
		session_finish(s);
		return;
	}
	if (!reply_is_error(reply) && s->refusals < REFUSALS_MAX)
		return;
	if (++s->errors > conf_limits()->errors_max) {
		s->is_closing = 1;
		s->why = "too many errors";
		session_say(s, REPLY_TOO_MANY_ERRORS, NULL);
		session_finish(s);
	}
}

/* Send what has been gathered.  1: all is sent. */
static int
session_flush(struct session *s)
{
	ssize_t	n;

	while (s->out_off < s->out_size) {
		n = tio_write(&s->tio, s->out + s->out_off,
		    s->out_size - s->out_off);
		if (n == TIO_WANT_WRITE && !s->write_on) {
			event_add(&s->write_ev, NULL);
			s->write_on = 1;
		}
		if (n == TIO_WANT_WRITE || n == TIO_WANT_READ)
			return 0;
		if (n <= 0) {
			session_drop(s, tio_error(&s->tio));
			return 0;
		}
		s->out_off += (uint32_t)n;
	}
	if (s->out != NULL && s->out_capacity > 512) {
		free(s->out);
		s->out = NULL;
		s->out_capacity = 0;
	}
	s->out_off = s->out_size = 0;
	return 1;
}

int
session_is_full(const struct session *s)
{
	return s->out_size - s->out_off > OUTPUT_MAX;
}

static int
session_is_blocked(const struct session *s)
{
	return s->is_dead || s->is_closing || s->wait != WAIT_NOTHING ||
	    s->starts_tls || session_is_full(s);
}

/* The client cannot speak SMTP yet. */
static int
session_is_early(const struct session *s)
{
	return s->mode == MODE_HANDSHAKE || s->mode == MODE_PROXY;
}

static void
session_handshake(struct session *s)
{
	int	n;

	n = tio_handshake(&s->tio);
	if (n == 0) {
		stats_add(STAT_HANDSHAKES, 1);
		s->mode = MODE_COMMAND;
		smtp_start(s);
	} else if (n == TIO_WANT_WRITE) {
		if (!s->write_on)
			event_add(&s->write_ev, NULL);
		s->write_on = 1;
	} else if (n == TIO_ERROR) {
		stats_add(STAT_HANDSHAKE_FAILURES, 1);
		session_drop(s, tio_error(&s->tio));
	}
}

static void
session_start_tls(struct session *s, size_t have)
{
	s->starts_tls = 0;
	if (have > 0) {
		/* Commands in the clear that would run inside TLS. */
		s->why = "plain text after STARTTLS";
		session_reply(s, REPLY_INJECTION, NULL);
		session_finish(s);
		return;
	}
	session_reply(s, REPLY_TLS_READY, NULL);
	if (!session_flush(s) || tio_start_tls(&s->tio,
	    listener_tls(s->listener)) == -1) {
		session_drop(s, "STARTTLS");
		return;
	}
	s->mode = MODE_HANDSHAKE;
	session_deadline(s, pace_handshake_s());
}

/*
 * It goes on in the next turn, when all others had theirs: neither the event
 * library nor session_turn() ends before nobody has anything more to do.
 */
static void
session_yield(struct session *s)
{
	s->must_yield = 1;
	session_has_work(s);
}

/*
 * Handle and read in turns until there is no more or it has to wait.  One
 * that always has more goes on in the next turn: others have theirs.
 */
static size_t
session_read(struct session *s, size_t have)
{
	size_t	used, total = 0;
	ssize_t	n;

	for (;;) {
		used = have > 0 && !session_is_blocked(s) ?
		    smtp_input(s, input, have) : 0;
		have -= used;
		if (used > 0 && have > 0)
			memmove(input, input + used, have);
		if (session_is_blocked(s) || have == sizeof(input))
			return have;
		if (total >= TURN_MAX) {
			session_yield(s);
			return have;
		}
		n = tio_read(&s->tio, input + have, sizeof(input) - have);
		if (n > 0) {
			have += (size_t)n;
			total += (size_t)n;
			if (have > input_high)
				input_high = have;
			s->last_ms = proc_now_ms();
			continue;
		}
		if (n == TIO_WANT_WRITE && !s->write_on) {
			event_add(&s->write_ev, NULL);
			s->write_on = 1;
		}
		if (n == 0)
			session_drop(s, "closed by the client");
		else if (n == TIO_ERROR)
			session_drop(s, tio_error(&s->tio));
		return have;
	}
}

static void
session_keep(struct session *s, size_t have)
{
	if (have > 0 && !s->is_dead && !s->is_closing) {
		if ((s->in = malloc(have)) == NULL) {
			session_drop(s, "no memory");
		} else {
			memcpy(s->in, input, have);
			s->in_size = (uint32_t)have;
		}
	}
	/* Until it is authenticated, a password may be in it. */
	if (s->user == NULL)
		explicit_bzero(input, input_high);
	input_high = 0;
}

static void
session_run(struct session *s)
{
	size_t	have = 0;

	s->must_run = 0;
	if (s->read_off && !s->is_closing) {
		event_add(&s->read_ev, NULL);
		s->read_off = 0;
	}
	if (s->mode == MODE_PROXY) {
		admit_proxy(s);
		if (s->mode == MODE_PROXY || s->is_dead)
			return;
	}
	tio_enter(&s->tio);
	if (s->mode == MODE_HANDSHAKE)
		session_handshake(s);
	if (s->mode != MODE_HANDSHAKE && !session_is_blocked(s)) {
		if (s->in != NULL) {
			have = s->in_size;
			memcpy(input, s->in, have);
			input_high = have;
			explicit_bzero(s->in, have);
			free(s->in);
			s->in = NULL;
			s->in_size = 0;
		}
		have = session_read(s, have);
		if (s->starts_tls && !s->is_dead) {
			session_start_tls(s, have);
			have = 0;
		}
		session_keep(s, have);
	}
	if (tio_leave(&s->tio) == -1)
		session_drop(s, "no memory");
	session_has_work(s);
}

static void
on_readable(int fd, short what, void *arg)
{
	struct session	*s = arg;

	(void)fd;
	(void)what;
	if (s->is_dead)
		return;
	tio_readable(&s->tio);
	if (!session_is_early(s) && session_is_blocked(s)) {
		/* Only now: most waits end before more input arrives. */
		event_del(&s->read_ev);
		s->read_off = 1;
		return;
	}
	session_run(s);
}

static void
on_writable(int fd, short what, void *arg)
{
	struct session	*s = arg;

	(void)fd;
	(void)what;
	s->write_on = 0;
	if (s->is_dead)
		return;
	s->must_run = 1;
	session_has_work(s);
}

static void
session_free(struct session *s)
{
	struct session	**sp;

	smtp_end(s);
	event_del(&s->read_ev);
	event_del(&s->write_ev);
	tio_close(&s->tio);
	perip_drop(s->perip);
	listener_part(s->listener);
	for (sp = &buckets[s->id % BUCKETS]; *sp != s; sp = &(*sp)->next)
		;
	*sp = s->next;
	TAILQ_REMOVE(&all, s, entry);
	admit_leave(s);
	nsessions--;
	stats_add(STAT_SESSIONS, -1);
	if (s->in != NULL)
		explicit_bzero(s->in, s->in_size);
	free(s->in);
	free(s->out);
	free(s->helo);
	free(s->user);
	free(s);
}

static void
session_work(struct session *s)
{
	uint32_t	unsent;

	if (s->must_run && (session_is_early(s) ||
	    !session_is_blocked(s)))
		session_run(s);
	/* Before it is over nothing of ours can be sent. */
	if (s->is_dead || session_is_early(s))
		return;
	unsent = s->out_size - s->out_off;
	if (s->must_yield) {
		s->must_yield = 0;
		event_active(&s->read_ev, EV_READ, 1);
	}
	if (!session_flush(s))
		return;
	if (s->is_closing)
		session_drop(s, s->why != NULL ? s->why : "quit");
	else if (unsent > OUTPUT_MAX)
		/* It had stopped reading only for that. */
		event_active(&s->read_ev, EV_READ, 1);
}

void
session_turn(void)
{
	struct session	*s;

	smtp_data_turn();
	while ((s = TAILQ_FIRST(&work)) != NULL) {
		TAILQ_REMOVE(&work, s, work);
		s->has_work = 0;
		if (s->is_dead)
			session_free(s);
		else
			session_work(s);
	}
	memory_trim(nsessions);
	if (stop_ms != 0 && (nsessions == 0 || proc_now_ms() >= stop_ms))
		proc_exit(0);
}

struct session *
session_find(uint64_t id)
{
	struct session	*s;

	for (s = buckets[id % BUCKETS]; s != NULL; s = s->next)
		if (s->id == id)
			return s->is_dead ? NULL : s;
	return NULL;
}

void
session_each(void (*each)(struct session *, void *), void *arg)
{
	struct session	*s;

	TAILQ_FOREACH(s, &all, entry)
		if (!s->is_dead)
			each(s, arg);
}

uint32_t
session_count(void)
{
	return nsessions;
}

int
session_is_stopping(void)
{
	return stop_ms != 0;
}

static uint64_t
session_new_id(void)
{
	uint64_t	id;

	do {
		if (++last_id == 0)
			last_id = 1;
		id = (uint64_t)proc_id() << 32 | last_id;
	} while (session_find(id) != NULL);
	return id;
}

void
session_add(struct session *s, struct listener *l, int fd)
{
	s->listener = listener_join(l);
	s->id = session_new_id();
	s->next = buckets[s->id % BUCKETS];
	buckets[s->id % BUCKETS] = s;
	TAILQ_INSERT_TAIL(&all, s, entry);
	nsessions++;
	stats_add(STAT_SESSIONS, 1);
	s->start_ms = s->last_ms = proc_now_ms();
	memory_reach(fd);
	event_set(&s->read_ev, fd, EV_READ | EV_PERSIST, on_readable, s);
	event_set(&s->write_ev, fd, EV_WRITE, on_writable, s);
	event_add(&s->read_ev, NULL);
	session_deadline(s, pace_handshake_s());
	log_debug("session=%016llx address=%s connected port=%u",
	    (unsigned long long)s->id, s->address, listener_info(l)->port);
}

static void
session_timeout(struct session *s, void *arg)
{
	unsigned int	reply;

	if ((reply = pace_check(s, *(uint64_t *)arg)) == REPLY_NONE)
		return;
	stats_add(STAT_TIMEOUTS, 1);
	if (session_is_early(s) || s->is_closing ||
	    s->out_off < s->out_size) {
		session_drop(s, "timeout");
		return;
	}
	s->why = "timeout";
	session_reply(s, reply, NULL);
	session_finish(s);
}

static void
on_tick(int fd, short what, void *arg)
{
	struct timeval	tv = { 1, 0 };
	uint64_t	now = proc_now_ms();

	(void)fd;
	(void)what;
	(void)arg;
	event_add(&tick_ev, &tv);
	listener_tick();
	session_each(session_timeout, &now);
}

int
session_init(void)
{
	struct timeval	tv = { 1, 0 };

	event_set(&tick_ev, -1, 0, on_tick, NULL);
	return event_add(&tick_ev, &tv);
}

static void
session_stop_one(struct session *s, void *arg)
{
	(void)arg;
	if (session_is_early(s)) {
		session_drop(s, "shutdown");
	} else if (s->mode != MODE_DATA && !s->is_closing) {
		session_reply(s, REPLY_SHUTDOWN, NULL);
		session_finish(s);
	}
}

void
session_stop(void)
{
	if (stop_ms != 0)
		return;
	stop_ms = proc_now_ms() + STOP_S * 1000;
	conf_retire();
	session_each(session_stop_one, NULL);
}
