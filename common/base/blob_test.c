/*
 * Blobs: pieces in order, and everything that a bad sender could try.
 */
#include "base/blob.h"
#include "base/tap.h"

static char	big[BLOB_PIECE_MAX + 1];

int
main(void)
{
	static const struct {
		const char	*name;
		uint32_t	 total1, offset1, size1;
		int		 want1;
		uint32_t	 total2, offset2, size2;
		int		 want2;		/* -2: no second piece */
	} cases[] = {
		{ "one piece", 5, 0, 5, 1, 0, 0, 0, -2 },
		{ "empty", 0, 0, 0, 1, 0, 0, 0, -2 },
		{ "two pieces", 9, 0, 5, 0, 9, 5, 4, 1 },
		{ "starts in the middle", 9, 5, 4, -1, 0, 0, 0, -2 },
		{ "gap", 9, 0, 4, 0, 9, 5, 4, -1 },
		{ "overlap", 9, 0, 5, 0, 9, 4, 5, -1 },
		{ "total changes", 9, 0, 5, 0, 10, 5, 4, -1 },
		{ "beyond the total", 9, 0, 5, 0, 9, 5, 5, -1 },
		{ "first beyond the total", 4, 0, 5, -1, 0, 0, 0, -2 },
		{ "empty piece", 9, 0, 0, -1, 0, 0, 0, -2 },
		{ "piece too large", 1U << 20, 0, BLOB_PIECE_MAX + 1, -1,
		    0, 0, 0, -2 },
		{ "total too large", BLOB_TOTAL_MAX + 1, 0, 5, -1,
		    0, 0, 0, -2 },
		{ "piece after the end", 5, 0, 5, 1, 5, 5, 1, -1 },
		{ "offset wraps", 9, 0, 5, 0, 9, 0xffffffff, 5, -1 },
	};
	struct blob	b;
	size_t		i;
	int		got1, got2;

	memset(big, 'x', sizeof(big));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&b, 0, sizeof(b));
		got1 = blob_add(&b, cases[i].total1, cases[i].offset1, big,
		    cases[i].size1);
		got2 = cases[i].want2 == -2 ? -2 : blob_add(&b,
		    cases[i].total2, cases[i].offset2, big, cases[i].size2);
		tap_ok(got1 == cases[i].want1 && got2 == cases[i].want2,
		    "%s", cases[i].name);
		blob_free(&b);
	}
	memset(&b, 0, sizeof(b));
	blob_add(&b, 6, 0, "abc", 3);
	blob_add(&b, 6, 3, "def", 3);
	tap_is_str(b.data, "abcdef", "pieces are joined");
	blob_free(&b);
	tap_ok(b.data == NULL && b.size == 0, "free leaves an empty one");
	return tap_done();
}
