/*
 * DNS answers, good and malformed, and the hosts table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tap.h"

#include "dns.h"
#include "hosts.h"

#define HEADER(an) "\0\0\201\200\0\1\0" an "\0\0\0\0"
#define QUESTION "\1a\0\0\1\0\1"
#define A_RR "\300\14\0\1\0\1\0\0\0\74\0\4\12\0\0\1"
#define CNAME_RR "\300\14\0\5\0\1\0\0\0\74\0\3\1b\0"

static const struct {
	const char	*name;
	const char	*data;
	size_t		 size;
	int		 want;
	uint32_t	 count;
} answers[] = {
	{ "one address", HEADER("\1") QUESTION A_RR, 12 + 7 + 16, 0, 1 },
	{ "alias and address", HEADER("\2") QUESTION CNAME_RR A_RR,
	    12 + 7 + 15 + 16, 0, 1 },
	{ "none", HEADER("\0") QUESTION, 12 + 7, 0, 0 },
	{ "empty", "", 0, -1, 0 },
	{ "short header", HEADER("\0"), 11, -1, 0 },
	{ "no question", HEADER("\0"), 12, -1, 0 },
	{ "answer missing", HEADER("\1") QUESTION, 12 + 7, -1, 0 },
	{ "cut address", HEADER("\1") QUESTION A_RR, 12 + 7 + 15, -1, 0 },
	{ "long label", HEADER("\0") "\100" QUESTION, 12 + 8, -1, 0 },
	{ "label beyond the end", HEADER("\0") "\77a", 12 + 2, -1, 0 },
	{ "half a pointer", HEADER("\0") "\300", 12 + 1, -1, 0 },
	{ "AAAA of 4 bytes", HEADER("\1") QUESTION
	    "\300\14\0\34\0\1\0\0\0\74\0\4\12\0\0\1", 12 + 7 + 16, 0, 0 },
};

static void
check_answer(size_t i)
{
	uint8_t *copy = malloc(answers[i].size + 1);
	struct dns_addresses got;
	int error;

	if (copy == NULL)
		abort();
	/* Its own memory, so that a checker sees a read beyond the end. */
	memcpy(copy, answers[i].data, answers[i].size);
	error = dns_addresses(copy, answers[i].size, DNS_A, &got);
	tap_ok(error == answers[i].want && (error != 0 ||
	    got.count == answers[i].count), "answer: %s", answers[i].name);
	free(copy);
}

#define MX_RR(pref, size, host) \
	"\300\14\0\17\0\1\0\0\0\74\0" size "\0" pref host

static const struct {
	const char	*name;
	const char	*data;
	size_t		 size;
	const char	*want;	/* "preference host, ...", "null", "unusable",
				 * "bad" */
} exchangers[] = {
	{ "two, sorted", HEADER("\2") QUESTION MX_RR("\24", "\5", "\1c\0")
	    MX_RR("\12", "\5", "\1B\0"), 12 + 7 + 17 * 2, "10 b, 20 c, " },
	{ "compressed", HEADER("\1") QUESTION MX_RR("\1", "\6",
	    "\1x\300\14"), 12 + 7 + 18, "1 x.a, " },
	{ "pointer to itself", HEADER("\1") QUESTION MX_RR("\1", "\4",
	    "\300\41"), 12 + 7 + 16, "unusable" },
	{ "null", HEADER("\1") QUESTION MX_RR("\0", "\3", "\0"),
	    12 + 7 + 15, "null" },
	{ "null beside another", HEADER("\2") QUESTION MX_RR("\0", "\3",
	    "\0") MX_RR("\1", "\5", "\1b\0"), 12 + 7 + 15 + 17, "1 b, " },
	{ "underscore", HEADER("\1") QUESTION MX_RR("\1", "\5",
	    "\1_\0"), 12 + 7 + 17, "1 _, " },
	{ "not a host name", HEADER("\1") QUESTION MX_RR("\1", "\5",
	    "\1$\0"), 12 + 7 + 17, "unusable" },
	{ "beside one that is", HEADER("\2") QUESTION MX_RR("\1", "\5",
	    "\1$\0") MX_RR("\2", "\5", "\1b\0"), 12 + 7 + 17 * 2, "2 b, " },
	{ "beside null", HEADER("\2") QUESTION MX_RR("\1", "\5",
	    "\1$\0") MX_RR("\0", "\3", "\0"), 12 + 7 + 17 + 15, "unusable" },
	{ "none", HEADER("\0") QUESTION, 12 + 7, "" },
	{ "control in a label", HEADER("\1") QUESTION MX_RR("\1", "\5",
	    "\1\n\0"), 12 + 7 + 17, "unusable" },
	{ "dot in a label", HEADER("\1") QUESTION MX_RR("\1", "\5",
	    "\1.\0"), 12 + 7 + 17, "unusable" },
	{ "too short", HEADER("\1") QUESTION MX_RR("\1", "\2", ""),
	    12 + 7 + 14, "unusable" },
	{ "cut", HEADER("\1") QUESTION MX_RR("\1", "\5", "\1b"),
	    12 + 7 + 16, "bad" },
};

