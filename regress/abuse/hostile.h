/*
 * A program that takes the place of one of smtpsd's children and does as it
 * is told: see README.  wire.c moves messages, hostile.c boots and reads
 * commands, command.c has those of every role, role_*.c those of one.
 */
#ifndef ABUSE_HOSTILE_H
#define ABUSE_HOSTILE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "proto/boot.h"

#define ANY_SESSION	UINT64_MAX

/* wire.c: the links.  kind is PROC_*, the newest link of that kind. */

/* A link, fd is taken; 0 or -1. */
int	wire_add(uint8_t kind, uint32_t peer_id, int fd);
int	wire_is_up(uint8_t kind);
/* Leave what this link says unread. */
void	wire_set_deaf(uint8_t kind, int is_deaf);
/* Bytes as they are, with nfds descriptors; waits for room.  -1: down. */
int	wire_write(uint8_t kind, const void *bytes, size_t size, int nfds);
/* A whole message, whatever its type and size; nfds marks it as an owner. */
int	wire_send(uint8_t kind, uint32_t type, const void *data, size_t size,
	    int nfds);
int	wire_send_tail(uint8_t kind, uint32_t type, const void *data,
	    size_t size, const void *tail, size_t tail_size);
/* Wait for ms at most (-1: for ever) until something was read, or other_fd
 * (-1: none) can be: then 1. */
int	wire_pump(int ms, int other_fd);
/*
 * The oldest message of that type that was read, waiting for it; its first
 * eight bytes are session unless that is ANY_SESSION.  Bytes of it, at most
 * size copied; -1: none came, -2: the link is down.
 */
ssize_t	wire_take(uint8_t kind, uint32_t type, uint64_t session, void *data,
	    size_t size, int ms);
uint64_t wire_count(uint32_t type);	/* that were read so far */
void	wire_forget(void);		/* what was read and not taken */
void	wire_init(void);		/* opens what is sent as descriptors */

/* hostile.c */

/* Of the parent; 1: taken care of. */
int	boot_take(uint32_t type, const void *data, size_t size, int fd);
const struct parent_any_boot *boot_is(void);
void	boot_obey(int);			/* 0: configurations are not answered */
/* One line of answer; nothing while a command is repeated. */
void	say(const char *, ...) __attribute__((format(printf, 1, 2)));
int	is_quiet(void);			/* do not wait for answers */
void	bad_usage(const char *);
int	run_command(int argc, char **argv, int quiet);	/* -1: link down */
uint64_t now_ms(void);

struct command {
	const char	*name;
	int		 nargs;		/* least number */
	const char	*usage;
	int		(*run)(int argc, char **argv);	/* -1: link down */
};

extern const struct command	any_commands[];		/* command.c */
extern const struct command	net_commands[];		/* role_net.c */

/* command.c */
size_t	hex_decode(const char *, void *, size_t);	/* "-": nothing */
const char *hex_encode(const void *, size_t);		/* static buffer */
uint8_t	kind_by_name(const char *);			/* 0: none */
void	 fuzz_seed(uint64_t);
uint32_t fuzz_next(void);

#endif
