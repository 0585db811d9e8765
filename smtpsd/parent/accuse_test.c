/*
 * Who dies when one child accuses another: the verdict, and what becomes of
 * the message.  The slots and kill(2) are those of this file.
 */
#define kill	test_kill
#define link_arg test_link_arg
#include "accuse.c"
#undef kill

#include <string.h>

#include "base/tap.h"

#define REFILL_MS	600000

static struct child	 slots[KINDS_MAX];
static struct child	 second_net;
static uint64_t		 now_ms = 1000;
static int		 nkills;
static pid_t		 last_killed;

int
test_kill(pid_t pid, int sig)
{
	last_killed = sig == SIGKILL ? pid : -1;
	nkills++;
	return 0;
}

void *
test_link_arg(struct link *link)
{
	return link;
}

struct child *
child_at(int kind, int instance)
{
	if (kind == PROC_NET && instance == 1)
		return &second_net;
	return instance == 0 && slots[kind].kind != 0 ? &slots[kind] : NULL;
}

uint64_t
parent_now_ms(void)
{
	return now_ms;
}

static void
fill(struct child *c, enum proc_kind kind, uint32_t id)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->pid = (pid_t)id + 1000;
	c->id = id;
	c->ready = 1;
	c->link = (struct link *)(void *)c;
	bucket_init(&c->accuse_bucket, ACCUSE_BURST, now_ms);
	strlcpy(c->name, "child", sizeof(c->name));
}

static void
fill_all(void)
{
	int	k;

	for (k = PROC_NET; k <= PROC_CONTROL; k++)
		if (k != PROC_DELIVER)
			fill(&slots[k], k, (uint32_t)k * 10);
	fill(&second_net, PROC_NET, 21);
	nkills = 0;
	last_killed = 0;
}

static void
accuse(struct child *by, uint32_t id)
{
	struct any_parent_broke	 m = { .peer_id = id };
	struct link_in		 in = { .data = &m, .size = sizeof(m) };

	on_child_broke((struct link *)(void *)by, &in);
}

/*
 * FREE: however often; PAID: as long as the budget lasts, then the accuser
 * dies; DEAR: then both.
 */
enum price { NONE, FREE, PAID, DEAR };

static void
test_verdicts(void)
{
	static const struct {
		enum proc_kind	by, of;
		enum price	want;
		const char	*name;
	} cases[] = {
		{ PROC_POLICY, PROC_NET, FREE, "policy of net" },
		{ PROC_QUEUE, PROC_NET, FREE, "queue of net" },
		{ PROC_CONTROL, PROC_NET, DEAR, "control of net" },
		{ PROC_QUEUE, PROC_RELAY, FREE, "queue of relay" },
		{ PROC_RESOLVER, PROC_RELAY, DEAR, "resolver of relay" },
		{ PROC_CONTROL, PROC_RELAY, DEAR, "control of relay" },
		{ PROC_POLICY, PROC_CONTROL, FREE, "policy of control" },
		{ PROC_QUEUE, PROC_CONTROL, FREE, "queue of control" },
		{ PROC_NET, PROC_CONTROL, PAID, "net of control" },
		{ PROC_RELAY, PROC_CONTROL, PAID, "relay of control" },
		{ PROC_NET, PROC_POLICY, PAID, "net of policy" },
		{ PROC_NET, PROC_QUEUE, PAID, "net of queue" },
		{ PROC_RELAY, PROC_QUEUE, PAID, "relay of queue" },
		{ PROC_RELAY, PROC_RESOLVER, PAID, "relay of resolver" },
		{ PROC_CONTROL, PROC_POLICY, PAID, "control of policy" },
		{ PROC_CONTROL, PROC_QUEUE, PAID, "control of queue" },
		{ PROC_POLICY, PROC_QUEUE, PAID, "policy of queue" },
		{ PROC_QUEUE, PROC_POLICY, PAID, "queue of policy" },
		{ PROC_NET, PROC_RELAY, NONE, "net of relay" },
		{ PROC_NET, PROC_AUTH, NONE, "net of auth" },
		{ PROC_NET, PROC_NET, NONE, "net of net" },
		{ PROC_POLICY, PROC_AUTH, NONE, "policy of auth" },
		{ PROC_POLICY, PROC_RESOLVER, NONE, "policy of resolver" },
		{ PROC_QUEUE, PROC_PARENT, NONE, "queue of the parent" },
		{ PROC_QUEUE, PROC_DELIVER, NONE, "queue of deliver" },
		{ PROC_AUTH, PROC_QUEUE, NONE, "auth of queue" },
	};
	struct bucket		 b;
	enum accuse_verdict	 got, want;
	size_t			 i;
	int			 n, is_right;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bucket_init(&b, ACCUSE_BURST, 0);
		is_right = 1;
		for (n = 0; n < 3 * ACCUSE_BURST; n++) {
			got = accuse_judge(cases[i].by, cases[i].of, &b, 1);
			want = cases[i].want == NONE ? ACCUSE_NOBODY :
			    cases[i].want == FREE || n < ACCUSE_BURST ?
			    ACCUSE_ACCUSED : cases[i].want == DEAR ?
			    ACCUSE_BOTH : ACCUSE_ACCUSER;
			is_right &= got == want;
		}
		tap_ok(is_right, "%s", cases[i].name);
		tap_ok((b.tokens < 1) == (cases[i].want >= PAID),
		    "%s: what it costs", cases[i].name);
	}
}

