/*
 * Addresses and header of a message that is sent from this host.  Local
 * parts alone get the name of the host, Bcc goes, From comes if there is
 * none, recipients are taken from To, Cc and Bcc; lists of addresses that only
 * their names spoil are repaired (sendlist.c).  Everything else passes as it
 * is: what the server will not have, it refuses with a reason of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "mail/address.h"
#include "mail/base64.h"
#include "mail/mailbox.h"

#include "sendhead.h"
#include "sendlist.h"

#define LINE_BYTES	998	/* RFC 5322 2.1.1 */
#define LONG_LINE	"a line of more than 998 bytes without space"
#define NAME_BYTES	120
#define WIDE_NAME_BYTES	45	/* RFC 2047 2: a word has at most 75 */
#define PHRASE_SIZE	400

enum { IS_AUTHOR = 1, IS_LIST = 2, IS_RCPT = 4, IS_RESENT = 8, IS_BCC = 16 };

static const struct {
	const char	*name;
	int		 kind;
} fields[] = {
	{ "From", IS_AUTHOR }, { "Sender", IS_AUTHOR },
	{ "Reply-To", IS_LIST }, { "To", IS_LIST | IS_RCPT },
	{ "Cc", IS_LIST | IS_RCPT }, { "Bcc", IS_RCPT | IS_BCC },
	{ "Resent-From", IS_AUTHOR }, { "Resent-Sender", IS_AUTHOR },
	{ "Resent-To", IS_LIST | IS_RCPT | IS_RESENT },
	{ "Resent-Cc", IS_LIST | IS_RCPT | IS_RESENT },
	{ "Resent-Bcc", IS_RCPT | IS_RESENT | IS_BCC },
};

/* Text that grows; once there is no memory it stays so. */
struct text {
	char	*p;
	size_t	 size;
	size_t	 room;
	int	 failed;
};

static void
append(struct text *t, const char *data, size_t size)
{
	size_t room = t->room == 0 ? 4096 : t->room;
	char *p;

	while (room < t->size + size + 1)
		room *= 2;
	if (!t->failed && room != t->room) {
		if ((p = realloc(t->p, room)) == NULL) {
			t->failed = 1;
			return;
		}
		t->p = p;
		t->room = room;
	}
	if (t->failed)
		return;
	memcpy(t->p + t->size, data, size);
	t->size += size;
	t->p[t->size] = '\0';
}

static void
append_string(struct text *t, const char *s)
{
	append(t, s, strlen(s));
}

/* One list of addresses being rewritten. */
struct rewrite {
	const char		*in;
	size_t			 used;
	const char		*host;
	struct text		 out;
	struct recipients	*rcpts;
	int			 is_header;
	int			 failed;
};

static void
on_bare(void *arg, size_t end)
{
	struct rewrite *r = arg;

	append(&r->out, r->in + r->used, end - r->used);
	append_string(&r->out, "@");
	append_string(&r->out, r->host);
	r->used = end;
}

/* All are complete in the second reading. */
static void
on_bare_again(void *arg, size_t end)
{
	struct rewrite *r = arg;

	(void)end;
	r->failed = 1;
}

static void
on_any(void *arg, const char *address)
{
	(void)arg;
	(void)address;
}

static int
recipients_put(struct recipients *r, const char *address)
{
	size_t room = r->room == 0 ? 64 : r->room * 2;
	char **list;

	if (r->n == r->room) {
		if ((list = reallocarray(r->list, room,
		    sizeof(*list))) == NULL)
			return -1;
		r->list = list;
		r->room = room;
	}
	if ((r->list[r->n] = strdup(address)) == NULL)
		return -1;
	r->n++;
	return 0;
}

static void
on_recipient(void *arg, const char *address)
{
	struct rewrite *r = arg;

	if (r->rcpts != NULL && recipients_put(r->rcpts, address) == -1)
		r->failed = 1;
}

static int
complete_list(struct rewrite *r, const char *in, size_t size,
    const char **why)
{
	r->in = in;
	r->used = r->out.size = 0;
	if (mailbox_parse_local(in, size, MAILBOX_UTF8, on_any, on_bare, r,
	    why) == -1)
		return -1;
	append(&r->out, in + r->used, size - r->used);
	return 0;
}

/*
 * r->out has the list with all addresses complete, and repaired, if it is one
 * of a header and cannot be read otherwise.  0; -1: *why.
 */
