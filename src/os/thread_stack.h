/*
 * thread_stack - memory for the stacks of threads.
 *
 * Each is a mapping with a guard page at its lower end, and is unmapped when
 * its thread has ended. The stacks that glibc provides are not: it keeps up to
 * 40 MiB of them for later threads, with the upper pages of each, so that a
 * process that once had 2,000 connections would stay 7 MiB larger.
 */
#ifndef REBORE_OS_THREAD_STACK_H
#define REBORE_OS_THREAD_STACK_H

/* Returns the lowest address of THREAD_STACK_BYTES (thread.h), or NULL with
 * errno when there is no memory. Threads: any. */
void *thread_stack_map(void);

/* lowest: of thread_stack_map(); the thread that ran there must have ended.
 * Threads: any. */
void thread_stack_unmap(void *lowest);

#endif
