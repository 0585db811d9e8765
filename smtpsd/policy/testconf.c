/*
 * Builds configurations for the unit tests out of the messages that the
 * parent would send; links into no program.
 */
#include <string.h>

#include "base/blob.h"
#include "proto/boot.h"
#include "testconf.h"

static void
give(void (*handle)(struct link *, struct link_in *), const void *data,
    size_t size)
{
	struct link_in	in = { 0, (uint32_t)size, data, -1 };

	handle(NULL, &in);
}

void
testconf_begin(uint64_t message_max, uint32_t recipients_max)
{
	struct parent_policy_conf	m;

	conf_begin();
	memset(&m, 0, sizeof(m));
	m.message_max = message_max;
	m.recipients_max = recipients_max;
	strlcpy(m.hostname, "mail.example.org", sizeof(m.hostname));
	give(on_parent_conf, &m, sizeof(m));
}

static void
give_table(uint32_t id, uint32_t kind, const char *text, size_t size)
{
	static union {
		struct conf_piece	is;
		char			room[sizeof(struct conf_piece) +
					    BLOB_PIECE_MAX];
	}	 m;
	size_t	 n, offset = 0;

	do {
		n = size - offset > BLOB_PIECE_MAX ? BLOB_PIECE_MAX :
		    size - offset;
		memset(&m, 0, sizeof(m));
		m.is.id = id;
		m.is.kind = kind;
		m.is.total = (uint32_t)size;
		m.is.offset = (uint32_t)offset;
		strlcpy(m.is.name, "table", sizeof(m.is.name));
		memcpy(m.room + sizeof(m.is), text + offset, n);
		give(on_parent_table, &m, sizeof(m.is) + n);
		offset += n;
	} while (offset < size);
}

void
testconf_table(uint32_t id, const char *text)
{
	give_table(id, TABLE_KEYS, text, strlen(text));
}

void
testconf_include(uint32_t id, const char *path, const char *text)
{
	char	room[4096];
	size_t	n = strlen(path) + 1;

	memset(room, 0, sizeof(room));
	strlcpy(room, path, sizeof(room));
	strlcpy(room + n, text, sizeof(room) - n);
	give_table(id, TABLE_TARGETS, room, n + strlen(room + n));
}

void
testconf_expand_only(const char *name, uint32_t aliases)
{
	struct parent_policy_action	m;

	memset(&m, 0, sizeof(m));
	m.is_local = m.expand_only = 1;
	m.alias_table = aliases;
	strlcpy(m.name, name, sizeof(m.name));
	give(on_parent_action, &m, sizeof(m));
}

void
testconf_action(const char *name, int is_local, uint32_t aliases,
    const char *user)
{
	struct parent_policy_action	m;

	memset(&m, 0, sizeof(m));
	m.is_local = (uint8_t)is_local;
	m.needs_home = is_local && user[0] == '\0';
	m.alias_table = aliases;
	strlcpy(m.name, name, sizeof(m.name));
	strlcpy(m.user, user, sizeof(m.user));
	strlcpy(m.target_user, user[0] != '\0' ? user : "pipes",
	    sizeof(m.target_user));
	give(on_parent_action, &m, sizeof(m));
}

void
testconf_spool(const char *name)
{
	struct parent_policy_action	m;

	memset(&m, 0, sizeof(m));
	m.is_local = 1;
	strlcpy(m.name, name, sizeof(m.name));
	give(on_parent_action, &m, sizeof(m));
}

void
testconf_target(const char *name, enum policy_target target,
    const char *user, const char *text)
{
	struct parent_policy_action	m;

	memset(&m, 0, sizeof(m));
	m.is_local = 1;
	m.target = (uint8_t)target;
	strlcpy(m.name, name, sizeof(m.name));
	strlcpy(m.user, user, sizeof(m.user));
	strlcpy(m.text, text, sizeof(m.text));
	give(on_parent_action, &m, sizeof(m));
}

void
testconf_rule(int from, uint32_t from_table, int to, uint32_t to_table,
    uint32_t senders, const char *tag, const char *action)
{
	struct parent_policy_rule	m;

	memset(&m, 0, sizeof(m));
	m.from = (uint8_t)from;
	m.to = (uint8_t)to;
	m.from_table = from_table;
	m.to_table = to_table;
	m.sender_table = senders;
	m.reject = action == NULL;
	strlcpy(m.tag, tag, sizeof(m.tag));
	strlcpy(m.action, action != NULL ? action : "", sizeof(m.action));
	give(on_parent_rule, &m, sizeof(m));
}

void
testconf_listener(uint32_t id, int auth, uint32_t senders, const char *tag)
{
	struct parent_policy_listener	m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.auth = (uint8_t)auth;
	m.senders_table = senders;
	strlcpy(m.hostname, "smtp.example.org", sizeof(m.hostname));
	strlcpy(m.tag, tag, sizeof(m.tag));
	give(on_parent_listener, &m, sizeof(m));
}

const struct conf *
testconf_end(void)
{
	return conf_end() == 0 ? conf_current() : NULL;
}
