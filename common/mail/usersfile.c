/*
 * The users file.  The parent reads it at start and at a reload; smtpsctl
 * reads it and changes single lines of it (userschange.c).  A file is never
 * opened through a symbolic link.  Memory that held hashes is wiped.
 */
#include "mail/usersfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __OpenBSD__
#include <crypt.h>
#endif

#include "mail/base64.h"
#include "mail/usersfile_impl.h"
#include "mail/verifier.h"

#define FILE_MAX	(64U << 20)	/* bytes */

struct users {
	char		*text;
	size_t		 size;
	struct user	*user;
	size_t		 n;
	size_t		 room;
	const char	*common;	/* the commonest kind of hash, or NULL */
	size_t		 nverifiers;
	int		 has_key;
	uint8_t		 key[USERS_KEY_SIZE];
};

int
users_complain(char *err, size_t errsize, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errsize, fmt, ap);
	va_end(ap);
	return -1;
}

/* n digits of crypt's base64 and then the end of the string. */
static int
are_digits(const char *s, size_t n)
{
	return strspn(s, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz") == n && s[n] == '\0';
}

static int
is_bcrypt(const char *hash)
{
	int cost;

	if (strncmp(hash, "$2b$", 4) != 0 && strncmp(hash, "$2a$", 4) != 0 &&
	    strncmp(hash, "$2y$", 4) != 0)
		return 0;
	if (hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9' ||
	    hash[6] != '$')
		return 0;
	cost = (hash[4] - '0') * 10 + hash[5] - '0';
	return cost >= 4 && cost <= 31 && are_digits(hash + 7, 53);
}

int
users_hash_ok(const char *hash)
{
	const char *last = strrchr(hash, '$');

	if (strlen(hash) >= USERS_HASH_SIZE || strcspn(hash, ": \t\r\n") != strlen(hash))
		return 0;
#ifdef __OpenBSD__
	return last != NULL && is_bcrypt(hash);
#else
	if (!is_bcrypt(hash) &&
	    !(strncmp(hash, "$y$", 3) == 0 && last > hash + 3 &&
	    are_digits(last + 1, 43)) &&
	    !(strncmp(hash, "$6$", 3) == 0 && last > hash + 2 &&
	    are_digits(last + 1, 86)))
		return 0;
#ifdef CRYPT_CHECKSALT_AVAILABLE
	switch (crypt_checksalt(hash)) {
	case CRYPT_SALT_INVALID:
	case CRYPT_SALT_METHOD_DISABLED:
		return 0;
	}
#endif
	return 1;
#endif
}

static int
compare_users(const void *a, const void *b)
{
	const struct user *ua = a, *ub = b;
	int c = strcmp(ua->login, ub->login);

	return c != 0 ? c : (ua->line > ub->line) - (ua->line < ub->line);
}

int
users_check_file(int fd, const char *path, off_t *size, char *err, size_t errsize)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return users_complain(err, errsize, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return users_complain(err, errsize, "%s: not a regular file", path);
	if (st.st_uid != 0)
		return users_complain(err, errsize, "%s: must be owned by root "
		    "(chown root %s)", path, path);
	if (st.st_mode & 077)
		return users_complain(err, errsize, "%s: mode %04o lets others in "
		    "(chmod 600 %s)", path, (unsigned int)st.st_mode & 07777,
		    path);
	if (st.st_size > (off_t)FILE_MAX)
		return users_complain(err, errsize, "%s: too large", path);
	*size = st.st_size;
	return 0;
}

/* Read all of fd.  The text is NUL-terminated.  NULL: err says why. */
char *
users_read_all(int fd, size_t size, size_t *got, char *err, size_t errsize)
{
	char *text;
	ssize_t n;

	*got = 0;
	if ((text = malloc(size + 1)) == NULL) {
		users_complain(err, errsize, "not enough memory");
		return NULL;
	}
	while (*got < size) {
		n = read(fd, text + *got, size - *got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			users_complain(err, errsize, "read: %s", strerror(errno));
			explicit_bzero(text, size);
			free(text);
			return NULL;
		}
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	text[*got] = '\0';
	return text;
}

/* The fields behind the hash, split in place.  NULL, or what is wrong. */
static const char *
parse_fields(struct user *user, char *s)
{
	struct verifier v;
	const char *e;
	char *field;

	while ((field = strsep(&s, ":")) != NULL) {
		if (strncmp(field, VERIFIER_TEXT, strlen(VERIFIER_TEXT)) == 0) {
			if (user->verifier != NULL ||
			    verifier_parse(field, &v) == -1)
				return "not a SCRAM verifier";
			explicit_bzero(&v, sizeof(v));
			user->verifier = field;
		} else if (strncmp(field, "device=", 7) == 0) {
			user->device = strchr(user->login, '/');
			user->created = strtonum(field + 7, 0, INT64_MAX, &e);
			if (e != NULL || user->device == NULL ||
			    !users_device_ok(++user->device))
				return "a device is written USER/NAME:HASH:"
				    "device=TIME";
		} else if (strncmp(field, "scope=", 6) == 0) {
			if (!users_scope_ok(field + 6))
				return "not a list of addresses behind scope=";
			user->scope = field + 6;
		} else
			return "unknown field behind the hash (scram-sha-256$,"
			    " device=, scope=)";
	}
	if (user->scope != NULL && user->device == NULL)
		return "only a device has a scope";
	return NULL;
}

/* "#scram-key:" and 32 bytes: a comment for older versions. */
static void
parse_comment(struct users *u, const char *s)
{
	if (strncmp(s, USERS_KEY_TEXT, strlen(USERS_KEY_TEXT)) != 0)
		return;
	s += strlen(USERS_KEY_TEXT);
	if (base64_decode(s, strcspn(s, " \t\r"), u->key, sizeof(u->key)) ==
	    (int)sizeof(u->key))
		u->has_key = 1;
}

/* One line, without its newline, split in place. */
static int
parse_line(struct users *u, char *s, unsigned int line, const char *path,
    char *err, size_t errsize)
{
	const char *why = NULL;
	struct user *user;
	char *hash, *fields;
	size_t room;

	if (s[0] == '#')
		parse_comment(u, s);
	if (s[strspn(s, " \t\r")] == '\0' || s[0] == '#')
		return 0;
	if ((hash = strchr(s, ':')) == NULL)
		return users_complain(err, errsize, "%s:%u: no colon behind the "
		    "user's name", path, line);
	*hash++ = '\0';
	if (!users_name_ok(s))
		return users_complain(err, errsize, "%s:%u: not a valid user "
		    "name", path, line);
	if ((fields = strchr(hash, ':')) != NULL)
		*fields++ = '\0';
	if (!users_hash_ok(hash))
		return users_complain(err, errsize, "%s:%u: not a hash that "
		    "this system can check ($2b$, $y$, $6$; smtpsctl encrypt "
		    "makes one)", path, line);
	if (u->n == u->room) {
		room = u->room == 0 ? 16 : u->room * 2;
		user = reallocarray(u->user, room, sizeof(*user));
		if (user == NULL)
			return users_complain(err, errsize, "not enough memory");
		u->user = user;
		u->room = room;
	}
	user = &u->user[u->n++];
	memset(user, 0, sizeof(*user));
	user->login = s;
	user->hash = hash;
	user->line = line;
	if (fields != NULL && (why = parse_fields(user, fields)) != NULL)
		return users_complain(err, errsize, "%s:%u: %s", path, line,
		    why);
	u->nverifiers += user->verifier != NULL;
	return 0;
}

/* What of a hash says what it costs: all before the salt. */
static size_t
cost_size(const char *hash)
{
	const char *s = hash + 3;

	if (strncmp(hash, "$2", 2) == 0)
		return 7;
	if (strncmp(hash, "$y$", 3) == 0 || strncmp(s, "rounds=", 7) == 0)
		s += strcspn(s, "$");
	return (size_t)(s - hash);
}

/* An unknown user shall cost what most users cost. */
static void
find_common(struct users *u)
{
	struct { const struct user *like; size_t n; } kinds[16];
	size_t i, k, nkinds = 0, best = 0;
	const char *hash;

	for (i = 0; i < u->n; i++) {
		hash = u->user[i].hash;
		for (k = 0; k < nkinds; k++)
			if (cost_size(hash) == cost_size(kinds[k].like->hash) &&
			    strncmp(hash, kinds[k].like->hash,
			    cost_size(hash)) == 0)
				break;
		if (k == nkinds) {
			if (nkinds == sizeof(kinds) / sizeof(kinds[0]))
				continue;
			kinds[k].like = &u->user[i];
			kinds[k].n = 0;
			nkinds++;
		}
		if (++kinds[k].n > kinds[best].n)
			best = k;
	}
	u->common = nkinds > 0 ? kinds[best].like->hash : NULL;
}

static int
parse_text(struct users *u, const char *path, char *err, size_t errsize)
{
	char *s = u->text, *nl, *end = u->text + u->size;
	unsigned int line = 0;
	size_t i;

	if (memchr(u->text, '\0', u->size) != NULL)
		return users_complain(err, errsize, "%s: has a NUL byte", path);
	while (s < end) {
		line++;
		if ((nl = strchr(s, '\n')) != NULL)
			*nl = '\0';
		if (parse_line(u, s, line, path, err, errsize) == -1)
			return -1;
		s = nl != NULL ? nl + 1 : end;
	}
	if (u->n > 0)
		qsort(u->user, u->n, sizeof(*u->user), compare_users);
	for (i = 1; i < u->n; i++)
		if (strcmp(u->user[i - 1].login, u->user[i].login) == 0)
			return users_complain(err, errsize, "%s:%u: this user is "
			    "already in line %u", path, u->user[i].line,
			    u->user[i - 1].line);
	find_common(u);
	return 0;
}

struct users *
users_load(const char *path, char *err, size_t errsize)
{
	struct users *u = NULL;
	off_t size;
	int fd;

	/* O_NONBLOCK: a FIFO must not hang the daemon. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1) {
		users_complain(err, errsize, "%s: %s", path, errno == ELOOP ||
		    errno == EMLINK ? "is a symbolic link" : strerror(errno));
		return NULL;
	}
	if (users_check_file(fd, path, &size, err, errsize) == -1)
		goto fail;
	if ((u = calloc(1, sizeof(*u))) == NULL) {
		users_complain(err, errsize, "not enough memory");
		goto fail;
	}
	u->text = users_read_all(fd, (size_t)size, &u->size, err, errsize);
	if (u->text == NULL || parse_text(u, path, err, errsize) == -1)
		goto fail;
	close(fd);
	return u;
fail:
	close(fd);
	users_free(u);
	return NULL;
}

void
users_free(struct users *u)
{
	if (u == NULL)
		return;
	if (u->text != NULL)
		explicit_bzero(u->text, u->size);
	explicit_bzero(u->key, sizeof(u->key));
	free(u->text);
	free(u->user);
	free(u);
}

const struct user *
users_find(const struct users *u, const char *login)
{
	size_t lo = 0, hi = u->n, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(login, u->user[mid].login);
		if (c == 0)
			return &u->user[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct user *
users_find_live(const struct users *u, const char *login)
{
	const struct user *user = users_find(u, login);
	char owner[USERS_LOGIN_SIZE];

	if (user == NULL || user->device == NULL)
		return user;
	if (users_owner(user, owner, sizeof(owner)) == -1 ||
	    users_find(u, owner) == NULL)
		return NULL;
	return user;
}

int
users_owner(const struct user *user, char *out, size_t outsize)
{
	size_t n = strlen(user->login);

	if (user->device != NULL)
		n = (size_t)(user->device - user->login) - 1;
	if (n == 0 || n >= outsize)
		return -1;
	memcpy(out, user->login, n);
	out[n] = '\0';
	return 0;
}

const struct user *
users_at(const struct users *u, size_t i)
{
	return i < u->n ? &u->user[i] : NULL;
}

size_t
users_count(const struct users *u)
{
	return u->n;
}

const char *
users_common_hash(const struct users *u)
{
	return u->common;
}

const struct user *
users_with_verifier(const struct users *u)
{
	size_t i;

	for (i = 0; i < u->n; i++)
		if (u->user[i].verifier != NULL)
			return &u->user[i];
	return NULL;
}

int
users_all_have_verifiers(const struct users *u)
{
	return u->nverifiers == u->n;
}

const uint8_t *
users_key(const struct users *u)
{
	return u->has_key ? u->key : NULL;
}
