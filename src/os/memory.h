/* memory - how much memory there is for this process. */
#ifndef REBORE_OS_MEMORY_H
#define REBORE_OS_MEMORY_H

#include <stdint.h>

/* Nobody says how much. */
#define MEMORY_UNKNOWN UINT64_MAX

/*
 * Returns bytes: the memory of the system, or less where a control group of this
 * process, or one above it, may have less (cgroups(7), version 2 or 1); or
 * MEMORY_UNKNOWN.
 */
uint64_t memory_limit(void);

/*
 * Returns what the control groups allow; MEMORY_UNKNOWN: there are none, or they
 * set no limit.
 *
 * root: of the system, "" for this one: a path that "/proc" and "/sys" follow.
 */
uint64_t memory_limit_of_groups(const char *root);

#endif
