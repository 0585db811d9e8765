/*
 * Addresses of a listener: all, a numeric address, an interface or a name
 * becomes the list of sockets to bind.  Called by conf_rules.c.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_parse.h"

/*
 * FNV-1a over what makes a listener the same one after a reload.  Never 0.
 * The kind is part of it: a session of the old kind must not pass as one of
 * the new.
 */
static uint32_t
listener_id(const struct conf_listener *l, const struct listener_addr *a)
{
	uint32_t h = 2166136261U;
	char key[SOCKET_PATH_SIZE + 32];
	const char *s;

	snprintf(key, sizeof(key), "%u %u %s", l->kind, l->port,
	    l->kind == LISTENER_LOCAL ? l->path : a->text);
	for (s = key; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h == 0 ? 1 : h;
}

static int
add_address(struct parser *p, struct conf_listener *l,
    const struct sockaddr *sa, socklen_t len)
{
	struct listener_addr *list, *a;
	struct sockaddr_in6 *in6;
	struct sockaddr_in *in;
	size_t i;

	if (len > sizeof(a->ss))
		return 0;
	list = reallocarray(l->addrs, l->naddrs + 1, sizeof(*list));
	if (list == NULL)
		return parse_fail(p, NULL, "out of memory");
	l->addrs = list;
	a = &list[l->naddrs];
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	a->ss_len = len;
	memcpy(&a->ss, sa, len);
	if (sa->sa_family == AF_INET) {
		in = (struct sockaddr_in *)&a->ss;
		in->sin_port = htons(l->port);
	} else {
		in6 = (struct sockaddr_in6 *)&a->ss;
		in6->sin6_port = htons(l->port);
	}
	if (getnameinfo((struct sockaddr *)&a->ss, len, a->text,
	    sizeof(a->text), NULL, 0, NI_NUMERICHOST) != 0)
		return parse_fail(p, NULL, "address without a text form");
	for (i = 0; i < l->naddrs; i++)
		if (strcmp(list[i].text, a->text) == 0)
			return 0;
	a->id = listener_id(l, a);
	l->naddrs++;
	return 0;
}

static int
has_inet6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd == -1)
		return 0;
	close(fd);
	return 1;
}

static int
resolve_all(struct parser *p, struct conf_listener *l)
{
	struct sockaddr_in in = { 0 };
	struct sockaddr_in6 in6 = { 0 };

	in.sin_family = AF_INET;
	in6.sin6_family = AF_INET6;
	if (add_address(p, l, (struct sockaddr *)&in, sizeof(in)) == -1)
		return -1;
	if (!has_inet6())
		return 0;
	return add_address(p, l, (struct sockaddr *)&in6, sizeof(in6));
}

/* How many addresses the interface has, or -1 after a complaint. */
static int
resolve_interface(struct parser *p, struct conf_listener *l, const char *on)
{
	struct ifaddrs *all, *ifa;
	socklen_t len;
	int n = 0;

	if (getifaddrs(&all) == -1)
		return 0;
	for (ifa = all; ifa != NULL && n != -1; ifa = ifa->ifa_next) {
		if (ifa->ifa_addr == NULL || strcmp(ifa->ifa_name, on) != 0)
			continue;
		if (ifa->ifa_addr->sa_family == AF_INET)
			len = sizeof(struct sockaddr_in);
		else if (ifa->ifa_addr->sa_family == AF_INET6)
			len = sizeof(struct sockaddr_in6);
		else
			continue;
		n = add_address(p, l, ifa->ifa_addr, len) == -1 ? -1 : n + 1;
	}
	freeifaddrs(all);
	return n;
}

/* As for an interface. */
static int
resolve_name(struct parser *p, struct conf_listener *l, const char *on,
    int flags)
{
	struct addrinfo hints = { 0 }, *all, *ai;
	char host[HOSTNAME_SIZE];
	size_t len = strlen(on);
	int n = 0;

	/* [::1] is ::1. */
	if (len > 2 && on[0] == '[' && on[len - 1] == ']')
		snprintf(host, sizeof(host), "%.*s", (int)len - 2, on + 1);
	else
		strlcpy(host, on, sizeof(host));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = flags;
	if (getaddrinfo(host, NULL, &hints, &all) != 0)
		return 0;
	for (ai = all; ai != NULL && n != -1; ai = ai->ai_next)
		if (ai->ai_family == AF_INET || ai->ai_family == AF_INET6)
			n = add_address(p, l, ai->ai_addr, ai->ai_addrlen) ==
			    -1 ? -1 : n + 1;
	freeaddrinfo(all);
	return n;
}

int
listener_socket(struct parser *p, struct conf_listener *l)
{
	struct sockaddr_un *un;

	if ((l->addrs = calloc(1, sizeof(*l->addrs))) == NULL)
		return parse_fail(p, NULL, "out of memory");
	un = (struct sockaddr_un *)&l->addrs->ss;
	un->sun_family = AF_UNIX;
	strlcpy(un->sun_path, l->path, sizeof(un->sun_path));
	l->addrs->ss_len = sizeof(*un);
	strlcpy(l->addrs->text, l->path, sizeof(l->addrs->text));
	l->addrs->fd = -1;
	l->addrs->id = listener_id(l, l->addrs);
	l->naddrs = 1;
	return 0;
}

int
listener_resolve(struct parser *p, struct conf_listener *l, const char *on)
{
	int n;

	if (strcmp(on, "all") == 0 || strcmp(on, "any") == 0)
		return resolve_all(p, l);
	if ((n = resolve_name(p, l, on, AI_NUMERICHOST)) != 0)
		return n == -1 ? -1 : 0;
	if ((n = resolve_interface(p, l, on)) != 0)
		return n == -1 ? -1 : 0;
	if (if_nametoindex(on) != 0) {
		conf_complain(p->errors, p->start, "give it one first",
		    "interface '%s' has no address", on);
		return -1;
	}
	if ((n = resolve_name(p, l, on, AI_ADDRCONFIG)) != 0)
		return n == -1 ? -1 : 0;
	conf_complain(p->errors, p->start,
	    "all, a numeric address, an interface or a name of this host",
	    "cannot listen on '%s'", on);
	return -1;
}
