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
 * SANDBOX_SYSTEM and SANDBOX_COMMAND have a list of what fails, the others of
 * what is allowed; forbidden is the action for all else.
 */
size_t	sandbox_filter(enum sandbox_profile, uint32_t arch, uint32_t forbidden,
	    struct sock_filter *, size_t max);

#endif
