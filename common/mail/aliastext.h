/*
 * The right-hand side of an alias: targets with commas or white space
 * between, as in aliases(5) and in the files that :include: names.  A '#' at
 * the start of a target begins a comment up to the end of the line.  No
 * process, no memory.
 */
#ifndef MAIL_ALIASTEXT_H
#define MAIL_ALIASTEXT_H

#include <stddef.h>

#define ALIASTEXT_SIZE	1024

enum alias_kind {
	ALIAS_BAD,		/* text: as it stands, cut */
	ALIAS_ADDRESS,		/* local@domain */
	ALIAS_NAME,		/* a local part */
	ALIAS_DOMAIN,		/* "@domain": the same local part there */
	ALIAS_INCLUDE,		/* :include:/path; text: the path */
	ALIAS_COMMAND,		/* |command; text: without the bar */
	ALIAS_FILE		/* /path */
};

struct alias_target {
	enum alias_kind	 kind;
	int		 is_final;	/* "\target": expand no further */
	char		 text[ALIASTEXT_SIZE];
};

/* Takes the next target off *list; 0: there is none. */
int	aliastext_next(const char **list, struct alias_target *);

#endif
