/*
 * The links to net, policy, queue, relay and the parent, and the requests
 * that wait for their answers.  A request goes to one or several peers; it
 * is complete when each of them has sent DONE or is gone.  Knows nothing of
 * sockets and permissions.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "proto/boot.h"

#include "control.h"

#define PEERS_MAX	64
#define LIST_MAX	1000	/* items of one answer */
#define ANSWERS_MAX	200000U	/* items of one peer; it has fewer */

struct peer {
	struct link	*link;		/* NULL: free */
	uint8_t		 kind;
};

struct ask {
	TAILQ_ENTRY(ask) entry;
	uint64_t	 request;
	uint64_t	 waiting;	/* bit i: peers[i] has not answered */
	int		 waits_parent;
	int		 failed;
	uint32_t	 next;
	uint32_t	 nanswers[PEERS_MAX];
	char		 text[sizeof(((struct ctl_done *)0)->text)];
};

static struct peer peers[PEERS_MAX];
static TAILQ_HEAD(, ask) asks = TAILQ_HEAD_INITIALIZER(asks);

static struct ask *
ask_find(uint64_t request)
{
	struct ask *ask;

	TAILQ_FOREACH(ask, &asks, entry)
		if (ask->request == request)
			return ask;
	return NULL;
}

/* 1: this link owes an answer to the request. */
static int
ask_is_from(const struct ask *ask, const struct link *link)
{
	int i;

	if (link == proc_parent())
		return ask->waits_parent;
	for (i = 0; i < PEERS_MAX; i++)
		if (peers[i].link == link)
			return (ask->waiting >> i) & 1;
	return 0;
}

static void
ask_finish_if_done(struct ask *ask)
{
	if (ask->waiting != 0 || ask->waits_parent)
		return;
	TAILQ_REMOVE(&asks, ask, entry);
	client_done(ask->request, ask->failed, ask->text, ask->next);
	free(ask);
}

static void
ask_fail(struct ask *ask, const char *text)
{
	if (!ask->failed)
		strlcpy(ask->text, text, sizeof(ask->text));
	ask->failed = 1;
}

/*
 * More than it can have.  That breaks no rule, and nobody is accused: what it
 * says from now on is of no request and ignored like all such messages.
 */
static void
ask_cut_off(struct ask *ask, int i)
{
	log_warnx("%s: answers without end", link_name(peers[i].link));
	ask->waiting &= ~(1ULL << i);
	ask_fail(ask, "the answer has no end and was cut off");
	ask_finish_if_done(ask);
}

/* A part of an answer goes on to the client who waits for it. */
static void
pass_on(struct link *link, uint64_t request, uint32_t type, const void *data,
    size_t size)
{
	struct ask *ask = ask_find(request);
	int i;

	if (ask == NULL || !ask_is_from(ask, link))
		return;
	for (i = 0; i < PEERS_MAX; i++)
		if (peers[i].link == link && ++ask->nanswers[i] > ANSWERS_MAX) {
			ask_cut_off(ask, i);
			return;
		}
	client_answer(request, type, data, size);
}

/* "net.sessions" is net's to say; the others are counted elsewhere. */
void
on_any_stat(struct link *link, struct link_in *in)
{
	const struct any_control_stat *msg = in->data;
	size_t n = strlen(link_name(link));
	struct ctl_stat stat;

	if (strncmp(msg->name, link_name(link), n) != 0 ||
	    msg->name[n] != '.') {
		link_fault(link, "tells a number that is not its own");
		return;
	}
	memset(&stat, 0, sizeof(stat));
	stat.value = msg->value;
	strlcpy(stat.name, msg->name, sizeof(stat.name));
	pass_on(link, msg->request, MSG_CONTROL_CTL_STAT, &stat, sizeof(stat));
}

static void
on_net_session(struct link *link, struct link_in *in)
{
	const struct net_control_session *msg = in->data;

	/* Whoever reads the list may end what stands in it. */
	if (msg->info.session >> 32 != link_peer_id(link))
		link_fault(link, "lists a session that is not its own");
	else
		pass_on(link, msg->request, MSG_CONTROL_CTL_SESSION,
		    &msg->info, sizeof(msg->info));
}

static void
on_policy_limit(struct link *link, struct link_in *in)
{
	const struct policy_control_limit *msg = in->data;

	pass_on(link, msg->request, MSG_CONTROL_CTL_LIMIT, &msg->info,
	    sizeof(msg->info));
}

static void
on_net_listener(struct link *link, struct link_in *in)
{
	const struct net_control_listener *msg = in->data;

	pass_on(link, msg->request, MSG_CONTROL_CTL_LISTENER, &msg->info,
	    sizeof(msg->info));
}

static void
on_queue_item(struct link *link, struct link_in *in)
{
	const struct queue_control_item *msg = in->data;

	pass_on(link, msg->request, MSG_CONTROL_CTL_ITEM, &msg->item,
	    sizeof(msg->item));
}

static void
on_queue_body(struct link *link, struct link_in *in)
{
	const struct queue_control_body *msg = in->data;

	pass_on(link, msg->request, MSG_CONTROL_CTL_BODY, msg + 1,
	    in->size - sizeof(*msg));
}

