/*
 * The control socket and smtpsctl's connections.  The parent bound the
 * socket and hands it over; the kernel's peer credentials decide what a
 * client may do.  One request at a time from each client; whatever a client
 * does wrong ends only its own connection.  Asks through ask.c.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/log.h"
#include "base/peer.h"
#include "base/proc.h"

#include "control.h"

#define CLIENTS_MAX	64
#define READERS_MAX	32		/* so that root finds a place */
#define STRANGERS_MAX	16
#define IDLE_S		10		/* until a request comes; twice that
					 * for a reader who takes nothing */
#define ANSWER_S	60		/* until something of the answer comes */
#define LINES_BURST	5		/* log lines on what clients do */
#define LINES_RATE	(5.0 / 60)
#define QUEUED_MAX	(32U << 20)	/* bytes a client may lag behind */

enum rank { STRANGER, READER, ADMIN };

struct client {
	TAILQ_ENTRY(client)	 entry;
	struct link		*link;
	struct event		 timer;
	uint64_t		 request;	/* 0: none waits */
	size_t			 lag;		/* bytes unread at the last timer */
	uid_t			 uid;
	enum rank		 rank;
};

static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned int client_count, rank_count[ADMIN + 1];
static uint64_t request_last;
static struct event listen_event;
static int listen_fd = -1;
static struct parent_control_conf conf = { UINT32_MAX }, conf_new;

/* A client can ask thousands of times a second: the log has few of them. */
static void
client_log(uid_t uid, const char *what)
{
	static struct bucket bucket;
	static uint64_t told;
	uint64_t now_ms = proc_now_ms();

	if (bucket.last_ms == 0)
		bucket_init(&bucket, LINES_BURST, now_ms);
	if (!bucket_take(&bucket, LINES_RATE, LINES_BURST, now_ms))
		return;
	if (bucket.refused != told)
		log_info("smtpsctl: %llu lines like the next were left out",
		    (unsigned long long)(bucket.refused - told));
	told = bucket.refused;
	log_info("smtpsctl: uid %lu: %s", (unsigned long)uid, what);
}

static void
client_timer_start(struct client *client, int seconds)
{
	struct timeval tv = { seconds, 0 };

	evtimer_del(&client->timer);
	evtimer_add(&client->timer, &tv);
}

static void
client_free(struct client *client)
{
	if (client->request != 0)
		ask_cancel(client->request);
	evtimer_del(&client->timer);
	link_close(client->link);
	TAILQ_REMOVE(&clients, client, entry);
	client_count--;
	rank_count[client->rank]--;
	free(client);
}

static void
client_reply_done(struct client *client, int failed, const char *text,
    uint32_t next)
{
	struct ctl_done done;

	memset(&done, 0, sizeof(done));
	done.failed = failed != 0;
	done.next = next;
	strlcpy(done.text, text, sizeof(done.text));
	link_send(client->link, MSG_CONTROL_CTL_DONE, &done, sizeof(done));
}

static void
on_client_timer(int fd, short what, void *arg)
{
	struct client *client = arg;
	size_t lag;

	(void)fd;
	(void)what;
	if (client->request == 0) {
		/* Who still reads a long answer is not idle. */
		lag = link_queued(client->link);
		if (lag != 0 && (client->lag == 0 || lag < client->lag)) {
			client->lag = lag;
			client_timer_start(client, IDLE_S);
		} else
			client_free(client);
		return;
	}
	ask_cancel(client->request);
	client->request = 0;
	client_timer_start(client, IDLE_S);
	client_reply_done(client, 1, "no answer in time", 0);
}

static struct client *
client_find(uint64_t request)
{
	struct client *client;

	TAILQ_FOREACH(client, &clients, entry)
		if (client->request == request)
			return client;
	return NULL;
}

void
client_answer(uint64_t request, uint32_t type, const void *data, size_t size)
{
	struct client *client = client_find(request);

	if (client == NULL)
		return;
	if (link_queued(client->link) > QUEUED_MAX) {
		ask_cancel(client->request);
		client->request = 0;
		client_timer_start(client, IDLE_S);
		client_reply_done(client, 1, "cut off: the answer is longer "
		    "than may wait to be read", 0);
		return;
	}
	client_timer_start(client, ANSWER_S);
	link_send(client->link, type, data, size);
}

void
client_done(uint64_t request, int failed, const char *text, uint32_t next)
{
	struct client *client = client_find(request);

	if (client == NULL)
		return;
	client->request = 0;
	client_timer_start(client, IDLE_S);
	client_reply_done(client, failed, text, next);
}

static int
client_may(const struct client *client, uint32_t type)
{
	switch (type) {
	case MSG_CTL_CONTROL_SESSIONS:
	case MSG_CTL_CONTROL_QUEUE:
	case MSG_CTL_CONTROL_STATS:
	case MSG_CTL_CONTROL_LISTENERS:
	case MSG_CTL_CONTROL_LIMITS:
		return client->rank >= READER;
	default:
		return client->rank == ADMIN;
	}
}

