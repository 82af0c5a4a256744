/*
 * stack_trim - gives back the part of a thread's stack that it does not use any
 * more. configure chooses stack_trim_linux.c or stack_trim_none.c.
 *
 * A thread that serves an idle connection waits a few frames deep, but has been
 * deeper, in a handshake or for a log line. Without this, the pages that it
 * touched there would stay for as long as the connection.
 */
#ifndef REBORE_OS_STACK_TRIM_H
#define REBORE_OS_STACK_TRIM_H

/*
 * Marks a function that must not be inlined, so that its frame is gone when it
 * returns. For functions with a large frame whose caller then waits for a long
 * time.
 */
#if defined(__GNUC__)
#define STACK_TRIM_APART __attribute__((noinline))
#else
#define STACK_TRIM_APART
#endif

/* State the lowest address of the calling thread's stack. */
void stack_trim_begin(void *lowest);

/* Give back the pages below the caller's frame. Does nothing in a thread that
 * has not called stack_trim_begin(). */
void stack_trim(void);

#endif
