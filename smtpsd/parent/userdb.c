/*
 * Answers policy's question whether a local part is a user, and deliver.c's
 * for its owner.  Names come from outside (a recipient's local part), so
 * nothing that is not plainly a user name reaches getpwnam(3).
 *
 * The users may be on another host, which may be away: that is never a "no".
 * Each look-up keeps the whole parent, and with it every TLS handshake: whoever
 * sends names shall not keep it with a host that is slow.
 *
 * State owned: who smtpsd's own users are, what the log knows of an outage,
 * and until when policy's questions are not looked up.
 */
#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/accounts.h"
#include "base/link.h"
#include "base/log.h"
#include "mailroot.h"
#include "proto/parent_policy.h"
#include "userdb.h"

#define OUTAGE_S	600	/* then the log is told again */
#define SLOW_MS		250	/* a look-up that took longer is followed */
#define PAUSE		4	/* by a pause of so many times its length */

/* Those that smtpsd's own processes run as. */
static const char *const	our_names[] = { "_smtpsd", "_smtpsp",
				    "_smtpsq" };
#define OURS	(sizeof(our_names) / sizeof(our_names[0]))
static uid_t			ours[OURS];
static size_t			nours;

/* The first that could not be looked up; "": all is well. */
static char			outage_name[64];
static uint64_t			outage_told_ms;	/* monotonic, as all here */
static uint64_t			pause_until_ms;

static int
is_name(const char *s)
{
	size_t	 n = strlen(s);

	if (n == 0 || n > 32 || s[0] == '-' || s[0] == '.')
		return 0;
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-") == n;
}

static uint64_t
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/*
 * One line for an outage, not one for each message of it.  That it is over,
 * a name shows that nobody has: all services were asked for it; or the name
 * that it began with.
 */
static enum accounts_answer
look_up(const char *name, const struct passwd **pw)
{
	uint64_t		 start = now_ms(), now;
	enum accounts_answer	 found = accounts_user(name, pw);
	int			 error = errno;

	now = now_ms();
	/* Those who are found are few, and known to policy for a while. */
	if (found != ACCOUNTS_FOUND && now - start > SLOW_MS)
		pause_until_ms = now + PAUSE * (now - start);
	if (found == ACCOUNTS_UNSURE) {
		errno = error;
		if (outage_name[0] != '\0' && now - outage_told_ms <
		    OUTAGE_S * 1000)
			return found;
		if (outage_name[0] == '\0')
			strlcpy(outage_name, name, sizeof(outage_name));
		outage_told_ms = now;
		log_warnx("the system cannot say whether there is a user %s: "
		    "%s; mail for such users waits: see the services of "
		    "passwd in nsswitch.conf and whether they run", name,
		    strerror(error));
		errno = error;
	} else if (outage_name[0] != '\0' && (found == ACCOUNTS_NONE ||
	    strcmp(name, outage_name) == 0)) {
		outage_name[0] = '\0';
		log_info("the system can say who is a user again");
	}
	return found;
}

int
userdb_init(void)
{
	const struct passwd	*pw;

	for (; nours < OURS; nours++) {
		switch (look_up(our_names[nours], &pw)) {
		case ACCOUNTS_FOUND:
			ours[nours] = pw->pw_uid;
			break;
		case ACCOUNTS_NONE:
			errno = ENOENT;
			return -1;
		default:
			return -1;
		}
	}
	return 0;
}

/* Whoever could have a process as one of them could reach into those.  Of the
 * configuration alone (-n), they may not have been made yet. */
static enum userdb_answer
check_uid(uid_t uid)
{
	size_t	 i;

	if (userdb_init() == -1 && errno != ENOENT)
		return USERDB_UNSURE;
	for (i = 0; i < nours; i++)
		if (ours[i] == uid)
			return USERDB_NONE;
	return USERDB_FOUND;
}

enum userdb_answer
userdb_find(const char *name, struct account *a)
{
	const struct passwd	*pw;

	if (!is_name(name))
		return USERDB_NONE;
	switch (look_up(name, &pw)) {
	case ACCOUNTS_FOUND:
		break;
	case ACCOUNTS_NONE:
		return USERDB_NONE;
	default:
		return USERDB_UNSURE;
	}
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	if (strlcpy(a->home, pw->pw_dir, sizeof(a->home)) >=
	    sizeof(a->home) || a->uid == 0 || a->gid == 0)
		return USERDB_NONE;
	return check_uid(a->uid);
}

uint16_t
userdb_groups(const char *name, gid_t gid, uint32_t *groups, size_t max)
{
	gid_t		 all[128] = { 0 };	/* not all failures fill it */
	int		 i, nall = (int)(sizeof(all) / sizeof(all[0]));
	uint16_t	 n = 0;

	if (getgrouplist(name, gid, all, &nall) == -1)
		nall = (int)(sizeof(all) / sizeof(all[0]));
	for (i = 0; i < nall && n < max; i++)
		if (all[i] != 0 && all[i] != gid)
			groups[n++] = all[i];
	return n;
}

/* Whom a service in front of the slow one knows, as a rule. */
static int
is_in_file(const char *name)
{
	char	 line[256];
	size_t	 n = strlen(name);
	int	 is_start = 1, found = 0;
	FILE	*f;

	if ((f = fopen("/etc/passwd", "re")) == NULL)
		return 0;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		found = is_start && strncmp(line, name, n) == 0 &&
		    line[n] == ':';
		is_start = strchr(line, '\n') != NULL;
	}
	fclose(f);
	return found;
}

int
userdb_may_ask(const char *name)
{
	return now_ms() >= pause_until_ms || is_in_file(name);
}

void
on_policy_user(struct link *link, struct link_in *in)
{
	const struct policy_parent_user	*m = in->data;
	struct parent_policy_user_done	 done = { 0 };
	struct account			 a;

	strlcpy(done.name, m->name, sizeof(done.name));
	switch (userdb_may_ask(m->name) ? userdb_find(m->name, &a) :
	    USERDB_UNSURE) {
	case USERDB_FOUND:
		done.is = mailroot_is_home(a.home) ? POLICY_USER_HOME :
		    POLICY_USER_HOMELESS;
		break;
	case USERDB_UNSURE:
		done.is = POLICY_USER_LATER;
		break;
	default:
		done.is = POLICY_USER_NONE;
		break;
	}
	(void)link_send(link, MSG_PARENT_POLICY_USER_DONE, &done, sizeof(done));
}
