/*
 * Dovecot's auth protocol, version 1.2, the client's side.
 *
 * Called by connection.c and by the test.  Owns the two buffers and the
 * table of questions; knows no descriptor and no link.  Lines are words
 * parted by tabs; a byte \001 with a letter stands for a byte that would
 * break a line.  The name and the password go as base64 of a PLAIN response
 * (RFC 4616) and so cannot break one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client.h"
#include "mail/base64.h"
#include "mail/usersfile.h"

#define LIMIT_MS	30000
#define OUTPUT_MAX	(BACKEND_DOVECOT_MAX * 2048)
#define WORDS_MAX	64

struct question {
	uint32_t	id;		/* 0: free */
	uint64_t	request;
	uint64_t	since_ms;
	char		user[LOGIN_SIZE];
};

struct client {
	void		(*verdict)(const struct backend_parent_result *);
	int		 has_version;
	int		 has_plain;
	int		 is_ready;
	uint32_t	 last_id;
	struct question	 questions[BACKEND_DOVECOT_MAX];
	size_t		 nquestions;
	size_t		 in_size, out_size;
	char		 in[CLIENT_LINE_MAX];
	char		 out[OUTPUT_MAX];
};

struct client *
client_new(void (*verdict)(const struct backend_parent_result *))
{
	struct client	*c;

	if ((c = calloc(1, sizeof(*c))) != NULL)
		c->verdict = verdict;
	return c;
}

void
client_free(struct client *c)
{
	if (c != NULL)
		freezero(c, sizeof(*c));
}

static int
put(struct client *c, const char *line, size_t size)
{
	if (size > sizeof(c->out) - c->out_size)
		return -1;
	memcpy(c->out + c->out_size, line, size);
	c->out_size += size;
	return 0;
}

const char *
client_output(const struct client *c, size_t *size)
{
	*size = c->out_size;
	return c->out;
}

void
client_sent(struct client *c, size_t size)
{
	memmove(c->out, c->out + size, c->out_size - size);
	c->out_size -= size;
	explicit_bzero(c->out + c->out_size, size);
}

int
client_is_ready(const struct client *c)
{
	return c->is_ready;
}

size_t
client_pending(const struct client *c)
{
	return c->nquestions;
}

void
client_start(struct client *c, unsigned int pid)
{
	char	 line[64];
	int	 n;

	explicit_bzero(c->out, sizeof(c->out));
	c->in_size = c->out_size = 0;
	c->has_version = c->has_plain = c->is_ready = 0;
	n = snprintf(line, sizeof(line), "VERSION\t1\t2\nCPID\t%u\n", pid);
	(void)put(c, line, (size_t)n);
}

static void
answer(struct client *c, struct question *q, enum backend_verdict verdict,
    const char *user, const char *reason)
{
	struct backend_parent_result	 r;

	memset(&r, 0, sizeof(r));
	r.request = q->request;
	r.verdict = verdict;
	strlcpy(r.user, user, sizeof(r.user));
	strlcpy(r.reason, reason, sizeof(r.reason));
	memset(q, 0, sizeof(*q));
	c->nquestions--;
	c->verdict(&r);
}

static void
cancel(struct client *c, struct question *q, const char *reason)
{
	char	 line[32];
	int	 n;

	n = snprintf(line, sizeof(line), "CANCEL\t%u\n", q->id);
	(void)put(c, line, (size_t)n);
	answer(c, q, BACKEND_LATER, "", reason);
}

void
client_tick(struct client *c, uint64_t now_ms)
{
	size_t	 i;

	for (i = 0; i < BACKEND_DOVECOT_MAX; i++)
		if (c->questions[i].id != 0 &&
		    now_ms - c->questions[i].since_ms > LIMIT_MS)
			cancel(c, &c->questions[i], "timeout");
}

void
client_give_up(struct client *c, const char *reason)
{
	size_t	 i;

	for (i = 0; i < BACKEND_DOVECOT_MAX; i++)
		if (c->questions[i].id != 0)
			answer(c, &c->questions[i], BACKEND_LATER, "", reason);
}

