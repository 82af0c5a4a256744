/*
 * stack - gives back the part of a thread's stack that is used no more.
 * stack_linux.c or stack_none.c, chosen by configure.
 *
 * A thread that serves an idle connection waits a few frames deep, but has
 * touched more: a handshake, a log line. Those pages would stay for hours.
 */
#ifndef REBORE_OS_STACK_H
#define REBORE_OS_STACK_H

/* Give back what lies below the caller's frame. Not in the main thread. */
void stack_trim(void);

#endif
