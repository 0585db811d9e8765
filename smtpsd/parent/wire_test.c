/*
 * Tests of wire.c: no descriptor is lost when a link cannot be made.  What
 * it asks of others is answered here.
 */
#include <fcntl.h>

#define link_send_fd	test_link_send_fd
#define kill		test_kill
#include "wire.c"
#undef kill

#include <sys/socket.h>

#include "base/tap.h"

static int	has_memory, kills, sent;
static int	a_link;

struct link *
child_make_link(struct child *c, enum proc_kind kind, int fd)
{
	(void)c;
	(void)kind;
	close(fd);
	return has_memory ? (struct link *)(void *)&a_link : NULL;
}

int
test_link_send_fd(struct link *l, uint32_t type, int fd, const void *data,
    size_t size)
{
	(void)l;
	(void)type;
	(void)data;
	(void)size;
	sent++;
	close(fd);
	return 0;
}

int
test_kill(pid_t pid, int sig)
{
	(void)pid;
	(void)sig;
	kills++;
	return 0;
}

int
spawn_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

struct child	*child_at(int k, int i) { (void)k; (void)i; return NULL; }
int	child_configure(struct child *c) { (void)c; return 0; }
void	authwork_on_ready(uint16_t n, uint32_t id) { (void)n; (void)id; }

void
authoutside_on_ready(enum proc_kind kind, uint16_t n, uint32_t id)
{
	(void)kind;
	(void)n;
	(void)id;
}

static int
count_fds(void)
{
	int	fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

int
main(void)
{
	struct child	net = { .kind = PROC_NET, .pid = 99999, .name = "net" };
	int		before = count_fds();

	wire_sign(&net);
	tap_ok(net.sign == NULL && kills == 1 && sent == 0,
	    "no signing link: net is killed");
	tap_ok(count_fds() == before, "both ends are closed");
	has_memory = 1;
	wire_sign(&net);
	tap_ok(net.sign != NULL && kills == 1 && sent == 1,
	    "its far end goes to net");
	tap_ok(count_fds() == before, "and does not stay here");
	return tap_done();
}
