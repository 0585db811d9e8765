/*
 * AUTH (RFC 4954), with or without an initial response.  Only the dialogue is
 * here: PLAIN and LOGIN are put in one form, what the client says by other
 * mechanisms goes to the parent as it is.  Buffers it passed through are wiped.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/proc.h"
#include "mail/base64.h"
#include "mail/reply.h"
#include "proto/net_parent.h"
#include "conf.h"
#include "journal.h"
#include "listener.h"
#include "session.h"
#include "smtp.h"
#include "stats.h"

enum login_step {
	LOGIN_FIRST,		/* the initial response, of all but LOGIN */
	LOGIN_USER, LOGIN_PASSWORD,
	LOGIN_ASKED,		/* by the parent, in the middle */
	LOGIN_CHECK		/* the parent has it */
};

struct login {
	enum login_step	 step;
	uint8_t		 mechanism;	/* AUTH_* */
	size_t		 user_size;
	char		 user[LOGIN_SIZE];
};

/* The strongest first: many clients take the first that they know. */
static const struct { const char *name; uint8_t mechanism; } mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", AUTH_SCRAM_PLUS },
	{ "SCRAM-SHA-256", AUTH_SCRAM },
	{ "EXTERNAL", AUTH_EXTERNAL },
	{ "PLAIN", AUTH_PLAIN },
	{ "LOGIN", AUTH_LOGIN },
	/* Who has a token looks for these. */
	{ "OAUTHBEARER", AUTH_OAUTHBEARER },
	{ "XOAUTH2", AUTH_XOAUTH2 },
};

void
smtp_login_free(struct session *s)
{
	struct net_parent_session	cancel;

	if (s->login == NULL)
		return;
	if ((s->login->step == LOGIN_CHECK && s->wait == WAIT_AUTH) ||
	    s->login->step == LOGIN_ASKED) {
		memset(&cancel, 0, sizeof(cancel));
		cancel.session = s->id;
		(void)link_send(proc_parent(), MSG_NET_PARENT_AUTH_CANCEL,
		    &cancel, sizeof(cancel));
	}
	freezero(s->login, sizeof(*s->login));
	s->login = NULL;
}

/* The dialogue is over. */
static void
auth_end(struct session *s, unsigned int reply)
{
	smtp_login_free(s);
	s->mode = MODE_COMMAND;
	session_deadline(s, conf_limits()->command_s);
	session_reply(s, reply, NULL);
}

static void
auth_ask(struct session *s, enum login_step step, const char *challenge)
{
	s->login->step = step;
	s->mode = MODE_AUTH;
	session_reply(s, REPLY_AUTH_GO, challenge);
}

/* The parent has something to look at. */
static void
auth_wait(struct session *s)
{
	s->login->step = LOGIN_CHECK;
	s->mode = MODE_COMMAND;
	s->wait = WAIT_AUTH;
	/* The parent tells policy first, perhaps just before we end. */
	s->policy_knows = 1;
	session_deadline(s, SESSION_INTERNAL_S);
}

static void
auth_send(struct session *s, const void *tail, size_t size)
{
	struct net_parent_auth	a;

	memset(&a, 0, sizeof(a));
	a.session = s->id;
	a.listener = listener_info(s->listener)->id;
	a.mechanism = s->login->mechanism;
	strlcpy(a.address, s->address, sizeof(a.address));
	if (s->login->mechanism == AUTH_SCRAM_PLUS)
		a.has_exporter = tio_exporter(&s->tio, a.exporter) == 0;
	if (link_send_tail(proc_parent(), MSG_NET_PARENT_AUTH, &a, sizeof(a),
	    tail, size) == -1)
		auth_end(s, REPLY_AUTH_LATER);
	else
		auth_wait(s);
}

static void
auth_send_step(struct session *s, const void *tail, size_t size)
{
	struct net_parent_step	m;

	memset(&m, 0, sizeof(m));
	m.session = s->id;
	if (link_send_tail(proc_parent(), MSG_NET_PARENT_AUTH_STEP, &m,
	    sizeof(m), tail, size) == -1)
		auth_end(s, REPLY_AUTH_LATER);
	else
		auth_wait(s);
}

