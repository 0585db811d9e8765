/* What others say does not steer the terminal of who asks. */
#include "connect.c"

#include "base/tap.h"
#include "json.h"

static char	got[256];

static void
keep(const char *text)
{
	strlcpy(got, text, sizeof(got));
}

/* What smtpsctl makes of the text of an answer. */
static const char *
answer(const char *text)
{
	static const struct ctl_handlers with = { .text = keep };
	struct ctl_done	 done;
	struct link_in	 in;

	memset(&done, 0, sizeof(done));
	memset(&in, 0, sizeof(in));
	strlcpy(done.text, text, sizeof(done.text));
	in.data = &done;
	in.size = sizeof(done);
	handlers = &with;
	got[0] = '\0';
	on_control_done(NULL, &in);
	return got;
}

/* A string as JSON. */
static const char *
as_json(const char *text)
{
	FILE	*file = tmpfile();
	int	 saved = dup(STDOUT_FILENO);
	ssize_t	 n;

	fflush(stdout);
	if (file == NULL || saved == -1 ||
	    dup2(fileno(file), STDOUT_FILENO) == -1)
		return "no file";
	json_string("k", text);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = pread(fileno(file), got, sizeof(got) - 1, 0);
	got[n < 0 ? 0 : n] = '\0';
	fclose(file);
	return got;
}

int
main(void)
{
	static const struct {
		const char	*text, *shown;
	} texts[] = {
		{ "2 envelopes", "2 envelopes" },
		{ "line 3:\n\tm\xc3\xbcller", "line 3:\n\tm\xc3\xbcller" },
		{ "a\033[2Jb\rc\177", "a?[2Jb?c?" },
		{ "a\xc2\x9b" "2Jb", "a??2Jb" },
		{ "a\x9b" "2Jb\xc3", "a?2Jb?" },
	}, strings[] = {
		{ "m\xc3\xbcller \\ \"", "m\xc3\xbcller \\\\ \\\"\"" },
		{ "a\033[2J\177", "a\\u001b[2J\\u007f\"" },
		{ "a\xc2\x9b" "2J", "a\\u009b2J\"" },
		{ "a\x9b" "2J\xc2", "a\\ufffd2J\\ufffd\"" },
	};
	size_t	i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		tap_ok(strcmp(answer(texts[i].text), texts[i].shown) == 0,
		    "text %zu", i);
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		tap_ok(strstr(as_json(strings[i].text), strings[i].shown) !=
		    NULL, "JSON %zu", i);
	return tap_done();
}
