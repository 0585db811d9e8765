/*
 * Makes an action for each command and file that aliases name, so that the
 * queue and policy name it like any other and nobody but the parent knows
 * what it does.  The name is a hash of what is done and as whom: an envelope
 * that waits in the queue while the aliases change never gets to something
 * else, its action is just not there any more.  Called by conf_alias.c.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "conf_parse.h"
#include "conf_target.h"
#include "mail/aliastext.h"
#include "mail/command.h"
#include "mailroot.h"
#include "userdb.h"

#define TARGETS_MAX	256	/* of all tables */
#define TARGET_S	300	/* seconds for one message */
#define HASH_BYTES	16	/* of the name */

_Static_assert(ALIASTEXT_SIZE <= TARGET_SIZE && TARGET_SIZE <= COMMAND_SIZE &&
    TARGET_SIZE <= PATHNAME_SIZE, "room for a target");

const char *
conf_target_user(const struct conf_action *a)
{
	/* Who keeps names of mailboxes is not asked for programs. */
	if (a->aliases != NULL && a->aliases->is_group)
		return "";
	return a->target_user[0] != '\0' ? a->target_user : a->user;
}

static int
name_of(enum alias_kind kind, const char *user, const char *text, char *out,
    size_t outsize)
{
	char	all[NAME_SIZE + ALIASTEXT_SIZE + 2];
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t	i, used;
	int	n;

	n = snprintf(all, sizeof(all), "%c%s %s", kind == ALIAS_FILE ? 'f' :
	    'c', user, text);
	if (n < 0 || (size_t)n >= sizeof(all) || EVP_Digest(all, (size_t)n,
	    hash, NULL, EVP_sha256(), NULL) != 1)
		return -1;
	strlcpy(out, kind == ALIAS_FILE ? "file:" : "command:", outsize);
	for (i = 0; i < HASH_BYTES; i++) {
		used = strlen(out);
		snprintf(out + used, outsize - used, "%02x", hash[i]);
	}
	return 0;
}

static const char *
command_fault_here(const char *text)
{
	static const struct command_values values = { "s@example.org",
	    "r@example.org", "user" };
	const char	*fault = command_fault(text);
	struct command	*c;

	if (fault != NULL)
		return fault;
	if ((c = malloc(sizeof(*c))) == NULL)
		return "finds no memory";
	if ((fault = command_expand(c, text, &values)) == NULL &&
	    access(c->argv[0], X_OK) == -1)
		fault = strerror(errno);
	free(c);
	return fault;
}

static const char *
file_fault(const char *path)
{
	char	root[PATHNAME_SIZE], rest[PATHNAME_SIZE];

	if (path[strlen(path) - 1] == '/')
		return "is a directory";
	if (strstr(path, "%{") != NULL)
		return "must not contain %{";
	if (mailroot_split(path, "", root, sizeof(root), rest,
	    sizeof(rest)) == -1)
		return "must be in a directory other than /, without ..";
	return NULL;
}

/* What deliver will find out; the file may be mended by then. */
static const char *
warning_of(enum alias_kind kind, const char *text, uid_t uid)
{
	struct stat	st;

	if (kind == ALIAS_COMMAND)
		return strpbrk(text, "|;<>&`$") == NULL ? NULL :
		    "no shell reads this; put it into a script";
	if (strcmp(text, "/dev/null") == 0 || lstat(text, &st) == -1)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return "not a plain file with one name; mail for it waits";
	return st.st_uid == uid ? NULL :
	    "the file is another user's; mail for it waits";
}

static size_t
count(const struct conf *conf)
{
	size_t	i, n = 0;

	for (i = 0; i < conf->nactions; i++)
		n += conf->actions[i]->target != TARGET_NONE;
	return n;
}

static int
make(struct conf *conf, const char *name, const char *user,
    const struct alias_target *t)
{
	struct conf_action	*a;

	a = conf_append(&conf->actions, &conf->nactions, sizeof(*a));
	if (a == NULL)
		return -1;
	strlcpy(a->name, name, sizeof(a->name));
	strlcpy(a->user, user, sizeof(a->user));
	a->is_used = 1;
	if (t->kind == ALIAS_COMMAND) {
		a->kind = ACTION_MDA;
		a->target = TARGET_COMMAND;
		a->command_s = TARGET_S;
		strlcpy(a->command, t->text, sizeof(a->command));
	} else {
		a->kind = ACTION_MBOX;
		a->target = TARGET_FILE;
		strlcpy(a->path, t->text, sizeof(a->path));
	}
	return 0;
}

int
conf_target_add(struct conf *conf, const struct conf_action *of,
    const struct alias_target *t, char *fault, size_t size)
{
	const struct conf_action *a;
	const char	*user = conf_target_user(of), *why = NULL;
	enum userdb_answer is = USERDB_NONE;
	struct account	 who;
	char		 name[NAME_SIZE];

	if (of->aliases->is_group)
		why = "a group may write the table";
	else if (user[0] == '\0')
		why = "no user is named to do it";
	else if ((is = userdb_find(user, &who)) == USERDB_NONE)
		why = "its user cannot be used";
	else if (t->kind == ALIAS_COMMAND)
		why = command_fault_here(t->text);
	else
		why = file_fault(t->text);
	if (why == NULL && name_of(t->kind, user, t->text, name,
	    sizeof(name)) == -1)
		why = "has no name";
	if (why == NULL && (a = conf_action_by_name(conf, name)) != NULL) {
		if (a->target == TARGET_NONE)
			why = "another action has its name";
	} else if (why == NULL && (count(conf) == TARGETS_MAX ||
	    make(conf, name, user, t) == -1))
		why = "one command or file too many";
	strlcpy(fault, why != NULL ? why : "", size);
	if (why != NULL)
		return -1;
	if (is == USERDB_UNSURE)	/* deliver.c asks again */
		why = "its user cannot be looked up now";
	else if ((why = warning_of(t->kind, t->text, who.uid)) == NULL)
		return 0;
	strlcpy(fault, why, size);
	return 1;
}
