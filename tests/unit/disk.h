/*
 * disk - a disk that is stuck, or full, as a case wants it: statefile.c is part
 * of the program that includes this, with an fsync() of its own.
 */
#ifndef REBORE_TESTS_DISK_H
#define REBORE_TESTS_DISK_H

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

static int disk_fsync(int fd);

#define fsync disk_fsync
#include "os/fd.h"
#include "os/statefile.c" /* NOLINT(bugprone-suspicious-include) */
#undef fsync

#include "base/clock.h"
#include "os/lock.h"
#include "suite.h"

/* Until when an fsync() is waited for. */
#define DISK_PATIENCE_MS 20000

static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	bool stuck;
	bool full;
	unsigned passing; /* so many are done before it is stuck */
	unsigned begun;
	unsigned done;
} disk = {.lock = LOCK_INITIALIZER(LOCK_RANK_OF_TESTS),
    .changed = {PTHREAD_COND_INITIALIZER}};

static int
disk_fsync(int fd)
{
	unsigned number;
	bool full;

	(void)fd;
	lock_take(&disk.lock);
	number = ++disk.begun;
	lock_condition_tell(&disk.changed);
	while (disk.stuck && number > disk.passing)
		lock_condition_wait(&disk.changed, &disk.lock, CLOCK_NEVER);
	full = disk.full;
	disk.done++;
	lock_condition_tell(&disk.changed);
	lock_give(&disk.lock);
	errno = ENOSPC;
	return full ? -1 : 0;
}

static inline void
disk_set(bool stuck, bool full)
{
	lock_take(&disk.lock);
	disk.stuck = stuck;
	disk.full = full;
	lock_condition_tell(&disk.changed);
	lock_give(&disk.lock);
}

static inline bool
disk_is_stuck(void)
{
	bool stuck;

	lock_take(&disk.lock);
	stuck = disk.stuck;
	lock_give(&disk.lock);
	return stuck;
}

/* Returns how many fsync() have begun. */
static inline unsigned
disk_begun(void)
{
	unsigned begun;

	lock_take(&disk.lock);
	begun = disk.begun;
	lock_give(&disk.lock);
	return begun;
}

/* Wait until so many have begun, or are done: count is one of disk's. */
static inline void
disk_await(const unsigned *count, unsigned least)
{
	int64_t end_ms = clock_now_ms() + DISK_PATIENCE_MS;

	lock_take(&disk.lock);
	while (*count < least && clock_now_ms() < end_ms)
		lock_condition_wait(
		    &disk.changed, &disk.lock, clock_now_ms() + 100);
	ck_assert_uint_ge(*count, least);
	lock_give(&disk.lock);
}

#endif
