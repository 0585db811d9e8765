/*
 * sendmail: takes a message as that program does and hands it to smtpsd over
 * the submission socket, with no privilege of its own.  The kernel tells
 * smtpsd who calls, and smtpsd decides what that user may do.  Either all
 * recipients are accepted and the message with them, or nothing is sent and
 * the exit status says why.
 */
#include <sys/types.h>

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/accounts.h"
#include "ctl.h"
#include "sendhead.h"
#include "sendmail.h"
#include "sendopt.h"
#include "spool.h"
#include "submit.h"

#define PATIENCE_MS	2000	/* an open connection waits so long for input */
#define ADDRESS_SIZE	400
#define FULLNAME_SIZE	256
#define PARAMETERS_SIZE	512

static struct send_options options;
static struct submit *server;
static struct spool *spool;
static struct recipients rcpts;
static char sender[ADDRESS_SIZE], from[ADDRESS_SIZE], name[FULLNAME_SIZE];
static char complaint[1024];

static int
complain(int status, const char *text)
{
	fprintf(stderr, "sendmail: %s\n", text);
	return status;
}

static int
server_status(int status)
{
	return status == 0 ? 0 : complain(status, submit_error(server));
}

/* Up to the first comma; '&' is the login with a capital letter. */
static void
name_of_user(const struct passwd *pw)
{
	const char *p;
	size_t used = 0, n;

	for (p = pw->pw_gecos; p != NULL && *p != '\0' && *p != ','; p++) {
		n = *p == '&' ? strlen(pw->pw_name) : 1;
		if (used + n >= sizeof(name) || (unsigned char)*p < ' ' ||
		    *p == 0x7f) {
			used = 0;
			break;
		}
		memcpy(name + used, *p == '&' ? pw->pw_name : p, n);
		if (*p == '&')
			name[used] = (char)toupper((unsigned char)name[used]);
		used += n;
	}
	name[used] = '\0';
}

/* One address, complete; "" and "<>" are the null reverse-path. */
static int
set_sender(const char *text)
{
	struct recipients one = { 0 };
	int status;

	sender[0] = '\0';
	if (text[0] == '\0' || strcmp(text, "<>") == 0)
		return 0;
	status = recipients_add(&one, text, submit_host(server), complaint,
	    sizeof(complaint));
	if (status == 0 && (one.n != 1 || strlcpy(sender, one.list[0],
	    sizeof(sender)) >= sizeof(sender))) {
		strlcpy(complaint, "-f takes one address",
		    sizeof(complaint));
		status = EX_USAGE;
	}
	recipients_free(&one);
	return status == 0 ? 0 : complain(status, complaint);
}

static int
set_identity(void)
{
	const struct passwd *pw;
	int status;

	switch (accounts_uid(geteuid(), &pw)) {
	case ACCOUNTS_UNSURE:
		return complain(EX_TEMPFAIL, "the system cannot say now which "
		    "user you are");
	case ACCOUNTS_NONE:
		return complain(EX_NOUSER, "your user id has no name");
	default:
		break;
	}
	name_of_user(pw);
	if (options.name != NULL && strlcpy(name, options.name,
	    sizeof(name)) >= sizeof(name))
		return complain(EX_USAGE, "-F: name too long");
	snprintf(from, sizeof(from), "%s@%s", pw->pw_name,
	    submit_host(server));
	if (options.sender == NULL)
		return set_sender(from);
	status = set_sender(options.sender);
	if (sender[0] != '\0')
		strlcpy(from, sender, sizeof(from));
	return status;
}

static int
set_recipients(void)
{
	int i, status;

	for (i = 0; i < options.argc; i++) {
		status = recipients_add(&rcpts, options.argv[i],
		    submit_host(server), complaint, sizeof(complaint));
		if (status != 0)
			return complain(status, complaint);
	}
	return 0;
}

/* A job may take hours to write: no connection is kept for it. */
static int
take_message(void)
{
	int status;

	spool = spool_new(options.ignore_dots, submit_limit(server));
	if (spool == NULL)
		return complain(EX_OSERR, "no memory");
	status = spool_read(spool, STDIN_FILENO, PATIENCE_MS, complaint,
	    sizeof(complaint));
	if (status == 1) {
		submit_quit(server);
		status = spool_read(spool, STDIN_FILENO, -1, complaint,
		    sizeof(complaint));
	}
	return status == 0 ? 0 : complain(status, complaint);
}

