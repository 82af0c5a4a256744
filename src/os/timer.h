/*
 * timer - a descriptor that becomes readable at a given time, even if the
 * system was suspended until then. configure chooses timer_timerfd.c or
 * timer_none.c.
 *
 * The time-out of poll() does not run while the system is suspended: a client
 * that waits for a minute would wait for the rest of it when the system
 * resumes.
 */
#ifndef REBORE_OS_TIMER_H
#define REBORE_OS_TIMER_H

#include <stdint.h>

#include "base/error.h"

/*
 * Open a timer.
 *
 * fd: set to the descriptor, which the caller closes, or to -1 where the system
 * has no such timer, which is not an error; the time-out of poll() has to do
 * there.
 * Returns ERROR_RESOURCES or ERROR_SYSTEM with errno.
 */
enum error timer_open(int *fd);

/*
 * Let fd become readable at deadline_ms (clock.h); CLOCK_NEVER turns the timer
 * off. With an fd of -1 this does nothing.
 */
void timer_set(int fd, int64_t deadline_ms);

#endif
