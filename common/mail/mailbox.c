/*
 * The parser of address fields (mailbox.h), for net, which checks whom a
 * message claims to be from.  One pass from left to right over bytes that a
 * stranger wrote: p never moves back, comments are counted and not recursed
 * into, and what is found goes through address.c, so that a header's and an
 * envelope's spelling of one address compare equal.  No state.
 */
#include "mail/mailbox.h"

#include <string.h>

#include "mail/address.h"

/* local part (quoted, each byte escaped), '@', domain, and NUL */
#define SPEC_SIZE	400
#define ADDRESS_SIZE	328

struct parser {
	const char	 *p;
	const char	 *end;
	const char	 *why;
	void		(*got)(void *, const char *);
	void		(*bare)(void *, size_t);	/* NULL: strict */
	void		 *arg;
	const char	 *start;
	int		  flags;
	int		  count;
};

struct span {
	const char	*p;
	size_t		 size;
};

static int
fail(struct parser *m, const char *why)
{
	m->why = why;
	return -1;
}

static int
peek(const struct parser *m)
{
	return m->p < m->end ? (unsigned char)*m->p : -1;
}

static int
is_atext(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c > 0 && c < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Bytes of the UTF-8 sequence at p; 0: none, or not allowed here. */
static size_t
wide(const struct parser *m)
{
	size_t	n = (size_t)(m->end - m->p);
	char	sequence[5] = "";

	if (!(m->flags & MAILBOX_UTF8))
		return 0;
	memcpy(sequence, m->p, n < 4 ? n : 4);
	return address_utf8_size(sequence);
}

/* Bytes of the atom text at p, 0 if it is none. */
static size_t
atext(const struct parser *m)
{
	int	c = peek(m);

	if (c >= 0x80)
		return wide(m);
	return is_atext(c) ? 1 : 0;
}

/*
 * FWS: blanks with at most one fold in them.  A second one, or one with
 * nothing behind it, makes a line that looks empty, where other programs
 * end the header.
 */
static int
skip_blanks(struct parser *m)
{
	int	folds = 0;

	for (;; m->p++) {
		if (peek(m) == ' ' || peek(m) == '\t')
			continue;
		if (peek(m) != '\r')
			break;
		if (m->end - m->p < 3 || m->p[1] != '\n' ||
		    (m->p[2] != ' ' && m->p[2] != '\t'))
			return fail(m, "a line end that is no fold");
		if (++folds > 1)
			return fail(m, "a line of only space");
		m->p++;
	}
	if (folds > 0 && m->p == m->end)
		return fail(m, "a line of only space");
	return 0;
}

/* Says what is at p, where something else should be. */
static int
fail_byte(struct parser *m)
{
	int	c = peek(m);

	if (c == -1)
		return fail(m, "no address at its end");
	if (c == '>')
		return fail(m, "an empty address");
	if (c < 0x80)
		return fail(m, "a byte that is not allowed");
	return fail(m, m->flags & MAILBOX_UTF8 ? "bytes that are no UTF-8" :
	    "bytes beyond ASCII without SMTPUTF8");
}

/* Behind a backslash (RFC 5322 3.2.1), or text: printable or blank. */
static int
skip_text(struct parser *m)
{
	int	c = peek(m);
	size_t	n = 1;

	if (c >= 0x80)
		n = wide(m);
	else if (c != '\t' && (c < ' ' || c == 0x7f))
		n = 0;
	m->p += n;
	return n > 0 ? 0 : fail_byte(m);
}

static int
skip_comment(struct parser *m)
{
	int	depth = 0;

	do {
		switch (peek(m)) {
		case -1:
			return fail(m, "a comment without an end");
		case '(':
			if (++depth > MAILBOX_DEPTH)
				return fail(m, "comments too deep");
			m->p++;
			break;
		case ')':
			depth--;
			m->p++;
			break;
		case '\\':
			m->p++;
			if (skip_text(m) == -1)
				return -1;
			break;
		case ' ': case '\t': case '\r':
			if (skip_blanks(m) == -1)
				return -1;
			break;
		default:
			if (skip_text(m) == -1)
				return -1;
		}
	} while (depth > 0);
	return 0;
}

/* CFWS, perhaps none. */
static int
skip_space(struct parser *m)
{
	for (;;) {
		if (skip_blanks(m) == -1)
			return -1;
		if (peek(m) != '(')
			return 0;
		if (skip_comment(m) == -1)
			return -1;
	}
}

/* A quoted string at p, its quotes included. */
static int
quoted(struct parser *m, struct span *s)
{
	s->p = m->p++;
	while (peek(m) != '"') {
		if (peek(m) == -1)
			return fail(m, "a quote without an end");
		if (peek(m) == '\r') {
			if (skip_blanks(m) == -1)
				return -1;
			continue;
		}
		if (peek(m) == '\\')
			m->p++;
		if (skip_text(m) == -1)
			return -1;
	}
	m->p++;
	s->size = (size_t)(m->p - s->p);
	return 0;
}

/* Atoms and dots at p; address.c or nobody minds where the dots are. */
static void
atoms(struct parser *m, struct span *s)
{
	size_t	n;

	s->p = m->p;
	while ((n = peek(m) == '.' ? 1 : atext(m)) > 0)
		m->p += n;
	s->size = (size_t)(m->p - s->p);
}

/* A word of a phrase, or a local part. */
static int
word(struct parser *m, struct span *s)
{
	if (peek(m) == '"')
		return quoted(m, s);
	atoms(m, s);
	return s->size > 0 ? 0 : fail_byte(m);
}

/* "[...]" or a name; no space inside (the obsolete forms have it). */
static int
domain(struct parser *m, struct span *s)
{
	if (peek(m) != '[') {
		atoms(m, s);
		return s->size > 0 ? 0 : fail(m, "an address without a domain");
	}
	s->p = m->p;
	while (m->p < m->end && *m->p != ']')
		m->p++;
	if (m->p == m->end)
		return fail(m, "a domain literal without an end");
	m->p++;
	s->size = (size_t)(m->p - s->p);
	return 0;
}

/* From the '@' on; hands the address out. */
static int
spec(struct parser *m, const struct span *local)
{
	char		 text[SPEC_SIZE], address[ADDRESS_SIZE];
	struct span	 name;

	m->p++;
	if (skip_space(m) == -1 || domain(m, &name) == -1)
		return -1;
	if (local->size + name.size + 2 > sizeof(text))
		return fail(m, "an address that is too long");
	memcpy(text, local->p, local->size);
	text[local->size] = '@';
	memcpy(text + local->size + 1, name.p, name.size);
	text[local->size + 1 + name.size] = '\0';
	/* A NUL would end it early: none got past skip_text() and atoms(),
	 * but a literal is only copied. */
	if (strlen(text) != local->size + 1 + name.size ||
	    address_parse(text, m->flags & MAILBOX_UTF8 ? ADDRESS_UTF8 : 0,
	    address, sizeof(address)) == -1)
		return fail(m, "a malformed address");
	if (++m->count > MAILBOX_MAX && m->bare == NULL)
		return fail(m, "too many addresses");
	m->got(m->arg, address);
	return skip_space(m);
}

/* In a list of this host: a local part and nothing behind it? */
static int
is_bare(struct parser *m, const struct span *local)
{
	int	c = peek(m);

	if (m->bare == NULL || (c != -1 && c != ',' && c != ';' && c != '>'))
		return 0;
	m->bare(m->arg, (size_t)(local->p + local->size - m->start));
	return 1;
}

/* From the '<' on. */
static int
angle(struct parser *m)
{
	struct span	local;

	m->p++;
	if (skip_space(m) == -1)
		return -1;
	if (peek(m) == '@')
		return fail(m, "a source route");
	if (word(m, &local) == -1 || skip_space(m) == -1)
		return -1;
	if (!is_bare(m, &local)) {
		if (peek(m) != '@')
			return fail(m, "an address without a domain");
		if (spec(m, &local) == -1)
			return -1;
	}
	if (peek(m) != '>')
		return fail(m, "no '>' behind an address");
	m->p++;
	return skip_space(m);
}

/* A mailbox; or 1: it is a display name and p is at the colon behind it. */
static int
mailbox(struct parser *m)
{
	struct span	first, s;

	if (skip_space(m) == -1)
		return -1;
	if (peek(m) == '<')
		return angle(m);
	if (m->bare != NULL && (peek(m) == -1 || peek(m) == ',' ||
	    peek(m) == ';'))
		return 0;
	if (peek(m) == '.')
		return fail(m, "a name that begins with a dot");
	if (word(m, &first) == -1 || skip_space(m) == -1)
		return -1;
	if (peek(m) == '@')
		return spec(m, &first);
	if (is_bare(m, &first))
		return 0;
	while (peek(m) != '<' && peek(m) != ':') {
		if (peek(m) == -1)
			return fail(m, "a name without an address");
		if (word(m, &s) == -1 || skip_space(m) == -1)
			return -1;
	}
	return peek(m) == ':' ? 1 : angle(m);
}

/* From the ':' on: members, ';'. */
static int
group(struct parser *m)
{
	int	n;

	m->p++;
	if (skip_space(m) == -1)
		return -1;
	while (peek(m) != ';') {
		if ((n = mailbox(m)) != 0)
			return n == 1 ? fail(m, "a group in a group") : -1;
		if (peek(m) == ';')
			break;
		if (peek(m) != ',')
			return fail(m, "a group without an end");
		m->p++;
		if (skip_space(m) == -1)
			return -1;
		if (peek(m) == ';' && m->bare == NULL)
			return fail(m, "an empty member of a list");
	}
	m->p++;
	return skip_space(m);
}

static int
parse(struct parser m, const char **why)
{
	int		n;

	for (;;) {
		if ((n = mailbox(&m)) == 1)
			n = group(&m);
		if (n == -1)
			break;
		if (m.p == m.end)
			return m.count;
		if (*m.p != ',') {
			(void)fail(&m, "something behind an address");
			break;
		}
		m.p++;
	}
	*why = m.why;
	return -1;
}

int
mailbox_parse(const char *text, size_t size, int flags,
    void (*got)(void *, const char *address), void *arg, const char **why)
{
	struct parser	m = { .p = text, .end = text + size, .got = got,
	    .arg = arg, .start = text, .flags = flags };

	return parse(m, why);
}

int
mailbox_parse_local(const char *text, size_t size, int flags,
    void (*got)(void *, const char *address), void (*bare)(void *, size_t),
    void *arg, const char **why)
{
	struct parser	m = { .p = text, .end = text + size, .got = got,
	    .bare = bare, .arg = arg, .start = text, .flags = flags };

	return parse(m, why);
}
