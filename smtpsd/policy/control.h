/*
 * Answers to control.  For policy only.
 */
#ifndef POLICY_CONTROL_H
#define POLICY_CONTROL_H

#include <stdint.h>

void	control_link(uint32_t peer_id, int fd);		/* takes fd */

#endif
