/*
 * DNS answers in wire form: no byte outside of the message, counts and sizes
 * within what the structs hold, hosts that are host names, in order.
 */
#include <string.h>

#include "dns.h"
#include "fuzz.h"
#include "mail/address.h"

static void
check_mx(const uint8_t *data, size_t size)
{
	struct dns_mx mx;
	uint32_t i;

	if (dns_mx(data, size, &mx) == -1)
		return;
	MUST(mx.count <= MX_MAX);
	MUST(!(mx.is_null && mx.count > 0));
	for (i = 0; i < mx.count; i++) {
		MUST(address_is_dns_name(mx.mx[i].host));
		MUST(strlen(mx.mx[i].host) < sizeof(mx.mx[i].host));
		MUST(i == 0 || mx.mx[i - 1].preference <=
		    mx.mx[i].preference);
	}
}

static void
check_records(const uint8_t *data, size_t size, uint16_t type)
{
	static struct dns_records r;
	uint32_t i;
	size_t at = 0;

	if (dns_records(data, size, type, &r) == -1)
		return;
	MUST(r.count <= RECORDS_MAX && r.size <= sizeof(r.data));
	for (i = 0; i < r.count; i++) {
		MUST(r.size - at >= 2);
		at += 2 + ((size_t)r.data[at] << 8 | r.data[at + 1]);
		MUST(at <= r.size);
	}
	MUST(at == r.size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_addresses a;

	if (dns_addresses(data, size, DNS_A, &a) == 0)
		MUST(a.count <= 16);
	if (dns_addresses(data, size, DNS_AAAA, &a) == 0)
		MUST(a.count <= 16);
	check_mx(data, size);
	check_records(data, size, RECORD_TXT);
	check_records(data, size, RECORD_TLSA);
	return 0;
}
