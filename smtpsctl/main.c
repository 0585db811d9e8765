/*
 * smtpsctl: looks into and steers a running smtpsd over its control socket,
 * and keeps its users file.  By another name it is sendmail, mailq or
 * newaliases.  Only the command line is here.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#include "ctl.h"
#include "json.h"
#include "sendmail.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR	"/etc/smtpsd"
#endif

static const char *socket_path = CONTROL_SOCKET_PATH;
static const char *users_file = SYSCONFDIR "/users";
static int json;
static int is_raw;		/* it prints a message, not JSON */

static int
usage(void)
{
	fputs("usage: smtpsctl [-j] [-s socket] [-t users-file] command\n"
	    "  show sessions|queue|stats|listeners|users\n"
	    "  show queue [above ID|all]\n"
	    "  show limits [USER]\n"
	    "  show message|envelope ID\n"
	    "  hold|release|schedule|remove ID|all\n"
	    "  hold|release|schedule|remove sender|recipient|domain NAME\n"
	    "  pause|resume smtp|mta|mda\n"
	    "  kill session ID\n"
	    "  reload | stop\n"
	    "  user add|passwd|del|check NAME\n"
	    "  user devices USER\n"
	    "  user device add USER NAME [scope ADDRESS ...]\n"
	    "  user device del USER NAME\n", stderr);
	return 1;
}

static int
connected(void)
{
	if (ctl_connect(socket_path) == 0)
		return 1;
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr, "smtpsctl: smtpsd is not running (%s: %s)\n",
		    socket_path, strerror(errno));
	else
		fprintf(stderr, "smtpsctl: %s: %s\n", socket_path,
		    strerror(errno));
	return 0;
}

static int
run_show(const char *what)
{
	if (strcmp(what, "users") == 0)
		return users_show(users_file, NULL, json,
		    logins_load(socket_path) == 0);
	if (strcmp(what, "sessions") != 0 && strcmp(what, "queue") != 0 &&
	    strcmp(what, "stats") != 0 && strcmp(what, "listeners") != 0)
		return usage();
	if (!connected())
		return 1;
	if (strcmp(what, "sessions") == 0)
		return show_sessions(json);
	if (strcmp(what, "queue") == 0)
		return show_queue(0, 0, json);
	if (strcmp(what, "listeners") == 0)
		return show_listeners(json);
	return show_stats(json);
}

static int
run_limits(const char *user)
{
	if (user != NULL && (user[0] == '\0' || strlen(user) >= LOGIN_SIZE)) {
		fputs("smtpsctl: bad user name\n", stderr);
		return 1;
	}
	return connected() ? show_limits(user, json) : 1;
}

static int
run_kill(const char *id)
{
	size_t digits = strspn(id, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > 16 || id[digits] != '\0') {
		fputs("smtpsctl: bad session ID, see `smtpsctl show "
		    "sessions'\n", stderr);
		return 1;
	}
	if (!connected())
		return 1;
	return ctl_request(MSG_CTL_CONTROL_KILL, strtoull(id, NULL, 16), 0,
	    NULL) == -1;
}

static int
run_simple(uint32_t type)
{
	static const struct ctl_handlers handlers = { .text = complain_text };

	return !connected() || ctl_request(type, 0, 0, &handlers) == -1;
}

/* A running smtpsd reads the file again; without one there is no need. */
static int
users_tell(void)
{
	if (ctl_connect(socket_path) == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return 0;
		fprintf(stderr, "smtpsctl: the file is changed, but smtpsd "
		    "cannot be told: %s\n", strerror(errno));
		return 1;
	}
	return ctl_request(MSG_CTL_CONTROL_USERS, 0, 0, NULL) == -1;
}

static int
run_user(const char *verb, const char *name)
{
	int status;

	if (strcmp(verb, "devices") == 0)
		return users_show(users_file, name, json,
		    logins_load(socket_path) == 0);
	if (strcmp(verb, "check") == 0)
		return users_check(users_file, name, json);
	if (strcmp(verb, "add") == 0)
		status = users_add(users_file, name, 0);
	else if (strcmp(verb, "passwd") == 0)
		status = users_add(users_file, name, 1);
	else if (strcmp(verb, "del") == 0)
		status = users_delete(users_file, name);
	else
		return usage();
	return status != 0 ? status : users_tell();
}

