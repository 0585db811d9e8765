/*
 * Makes sockets and sends them to an address.  Knows neither time nor order.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

static socklen_t
sockaddr_fill(const struct host_address *address, uint16_t port,
    struct sockaddr_storage *ss)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (address->family == 4) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, address->bytes, 4);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, address->bytes, 16);
	return sizeof(*sin6);
}

static int
source_bind(int fd, int family, const char *source)
{
	struct host_address address;
	struct sockaddr_storage ss;
	socklen_t length;

	memset(&address, 0, sizeof(address));
	address.family = family == AF_INET ? 4 : 6;
	if (inet_pton(family, source, address.bytes) != 1) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	length = sockaddr_fill(&address, 0, &ss);
	return bind(fd, (struct sockaddr *)&ss, length);
}

int
dial(const struct host_address *address, uint16_t port, const char *source)
{
	struct sockaddr_storage ss;
	socklen_t length = sockaddr_fill(address, port, &ss);
	int fd, saved, one = 1;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		return -1;
	/* The last part of a message must not wait for an acknowledgement. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if ((*source == '\0' || source_bind(fd, ss.ss_family, source) == 0) &&
	    (connect(fd, (struct sockaddr *)&ss, length) == 0 ||
	    errno == EINPROGRESS || errno == EINTR))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
dial_result(int fd)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1)
		return errno;
	return error;
}
