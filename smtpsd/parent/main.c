/*
 * smtpsd: options.  -n checks the configuration and explains; everything
 * else is parent.c's.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "conf.h"
#include "confine.h"
#include "keys.h"
#include "parent.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc/smtpsd"
#endif
#define CONF_PATH	SYSCONFDIR "/smtpsd.conf"

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr,
	    "usage: smtpsd [-dLnv] [-D macro=value] [-f file]\n");
	exit(1);
}

static int
check_only(const char *path, const struct conf_macros *macros)
{
	struct conf_errors	 errors = { 0 };
	struct conf		*conf;
	const char		*fault;
	size_t			 i;

	keys_harden();
	conf = conf_load(path, macros, &errors);
	for (i = 0; i < errors.n; i++)
		fprintf(stderr, "%s%s\n", errors.list[i].is_warning ?
		    "warning: " : "", errors.list[i].text);
	conf_errors_free(&errors);
	if (conf == NULL)
		return 1;
	if ((fault = confine_fault(conf)) == NULL)
		confine_print(conf);
	fprintf(stderr, "%s\n", fault != NULL ? fault : "configuration OK");
	conf_free(conf);
	return fault != NULL;
}

int
main(int argc, char **argv)
{
	struct parent_options	 options = { .conf_path = CONF_PATH };
	struct conf_macros	 macros = { 0 };
	int			 ch, check = 0, learn = 0, status;

	while ((ch = getopt(argc, argv, "D:dLf:nv")) != -1) {
		switch (ch) {
		case 'D':
			if (conf_macros_add(&macros, optarg) == -1)
				errx(1, "-D %s: must be macro=value", optarg);
			break;
		case 'd':
			options.foreground = 1;
			break;
		case 'L':
			learn = 1;
			confine_learn();
			break;
		case 'f':
			options.conf_path = optarg;
			break;
		case 'n':
			check = 1;
			break;
		case 'v':
			options.verbose = 1;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	if (learn && !options.foreground)
		errx(1, "-L needs -d: without a whole sandbox it is no service");
	log_init("smtpsd", LOG_TO_STDERR);
	log_set_verbose(options.verbose);
	options.macros = &macros;
	status = check ? check_only(options.conf_path, &macros) :
	    parent_run(&options);
	conf_macros_free(&macros);
	return status;
}
