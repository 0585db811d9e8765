/*
 * imsg over a socketpair: who owns a descriptor, split reads, lengths that
 * lie, many messages in one send.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/tap.h"
#include "imsg.h"

static int		sv[2];
static struct imsgbuf	a, b;

static void
open_pair(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1 ||
	    imsgbuf_init(&a, sv[0]) == -1 || imsgbuf_init(&b, sv[1]) == -1)
		exit(2);
	imsgbuf_allow_fdpass(&a);
	imsgbuf_allow_fdpass(&b);
}

static void
close_pair(void)
{
	imsgbuf_close(&a);
	imsgbuf_close(&b);
}

static int
count_fds(void)
{
	int	fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return n;
}

static int
open_file(struct stat *sb)
{
	char	path[] = "/tmp/imsg_test.XXXXXX";
	int	fd = mkstemp(path);

	unlink(path);
	fstat(fd, sb);
	return fd;
}

static int
same_file(int fd, const struct stat *want)
{
	struct stat	sb;

	return fd != -1 && fstat(fd, &sb) == 0 && sb.st_ino == want->st_ino;
}

/* A plain message, one with a descriptor, a plain one: read at once. */
static void
test_fd_owner(void)
{
	struct stat	one, two;
	struct imsg	m;
	int		fd, before = count_fds();

	open_pair();
	imsg_compose(&a, 1, 0, 0, -1, "plain", 5);
	imsg_compose(&a, 2, 0, 0, open_file(&one), "first", 5);
	imsg_compose(&a, 3, 0, 0, open_file(&two), NULL, 0);
	imsg_compose(&a, 4, 0, 0, -1, "after", 5);
	tap_ok(imsgbuf_queuelen(&a) == 4, "four are waiting");
	tap_ok(imsgbuf_flush(&a) == 0, "flush");
	tap_ok(imsgbuf_queuelen(&a) == 0, "none is waiting");

	tap_ok(imsgbuf_read(&b) == 1 && imsgbuf_get(&b, &m) == 1 &&
	    imsg_get_type(&m) == 1 && imsg_get_fd(&m) == -1,
	    "the first has no descriptor");
	imsg_free(&m);
	while (imsgbuf_get(&b, &m) == 0)
		imsgbuf_read(&b);
	fd = imsg_get_fd(&m);
	tap_ok(imsg_get_type(&m) == 2 && same_file(fd, &one),
	    "the second has its own");
	close(fd);
	imsg_free(&m);
	while (imsgbuf_get(&b, &m) == 0)
		imsgbuf_read(&b);
	tap_ok(imsg_get_type(&m) == 3 && imsg_get_len(&m) == 0 &&
	    same_file(m.fd, &two), "the third has its own, and no data");
	imsg_free(&m);			/* closes it */
	while (imsgbuf_get(&b, &m) == 0)
		imsgbuf_read(&b);
	tap_ok(imsg_get_type(&m) == 4 && imsg_get_fd(&m) == -1,
	    "the fourth has none");
	imsg_free(&m);
	close_pair();
	tap_ok(count_fds() == before, "no descriptor leaks");
}

