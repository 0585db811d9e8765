/*
 * The limits of guessing, for authenticate.c alone.
 *
 * Attempts stand in line (backoff.h) by address and by address and login.
 * Both addresses are net's word, so there are limits that hold for a net
 * process whatever it says: of failed checks, of messages, and a line for
 * each login through one net, long after others begin.  Whoever was right
 * from an address in the last day does not stand in that one, so that an
 * owner is not kept out by those who guess.  What is counted for a net
 * outlives its process: to be killed gains nothing.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attempt.h"
#include "authlimit.h"
#include "base/log.h"
#include "base/bucket.h"
#include "child.h"
#include "memo.h"

#define ENTRIES_MAX	65536	/* remembered addresses, pairs, and logins */

static const struct backoff_limits address_limits = {
	.nfree = 10, .first_ms = 250, .max_ms = 16000, .line_max_ms = 30000,
	.forget_ms = 60000, .running_max = 64, .count_running = 0
};
static const struct backoff_limits pair_limits = {
	.nfree = 0, .first_ms = 250, .max_ms = 16000, .line_max_ms = 30000,
	.forget_ms = 60000, .running_max = 16, .count_running = 1
};
static const struct backoff_limits login_limits = {
	.nfree = 50, .first_ms = 250, .max_ms = 8000, .line_max_ms = 30000,
	.forget_ms = 60000, .running_max = 64, .count_running = 1
};

static struct backoff	*addresses, *pairs, *logins;

int
authlimit_init(void)
{
	addresses = backoff_new(&address_limits, ENTRIES_MAX);
	pairs = backoff_new(&pair_limits, ENTRIES_MAX);
	logins = backoff_new(&login_limits, ENTRIES_MAX);
	return addresses == NULL || pairs == NULL || logins == NULL ? -1 : 0;
}

int
authlimit_may_ask(struct child *net, uint64_t now)
{
	struct bucket	*b = child_ask_bucket(net);

	if (bucket_take(b, AUTH_ASK_RATE, AUTH_ASK_BURST, now))
		return 1;
	if (bucket_log_due(b, now))
		log_warnx("%s asks for too many logins: refused (%" PRIu64
		    " so far)", child_name(net), b->refused);
	return 0;
}

int
authlimit_take_token(struct attempt *a, struct child *net, uint64_t now)
{
	struct bucket	*b = child_auth_bucket(net);

	if (backoff_was_good(pairs, a->pair_key, now))
		return 1;
	if (bucket_take(b, AUTH_FAIL_RATE, AUTH_FAIL_BURST, now)) {
		a->took_token = 1;
		return 1;
	}
	if (bucket_log_due(b, now))
		log_warnx("auth: too many failures through %s: checks are "
		    "refused", child_name(net));
	return 0;
}

void
authlimit_know(struct attempt *a, const struct child *net)
{
	uint8_t	 mac[MEMO_MAC_SIZE];
	char	 instance[16], lower[LOGIN_SIZE];
	size_t	 i;

	memo_mac(mac, "address", a->prefix, NULL);
	memcpy(a->address_key, mac, sizeof(a->address_key));
	memo_mac(mac, "pair", a->prefix, a->login);
	memcpy(a->pair_key, mac, sizeof(a->pair_key));
	/* Some backends take a name in any case. */
	for (i = 0; a->login[i] != '\0'; i++)
		lower[i] = (char)tolower((unsigned char)a->login[i]);
	lower[i] = '\0';
	snprintf(instance, sizeof(instance), "%u", child_instance(net));
	memo_mac(mac, "login", instance, lower);
	memcpy(a->login_key, mac, sizeof(a->login_key));
}

int64_t
authlimit_enter(struct attempt *a, uint64_t now)
{
	int64_t	 wait, by_pair, by_login = 0;

	if ((wait = backoff_enter(addresses, a->address_key, now)) == -1)
		return -1;
	if ((by_pair = backoff_enter(pairs, a->pair_key, now)) == -1)
		goto no_pair;
	a->in_login_line = !backoff_was_good(pairs, a->pair_key, now);
	if (a->in_login_line && (by_login = backoff_enter(logins,
	    a->login_key, now)) == -1)
		goto no_login;
	if (by_pair > wait)
		wait = by_pair;
	return by_login > wait ? by_login : wait;
 no_login:
	backoff_leave(pairs, a->pair_key, BACKOFF_NOTHING, now);
 no_pair:
	backoff_leave(addresses, a->address_key, BACKOFF_NOTHING, now);
	return -1;
}

void
authlimit_leave(const struct attempt *a, enum backoff_result result,
    uint64_t now)
{
	/* A good login must not wash an address or a net clean. */
	enum backoff_result	 of_others = result == BACKOFF_GOOD ?
				    BACKOFF_NOTHING : result;

	backoff_leave(pairs, a->pair_key, result, now);
	backoff_leave(addresses, a->address_key, of_others, now);
	if (a->in_login_line)
		backoff_leave(logins, a->login_key, of_others, now);
}
