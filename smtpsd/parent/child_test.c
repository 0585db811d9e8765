/*
 * Tests of child.c: no descriptor is lost when a link cannot be made.  What
 * it asks of others is answered here.
 */
#include <fcntl.h>

#define link_new	test_link_new
#define link_send_fd	test_link_send_fd
#define conf_send	test_conf_send
#define restart_delay	test_restart_delay
#define kill		test_kill
#include "child.c"
#undef kill

#include <sys/socket.h>

#include "base/tap.h"

static int	has_memory, kills, sent;
static int	a_link;

struct link *
test_link_new(int fd, const struct link_end *end)
{
	(void)end;
	if (!has_memory)
		return NULL;
	close(fd);
	return (struct link *)(void *)&a_link;
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

int
test_conf_send(const struct conf *c, enum proc_kind kind, uint16_t instance,
    struct link *l, uint32_t generation)
{
	(void)c;
	(void)kind;
	(void)instance;
	(void)l;
	(void)generation;
	return 0;
}

uint32_t
test_restart_delay(uint32_t last_ms, uint64_t alive_ms)
{
	(void)alive_ms;
	return last_ms;
}

const struct link_rule *
rules_of(enum proc_kind kind, size_t *n)
{
	(void)kind;
	*n = 0;
	return NULL;
}

int
spawn(const char *name, struct spawned *s)
{
	(void)name;
	(void)s;
	return -1;
}

uint32_t
spawn_next_id(void)
{
	return 1;
}

uint8_t	confine_mode(const struct conf *c) { (void)c; return 0; }
int	confine_note(enum proc_kind kind, const struct any_conf *m,
	    const struct conf *c) { (void)kind; (void)m; (void)c; return 0; }
void	authenticate_on_net_death(uint32_t id) { (void)id; }
void	authwork_on_death(uint16_t n) { (void)n; }
void	authwork_on_ready(uint16_t n, uint32_t id) { (void)n; (void)id; }
void	control_on_death(void) { }
void	deliver_on_queue_death(uint32_t id) { (void)id; }
void	lognet_finish(struct lognet *l) { (void)l; }
void	parent_on_progress(void) { }
uint64_t parent_now_ms(void) { return 1; }
int	parent_is_stopping(void) { return 0; }
const struct conf *parent_conf(void) { return NULL; }
const char *kinds_program(int kind) { (void)kind; return ""; }

void
authoutside_on_ready(enum proc_kind kind, uint16_t n, uint32_t id)
{
	(void)kind;
	(void)n;
	(void)id;
}

void
authoutside_on_death(enum proc_kind kind, uint16_t n)
{
	(void)kind;
	(void)n;
}

struct lognet *
lognet_new(int fd, const char *name)
{
	(void)fd;
	(void)name;
	return NULL;
}

void
parent_on_early_death(const char *name, uint32_t times)
{
	(void)name;
	(void)times;
}

int
kinds_wanted(const struct conf *c, int kind)
{
	(void)c;
	(void)kind;
	return 0;
}

int
kinds_are_paired(enum proc_kind a, enum proc_kind b)
{
	(void)a;
	(void)b;
	return 0;
}

void
kinds_fill_boot(enum proc_kind kind, struct parent_any_boot *boot)
{
	(void)kind;
	(void)boot;
}

const char *
kinds_describe_death(int status, char *buf, size_t size)
{
	(void)status;
	strlcpy(buf, "", size);
	return buf;
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