static void
check_exchangers(size_t i)
{
	static struct dns_mx got;
	uint8_t *copy = malloc(exchangers[i].size);
	char text[512] = "", one[300];
	uint32_t n;

	if (copy == NULL)
		abort();
	memcpy(copy, exchangers[i].data, exchangers[i].size);
	if (dns_mx(copy, exchangers[i].size, &got) == -1)
		strlcpy(text, "bad", sizeof(text));
	else if (got.is_null)
		strlcpy(text, "null", sizeof(text));
	else if (got.count == 0 && got.has_unusable)
		strlcpy(text, "unusable", sizeof(text));
	else
		for (n = 0; n < got.count; n++) {
			snprintf(one, sizeof(one), "%u %s, ",
			    got.mx[n].preference, got.mx[n].host);
			strlcat(text, one, sizeof(text));
		}
	tap_is_str(text, exchangers[i].want, exchangers[i].name);
	free(copy);
}

/* 200 exchangers: the most preferred 16 are kept. */
static void
check_many(void)
{
	static const char rr[] = MX_RR("\0", "\5", "\1b\0");
	static struct dns_mx got;
	static uint8_t packet[12 + 7 + 200 * 17];
	size_t i, at = 12 + 7;

	memcpy(packet, HEADER("\310") QUESTION, at);
	for (i = 0; i < 200; i++, at += 17) {
		memcpy(packet + at, rr, 17);
		packet[at + 13] = (uint8_t)(200 - i);
	}
	tap_ok(dns_mx(packet, sizeof(packet), &got) == 0 &&
	    got.count == MX_MAX && got.mx[0].preference == 1 &&
	    got.mx[15].preference == 16, "of 200 exchangers the best 16");
}

#define TXT_RR(size, data) "\300\14\0\20\0\1\0\0\0\74\0" size data

static void
check_records(void)
{
	static struct dns_records got;
	static const char two[] = HEADER("\2") QUESTION
	    TXT_RR("\4", "\1a\1b") TXT_RR("\2", "\1c");
	static const char beyond[] = HEADER("\1") QUESTION
	    TXT_RR("\2", "\2a");

	tap_ok(dns_records((const uint8_t *)two, sizeof(two) - 1, RECORD_TXT,
	    &got) == 0 && got.count == 2 && got.size == 7 &&
	    memcmp(got.data, "\0\2ab\0\1c", 7) == 0, "TXT strings joined");
	tap_ok(dns_records((const uint8_t *)beyond, sizeof(beyond) - 1,
	    RECORD_TXT, &got) == 0 && got.count == 0,
	    "a string beyond its record is left out");
}

static const struct {
	const char	*name;
	uint32_t	 count;
} hosts[] = {
	{ "localhost", 2 }, { "mail", 1 }, { "MAIL.example.org", 1 },
	{ "commented", 0 }, { "bad", 0 }, { "", 0 }, { "last", 1 },
};

int
main(void)
{
	struct host_address address[RESOLVE_MAX];
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		check_answer(i);
	for (i = 0; i < sizeof(exchangers) / sizeof(exchangers[0]); i++)
		check_exchangers(i);
	check_many();
	check_records();
	tap_ok(hosts_find("localhost", address, RESOLVE_MAX) == 0, "no table");
	hosts_set(strdup("# hosts\n127.0.0.1\tlocalhost\n::1 localhost x\n"
	    " 10.0.0.1  mail.example.org mail # commented\n"
	    "10.0.0.300 bad\n\n10.0.0.2 last"));
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		tap_ok(hosts_find(hosts[i].name, address, RESOLVE_MAX) ==
		    hosts[i].count, "hosts: \"%s\"", hosts[i].name);
	tap_ok(hosts_find("localhost", address, 1) == 1, "hosts: bounded");
	hosts_set(NULL);
	return tap_done();
}
