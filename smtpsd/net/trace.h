/*
 * The fields that this server adds: Received (RFC 5321 4.4), Date,
 * Message-ID (RFC 6409 8).
 */
#ifndef NET_TRACE_H
#define NET_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define TRACE_MAX	2048	/* bytes, enough for any of them */

struct trace {
	const char	*helo;
	const char	*address;	/* numeric, of the client */
	const char	*hostname;	/* ours */
	const char	*tls_version;	/* NULL: not encrypted */
	const char	*tls_cipher;
	const char	*rcpt;		/* NULL: none or more than one; left
					 * out if only its domain is UTF-8 */
	uint64_t	 message;
	uint8_t		 is_esmtp;
	uint8_t		 is_auth;
	uint8_t		 is_masked;	/* the client is not named */
	uint8_t		 is_utf8;	/* MAIL said SMTPUTF8 */
};

/* Each gives the bytes written, CRLF included; out is NUL-terminated. */
size_t	trace_received(char *out, size_t size, const struct trace *, time_t);
size_t	trace_date(char *out, size_t size, time_t);
size_t	trace_message_id(char *out, size_t size, uint64_t message,
	    const char *hostname);

/* The id of a message as people see it. */
void	trace_id(char *out, size_t size, uint64_t message);

#endif
