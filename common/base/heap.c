/*
 * glibc gives back the end of the heap beyond 128 KiB, and maps each large
 * buffer anew: a tenth of the time of a process through which bodies pass.
 * Other systems' allocators cache by themselves.
 */
#include "heap.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

void
heap_keep(size_t bytes)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, (int)bytes);
	mallopt(M_TOP_PAD, 1 << 20);
#else
	(void)bytes;
#endif
}
