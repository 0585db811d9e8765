/*
 * Messages and envelopes in memory: allocation, references, the limit on the
 * bodies that are kept until delivery so that they need not be read back, and
 * that on addresses that mail is sent on to.  State owned: how many bytes of
 * bodies and how many addresses are held.  Knows neither store nor links.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "mail/xtext.h"

#include "message.h"

#define HELD_MAX	(UINT64_C(64) << 20)	/* bytes, all bodies */
#define ONWARD_MAX	131072U	/* in all envelopes, about 500 bytes */

static uint64_t held_bytes;
static uint32_t nonward;

struct message *
message_new(void)
{
	struct message *m;

	if ((m = calloc(1, sizeof(*m))) != NULL)
		m->refs = 1;
	return m;
}

struct message *
message_ref(struct message *m)
{
	m->refs++;
	return m;
}

void
message_unref(struct message *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	if (m->is_held)
		held_bytes -= m->size;
	free(m->body);
	free(m);
}

int
message_is_same(const struct message *a, const struct message *b)
{
	return a->id == b->id && strcmp(a->sender, b->sender) == 0;
}

void
message_hold_body(struct message *m)
{
	if (m->body == NULL || m->is_held)
		return;
	if (held_bytes + m->size > HELD_MAX) {
		free(m->body);
		m->body = NULL;
		return;
	}
	held_bytes += m->size;
	m->is_held = 1;
}

void
message_forget_wishes(struct message *m)
{
	m->envid[0] = '\0';
	m->flags &= ~(uint32_t)(MAIL_RET_FULL | MAIL_RET_HDRS);
}

uint64_t
message_held_bytes(void)
{
	return held_bytes;
}

uint64_t
message_id_now(void)
{
	static uint64_t last;
	struct timeval tv;
	uint64_t id;

	gettimeofday(&tv, NULL);
	id = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	/* a clock before 1970 or behind 2255: the key would be negative */
	if (id <= last || id > MESSAGE_ID_MAX)
		id = message_id_after(last);
	last = id;
	return id;
}

uint64_t
message_id_after(uint64_t id)
{
	return id < MESSAGE_ID_MAX ? id + 1 : 1;
}

struct envelope *
envelope_new(void)
{
	struct envelope *e;

	if ((e = calloc(1, sizeof(*e))) != NULL)
		TAILQ_INIT(&e->onward);
	return e;
}

struct envelope *
envelope_copy(const struct envelope *of)
{
	struct envelope *e;

	if ((e = envelope_new()) == NULL)
		return NULL;
	if (of->orcpt != NULL && (e->orcpt = strdup(of->orcpt)) == NULL) {
		envelope_free(e);
		return NULL;
	}
	e->id = of->id;
	e->attempts = of->attempts;
	e->notify = of->notify;
	e->is_warned = of->is_warned;
	strlcpy(e->action, of->action, sizeof(e->action));
	strlcpy(e->user, of->user, sizeof(e->user));
	strlcpy(e->recipient, of->recipient, sizeof(e->recipient));
	strlcpy(e->original, of->original, sizeof(e->original));
	return e;
}

void
onward_clear(struct envelope *e)
{
	struct onward *o;

	while ((o = TAILQ_FIRST(&e->onward)) != NULL) {
		TAILQ_REMOVE(&e->onward, o, entry);
		message_unref(o->owner);
		free(o);
	}
	nonward -= e->nonward;
	e->nonward = 0;
}

struct onward *
onward_add(struct envelope *e)
{
	struct onward *o;

	if (nonward >= ONWARD_MAX || (o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	TAILQ_INSERT_TAIL(&e->onward, o, entry);
	e->nonward++;
	nonward++;
	return o;
}

void
envelope_free(struct envelope *e)
{
	if (e == NULL)
		return;
	onward_clear(e);
	free(e->via);
	free(e->result);
	free(e->orcpt);
	message_unref(e->owner);
	free(e);
}

void
envelope_list_free(struct envelope_list *list)
{
	struct envelope *e;

	while ((e = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, e, entry);
		envelope_free(e);
	}
}

int
message_set_envid(struct message *m, const char *s, size_t n)
{
	if (n == 0)
		return 0;
	if (n > ENVID_MAX || !xtext_envid_is_valid(s, n))
		return -1;
	memcpy(m->envid, s, n);
	m->envid[n] = '\0';
	return 0;
}

int
envelope_set_orcpt(struct envelope *e, const char *s, size_t n)
{
	if (n == 0)
		return 0;
	if (n > ORCPT_MAX || !xtext_orcpt_is_valid(s, n))
		return -1;
	free(e->orcpt);
	return (e->orcpt = strndup(s, n)) == NULL ? -1 : 0;
}

int
envelope_result(struct envelope *e, uint32_t class, const char *status,
    const char *remote, const char *text)
{
	if (e->result == NULL &&
	    (e->result = calloc(1, sizeof(*e->result))) == NULL)
		return -1;
	e->result->class = class;
	strlcpy(e->result->status, status, sizeof(e->result->status));
	strlcpy(e->result->remote, remote, sizeof(e->result->remote));
	strlcpy(e->result->text, text, sizeof(e->result->text));
	return 0;
}
