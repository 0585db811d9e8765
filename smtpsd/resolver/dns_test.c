/*
 * DNS answers, good and malformed, and the hosts table.
 */
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