static int
is_wide(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return 1;
	return 0;
}

static int
send_envelope(const struct head *head, size_t head_size)
{
	char parameters[PARAMETERS_SIZE], notify[64] = "";
	int status, needs_utf8 = head->needs_utf8 || is_wide(sender);
	size_t i;

	for (i = 0; i < rcpts.n; i++)
		needs_utf8 |= is_wide(rcpts.list[i]);
	snprintf(parameters, sizeof(parameters), " SIZE=%llu%s%s%s%s%s%s",
	    (unsigned long long)(head_size + spool_size(spool)),
	    needs_utf8 || spool_is_8bit(spool) ? " BODY=8BITMIME" : "",
	    needs_utf8 ? " SMTPUTF8" : "",
	    options.ret != NULL ? " RET=" : "",
	    options.ret != NULL ? options.ret : "",
	    options.envid[0] != '\0' ? " ENVID=" : "", options.envid);
	if (options.notify[0] != '\0')
		snprintf(notify, sizeof(notify), " NOTIFY=%s", options.notify);
	if ((status = submit_mail(server, sender, parameters)) != 0)
		return server_status(status);
	for (i = 0; i < rcpts.n; i++)
		if ((status = submit_rcpt(server, rcpts.list[i], notify)) != 0)
			return server_status(status);
	return 0;
}

static int
send_content(const char *text, size_t size)
{
	const char *piece;
	int status;
	long n;

	if ((status = submit_data(server)) != 0 ||
	    (status = submit_write(server, text, size)) != 0)
		return server_status(status);
	while ((n = spool_next(spool, &piece)) > 0)
		if ((status = submit_write(server, piece, (size_t)n)) != 0)
			return server_status(status);
	if (n < 0)
		return complain(EX_IOERR, "cannot read the message again");
	if ((status = server_status(submit_end(server))) == 0)
		submit_quit(server);
	return status;
}

static int
send_message(void)
{
	struct head head = { .host = submit_host(server), .from = from,
	    .name = name, .rcpts = options.from_header ? &rcpts : NULL };
	const char *in;
	size_t insize, size = 0;
	char *text;
	int status;

	in = spool_header(spool, &insize);
	text = head_make(&head, in, insize, &size, &status, complaint,
	    sizeof(complaint));
	if (text == NULL)
		return complain(status, complaint);
	recipients_sort(&rcpts);
	if (rcpts.n == 0)
		status = complain(options.from_header ? EX_DATAERR : EX_USAGE,
		    "no recipients");
	else if (submit_is_open(server) ||
	    (status = server_status(submit_open(server))) == 0) {
		if ((status = send_envelope(&head, size)) == 0)
			status = send_content(text, size);
	}
	free(text);
	return status;
}

static int
run_message(void)
{
	int status;

	if (options.argc == 0 && !options.from_header)
		return complain(EX_USAGE, "recipients must be given, or -t");
	if ((server = submit_new(SUBMIT_SOCKET_PATH,
	    options.verbose)) == NULL)
		return complain(EX_OSERR, "no memory");
	if ((status = server_status(submit_open(server))) == 0 &&
	    (status = set_identity()) == 0 &&
	    (status = set_recipients()) == 0 &&
	    (status = take_message()) == 0)
		status = send_message();
	submit_free(server);
	spool_free(spool);
	recipients_free(&rcpts);
	return status;
}

int
sendmail_main(int argc, char **argv)
{
	int status;

	status = send_options(&options, argc, argv, complaint,
	    sizeof(complaint));
	if (status != 0)
		return complain(status, complaint);
	switch (options.mode) {
	case SEND_SMTP:
		return smtp_relay(SUBMIT_SOCKET_PATH);
	case SEND_MAILQ:
		return mailq_main();
	case SEND_ALIASES:
		return newaliases_main();
	case SEND_QUEUE:
		return flush_main(options.queue);
	default:
		return run_message();
	}
}
