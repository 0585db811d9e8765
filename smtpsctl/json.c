/*
 * JSON output (RFC 8259).  Strings that came from outside are escaped; bytes
 * that are not UTF-8 are printed as the replacement character, so that the
 * output always parses.
 */
#include <stdio.h>

#include "json.h"

static int objects, keys, arrays;

/* Length of the well-formed UTF-8 sequence at s, 0 if there is none. */
static int
utf8_length(const unsigned char *s)
{
	int i, n;

	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 :
	    (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void
quoted(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int n;

	putchar('"');
	while (*s != '\0') {
		if ((n = utf8_length(s)) == 0) {
			fputs("\\ufffd", stdout);
			s++;
		} else if (s[0] == 0xc2 && s[1] < 0xa0) {
			printf("\\u%04x", s[1]);	/* C1 steers terminals */
			s += n;
		} else if (n > 1) {
			printf("%.*s", n, (const char *)s);
			s += n;
		} else {
			if (*s == '"' || *s == '\\')
				printf("\\%c", *s);
			else if (*s < 0x20 || *s == 0x7f)
				printf("\\u%04x", *s);
			else
				putchar(*s);
			s++;
		}
	}
	putchar('"');
}

void
json_begin(void)
{
	objects = 0;
	arrays++;
	putchar('[');
}

void
json_object(void)
{
	fputs(objects++ == 0 ? "\n{" : ",\n{", stdout);
	keys = 0;
}

static void
key_put(const char *key)
{
	if (keys++ > 0)
		fputs(", ", stdout);
	quoted(key);
	fputs(": ", stdout);
}

void
json_string(const char *key, const char *value)
{
	key_put(key);
	quoted(value);
}

void
json_number(const char *key, uint64_t value)
{
	key_put(key);
	printf("%llu", (unsigned long long)value);
}

void
json_object_end(void)
{
	putchar('}');
}

void
json_end(void)
{
	fputs("\n]\n", stdout);
}

void
json_text(const char *key, const char *value)
{
	json_begin();
	json_object();
	json_string(key, value);
	json_object_end();
	json_end();
}

int
json_is_used(void)
{
	return arrays > 0;
}