static void
on_queue_login(struct link *link, struct link_in *in)
{
	const struct queue_control_login *msg = in->data;

	pass_on(link, msg->request, MSG_CONTROL_CTL_LOGIN, &msg->info,
	    sizeof(msg->info));
}

void
on_any_done(struct link *link, struct link_in *in)
{
	const struct any_control_done *msg = in->data;
	struct ask *ask = ask_find(msg->request);
	int i;

	if (ask == NULL || !ask_is_from(ask, link))
		return;
	if (link == proc_parent())
		ask->waits_parent = 0;
	for (i = 0; i < PEERS_MAX; i++)
		if (peers[i].link == link)
			ask->waiting &= ~(1ULL << i);
	if (msg->failed)
		ask_fail(ask, msg->text);
	else if (!ask->failed && msg->text[0] != '\0')
		strlcpy(ask->text, msg->text, sizeof(ask->text));
	if (msg->next != 0)
		ask->next = msg->next;
	ask_finish_if_done(ask);
}

static void
peer_gone(int i)
{
	struct ask *ask, *next;

	peers[i].link = NULL;
	for (ask = TAILQ_FIRST(&asks); ask != NULL; ask = next) {
		next = TAILQ_NEXT(ask, entry);
		if (!((ask->waiting >> i) & 1))
			continue;
		ask->waiting &= ~(1ULL << i);
		ask_fail(ask, "a process died while it was asked");
		ask_finish_if_done(ask);
	}
}

static void
on_peer_down(struct link *link, const char *why)
{
	int i;

	if (why != NULL)
		log_warnx("link to %s: %s", link_name(link), why);
	for (i = 0; i < PEERS_MAX; i++)
		if (peers[i].link == link)
			peer_gone(i);
}

static const struct link_rule net_rules[] = {
	{ MSG_NET_CONTROL_SESSION, LINK_STATE_ANY, on_net_session },
	{ MSG_NET_CONTROL_LISTENER, LINK_STATE_ANY, on_net_listener },
	{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_any_stat },
	{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_any_done },
};

static const struct link_rule queue_rules[] = {
	{ MSG_QUEUE_CONTROL_ITEM, LINK_STATE_ANY, on_queue_item },
	{ MSG_QUEUE_CONTROL_BODY, LINK_STATE_ANY, on_queue_body },
	{ MSG_QUEUE_CONTROL_LOGIN, LINK_STATE_ANY, on_queue_login },
	{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_any_stat },
	{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_any_done },
};

static const struct link_rule policy_rules[] = {
	{ MSG_POLICY_CONTROL_LIMIT, LINK_STATE_ANY, on_policy_limit },
	{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_any_stat },
	{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_any_done },
};

static const struct link_rule other_rules[] = {
	{ MSG_ANY_CONTROL_STAT, LINK_STATE_ANY, on_any_stat },
	{ MSG_ANY_CONTROL_DONE, LINK_STATE_ANY, on_any_done },
};

static const struct peer_kind {
	uint8_t			 kind;
	const char		*name;
	const struct link_rule	*rules;
	size_t			 nrules;
} peer_kinds[] = {
	{ PROC_NET, "net", net_rules, 4 },
	{ PROC_QUEUE, "queue", queue_rules, 5 },
	{ PROC_POLICY, "policy", policy_rules, 3 },
	{ PROC_RELAY, "relay", other_rules, 2 },
};

void
ask_on_link(uint8_t kind, uint32_t peer_id, uint64_t cookie, int fd)
{
	struct link_end end = { .down = on_peer_down, .peer_id = peer_id };
	size_t k;
	int i;

	(void)cookie;
	for (k = 0; k < sizeof(peer_kinds) / sizeof(peer_kinds[0]); k++)
		if (peer_kinds[k].kind == kind)
			break;
	for (i = 0; i < PEERS_MAX && peers[i].link != NULL; i++)
		;
	if (k == sizeof(peer_kinds) / sizeof(peer_kinds[0]) ||
	    i == PEERS_MAX) {
		log_warnx("link to a process of kind %d refused", kind);
		close(fd);
		return;
	}
	end.name = peer_kinds[k].name;
	end.rules = peer_kinds[k].rules;
	end.nrules = peer_kinds[k].nrules;
	if ((peers[i].link = link_new(fd, &end)) == NULL) {
		log_warn("link to %s", end.name);
		close(fd);
		return;
	}
	peers[i].kind = kind;
}

