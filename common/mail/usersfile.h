/*
 * The users file: "LOGIN:HASH[:FIELD...]" per line, '#' comments; hashes in
 * crypt(5) form (bcrypt $2b$, yescrypt $y$, sha512-crypt $6$).  Fields:
 *	scram-sha-256$...	a verifier of the same password (verifier.h)
 *	device=TIME		the login is USER/DEVICE, made then
 *	scope=ADDR[,ADDR...]	what a device may send as
 * Used by the parent and by smtpsctl; read whole, kept sorted.
 */
#ifndef MAIL_USERSFILE_H
#define MAIL_USERSFILE_H

#include <stddef.h>
#include <stdint.h>

#define USERS_KEY_SIZE		32
#define USERS_LOGIN_SIZE	256
#define USERS_SCOPE_SIZE	512

struct users;

/* One credential.  It lives as long as its struct users. */
struct user {
	const char	*login;
	const char	*hash;
	const char	*verifier;	/* text, or NULL */
	const char	*device;	/* inside login, or NULL */
	const char	*scope;		/* or NULL: what its user may */
	int64_t		 created;	/* of a device, seconds */
	unsigned int	 line;
};

/*
 * Checks the file (regular, owner root, no access for group and others,
 * not a symbolic link) and parses it.  NULL and a reason in err that names
 * file and line.
 */
struct users	*users_load(const char *path, char *err, size_t errsize);
void		 users_free(struct users *);	/* wipes */
const struct user *users_find(const struct users *, const char *login);
/* The same, but a device only while its user has a line. */
const struct user *users_find_live(const struct users *, const char *login);
size_t		 users_count(const struct users *);
const struct user *users_at(const struct users *, size_t i);	/* or NULL */
/* The user that a credential is of.  -1: does not fit. */
int		 users_owner(const struct user *, char *out, size_t outsize);
/* A hash of the commonest kind and cost; NULL: there are none. */
const char	*users_common_hash(const struct users *);
/* The first that has a verifier, or NULL. */
const struct user *users_with_verifier(const struct users *);
/* Everybody could use SCRAM. */
int		 users_all_have_verifiers(const struct users *);
/* The secret for the salts of unknown users, USERS_KEY_SIZE; or NULL. */
const uint8_t	*users_key(const struct users *);
/* 1..255 bytes, no control, space, colon; not starting with '#'. */
int		 users_name_ok(const char *login);
int		 users_device_ok(const char *device);
int		 users_scope_ok(const char *scope);
/* A hash form that this system can check. */
int		 users_hash_ok(const char *hash);
/*
 * Change one line (rest NULL: delete, with the devices of the user;
 * must_exist 0: add, fails if there) and put the file in place atomically
 * (lock, temporary beside, fsync, rename, fsync of the directory), mode 0600.
 * rest is HASH[:FIELD...].  -1 and a reason.
 */
int		 users_change(const char *path, const char *user,
		    const char *rest, int must_exist, char *err, size_t errsize);

#endif
