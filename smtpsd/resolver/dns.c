/*
 * A reader of DNS answers in wire form, as libunbound's event interface
 * hands them over.  The bytes come from a library that checked them, but
 * they began in somebody else's name server: every step is bounded.
 */
#include <ctype.h>
#include <string.h>

#include "mail/address.h"
#include "dns.h"

#define HEADER_SIZE	12
#define CLASS_IN	1
#define JUMPS_MAX	32	/* compression pointers of one name */

struct record {
	const uint8_t	*message;	/* whole, for compressed names */
	size_t		 message_size;
	const uint8_t	*data;
	size_t		 size;
	size_t		 offset;	/* of data in the message */
	uint32_t	 ttl_s;
};

static unsigned int
get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* Offset behind a name at offset, 0 if it is malformed. */
static size_t
name_skip(const uint8_t *data, size_t size, size_t offset)
{
	while (offset < size) {
		if (data[offset] == 0)
			return offset + 1;
		if ((data[offset] & 0xc0) == 0xc0)
			return offset + 2 <= size ? offset + 2 : 0;
		if (data[offset] > 63)
			return 0;
		offset += 1 + (size_t)data[offset];
	}
	return 0;
}

/* As text, in lower case, without the last dot; "" is the root.  -1: no. */
static int
name_read(const struct record *r, size_t offset, char *out, size_t outsize)
{
	const uint8_t	*d = r->message;
	size_t		 n = 0, i, length;
	unsigned int	 jumps = 0;

	for (;;) {
		if (offset >= r->message_size)
			return -1;
		length = d[offset++];
		if (length == 0)
			break;
		if ((length & 0xc0) == 0xc0) {
			if (offset >= r->message_size || ++jumps > JUMPS_MAX)
				return -1;
			offset = (length & 0x3f) << 8 | d[offset];
			continue;
		}
		if (length > 63 || r->message_size - offset < length ||
		    n + length + 2 > outsize)
			return -1;
		if (n > 0)
			out[n++] = '.';
		for (i = 0; i < length; i++) {
			if (d[offset + i] <= ' ' || d[offset + i] > '~' ||
			    d[offset + i] == '.')
				return -1;
			out[n++] = (char)tolower(d[offset + i]);
		}
		offset += length;
	}
	out[n] = '\0';
	return 0;
}

/* Calls each() for every record of the type.  -1: malformed. */
static int
answer_each(const uint8_t *data, size_t size, uint16_t type,
    void (*each)(void *, const struct record *), void *arg)
{
	struct record	 r = { .message = data, .message_size = size };
	unsigned int	 i, questions, answers;
	size_t		 offset = HEADER_SIZE;

	if (size < HEADER_SIZE)
		return -1;
	questions = get16(data + 4);
	answers = get16(data + 6);
	for (i = 0; i < questions; i++) {
		offset = name_skip(data, size, offset);
		if (offset == 0 || size - offset < 4)
			return -1;
		offset += 4;
	}
	for (i = 0; i < answers; i++) {
		offset = name_skip(data, size, offset);
		if (offset == 0 || size - offset < 10)
			return -1;
		r.ttl_s = (uint32_t)get16(data + offset + 4) << 16 |
		    get16(data + offset + 6);
		r.size = get16(data + offset + 8);
		r.offset = offset + 10;
		r.data = data + r.offset;
		if (size - r.offset < r.size)
			return -1;
		if (get16(data + offset) == type &&
		    get16(data + offset + 2) == CLASS_IN)
			each(arg, &r);
		offset += 10 + r.size;
	}
	return 0;
}

/* ttl_s: the least so far, or UINT32_MAX. */
static void
ttl_least(uint32_t *ttl_s, const struct record *r)
{
	if (r->ttl_s < *ttl_s)
		*ttl_s = r->ttl_s;
}

struct addresses_want {
	struct dns_addresses	*out;
	size_t			 size;
};

static void
on_address(void *arg, const struct record *r)
{
	struct addresses_want	*want = arg;
	struct dns_addresses	*out = want->out;

	if (r->size != want->size)
		return;
	ttl_least(&out->ttl_s, r);
	if (out->count < sizeof(out->bytes) / sizeof(out->bytes[0]))
		memcpy(out->bytes[out->count++], r->data, r->size);
}

int
dns_addresses(const uint8_t *data, size_t size, uint16_t type,
    struct dns_addresses *out)
{
	struct addresses_want	want = { out, type == DNS_A ? 4 : 16 };

	memset(out, 0, sizeof(*out));
	out->ttl_s = UINT32_MAX;
	return answer_each(data, size, type, on_address, &want);
}

static void
on_mx(void *arg, const struct record *r)
{
	struct dns_mx		*out = arg;
	struct mail_exchanger	 mx;
	uint32_t		 i;

	memset(&mx, 0, sizeof(mx));
	if (r->size < 3 ||
	    name_read(r, r->offset + 2, mx.host, sizeof(mx.host)) == -1) {
		out->has_unusable = 1;
		return;
	}
	mx.preference = get16(r->data);
	ttl_least(&out->ttl_s, r);
	if (mx.host[0] == '\0') {
		out->is_null = 1;
		return;
	}
	if (!address_is_dns_name(mx.host)) {
		out->has_unusable = 1;
		return;
	}
	for (i = out->count; i > 0 &&
	    out->mx[i - 1].preference > mx.preference; i--)
		;
	if (i == MX_MAX)
		return;
	if (out->count < MX_MAX)
		out->count++;
	memmove(&out->mx[i + 1], &out->mx[i],
	    (out->count - 1 - i) * sizeof(out->mx[0]));
	out->mx[i] = mx;
}

int
dns_mx(const uint8_t *data, size_t size, struct dns_mx *out)
{
	int	error;

	memset(out, 0, sizeof(*out));
	out->ttl_s = UINT32_MAX;
	error = answer_each(data, size, DNS_MX, on_mx, out);
	if (out->count > 0 || out->has_unusable)
		out->is_null = 0;	/* RFC 7505 3: it must be the only one */
	return error;
}

struct records_want {
	struct dns_records	*out;
	uint16_t		 type;
};

/* The strings of a TXT record, joined; the size or -1. */
static int
txt_join(const struct record *r, uint8_t *out, size_t room)
{
	size_t	at = 0, n = 0, length;

	while (at < r->size) {
		length = r->data[at++];
		if (r->size - at < length || room - n < length)
			return -1;
		memcpy(out + n, r->data + at, length);
		n += length;
		at += length;
	}
	return (int)n;
}

static void
on_record(void *arg, const struct record *r)
{
	struct records_want	*want = arg;
	struct dns_records	*out = want->out;
	uint8_t			*at = out->data + out->size;
	size_t			 room = sizeof(out->data) - out->size;
	int			 n;

	if (out->count == RECORDS_MAX || room < 2)
		return;
	room -= 2;
	if (want->type == RECORD_TXT) {
		if ((n = txt_join(r, at + 2, room)) == -1)
			return;
	} else {
		if (r->size > room)
			return;
		memcpy(at + 2, r->data, r->size);
		n = (int)r->size;
	}
	at[0] = (uint8_t)(n >> 8);
	at[1] = (uint8_t)n;
	out->size += 2 + (size_t)n;
	out->count++;
	ttl_least(&out->ttl_s, r);
}

int
dns_records(const uint8_t *data, size_t size, uint16_t type,
    struct dns_records *out)
{
	struct records_want	want = { out, type };

	memset(out, 0, sizeof(*out));
	out->ttl_s = UINT32_MAX;
	return answer_each(data, size, type, on_record, &want);
}