/* Room for a question; NULL: none. */
static struct question *
question_new(struct client *c)
{
	size_t	 i;

	for (i = 0; i < BACKEND_DOVECOT_MAX; i++) {
		if (c->questions[i].id != 0)
			continue;
		/* Ids are never 0 and never those of a pending one. */
		if (++c->last_id == 0)
			c->last_id = 1;
		c->questions[i].id = c->last_id;
		c->nquestions++;
		return &c->questions[i];
	}
	return NULL;
}

/* authzid NUL authcid NUL password, with an empty authzid. */
static int
encode_response(const struct parent_backend_check *check, char *out,
    size_t size)
{
	char	 buf[LOGIN_SIZE + PASSWORD_SIZE + 2];
	size_t	 user = strlen(check->user), password = strlen(check->password);
	int	 n;

	buf[0] = '\0';
	memcpy(buf + 1, check->user, user + 1);
	memcpy(buf + user + 2, check->password, password);
	n = base64_encode(buf, user + password + 2, out, size);
	explicit_bzero(buf, sizeof(buf));
	return n;
}

int
client_ask(struct client *c, const struct parent_backend_check *check,
    uint64_t now_ms, const char **reason)
{
	struct question	*q;
	char		 response[1024], line[CLIENT_LINE_MAX];
	int		 n, rc = -1;

	*reason = "not-connected";
	if (!c->is_ready)
		return -1;
	*reason = "no-plain";
	if (!c->has_plain)
		return -1;
	*reason = "cannot-ask";
	if (encode_response(check, response, sizeof(response)) == -1 ||
	    check->address[strcspn(check->address, "\t\n\r\001")] != '\0')
		goto out;
	*reason = "overloaded";
	if ((q = question_new(c)) == NULL)
		goto out;
	/* resp comes last, the protocol says. */
	n = snprintf(line, sizeof(line), "AUTH\t%u\tPLAIN\tservice=smtp\t"
	    "secured\tnologin\tno-penalty\trip=%s\tresp=%s\n", q->id,
	    check->address, response);
	if (n < 0 || (size_t)n >= sizeof(line) ||
	    put(c, line, (size_t)n) == -1) {
		memset(q, 0, sizeof(*q));
		c->nquestions--;
		goto out;
	}
	q->request = check->request;
	q->since_ms = now_ms;
	strlcpy(q->user, check->user, sizeof(q->user));
	rc = 0;
 out:
	explicit_bzero(response, sizeof(response));
	explicit_bzero(line, sizeof(line));
	return rc;
}

/* In place.  -1: a byte that no string can have, or no escape. */
static int
unescape(char *s)
{
	char	*to = s;

	for (; *s != '\0'; s++) {
		if (*s != '\001') {
			*to++ = *s;
			continue;
		}
		switch (*++s) {
		case '1':
			*to++ = '\001';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 'n':
			*to++ = '\n';
			break;
		default:	/* '0' is NUL */
			return -1;
		}
	}
	*to = '\0';
	return 0;
}

static char *
find_parameter(char **words, size_t n, const char *name)
{
	size_t	 i, len = strlen(name);

	for (i = 2; i < n; i++) {
		if (strncmp(words[i], name, len) == 0 &&
		    (words[i][len] == '=' || words[i][len] == '\0'))
			return words[i] + len + (words[i][len] == '=');
	}
	return NULL;
}

static void
on_ok(struct client *c, struct question *q, char **words, size_t n)
{
	char	 user[LOGIN_SIZE];
	char	*name = find_parameter(words, n, "user");

	if (name == NULL)
		name = q->user;
	else if (unescape(name) == -1)
		name = NULL;
	/* What Dovecot calls the user is what the user may send as. */
	if (name == NULL ||
	    strlcpy(user, name, sizeof(user)) >= sizeof(user) ||
	    !users_name_ok(user)) {
		log_warnx("Dovecot knows a user by a name that smtpsd cannot "
		    "have: %s", log_vis(name));
		answer(c, q, BACKEND_LATER, "", "name-not-possible");
	} else
		answer(c, q, BACKEND_OK, user, "");
}

