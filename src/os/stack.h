/*
 * stack - gives back the part of a thread's stack that is used no more.
 * stack_linux.c or stack_none.c, chosen by configure.
 *
 * A thread that serves an idle connection waits a few frames deep, but has
 * touched more: a handshake, a log line. Those pages would stay for hours.
 */
#ifndef REBORE_OS_STACK_H
#define REBORE_OS_STACK_H

/*
 * Before a function: its frame is not to be part of its caller's. For those that
 * need much, and are called by one that waits for long.
 */
#if defined(__GNUC__)
#define STACK_APART __attribute__((noinline))
#else
#define STACK_APART
#endif

/* Tell where the calling thread's stack ends, its lowest address. */
void stack_begin(void *lowest);

/* Give back what lies below the caller's frame. Without stack_begin() in the
 * same thread it does nothing. */
void stack_trim(void);

#endif
