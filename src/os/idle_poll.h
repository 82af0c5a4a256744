/*
 * idle_poll - poll() for a thread that may have to wait for hours.
 *
 * After a fifth of a second it gives back what the thread does not use of its
 * stack (stack_trim.h) and waits on, so that an idle connection costs a page.
 */
#ifndef REBORE_OS_IDLE_POLL_H
#define REBORE_OS_IDLE_POLL_H

#include <poll.h>

/* From a wait of this length on, the stack is given back. */
#define IDLE_POLL_MS 200

/* As poll(). */
int idle_poll(struct pollfd *slots, nfds_t count, int time_ms);

#endif
