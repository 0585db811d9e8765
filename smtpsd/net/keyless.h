/*
 * Private key operations without a private key: libcrypto asks, the parent
 * signs.
 */
#ifndef NET_KEYLESS_H
#define NET_KEYLESS_H

/* Make it the default of libcrypto; before any tls_configure().  -1: failed. */
int	keyless_init(void);
/* The signing link; takes fd and keeps it blocking. */
void	keyless_set_link(int fd);

#endif