/* NUL user NUL password, as PLAIN has it. */
static void
auth_login_send(struct session *s, const char *password, size_t size)
{
	char	buf[AUTH_TAIL_MAX];
	size_t	n = s->login->user_size;

	if (n + size + 2 > sizeof(buf) || size == 0 ||
	    memchr(password, '\0', size) != NULL) {
		auth_end(s, REPLY_AUTH_BAD);
		return;
	}
	buf[0] = '\0';
	memcpy(buf + 1, s->login->user, n);
	buf[n + 1] = '\0';
	memcpy(buf + n + 2, password, size);
	auth_send(s, buf, n + size + 2);
	explicit_bzero(buf, sizeof(buf));
}

/* The certificate of the handshake, and whose login the client asks for. */
static void
auth_external_send(struct session *s, const char *authzid, size_t size)
{
	char		 buf[AUTH_TAIL_MAX];
	const char	*hash, *subject;
	size_t		 at, n;

	if (size >= LOGIN_SIZE || memchr(authzid, '\0', size) != NULL) {
		auth_end(s, REPLY_BAD_AUTH_DATA);
		return;
	}
	if (tio_peer(&s->tio, &hash, &subject) == -1 ||
	    (n = strlen(hash)) >= LOGIN_SIZE) {
		auth_end(s, REPLY_AUTH_BAD);
		return;
	}
	memcpy(buf, authzid, size);
	buf[size] = '\0';
	at = size + 1;
	memcpy(buf + at, hash, n + 1);
	at += n + 1;
	/* Nobody is known by a subject that does not fit, or was not proved. */
	if (listener_info(s->listener)->ca != 0 &&
	    (n = strlen(subject)) <= sizeof(buf) - at) {
		memcpy(buf + at, subject, n);
		at += n;
	}
	auth_send(s, buf, at);
}

/* Exactly two NULs, both with something between and behind them. */
static int
auth_plain_is_sane(const char *buf, size_t size)
{
	const char	*user, *password;

	if ((user = memchr(buf, '\0', size)) == NULL)
		return 0;
	user++;
	size -= (size_t)(user - buf);
	if ((password = memchr(user, '\0', size)) == NULL || password == user)
		return 0;
	password++;
	size -= (size_t)(password - user);
	return size > 0 && memchr(password, '\0', size) == NULL;
}

static void
auth_user(struct session *s, const char *buf, size_t size)
{
	if (size == 0 || size >= sizeof(s->login->user) ||
	    memchr(buf, '\0', size) != NULL) {
		auth_end(s, REPLY_BAD_AUTH_DATA);
		return;
	}
	memcpy(s->login->user, buf, size);
	s->login->user_size = size;
	auth_ask(s, LOGIN_PASSWORD, "UGFzc3dvcmQ6");	/* Password: */
}

static void
auth_first(struct session *s, const char *buf, size_t size)
{
	if (s->login->mechanism == AUTH_EXTERNAL)
		auth_external_send(s, buf, size);
	else if (s->login->mechanism == AUTH_PLAIN ?
	    !auth_plain_is_sane(buf, size) : size == 0)
		auth_end(s, REPLY_BAD_AUTH_DATA);
	else
		auth_send(s, buf, size);
}

static void
auth_response(struct session *s, const char *text)
{
	char	buf[AUTH_TAIL_MAX];
	int	n;

	n = base64_decode(text, strlen(text), buf, sizeof(buf));
	if (n == -1)
		auth_end(s, REPLY_BAD_AUTH_DATA);
	else if (s->login->step == LOGIN_USER)
		auth_user(s, buf, (size_t)n);
	else if (s->login->step == LOGIN_PASSWORD)
		auth_login_send(s, buf, (size_t)n);
	else if (s->login->step == LOGIN_ASKED)
		auth_send_step(s, buf, (size_t)n);
	else
		auth_first(s, buf, (size_t)n);
	explicit_bzero(buf, sizeof(buf));
}

