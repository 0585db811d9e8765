/*
 * What is fixed about each kind of child.
 */
#ifndef PARENT_KINDS_H
#define PARENT_KINDS_H

#include <stddef.h>

#include "proto/boot.h"

#define KINDS_MAX		(PROC_DOVECOT + 1)
#define KINDS_INSTANCES_MAX	16

struct conf;

/* Looks up _smtpsd, _smtpsp, _smtpsq; -1 and a log line for each missing. */
int		 kinds_init(const char *empty_dir, const char *spool_dir);
/* Name of the program; NULL: not a supervised kind. */
const char	*kinds_program(int kind);
int		 kinds_wanted(const struct conf *, int kind);
int		 kinds_are_paired(enum proc_kind, enum proc_kind);
/* User, group, root directory and limit. */
/* Where there is nothing. */
const char	*kinds_empty_root(void);
void		 kinds_fill_boot(enum proc_kind, struct parent_any_boot *);
/* "signal 11 (Segmentation fault)" and the like into buf. */
const char	*kinds_describe_death(int status, char *buf, size_t size);

#endif
