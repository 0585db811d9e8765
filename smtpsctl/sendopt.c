/*
 * The command line of sendmail.  It is hostile: web applications put into it
 * what strangers typed.  So no option names a file, runs a program or changes
 * where the mail goes; those of other sendmails that do are taken and
 * forgotten.  Options end at the first word that is none (no permutation): an
 * address never becomes an option.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "mail/xtext.h"

#include "sendopt.h"

#define ENVID_BYTES	100	/* RFC 3461 4.4 */

/* Take a value, in the same word or in the next one; and no value. */
#define WITH_VALUE	"ABCFLNORVXbefhopr"
#define WITHOUT_VALUE	"GIUcimnstvx"
/* A value only in the same word. */
#define MAYBE_VALUE	"dq"

static int
fail(char *err, size_t errsize, const char *text, const char *value)
{
	snprintf(err, errsize, "%s: %.200s", text, value);
	return EX_USAGE;
}

static int
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return 1;
	return 0;
}

static int
set_mode(struct send_options *o, const char *value, char *err, size_t errsize)
{
	static const struct {
		char		name;
		enum send_mode	mode;
	} modes[] = {
		{ 'm', SEND_MESSAGE }, { 's', SEND_SMTP }, { 'p', SEND_MAILQ },
		{ 'i', SEND_ALIASES }
	};
	size_t i;

	if (value[0] == 'd' || value[0] == 'D' || value[0] == 'l')
		return fail(err, errsize, "sendmail is no daemon, start "
		    "smtpsd(8) instead", "-bd");
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (value[0] == modes[i].name) {
			o->mode = modes[i].mode;
			return 0;
		}
	}
	return fail(err, errsize, "mode not supported: -b", value);
}

/* "failure,delay" becomes "FAILURE,DELAY" (RFC 3461 4.1). */
static int
set_notify(struct send_options *o, const char *value, char *err,
    size_t errsize)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE",
	    "DELAY" };
	unsigned int seen = 0;
	const char *p = value;
	size_t i, n;

	o->notify[0] = '\0';
	for (;;) {
		n = strcspn(p, ",");
		for (i = 0; i < 4; i++)
			if (n == strlen(words[i]) &&
			    strncasecmp(p, words[i], n) == 0)
				break;
		if (i == 4 || (seen & 1U << i))
			break;
		seen |= 1U << i;
		if (o->notify[0] != '\0')
			strlcat(o->notify, ",", sizeof(o->notify));
		strlcat(o->notify, words[i], sizeof(o->notify));
		if (p[n] == '\0') {
			if ((seen & 1) && seen != 1)
				break;
			return 0;
		}
		p += n + 1;
	}
	return fail(err, errsize, "-N takes never, or success, failure, "
	    "delay with commas between", value);
}

static int
set_envid(struct send_options *o, const char *value, char *err,
    size_t errsize)
{
	size_t n = strlen(value), used = 0;

	if (n == 0 || n > ENVID_BYTES || !xtext_envid_is_valid(value, n))
		return fail(err, errsize, "-V takes 1 to 100 printable "
		    "characters", value);
	for (; *value != '\0'; value++) {
		if (*value == '+' || *value == '=' || *value == ' ')
			used += (size_t)snprintf(o->envid + used,
			    sizeof(o->envid) - used, "+%02X",
			    (unsigned char)*value);
		else
			o->envid[used++] = *value;
	}
	o->envid[used] = '\0';
	return 0;
}

static int
set_option(struct send_options *o, char option, const char *value, char *err,
    size_t errsize)
{
	switch (option) {
	case 'F':
		o->name = value;
		return 0;
	case 'N':
		return set_notify(o, value, err, errsize);
	case 'R':
		if (strcasecmp(value, "full") != 0 &&
		    strcasecmp(value, "hdrs") != 0)
			return fail(err, errsize, "-R takes full or hdrs",
			    value);
		o->ret = strcasecmp(value, "full") == 0 ? "FULL" : "HDRS";
		return 0;
	case 'V':
		return set_envid(o, value, err, errsize);
	case 'b':
		return set_mode(o, value, err, errsize);
	case 'f':
	case 'r':
		o->sender = value;
		return 0;
	case 'o':
		if (strcmp(value, "i") == 0)
			o->ignore_dots = 1;
		return 0;
	case 'I':
		o->mode = SEND_ALIASES;
		return 0;
	case 'i':
		o->ignore_dots = 1;
		return 0;
	case 'q':
		o->queue = value;
		if (o->mode == SEND_MESSAGE)
			o->mode = SEND_QUEUE;
		return 0;
	case 't':
		o->from_header = 1;
		return 0;
	case 'v':
		o->verbose = 1;
		return 0;
	default:
		return 0;
	}
}

/* All options of one word; *at moves on over a value of its own. */
static int
parse_word(struct send_options *o, int argc, char **argv, int *at, char *err,
    size_t errsize)
{
	const char *p, *value;
	int status;

	for (p = argv[*at] + 1; *p != '\0'; p++) {
		if (strchr(WITHOUT_VALUE, *p) != NULL) {
			if ((status = set_option(o, *p, "", err,
			    errsize)) != 0)
				return status;
			continue;
		}
		if (strchr(MAYBE_VALUE, *p) != NULL)
			return set_option(o, *p, p + 1, err, errsize);
		if (strchr(WITH_VALUE, *p) == NULL)
			return fail(err, errsize, "unknown option",
			    argv[*at]);
		if (p[1] != '\0')
			value = p + 1;
		else if (*at + 1 < argc)
			value = argv[++*at];
		else
			return fail(err, errsize, "option needs a value",
			    argv[*at]);
		return set_option(o, *p, value, err, errsize);
	}
	return 0;
}

int
send_options(struct send_options *o, int argc, char **argv, char *err,
    size_t errsize)
{
	int at, i, status;

	memset(o, 0, sizeof(*o));
	/* A control would end a command or a header line on the way. */
	for (i = 1; i < argc; i++)
		if (has_control(argv[i]))
			return fail(err, errsize, "argument with a line end "
			    "or control character", "refused");
	for (at = 1; at < argc && argv[at][0] == '-' && argv[at][1] != '\0';
	    at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if ((status = parse_word(o, argc, argv, &at, err,
		    errsize)) != 0)
			return status;
	}
	o->argc = argc - at;
	o->argv = argv + at;
	for (i = 0; i < o->argc; i++)
		if (o->argv[i][0] == '-')
			return fail(err, errsize, "options stand before "
			    "addresses", o->argv[i]);
	if (o->mode == SEND_QUEUE && (o->argc > 0 || o->from_header))
		o->mode = SEND_MESSAGE;
	return 0;
}
