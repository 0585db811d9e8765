/*
 * The seccomp program of a profile.  For sandbox_linux.c only.
 */
#ifndef BASE_SANDBOX_CALLS_H
#define BASE_SANDBOX_CALLS_H

#include <linux/filter.h>

#include <stddef.h>
#include <stdint.h>

#include "sandbox.h"

#define SANDBOX_FILTER_MAX	600

/*
 * Writes the program; number of instructions, 0 if it does not fit.
 * SANDBOX_SYSTEM has a list of what fails, the others of what is allowed.
 */
size_t	sandbox_filter(enum sandbox_profile, uint32_t arch,
	    struct sock_filter *, size_t max);

#endif
