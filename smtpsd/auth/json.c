/*
 * The one way JSON comes in.  libjansson parses it; before that the depth is
 * counted, because its parser calls itself for each level.  Called with parts
 * of tokens, which anybody may have written, and with sets of keys.
 */
#include "json.h"

/* 1: no more than JSON_DEPTH_MAX levels, whatever else it is. */
static int
is_flat(const char *text, size_t size)
{
	size_t i, depth = 0;
	int in_string = 0;

	for (i = 0; i < size; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = 0;
		} else if (text[i] == '"')
			in_string = 1;
		else if (text[i] == '{' || text[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return 0;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0)
			depth--;
	}
	return 1;
}

json_t *
json_object_read(const char *text, size_t size)
{
	json_t *root;

	if (!is_flat(text, size))
		return NULL;
	/* Two members of one name: others may have read the other one. */
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (root != NULL && !json_is_object(root)) {
		json_decref(root);
		return NULL;
	}
	return root;
}
