/*
 * One AUTH attempt, and what checks it.  authenticate.c makes attempts, has
 * each wait its turn, counts failures and answers; a backend knows how the
 * client's proof is checked and nothing of sessions, addresses or policy.
 * For these two sides only.
 */
#ifndef PARENT_ATTEMPT_H
#define PARENT_ATTEMPT_H

#include <sys/queue.h>

#include <event.h>
#include <stddef.h>
#include <stdint.h>

#include "backoff.h"
#include "memo.h"
#include "proto/net_parent.h"
#include "proto/parent_auth.h"

struct conf_listener;
struct user;

enum attempt_stage {
	STAGE_DIALOGUE,		/* the client has been asked back */
	STAGE_WAITING,		/* its turn */
	STAGE_CHECKING,
	STAGE_FOLLOWING,	/* the result of another one */
	STAGE_LAST		/* right; the client has to acknowledge */
};

#define CHALLENGE_LAST	96	/* bytes, of a last challenge */

/* What a check says. */
enum verdict { VERDICT_UNKNOWN = -1, VERDICT_BAD, VERDICT_GOOD };

struct attempt {
	TAILQ_ENTRY(attempt)	 entry;
	uint64_t		 request;	/* names it to the backend */
	uint64_t		 session;
	uint64_t		 leader;	/* request of the same password */
	uint32_t		 net_id;
	uint32_t		 listener;	/* id */
	uint8_t			 mechanism;	/* AUTH_* */
	uint8_t			 stage;		/* enum attempt_stage */
	uint8_t			 cancelled;	/* nobody waits for the answer */
	uint8_t			 took_token;
	uint8_t			 is_refused;	/* STAGE_LAST, of a refusal */
	const struct auth_backend *backend;
	struct event		 timer;
	uint8_t			 address_key[BACKOFF_KEY_SIZE];
	uint8_t			 pair_key[BACKOFF_KEY_SIZE];
	uint8_t			 login_key[BACKOFF_KEY_SIZE];
	uint8_t			 in_login_line;
	char			 address[IPADDR_SIZE];
	char			 prefix[IPADDR_SIZE];	/* of the address */
	uint8_t			 has_exporter;	/* net's word, as the session */
	uint8_t			 exporter[32];

	/* Of the parser: the name as the client wrote it, and the proof. */
	char			 login[LOGIN_SIZE];
	char			 password[PASSWORD_SIZE];
	/* Of the parser or the backend's prepare(). */
	const char		*flaw;	/* not NULL: cannot succeed, why */
	char			 user[LOGIN_SIZE];	/* the identity gained */
	char			 device[NAME_SIZE];	/* "": none */
	int64_t			 until_s;	/* it is good; 0: for ever */
	char			 scope[SCOPE_SIZE];	/* of the device, "": any */
	char			 last[CHALLENGE_LAST];	/* "": no last word */
	char			 hash[HASH_SIZE];
	uint8_t			 mac[MEMO_MAC_SIZE];	/* of the whole proof */
	void			*data;	/* the backend's; wiped and freed with it */
	size_t			 data_size;
};

struct auth_backend {
	const char	*name;
	uint8_t		 remembers;	/* a good proof stays good for a while */
	uint8_t		 is_password;	/* of the users file: its use is kept */
	uint8_t		 names_user;	/* the login is the verdict's name */
	const char	*refusal;	/* a challenge before the refusal, or NULL */
	/*
	 * Only of a mechanism that asks back.  open() takes the client's
	 * first message, sets login and flaw and writes a challenge: its
	 * length, or -1 to fail at once.  proof() keeps the second message.
	 */
	int		(*open)(struct attempt *, const struct conf_listener *,
			    const char *in, size_t insize, char *out,
			    size_t outsize);
	void		(*proof)(struct attempt *, const char *in,
			    size_t insize);
	/*
	 * When it arrives: looks the login up, sets user and mac.  Whatever
	 * it finds, start() has to cost the same; a flaw is not told.
	 */
	void		(*prepare)(struct attempt *, const struct conf_listener *);
	/*
	 * Other users are in force.  0: what prepare() found is no longer
	 * so.  NULL: start() looks for itself, and answers at once.
	 */
	int		(*is_current)(struct attempt *,
			    const struct conf_listener *);
	/*
	 * Its turn has come.  May set last, which a client must acknowledge
	 * before it is in.  Ends with one call of authenticate_verdict(),
	 * from inside or later; -1: it cannot be checked now.  The attempt
	 * may be gone by then for the backend: it keeps the request only.
	 * Secrets in the attempt are wiped by the caller afterwards.
	 */
	int		(*start)(struct attempt *);
};

/* A backend's answer; reason is for the log, static.  Stale ones are ignored. */
void	authenticate_verdict(uint64_t request, enum verdict, const char *reason);

/*
 * It is right, the user is known by this name from now on, and the session is
 * his until then, seconds since the epoch; 0: as long as it lasts.
 */
void	authenticate_verdict_as(uint64_t request, const char *user,
	    int64_t until_s);

/* authoutside.c: the system's passwords; Dovecot. */
const struct auth_backend *authsystem_backend(void);
const struct auth_backend *authdovecot_backend(void);

/* authusers.c: hashes of the users file, checked by the auth workers. */
const struct auth_backend *authusers_backend(void);
/* authscram.c: SCRAM verifiers of the users file. */
const struct auth_backend *authscram_backend(void);
/* authtoken.c: tokens that an issuer signed, checked by the auth workers. */
const struct auth_backend *authtoken_backend(void);
/* authexternal.c: a client certificate that the listener's table names. */
const struct auth_backend *authexternal_backend(void);
void	authusers_on_users(void);	/* other users files are in force */
/* Who this credential makes the attempt: user, device, scope. */
void	authusers_identity(struct attempt *, const struct user *);

#endif
