/*
 * The libunbound context: its options, forwarders and trust anchors, made
 * anew by each configuration.  It runs on this process's own event loop
 * (unbound-event.h), so neither threads nor processes are made in the
 * sandbox, and it reads no file: the process has none.
 */
#include <sys/types.h>
#include <sys/time.h>

#include <event.h>
#include <string.h>
#include <unbound-event.h>
#include <unbound.h>

#include "base/blob.h"
#include "base/link.h"
#include "base/log.h"
#include "proto/boot.h"
#include "proto/relay_resolver.h"

#include "context.h"
#include "hosts.h"
#include "lookup.h"

#define TEXTS	(RESOLVER_ANCHORS + 1)

static struct ub_ctx	*context;
static struct event	 base_probe;
static struct blob	 texts[TEXTS];
static int		 is_reading[TEXTS];

struct ub_ctx *
context_get(void)
{
	return context;
}

void
context_conf_begin(void)
{
	int	i;

	for (i = 0; i < TEXTS; i++)
		blob_free(&texts[i]);
	memset(is_reading, 0, sizeof(is_reading));
}

void
on_parent_resolver_text(struct link *link, struct link_in *in)
{
	const struct conf_piece	*piece = in->data;
	int			 more;

	if (piece->kind < RESOLVER_FORWARDERS || piece->kind >= TEXTS) {
		link_fault(link, "unknown kind of text");
		return;
	}
	more = blob_add(&texts[piece->kind], piece->total, piece->offset,
	    piece + 1, in->size - sizeof(*piece));
	if (more == -1)
		link_fault(link, "bad piece of a text");
	else
		is_reading[piece->kind] = more == 0;
}

/* One item on a line, '#' begins a comment, as ';' does in zone files. */
static int
context_lines(struct ub_ctx *ctx, char *text, const char *what,
    int (*set)(struct ub_ctx *, const char *))
{
	char	*line;
	size_t	 n;
	int	 error, good = 0;

	while ((line = strsep(&text, "\n")) != NULL) {
		n = strcspn(line, "\r#;");
		while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
			n--;
		line[n] = '\0';
		if (n == 0)
			continue;
		if ((error = set(ctx, line)) != 0)
			log_warnx("%s %s: %s", what, log_text(line),
			    ub_strerror(error));
		else
			good++;
	}
	return good;
}

static struct ub_ctx *
context_new(void)
{
	static const char *const options[][2] = {
		{ "use-syslog:", "no" },
		{ "do-not-query-localhost:", "no" },
		{ "outgoing-range:", "64" },
		{ "num-queries-per-thread:", "512" },
		{ "msg-cache-size:", "4m" },
		{ "rrset-cache-size:", "8m" },
		{ "key-cache-size:", "1m" },
		{ "neg-cache-size:", "1m" },
		{ "cache-max-negative-ttl:", "300" },
		{ "infra-host-ttl:", "60" },
		{ "target-fetch-policy:", "0 0 0 0 0" },
		/*
		 * A forwarder that strips signatures makes names insecure,
		 * not unreachable: only DANE is lost then.
		 */
		{ "harden-dnssec-stripped:", "no" },
	};
	struct ub_ctx	*ctx;
	size_t		 i;
	char		*text;

	ctx = ub_ctx_create_event(base_probe.ev_base);
	if (ctx == NULL)
		return NULL;
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (ub_ctx_set_option(ctx, options[i][0], options[i][1]) != 0)
			log_debug("libunbound: option %s refused",
			    options[i][0]);
	ub_ctx_debuglevel(ctx, 0);
	ub_ctx_debugout(ctx, NULL);
	/* Without forwarders the root servers are asked. */
	if ((text = texts[RESOLVER_FORWARDERS].data) != NULL)
		(void)context_lines(ctx, text, "forwarder", ub_ctx_set_fwd);
	text = texts[RESOLVER_ANCHORS].data;
	if (text == NULL || context_lines(ctx, text, "trust anchor",
	    ub_ctx_add_ta) == 0)
		log_debug("no trust anchor: nothing is validated");
	return ctx;
}

int
context_conf_end(void)
{
	struct ub_ctx	*ctx;
	int		 i;

	for (i = 0; i < TEXTS; i++)
		if (texts[i].total > 0 && is_reading[i])
			return -1;
	if ((ctx = context_new()) == NULL) {
		log_warnx("libunbound: cannot make a context");
		return -1;
	}
	/*
	 * Deleting a context forgets its questions without a call back; what
	 * their queries hold (a few bytes) is lost, once for each reload.
	 */
	lookups_abandon();
	if (context != NULL)
		ub_ctx_delete(context);
	context = ctx;
	hosts_set(texts[RESOLVER_HOSTS].data);
	memset(&texts[RESOLVER_HOSTS], 0, sizeof(texts[0]));
	context_conf_begin();
	return 0;
}

static void
on_probe(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

int
context_init(struct link *parent)
{
	(void)parent;
	/* An event that is never added: it knows the loop's base. */
	evtimer_set(&base_probe, on_probe, NULL);
	return 0;
}
