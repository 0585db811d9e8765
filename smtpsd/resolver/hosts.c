/*
 * hosts(5): "address name alias ...", '#' starts a comment.  The table is
 * short and asked seldom (the relay keeps its destinations), so it is
 * searched line by line.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hosts.h"

#define LINE_SIZE	1024

static char *hosts_text;

void
hosts_set(char *text)
{
	free(hosts_text);
	hosts_text = text;
}

int
hosts_parse_address(const char *s, struct host_address *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, s, out->bytes) == 1) {
		out->family = 4;
		return 0;
	}
	if (inet_pton(AF_INET6, s, out->bytes) == 1) {
		out->family = 6;
		return 0;
	}
	return -1;
}

/* 1: the line names the host; its address is in out. */
static int
line_matches(char *line, const char *name, struct host_address *out)
{
	char *address, *word;

	line[strcspn(line, "#")] = '\0';
	do {
		address = strsep(&line, " \t\r");
	} while (address != NULL && *address == '\0');
	if (address == NULL)
		return 0;
	while ((word = strsep(&line, " \t\r")) != NULL)
		if (*word != '\0' && strcasecmp(word, name) == 0)
			return hosts_parse_address(address, out) == 0;
	return 0;
}

uint32_t
hosts_find(const char *name, struct host_address *out, uint32_t max)
{
	char line[LINE_SIZE];
	const char *p = hosts_text;
	uint32_t count = 0;
	size_t length;

	while (p != NULL && *p != '\0' && count < max) {
		length = strcspn(p, "\n");
		if (length < sizeof(line)) {
			memcpy(line, p, length);
			line[length] = '\0';
			if (line_matches(line, name, &out[count]))
				count++;
		}
		p += length;
		if (*p == '\n')
			p++;
	}
	return count;
}
