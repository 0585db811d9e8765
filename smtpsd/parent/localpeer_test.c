/*
 * Tests of what a net process may hand over as the connection of a local
 * user: the accepted end of a connection to that listener and nothing else.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>

/* What localpeer.c asks of others is answered here. */
#define link_arg		test_link_arg
#define link_fault		test_link_fault
#define child_id		test_child_id
#define parent_conf		test_parent_conf
#define conf_listener_by_id	test_conf_listener_by_id
#define accounts_uid		test_accounts_uid
#define authanswer_net		test_authanswer_net
#define authenticate_local	test_authenticate_local
#define peerlimit_may_ask	test_peerlimit_may_ask
#define parent_now_ms		test_parent_now_ms

#include <err.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticate.h"
#include "base/link.h"
#include "base/tap.h"
#include "child.h"
#include "conf.h"
#include "localpeer.c"
#include "parent.h"
#include "proto/net_parent.h"

#define NET_ID		7
#define LISTENER	99
#define SESSION		((uint64_t)NET_ID << 32 | 1)

static struct conf_listener	 listener;
static char			 directory[] = "/tmp/smtpsd_peer_test.XXXXXXXX";
static char			 answered[LOGIN_SIZE];
static int			 answers, faults, is_flood, is_outage;

void *
link_arg(struct link *link)
{
	return link;
}

void
link_fault(struct link *link, const char *why)
{
	(void)link;
	(void)why;
	faults++;
}

uint32_t
child_id(const struct child *child)
{
	(void)child;
	return NET_ID;
}

const struct conf *
parent_conf(void)
{
	return NULL;
}

struct conf_listener *
conf_listener_by_id(const struct conf *conf, uint32_t id)
{
	(void)conf;
	return id == LISTENER ? &listener : NULL;
}

void
authenticate_local(uint32_t net_id, uint64_t session, uint32_t id,
    const char *user)
{
	answers += net_id == NET_ID && session == SESSION && id == LISTENER;
	strlcpy(answered, user == NULL ? "" : user, sizeof(answered));
}

void
authanswer_net(uint32_t net_id, uint64_t session, enum auth_result result,
    const struct attempt *attempt)
{
	answers += net_id == NET_ID && session == SESSION && attempt == NULL;
	strlcpy(answered, result == AUTH_LATER ? "later" : "else",
	    sizeof(answered));
}

enum accounts_answer
accounts_uid(uid_t uid, const struct passwd **pw)
{
	errno = is_outage ? ECONNREFUSED : 0;
	*pw = is_outage ? NULL : getpwuid(uid);
	return is_outage ? ACCOUNTS_UNSURE : *pw == NULL ? ACCOUNTS_NONE :
	    ACCOUNTS_FOUND;
}

int
peerlimit_may_ask(struct child *child, uid_t uid, uint64_t now_ms)
{
	(void)child;
	(void)uid;
	(void)now_ms;
	return !is_flood;
}

uint64_t
parent_now_ms(void)
{
	return 1;
}

static struct sockaddr_un
name_of(const char *path)
{
	struct sockaddr_un	un = { .sun_family = AF_UNIX };

	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >=
	    sizeof(un.sun_path))
		errx(1, "%s", path);
	return un;
}

static int
listen_on(const char *path)
{
	struct sockaddr_un	un = name_of(path);
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1 ||
	    listen(fd, 5) == -1)
		err(1, "%s", path);
	return fd;
}

