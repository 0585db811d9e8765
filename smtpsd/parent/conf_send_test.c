/*
 * Tests of what the children are told: every message has its shape, a
 * transaction begins and ends, and no secret goes to a child that must not
 * have it.  The link's sending functions are replaced by a recorder.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link.h"
#include "base/tap.h"
#include "conf.h"
#include "conf_fixture.h"
#include "proto/control_any.h"

#define RECORD_MAX	(1 << 20)
#define TYPES_MAX	256

static unsigned char record[RECORD_MAX];
static size_t record_size;
static uint32_t types[TYPES_MAX];
static size_t ntypes;
static int misshaped;

static int
note(uint32_t type, const void *data, size_t size, const void *tail,
    size_t tail_size, int fd)
{
	const struct link_shape *shape = proto_shape(type);

	if (shape == NULL || size + tail_size < shape->size_min ||
	    size + tail_size > shape->size_max ||
	    (fd != -1) != (shape->has_fd == 1)) {
		printf("# type %04x: %zu + %zu bytes, fd %d\n", type, size,
		    tail_size, fd);
		misshaped++;
	}
	if (ntypes < TYPES_MAX)
		types[ntypes++] = type;
	if (record_size + size + tail_size > RECORD_MAX)
		return -1;
	if (size > 0)
		memcpy(record + record_size, data, size);
	record_size += size;
	if (tail_size > 0)
		memcpy(record + record_size, tail, tail_size);
	record_size += tail_size;
	return 0;
}

int
link_send(struct link *link, uint32_t type, const void *data, size_t size)
{
	(void)link;
	return note(type, data, size, NULL, 0, -1);
}

int
link_send_tail(struct link *link, uint32_t type, const void *data,
    size_t size, const void *tail, size_t tail_size)
{
	(void)link;
	return note(type, data, size, tail, tail_size, -1);
}

int
link_send_fd(struct link *link, uint32_t type, int fd, const void *data,
    size_t size)
{
	int rc;

	(void)link;
	rc = note(type, data, size, NULL, 0, fd);
	close(fd);
	return rc;
}

static int
recorded(const char *text)
{
	return memmem(record, record_size, text, strlen(text)) != NULL;
}

static size_t
count(uint32_t type)
{
	size_t i, n = 0;

	for (i = 0; i < ntypes; i++)
		n += types[i] == type;
	return n;
}

static void
send_to(const struct conf *conf, enum proc_kind kind, const char *name)
{
	int rc;

	record_size = ntypes = 0;
	misshaped = 0;
	rc = conf_send(conf, kind, 0, NULL, 3);
	tap_ok(rc == 0 && misshaped == 0, "%s: every message has its shape",
	    name);
	tap_ok(ntypes >= 2 && types[0] == MSG_PARENT_ANY_CONF_BEGIN &&
	    types[ntypes - 1] == MSG_PARENT_ANY_CONF_END &&
	    count(MSG_PARENT_ANY_CONF_BEGIN) == 1 &&
	    count(MSG_PARENT_ANY_CONF_END) == 1, "%s: begin and end", name);
	/* "$6$" begins the hash, "PRIVATE KEY" the key behind its chain. */
	tap_ok(!recorded("$6$") && !recorded("PRIVATE KEY"),
	    "%s: no hash and no key", name);
	tap_ok(recorded("wo rd") == (kind == PROC_RELAY),
	    "%s: password of the smarthost", name);
}

static struct conf *
load(void)
{
	struct conf_errors errors = { NULL, 0, 0 };
	struct conf *conf;
	size_t i;

	fixture_write("test.conf", 0600, "hostname mx.test\n"
	    "pki mx.test cert \"crt\"\npki mx.test key \"key\"\n"
	    "table users file \"users\"\ntable s file \"secrets\"\n"
	    "table aliases file \"aliases\"\ntable empty {}\n"
	    "listen on 127.0.0.1 smtps port 10465 auth <users>\n"
	    "listen on 127.0.0.1 smtp port 10025 tag in\n"
	    "action out relay host smtps://label@h.test auth <s> ca \"ca\"\n"
	    "action in maildir alias <aliases>\n"
	    "match from auth for any action out\n"
	    "match from any for domain <empty> action in\n"
	    "match from any for domain x.test reject\n"
	    "resolver forward ::1@5353\n");
	if ((conf = conf_load("test.conf", NULL, &errors)) == NULL)
		for (i = 0; i < errors.n; i++)
			printf("# %s\n", errors.list[i].text);
	conf_errors_free(&errors);
	return conf;
}

static void
test_send(struct conf *conf)
{
	send_to(conf, PROC_NET, "net");
	tap_ok(count(MSG_PARENT_NET_LISTENER) == 2 &&
	    recorded("BEGIN CERTIFICATE"), "net: listeners, certificate");
	send_to(conf, PROC_POLICY, "policy");
	tap_ok(recorded("postmaster: alice") && recorded("x.test") &&
	    !recorded("alice:") && !recorded("label"),
	    "policy: plain tables only");
	tap_ok(count(MSG_PARENT_POLICY_RULE) == 3 &&
	    count(MSG_PARENT_POLICY_ACTION) == 2 &&
	    count(MSG_PARENT_POLICY_LISTENER) == 2 &&
	    count(MSG_PARENT_POLICY_TABLE) == 3, "policy: all of it");
	send_to(conf, PROC_QUEUE, "queue");
	send_to(conf, PROC_RELAY, "relay");
	tap_ok(count(MSG_PARENT_RELAY_ACTION) == 1, "relay: its action only");
	send_to(conf, PROC_RESOLVER, "resolver");
	tap_ok(recorded("::1@5353\n"), "resolver: forwarder");
	send_to(conf, PROC_CONTROL, "control");
	tap_ok(count(MSG_PARENT_CONTROL_SOCKET) == 1, "control: socket");
	send_to(conf, PROC_AUTH, "auth");
	tap_ok(ntypes == 2, "auth: nothing else");
}

int
main(void)
{
	struct conf *conf;

	if (geteuid() != 0) {
		printf("1..0 # SKIP the users file must be root's\n");
		return 0;
	}
	fixture_make();
	conf = load();
	if (tap_ok(conf != NULL, "loads")) {
		/* Any descriptor stands for a socket here. */
		conf->listeners[0]->addrs[0].fd = open("/dev/null", O_RDWR);
		conf->listeners[1]->addrs[0].fd = open("/dev/null", O_RDWR);
		conf->control_fd = open("/dev/null", O_RDWR);
		test_send(conf);
	}
	conf_free(conf);
	fixture_remove();
	return tap_done();
}
