/*
 * Replies of an SMTP server (RFC 5321 4.2), which may be hostile.  For relay
 * only.
 */
#ifndef RELAY_REPLY_H
#define RELAY_REPLY_H

#include <stddef.h>

#define REPLY_LINE_MAX	512	/* bytes with CRLF, RFC 5321 4.5.3.1.5 */
#define REPLY_LINES_MAX	100

struct smtp_reply {
	int	code;			/* 200..599 */
	char	enhanced[12];		/* RFC 3463, "" if it gave none */
	char	text[512];		/* all lines, printable ASCII */
	/* The parser's own. */
	size_t	text_used;
	size_t	line_used;
	int	nlines;
	char	line[REPLY_LINE_MAX + 1];
};

/* Before the first byte of each reply. */
void	reply_reset(struct smtp_reply *);
/*
 * Feed bytes; *used says how many were taken.  1: complete, 0: more to come,
 * -1: not SMTP, *why says what.  each_line (may be NULL) sees the text
 * behind the code of every line.
 */
int	reply_feed(struct smtp_reply *, const char *data, size_t size,
	    size_t *used, void (*each_line)(void *arg, const char *text),
	    void *arg, const char **why);

#endif