/* own: the name of the client's end, or NULL. */
static int
connect_to(const char *path, const char *own)
{
	struct sockaddr_un	un;
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (own != NULL) {
		un = name_of(own);
		if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
			err(1, "%s", own);
	}
	un = name_of(path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		err(1, "%s", path);
	return fd;
}

/* The connection of another process, which ends at once. */
static int
accept_from(int fd, const char *path, uid_t uid)
{
	pid_t	pid;
	int	s;

	if ((pid = fork()) == 0) {
		if (uid != getuid() && setuid(uid) == -1)
			_exit(1);
		(void)connect_to(path, NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if ((s = accept(fd, NULL, NULL)) == -1)
		err(1, "accept");
	return s;
}

/* What is said of this descriptor. */
static const char *
say(int fd, uint32_t id, uint64_t session)
{
	struct net_parent_peer	m = { session, id, 0 };
	struct link_in		in = { MSG_NET_PARENT_PEER, sizeof(m), &m, fd };

	answers = faults = 0;
	strlcpy(answered, "nothing", sizeof(answered));
	on_net_peer(NULL, &in);
	return answered;
}

static void
real(int fd, const char *path)
{
	struct passwd	*pw = getpwuid(getuid());
	int		 s;

	s = accept_from(fd, path, getuid());
	tap_is_str(say(s, LISTENER, SESSION), pw->pw_name, "the own user");
	tap_ok(answers == 1, "one answer");
	tap_is_str(say(s, 98, SESSION), "", "a listener that is not there");
	is_outage = 1;
	tap_is_str(say(s, LISTENER, SESSION), "later",
	    "a user who cannot be looked up now");
	tap_ok(answers == 1, "one answer");
	is_outage = 0;
	is_flood = 1;
	tap_is_str(say(s, LISTENER, SESSION), "later",
	    "one that comes too often may come later");
	is_flood = 0;
	say(s, LISTENER, SESSION ^ (1ULL << 32));
	tap_ok(faults == 1 && answers == 0, "a session of another net");
	listener.kind = LISTENER_SMTP;
	tap_is_str(say(s, LISTENER, SESSION), "", "a listener of another kind");
	listener.kind = LISTENER_LOCAL;
	strlcat(listener.path, "x", sizeof(listener.path));
	tap_is_str(say(s, LISTENER, SESSION), "", "a socket of another path");
	strlcpy(listener.path, path, sizeof(listener.path));
	close(s);
	if (getuid() != 0 || (pw = getpwnam("nobody")) == NULL)
		return;
	if (chmod(directory, 0755) == -1 || chmod(path, 0666) == -1)
		err(1, "%s", path);
	s = accept_from(fd, path, pw->pw_uid);
	tap_is_str(say(s, LISTENER, SESSION), "nobody", "another user");
	close(s);
	s = accept_from(fd, path, 54321);
	tap_is_str(say(s, LISTENER, SESSION), "", "a number without a name");
	close(s);
}

static void
false_ones(int fd, const char *path)
{
	int	s, c, pair[2];

	tap_is_str(say(fd, LISTENER, SESSION), "", "the listening socket");
	c = connect_to(path, NULL);
	s = accept(fd, NULL, NULL);
	tap_is_str(say(c, LISTENER, SESSION), "", "the client's end");
	tap_is_str(say(s, LISTENER, SESSION), "", "a connection of our own");
	close(c);
	close(s);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		err(1, "socketpair");
	tap_is_str(say(pair[0], LISTENER, SESSION), "", "a socketpair");
	close(pair[0]);
	close(pair[1]);
	c = socket(AF_INET, SOCK_STREAM, 0);
	tap_is_str(say(c, LISTENER, SESSION), "", "a TCP socket");
	close(c);
	if (pipe(pair) == -1)
		err(1, "pipe");
	tap_is_str(say(pair[0], LISTENER, SESSION), "", "a pipe");
	close(pair[0]);
	close(pair[1]);
}

/* The client's end with the listener's name: its peer would be root. */
static void
turned_round(const char *path)
{
	char	 moved[256];
	int	 c;

	snprintf(moved, sizeof(moved), "%s/moved", directory);
	if (rename(path, moved) == -1)
		err(1, "rename");
	c = connect_to(moved, path);
	tap_is_str(say(c, LISTENER, SESSION), "",
	    "the client's end under the listener's name");
	close(c);
	unlink(moved);
}

int
main(void)
{
	char	path[128];
	int	fd;

	if (mkdtemp(directory) == NULL)
		err(1, "mkdtemp");
	snprintf(path, sizeof(path), "%s/submit", directory);
	listener.kind = LISTENER_LOCAL;
	strlcpy(listener.path, path, sizeof(listener.path));
	fd = listen_on(path);
	real(fd, path);
	false_ones(fd, path);
	turned_round(path);
	unlink(path);
	rmdir(directory);
	return tap_done();
}
