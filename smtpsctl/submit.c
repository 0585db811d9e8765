/*
 * The SMTP client of sendmail: blocking, one command at a time.  Replies
 * come from root's daemon, yet nothing in them is trusted further than to
 * become an exit status and, made printable, a complaint.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>
#define LIBBSD_NETBSD_VIS
#include <vis.h>

#include "mail/address.h"

#include "submit.h"

#define TIMEOUT_S	300	/* RFC 5321 4.5.3.2 */
#define QUIT_S		5
#define REPLY_BYTES	2048	/* of a line */
#define REPLY_LINES	100
#define COMMAND_SIZE	2048

struct submit {
	char		path[108];
	int		fd;
	int		verbose;
	char		in[4096];
	size_t		in_size;
	size_t		in_used;
	char		line[REPLY_BYTES];	/* last one of a reply */
	char		error[4 * REPLY_BYTES + 256];
	char		host[256];
	uint64_t	limit;
};

struct submit *
submit_new(const char *path, int verbose)
{
	struct submit *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->fd = -1;
	s->verbose = verbose;
	strlcpy(s->path, path, sizeof(s->path));
	return s;
}

int
submit_connect(const char *path)
{
	struct timeval tv = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, saved;

	strlcpy(un.sun_path, path, sizeof(un.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int
fail(struct submit *s, int status, const char *what)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", s->path, what);
	submit_close(s);
	return status;
}

/* One line into s->line, without its end. */
static int
read_line(struct submit *s)
{
	size_t used = 0;
	ssize_t n;
	char c;

	for (;;) {
		if (s->in_used == s->in_size) {
			n = recv(s->fd, s->in, sizeof(s->in), 0);
			if (n == -1 && errno == EINTR)
				continue;
			if (n <= 0)
				return fail(s, EX_TEMPFAIL, n == 0 ?
				    "connection closed by smtpsd" :
				    strerror(errno));
			s->in_used = 0;
			s->in_size = (size_t)n;
		}
		c = s->in[s->in_used++];
		if (c == '\n')
			break;
		if (c == '\0' || used + 1 == sizeof(s->line))
			return fail(s, EX_PROTOCOL, "no SMTP reply");
		if (c != '\r')
			s->line[used++] = c;
	}
	s->line[used] = '\0';
	if (s->verbose)
		fprintf(stderr, "<<< %s\n", s->line);
	return 0;
}

/* What a refusal means to those who read exit statuses. */
static int
status_of(const char *line, int of_rcpt)
{
	const char *enhanced = strlen(line) > 9 ? line + 4 : "";

	if (strncmp(enhanced, "4.5.3", 5) == 0)	/* never fits */
		return EX_UNAVAILABLE;
	if (line[0] == '4')
		return EX_TEMPFAIL;
	if (strncmp(enhanced, "5.7.", 4) == 0)
		return EX_NOPERM;
	if (strncmp(enhanced, "5.1.", 4) == 0)
		return of_rcpt ? EX_NOUSER : EX_DATAERR;
	if (strncmp(enhanced, "5.6.", 4) == 0 ||
	    strncmp(enhanced, "5.3.4", 5) == 0 ||
	    strncmp(line, "501", 3) == 0)
		return EX_DATAERR;
	return EX_UNAVAILABLE;
}

static int
read_reply(struct submit *s, char want, int of_rcpt)
{
	int i, status;

	for (i = 0; i < REPLY_LINES; i++) {
		if ((status = read_line(s)) != 0)
			return status;
		if (strspn(s->line, "0123456789") != 3 ||
		    strchr("- ", s->line[3]) == NULL)
			return fail(s, EX_PROTOCOL, "no SMTP reply");
		if (strncasecmp(s->line + 4, "SIZE ", 5) == 0 &&
		    want == '2')
			s->limit = strtoull(s->line + 9, NULL, 10);
		if (s->line[3] == '-')
			continue;
		if (s->line[0] == want)
			return 0;
		strvis(s->error, s->line, VIS_CSTYLE | VIS_NL | VIS_TAB |
		    VIS_NOSLASH);
		return status_of(s->line, of_rcpt);
	}
	return fail(s, EX_PROTOCOL, "a reply without an end");
}

/* The reason may have come before the end of the connection. */
static int
on_broken(struct submit *s)
{
	int saved = errno, status;

	if (saved == EPIPE || saved == ECONNRESET) {
		status = read_reply(s, '\0', 0);
		return status == 0 ? EX_TEMPFAIL : status;
	}
	return fail(s, EX_TEMPFAIL, strerror(saved));
}

int
submit_write(struct submit *s, const char *data, size_t size)
{
	ssize_t n;

	while (size > 0) {
		n = send(s->fd, data, size, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return on_broken(s);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int command(struct submit *, char, int, const char *, ...)
    __attribute__((format(printf, 4, 5)));

static int
command(struct submit *s, char want, int of_rcpt, const char *format, ...)
{
	char line[COMMAND_SIZE];
	va_list ap;
	int n, status;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 2, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 2)
		return fail(s, EX_DATAERR, "a command too long");
	/* Whatever came so far: one command is one line. */
	if (strpbrk(line, "\r\n") != NULL)
		return fail(s, EX_DATAERR, "a line end in a command");
	if (s->verbose)
		fprintf(stderr, ">>> %s\n", line);
	memcpy(line + n, "\r\n", 2);
	if ((status = submit_write(s, line, (size_t)n + 2)) != 0)
		return status;
	return read_reply(s, want, of_rcpt);
}

/* "220 mail.example.org ESMTP smtpsd" */
static int
take_host(struct submit *s)
{
	size_t n = strcspn(s->line + 4, " ");

	if (n >= sizeof(s->host))
		return -1;
	memcpy(s->host, s->line + 4, n);
	s->host[n] = '\0';
	return address_is_hostname(s->host) ? 0 : -1;
}

int
submit_open(struct submit *s)
{
	int status;

	s->in_size = s->in_used = 0;
	if ((s->fd = submit_connect(s->path)) == -1) {
		snprintf(s->error, sizeof(s->error), "%s: %s%s", s->path,
		    strerror(errno), errno == ENOENT || errno == ECONNREFUSED ?
		    "; smtpsd is not running, or has no \"listen on socket\""
		    : "");
		return errno == EACCES || errno == EPERM ? EX_NOPERM :
		    EX_TEMPFAIL;
	}
	if ((status = read_reply(s, '2', 0)) != 0)
		return status;
	if (take_host(s) == -1)
		return fail(s, EX_PROTOCOL, "no host name in the greeting");
	return command(s, '2', 0, "EHLO localhost");
}

int
submit_is_open(const struct submit *s)
{
	return s->fd != -1;
}

const char *
submit_host(const struct submit *s)
{
	return s->host;
}

uint64_t
submit_limit(const struct submit *s)
{
	return s->limit;
}

int
submit_mail(struct submit *s, const char *sender, const char *parameters)
{
	return command(s, '2', 0, "MAIL FROM:<%s>%s", sender, parameters);
}

int
submit_rcpt(struct submit *s, const char *rcpt, const char *parameters)
{
	return command(s, '2', 1, "RCPT TO:<%s>%s", rcpt, parameters);
}

int
submit_data(struct submit *s)
{
	return command(s, '3', 0, "DATA");
}

int
submit_end(struct submit *s)
{
	return command(s, '2', 0, ".");
}

/* A goodbye, so that the server's log has no lost connection. */
void
submit_quit(struct submit *s)
{
	struct timeval tv = { .tv_sec = QUIT_S };

	if (s->fd == -1)
		return;
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)command(s, '2', 0, "QUIT");
	submit_close(s);
}

void
submit_close(struct submit *s)
{
	if (s->fd == -1)
		return;
	close(s->fd);
	s->fd = -1;
}

const char *
submit_error(const struct submit *s)
{
	return s->error;
}

void
submit_free(struct submit *s)
{
	if (s == NULL)
		return;
	submit_close(s);
	free(s);
}
