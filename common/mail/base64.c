/*
 * Strict base64.  libcrypto's block coder does the work but is lenient about
 * white space and says nothing of padding, so the form is checked first:
 * whole quads, '=' only at the end, no bits lost in the last one (two
 * encodings of one secret would get past a length limit or a log filter).
 * What passes here is mostly passwords: scratch memory is wiped.
 */
#include "mail/base64.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

/* Count of '=' at the end, 0..2, or -1 if the form is wrong. */
static int
check_form(const char *in, size_t insize)
{
	size_t i, body;
	int pad = 0;

	if (insize % 4 != 0)
		return -1;
	if (in[insize - 1] == '=')
		pad = in[insize - 2] == '=' ? 2 : 1;
	body = insize - (size_t)pad;
	for (i = 0; i < body; i++)
		if (digit(in[i]) == -1)
			return -1;
	if (pad == 1 && (digit(in[body - 1]) & 0x03) != 0)
		return -1;
	if (pad == 2 && (digit(in[body - 1]) & 0x0f) != 0)
		return -1;
	return pad;
}

int
base64_decode(const char *in, size_t insize, void *out, size_t outsize)
{
	unsigned char last[4];
	unsigned char *to = out;
	size_t whole, tail;
	int pad;

	if (insize == 0)
		return 0;
	if (insize > INT_MAX || (pad = check_form(in, insize)) == -1)
		return -1;
	whole = (insize / 4 - 1) * 3;
	tail = 3 - (size_t)pad;
	if (whole + tail > outsize)
		return -1;
	/* The coder writes the padding as zero bytes: last quad aside. */
	if (whole > 0 && EVP_DecodeBlock(to, (const unsigned char *)in,
	    (int)(insize - 4)) == -1)
		return -1;
	if (EVP_DecodeBlock(last, (const unsigned char *)in + insize - 4, 4)
	    == -1)
		return -1;
	memcpy(to + whole, last, tail);
	explicit_bzero(last, sizeof(last));
	return (int)(whole + tail);
}

int
base64_encode(const void *in, size_t insize, char *out, size_t outsize)
{
	size_t need;

	if (insize > INT_MAX / 2)
		return -1;
	need = (insize + 2) / 3 * 4;
	if (outsize <= need)
		return -1;
	if (insize == 0) {
		out[0] = '\0';
		return 0;
	}
	return EVP_EncodeBlock((unsigned char *)out, in, (int)insize);
}
