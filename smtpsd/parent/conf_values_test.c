/*
 * What a configuration holds once it is loaded: values, defaults, ids, macros;
 * and that no beginning of a text does harm.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tap.h"
#include "conf.h"
#include "conf_fixture.h"

static void
test_values(void)
{
	struct conf_errors errors;
	struct conf *c;

	c = fixture_load(HEAD "limit message-size 2M\nqueue retry 2m to 3h\n"
	    "pki b.test cert \"other.crt\"\npki b.test key \"other.key\"\n"
	    "listen on all smtp port 10025 hostname b.test\n"
	    "table s file \"secrets\"\n"
	    "action up relay host smtps://label@h.test auth <s> ca \"ca\"\n"
	    "match from auth for any action up\n"
	    "match for domain a.test reject\n" RULE, NULL, &errors);
	tap_ok(c != NULL, "values: loads: %s", errors.n == 0 ? "" :
	    errors.list[0].text);
	if (c == NULL)
		return;
	tap_ok(c->message_max == 2 << 20, "size");
	tap_ok(c->retry_min_s == 120 && c->retry_max_s == 3 * 3600, "times");
	tap_is_str(c->listeners[0]->hostname, "mx.test", "own host name");
	tap_ok(c->listeners[0]->npki == 2 &&
	    strcmp(c->listeners[0]->pki[0]->name, "mx.test") == 0,
	    "pki of the host name first");
	tap_ok(strcmp(c->listeners[1]->pki[0]->name, "b.test") == 0 &&
	    strcmp(c->listeners[1]->pki[1]->name, "mx.test") == 0,
	    "pki of the listener's host name first");
	tap_ok(c->listeners[0]->addrs[0].id != c->listeners[1]->addrs[0].id &&
	    conf_listener_by_id(c, c->listeners[1]->addrs[0].id) ==
	    c->listeners[1], "listener ids");
	tap_ok(strstr(c->pkis[0]->chain_pem, "PRIVATE") == NULL &&
	    strstr(c->pkis[0]->chain_pem, "CERTIFICATE") != NULL &&
	    c->pkis[0]->key != NULL, "a key in the chain stays out of it");
	tap_is_str(c->actions[1]->login, "joe", "login of the label");
	tap_is_str(c->actions[1]->password, "pa:ss#wo rd", "its password");
	tap_ok(c->actions[1]->port == 465 && c->actions[1]->verify &&
	    c->actions[1]->tls == RELAY_SMTPS && c->actions[1]->ca_id != 0 &&
	    c->actions[1]->ca_id != c->actions[0]->ca_id, "relay");
	tap_ok(c->nrules == 3 && c->rules[1]->from == FROM_LOCAL &&
	    c->rules[1]->reject && c->rules[1]->where.line == 15,
	    "rule, from local by default");
	tap_is_str(c->rules[1]->to_table->text, "a.test\n", "its table");
	conf_free(c);
	conf_errors_free(&errors);
}

static void
test_macros(void)
{
	struct conf_macros macros = { NULL, 0 };
	struct conf_errors errors;
	struct conf *c;
	uint32_t before;

	tap_ok(conf_macros_add(&macros, "novalue") == -1 &&
	    conf_macros_add(&macros, "=x") == -1 &&
	    conf_macros_add(&macros, "a b=x") == -1 &&
	    conf_macros_add(&macros, "a=x\ny") == -1, "-D of a wrong form");
	tap_ok(conf_macros_add(&macros, "n=9") == 0, "-D");
	c = fixture_load(HEAD RULE "n = 5\nlimit errors $n\nlimit header-size 2K\n"
	    "limit header-fields 7\n", &macros, &errors);
	tap_ok(c != NULL && c->header_max == 2048 && c->fields_max == 7,
	    "limits of a header");
	tap_ok(c != NULL && c->errors_max == 9, "-D wins over the file");
	before = c == NULL ? 0 : c->listeners[0]->addrs[0].id;
	conf_free(c);
	conf_errors_free(&errors);
	c = fixture_load("listen on ::1 smtp port 10025\n" HEAD RULE, NULL, &errors);
	tap_ok(c != NULL && c->listeners[1]->addrs[0].id == before,
	    "listener ids stay the same after a reload");
	conf_free(c);
	conf_errors_free(&errors);
	conf_macros_free(&macros);
}

/* No text may crash it: all beginnings of a long one. */
static void
test_cut(void)
{
	static const char text[] = HEAD "table d { a.test, \"b\" = \"c\" }\n"
	    "a = \"x\"\nmatch tag t from src $a mail-from <d> for rcpt <d> "
	    "action out\nqueue retry 1m to 2h\nresolver forward ::1@53\n";
	struct conf_errors errors;
	struct conf *c;
	char *part;
	size_t i;

	for (i = 0; i < sizeof(text); i++) {
		if ((part = strndup(text, i)) == NULL)
			err(1, NULL);
		c = fixture_load(part, NULL, &errors);
		conf_free(c);
		conf_errors_free(&errors);
		free(part);
	}
	tap_ok(1, "every beginning of a configuration");
}

/* A file of that size, without many items. */
static void
write_large(const char *path, size_t size)
{
	char *text;

	if ((text = malloc(size + 1)) == NULL)
		err(1, NULL);
	memset(text, '#', size);
	text[size] = '\0';
	memcpy(text, "a.test", 6);
	for (text[6] = '\n'; size > 60; size -= 50)
		text[size - 1] = '\n';
	fixture_write(path, 0644, text);
	free(text);
}

static void
test_amount(void)
{
	static const char text[] = HEAD RULE "table d file \"large\"\n"
	    "table e file \"larger\"\nmatch for domain <d> reject\n"
	    "match for domain <e> reject\n";
	struct conf_errors errors;
	struct conf *c;
	int i;

	write_large("large", 24 << 20);
	for (i = 0; i < 2; i++) {
		write_large("larger", (24U << 20) + (size_t)i);
		c = fixture_load(text, NULL, &errors);
		tap_ok(i == 0 ? c != NULL : c == NULL && errors.n == 1 &&
		    strstr(errors.list[0].text, "table 'e': the tables "
		    "together are larger than 48 MiB") != NULL,
		    i == 0 ? "tables of 48 MiB" : "and of one byte more");
		conf_free(c);
		conf_errors_free(&errors);
	}
}

int
main(void)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP the users file must be root's\n");
		return 0;
	}
	fixture_make();
	test_values();
	test_macros();
	test_cut();
	test_amount();
	fixture_remove();
	return tap_done();
}
