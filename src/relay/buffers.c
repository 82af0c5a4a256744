/* buffers - see buffers.h */
#include "relay/buffers.h"

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "os/lock.h"

static struct lock lock = LOCK_INITIALIZER(LOCK_RANK_BUFFERS);
/* Under lock. */
static char *idle[BUFFERS_KEPT_MOST];
static unsigned idle_count;
/* The lowest idle_count since the last buffers_tidy(): this many buffers have
 * not been needed since then. */
static unsigned unneeded;
static unsigned lent;
static unsigned most_lent = UINT_MAX;

void
buffers_limit(uint64_t bytes)
{
	uint64_t count = bytes / BUFFERS_BYTES;

	lock_take(&lock);
	most_lent = count < UINT_MAX ? (unsigned)count : UINT_MAX;
	lock_give(&lock);
}

/* Count one more buffer as lent, and take an idle one if any. Returns false if
 * too many are lent already. anyway: exceed the limit. */
static bool
lend(bool anyway, char **buffer)
{
	bool allowed;

	*buffer = NULL;
	lock_take(&lock);
	allowed = anyway || lent < most_lent;
	if (allowed)
		lent++;
	if (allowed && idle_count > 0)
		*buffer = idle[--idle_count];
	if (unneeded > idle_count)
		unneeded = idle_count;
	lock_give(&lock);
	return allowed;
}

static char *
borrow(bool anyway)
{
	char *buffer;

	if (!lend(anyway, &buffer) || buffer != NULL)
		return buffer;
	/* Not malloc(): free() would not return all of it to the system. */
	buffer = mmap(NULL, BUFFERS_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer != MAP_FAILED)
		return buffer;
	lock_take(&lock);
	lent--;
	lock_give(&lock);
	return NULL;
}

char *
buffers_borrow(void)
{
	return borrow(false);
}

char *
buffers_force(void)
{
	return borrow(true);
}

char *
buffers_copy(const char *bytes, size_t size)
{
	char *buffer = size > 0 ? buffers_force() : NULL;

	assert(size <= BUFFERS_BYTES);
	if (buffer != NULL)
		memcpy(buffer, bytes, size);
	return buffer;
}

void
buffers_return(char *buffer)
{
	if (buffer == NULL)
		return;
	lock_take(&lock);
	lent--;
	if (idle_count < BUFFERS_KEPT_MOST) {
		idle[idle_count++] = buffer;
		buffer = NULL;
	}
	lock_give(&lock);
	if (buffer != NULL)
		munmap(buffer, BUFFERS_BYTES);
}

/* Returns an idle buffer that was not needed, or NULL: the least recently used
 * one, which is the first. */
static char *
take_unneeded(void)
{
	char *buffer = NULL;

	lock_take(&lock);
	if (unneeded > 0 && idle_count > BUFFERS_KEPT_IDLE) {
		buffer = idle[0];
		idle_count--;
		unneeded--;
		memmove(idle, idle + 1, idle_count * sizeof *idle);
	}
	lock_give(&lock);
	return buffer;
}

void
buffers_tidy(void)
{
	char *buffer;

	while ((buffer = take_unneeded()) != NULL)
		munmap(buffer, BUFFERS_BYTES);
	lock_take(&lock);
	unneeded = idle_count;
	lock_give(&lock);
}
