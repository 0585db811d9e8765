/*
 * Words of the configuration, and the complaints about it.  For conf_*.c
 * only.  The lexer owns the text of the current token; file names live in
 * the list the caller gave.
 */
#ifndef PARENT_CONF_LEX_H
#define PARENT_CONF_LEX_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"

enum token_kind {
	TOKEN_EOF,
	TOKEN_NEWLINE,
	TOKEN_WORD,		/* without quotes */
	TOKEN_STRING,		/* with quotes or from a macro */
	TOKEN_LEFT,		/* { */
	TOKEN_RIGHT,		/* } */
	TOKEN_TABLE,		/* <name>; text is the name */
	TOKEN_COMMA,
	TOKEN_EQUAL,
	TOKEN_BAD		/* complaint was made */
};

#define LEX_TEXT_SIZE	2048

struct lexer;

struct lexer	*lexer_new(const char *path, const struct conf_macros *,
		    struct conf *, struct conf_errors *);
void		 lexer_free(struct lexer *);	/* wipes */
/* Reads another file; its end is seen as a newline.  -1: complaint made. */
int		 lexer_include(struct lexer *, const char *path);
/* The next token becomes the current one. */
enum token_kind	 lexer_next(struct lexer *);
enum token_kind	 lexer_kind(const struct lexer *);
const char	*lexer_text(const struct lexer *);
struct conf_where lexer_where(const struct lexer *);	/* of the token */
/* -1: the name is taken by an earlier line of the file. */
int		 lexer_define(struct lexer *, const char *name,
		    const char *value);
/* Cautions of macros that nothing has used: a setting of another program? */
void		 lexer_unused(struct lexer *);
/* 1: the file being read can be read by its owner alone. */
int		 lexer_is_private(const struct lexer *);

/* Complaints.  hint may be NULL. */
void	conf_complain(struct conf_errors *, struct conf_where, const char *hint,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void	conf_caution(struct conf_errors *, struct conf_where, const char *hint,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The word of a NULL-terminated list that is closest, or NULL. */
const char	*conf_closest(const char *word, const char *const *list);

#endif