static void
test_budget(void)
{
	struct bucket	 b;
	int		 n, m = 0;

	bucket_init(&b, ACCUSE_BURST, 0);
	for (n = 0; n < ACCUSE_BURST; n++)
		(void)accuse_judge(PROC_NET, PROC_POLICY, &b, 0);
	tap_ok(accuse_judge(PROC_NET, PROC_QUEUE, &b, REFILL_MS - 1000) ==
	    ACCUSE_ACCUSER, "one budget for all that are accused");
	tap_ok(accuse_judge(PROC_NET, PROC_QUEUE, &b, REFILL_MS + 1000) ==
	    ACCUSE_ACCUSED, "one more after 10 minutes");
	tap_ok(accuse_judge(PROC_NET, PROC_QUEUE, &b, REFILL_MS + 2000) ==
	    ACCUSE_ACCUSER, "and no second one");
	while (m < 100 && accuse_judge(PROC_NET, PROC_QUEUE, &b,
	    1000ULL * REFILL_MS) == ACCUSE_ACCUSED)
		m++;
	tap_ok(m == ACCUSE_BURST, "a week saves no more than a burst");
}

static void
test_nobody(void)
{
	struct child	*net = &slots[PROC_NET], *policy = &slots[PROC_POLICY];

	fill_all();
	accuse(net, net->id);
	accuse(policy, policy->id);
	accuse(net, 0);
	accuse(net, UINT32_MAX);
	accuse(net, second_net.id);
	accuse(net, slots[PROC_RELAY].id);
	accuse(policy, slots[PROC_AUTH].id);
	tap_ok(nkills == 0, "itself, nobody, who has no link: no kill");
	policy->pid = 0;
	accuse(net, policy->id);
	fill_all();
	policy->ready = 0;
	accuse(net, policy->id);
	fill_all();
	policy->link = NULL;
	accuse(net, policy->id);
	tap_ok(nkills == 0, "dead, not ready, cut from the parent: no kill");
	fill_all();
	policy->id++;		/* replaced */
	accuse(net, policy->id - 1);
	tap_ok(nkills == 0, "the one before: no kill");
	tap_ok(net->accuse_bucket.tokens >= ACCUSE_BURST, "and no cost");
}

static void
test_kills(void)
{
	struct child	*net = &slots[PROC_NET], *policy = &slots[PROC_POLICY];
	int		 n;

	fill_all();
	accuse(net, policy->id);
	tap_ok(nkills == 1 && last_killed == policy->pid, "the accused dies");
	accuse(net, policy->id);
	accuse(&second_net, policy->id);
	tap_ok(nkills == 1 && second_net.accuse_bucket.tokens >= ACCUSE_BURST,
	    "once, at one accuser's cost");
	for (n = 1; n < ACCUSE_BURST; n++) {
		policy->is_condemned = 0;	/* replaced */
		accuse(net, ++policy->id);
	}
	tap_ok(nkills == ACCUSE_BURST && !net->is_condemned,
	    "and its successors");
	policy->is_condemned = 0;
	accuse(net, policy->id);
	tap_ok(nkills == ACCUSE_BURST + 1 && last_killed == net->pid &&
	    !policy->is_condemned, "then the accuser");
	accuse(net, slots[PROC_QUEUE].id);
	tap_ok(nkills == ACCUSE_BURST + 1, "which is not heard any more");
	net->is_condemned = 0;
	net->id++;
	accuse(net, policy->id);
	tap_ok(nkills == ACCUSE_BURST + 2 && last_killed == net->pid,
	    "its successor has no new budget");
	accuse(&second_net, policy->id);
	tap_ok(nkills == ACCUSE_BURST + 3 && last_killed == policy->pid,
	    "another net has its own");
}

/* Control or resolver says it of net or relay. */
static void
test_between(enum proc_kind by_kind, enum proc_kind of_kind)
{
	struct child	*by = &slots[by_kind], *of = &slots[of_kind];
	int		 n;

	fill_all();
	for (n = 0; n < ACCUSE_BURST; n++) {
		of->is_condemned = 0;		/* replaced */
		accuse(by, ++of->id);
	}
	tap_ok(nkills == ACCUSE_BURST && !by->is_condemned, "%d words of one "
	    "between", ACCUSE_BURST);
	of->is_condemned = 0;
	accuse(by, ++of->id);
	tap_ok(nkills == ACCUSE_BURST + 2 && by->is_condemned &&
	    of->is_condemned, "then both die");
	of->is_condemned = 0;
	accuse(by, ++of->id);
	tap_ok(nkills == ACCUSE_BURST + 2, "it is not heard any more");
	by->is_condemned = 0;
	by->id++;
	accuse(by, of->id);
	tap_ok(nkills == ACCUSE_BURST + 4 && by->is_condemned,
	    "each life of it costs one more at most");
}

int
main(void)
{
	test_verdicts();
	test_budget();
	test_nobody();
	test_kills();
	test_between(PROC_CONTROL, PROC_NET);
	test_between(PROC_RESOLVER, PROC_RELAY);
	return tap_done();
}
