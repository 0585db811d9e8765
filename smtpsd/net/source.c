/*
 * Where a session comes from: the numeric form of its address, and what a
 * PROXY header says in place of it.  Called by admit.c before anything of
 * SMTP happens.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "proxy.h"
#include "session.h"
#include "source.h"

/* Not getnameinfo(3): for a scope it opens a socket to ask for its name. */
static int
address6(char *out, size_t size, const struct sockaddr_in6 *in6)
{
	const struct in6_addr	*a = &in6->sin6_addr;
	size_t			 n;

	/* A mapped address is the IPv4 one for rules and logs. */
	if (IN6_IS_ADDR_V4MAPPED(a))
		return inet_ntop(AF_INET, a->s6_addr + 12, out,
		    (socklen_t)size) == NULL ? -1 : 0;
	if (inet_ntop(AF_INET6, a, out, (socklen_t)size) == NULL)
		return -1;
	n = strlen(out);
	if (in6->sin6_scope_id != 0)
		snprintf(out + n, size - n, "%%%u", in6->sin6_scope_id);
	return 0;
}

int
source_text(char *out, size_t size, const struct sockaddr *sa)
{
	switch (sa->sa_family) {
	case AF_INET:
		return inet_ntop(AF_INET, &((const struct sockaddr_in *)
		    (const void *)sa)->sin_addr, out, (socklen_t)size) ==
		    NULL ? -1 : 0;
	case AF_INET6:
		return address6(out, size, (const struct sockaddr_in6 *)
		    (const void *)sa);
	case AF_UNIX:
		strlcpy(out, "local", size);
		return 0;
	default:
		return -1;
	}
}

static void
source_fill(const struct proxy_source *from, struct sockaddr_storage *ss)
{
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in	*in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)from->family;
	if (from->family == AF_INET)
		memcpy(&in->sin_addr, from->address, 4);
	else if (from->family == AF_INET6)
		memcpy(&in6->sin6_addr, from->address, 16);
}

/*
 * Reads only what belongs to the header: the TLS handshake behind it is
 * somebody else's.  So it looks first and takes then.
 */
static ssize_t
source_read(int fd, char *buf, size_t size, int flags)
{
	struct iovec	iov = { buf, size };
	struct msghdr	msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(fd, &msg, flags | MSG_DONTWAIT);
}

enum source_result
source_proxy(struct session *s, struct sockaddr_storage *ss)
{
	const int		 version = listener_info(s->listener)->flags &
				    LISTENER_PROXY_V1 ? 1 : 2;
	struct proxy_source	 from;
	enum proxy_result	 result;
	ssize_t			 n;
	size_t			 used;

	if (s->in == NULL && (s->in = malloc(PROXY_V2_MAX)) == NULL)
		return SOURCE_BAD;
	n = source_read(s->tio.fd, s->in + s->in_size,
	    PROXY_V2_MAX - s->in_size, MSG_PEEK);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return SOURCE_MORE;
	if (n <= 0)
		return SOURCE_BAD;
	result = proxy_parse(version, s->in, s->in_size + (size_t)n, &used,
	    &from);
	if (result == PROXY_BAD)
		return SOURCE_BAD;
	if (result == PROXY_OK)
		n = (ssize_t)(used - s->in_size);
	if (source_read(s->tio.fd, s->in + s->in_size, (size_t)n, 0) != n)
		return SOURCE_BAD;
	s->in_size += (uint32_t)n;
	if (result == PROXY_MORE)
		return s->in_size == PROXY_V2_MAX ? SOURCE_BAD : SOURCE_MORE;
	free(s->in);
	s->in = NULL;
	s->in_size = 0;
	source_fill(&from, ss);
	return SOURCE_OK;
}