static void
test_split(void)
{
	struct imsg_hdr	hdr = { 7, sizeof(hdr) + 11, 3, 42 };
	unsigned char	frame[32] = { 0 };
	char		got[11];
	struct imsg	m;
	size_t		i;
	int		early = 0;

	open_pair();
	memcpy(frame, &hdr, sizeof(hdr));
	memcpy(frame + sizeof(hdr), "hello world", 11);
	for (i = 0; i < sizeof(frame); i++) {
		if (write(sv[0], frame + i, 1) != 1 || imsgbuf_read(&b) != 1)
			break;
		if (i + 1 < sizeof(frame) && imsgbuf_get(&b, &m) != 0)
			early = 1;
	}
	tap_ok(!early, "nothing before the last byte");
	tap_ok(imsgbuf_get(&b, &m) == 1 && imsg_get_id(&m) == 3 &&
	    imsg_get_pid(&m) == 42, "complete with the last byte");
	tap_ok(imsg_get_data(&m, got, 10) == -1, "another size is refused");
	tap_ok(imsg_get_data(&m, got, 11) == 0 &&
	    memcmp(got, "hello world", 11) == 0, "the data");
	tap_ok(((uintptr_t)m.data & 7) == 0, "the data is aligned");
	imsg_free(&m);
	tap_ok(imsgbuf_get(&b, &m) == 0, "no other");
	close(sv[0]);
	tap_ok(imsgbuf_read(&b) == 0, "end of file");
	imsgbuf_close(&b);
	a.fd = -1;
	imsgbuf_close(&a);
}

static void
test_lengths(void)
{
	static const struct {
		const char	*name;
		uint32_t	 len;
		int		 want;	/* errno, 0 for a message */
	} cases[] = {
		{ "length 0", 0, EBADMSG },
		{ "length of half a header", 8, EBADMSG },
		{ "length below the header", 15, EBADMSG },
		{ "header only", 16, 0 },
		{ "one more than allowed", MAX_IMSGSIZE + 1, ERANGE },
		{ "huge", 0x7fffffff, ERANGE },
		{ "flag and huge", 0xffffffff, ERANGE },
	};
	struct imsg_hdr	hdr;
	struct imsg	m;
	size_t		i;
	int		rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_pair();
		memset(&hdr, 0, sizeof(hdr));
		hdr.type = 1;
		hdr.len = cases[i].len;
		if (write(sv[0], &hdr, sizeof(hdr)) != sizeof(hdr))
			exit(2);
		imsgbuf_read(&b);
		rc = imsgbuf_get(&b, &m);
		tap_ok(cases[i].want == 0 ? rc == 1 :
		    rc == -1 && errno == cases[i].want, "%s", cases[i].name);
		close_pair();
	}
	open_pair();
	tap_ok(imsg_compose(&a, 1, 0, 0, -1, &hdr, MAX_IMSGSIZE) == -1 &&
	    errno == ERANGE, "too long to compose");
	close_pair();
}

/* Sends raw bytes with n copies of a descriptor. */
static void
send_raw(const void *data, size_t size, int n)
{
	struct msghdr	msg = { 0 };
	struct iovec	iov;
	struct cmsghdr	*c;
	int		i, fd;
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int) * 16)];
	} cmsg = { 0 };

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = size;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &cmsg;
	msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	fd = 2;
	for (i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	if (sendmsg(sv[0], &msg, 0) == -1)
		exit(2);
}

static void
test_stray(void)
{
	struct imsg_hdr	hdr = { 1, sizeof(hdr), 0, 0 };
	struct imsg	m;
	int		before = count_fds(), n, rc;

	open_pair();
	send_raw(&hdr, sizeof(hdr), 1);
	imsgbuf_read(&b);
	tap_ok(imsgbuf_get(&b, &m) == 1 && m.fd == -1,
	    "a stray descriptor belongs to nobody");
	tap_ok(imsgbuf_get(&b, &m) == -1 && errno == EBADMSG,
	    "and is a fault");
	close_pair();
	tap_ok(count_fds() == before, "and is closed");

	open_pair();
	hdr.len |= 0x80000000U;
	if (write(sv[0], &hdr, sizeof(hdr)) != sizeof(hdr))
		exit(2);
	imsgbuf_read(&b);
	tap_ok(imsgbuf_get(&b, &m) == 1 && m.fd == -1,
	    "a mark without a descriptor gives none");
	close_pair();

	/* An unfinished message, so that none is claimed. */
	open_pair();
	hdr.len = 4096;
	for (n = 0, rc = 1; n < 40 && rc == 1; n++) {
		send_raw(&hdr, 1, 8);
		rc = imsgbuf_read(&b);
		if (rc == 1)
			rc = imsgbuf_get(&b, &m) == -1 ? -1 : 1;
	}
	tap_ok(rc == -1 && count_fds() < before + 80,
	    "unclaimed descriptors are bounded");
	close_pair();
	tap_ok(count_fds() == before, "and closed");

	open_pair();
	b.flags = 0;
	hdr.len = sizeof(hdr);
	send_raw(&hdr, sizeof(hdr), 1);
	tap_ok(imsgbuf_read(&b) == -1, "refused without allow_fdpass");
	close_pair();
	tap_ok(count_fds() == before, "and closed");
}

