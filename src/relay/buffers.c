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
static char *kept[BUFFERS_KEPT_MOST];
static unsigned kept_count;
/* The fewest that were kept since the last time that was tidied: so many were
 * not wanted. */
static unsigned unwanted;
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

/* Count one more as lent, and take one that is kept, if any is. Returns false
 * where that would be too many. */
static bool
take_place(bool anyway, char **buffer)
{
	bool allowed;

	*buffer = NULL;
	lock_take(&lock);
	allowed = anyway || lent < most_lent;
	if (allowed)
		lent++;
	if (allowed && kept_count > 0)
		*buffer = kept[--kept_count];
	if (unwanted > kept_count)
		unwanted = kept_count;
	lock_give(&lock);
	return allowed;
}

static char *
borrow(bool anyway)
{
	char *buffer;

	if (!take_place(anyway, &buffer) || buffer != NULL)
		return buffer;
	/* Not malloc(): what is given back really goes back. */
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
	if (kept_count < BUFFERS_KEPT_MOST) {
		kept[kept_count++] = buffer;
		buffer = NULL;
	}
	lock_give(&lock);
	if (buffer != NULL)
		munmap(buffer, BUFFERS_BYTES);
}

/* Take one that was not wanted, or NULL: the first, as the last is the one that
 * was used last. */
static char *
take_unwanted(void)
{
	char *buffer = NULL;

	lock_take(&lock);
	if (unwanted > 0 && kept_count > BUFFERS_KEPT_IDLE) {
		buffer = kept[0];
		kept_count--;
		unwanted--;
		memmove(kept, kept + 1, kept_count * sizeof *kept);
	}
	lock_give(&lock);
	return buffer;
}

void
buffers_tidy(void)
{
	char *buffer;

	while ((buffer = take_unwanted()) != NULL)
		munmap(buffer, BUFFERS_BYTES);
	lock_take(&lock);
	unwanted = kept_count;
	lock_give(&lock);
}
