/*
 * How much the heap keeps when it is freed.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>

/*
 * For processes through which bodies pass: at the end of the heap up to this
 * many free bytes stay with the process, so that the next body does not fault
 * the pages in again that the last one gave back.
 */
void	heap_keep(size_t bytes);

#endif
