/*
 * A message from standard input: its header as lines, its body as it goes
 * over SMTP.  For sendmail.c and the unit test.
 */
#ifndef SMTPSCTL_SPOOL_H
#define SMTPSCTL_SPOOL_H

#include <stddef.h>
#include <stdint.h>

struct spool;

/* limit: of bytes in all, 0: none.  NULL: no memory. */
struct spool	*spool_new(int ignore_dots, uint64_t limit);
/*
 * Read until the end of the message, at most patience_ms if that is not -1.
 * 0: all of it is here; 1: more will come; else an exit status with the
 * reason in err.
 */
int		 spool_read(struct spool *, int fd, int patience_ms, char *err,
		    size_t errsize);
/* The header: lines with CRLF, without the empty line. */
const char	*spool_header(const struct spool *, size_t *size);
/* Is there a byte beyond ASCII? */
int		 spool_is_8bit(const struct spool *);
/* Bytes of the body. */
uint64_t	 spool_size(const struct spool *);
/* The body, from its start, dots doubled; bytes, 0 at its end, -1. */
long		 spool_next(struct spool *, const char **out);
void		 spool_free(struct spool *);

#endif
