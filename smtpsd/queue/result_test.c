/*
 * Results with a store and without the agents: however many have ended, one
 * commit has so much of them, and none is lost or told of twice.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"
#include "base/tap.h"
#include "conf.h"
#include "dsn.h"
#include "result.h"
#include "schedule.h"
#include "teststore.h"

#define MIB	(UINT64_C(1) << 20)
#define MANY	48

static char dir[] = "/tmp/smtpsd-result.XXXXXX";
static struct store *store;
static struct parent_queue_conf conf = { .retry_min_s = 60,
	.retry_max_s = 600, .expire_s = 5 * 86400, .delay_warning_s = 3600,
	.hostname = "mail.example.org" };
static uint64_t nbytes;			/* of notifications handed on */
static unsigned int ndsn, nreleased;
static uint64_t order[MANY];		/* messages, as they were released */
static char last_dsn[4096];

const struct parent_queue_conf *
conf_get(void)
{
	return &conf;
}

void
schedule_add(struct message *m, struct envelope_list *list)
{
	ndsn++;
	nbytes += m->size;
	snprintf(last_dsn, sizeof(last_dsn), "%s", m->body);
	message_unref(m);
	envelope_list_free(list);
}

void
schedule_release(struct job *job)
{
	uint32_t i;

	if (nreleased < MANY)
		order[nreleased] = job->message->id;
	nreleased++;
	for (i = 0; i < job->nenv; i++)
		envelope_free(job->env[i]);
	message_unref(job->message);
	free(job);
}

void
schedule_soon(void)
{
}

static struct envelope *busy;		/* the one there is, or NULL */

struct envelope *
schedule_find(uint64_t id)
{
	return busy != NULL && busy->id == id ? busy : NULL;
}

static struct job *
make(uint64_t id, size_t size)
{
	struct job *job = calloc(1, sizeof(*job) + sizeof(job->env[0]));
	struct envelope *e = envelope_new();

	job->message = teststore_message(id, size);
	strlcpy(job->message->bounce.action, "local",
	    sizeof(job->message->bounce.action));
	TAILQ_INIT(&job->dsn_envelopes);
	e->id = id << 10 | 1;
	strlcpy(e->recipient, "b@example.net", sizeof(e->recipient));
	job->env[0] = e;
	job->nenv = 1;
	return job;
}

static void
end(struct job *job, uint32_t class, const char *status)
{
	envelope_result(job->env[0], class, status, "", "as it is");
	result_add(job, 1000);
}

/* As commit.c does it. */
static int
commit(uint64_t now_s)
{
	if (store_begin(store, 0) == -1 || result_store(store, now_s) == -1 ||
	    store_commit(store) == -1)
		return -1;
	result_committed();
	result_stored(now_s);
	return 0;
}

/* How many until all are stored, or max. */
static unsigned int
attempts(unsigned int max)
{
	unsigned int n;

	for (n = 1; n <= max && result_waiting() > 0; n++) {
		if (commit(NOW + 7200) == 0)
			continue;
		store_rollback(store);
		result_forget();
	}
	return n - 1;
}

static void
reset(void)
{
	nbytes = ndsn = nreleased = 0;
	last_dsn[0] = '\0';
}

/* Whoever wants all of it back, and many at once. */
static void
test_many(void)
{
	unsigned int i, n, sorted = 1;
	uint64_t most = 0;
	struct job *job;

	reset();
	for (i = 0; i < MANY; i++) {
		job = make(i + 1, MIB);
		job->message->flags = MAIL_RET_FULL;
		end(job, AGENT_PERMFAIL, "5.1.1");
	}
	if (store_begin(store, 0) == -1 || result_store(store, NOW) == -1)
		abort();
	tap_ok(result_waiting() > 0 && result_waiting() < MANY,
	    "%u wait for another commit", result_waiting());
	store_rollback(store);
	result_forget();
	tap_ok(result_waiting() == MANY && ndsn == 0 && nreleased == 0 &&
	    result_has_failed(), "all after one that failed");
	for (n = 0; n < MANY && result_waiting() > 0; n++) {
		nbytes = 0;
		if (commit(NOW) == -1)
			break;
		if (nbytes > most)
			most = nbytes;
	}
	for (i = 1; i < MANY; i++)
		sorted &= order[i - 1] < order[i];
	tap_ok(most > MIB && most <= 17 * MIB, "%llu MiB in a commit",
	    (unsigned long long)(most / MIB));
	tap_ok(ndsn == MANY && nreleased == MANY && sorted &&
	    !result_has_failed(),
	    "each is told of, once, in %u commits", n);
}

/* A warning of a delivery under way, as agent.c makes it. */
static void
warn_of(struct job *of)
{
	struct job *copy = make(of->message->id, of->message->size);

	envelope_free(copy->env[0]);
	copy->env[0] = envelope_copy(of->env[0]);
	copy->is_copy = copy->is_late = copy->is_warning = 1;
	of->env[0]->is_warned = 1;
	busy = of->env[0];
	end(copy, AGENT_TEMPFAIL, "4.4.5");
}

