/*
 * Dovecot's side of the auth protocol: whatever it says, each question gets
 * one verdict, a yes only with a name that smtpsd can have, and no line of
 * ours is cut or broken.  A byte 0xff asks a question, 0xfe lets time pass,
 * 0xfd takes what is to be sent.
 */
#include <string.h>

#include "base/log.h"
#include "client.h"
#include "fuzz.h"
#include "mail/usersfile.h"

static uint64_t	asked, answered;
static uint8_t	was_answered[4096];

static void
verdict(const struct backend_parent_result *r)
{
	MUST(r->request > 0 && r->request <= asked);
	MUST(!was_answered[r->request % sizeof(was_answered)]);
	was_answered[r->request % sizeof(was_answered)] = 1;
	answered++;
	MUST(r->verdict == BACKEND_OK || r->verdict == BACKEND_BAD ||
	    r->verdict == BACKEND_LATER);
	MUST(r->verdict != BACKEND_OK || users_name_ok(r->user));
	MUST((r->verdict == BACKEND_OK) == (r->reason[0] == '\0'));
}

static void
ask(struct client *c, uint64_t now)
{
	struct parent_backend_check check;
	const char *why = NULL;

	if (asked + 1 >= sizeof(was_answered))
		return;
	memset(&check, 0, sizeof(check));
	check.request = asked + 1;
	strlcpy(check.address, asked % 5 == 4 ? "a\tb" : "192.0.2.1",
	    sizeof(check.address));
	strlcpy(check.user, "joe", sizeof(check.user));
	strlcpy(check.password, "a\tb\n", sizeof(check.password));
	if (client_ask(c, &check, now, &why) == 0) {
		asked++;
		was_answered[asked] = 0;
	} else
		MUST(why != NULL);
}

/* Whole lines, of words that it knows. */
static void
take(struct client *c)
{
	const char *out, *p;
	size_t size;

	out = client_output(c, &size);
	MUST(size == 0 || out[size - 1] == '\n');
	for (p = out; p < out + size; p = (const char *)memchr(p, '\n',
	    (size_t)(out + size - p)) + 1)
		MUST(strncmp(p, "VERSION\t", 8) == 0 ||
		    strncmp(p, "CPID\t", 5) == 0 ||
		    strncmp(p, "AUTH\t", 5) == 0 ||
		    strncmp(p, "CANCEL\t", 7) == 0);
	client_sent(c, size);
}

static int
one(struct client *c, const uint8_t *data, size_t size, uint64_t *now)
{
	const char *why = NULL;
	size_t i, from = 0;

	for (i = 0; i <= size; i++) {
		if (i < size && data[i] < 0xfd)
			continue;
		if (client_input(c, (const char *)data + from, i - from,
		    &why) == -1) {
			MUST(why != NULL);
			return -1;
		}
		from = i + 1;
		if (i == size)
			break;
		if (data[i] == 0xff)
			ask(c, *now);
		else if (data[i] == 0xfe)
			client_tick(c, *now += 20000);
		else
			take(c);
		MUST(client_pending(c) == asked - answered);
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client *c;
	uint64_t now = 1000;

	asked = answered = 0;
	log_init("fuzz", LOG_TO_STDERR);
	if ((c = client_new(verdict)) == NULL)
		return 0;
	client_start(c, 7);
	(void)one(c, data, size, &now);
	client_give_up(c, "lost");
	MUST(client_pending(c) == 0 && asked == answered);
	client_start(c, 7);
	MUST(!client_is_ready(c));
	client_free(c);
	return 0;
}
