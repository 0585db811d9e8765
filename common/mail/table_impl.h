/*
 * Shared by the two halves of tables: table.c, which reads the text and looks
 * up, and tableforms.c, which adds other forms.  Nobody else includes it.
 */
#ifndef MAIL_TABLE_IMPL_H
#define MAIL_TABLE_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include "mail/table.h"

struct net;

struct item {
	const char	*key;
	const char	*value;
};

struct table {
	char		*block;		/* keys and values */
	char		*forms;		/* of table_add_forms(), or NULL */
	char		**values;	/* of table_change_values() */
	size_t		 nvalues;
	size_t		 block_size;
	size_t		 block_used;
	struct item	*items;
	size_t		 nitems;
	size_t		 items_room;
	uint32_t	*slots;		/* index + 1, 0 free */
	size_t		 nslots;	/* power of two */
	struct net	*nets;
	size_t		 nnets;
};

/*
 * The strings are not copied.  -1: no memory, 1: the key is there with another
 * value, 0: added or the same.
 */
int	table_add_item(struct table *, const char *key, const char *value);

#endif
