/*
 * net and parent: listeners and certificates down; AUTH up, its result down;
 * and on the signing link (a socketpair of its own, synchronous for net)
 * signatures.
 */
#ifndef PROTO_NET_PARENT_H
#define PROTO_NET_PARENT_H

#include <stdint.h>

#include "sizes.h"

#define MSG_PARENT_NET_CONF		0x0100
#define MSG_PARENT_NET_PKI		0x0101	/* conf_piece, kind PIECE_* */
#define MSG_PARENT_NET_LISTENER		0x0102	/* with the socket */
#define MSG_PARENT_NET_AUTH_DONE	0x0103
#define MSG_PARENT_NET_SIGN_DONE	0x0104
#define MSG_PARENT_NET_AUTH_CHALLENGE	0x0105
#define MSG_PARENT_NET_MECHANISMS	0x0106
#define MSG_NET_PARENT_AUTH		0x0110	/* secret */
#define MSG_NET_PARENT_AUTH_CANCEL	0x0111
#define MSG_NET_PARENT_SIGN		0x0112
#define MSG_NET_PARENT_AUTH_STEP	0x0113	/* secret */
#define MSG_NET_PARENT_PEER		0x0118	/* with a duplicate of the
						 * accepted Unix socket */

/* Limits in force for all listeners. */
struct parent_net_conf {
	uint64_t	message_max;	/* bytes of one message */
	uint32_t	sessions_max;	/* of this process */
	uint32_t	sessions_per_ip;
	uint32_t	recipients_max;	/* of one transaction */
	uint32_t	messages_max;	/* of one session */
	uint32_t	errors_max;	/* replies 4xx/5xx before 421 */
	uint32_t	command_s;	/* time for one command, RFC 5321 4.5.3.2 */
	uint32_t	data_s;		/* from MAIL to the end of data */
	uint32_t	received_max;	/* Received fields before 5.4.6 */
	uint32_t	auth_s;		/* connect to AUTH, where it is required */
	uint32_t	pace;		/* bytes/s, least average of DATA; 0: any */
	uint32_t	header_max;	/* bytes of a header */
	uint32_t	fields_max;	/* of a header */
	char		hostname[HOSTNAME_SIZE];
};
_Static_assert(sizeof(struct parent_net_conf) == 56 + HOSTNAME_SIZE, "conf");

enum listener_kind {
	LISTENER_SMTPS = 1,	/* TLS at once, AUTH required */
	LISTENER_SUBMISSION,	/* STARTTLS required, then AUTH */
	LISTENER_SMTP,		/* STARTTLS offered if there is a pki */
	LISTENER_LOCAL		/* a Unix socket: its peer is the user */
};
#define LISTENER_PKI_MAX	16
#define CIPHERS_SIZE		256

/* Kinds of MSG_PARENT_NET_PKI and what their ids name. */
enum net_piece {
	PIECE_CHAIN,		/* a pki: certificates in PEM */
	PIECE_OCSP,		/* a pki: response in DER */
	PIECE_CA,		/* of a listener: certificates in PEM */
	PIECE_NETS		/* of a listener: who may speak PROXY */
};

#define LISTENER_AUTH_COMPAT	0x01	/* "AUTH=" for old clients as well */
#define LISTENER_MASK_SOURCE	0x02	/* no address in Received */
#define LISTENER_PROXY_V1	0x04
#define LISTENER_PROXY_V2	0x08
#define LISTENER_VERIFY		0x10	/* ask for a client's certificate */
#define LISTENER_VERIFY_MUST	0x20	/* and insist on it */
#define LISTENER_ANY_FROM	0x40	/* authors are not checked */
#define LISTENER_FLAGS		0x7f	/* all of them */
#define LISTENER_TLS12		0x01
#define LISTENER_TLS13		0x02

struct parent_net_listener {
	uint32_t	id;
	uint16_t	port;
	uint8_t		kind;
	uint8_t		auth;		/* 1: AUTH is offered (inside TLS) */
	uint32_t	npki;
	uint32_t	pki[LISTENER_PKI_MAX];	/* ids; the first is the default */
	uint32_t	flags;		/* LISTENER_* bits above */
	uint32_t	tls;		/* LISTENER_TLS*: versions */
	uint32_t	ca;		/* id of a PIECE_CA, 0: none */
	uint32_t	nets;		/* id of a PIECE_NETS, 0: none */
	uint32_t	pad0;
	/* Limits; never 0 and never looser than those for all. */
	uint64_t	message_max;
	uint32_t	recipients_max;
	uint32_t	sessions_max;	/* of this listener in this process */
	uint32_t	sessions_per_ip;
	uint32_t	pad;
	char		hostname[HOSTNAME_SIZE];
	char		tag[NAME_SIZE];
	char		address[IPADDR_SIZE];	/* or the start of a path */
	char		ciphers[CIPHERS_SIZE];	/* "": the usual ones */
};
_Static_assert(sizeof(struct parent_net_listener) == 56 +
    4 * LISTENER_PKI_MAX + HOSTNAME_SIZE + NAME_SIZE + IPADDR_SIZE +
    CIPHERS_SIZE, "listener");

