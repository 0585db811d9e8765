/*
 * Commands of every role: any bytes on any link, repetition, fuzz.  Links
 * are named by what is at their other end: parent sign policy queue control
 * net relay resolver deliver.
 */
#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/link.h"
#include "hostile.h"
#include "proto/shape.h"

#define ARG_MAX_	4096
#define ARGS_MAX	32
#define LOG_FD		3

uint8_t
kind_by_name(const char *name)
{
	static const struct {
		const char	*name;
		uint8_t		 kind;
	} kinds[] = {
		{ "parent", PROC_PARENT }, { "net", PROC_NET },
		{ "policy", PROC_POLICY }, { "queue", PROC_QUEUE },
		{ "relay", PROC_RELAY }, { "resolver", PROC_RESOLVER },
		{ "control", PROC_CONTROL }, { "sign", PROC_SIGN },
		{ "deliver", PROC_DELIVER },
	};
	size_t	i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return 0;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t
hex_decode(const char *hex, void *out, size_t size)
{
	uint8_t	*p = out;
	size_t	 n = 0;
	int	 high, low;

	while (n < size && (high = nibble(hex[2 * n])) != -1 &&
	    (low = nibble(hex[2 * n + 1])) != -1)
		p[n++] = (uint8_t)(high << 4 | low);
	return n;
}

const char *
hex_encode(const void *data, size_t size)
{
	static char	 hex[2 * MAX_IMSGSIZE + 1];
	const uint8_t	*p = data;
	size_t		 i;

	for (i = 0; i < size && i < MAX_IMSGSIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", p[i]);
	hex[2 * i] = '\0';
	return hex;
}

static int
run_bytes(int argc, char **argv)
{
	static uint8_t	data[MAX_IMSGSIZE];
	size_t		size = hex_decode(argv[2], data, sizeof(data));

	if (wire_write(kind_by_name(argv[1]), data, size,
	    argc > 3 ? atoi(argv[3]) : 0) == -1)
		return -1;
	say("ok");
	return 0;
}

static int
run_send(int argc, char **argv)
{
	static uint8_t	data[MAX_IMSGSIZE];
	size_t		size = hex_decode(argv[3], data, sizeof(data));

	if (wire_send(kind_by_name(argv[1]), (uint32_t)strtoul(argv[2], NULL,
	    0), data, size, argc > 4 ? atoi(argv[4]) : 0) == -1)
		return -1;
	say("ok");
	return 0;
}

static int
run_fill(int argc, char **argv)
{
	static uint8_t	data[MAX_IMSGSIZE];
	size_t		size = strtoul(argv[3], NULL, 0);

	memset(data, (int)strtol(argv[4], NULL, 0), sizeof(data));
	if (wire_send(kind_by_name(argv[1]), (uint32_t)strtoul(argv[2], NULL,
	    0), data, size < sizeof(data) ? size : sizeof(data),
	    argc > 5 ? atoi(argv[5]) : 0) == -1)
		return -1;
	say("ok");
	return 0;
}

static int
run_got(int argc, char **argv)
{
	static uint8_t	data[MAX_IMSGSIZE];
	ssize_t		n;

	n = wire_take(kind_by_name(argv[1]), (uint32_t)strtoul(argv[2], NULL,
	    0), ANY_SESSION, data, sizeof(data),
	    argc > 3 ? atoi(argv[3]) : 5000);
	if (n == -2)
		return -1;
	if (n == -1)
		say("none");
	else
		say("ok %s", hex_encode(data, (size_t)n));
	return 0;
}

static int
run_count(int argc, char **argv)
{
	(void)argc;
	say("ok %llu", (unsigned long long)wire_count(
	    (uint32_t)strtoul(argv[1], NULL, 0)));
	return 0;
}

/* Is it up still, when this many milliseconds have passed? */
static int
run_up(int argc, char **argv)
{
	uint64_t	end = now_ms() + (argc > 2 ? (uint64_t)atoi(argv[2]) : 0);
	uint8_t		kind = kind_by_name(argv[1]);

	do {
		(void)wire_pump(end > now_ms() ? (int)(end - now_ms()) : 0, -1);
	} while (wire_is_up(kind) && now_ms() < end);
	say("ok %d", wire_is_up(kind));
	return 0;
}

static int
run_deaf(int argc, char **argv)
{
	(void)argc;
	wire_set_deaf(kind_by_name(argv[1]), atoi(argv[2]));
	say("ok");
	return 0;
}

static int
run_obey(int argc, char **argv)
{
	(void)argc;
	boot_obey(atoi(argv[1]));
	say("ok");
	return 0;
}

static int
run_forget(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	wire_forget();
	say("ok");
	return 0;
}

static int
run_exit(int argc, char **argv)
{
	(void)argc;
	_exit(atoi(argv[1]));
}

/* log LEVEL N TEXT: lines to the parent, as fast as it takes them. */
static int
run_log(int argc, char **argv)
{
	char		line[ARG_MAX_];
	int		i, n, size;

	(void)argc;
	size = snprintf(line, sizeof(line), "%s%s\n", argv[1], argv[3]);
	for (n = atoi(argv[2]), i = 0; i < n && size > 0; i++)
		if (write(LOG_FD, line, (size_t)size) == -1 &&
		    errno != EAGAIN)
			return -1;
	say("ok");
	return 0;
}

/* The first % of a word is the number. */
static void
expand(const char *from, unsigned long n, char *to, size_t size)
{
	const char	*at = strchr(from, '%');

	if (at == NULL)
		snprintf(to, size, "%s", from);
	else
		snprintf(to, size, "%.*s%lu%s", (int)(at - from), from, n,
		    at + 1);
}

/* many N FIRST COMMAND ...: % is FIRST, FIRST + 1, ...; no answers. */
static int
run_many(int argc, char **argv)
{
	static char	 words[ARGS_MAX][ARG_MAX_];
	char		*args[ARGS_MAX + 1];
	unsigned long	 i, n = strtoul(argv[1], NULL, 0);
	unsigned long	 first = strtoul(argv[2], NULL, 0);
	uint64_t	 start = now_ms();
	int		 k;

	for (i = 0; i < n; i++) {
		for (k = 3; k < argc; k++) {
			expand(argv[k], first + i, words[k - 3], ARG_MAX_);
			args[k - 3] = words[k - 3];
		}
		args[argc - 3] = NULL;
		if (run_command(argc - 3, args, 1) == -1)
			break;
		if (i % 64 == 0)
			(void)wire_pump(0, -1);
	}
	say("%s sent=%lu ms=%llu", i == n ? "ok" : "down", i,
	    (unsigned long long)(now_ms() - start));
	return 0;
}

/* A small generator: the same numbers everywhere for a seed. */
static uint64_t	fuzz_state;

void
fuzz_seed(uint64_t seed)
{
	fuzz_state = seed;
}

uint32_t
fuzz_next(void)
{
	uint64_t	z;

	fuzz_state += 0x9e3779b97f4a7c15ULL;
	z = fuzz_state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ (z >> 31)) >> 16);
}

