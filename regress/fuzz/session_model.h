/*
 * What the three parts of the model of a session share: session_model.c reads
 * both directions, session_command.c says which reply a command has to get and
 * session_message.c what the queue has to have of a message.
 */
#ifndef SESSION_MODEL_H
#define SESSION_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "session_fuzz.h"

enum mode { COMMAND, DIALOGUE, DATA };
enum result {
	WANTS_INPUT,
	WANTS_REPLY,
	WENT_ON,		/* over input that has no reply */
	USED_REPLY
};

struct model {
	enum mode	 mode;
	size_t		 at;		/* of host.seen */
	size_t		 out_at;	/* of host.out */
	size_t		 record;	/* next of peers */
	uint64_t	 skip;		/* octets of a BDAT to come */
	int		 in_bad_line;
	int		 is_over;	/* nothing may follow any more */
	int		 may_421;	/* but this */
	int		 may_close;
	int		 is_greeted;
	int		 has_helo, is_esmtp, has_tls, has_user;
	int		 has_tx;	/* its MAIL was accepted */
	int		 tx_known;	/* policy was asked about it */
	uint32_t	 tx;
	uint32_t	 flags;
	char		 sender[328];
	uint32_t	 nsent, naccepted, nrcpt;
	int		 is_bdat;
	int		 bdat_failed;
	uint32_t	 nmessages;
	char		*text;		/* of chunks */
	size_t		 text_size;
};
extern struct model m;

/* session_model.c */
void	model_over(int is_error);

/* session_message.c */
int	model_code(unsigned int reply);
void	model_drop_tx(void);
void	model_text(const void *, size_t);
/* The next record, if it is of that kind. */
const struct record	*model_record(enum record_kind);
void	model_message_end(int code);

/* session_command.c; 0: there is no such command. */
int	model_command(const char *name, const char *args, int code);
int	model_bdat_size(const char *args, uint64_t *size);
void	model_auth(const char *args, int code);

#endif