static void
on_ctl_request(struct link *link, struct link_in *in)
{
	struct client *client = link_arg(link);
	const struct ctl_request *request;

	if (client->request != 0) {
		link_fault(link, "second request before the answer");
		return;
	}
	/* Else answers that nobody reads add up here. */
	if (link_queued(link) != 0) {
		link_fault(link, "next request before the answer was read");
		return;
	}
	if (!client_may(client, in->type)) {
		client_log(client->uid, "permission denied");
		client_reply_done(client, 1, "permission denied", 0);
		return;
	}
	client->request = ++request_last;
	client->lag = 0;
	client_timer_start(client, ANSWER_S);
	request = in->data;
	ask_start(client->request, in->type, request, request + 1,
	    in->size - sizeof(*request));
}

static void
on_client_down(struct link *link, const char *why)
{
	struct client *client = link_arg(link);

	if (why != NULL)
		client_log(client->uid, why);
	client->link = NULL;
	client_free(client);
}

static const struct link_rule client_rules[] = {
	{ MSG_CTL_CONTROL_SESSIONS, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_QUEUE, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_STATS, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_LISTENERS, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_KILL, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_RELOAD, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_STOP, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_USERS, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_LIMITS, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_EDIT, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_MESSAGE, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_PAUSE, LINK_STATE_ANY, on_ctl_request },
	{ MSG_CTL_CONTROL_LOGINS, LINK_STATE_ANY, on_ctl_request },
};

/* A client that has asked nothing makes room; 0: there is none to spare. */
static int
client_evict(enum rank lowest, enum rank highest)
{
	struct client *client;

	TAILQ_FOREACH(client, &clients, entry)
		if (client->rank >= lowest && client->rank <= highest &&
		    client->request == 0 && link_queued(client->link) == 0)
			break;
	if (client == NULL)
		return 0;
	client_free(client);
	return 1;
}

static int
has_place(enum rank rank)
{
	static const unsigned int max[] = {
		[STRANGER] = STRANGERS_MAX, [READER] = READERS_MAX,
		[ADMIN] = CLIENTS_MAX,
	};

	if (rank_count[rank] >= max[rank])
		return client_evict(rank, rank);
	return client_count < CLIENTS_MAX || client_evict(STRANGER, rank);
}

static enum rank
rank_of(int fd, uid_t uid, gid_t gid)
{
	if (uid == 0)
		return ADMIN;
	if (conf.read_gid == UINT32_MAX)
		return STRANGER;
	return gid == conf.read_gid || peer_in_group(fd, conf.read_gid) ?
	    READER : STRANGER;
}

/* Takes fd in any case. */
static void
client_new(int fd)
{
	struct link_end end = {
		.name = "smtpsctl", .rules = client_rules,
		.nrules = sizeof(client_rules) / sizeof(client_rules[0]),
		.down = on_client_down, .is_spare = 1, .is_quiet = 1,
	};
	struct client *client;
	gid_t gid;

	if ((client = calloc(1, sizeof(*client))) == NULL) {
		close(fd);
		return;
	}
	end.arg = client;
	if (peer_ids(fd, &client->uid, &gid, NULL) == -1) {
		log_warn("smtpsctl");
		goto fail;
	}
	client->rank = rank_of(fd, client->uid, gid);
	if (!has_place(client->rank))
		goto fail;
	if ((client->link = link_new(fd, &end)) == NULL) {
		log_warn("smtpsctl");
		goto fail;
	}
	evtimer_set(&client->timer, on_client_timer, client);
	TAILQ_INSERT_TAIL(&clients, client, entry);
	client_count++;
	rank_count[client->rank]++;
	client_timer_start(client, IDLE_S);
	return;
fail:
	free(client);
	close(fd);
}

static void
on_accept(int listener, short what, void *arg)
{
	int fd;

	(void)what;
	(void)arg;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1)
		client_new(fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_warn("accept");
}

void
on_parent_socket(struct link *link, struct link_in *in)
{
	(void)link;
	if (listen_fd != -1) {
		event_del(&listen_event);
		close(listen_fd);
	}
	listen_fd = in->fd;
	in->fd = -1;
	event_set(&listen_event, listen_fd, EV_READ | EV_PERSIST, on_accept,
	    NULL);
	event_add(&listen_event, NULL);
}

void
on_parent_conf(struct link *link, struct link_in *in)
{
	(void)link;
	memcpy(&conf_new, in->data, sizeof(conf_new));
}

void
client_conf_begin(void)
{
	conf_new.read_gid = UINT32_MAX;
}

int
client_conf_end(void)
{
	conf = conf_new;
	return 0;
}

int
client_init(struct link *parent)
{
	(void)parent;
	return 0;
}

void
client_on_stop(void)
{
	proc_exit(0);
}
