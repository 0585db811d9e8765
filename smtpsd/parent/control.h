/*
 * What smtpsctl may ask of the parent, by way of the control process.
 */
#ifndef PARENT_CONTROL_H
#define PARENT_CONTROL_H

struct link;
struct link_in;

/* The reload that was begun is over; text is "" or the complaints. */
void	control_reload_done(int failed, const char *text);
void	control_on_death(void);

void	on_control_stats(struct link *, struct link_in *);
void	on_control_reload(struct link *, struct link_in *);
void	on_control_stop(struct link *, struct link_in *);
void	on_control_users(struct link *, struct link_in *);

#endif