void
smtp_auth_line(struct session *s, const char *line)
{
	session_deadline(s, conf_limits()->command_s);
	if (strcmp(line, "*") == 0)
		auth_end(s, REPLY_AUTH_ABORTED);
	else
		auth_response(s, line);
}

static int
auth_is_offered(const struct session *s, uint8_t mechanism)
{
	uint32_t	 bits = listener_mechanisms(s->listener);
	const char	*hash, *subject;

	if (mechanism == AUTH_EXTERNAL && tio_peer(&s->tio, &hash,
	    &subject) == -1)
		return 0;
	return (bits & AUTH_BIT(mechanism)) != 0;
}

void
smtp_auth_offer(const struct session *s, char *out, size_t outsize)
{
	size_t	i;

	out[0] = '\0';
	if (!listener_info(s->listener)->auth || s->user != NULL ||
	    !smtp_has_tls(s))
		return;
	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (auth_is_offered(s, mechanisms[i].mechanism)) {
			strlcat(out, " ", outsize);
			strlcat(out, mechanisms[i].name, outsize);
		}
}

/* 0: none that is offered. */
static uint8_t
auth_find(const struct session *s, const char *name, size_t size)
{
	size_t	i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (strlen(mechanisms[i].name) == size &&
		    strncasecmp(mechanisms[i].name, name, size) == 0 &&
		    auth_is_offered(s, mechanisms[i].mechanism))
			return mechanisms[i].mechanism;
	return 0;
}

void
smtp_auth(struct session *s, const char *args)
{
	size_t	n = strcspn(args, " ");
	uint8_t	mechanism = auth_find(s, args, n);
	int	is_login = mechanism == AUTH_LOGIN;

	if (mechanism == 0) {
		session_reply(s, n == 0 ? REPLY_SYNTAX : REPLY_AUTH_MECHANISM,
		    NULL);
		return;
	}
	if ((s->login = calloc(1, sizeof(*s->login))) == NULL) {
		session_reply(s, REPLY_AUTH_LATER, NULL);
		return;
	}
	s->login->mechanism = mechanism;
	s->login->step = is_login ? LOGIN_USER : LOGIN_FIRST;
	args += n;
	while (*args == ' ')
		args++;
	if (*args == '\0')
		auth_ask(s, s->login->step, is_login ? "VXNlcm5hbWU6" : "");
	else	/* "=": an empty response (RFC 4954 4) */
		auth_response(s, strcmp(args, "=") == 0 ? "" : args);
}

/* The parent wants to hear more of the client. */
void
smtp_auth_challenge(struct session *s, const char *text, size_t size)
{
	char	buf[CHALLENGE_MAX * 2];

	if (s->wait != WAIT_AUTH || s->login == NULL) {
		stats_add(STAT_STALE, 1);
		return;
	}
	session_wake(s);
	session_deadline(s, conf_limits()->command_s);
	if (base64_encode(text, size, buf, sizeof(buf)) == -1)
		auth_end(s, REPLY_AUTH_LATER);
	else
		auth_ask(s, LOGIN_ASKED, buf);
	explicit_bzero(buf, sizeof(buf));
}

void
smtp_auth_done(struct session *s, uint32_t result, const char *user,
    uint32_t valid_s)
{
	if (s->wait != WAIT_AUTH || s->login == NULL) {
		stats_add(STAT_STALE, 1);
		return;
	}
	session_wake(s);
	if (result == AUTH_OK && *user != '\0' &&
	    (s->user = strdup(user)) != NULL) {
		if (valid_s != 0)
			s->until_ms = proc_now_ms() + (uint64_t)valid_s * 1000;
		stats_add(STAT_AUTH_OK, 1);
		journal_login(s);
		auth_end(s, REPLY_AUTH_OK);
		return;
	}
	stats_add(STAT_AUTH_BAD, 1);
	auth_end(s, result == AUTH_BAD ? REPLY_AUTH_BAD : REPLY_AUTH_LATER);
}