static void
on_fail(struct client *c, struct question *q, char **words, size_t n)
{
	const char	*code = find_parameter(words, n, "code");

	if (find_parameter(words, n, "temp") != NULL ||
	    (code != NULL && strcmp(code, "temp_fail") == 0))
		answer(c, q, BACKEND_LATER, "", "dovecot-trouble");
	else if (find_parameter(words, n, "user_disabled") != NULL ||
	    (code != NULL && strcmp(code, "user_disabled") == 0))
		answer(c, q, BACKEND_BAD, "", "account-disabled");
	else if (find_parameter(words, n, "pass_expired") != NULL ||
	    (code != NULL && strcmp(code, "pass_expired") == 0))
		answer(c, q, BACKEND_BAD, "", "password-expired");
	else
		answer(c, q, BACKEND_BAD, "", "password");
}

/* OK, FAIL and CONT; stale ones are ignored. */
static void
on_reply(struct client *c, char **words, size_t n)
{
	struct question	*q = NULL;
	const char	*why;
	uint32_t	 id;
	size_t		 i;

	if (n < 2)
		return;
	id = (uint32_t)strtonum(words[1], 1, UINT32_MAX, &why);
	if (why != NULL)
		return;
	for (i = 0; i < BACKEND_DOVECOT_MAX; i++)
		if (c->questions[i].id == id)
			q = &c->questions[i];
	if (q == NULL)
		return;
	if (strcmp(words[0], "OK") == 0)
		on_ok(c, q, words, n);
	else if (strcmp(words[0], "FAIL") == 0)
		on_fail(c, q, words, n);
	else	/* PLAIN has nothing to go on with. */
		cancel(c, q, "asks-for-more");
}

/* Before DONE.  -1: not a server that we can talk to. */
static int
on_hello(struct client *c, char **words, size_t n, const char **why)
{
	if (strcmp(words[0], "VERSION") == 0) {
		*why = "another version of the protocol";
		if (n < 2 || strcmp(words[1], "1") != 0)
			return -1;
		c->has_version = 1;
	} else if (strcmp(words[0], "MECH") == 0) {
		if (n >= 2 && strcmp(words[1], "PLAIN") == 0)
			c->has_plain = 1;
	} else if (strcmp(words[0], "DONE") == 0) {
		*why = "no version of the protocol";
		if (!c->has_version)
			return -1;
		if (!c->has_plain)
			log_warnx("Dovecot does not offer PLAIN on this "
			    "socket: auth_mechanisms = plain");
		c->is_ready = 1;
	}
	return 0;
}

static int
on_line(struct client *c, char *line, const char **why)
{
	char	*words[WORDS_MAX];
	size_t	 n = 0;

	while (n < WORDS_MAX && (words[n] = strsep(&line, "\t")) != NULL)
		n++;
	if (n == 0)
		return 0;
	if (!c->is_ready)
		return on_hello(c, words, n, why);
	if (strcmp(words[0], "OK") == 0 || strcmp(words[0], "FAIL") == 0 ||
	    strcmp(words[0], "CONT") == 0)
		on_reply(c, words, n);
	return 0;
}

int
client_input(struct client *c, const char *data, size_t size,
    const char **why)
{
	const char	*end;
	size_t		 n;

	while (size > 0) {
		end = memchr(data, '\n', size);
		n = end == NULL ? size : (size_t)(end - data);
		*why = "a line that is too long";
		if (n >= sizeof(c->in) - c->in_size)
			return -1;
		memcpy(c->in + c->in_size, data, n);
		c->in_size += n;
		if (end == NULL)
			return 0;
		c->in[c->in_size] = '\0';
		*why = "a NUL in a line";
		if (strlen(c->in) != c->in_size)
			return -1;
		c->in_size = 0;
		if (on_line(c, c->in, why) == -1)
			return -1;
		data += n + 1;
		size -= n + 1;
	}
	return 0;
}
