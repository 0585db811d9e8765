/*
 * The users file.  The parent reads it at start and at a reload, smtpsctl
 * changes single lines of it.  A change is written beside the file and put
 * in place by rename(2) under a lock, so that a reader sees the old or the
 * new file and a crash leaves one of them.  Names of files are opened
 * relative to their directory and never through a symbolic link.  Memory
 * that held hashes is wiped.
 */
#include "mail/usersfile.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __OpenBSD__
#include <crypt.h>
#endif

#define FILE_MAX	(64U << 20)	/* bytes */
#define HASH_MAX	255		/* bytes; what crosses to a worker */

struct user {
	const char	*name;
	const char	*hash;
	unsigned int	 line;
};

struct users {
	char		*text;
	size_t		 size;
	struct user	*user;
	size_t		 n;
	size_t		 room;
};

static int complain(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));

static int
complain(char *err, size_t errsize, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errsize, fmt, ap);
	va_end(ap);
	return -1;
}

int
users_name_ok(const char *user)
{
	size_t i;

	if (user[0] == '\0' || user[0] == '#')
		return 0;
	for (i = 0; user[i] != '\0'; i++)
		if ((unsigned char)user[i] <= ' ' || user[i] == 0x7f ||
		    user[i] == ':')
			return 0;
	return i <= 255;
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

	if (strlen(hash) > HASH_MAX || strcspn(hash, ": \t\r\n") != strlen(hash))
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
	int c = strcmp(ua->name, ub->name);

	return c != 0 ? c : (ua->line > ub->line) - (ua->line < ub->line);
}

static int
check_file(int fd, const char *path, off_t *size, char *err, size_t errsize)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return complain(err, errsize, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return complain(err, errsize, "%s: not a regular file", path);
	if (st.st_uid != 0)
		return complain(err, errsize, "%s: must be owned by root "
		    "(chown root %s)", path, path);
	if (st.st_mode & 077)
		return complain(err, errsize, "%s: mode %04o lets others in "
		    "(chmod 600 %s)", path, (unsigned int)st.st_mode & 07777,
		    path);
	if (st.st_size > (off_t)FILE_MAX)
		return complain(err, errsize, "%s: too large", path);
	*size = st.st_size;
	return 0;
}