/* "user device": VERB USER NAME [scope ADDRESS ...] */
static int
run_device(int argc, char **argv)
{
	int status;

	if (argc == 3 && strcmp(argv[0], "del") == 0)
		status = devices_delete(users_file, argv[1], argv[2]);
	else if (argc == 3 && strcmp(argv[0], "add") == 0)
		status = devices_add(users_file, argv[1], argv[2], NULL, 0,
		    json);
	else if (argc > 4 && strcmp(argv[0], "add") == 0 &&
	    strcmp(argv[3], "scope") == 0)
		status = devices_add(users_file, argv[1], argv[2], argv + 4,
		    argc - 4, json);
	else
		return usage();
	return status != 0 ? status : users_tell();
}

/* An exit status, or -1: by its own name. */
static int
run_as(int argc, char **argv)
{
	const char *name = argc > 0 ? getprogname() : "";

	if (strcmp(name, "sendmail") == 0)
		return sendmail_main(argc, argv);
	if (strcmp(name, "mailq") == 0)
		return mailq_main();
	if (strcmp(name, "newaliases") == 0)
		return newaliases_main();
	return -1;
}

static int
run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], "show") == 0 &&
	    strcmp(argv[1], "limits") != 0)
		return run_show(argv[1]);
	if ((argc == 2 || argc == 3) && strcmp(argv[0], "show") == 0 &&
	    strcmp(argv[1], "limits") == 0)
		return run_limits(argc == 3 ? argv[2] : NULL);
	if ((argc == 2 || argc == 3) && (strcmp(argv[0], "hold") == 0 ||
	    strcmp(argv[0], "release") == 0 ||
	    strcmp(argv[0], "schedule") == 0 ||
	    strcmp(argv[0], "remove") == 0))
		return connected() ? queue_edit(argv[0], argc - 1, argv + 1,
		    json) : 1;
	if (argc == 2 && (strcmp(argv[0], "pause") == 0 ||
	    strcmp(argv[0], "resume") == 0))
		return connected() ? queue_pause(argv[1],
		    strcmp(argv[0], "pause") == 0) : 1;
	if ((argc == 3 && strcmp(argv[0], "show") == 0 &&
	    strcmp(argv[1], "queue") == 0 && strcmp(argv[2], "all") == 0) ||
	    (argc == 4 && strcmp(argv[0], "show") == 0 &&
	    strcmp(argv[1], "queue") == 0 && strcmp(argv[2], "above") == 0))
		return connected() ? show_queue_part(argc - 2, argv + 2,
		    json) : 1;
	if (argc == 3 && strcmp(argv[0], "show") == 0 &&
	    strcmp(argv[1], "message") == 0) {
		is_raw = 1;
		return connected() ? show_message(argv[2]) : 1;
	}
	if (argc == 3 && strcmp(argv[0], "show") == 0 &&
	    strcmp(argv[1], "envelope") == 0)
		return connected() ? show_envelope(argv[2], json) : 1;
	if (argc == 3 && strcmp(argv[0], "kill") == 0 &&
	    strcmp(argv[1], "session") == 0)
		return run_kill(argv[2]);
	if (argc == 1 && strcmp(argv[0], "reload") == 0)
		return run_simple(MSG_CTL_CONTROL_RELOAD);
	if (argc == 1 && strcmp(argv[0], "stop") == 0)
		return run_simple(MSG_CTL_CONTROL_STOP);
	if (argc > 2 && strcmp(argv[0], "user") == 0 &&
	    strcmp(argv[1], "device") == 0)
		return run_device(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[0], "user") == 0)
		return run_user(argv[1], argv[2]);
	return usage();
}

/* What was printed must have gone somewhere. */
static int
finish(int status)
{
	if (json && status == 0 && !json_is_used() && !is_raw) {
		json_begin();
		json_end();
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "smtpsctl: standard output: %s\n",
		    strerror(errno));
		return 1;
	}
	return status;
}

int
main(int argc, char **argv)
{
	int option;

	log_init("smtpsctl", LOG_TO_STDERR);
	if ((option = run_as(argc, argv)) != -1)
		return option;
	while ((option = getopt(argc, argv, "js:t:")) != -1) {
		switch (option) {
		case 'j':
			json = 1;
			break;
		case 's':
			socket_path = optarg;
			break;
		case 't':
			users_file = optarg;
			break;
		default:
			return usage();
		}
	}
	argc -= optind;
	argv += optind;
	return finish(run(argc, argv));
}
