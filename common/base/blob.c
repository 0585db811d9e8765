/*
 * Puts the pieces of a text or file together that is larger than a message.
 *
 * Called by the receivers of configuration.  The sender may be less trusted
 * than the receiver, so order, total and overlap are checked here.  Blobs
 * may hold secrets and are wiped when freed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"

int
blob_add(struct blob *b, uint32_t total, uint32_t offset, const void *piece,
    size_t piece_size)
{
	if (b->data == NULL) {
		if (offset != 0 || total > BLOB_TOTAL_MAX)
			return -1;
		if ((b->data = malloc((size_t)total + 1)) == NULL)
			return -1;
		b->size = 0;
		b->total = total;
	}
	if (total != b->total || offset != b->size ||
	    piece_size > BLOB_PIECE_MAX || piece_size > total - offset)
		return -1;
	/* Empty pieces would never end, except for an empty blob. */
	if (piece_size == 0 && total != 0)
		return -1;
	if (piece_size != 0)
		memcpy(b->data + offset, piece, piece_size);
	b->size += (uint32_t)piece_size;
	b->data[b->size] = '\0';
	return b->size == b->total;
}

void
blob_free(struct blob *b)
{
	if (b->data != NULL) {
		explicit_bzero(b->data, b->size);
		free(b->data);
	}
	memset(b, 0, sizeof(*b));
}
