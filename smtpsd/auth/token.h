/*
 * Access tokens: signed JWTs (RFC 7519, 9068).  For check.c, the test and the
 * fuzz target.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

struct jws_keys;
struct link;
struct link_in;

#define TOKEN_LEEWAY_S	60	/* clocks differ */

struct token_want {
	const char	*issuer;
	const char	*audience;
	uint32_t	 claim;		/* enum token_claim */
	const char	*user;		/* "": anybody */
	int64_t		 now_s;
};

/*
 * NULL: good, user is whose it is and *until_s when it is no longer, seconds
 * since the epoch.  Else why not, one word for the log; user is "" then.
 */
const char	*token_check(const struct token_want *, const struct jws_keys *,
		    const char *token, size_t token_size, char *user,
		    size_t user_size, int64_t *until_s);

void	on_parent_token(struct link *, struct link_in *);

#endif
