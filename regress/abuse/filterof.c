/*
 * filterof ARCH: the seccomp program of every profile, one a line, as inside.c
 * prints those of a process.  For cases/76-machines.py, which compiles it with
 * common/base/sandbox_calls.c and the system call numbers of some machine.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/sandbox_calls.h"

int
main(int argc, char **argv)
{
	static struct sock_filter	insn[SANDBOX_FILTER_MAX];
	uint32_t			arch;
	size_t				i, n;
	int				profile;

	arch = (uint32_t)strtoul(argc > 1 ? argv[1] : "", NULL, 0);
	for (profile = SANDBOX_COMPUTE; profile <= SANDBOX_SYSTEM; profile++) {
		n = sandbox_filter((enum sandbox_profile)profile, arch,
		    SECCOMP_RET_KILL_PROCESS, insn, SANDBOX_FILTER_MAX);
		for (i = 0; i < n; i++)
			printf("%s%x,%u,%u,%x", i == 0 ? "" : " ",
			    insn[i].code, insn[i].jt, insn[i].jf, insn[i].k);
		printf("\n");
	}
	return 0;
}
