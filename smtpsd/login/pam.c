/*
 * The system's passwords by PAM, service "smtpsd".
 *
 * Runs in the short-lived process of one check.  One prompt without echo is
 * answered with the password; a module that asks for anything else fails.
 * PAM's delay after a failure is switched off: smtpsd has its own, which
 * does not keep a process waiting.
 */
#include <security/pam_appl.h>

#include <stdlib.h>
#include <string.h>

#include "system.h"

struct conversation {
	const char	*password;
	int		 is_used;
};

static void
free_responses(struct pam_response *list, int n)
{
	int	 i;

	for (i = 0; i < n; i++) {
		if (list[i].resp == NULL)
			continue;
		explicit_bzero(list[i].resp, strlen(list[i].resp));
		free(list[i].resp);
	}
	free(list);
}

/* -1: a question that nobody here can answer. */
static int
respond(struct conversation *c, const struct pam_message *m,
    struct pam_response *r)
{
	switch (m->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		if (c->is_used)
			return -1;
		c->is_used = 1;
		return (r->resp = strdup(c->password)) == NULL ? -1 : 0;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO:
		return 0;
	default:
		return -1;
	}
}

static int
converse(int n, const struct pam_message **messages,
    struct pam_response **responses, void *arg)
{
	struct pam_response	*list;
	int			 i;

	if (n <= 0 || n > PAM_MAX_NUM_MSG ||
	    (list = calloc((size_t)n, sizeof(*list))) == NULL)
		return PAM_CONV_ERR;
	for (i = 0; i < n; i++) {
		if (respond(arg, messages[i], &list[i]) == -1) {
			free_responses(list, n);
			return PAM_CONV_ERR;
		}
	}
	*responses = list;
	return PAM_SUCCESS;
}

#ifdef PAM_FAIL_DELAY
static void
no_delay(int status, unsigned int usec, void *arg)
{
	(void)status;
	(void)usec;
	(void)arg;
}
#endif

/* What is wrong with the system must not look like a wrong password. */
static void
translate(int status, struct system_answer *answer)
{
	switch (status) {
	case PAM_AUTH_ERR:
	case PAM_MAXTRIES:
	case PAM_CRED_INSUFFICIENT:
		system_answer(answer, BACKEND_BAD, "password");
		break;
	case PAM_USER_UNKNOWN:
		system_answer(answer, BACKEND_BAD, "unknown-user");
		break;
	case PAM_ACCT_EXPIRED:
		system_answer(answer, BACKEND_BAD, "account-expired");
		break;
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_CRED_EXPIRED:
		system_answer(answer, BACKEND_BAD, "password-expired");
		break;
	case PAM_PERM_DENIED:
		system_answer(answer, BACKEND_BAD, "not-permitted");
		break;
	case PAM_CONV_ERR:
		system_answer(answer, BACKEND_LATER, "asks-for-more");
		break;
	default:
		system_answer(answer, BACKEND_LATER, "system-trouble");
		break;
	}
}

static int
set_items(pam_handle_t *pam, const struct parent_backend_check *check)
{
	int	 status;
#ifdef PAM_FAIL_DELAY
	union {
		void	(*function)(int, unsigned int, void *);
		void	*item;
	} delay = { no_delay };

	if ((status = pam_set_item(pam, PAM_FAIL_DELAY, delay.item)) !=
	    PAM_SUCCESS)
		return status;
#endif
	if ((status = pam_set_item(pam, PAM_RHOST, check->address)) !=
	    PAM_SUCCESS)
		return status;
	return pam_set_item(pam, PAM_TTY, "smtpsd");
}

/* A module may have put another name in place of the one that was given. */
static void
take_user(pam_handle_t *pam, struct system_answer *answer)
{
	const void	*user = NULL;

	if (pam_get_item(pam, PAM_USER, &user) != PAM_SUCCESS || user == NULL ||
	    strlcpy(answer->user, user, sizeof(answer->user)) >=
	    sizeof(answer->user)) {
		system_answer(answer, BACKEND_LATER, "no-name");
		return;
	}
	if (system_user_ok(answer->user, answer))
		system_answer(answer, BACKEND_OK, "");
}

void
system_check(struct parent_backend_check *check, struct system_answer *answer)
{
	struct conversation	 c = { check->password, 0 };
	struct pam_conv		 conv = { converse, &c };
	pam_handle_t		*pam = NULL;
	int			 status;

	memset(answer, 0, sizeof(*answer));
	if (!system_user_ok(check->user, answer))
		goto out;
	if ((status = pam_start("smtpsd", check->user, &conv, &pam)) ==
	    PAM_SUCCESS && (status = set_items(pam, check)) == PAM_SUCCESS &&
	    (status = pam_authenticate(pam, PAM_SILENT |
	    PAM_DISALLOW_NULL_AUTHTOK)) == PAM_SUCCESS)
		status = pam_acct_mgmt(pam, PAM_SILENT |
		    PAM_DISALLOW_NULL_AUTHTOK);
	if (status == PAM_SUCCESS)
		take_user(pam, answer);
	else
		translate(status, answer);
	if (pam != NULL)
		(void)pam_end(pam, status);
 out:
	explicit_bzero(check, sizeof(*check));
}
