/*
 * Address fields: no crash; what is found is in normal form and stays what
 * it is when it is parsed again, alone and in angles; the count is right;
 * controls outside of folds are always refused.
 */
#include <string.h>

#include "fuzz.h"
#include "mail/address.h"
#include "mail/mailbox.h"

struct seen {
	int	 flags;
	int	 n;
	int	 is_again;
	char	 first[328];
};

static void
got(void *arg, const char *address)
{
	struct seen *s = arg, again;
	char text[400], normal[328];
	const char *why;

	s->n++;
	if (s->is_again) {
		strcpy(s->first, address);
		return;
	}
	MUST(address_parse(address, s->flags & MAILBOX_UTF8 ? ADDRESS_UTF8 : 0,
	    normal, sizeof(normal)) == 0);
	MUST(strcmp(normal, address) == 0);
	memset(&again, 0, sizeof(again));
	again.is_again = 1;
	snprintf(text, sizeof(text), " x <%s>", address);
	MUST(mailbox_parse(text, strlen(text), s->flags, got, &again,
	    &why) == 1);
	MUST(strcmp(again.first, address) == 0);
	MUST(mailbox_parse(address, strlen(address), s->flags, got, &again,
	    &why) == 1);
	MUST(strcmp(again.first, address) == 0);
}

static int
has_control(const char *s, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((s[i] >= 0 && s[i] < ' ' && strchr("\t\r\n", s[i]) == NULL)
		    || s[i] == '\0' || s[i] == 0x7f)
			return 1;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s;
	const char *why = NULL;
	char *text;
	int n;

	if (size < 2 || (text = malloc(size - 1)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	memset(&s, 0, sizeof(s));
	s.flags = data[0] & MAILBOX_UTF8;
	n = mailbox_parse(text, size - 1, s.flags, got, &s, &why);
	MUST(s.n <= MAILBOX_MAX);
	if (n == -1)
		MUST(why != NULL);
	else {
		MUST(n == s.n);
		MUST(!has_control(text, size - 1));
	}
	free(text);
	return 0;
}
