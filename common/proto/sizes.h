/*
 * Sizes, in bytes with the NUL, of the strings that cross links.
 */
#ifndef PROTO_SIZES_H
#define PROTO_SIZES_H

#define MAILADDR_SIZE	328	/* RFC 5321 4.5.3.1: 64 + @ + 255, rounded */
#define LOGIN_SIZE	256	/* an authenticated user */
#define SCOPE_SIZE	512	/* addresses that a device may use */
#define HOSTNAME_SIZE	256	/* RFC 1035 */
#define IPADDR_SIZE	64	/* numeric, IPv6 with scope */
#define NAME_SIZE	64	/* of an action, tag, table, pki */
#define PATHNAME_SIZE	1024	/* of a file or mailbox */
#define TEXT_SIZE	512	/* one line for people, bounded */
#define MSGID_HEX_SIZE	17	/* a message id printed as %013llx */

#endif
