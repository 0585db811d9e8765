/*
 * Repair of address lists in headers.  Pure.
 */
#ifndef SENDLIST_H
#define SENDLIST_H

#include <stddef.h>

/*
 * A list that mailbox.h cannot read, with its names quoted and commas between
 * its addresses; perhaps it can be read then.  The caller frees it.  NULL:
 * nothing can be done, or no memory.
 */
char	*list_repair(const char *in, size_t size, size_t *outsize);
/*
 * The same list in ASCII: names in UTF-8 become encoded words, so that it can
 * go to a host without SMTPUTF8.  NULL: more than names are beyond ASCII, or
 * no memory.
 */
char	*list_encode(const char *in, size_t size, size_t *outsize);

#endif
