/*
 * The configuration, from the text to the checks: it is taken without a
 * complaint or refused with one; no complaint holds a control; what is taken
 * is no open relay and listens nowhere without what its kind promises.
 *
 * The text up to a NUL is the configuration, what follows is in every other
 * file that it names.  No file of the system is opened.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <netdb.h>
#include <string.h>

#include "conf.h"
#include "conf_file.h"
#include "fuzz.h"
#include "mail/usersfile.h"
#include "proto/net_parent.h"
#include "userdb.h"

static const uint8_t	*text[2];
static size_t		 text_size[2];

char *
conf_file_read(const char *path, enum file_kind kind, size_t *size,
    struct stat *st, char *err, size_t errsize)
{
	int which = strcmp(path, "smtpsd.conf") != 0;
	char *out;

	(void)kind;
	if (strstr(path, "missing") != NULL ||
	    (out = malloc(text_size[which] + 1)) == NULL) {
		snprintf(err, errsize, "%s: cannot be read", path);
		return NULL;
	}
	memcpy(out, text[which], text_size[which]);
	out[text_size[which]] = '\0';
	*size = text_size[which];
	if (st != NULL) {
		memset(st, 0, sizeof(*st));
		st->st_mode = S_IFREG | 0600;
	}
	return out;
}

/* No name is asked of anybody. */
int
getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
	static struct sockaddr_in6 in6;
	static struct sockaddr_in in;
	static struct addrinfo ai;

	(void)service;
	(void)hints;
	memset(&in, 0, sizeof(in));
	memset(&in6, 0, sizeof(in6));
	memset(&ai, 0, sizeof(ai));
	if (host != NULL && inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		ai.ai_family = in.sin_family = AF_INET;
		ai.ai_addr = (struct sockaddr *)&in;
		ai.ai_addrlen = sizeof(in);
	} else if (host != NULL &&
	    inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
		ai.ai_family = in6.sin6_family = AF_INET6;
		ai.ai_addr = (struct sockaddr *)&in6;
		ai.ai_addrlen = sizeof(in6);
	} else
		return EAI_NONAME;
	*res = &ai;
	return 0;
}

void
freeaddrinfo(struct addrinfo *res)
{
	(void)res;
}

enum userdb_answer
userdb_find(const char *name, struct account *a)
{
	memset(a, 0, sizeof(*a));
	if (strcmp(name, "bob") == 0)
		return USERDB_UNSURE;
	return strcmp(name, "joe") == 0 || strcmp(name, "nobody") == 0 ?
	    USERDB_FOUND : USERDB_NONE;
}

static void
check_errors(const struct conf_errors *errors, const struct conf *conf)
{
	const char *p;
	size_t i;

	MUST((conf == NULL) == (errors->nerrors > 0));
	for (i = 0; i < errors->n; i++)
		for (p = errors->list[i].text; *p != '\0'; p++)
			MUST(*p >= ' ' && *p <= '~');
}

static void
check_conf(const struct conf *c)
{
	const struct conf_rule *r;
	size_t i;

	MUST(c->nlisteners > 0);
	for (i = 0; i < c->nlisteners; i++)
		MUST(conf_listener_has_auth(c->listeners[i]) ||
		    (c->listeners[i]->kind != LISTENER_SMTPS &&
		    c->listeners[i]->kind != LISTENER_SUBMISSION));
	for (i = 0; i < c->nrules; i++) {
		r = c->rules[i];
		MUST(r->from != FROM_ANY || r->to != FOR_ANY ||
		    r->tag[0] != '\0' || r->action == NULL ||
		    r->action->kind != ACTION_RELAY);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errors;
	struct conf_macros macros;
	struct conf *conf;

	memset(&errors, 0, sizeof(errors));
	memset(&macros, 0, sizeof(macros));
	text[0] = data;
	text_size[0] = size == 0 ? 0 : strnlen((const char *)data, size);
	text[1] = data + text_size[0];
	text_size[1] = size - text_size[0];
	if (text_size[1] > 0) {
		text[1]++;
		text_size[1]--;
	}
	MUST(conf_macros_add(&macros, "m=value") == 0);
	conf = conf_load("smtpsd.conf", &macros, &errors);
	check_errors(&errors, conf);
	if (conf != NULL)
		check_conf(conf);
	conf_free(conf);
	conf_errors_free(&errors);
	conf_macros_free(&macros);
	return 0;
}
