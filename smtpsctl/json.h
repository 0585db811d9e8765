/*
 * The little JSON that smtpsctl -j prints: an array of flat objects, one per
 * line.  For smtpsctl only.
 */
#ifndef SMTPSCTL_JSON_H
#define SMTPSCTL_JSON_H

#include <stdint.h>

void	json_begin(void);			/* [ */
void	json_object(void);			/* { of the next object */
void	json_string(const char *key, const char *value);
void	json_number(const char *key, uint64_t value);
void	json_object_end(void);
void	json_end(void);				/* ] */
/* What a command that shows nothing has to say: an array of one object. */
void	json_text(const char *key, const char *value);
/* 1: an array has been begun. */
int	json_is_used(void);

#endif