/* Bytes that keep the shape: each string ends, integers may be small. */
static size_t
fuzz_fill(const struct link_shape *s, uint8_t *data)
{
	static const uint32_t	 edges[] = { 0, 1, 2, 3, 0x7fffffff,
				    0x80000000, 0xffffffff, 0x10000 };
	size_t			 size, i, at;
	uint32_t		 word;
	int			 n;

	size = s->size_min;
	if (s->size_max > s->size_min && fuzz_next() % 2)
		size += fuzz_next() % (s->size_max - s->size_min + 1);
	for (i = 0; i + 4 <= size; i += 4) {
		word = fuzz_next() % 2 ? fuzz_next() :
		    edges[fuzz_next() % 8];
		memcpy(data + i, &word, 4);
	}
	for (; i < size; i++)
		data[i] = (uint8_t)fuzz_next();
	for (n = 0; n < LINK_STRINGS_MAX && s->strings[n].size != 0; n++) {
		at = s->strings[n].offset +
		    fuzz_next() % s->strings[n].size;
		data[at] = '\0';
	}
	return size;
}

/* The first eight bytes, where most messages say what they are about. */
static uint64_t
fuzz_id(const char *own)
{
	if (own[0] == 's')
		return fuzz_next() % 64;
	if (own[0] == 'p')
		return strtoull(own + 1, NULL, 0) << 32 | fuzz_next() % 64;
	return (uint64_t)boot_is()->proc_id << 32 | fuzz_next() % 64;
}