static int
rewrite_list(struct rewrite *r, const char *in, size_t size, const char **why)
{
	const char *again;
	char *better;
	int error;

	if (complete_list(r, in, size, why) == -1) {
		better = r->is_header ? list_repair(in, size, &size) : NULL;
		error = better == NULL ? -1 :
		    complete_list(r, better, size, &again);
		free(better);
		if (error == -1)
			return -1;
	}
	*why = "no memory";
	if (r->out.failed || mailbox_parse_local(r->out.p, r->out.size,
	    MAILBOX_UTF8, on_recipient, on_bare_again, r, why) == -1)
		return -1;
	*why = "no memory";
	return r->failed ? -1 : 0;
}

int
recipients_add(struct recipients *rcpts, const char *text, const char *host,
    char *err, size_t errsize)
{
	struct rewrite r = { .host = host, .rcpts = rcpts };
	const char *why;
	int error;

	error = rewrite_list(&r, text, strlen(text), &why);
	free(r.out.p);
	if (error == 0)
		return 0;
	snprintf(err, errsize, "%.200s: %s", text, why);
	return EX_DATAERR;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
recipients_sort(struct recipients *r)
{
	size_t i, kept = 0;

	if (r->n == 0)
		return;
	qsort(r->list, r->n, sizeof(r->list[0]), compare);
	for (i = 1; i < r->n; i++) {
		if (strcmp(r->list[i], r->list[kept]) == 0)
			free(r->list[i]);
		else
			r->list[++kept] = r->list[i];
	}
	r->n = kept + 1;
}

void
recipients_free(struct recipients *r)
{
	while (r->n > 0)
		free(r->list[--r->n]);
	free(r->list);
	memset(r, 0, sizeof(*r));
}

static int
is_wide(const char *p, size_t size)
{
	while (size-- > 0)
		if ((unsigned char)*p++ >= 0x80)
			return 1;
	return 0;
}

static int
is_utf8(const char *s)
{
	size_t n;

	for (; *s != '\0'; s += n)
		if ((n = (unsigned char)*s < 0x80 ? 1 :
		    address_utf8_size(s)) == 0)
			return 0;
	return 1;
}

/* A name as a phrase: quoted, or an encoded word (RFC 2047), or nothing. */
static void
make_phrase(const char *name, char *out, size_t outsize)
{
	size_t used = 0;
	int n;

	out[0] = '\0';
	if (name[0] == '\0' || strlen(name) > NAME_BYTES || !is_utf8(name))
		return;
	if (is_wide(name, strlen(name))) {
		if (strlen(name) > WIDE_NAME_BYTES)
			return;
		used = strlcpy(out, "=?UTF-8?B?", outsize);
		n = base64_encode(name, strlen(name), out + used,
		    outsize - used);
		if (n == -1)
			out[0] = '\0';
		else
			strlcat(out, "?= ", outsize);
		return;
	}
	out[used++] = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			out[used++] = '\\';
		out[used++] = *name;
	}
	memcpy(out + used, "\" ", 3);
}

/* A line of more than 998 bytes goes on behind its last space. */
static int
append_folded(struct text *t, const char *line, size_t size)
{
	size_t cut;

	while (size > LINE_BYTES) {
		for (cut = LINE_BYTES; cut > 0; cut--)
			if ((line[cut] == ' ' || line[cut] == '\t') &&
			    cut + 1 < size && line[cut + 1] != ' ' &&
			    line[cut + 1] != '\t')
				break;
		/* Not in the blanks at its start: that leaves none of it. */
		if (cut == 0 || strspn(line, " \t") >= cut)
			return -1;
		append(t, line, cut);
		append_string(t, "\r\n");
		line += cut;
		size -= cut;
	}
	append(t, line, size);
	append_string(t, "\r\n");
	return 0;
}

static int
append_lines(struct text *t, const char *p, size_t size)
{
	const char *end = p + size, *eol;

	while (p < end) {
		if ((eol = memmem(p, (size_t)(end - p), "\r\n", 2)) == NULL)
			eol = end;
		if (*p == '.')		/* as everything behind DATA */
			append(t, ".", 1);
		if (append_folded(t, p, (size_t)(eol - p)) == -1)
			return -1;
		p = eol == end ? end : eol + 2;
	}
	return 0;
}

/* Up to the line that does not begin with space; the CRLF included. */
static size_t
field_size(const char *p, size_t size)
{
	const char *end = p + size, *q = p;

	while ((q = memmem(q, (size_t)(end - q), "\r\n", 2)) != NULL) {
		q += 2;
		if (q == end || (*q != ' ' && *q != '\t'))
			return (size_t)(q - p);
	}
	return size;
}

static int
field_kind(const char *p, size_t size, const char **name)
{
	size_t i, n;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		n = strlen(fields[i].name);
		if (size <= n || strncasecmp(p, fields[i].name, n) != 0)
			continue;
		while (n < size && (p[n] == ' ' || p[n] == '\t'))
			n++;
		if (n < size && p[n] == ':') {
			*name = fields[i].name;
			return fields[i].kind;
		}
	}
	return 0;
}

