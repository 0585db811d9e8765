/*
 * The header of the PROXY protocol, versions 1 and 2, by which a load
 * balancer says whose connection it passes on.  Pure: bytes in, an address
 * out.  Nothing here knows sockets or sessions; admit.c asks it only for
 * peers that are listed.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "proxy.h"

#define V1_START	"PROXY "
#define V2_FIXED	16
#define V2_LOCAL	0x20		/* version 2 and the command */
#define V2_PROXY	0x21
#define V2_UNSPEC	0x00		/* family and transport */
#define V2_TCP4		0x11
#define V2_TCP6		0x21
#define V2_UNIX		0x31

static const unsigned char v2_start[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00,
			    0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* 0 if they differ as far as both go. */
static int
starts_alike(const void *buf, size_t size, const void *start, size_t n)
{
	return memcmp(buf, start, size < n ? size : n) == 0;
}

static int
is_port(const char *s)
{
	const char	*why;
	size_t		 n = strlen(s);

	if (n == 0 || strspn(s, "0123456789") != n || (s[0] == '0' && n > 1))
		return 0;
	(void)strtonum(s, 0, 65535, &why);
	return why == NULL;
}

/* What follows "PROXY ", without its CRLF. */
static enum proxy_result
v1_line(char *line, struct proxy_source *source)
{
	unsigned char	 destination[16];
	char		*word[5], *next = line;
	int		 i, family;

	if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0)
		return PROXY_OK;
	for (i = 0; i < 5; i++)
		if ((word[i] = strsep(&next, " ")) == NULL)
			return PROXY_BAD;
	if (next != NULL)
		return PROXY_BAD;
	if (strcmp(word[0], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(word[0], "TCP6") == 0)
		family = AF_INET6;
	else
		return PROXY_BAD;
	if (inet_pton(family, word[1], source->address) != 1 ||
	    inet_pton(family, word[2], destination) != 1 ||
	    !is_port(word[3]) || !is_port(word[4]))
		return PROXY_BAD;
	source->family = family;
	return PROXY_OK;
}

static enum proxy_result
v1_parse(const char *buf, size_t size, size_t *used,
    struct proxy_source *source)
{
	const size_t	 start = sizeof(V1_START) - 1;
	const char	*end;
	char		 line[PROXY_V1_MAX + 1];

	if (!starts_alike(buf, size, V1_START, start))
		return PROXY_BAD;
	if (size > PROXY_V1_MAX)
		size = PROXY_V1_MAX;
	if ((end = memchr(buf, '\n', size)) == NULL)
		return size == PROXY_V1_MAX ||
		    memchr(buf, '\0', size) != NULL ? PROXY_BAD : PROXY_MORE;
	size = (size_t)(end - buf) + 1;
	if (size < start + 2 || end[-1] != '\r' ||
	    memchr(buf, '\0', size) != NULL ||
	    memchr(buf, '\r', size) != end - 1)
		return PROXY_BAD;
	memcpy(line, buf + start, size - start - 2);
	line[size - start - 2] = '\0';
	*used = size;
	return v1_line(line, source);
}

static enum proxy_result
v2_parse(const unsigned char *buf, size_t size, size_t *used,
    struct proxy_source *source)
{
	size_t	length;

	if (!starts_alike(buf, size, v2_start, sizeof(v2_start)))
		return PROXY_BAD;
	if (size > 12 && buf[12] != V2_LOCAL && buf[12] != V2_PROXY)
		return PROXY_BAD;
	if (size < V2_FIXED)
		return PROXY_MORE;
	length = (size_t)buf[14] << 8 | buf[15];
	if (length > PROXY_V2_MAX - V2_FIXED)
		return PROXY_BAD;
	if (buf[12] == V2_PROXY && buf[13] == V2_TCP4 && length >= 12)
		source->family = AF_INET;
	else if (buf[12] == V2_PROXY && buf[13] == V2_TCP6 && length >= 36)
		source->family = AF_INET6;
	else if (buf[12] == V2_PROXY && buf[13] != V2_UNSPEC &&
	    buf[13] != V2_UNIX)
		return PROXY_BAD;
	if (size < V2_FIXED + length) {
		source->family = AF_UNSPEC;
		return PROXY_MORE;
	}
	if (source->family != AF_UNSPEC)
		memcpy(source->address, buf + V2_FIXED,
		    source->family == AF_INET ? 4 : 16);
	*used = V2_FIXED + length;	/* what else stands there is skipped */
	return PROXY_OK;
}

enum proxy_result
proxy_parse(int version, const void *buf, size_t size, size_t *used,
    struct proxy_source *source)
{
	enum proxy_result	result;

	memset(source, 0, sizeof(*source));
	source->family = AF_UNSPEC;
	*used = 0;
	if (size == 0)
		return PROXY_MORE;
	result = version == 1 ? v1_parse(buf, size, used, source) :
	    v2_parse(buf, size, used, source);
	if (result != PROXY_OK)
		*used = 0;
	return result;
}
