/*
 * Access tokens, without a signature that could be right: keys and parts of
 * anybody's making never give a user.  token.c is taken in whole, so that
 * what stands behind the signature is reached as well.
 */
#include "../../smtpsd/auth/token.c"

#include "fuzz.h"

/* The handler is not run here. */
int
link_send(struct link *l, uint32_t type, const void *data, size_t size)
{
	(void)l;
	(void)type;
	(void)data;
	(void)size;
	return 0;
}

void
link_flush(struct link *l)
{
	(void)l;
}

void
link_fault(struct link *l, const char *why)
{
	(void)l;
	(void)why;
}

static const struct token_want want = { "https://i", "a", CLAIM_SUB, "", 1000 };

static void
claims(const char *text, size_t size)
{
	int64_t until_s;
	const char *user = NULL;
	json_t *json;

	if ((json = json_object_read(text, size)) == NULL)
		return;
	if (check_claims(json, &want, &user, &until_s) == NULL)
		MUST(user != NULL && users_name_ok(user));
	json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
	    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    "-----END PUBLIC KEY-----\n";
	static struct jws_keys *keys;
	char user[LOGIN_SIZE];
	int64_t until_s;

	if (keys == NULL)
		keys = jws_keys_load(pem, sizeof(pem) - 1);
	MUST(keys != NULL);
	MUST(token_check(&want, keys, (const char *)data, size, user,
	    sizeof(user), &until_s) != NULL && user[0] == '\0');
	claims((const char *)data, size);
	if (size > 0 && data[0] == '{')
		jws_keys_free(jws_keys_load((const char *)data, size));
	return 0;
}
