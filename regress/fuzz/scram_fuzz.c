/*
 * SCRAM: whatever a client says first and last, names and nonces fit and hold
 * nothing that is not to be in a login, and nobody proves a password that he
 * does not have.
 */
#include <string.h>

#include "fuzz.h"
#include "scram.h"

#define NONCE	"fyko+d2lbbFgONRv9qkxdawL"

static void
check_first(const struct scram *s)
{
	MUST(memchr(s->name, '\0', sizeof(s->name)) != NULL);
	MUST(memchr(s->authzid, '\0', sizeof(s->authzid)) != NULL);
	MUST(memchr(s->first, '\0', sizeof(s->first)) != NULL);
	MUST(memchr(s->gs2, '\0', sizeof(s->gs2)) != NULL);
	MUST(s->name[0] != '\0');
	MUST(s->flag == 'n' || s->flag == 'y' || s->flag == 'p');
}

/* The first line is the first message, the rest is the last one. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scram	 s;
	const char		*text = (const char *)data, *last;
	char			 out[2048];
	size_t			 first;
	int			 n;

	memset(&s, 0, sizeof(s));
	s.verifier.iterations = 4096;
	s.verifier.salt_size = 16;
	memset(s.verifier.stored_key, 'k', sizeof(s.verifier.stored_key));
	last = size == 0 ? NULL : memchr(text, '\n', size);
	first = last == NULL ? size : (size_t)(last - text);
	if (scram_first(&s, text, first) != NULL)
		return 0;
	check_first(&s);
	n = scram_challenge(&s, NONCE, out, sizeof(out));
	MUST(n <= (int)sizeof(out));
	if (n == -1 || last == NULL)
		return 0;
	last++;
	MUST(scram_final(&s, last, size - first - 1, NULL, 0, out,
	    sizeof(out)) != NULL);
	return 0;
}
