/*
 * parent to relay: where each relay action sends, with whose credentials.
 */
#ifndef PROTO_PARENT_RELAY_H
#define PROTO_PARENT_RELAY_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_RELAY_CONF	0x0900
#define MSG_PARENT_RELAY_ACTION	0x0901	/* secret */
#define MSG_PARENT_RELAY_CA	0x0902	/* conf_piece: PEM bundle; id
					 * 0 is the default one */

struct parent_relay_conf {
	char		hostname[HOSTNAME_SIZE];	/* for EHLO */
};

enum relay_tls {
	RELAY_PLAIN = 1,	/* smtp:// STARTTLS if offered, unverified */
	RELAY_STARTTLS,		/* smtp+tls:// STARTTLS required */
	RELAY_SMTPS		/* smtps:// TLS at once */
};

struct parent_relay_action {
	uint16_t	port;
	uint8_t		tls;		/* enum relay_tls */
	uint8_t		verify;		/* 1: certificate chain and name */
	uint32_t	ca;		/* id of RELAY_CA; 0: the default one */
	char		name[NAME_SIZE];
	char		host[HOSTNAME_SIZE];	/* name or numeric address */
	char		user[LOGIN_SIZE];	/* "" no AUTH */
	char		password[LOGIN_SIZE];
};
_Static_assert(sizeof(struct parent_relay_action) == 8 + NAME_SIZE +
    HOSTNAME_SIZE + 2 * LOGIN_SIZE, "action");

#endif
