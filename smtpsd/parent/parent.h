/*
 * The supervisor: what its own modules ask of the loop.
 */
#ifndef PARENT_PARENT_H
#define PARENT_PARENT_H

#include <sys/types.h>

#include <stdint.h>

struct conf;
struct conf_errors;
struct conf_macros;

struct parent_options {
	const char		*conf_path;
	struct conf_macros	*macros;
	int			 foreground;	/* -d */
	int			 verbose;	/* -v */
};

/* Runs until stopped; the exit status. */
int		 parent_run(const struct parent_options *);

uint64_t	 parent_now_ms(void);		/* monotonic */
const struct conf *parent_conf(void);		/* in force; never keep it */
int		 parent_is_stopping(void);
void		 parent_stop(void);
void		 parent_exit(int status);	/* at the end of this turn */

/*
 * -1: refused, errors say why, nothing changed.  0: sent to all children;
 * control_reload_done() is called when they have answered.
 */
int		 parent_reload(struct conf_errors *);
/* Reads the users files again.  -1 and a reason. */
int		 parent_reload_users(char *err, size_t errsize);
/* A child has answered a configuration, or came or went. */
void		 parent_on_progress(void);
/* A child died while the first configuration was not in force yet. */
void		 parent_on_early_death(const char *name, uint32_t times);

#endif
