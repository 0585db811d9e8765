/*
 * The auth workers' results, on their way to the attempt.
 */
#ifndef PARENT_AUTHUSERS_H
#define PARENT_AUTHUSERS_H

#include <stdint.h>

/* From a worker: 1 matches, 0 not, -1 the worker died. */
void	authusers_on_result(uint64_t request, int matches);

#endif
