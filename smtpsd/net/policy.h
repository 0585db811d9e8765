/* The link to policy: requests up, replies handed to smtp_mail.c. */
#ifndef NET_POLICY_H
#define NET_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/net_policy.h"

void	policy_set_link(int fd, uint32_t peer_id);	/* takes fd */
/*
 * -1: the link is down, or policy has enough to read.  envid and orcpt are
 * decoded, "" for none.
 */
int	policy_mail(const struct net_policy_mail *, const char *envid);
int	policy_rcpt(const struct net_policy_rcpt *, const char *orcpt);
/* tail: of MSG_NET_POLICY_HEADER */
int	policy_header(uint64_t session, uint32_t tx, const char *tail,
	    size_t size);
void	policy_reset(uint64_t session, uint32_t tx);
void	policy_end(uint64_t session);

#endif
