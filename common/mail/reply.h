/*
 * Every reply that smtpsd gives, in one table: id, code (RFC 5321), enhanced
 * code (RFC 3463, "" where none belongs), text.  One "%s" in a text takes
 * the argument of reply_format().  Ids cross links as numbers.
 */
#ifndef MAIL_REPLY_H
#define MAIL_REPLY_H

#include <stddef.h>

#define REPLY_TABLE(X) \
X(NONE, 0, "", "") \
X(GREETING, 220, "", "%s ESMTP smtpsd") \
X(TLS_READY, 220, "2.0.0", "Ready to start TLS") \
X(BYE, 221, "2.0.0", "Bye") \
X(AUTH_OK, 235, "2.7.0", "Authentication succeeded") \
X(OK, 250, "2.0.0", "Ok") \
X(CHUNK_OK, 250, "2.0.0", "%s bytes received") \
X(SENDER_OK, 250, "2.1.0", "Sender ok") \
X(RCPT_OK, 250, "2.1.5", "Recipient ok") \
X(QUEUED, 250, "2.0.0", "Queued as %s") \
X(VRFY, 252, "2.5.0", "Cannot verify, but will try to deliver") \
X(HELP, 214, "2.0.0", "See RFC 5321 and smtpsd(8)") \
X(AUTH_GO, 334, "", "%s") \
X(DATA_GO, 354, "", "End data with <CR><LF>.<CR><LF>") \
X(SHUTDOWN, 421, "4.3.2", "Service is shutting down") \
X(IDLE, 421, "4.4.2", "Timeout, closing connection") \
X(TOO_SLOW, 421, "4.4.2", "Too slow, closing connection") \
X(AUTH_TIMEOUT, 421, "4.7.0", "No authentication in time, closing connection") \
X(LOGIN_ENDED, 421, "4.7.0", "Your login has ended, log in again") \
X(TOO_MANY_ERRORS, 421, "4.7.0", "Too many errors") \
X(USER_SESSIONS, 421, "4.7.0", "%s") \
X(USER_RECIPIENTS, 450, "4.7.1", "%s") \
X(TOO_MANY_SESSIONS, 421, "4.7.0", "Too many connections, try again later") \
X(NOT_NOW, 421, "4.3.0", "Local trouble, try again later") \
X(TRY_LATER, 451, "4.3.0", "Local trouble, try again later") \
X(DISK, 452, "4.3.1", "Insufficient storage, try again later") \
X(TOO_MANY_RCPT, 452, "4.5.3", "Too many recipients") \
X(TOO_MANY_MESSAGES, 452, "4.7.0", "Too many messages in this session") \
X(USER_MESSAGES, 452, "4.7.1", "%s") \
X(AUTH_LATER, 454, "4.7.0", "Temporary authentication failure") \
X(TLS_FAILED, 454, "4.7.0", "TLS not available") \
X(UNKNOWN_COMMAND, 500, "5.5.1", "Command not recognized") \
X(LINE_TOO_LONG, 500, "5.5.2", "Line too long") \
X(BAD_LINE_END, 500, "5.5.2", "Lines must end with CR LF; bare CR, LF and NUL are refused") \
X(SYNTAX, 501, "5.5.4", "Syntax error in parameters") \
X(BAD_AUTH_DATA, 501, "5.5.2", "Cannot decode the response") \
X(AUTH_ABORTED, 501, "5.7.0", "Authentication aborted") \
X(BAD_SENDER, 501, "5.1.7", "Bad sender address syntax") \
X(BAD_RCPT, 501, "5.1.3", "Bad recipient address syntax") \
X(NOT_IMPLEMENTED, 502, "5.5.1", "Command not implemented") \
X(SEQUENCE, 503, "5.5.1", "Bad sequence of commands") \
X(INJECTION, 503, "5.5.1", "Commands before the TLS handshake are refused") \
X(AUTH_DONE_ALREADY, 503, "5.5.1", "Already authenticated") \
X(AUTH_MECHANISM, 504, "5.5.4", "Authentication mechanism not supported") \
X(AUTH_REQUIRED, 530, "5.7.0", "Authentication required") \
X(STARTTLS_FIRST, 530, "5.7.0", "Must issue a STARTTLS command first") \
X(AUTH_BAD, 535, "5.7.8", "Authentication credentials invalid") \
X(AUTH_NEEDS_TLS, 538, "5.7.11", "Encryption required for this mechanism") \
X(NO_SUCH_USER, 550, "5.1.1", "<%s>: no such user here") \
X(NO_MAILBOX, 550, "5.1.1", "<%s>: this user has neither a mailbox nor an alias here") \
X(RELAY_DENIED, 550, "5.7.1", "<%s>: relaying is not permitted") \
X(REJECTED, 550, "5.7.1", "<%s>: refused by rule") \
X(BAD_MESSAGE_LINE_END, 550, "5.6.0", "Message has a bare CR, LF or NUL; lines must end with CR LF") \
X(MESSAGE_LINE_TOO_LONG, 550, "5.6.0", "Message has a line of more than 998 bytes") \
X(FROM_MISSING, 550, "5.6.0", "Message has no From field (RFC 6409 8.1, RFC 5322 3.6)") \
X(HEADER_TWICE, 550, "5.6.0", "Message has more than one %s field") \
X(HEADER_AUTHOR, 550, "5.6.0", "Message has a field that is no list of addresses: %s") \
X(HEADER_NO_ADDRESS, 550, "5.6.0", "Message has no single address in its %s field") \
X(HEADER_TOO_BIG, 552, "5.6.0", "Message header exceeds the size limit") \
X(HEADER_TOO_MANY, 552, "5.6.0", "Message header has too many fields") \
X(AUTHOR_NOT_YOURS, 553, "5.7.1", "<%s>: you may not send with this address in From, Sender or Resent fields") \
X(TOO_BIG, 552, "5.3.4", "Message exceeds the size limit") \
X(NEEDS_SMTPUTF8, 553, "5.6.7", "An address beyond ASCII needs SMTPUTF8") \
X(SENDER_NOT_YOURS, 553, "5.7.1", "<%s>: you may not send as this address") \
X(BAD_DOMAIN, 550, "5.1.2", "<%s>: this domain has no form that the DNS knows") \
X(ADDRESS_LITERAL, 550, "5.1.3", "<%s>: unqualified or unsupported address") \
X(LOOP, 554, "5.4.6", "Too many hops: mail loop") \
X(ALIAS_LOOP, 550, "5.4.6", "<%s>: aliases loop or expand to too many") \
X(NO_SERVICE, 554, "5.7.1", "No service for you") \
X(NO_VALID_RCPT, 554, "5.5.1", "No valid recipients") \
X(UNKNOWN_PARAMETER, 555, "5.5.4", "Parameter not recognized or not implemented")

#define REPLY_ENUM(id, code, enhanced, text) REPLY_##id,
enum reply_id { REPLY_TABLE(REPLY_ENUM) REPLY_MAX };
#undef REPLY_ENUM

struct reply {
	int		 code;
	const char	*enhanced;
	const char	*text;
};

/* Never NULL: an unknown id gives TRY_LATER. */
const struct reply	*reply_get(unsigned int id);
/* "250 2.0.0 Ok\r\n" into buf; the length, cut to fit.  arg may be NULL; CR, LF
 * and bytes outside printable ASCII in it become '?'. */
size_t	reply_format(char *buf, size_t size, unsigned int id, const char *arg);

#endif
