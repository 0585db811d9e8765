/*
 * parent to relay: where each relay action sends, with whose credentials.
 * relay to parent: a connection to the Unix socket of an action, which relay
 * cannot make itself; one answer to each request.
 */
#ifndef PROTO_PARENT_RELAY_H
#define PROTO_PARENT_RELAY_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_RELAY_CONF	0x0900
#define MSG_PARENT_RELAY_ACTION	0x0901	/* secret */
#define MSG_PARENT_RELAY_CA	0x0902	/* conf_piece: PEM bundle; id
					 * 0 is the default one */
#define MSG_PARENT_RELAY_POLICY	0x0903	/* conf_piece: table of TLS policies
					 * by domain, name: the action */
#define MSG_PARENT_RELAY_CONNECTED	0x0904	/* with the descriptor */
#define MSG_PARENT_RELAY_CONNECT_FAILED	0x0905
#define MSG_RELAY_PARENT_CONNECT	0x0910

struct parent_relay_conf {
	char		hostname[HOSTNAME_SIZE];	/* for EHLO */
};

enum relay_tls {
	RELAY_PLAIN = 1,	/* smtp:// STARTTLS if offered, unverified */
	RELAY_STARTTLS,		/* smtp+tls:// STARTTLS required */
	RELAY_SMTPS		/* smtps:// TLS at once */
};
#define PIN_SIZE	80	/* "SHA256:" and 64 hex digits, of the leaf */

struct parent_relay_action {
	uint16_t	port;
	uint8_t		tls;		/* enum relay_tls */
	uint8_t		verify;		/* 1: certificate chain and name */
	uint32_t	ca;		/* id of RELAY_CA; 0: the default one */
	uint32_t	connections;	/* to one destination; 0: default */
	uint32_t	pace;		/* messages a minute to one; 0: any */
	uint32_t	allow_loopback;	/* exchangers may be on this host */
	uint8_t		lmtp;		/* RFC 2033 */
	uint8_t		is_socket;	/* connections come from the parent */
	uint8_t		pad[2];
	char		name[NAME_SIZE];
	char		host[HOSTNAME_SIZE];	/* name or numeric address; "" is
						 * the domain's exchangers */
	char		helo[HOSTNAME_SIZE];	/* "": RELAY_CONF's */
	char		source4[IPADDR_SIZE];	/* to bind to, "": any */
	char		source6[IPADDR_SIZE];
	char		pin[PIN_SIZE];	/* "" none */
	char		user[LOGIN_SIZE];	/* "" no AUTH */
	char		password[LOGIN_SIZE];
};
_Static_assert(sizeof(struct parent_relay_action) == 24 + NAME_SIZE +
    2 * HOSTNAME_SIZE + 2 * IPADDR_SIZE + PIN_SIZE + 2 * LOGIN_SIZE, "action");

struct relay_parent_connect {
	uint64_t	request;
	char		action[NAME_SIZE];
};
_Static_assert(sizeof(struct relay_parent_connect) == 8 + NAME_SIZE, "connect");

struct parent_relay_connected {
	uint64_t	request;
};
_Static_assert(sizeof(struct parent_relay_connected) == 8, "connected");

struct parent_relay_connect_failed {
	uint64_t	request;
	char		text[TEXT_SIZE];
};
_Static_assert(sizeof(struct parent_relay_connect_failed) == 8 + TEXT_SIZE,
    "connect_failed");

#endif
