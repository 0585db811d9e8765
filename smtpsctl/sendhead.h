/*
 * What sendmail does to the header of a message and to addresses given on
 * its command line.  For sendmail.c and the unit test.
 */
#ifndef SMTPSCTL_SENDHEAD_H
#define SMTPSCTL_SENDHEAD_H

#include <stddef.h>

struct recipients {
	char	**list;			/* sorted, each once, after _sort() */
	size_t	  n;
	size_t	  room;
};

/* Addresses of one argument; host is put behind a local part alone.
 * 0, or an exit status with the reason in err. */
int	recipients_add(struct recipients *, const char *text,
	    const char *host, char *err, size_t errsize);
void	recipients_sort(struct recipients *);
void	recipients_free(struct recipients *);

struct head {
	const char		*host;
	const char		*from;		/* address of a From to add */
	const char		*name;		/* its name, may be "" */
	struct recipients	*rcpts;		/* -t: add to it; else NULL */
	int			 needs_utf8;	/* set by head_make() */
};

/*
 * The header to send behind DATA (dots doubled), the empty line included, for
 * a header of lines with CRLF.  malloc()ed; NULL and an exit status in *status, the reason in err.
 */
char	*head_make(struct head *, const char *in, size_t insize,
	    size_t *outsize, int *status, char *err, size_t errsize);

#endif
