/*
 * Sessions per client address or local user: a hash table of counters.  The
 * hash is keyed with random bytes of this process, so that a client with many
 * addresses cannot choose those that collide.  A user is a hash of his name:
 * whose fall together share their places.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "perip.h"

#define BUCKETS	1024

struct perip {
	struct perip	*next;
	uint64_t	 key;
	uint32_t	 count;
	uint32_t	 bucket;
	uint8_t		 kind;
};

enum { OF_IPV4, OF_IPV6, OF_USER };

static struct perip	*table[BUCKETS];
static uint64_t		 seed;

static uint64_t
perip_key(const struct sockaddr *sa, uint8_t *kind)
{
	const struct sockaddr_in6	*s6;
	const struct sockaddr_in	*s4;
	uint64_t			 key = 0;

	*kind = OF_IPV4;
	if (sa->sa_family == AF_INET) {
		s4 = (const struct sockaddr_in *)(const void *)sa;
		memcpy(&key, &s4->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		s6 = (const struct sockaddr_in6 *)(const void *)sa;
		if (IN6_IS_ADDR_V4MAPPED(&s6->sin6_addr)) {
			memcpy(&key, s6->sin6_addr.s6_addr + 12, 4);
		} else {
			memcpy(&key, s6->sin6_addr.s6_addr, 8);
			*kind = OF_IPV6;
		}
	}
	return key;
}

static uint64_t
mix(uint64_t key)
{
	uint64_t	h;

	while (seed == 0)
		arc4random_buf(&seed, sizeof(seed));
	h = (key ^ seed) * 0x9e3779b97f4a7c15ULL;
	return (h ^ (h >> 29)) * (seed | 1);
}

static struct perip *
take(uint64_t key, uint8_t kind)
{
	uint32_t	 bucket = (uint32_t)(mix(key) >> 40) % BUCKETS;
	struct perip	*p;

	for (p = table[bucket]; p != NULL; p = p->next)
		if (p->key == key && p->kind == kind)
			break;
	if (p == NULL) {
		if ((p = calloc(1, sizeof(*p))) == NULL)
			return NULL;
		p->key = key;
		p->kind = kind;
		p->bucket = bucket;
		p->next = table[bucket];
		table[bucket] = p;
	}
	p->count++;
	return p;
}

struct perip *
perip_take(const struct sockaddr *sa)
{
	uint64_t	 key;
	uint8_t		 kind;

	key = perip_key(sa, &kind);
	return take(key, kind);
}

struct perip *
perip_take_user(const char *name)
{
	uint64_t	 key = 0;

	for (; *name != '\0'; name++)
		key = mix(key + (unsigned char)*name);
	return take(key, OF_USER);
}

uint32_t
perip_count(const struct perip *p)
{
	return p->count;
}

void
perip_drop(struct perip *p)
{
	struct perip	**pp;

	if (p == NULL || --p->count > 0)
		return;
	for (pp = &table[p->bucket]; *pp != p; pp = &(*pp)->next)
		;
	*pp = p->next;
	free(p);
}