/* Read all of fd.  The text is NUL-terminated.  NULL: err says why. */
static char *
read_all(int fd, size_t size, size_t *got, char *err, size_t errsize)
{
	char *text;
	ssize_t n;

	*got = 0;
	if ((text = malloc(size + 1)) == NULL) {
		complain(err, errsize, "not enough memory");
		return NULL;
	}
	while (*got < size) {
		n = read(fd, text + *got, size - *got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			complain(err, errsize, "read: %s", strerror(errno));
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

/* One line, without its newline, split in place. */
static int
parse_line(struct users *u, char *s, unsigned int line, const char *path,
    char *err, size_t errsize)
{
	struct user *user;
	char *colon;
	size_t room;

	if (s[strspn(s, " \t\r")] == '\0' || s[0] == '#')
		return 0;
	if ((colon = strchr(s, ':')) == NULL)
		return complain(err, errsize, "%s:%u: no colon behind the "
		    "user's name", path, line);
	*colon = '\0';
	if (!users_name_ok(s))
		return complain(err, errsize, "%s:%u: not a valid user name",
		    path, line);
	if (!users_hash_ok(colon + 1))
		return complain(err, errsize, "%s:%u: not a hash that this "
		    "system can check ($2b$, $y$, $6$; smtpsctl encrypt makes "
		    "one)", path, line);
	if (u->n == u->room) {
		room = u->room == 0 ? 16 : u->room * 2;
		user = reallocarray(u->user, room, sizeof(*user));
		if (user == NULL)
			return complain(err, errsize, "not enough memory");
		u->user = user;
		u->room = room;
	}
	user = &u->user[u->n++];
	user->name = s;
	user->hash = colon + 1;
	user->line = line;
	return 0;
}

static int
parse_text(struct users *u, const char *path, char *err, size_t errsize)
{
	char *s = u->text, *nl, *end = u->text + u->size;
	unsigned int line = 0;
	size_t i;

	if (memchr(u->text, '\0', u->size) != NULL)
		return complain(err, errsize, "%s: has a NUL byte", path);
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
		if (strcmp(u->user[i - 1].name, u->user[i].name) == 0)
			return complain(err, errsize, "%s:%u: this user is "
			    "already in line %u", path, u->user[i].line,
			    u->user[i - 1].line);
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
		complain(err, errsize, "%s: %s", path, errno == ELOOP ||
		    errno == EMLINK ? "is a symbolic link" : strerror(errno));
		return NULL;
	}
	if (check_file(fd, path, &size, err, errsize) == -1)
		goto fail;
	if ((u = calloc(1, sizeof(*u))) == NULL) {
		complain(err, errsize, "not enough memory");
		goto fail;
	}
	u->text = read_all(fd, (size_t)size, &u->size, err, errsize);
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
	free(u->text);
	free(u->user);
	free(u);
}

const char *
users_hash(const struct users *u, const char *user)
{
	size_t lo = 0, hi = u->n, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(user, u->user[mid].name);
		if (c == 0)
			return u->user[mid].hash;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

size_t
users_count(const struct users *u)
{
	return u->n;
}

const char *
users_name(const struct users *u, size_t i)
{
	return i < u->n ? u->user[i].name : NULL;
}

/* What a change works on. */
struct change {
	const char	*path;
	const char	*base;		/* last part of path */
	const char	*user;
	const char	*hash;		/* NULL: delete */
	char		 temp[256];	/* beside it */
	int		 dir;
	int		 lock;
	char		*err;
	size_t		 errsize;
};

static int
open_dir(struct change *c)
{
	char dir[1024], lock[256];
	const char *slash = strrchr(c->path, '/');

	c->base = slash != NULL ? slash + 1 : c->path;
	if (slash == NULL)
		strlcpy(dir, ".", sizeof(dir));
	else if ((size_t)(slash - c->path) + 1 >= sizeof(dir))
		return complain(c->err, c->errsize, "path too long");
	else
		strlcpy(dir, c->path, (size_t)(slash - c->path) +
		    (slash == c->path ? 2 : 1));
	if (c->base[0] == '\0' || strlen(c->base) > 200)
		return complain(c->err, c->errsize, "%s: not a file name",
		    c->path);
	snprintf(lock, sizeof(lock), ".%s.lock", c->base);
	snprintf(c->temp, sizeof(c->temp), ".%s.new", c->base);
	c->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir == -1)
		return complain(c->err, c->errsize, "%s: %s", dir,
		    strerror(errno));
	c->lock = openat(c->dir, lock, O_RDWR | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (c->lock == -1 || flock(c->lock, LOCK_EX) == -1)
		return complain(c->err, c->errsize, "%s/%s: %s", dir, lock,
		    strerror(errno));
	return 0;
}

/* The text as it is now; an empty one if there is no file yet. */
static char *
read_old(struct change *c, size_t *size)
{
	char *text = NULL;
	off_t file_size;
	int fd;

	fd = openat(c->dir, c->base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	if (fd == -1) {
		*size = 0;
		if (errno == ENOENT)
			return calloc(1, 1);
		complain(c->err, c->errsize, "%s: %s", c->path,
		    strerror(errno));
		return NULL;
	}
	if (check_file(fd, c->path, &file_size, c->err, c->errsize) == 0)
		text = read_all(fd, (size_t)file_size, size, c->err,
		    c->errsize);
	close(fd);
	return text;
}

/* Write the text with the user's line changed; the number of such lines. */
static int
write_lines(FILE *f, const char *text, size_t size, const struct change *c)
{
	const char *s = text, *end = text + size, *nl;
	size_t n, name_size = strlen(c->user);
	int found = 0;

	for (; s < end; s += n) {
		nl = memchr(s, '\n', (size_t)(end - s));
		n = nl != NULL ? (size_t)(nl - s) + 1 : (size_t)(end - s);
		if (n > name_size && strncmp(s, c->user, name_size) == 0 &&
		    s[name_size] == ':') {
			if (found++ == 0 && c->hash != NULL)
				fprintf(f, "%s:%s\n", c->user, c->hash);
			continue;
		}
		fwrite(s, 1, n, f);
		if (nl == NULL)
			fputc('\n', f);
	}
	if (!found && c->hash != NULL)
		fprintf(f, "%s:%s\n", c->user, c->hash);
	return found;
}

/* Write the temporary file; -1: err says why. */
static int
write_new(struct change *c, const char *text, size_t size, int must_exist)
{
	FILE *f;
	int fd, found, bad;

	/* One left by a crash: the lock says that it is nobody's. */
	(void)unlinkat(c->dir, c->temp, 0);
	fd = openat(c->dir, c->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1 || fchmod(fd, 0600) == -1 ||
	    (f = fdopen(fd, "w")) == NULL) {
		complain(c->err, c->errsize, "%s: %s", c->temp,
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	found = write_lines(f, text, size, c);
	bad = fflush(f) == EOF || ferror(f) || fsync(fd) == -1;
	if (fclose(f) == EOF || bad)
		return complain(c->err, c->errsize, "%s: %s", c->temp,
		    strerror(errno));
	if (found && !must_exist)
		return complain(c->err, c->errsize, "%s: is there already",
		    c->user);
	if (!found && must_exist)
		return complain(c->err, c->errsize, "%s: no such user",
		    c->user);
	return 0;
}

int
users_change(const char *path, const char *user, const char *hash,
    int must_exist, char *err, size_t errsize)
{
	struct change c = { .path = path, .user = user, .hash = hash,
	    .dir = -1, .lock = -1, .err = err, .errsize = errsize };
	char *text = NULL;
	size_t size = 0;
	int ret = -1;

	if (!users_name_ok(user))
		return complain(err, errsize, "not a valid user name");
	if (hash != NULL && !users_hash_ok(hash))
		return complain(err, errsize, "not a hash that this system "
		    "can check");
	if (hash == NULL)
		must_exist = 1;
	if (open_dir(&c) == -1)
		goto out;
	if ((text = read_old(&c, &size)) == NULL)
		goto out;
	if (write_new(&c, text, size, must_exist) == -1) {
		(void)unlinkat(c.dir, c.temp, 0);
		goto out;
	}
	if (renameat(c.dir, c.temp, c.dir, c.base) == -1 || fsync(c.dir) == -1) {
		complain(err, errsize, "%s: %s", path, strerror(errno));
		(void)unlinkat(c.dir, c.temp, 0);
		goto out;
	}
	ret = 0;
out:
	if (text != NULL) {
		explicit_bzero(text, size);
		free(text);
	}
	if (c.lock != -1)
		close(c.lock);
	if (c.dir != -1)
		close(c.dir);
	return ret;
}
