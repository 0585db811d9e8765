/*
 * What a stopped thread is about to ask of the system: the table of calls that
 * write or flush, and their arguments read out of the thread.
 */
#include <sys/syscall.h>
#include <sys/uio.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faultcall.h"

#define IOV_MAX_READ	64

static const struct call calls[] = {
	{ "pread64",	SYS_pread64,	FD_ONLY },	/* if it is named */
	{ "write",	SYS_write,	FD_BYTES },
	{ "pwrite64",	SYS_pwrite64,	FD_BYTES_AT },
	{ "writev",	SYS_writev,	FD_VECTOR },
	{ "pwritev",	SYS_pwritev,	FD_VECTOR },
	{ "fsync",	SYS_fsync,	FD_ONLY },
	{ "fdatasync",	SYS_fdatasync,	FD_ONLY },
	{ "ftruncate",	SYS_ftruncate,	FD_SIZE },
	{ "fallocate",	SYS_fallocate,	FD_RANGE },
	{ "sendmsg",	SYS_sendmsg,	FD_ONLY },
	{ "sendto",	SYS_sendto,	FD_ONLY },
	{ "open",	SYS_openat,	AT_OPEN },
	{ "mkdir",	SYS_mkdir,	PATH_ONE },
	{ "mkdir",	SYS_mkdirat,	AT_ONE },
	{ "rmdir",	SYS_rmdir,	PATH_ONE },
	{ "unlink",	SYS_unlink,	PATH_ONE },
	{ "unlink",	SYS_unlinkat,	AT_ONE },
	{ "rename",	SYS_rename,	PATH_TWO },
	{ "rename",	SYS_renameat,	AT_TWO },
	{ "rename",	SYS_renameat2,	AT_TWO },
	{ "link",	SYS_link,	PATH_TWO },
	{ "link",	SYS_linkat,	AT_TWO },
};
#define NCALLS	(sizeof(calls) / sizeof(calls[0]))

static pid_t pid;		/* the thread that is looked at */

static size_t
peek(unsigned long long address, void *out, size_t size)
{
	struct iovec here = { out, size };
	struct iovec there = { (void *)(uintptr_t)address, size };
	ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return n == -1 ? 0 : (size_t)n;
}

/* A string may end just before a page that is not there. */
static void
peek_string(unsigned long long address, char *out, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size; i++)
		if (peek(address + i, out + i, 1) != 1 || out[i] == '\0')
			break;
	out[i] = '\0';
}

static void
proc_link(const char *what, char *out, size_t size)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%ld/%s", (long)pid, what);
	n = readlink(name, out, size - 1);
	out[n == -1 ? 0 : n] = '\0';
}

static void
path_of_fd(int fd, char *out)
{
	char name[32];

	if (fd == AT_FDCWD)
		snprintf(name, sizeof(name), "cwd");
	else
		snprintf(name, sizeof(name), "fd/%d", fd);
	proc_link(name, out, PATH_MAX);
}

/* As it is seen from here: the process may have another root. */
static void
path_at(int fd, unsigned long long address, char *out)
{
	char name[PATH_MAX];
	size_t n;

	peek_string(address, name, sizeof(name));
	if (name[0] == '/') {
		proc_link("root", out, PATH_MAX);
		n = strcmp(out, "/") == 0 ? 0 : strlen(out);
		snprintf(out + n, PATH_SIZE - n, "%s", name);
		return;
	}
	path_of_fd(fd, out);
	n = strlen(out);
	snprintf(out + n, PATH_SIZE - n, "/%s", name);
}

static uint64_t
fd_position(int fd)
{
	char name[64], line[128];
	unsigned long long pos = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%ld/fdinfo/%d", (long)pid, fd);
	if ((f = fopen(name, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "pos: %llu", &pos) == 1)
			break;
	fclose(f);
	return pos;
}

static void
data_take(struct passing *p, unsigned long long address, size_t size)
{
	if (size == 0)
		return;
	if (p->data_size + size > p->data_room) {
		p->data_room = (p->data_size + size) * 2;
		if ((p->data = realloc(p->data, p->data_room)) == NULL)
			err(1, NULL);
	}
	if (peek(address, p->data + p->data_size, size) != size)
		errx(1, "cannot read the bytes of %s", p->call->name);
	p->data_size += size;
}

static void
data_take_vector(struct passing *p, unsigned long long address, size_t n)
{
	struct iovec v[IOV_MAX_READ];
	size_t i;

	if (n > IOV_MAX_READ)
		errx(1, "a vector too long");
	if (peek(address, v, n * sizeof(v[0])) != n * sizeof(v[0]))
		errx(1, "cannot read a vector");
	for (i = 0; i < n; i++)
		data_take(p, (unsigned long long)(uintptr_t)v[i].iov_base,
		    v[i].iov_len);
}

/* Bytes and where they go, of a call about a descriptor. */
static void
look_at_file(struct passing *p, const struct user_regs_struct *r,
    int wants_data)
{
	switch (p->call->shape) {
	case FD_BYTES_AT:
	case FD_BYTES:
		if (wants_data)
			data_take(p, r->rsi, r->rdx);
		break;
	case FD_VECTOR:
		if (wants_data)
			data_take_vector(p, r->rsi, r->rdx);
		break;
	case FD_SIZE:
		p->offset = r->rsi;
		return;
	case FD_RANGE:
		p->offset = r->rdx + r->r10;
		return;
	default:
		return;
	}
	if (p->call->shape == FD_BYTES_AT || p->call->nr == SYS_pwritev)
		p->offset = r->r10;
	else if (wants_data)
		p->offset = fd_position((int)r->rdi);
}

void
call_look(struct passing *p, pid_t tid, const struct user_regs_struct *r,
    const char *only, int wants_data)
{
	pid = tid;
	p->path[0] = p->path2[0] = '\0';
	p->data_size = 0;
	p->offset = 0;
	switch (p->call->shape) {
	case PATH_ONE:
	case PATH_TWO:
		path_at(AT_FDCWD, r->rdi, p->path);
		if (p->call->shape == PATH_TWO)
			path_at(AT_FDCWD, r->rsi, p->path2);
		return;
	case AT_ONE:
	case AT_TWO:
	case AT_OPEN:
		path_at((int)r->rdi, r->rsi, p->path);
		if (p->call->shape == AT_TWO)
			path_at((int)r->rdx, r->r10, p->path2);
		return;
	default:
		path_of_fd((int)r->rdi, p->path);
	}
	look_at_file(p, r, wants_data && p->path[0] == '/' &&
	    strncmp(p->path, only, strlen(only)) == 0);
}

const struct call *
call_find(const struct user_regs_struct *r)
{
	size_t i;

	for (i = 0; i < NCALLS && calls[i].nr != (long)r->orig_rax; i++)
		;
	if (i == NCALLS || (calls[i].shape == AT_OPEN &&
	    ((int)r->rdx & O_CREAT) == 0))
		return NULL;
	return &calls[i];
}