/* It ends while the warning waits for the same commit, or later. */
static void
test_overtaken(void)
{
	struct job *job = make(7, 100);

	reset();
	warn_of(job);
	end(job, AGENT_OK, "2.0.0");
	tap_ok(commit(NOW + 7200) == 0 && nreleased == 2 && ndsn == 0,
	    "what is delivered is not delayed");
	job = make(7, 100);
	warn_of(job);
	end(job, AGENT_TEMPFAIL, "4.2.2");
	if (store_begin(store, 0) == -1 || result_store(store, NOW + 7200) == -1)
		abort();
	store_rollback(store);
	result_forget();
	tap_ok(attempts(5) < 5 && ndsn == 1 &&
	    strstr(last_dsn, "Status: 4.2.2") != NULL &&
	    strstr(last_dsn, "Status: 4.4.5") == NULL,
	    "what is deferred is, once, for its own reason");
	reset();
	job = make(7, 100);
	warn_of(job);
	tap_ok(commit(NOW + 7200) == 0 && ndsn == 1 && strstr(last_dsn,
	    "Status: 4.4.5") != NULL, "what still runs is");
	end(job, AGENT_TEMPFAIL, "4.2.2");
	tap_ok(commit(NOW + 7200) == 0 && ndsn == 1 && nreleased == 2,
	    "and not a second time");
	busy = NULL;
}

/* What is small has no need of that. */
static void
test_small(void)
{
	unsigned int i;

	reset();
	for (i = 0; i < 1000; i++)
		end(make(i + 1, 100), AGENT_OK, "2.0.0");
	tap_ok(commit(NOW) == 0 && nreleased == 1000 && ndsn == 0,
	    "small ones in one");
}

/* For the notification there is no room on the disk; the others make some. */
static void
test_full(void)
{
	struct job *job;
	unsigned int i, n;

	reset();
	for (i = 101; i <= 164; i++)
		if (teststore_put(store, i, 60000, 1) == -1)
			abort();
	store_limit_pages(store, 1);	/* which is what it has */
	for (i = 101; i <= 164; i++) {
		job = make(i, i == 120 ? MIB : 60000);
		job->message->flags = MAIL_RET_FULL;
		end(job, i == 120 ? AGENT_PERMFAIL : AGENT_OK,
		    i == 120 ? "5.1.1" : "2.0.0");
	}
	n = attempts(20);
	tap_ok(result_waiting() == 0 && nreleased == 64 && ndsn == 1,
	    "what makes room is stored in front, in %u attempts", n);
	store_limit_pages(store, 1 << 20);
}

/* The pages of all bodies of z lead nowhere.  How many. */
static int
damage(const char *path)
{
	static const unsigned char far[4] = { 0x7f, 0xff, 0xff, 0xff };
	unsigned char page[16384];
	sqlite3 *db;
	off_t at;
	int fd, n = 0;

	/* from the log into the database */
	if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db,
	    "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
	if ((fd = open(path, O_RDWR)) == -1)
		abort();
	for (at = 0; pread(fd, page, sizeof(page), at) ==
	    (ssize_t)sizeof(page); at += (off_t)sizeof(page))
		if (page[4] == 'z' && memcmp(page + 4, page + 5, 10000) == 0)
			n += pwrite(fd, far, sizeof(far), at) == sizeof(far);
	close(fd);
	return n;
}

/* It is to go back to its sender, and is damaged. */
static void
test_damaged(const char *path)
{
	struct message *m = teststore_message(201, 60000);
	struct job *job = make(201, 60000);
	unsigned int n;

	reset();
	memset(m->body, 'z', m->size);
	if (store_begin(store, 1) == -1 || teststore_add(store, m, 1) == -1 ||
	    store_commit(store) == -1)
		abort();
	message_unref(m);
	store_close(store);
	tap_ok(damage(path) > 0, "one is damaged");
	if ((store = teststore_open(path, 0)) == NULL)
		abort();
	free(job->message->body);
	job->message->body = NULL;
	job->message->flags = MAIL_RET_FULL;
	end(job, AGENT_PERMFAIL, "5.1.1");
	n = attempts(10);
	tap_ok(result_waiting() == 0 && ndsn == 1 && nreleased == 1 &&
	    strstr(last_dsn, "Status: 5.1.1") != NULL,
	    "its sender is told, at attempt %u", n);
}

int
main(void)
{
	char path[64];

	log_init("result_test", LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	if ((store = teststore_open(path, 0)) == NULL)
		return 1;
	test_many();
	test_small();
	test_overtaken();
	test_full();
	test_damaged(path);
	store_close(store);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	tap_ok(system(path) == 0, "cleaned up");
	return tap_done();
}
