/*
 * clock - one monotonic clock for all deadlines, in milliseconds.
 *
 * It includes the time that the system was suspended where the system has such
 * a clock (CLOCK_BOOTTIME); configure chooses it. A deadline is an absolute
 * time of this clock, which is passed down: no layer restarts it.
 */
#ifndef REBORE_BASE_CLOCK_H
#define REBORE_BASE_CLOCK_H

#include <stdint.h>

/* The deadline that never passes. */
#define CLOCK_NEVER INT64_MAX

/* Returns milliseconds since an arbitrary point in time; never decreases. */
int64_t clock_now_ms(void);

/*
 * Turn a deadline into a time-out for poll(): 0 when it has passed, -1 for
 * CLOCK_NEVER, else milliseconds up to INT_MAX.
 */
int clock_left_ms(int64_t deadline_ms);

/* Returns the earlier, or the later, of two deadlines. */
int64_t clock_earlier(int64_t a_ms, int64_t b_ms);
int64_t clock_later(int64_t a_ms, int64_t b_ms);

/* Returns roughly how long the system has been suspended so far, or 0 where the
 * system does not say. Only the difference between two calls means anything. */
int64_t clock_suspended_ms(void);

#endif
