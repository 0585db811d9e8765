/*
 * sendmail -bs: copies SMTP between a program and smtpsd.  It understands
 * nothing of it and so can spoil nothing.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "sendmail.h"
#include "submit.h"

#define PIECE_BYTES	65536

/* 1: copied something; 0: no more comes; -1: nobody takes it. */
static int
copy(int from, int to)
{
	char piece[PIECE_BYTES];
	ssize_t n, done, w;

	if ((n = read(from, piece, sizeof(piece))) == -1)
		return errno == EINTR || errno == EAGAIN ? 1 : 0;
	for (done = 0; done < n; done += w) {
		if ((w = write(to, piece + done, (size_t)(n - done))) == -1) {
			if (errno != EINTR)
				return -1;
			w = 0;
		}
	}
	return n > 0;
}

int
smtp_relay(const char *path)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
	    { .events = POLLIN } };
	int fd, error = 0;

	if ((fd = submit_connect(path)) == -1) {
		fprintf(stderr, "sendmail: %s: %s\n", path, strerror(errno));
		printf("421 4.3.2 smtpsd is not running\r\n");
		return errno == EACCES ? EX_NOPERM : EX_TEMPFAIL;
	}
	p[1].fd = fd;
	for (;;) {
		if (poll(p, 2, -1) == -1) {
			if (errno == EINTR)
				continue;
			error = EX_OSERR;
			break;
		}
		/* Answers first: they are what ends it. */
		if (p[1].revents != 0) {
			if (copy(fd, STDOUT_FILENO) <= 0)
				break;
		} else if (p[0].revents != 0 && copy(STDIN_FILENO, fd) <= 0) {
			(void)shutdown(fd, SHUT_WR);
			p[0].fd = -1;
		}
	}
	close(fd);
	return error;
}