/* Send to each process of a kind (net: the one with peer_id, 0: all). */
static void
ask_send(struct ask *ask, uint8_t kind, uint32_t peer_id, uint32_t type,
    const struct ctl_request *from, const void *tail, size_t tail_size)
{
	struct control_request msg;
	int i;

	memset(&msg, 0, sizeof(msg));
	msg.request = ask->request;
	msg.arg = from->arg;
	msg.limit = from->limit > LIST_MAX ? LIST_MAX : from->limit;
	if (kind == PROC_PARENT) {
		if (link_send(proc_parent(), type, &msg, sizeof(msg)) == 0)
			ask->waits_parent = 1;
		return;
	}
	for (i = 0; i < PEERS_MAX; i++) {
		if (peers[i].link == NULL || peers[i].kind != kind)
			continue;
		if (kind == PROC_NET && peer_id != 0 &&
		    link_peer_id(peers[i].link) != peer_id)
			continue;
		/* Set first: a send that fails may call on_peer_down(). */
		ask->waiting |= 1ULL << i;
		if (link_send_tail(peers[i].link, type, &msg, sizeof(msg),
		    tail, tail_size) == -1)
			ask->waiting &= ~(1ULL << i);
	}
}

static const struct ask_route {
	uint32_t	from;
	uint8_t		kind;
	uint32_t	to;
	const char	*nobody;	/* when no such process is there */
} routes[] = {
	{ MSG_CTL_CONTROL_SESSIONS, PROC_NET, MSG_CONTROL_NET_SESSIONS,
	    "net is not running" },
	{ MSG_CTL_CONTROL_LISTENERS, PROC_NET, MSG_CONTROL_NET_LISTENERS,
	    "net is not running" },
	{ MSG_CTL_CONTROL_QUEUE, PROC_QUEUE, MSG_CONTROL_QUEUE_LIST,
	    "queue is not running" },
	{ MSG_CTL_CONTROL_EDIT, PROC_QUEUE, MSG_CONTROL_QUEUE_EDIT,
	    "queue is not running" },
	{ MSG_CTL_CONTROL_MESSAGE, PROC_QUEUE, MSG_CONTROL_QUEUE_MESSAGE,
	    "queue is not running" },
	{ MSG_CTL_CONTROL_LOGINS, PROC_QUEUE, MSG_CONTROL_QUEUE_LOGINS,
	    "queue is not running" },
	{ MSG_CTL_CONTROL_PAUSE, PROC_QUEUE, MSG_CONTROL_ANY_PAUSE, "" },
	{ MSG_CTL_CONTROL_PAUSE, PROC_NET, MSG_CONTROL_ANY_PAUSE, "" },
	{ MSG_CTL_CONTROL_KILL, PROC_NET, MSG_CONTROL_NET_KILL,
	    "no such session" },
	/* net may not obey; without policy its session can do nothing. */
	{ MSG_CTL_CONTROL_KILL, PROC_POLICY, MSG_CONTROL_NET_KILL,
	    "no such session" },
	{ MSG_CTL_CONTROL_RELOAD, PROC_PARENT, MSG_CONTROL_PARENT_RELOAD, "" },
	{ MSG_CTL_CONTROL_STOP, PROC_PARENT, MSG_CONTROL_PARENT_STOP, "" },
	{ MSG_CTL_CONTROL_USERS, PROC_PARENT, MSG_CONTROL_PARENT_USERS, "" },
	{ MSG_CTL_CONTROL_LIMITS, PROC_POLICY, MSG_CONTROL_POLICY_LIMITS,
	    "policy is not running" },
	{ MSG_CTL_CONTROL_STATS, PROC_NET, MSG_CONTROL_ANY_STATS, "" },
	{ MSG_CTL_CONTROL_STATS, PROC_POLICY, MSG_CONTROL_ANY_STATS, "" },
	{ MSG_CTL_CONTROL_STATS, PROC_QUEUE, MSG_CONTROL_ANY_STATS, "" },
	{ MSG_CTL_CONTROL_STATS, PROC_RELAY, MSG_CONTROL_ANY_STATS, "" },
	{ MSG_CTL_CONTROL_STATS, PROC_PARENT, MSG_CONTROL_ANY_STATS, "" },
};

void
ask_start(uint64_t request, uint32_t type, const struct ctl_request *from,
    const void *tail, size_t tail_size)
{
	const char *nobody = "";
	struct ask *ask;
	uint32_t peer_id = 0;
	size_t i;

	if ((ask = calloc(1, sizeof(*ask))) == NULL) {
		client_done(request, 1, "out of memory", 0);
		return;
	}
	ask->request = request;
	/* The upper half of a session's id is the process that has it. */
	if (type == MSG_CTL_CONTROL_KILL) {
		peer_id = (uint32_t)(from->arg >> 32);
		if (peer_id == 0)
			peer_id = UINT32_MAX;
	}
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (routes[i].from != type)
			continue;
		if (type == MSG_CTL_CONTROL_KILL &&
		    routes[i].kind == PROC_POLICY && ask->waiting == 0)
			continue;	/* no net could have it */
		nobody = routes[i].nobody;
		ask_send(ask, routes[i].kind, peer_id, routes[i].to, from,
		    tail, tail_size);
	}
	if (ask->waiting == 0 && !ask->waits_parent)
		ask_fail(ask, nobody);
	TAILQ_INSERT_TAIL(&asks, ask, entry);
	ask_finish_if_done(ask);
}

void
ask_cancel(uint64_t request)
{
	struct ask *ask = ask_find(request);

	if (ask == NULL)
		return;
	TAILQ_REMOVE(&asks, ask, entry);
	free(ask);
}
