/*
 * The names by which smtpsctl is sendmail(8), mailq(8) and newaliases(8).
 * For main.c and each other.  All return an exit status of sysexits(3).
 */
#ifndef SMTPSCTL_SENDMAIL_H
#define SMTPSCTL_SENDMAIL_H

/* sendmail.c */
int	sendmail_main(int argc, char **argv);
/* sendsmtp.c: SMTP between standard input and output and the socket at path. */
int	smtp_relay(const char *path);
/* mailq.c */
int	mailq_main(void);
int	newaliases_main(void);
/* What is behind -q: "", or what to try at once. */
int	flush_main(const char *what);

#endif