/*
 * fuzz LINK TYPE N SEED OWN: messages of this type, in its shape.  OWN is
 * what they are about, so that what is behind the first check is reached: 0
 * anything, 1 a session of ours, pID one of that process, s a small number.
 */
static int
run_fuzz(int argc, char **argv)
{
	static uint8_t			 data[MAX_IMSGSIZE];
	const struct link_shape		*s;
	uint8_t				 kind = kind_by_name(argv[1]);
	uint64_t			 session;
	unsigned long			 i, n = strtoul(argv[3], NULL, 0);
	size_t				 size;
	int				 own = strcmp(argv[5], "0") != 0;

	(void)argc;
	s = proto_shape((uint32_t)strtoul(argv[2], NULL, 0));
	if (s == NULL) {
		bad_usage("fuzz: no such type");
		return 0;
	}
	fuzz_seed(strtoul(argv[4], NULL, 0));
	for (i = 0; i < n; i++) {
		size = fuzz_fill(s, data);
		if (own && size >= sizeof(session)) {
			session = fuzz_id(argv[5]);
			memcpy(data, &session, sizeof(session));
		}
		if (wire_send(kind, s->type, data, size, s->has_fd) == -1)
			break;
	}
	say("%s sent=%lu", i == n ? "ok" : "down", i);
	return 0;
}

/* shapes: TYPE:MIN:MAX:FD:STRING-OFFSET (or -1) of all that there are. */
static int
run_shapes(int argc, char **argv)
{
	static char			 line[16384];
	const struct link_shape		*s;
	size_t				 i, n, at = 0;

	(void)argc;
	(void)argv;
	s = proto_shapes(&n);
	for (i = 0; i < n && at < sizeof(line) - 128; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at,
		    " %s:0x%x:%u:%u:%d:%d", s[i].name, s[i].type,
		    s[i].size_min, s[i].size_max, s[i].has_fd,
		    s[i].strings[0].size != 0);
	say("ok%s", line);
	return 0;
}

const struct command	any_commands[] = {
	{ "bytes", 2, "bytes LINK HEX [NFDS]", run_bytes },
	{ "send", 3, "send LINK TYPE HEX [NFDS]", run_send },
	{ "fill", 4, "fill LINK TYPE SIZE BYTE [NFDS]", run_fill },
	{ "got", 2, "got LINK TYPE [MS]", run_got },
	{ "count", 1, "count TYPE", run_count },
	{ "up", 1, "up LINK [MS]", run_up },
	{ "deaf", 2, "deaf LINK 0|1", run_deaf },
	{ "obey", 1, "obey 0|1", run_obey },
	{ "forget", 0, "forget", run_forget },
	{ "exit", 1, "exit STATUS", run_exit },
	{ "log", 3, "log LEVEL N TEXT", run_log },
	{ "many", 3, "many N FIRST COMMAND ...", run_many },
	{ "fuzz", 5, "fuzz LINK TYPE N SEED OWN", run_fuzz },
	{ "shapes", 0, "shapes", run_shapes },
	{ NULL, 0, NULL, NULL }
};
