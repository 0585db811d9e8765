/*
 * The right-hand side of an alias: every byte is looked at once, what comes
 * out fits and is what its kind says; an address or name read again is itself.
 */
#include <string.h>

#include "fuzz.h"
#include "mail/address.h"
#include "mail/aliastext.h"

static void
check(const struct alias_target *t)
{
	struct alias_target again;
	const char *p = t->text;

	MUST(strlen(t->text) < sizeof(t->text));
	switch (t->kind) {
	case ALIAS_FILE:
	case ALIAS_INCLUDE:
		MUST(t->text[0] == '/');
		break;
	case ALIAS_COMMAND:
		MUST(t->text[0] != '\0');
		break;
	case ALIAS_DOMAIN:
		MUST(t->text[0] == '@');
		break;
	case ALIAS_ADDRESS:
		MUST(address_domain(t->text) != NULL);
		/* FALLTHROUGH */
	case ALIAS_NAME:
		if (strchr("#\"|/:\\", t->text[0]) != NULL)
			break;		/* it stood in quotes and would again */
		MUST(aliastext_next(&p, &again) == 1 && *p == '\0');
		MUST(again.kind == t->kind && !again.is_final);
		MUST(strcmp(again.text, t->text) == 0);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct alias_target t;
	char *text;
	const char *p, *before;

	if ((text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (p = before = text; aliastext_next(&p, &t) == 1; before = p) {
		MUST(p > before && p <= text + size);
		check(&t);
	}
	MUST(p <= text + size);
	free(text);
	return 0;
}