/*
 * Who is behind this connection to a Unix socket?  The parent asks the
 * socket itself; AUTH_DONE is the answer.
 */
struct net_parent_peer {
	uint64_t	session;
	uint32_t	listener;
	uint32_t	pad;
};
_Static_assert(sizeof(struct net_parent_peer) == 16, "peer");

#define AUTH_PLAIN	1	/* tail: authzid NUL authcid NUL password */
#define AUTH_LOGIN	2	/* tail: the same form, authzid empty */
#define AUTH_SCRAM	3	/* -SHA-256; tail: client-first-message */
#define AUTH_SCRAM_PLUS	4	/* the same, bound to certificate or session */
#define AUTH_EXTERNAL	5	/* tail: authzid NUL fingerprint NUL subject,
				 * of a certificate: net's word */
#define AUTH_OAUTHBEARER 6	/* tail: the client's message, RFC 7628 */
#define AUTH_XOAUTH2	7	/* tail: the same without its header */
#define AUTH_MECHANISM_MAX 32
#define AUTH_BIT(mechanism)	(1U << (mechanism))
#define AUTH_TAIL_MAX	5120	/* a token and what is around it */
#define CHALLENGE_MAX	512

/* What a listener offers: behind LISTENER, and when the users file changed. */
struct parent_net_mechanisms {
	uint32_t	listener;
	uint32_t	mechanisms;	/* AUTH_BIT()s */
};

struct net_parent_auth {
	uint64_t	session;
	uint32_t	listener;
	uint8_t		mechanism;
	uint8_t		has_exporter;	/* TLS 1.3 */
	uint8_t		pad[2];
	char		address[IPADDR_SIZE];	/* of the client: net's word */
	uint8_t		exporter[32];	/* RFC 9266, for channel bindings */
	/* tail: what the client sent, decoded, at most AUTH_TAIL_MAX */
};
_Static_assert(sizeof(struct net_parent_auth) == 48 + IPADDR_SIZE, "auth");

/*
 * A mechanism that asks back: CHALLENGE goes to the client and STEP is what
 * it said, both without base64, until AUTH_DONE.
 */
struct parent_net_challenge {
	uint64_t	session;
	/* tail: at most CHALLENGE_MAX */
};

struct net_parent_step {
	uint64_t	session;
	/* tail: at most AUTH_TAIL_MAX, none for an empty response */
};

/* AUTH_CANCEL: the session ended, no answer is wanted. */
struct net_parent_session {
	uint64_t	session;
};

enum auth_result {
	AUTH_OK = 1,
	AUTH_BAD,		/* 535 5.7.8: whatever the reason was */
	AUTH_LATER		/* 454 4.7.0: workers down or overloaded */
};

struct parent_net_auth_done {
	uint64_t	session;
	uint32_t	result;
	uint32_t	valid_s;	/* the login ends then; 0: never */
	char		user[LOGIN_SIZE];	/* or user/device, to be shown */
};
_Static_assert(sizeof(struct parent_net_auth_done) == 16 + LOGIN_SIZE, "done");

enum sign_kind {
	SIGN_RSA_RAW = 1,	/* tail: a whole EMSA-PSS block, RFC 8017 9.1 */
	SIGN_RSA_PKCS1,		/* tail: DigestInfo, RFC 8017 9.2 */
	SIGN_ECDSA		/* tail: digest of 32, 48 or 64 bytes */
};
#define SIGN_TAIL_MAX	1024

struct net_parent_sign {
	uint8_t		key[32];	/* SHA-256 of the public part */
	uint32_t	kind;
	uint32_t	pad;
	/* tail: what is to be signed */
};
_Static_assert(sizeof(struct net_parent_sign) == 40, "sign");

struct parent_net_sign_done {
	uint32_t	failed;		/* 0: tail is the signature (DER for EC) */
	uint32_t	pad;
};
_Static_assert(sizeof(struct parent_net_sign_done) == 8, "sign_done");

#endif
