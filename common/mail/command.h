/*
 * A command of the configuration, to be run without a shell: its words, in
 * which the parts of an envelope are put.  No process, no memory: results
 * are copied out.
 */
#ifndef MAIL_COMMAND_H
#define MAIL_COMMAND_H

#include <stddef.h>

#define COMMAND_ARGS_MAX	64
#define COMMAND_ROOM		16384	/* bytes of all arguments, expanded */

struct command_values {
	const char	*sender;	/* "" for a notification */
	const char	*recipient;
	const char	*user;		/* the Unix user */
};

struct command {
	int	 argc;
	char	*argv[COMMAND_ARGS_MAX + 1];	/* NULL behind the last */
	char	 room[COMMAND_ROOM];
};

/*
 * Split text at blanks; "..." keeps them, \ before " or \ inside quotes takes
 * its meaning away.  %{sender} %{rcpt} %{dest.user} %{dest.domain}
 * %{dest.extension} (behind the first '+' of the local part) and
 * %{user.username} are replaced afterwards: whatever a value holds, it adds
 * no argument, and none begins with a '-' that came out of a value.  NULL, or
 * what is wrong: command_no_option if it is the address and not the text.
 */
extern const char	 command_no_option[];
const char	*command_expand(struct command *, const char *text,
		    const struct command_values *);
/* NULL, or what is wrong with text whatever the values are. */
const char	*command_fault(const char *text);

#endif
