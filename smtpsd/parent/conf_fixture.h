/*
 * Files for the tests of the configuration: a directory of their own with
 * keys, certificates, users and tables.  Only for *_test.c.
 */
#ifndef PARENT_CONF_FIXTURE_H
#define PARENT_CONF_FIXTURE_H

struct conf;
struct conf_errors;
struct conf_macros;

/* Lines 1 to 6 of what begins with it. */
#define HEAD "hostname mx.test\n" \
	"pki mx.test cert \"crt\"\n" \
	"pki mx.test key \"key\"\n" \
	"table users file \"users\"\n" \
	"listen on 127.0.0.1 smtps port 10465 auth <users>\n" \
	"action out relay host smtp+tls://127.0.0.1:10587 ca \"ca\"\n"
#define RULE "match from auth for any action out\n"

/* Makes the directory, goes there and fills it.  Exits on failure. */
void	fixture_make(void);
void	fixture_remove(void);
void	fixture_write(const char *path, unsigned int mode, const char *text);
/* conf_load() of a text; errors are cleared before. */
struct conf	*fixture_load(const char *text, const struct conf_macros *,
		    struct conf_errors *);

#endif
