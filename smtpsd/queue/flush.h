/*
 * A flush beside the loop.  fdatasync(2) waits for the disk; a thread that does
 * nothing else waits in the loop's place.  One flush at a time.
 */
#ifndef QUEUE_FLUSH_H
#define QUEUE_FLUSH_H

/* Starts the thread: before the sandbox forbids it.  -1: failed, logged. */
int	flush_init(void);
/* -1: there is no thread; flush it yourself. */
int	flush_start(int fd);
/* Readable when the flush has ended; -1: no thread. */
int	flush_fd(void);
/*
 * 1: not yet.  0, or -1 and errno: what fdatasync(2) said.  With is_waiting,
 * waits for it.
 */
int	flush_end(int is_waiting);

#endif
