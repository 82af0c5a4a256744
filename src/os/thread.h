/*
 * thread - threads with a name, a stated stack and all signals blocked.
 */
#ifndef REBORE_OS_THREAD_H
#define REBORE_OS_THREAD_H

#include <pthread.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Stack of a thread that runs only our own code; configure multiplies it where
 * a sanitizer needs more. The deepest chain of calls, which parses a frame with
 * jansson and logs it as JSON, uses about a third.
 */
#define THREAD_STACK_BYTES ((size_t)64 * 1024 * REBORE_STACK_FACTOR)
/* Stack of a thread that calls getaddrinfo(), which may load modules. */
#define THREAD_RESOLVER_STACK_BYTES ((size_t)256 * 1024 * REBORE_STACK_FACTOR)

/*
 * Start a thread.
 *
 * name: for ps and debuggers; a constant of 15 bytes at most. A detached thread
 * has to name itself by thread_name().
 * stack_bytes: one of the above.
 * thread: set, to join it by thread_join(); NULL: the thread is detached.
 * Returns ERROR_RESOURCES when the system has no room for it (errno EAGAIN or
 * ENOMEM); then there is no thread.
 */
enum error thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
    void *(*run)(void *), void *argument);

/*
 * Start a thread on a stack that the caller provides.
 *
 * stack: the lowest address of THREAD_STACK_BYTES, which must stay until the
 * thread is joined.
 * thread: to join it; the thread may run, and end, before it is written.
 * The thread names itself. Returns what thread_start() does.
 */
enum error thread_start_on(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument);

/* Name the calling thread; name as above. */
void thread_name(const char *name);

/* Wait for the end of a thread of thread_start(). */
void thread_join(pthread_t thread);

#endif
