/*
 * What the parent knows of its children's sandboxes.
 *
 * Called by main.c and parent.c before anything is started, by child.c and
 * deliver.c when a child has entered its sandbox, by control.c.  State: the
 * last answer of each kind.  A child refuses to go on by itself; here the
 * same is said once, early and in words, and what a child says is checked
 * against what it was told.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "conf.h"
#include "confine.h"
#include "kinds.h"
#include "proto/control_answer.h"

#define PREFIX_STAT	"parent.sandbox."

static int	is_learning;
static struct {
	int	is_known;
	uint8_t	level;
	uint8_t	landlock;
} last[KINDS_MAX];

void
confine_learn(void)
{
	is_learning = 1;
}

uint8_t
confine_mode(const struct conf *conf)
{
	return (conf->sandbox_weak ? SANDBOX_WEAK : 0) |
	    (is_learning ? SANDBOX_LEARN : 0);
}

const char *
confine_fault(const struct conf *conf)
{
	static char		 text[512];
	struct sandbox_facts	 facts;
	const char		*missing = sandbox_probe(&facts);

	if (missing == NULL || conf->sandbox_weak)
		return NULL;
	snprintf(text, sizeof(text), "no sandbox, no service: %s ('sandbox "
	    "weak' goes on without it, see smtpsd.conf(5))", missing);
	return text;
}

static const char *
kind_name(int kind)
{
	return kind == PROC_DELIVER ? "deliver" : kinds_program(kind);
}

void
confine_print(const struct conf *conf)
{
	struct sandbox_facts	 facts;
	const char		*missing = sandbox_probe(&facts);
	int			 k;

	if (missing == NULL && facts.landlock > 0)
		fprintf(stderr, "sandbox: Landlock ABI %u, seccomp:",
		    facts.landlock);
	else if (missing == NULL)
		fprintf(stderr, "sandbox: pledge, unveil:");
	else
		fprintf(stderr, "warning: sandbox: weak, because %s:", missing);
	for (k = 0; k < KINDS_MAX; k++)
		if (k == PROC_DELIVER || kinds_wanted(conf, k) > 0)
			fprintf(stderr, " %s", kind_name(k));
	fprintf(stderr, "\n");
}

void
confine_warn(const struct conf *conf)
{
	struct sandbox_facts	 facts;
	const char		*missing = sandbox_probe(&facts);

	if (is_learning)
		log_warnx("WARNING: -L: THE SANDBOX ONLY LOGS: not for service");
	if (missing != NULL)
		log_warnx("WARNING: THE SANDBOX IS WEAK ('sandbox weak'): %s",
		    missing);
	else if (conf->sandbox_weak)
		log_warnx("warning: 'sandbox weak' is not needed here: "
		    "nothing is missing");
}

int
confine_note(enum proc_kind kind, const struct any_conf *m,
    const struct conf *conf)
{
	last[kind].is_known = 1;
	last[kind].level = m->confined > SANDBOX_WHOLE ? SANDBOX_WHOLE :
	    (uint8_t)m->confined;
	last[kind].landlock = (uint8_t)m->landlock;
	return m->confined >= SANDBOX_WHOLE || confine_mode(conf) != 0 ? 0 : -1;
}

void
confine_stats(struct link *link, const struct conf *conf, uint64_t request)
{
	char	 name[64];
	int	 k, landlock = -1;

	control_answer_stat(link, request, PREFIX_STAT "weak",
	    conf->sandbox_weak != 0);
	control_answer_stat(link, request, PREFIX_STAT "learn", is_learning);
	for (k = 0; k < KINDS_MAX; k++) {
		if (!last[k].is_known)
			continue;
		if (landlock == -1 || last[k].landlock < landlock)
			landlock = last[k].landlock;
		snprintf(name, sizeof(name), PREFIX_STAT "%s", kind_name(k));
		control_answer_stat(link, request, name, last[k].level);
	}
	control_answer_stat(link, request, PREFIX_STAT "landlock",
	    landlock == -1 ? 0 : (uint64_t)landlock);
}