/* More than fits into a socket, in both sizes, with some descriptors. */
static void
test_many(void)
{
	static char	data[15000];
	struct stat	sb;
	struct imsg	m;
	uint32_t	i, seen = 0, bad = 0;
	int		rc, before = count_fds();

	open_pair();
	for (i = 0; i < 3000; i++) {
		memset(data, (int)(i & 0xff), sizeof(data));
		imsg_compose(&a, i, 0, 0, i % 100 == 7 ? open_file(&sb) : -1,
		    data, i % sizeof(data));
	}
	while (seen < 3000 && bad == 0) {
		if (imsgbuf_write(&a) == -1 || imsgbuf_read(&b) != 1)
			bad++;
		while ((rc = imsgbuf_get(&b, &m)) == 1) {
			if (imsg_get_type(&m) != seen ||
			    imsg_get_len(&m) != seen % sizeof(data) ||
			    (m.fd != -1) != (seen % 100 == 7) ||
			    (m.data != NULL && *(unsigned char *)m.data !=
			    (seen & 0xff)))
				bad++;
			seen++;
			imsg_free(&m);
		}
		if (rc == -1)
			bad++;
	}
	tap_ok(seen == 3000 && bad == 0, "3000 messages in order");
	close_pair();
	tap_ok(count_fds() == before, "no descriptor leaks");
}

/* The calls that only some programs use. */
static void
test_reading(void)
{
	static const char	data[] = "0123456789";
	struct ibuf		body;
	struct imsg		m;
	char			out[8];

	open_pair();
	tap_ok(imsgbuf_set_maxsize(&a, 1) == -1 &&
	    imsgbuf_set_maxsize(&a, 1 << 20) == -1, "no such size");
	tap_ok(imsgbuf_set_maxsize(&a, IMSG_HEADER_SIZE + 10) == 0,
	    "a small one");
	tap_ok(imsg_compose(&a, 1, 0, 0, -1, data, 11) == -1, "is kept");
	imsg_compose(&a, 1, 0, 0, -1, data, 10);
	imsg_compose(&a, 2, 0, 0, -1, NULL, 0);
	tap_ok(imsgbuf_queuelen(&a) == 2 && imsgbuf_flush(&a) == 0 &&
	    imsgbuf_read(&b) == 1 && imsgbuf_get(&b, &m) == 1, "arrives");
	tap_ok(imsg_get_data(&m, out, 0) == -1 &&
	    imsg_get_data(&m, out, 8) == -1, "only its own size");
	tap_ok(imsg_get_ibuf(&m, &body) == 0 && ibuf_size(&body) == 10,
	    "as a buffer");
	tap_ok(ibuf_get(&body, out, 8) == 0 && memcmp(out, data, 8) == 0 &&
	    ibuf_size(&body) == 2 && ibuf_get(&body, out, 3) == -1,
	    "that ends");
	imsg_free(&m);
	tap_ok(imsgbuf_get(&b, &m) == 1 && imsg_get_ibuf(&m, &body) == -1,
	    "without data there is none");
	imsg_free(&m);
	close_pair();
}

int
main(void)
{
	test_reading();
	test_fd_owner();
	test_split();
	test_lengths();
	test_stray();
	test_many();
	return tap_done();
}
