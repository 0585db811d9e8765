/*
 * The users file: "user:hash" per line, '#' comments; hashes in crypt(5)
 * form (bcrypt $2b$, yescrypt $y$, sha512-crypt $6$).  Used by the parent and
 * by smtpsctl; read whole, kept sorted.
 */
#ifndef MAIL_USERSFILE_H
#define MAIL_USERSFILE_H

#include <stddef.h>

struct users;

/*
 * Checks the file (regular, owner root, no access for group and others,
 * not a symbolic link) and parses it.  NULL and a reason in err that names
 * file and line.
 */
struct users	*users_load(const char *path, char *err, size_t errsize);
void		 users_free(struct users *);	/* wipes */
const char	*users_hash(const struct users *, const char *user); /* or NULL */
size_t		 users_count(const struct users *);
const char	*users_name(const struct users *, size_t i);
/* 1..255 bytes, no control, space, colon; not starting with '#'. */
int		 users_name_ok(const char *user);
/* A hash form that this system can check. */
int		 users_hash_ok(const char *hash);
/*
 * Change one line (hash NULL: delete; must_exist 0: add, fails if there) and
 * put the file in place atomically (lock, temporary beside, fsync, rename,
 * fsync of the directory), mode 0600.  -1 and a reason.
 */
int		 users_change(const char *path, const char *user,
		    const char *hash, int must_exist, char *err, size_t errsize);

#endif
