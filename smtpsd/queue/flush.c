/*
 * The thread that flushes.  It gets a descriptor through a socket, calls
 * fdatasync(2) and sends back what that said: it shares no memory with the
 * loop.  State owned: the pair of sockets.  Called by main.c, which waits for
 * flush_fd(), and by store_flush.c; knows no store.
 */
#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "flush.h"

#define STACK_SIZE	((size_t)256 << 10)

static int pair[2] = { -1, -1 };	/* the loop's end, the thread's */

static void *
flush_thread(void *arg)
{
	int word = 0;

	(void)arg;
	/* first that it runs, then one answer for each descriptor */
	while (write(pair[1], &word, sizeof(word)) == (ssize_t)sizeof(word) &&
	    read(pair[1], &word, sizeof(word)) == (ssize_t)sizeof(word))
		word = fdatasync(word) == -1 ? errno : 0;
	return NULL;
}

static int
thread_start(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int error;

	if ((error = pthread_attr_init(&attr)) != 0)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	/* signals are the loop's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, &attr, flush_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

int
flush_init(void)
{
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		log_warn("flush: socketpair");
		return -1;
	}
	if ((error = thread_start()) != 0) {
		log_warnx("flush: no thread: %s", strerror(error));
		return -1;
	}
	/* what the C library does at its start would be forbidden later */
	return flush_end(1);
}

int
flush_fd(void)
{
	return pair[0];
}

int
flush_start(int fd)
{
	if (pair[0] == -1)
		return -1;
	return write(pair[0], &fd, sizeof(fd)) == (ssize_t)sizeof(fd) ? 0 : -1;
}

int
flush_end(int is_waiting)
{
	ssize_t n;
	int error;

	while ((n = recv(pair[0], &error, sizeof(error), is_waiting ?
	    MSG_WAITALL : MSG_DONTWAIT)) == -1 && errno == EINTR)
		;
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 1;
	if (n != (ssize_t)sizeof(error)) {
		errno = EIO;
		return -1;
	}
	errno = error;
	return error == 0 ? 0 : -1;
}
