/*
 * The private keys by the SHA-256 of their public part, as net names them.
 */
#ifndef PARENT_KEYS_H
#define PARENT_KEYS_H

#include <openssl/evp.h>

struct conf;

#define KEY_ID_SIZE	32

/* Secure heap, no core, no dump: before any key is read. */
void		 keys_harden(void);
/* Locks all memory, after daemon(3), which loses locks. */
void		 keys_lock_memory(void);
/*
 * Takes the keys of conf in.  Those of the configuration before stay, as
 * net may still shake hands with its certificates; older ones go.  -1 and a line
 * in the log.
 */
int		 keys_add(const struct conf *);
/* NULL if there is none; stays owned here. */
EVP_PKEY	*keys_find(const unsigned char id[KEY_ID_SIZE]);
void		 keys_wipe(void);

#endif