struct work {
	struct head		*head;
	struct text		 out;
	struct recipients	 plain, resent;
	int			 has_from, has_resent;
	int			 status;
	char			*err;
	size_t			 errsize;
};

static void
fail(struct work *w, int status, const char *name, const char *why)
{
	if (w->status != 0)
		return;
	w->status = status;
	snprintf(w->err, w->errsize, "%s: %s", name, why);
}

/* Who writes must not need SMTPUTF8 for no more than a name. */
static void
encode_authors(struct rewrite *r)
{
	size_t size;
	char *text = list_encode(r->out.p, r->out.size, &size);

	if (text == NULL)
		return;
	r->out.size = 0;
	append(&r->out, text, size);
	free(text);
}

/* A field with addresses, its last CRLF not in size. */
static void
do_addresses(struct work *w, const char *p, size_t size, int kind,
    const char *name)
{
	const char *colon = memchr(p, ':', size), *why;
	size_t skip = (size_t)(colon + 1 - p);
	struct rewrite r = { .host = w->head->host, .is_header = 1 };
	struct text whole = { 0 };
	int error, is_rcpt = w->head->rcpts != NULL && (kind & IS_RCPT);

	if (is_rcpt)
		r.rcpts = kind & IS_RESENT ? &w->resent : &w->plain;
	error = rewrite_list(&r, p + skip, size - skip, &why);
	if (error == -1 && is_rcpt)
		fail(w, EX_DATAERR, name, why);
	if (error == 0 && (kind & IS_AUTHOR) && is_wide(r.out.p, r.out.size))
		encode_authors(&r);
	if (!(kind & IS_BCC)) {
		append(&whole, p, skip);
		append(&whole, error == -1 ? p + skip : r.out.p,
		    error == -1 ? size - skip : r.out.size);
		if (whole.failed)
			w->out.failed = 1;
		else if (append_lines(&w->out, whole.p, whole.size) == -1)
			fail(w, EX_DATAERR, name, LONG_LINE);
		if ((kind & IS_AUTHOR) && !whole.failed &&
		    is_wide(whole.p, whole.size))
			w->head->needs_utf8 = 1;
	}
	free(whole.p);
	free(r.out.p);
}

static void
do_field(struct work *w, const char *p, size_t size)
{
	const char *name = "header";
	int kind = field_kind(p, size, &name);

	if (kind & IS_RESENT)
		w->has_resent = 1;
	if (strcmp(name, "From") == 0)
		w->has_from = 1;
	if ((kind & IS_BCC) && w->head->rcpts == NULL)
		return;
	if (kind != 0)
		do_addresses(w, p, size, kind, name);
	else if (append_lines(&w->out, p, size) == -1)
		fail(w, EX_DATAERR, name, LONG_LINE);
}

static void
add_from(struct work *w)
{
	char phrase[PHRASE_SIZE];

	make_phrase(w->head->name, phrase, sizeof(phrase));
	append_string(&w->out, "From: ");
	append_string(&w->out, phrase);
	append_string(&w->out, "<");
	append_string(&w->out, w->head->from);
	append_string(&w->out, ">\r\n");
	if (is_wide(w->head->from, strlen(w->head->from)))
		w->head->needs_utf8 = 1;
}

/* Resent fields say who gets it now. */
static void
take_recipients(struct work *w)
{
	struct recipients *from = w->has_resent ? &w->resent : &w->plain;
	size_t i;

	for (i = 0; i < from->n && w->status == 0; i++)
		if (recipients_put(w->head->rcpts, from->list[i]) == -1)
			fail(w, EX_OSERR, "header", "no memory");
}

char *
head_make(struct head *head, const char *in, size_t insize, size_t *outsize,
    int *status, char *err, size_t errsize)
{
	struct work w = { .head = head, .err = err, .errsize = errsize };
	size_t n;

	head->needs_utf8 = 0;
	for (; insize > 0; in += n, insize -= n) {
		n = field_size(in, insize);
		do_field(&w, in, n - 2);
	}
	if (!w.has_from)
		add_from(&w);
	append_string(&w.out, "\r\n");
	if (head->rcpts != NULL)
		take_recipients(&w);
	if (w.out.failed)
		fail(&w, EX_OSERR, "header", "no memory");
	recipients_free(&w.plain);
	recipients_free(&w.resent);
	if ((*status = w.status) != 0) {
		free(w.out.p);
		return NULL;
	}
	*outsize = w.out.size;
	return w.out.p;
}
