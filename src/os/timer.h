/*
 * timer - a descriptor that becomes readable at a time, also when the system
 * slept until then. timer_timerfd.c or timer_none.c, chosen by configure.
 *
 * poll() counts only the time that the system was awake: a client that waits a
 * minute and is suspended meanwhile would wait the rest of it afterwards.
 */
#ifndef REBORE_OS_TIMER_H
#define REBORE_OS_TIMER_H

#include <stdint.h>

#include "base/error.h"

/*
 * Open a timer.
 *
 * fd: the descriptor, the caller's to close; -1 where the system has none (then
 * the time-out of poll() has to do), which is no error.
 * Returns ERROR_RESOURCES or ERROR_SYSTEM with errno.
 */
enum error timer_open(int *fd);

/*
 * Let fd become readable at deadline_ms (clock.h), and not before; CLOCK_NEVER
 * turns it off. fd: -1 does nothing.
 */
void timer_set(int fd, int64_t deadline_ms);

#endif
