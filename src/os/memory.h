/* memory - how much memory this process may use. */
#ifndef REBORE_OS_MEMORY_H
#define REBORE_OS_MEMORY_H

#include <stdint.h>

/* The system does not say. */
#define MEMORY_UNKNOWN UINT64_MAX

/*
 * Returns the bytes of memory of the system, or the limit of this process's
 * control group or of one above it if that is lower (cgroups(7), version 2 or
 * 1), or MEMORY_UNKNOWN.
 */
uint64_t memory_limit(void);

/*
 * Returns the limit of the control groups, or MEMORY_UNKNOWN when there are
 * none or they have no limit.
 *
 * root: what "/proc" and "/sys" are appended to; "" on a real system.
 */
uint64_t memory_limit_of_groups(const char *root);

#endif
