/*
 * thread - threads with a name, a stated stack and all signals blocked.
 */
#ifndef REBORE_OS_THREAD_H
#define REBORE_OS_THREAD_H

#include <pthread.h>
#include <stddef.h>

#include "base/error.h"

/*
 * Stack of a thread that only runs our own code; configure multiplies it where
 * a sanitizer needs more. The deepest chain (a frame through jansson, logged as
 * JSON) uses about a third.
 */
#define THREAD_STACK_BYTES ((size_t)64 * 1024 * REBORE_STACK_FACTOR)
/* Stack of a thread that calls getaddrinfo(), which may load modules. */
#define THREAD_RESOLVER_STACK_BYTES ((size_t)256 * 1024 * REBORE_STACK_FACTOR)

/*
 * Start a thread.
 *
 * name: for ps and debuggers; 15 bytes at most, a constant. A detached thread
 * names itself by thread_name().
 * stack_bytes: one of the above.
 * thread: to join it with thread_join(); NULL: detached, nobody joins it.
 * Returns ERROR_RESOURCES when the system has no room for it (errno EAGAIN or
 * ENOMEM); then nothing has happened.
 */
enum error thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
    void *(*run)(void *), void *argument);

/*
 * Start a thread on a stack of the caller's.
 *
 * stack: THREAD_STACK_BYTES, the lowest address; until the thread is joined.
 * thread: to be joined; written at the latest when this returns.
 * The thread names itself. Returns as thread_start().
 */
enum error thread_start_on(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument);

/* Name the calling thread; name as above. */
void thread_name(const char *name);

/* Wait for the end of a thread of thread_start(). */
void thread_join(pthread_t thread);

#endif
