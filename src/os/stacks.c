/* stacks - see stacks.h */
#include "os/stacks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/thread.h"

/* Stacks in one mapping: as many as a word has bits. */
#define PLACES 64

/* Linux has it since 6.13, and the headers may be older than the kernel. Older
 * kernels and other systems refuse it. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* OpenBSD does not have it, and FreeBSD has removed it. */
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

/* OpenBSD demands MAP_STACK for memory that is used as a stack. On FreeBSD it
 * means one stack that grows down from the end of the mapping, not many of
 * them. */
#if !defined(MAP_STACK) || defined(__FreeBSD__)
#define STACK_FLAG 0
#else
#define STACK_FLAG MAP_STACK
#endif

struct stacks_chunk {
	/* The address of the lowest guard page. */
	char *start;
	/* Bit i is set while the place at i times place_bytes() is free. The
	 * chunk is in the list of open ones unless all are 0. */
	uint64_t free;
	struct stacks_chunk *next, *previous;
};

static size_t
page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Of a guard page and the stack above it. */
static size_t
place_bytes(void)
{
	return page_bytes() + THREAD_STACK_BYTES;
}

void
stacks_init(struct stacks *stacks)
{
	lock_init(&stacks->lock, LOCK_RANK_STACKS);
	stacks->open = NULL;
}

static void
unlink_chunk(struct stacks *stacks, struct stacks_chunk *chunk)
{
	lock_assert_held(&stacks->lock);
	if (chunk->previous != NULL)
		chunk->previous->next = chunk->next;
	else
		stacks->open = chunk->next;
	if (chunk->next != NULL)
		chunk->next->previous = chunk->previous;
}

static void
link_chunk(struct stacks *stacks, struct stacks_chunk *chunk)
{
	lock_assert_held(&stacks->lock);
	chunk->previous = NULL;
	chunk->next = stacks->open;
	if (chunk->next != NULL)
		chunk->next->previous = chunk;
	stacks->open = chunk;
}

static void
discard(struct stacks_chunk *chunk)
{
	munmap(chunk->start, PLACES * place_bytes());
	free(chunk);
}

void
stacks_destroy(struct stacks *stacks)
{
	struct stacks_chunk *chunk;

	while ((chunk = stacks->open) != NULL) {
		stacks->open = chunk->next;
		discard(chunk);
	}
	lock_destroy(&stacks->lock);
}

/* Have each thread that overruns its stack crash. */
static bool
guard(const struct stacks_chunk *chunk)
{
	for (unsigned i = 0; i < PLACES; i++) {
		char *page = chunk->start + i * place_bytes();

		if (madvise(page, page_bytes(), MADV_GUARD_INSTALL) == -1 &&
		    mprotect(page, page_bytes(), PROT_NONE) == -1)
			return false;
	}
	return true;
}

static struct stacks_chunk *
make_chunk(void)
{
	struct stacks_chunk *chunk = malloc(sizeof *chunk);
	size_t size = PLACES * place_bytes();

	if (chunk == NULL)
		return NULL;
	chunk->free = UINT64_MAX;
	chunk->start = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | STACK_FLAG, -1, 0);
	if (chunk->start == MAP_FAILED) {
		free(chunk);
		return NULL;
	}
#ifdef MADV_NOHUGEPAGE
	/* Otherwise one huge page of 2 MiB could back 30 stacks of which 4 KiB
	 * each are in use. */
	(void)madvise(chunk->start, size, MADV_NOHUGEPAGE);
#endif
	if (guard(chunk))
		return chunk;
	discard(chunk);
	return NULL;
}

enum error
stacks_take(struct stacks *stacks, struct stacks_place *place)
{
	struct stacks_chunk *chunk;
	unsigned index = 0;

	lock_take(&stacks->lock);
	if (stacks->open == NULL) {
		/* Rare enough for system calls under the lock. */
		chunk = make_chunk();
		if (chunk == NULL) {
			lock_give(&stacks->lock);
			return ERROR_RESOURCES;
		}
		link_chunk(stacks, chunk);
	}
	chunk = stacks->open;
	while ((chunk->free >> index & 1) == 0)
		index++;
	chunk->free &= ~(UINT64_C(1) << index);
	if (chunk->free == 0)
		unlink_chunk(stacks, chunk);
	lock_give(&stacks->lock);
	place->chunk = chunk;
	place->lowest = chunk->start + index * place_bytes() + page_bytes();
	return ERROR_NONE;
}

/* Returns the chunk, unlinked and to be discarded, when it is empty and another
 * one has room; else NULL. */
static struct stacks_chunk *
put_back(struct stacks *stacks, struct stacks_chunk *chunk, uint64_t bit)
{
	lock_assert_held(&stacks->lock);
	if (chunk->free == 0)
		link_chunk(stacks, chunk);
	chunk->free |= bit;
	if (chunk->free != UINT64_MAX ||
	    (chunk->next == NULL && chunk->previous == NULL))
		return NULL;
	unlink_chunk(stacks, chunk);
	return chunk;
}

void
stacks_give(struct stacks *stacks, const struct stacks_place *place)
{
	struct stacks_chunk *chunk = place->chunk;
	struct stacks_chunk *empty;
	size_t index =
	    (size_t)((char *)place->lowest - chunk->start) / place_bytes();

	(void)madvise(place->lowest, THREAD_STACK_BYTES, MADV_DONTNEED);
	lock_take(&stacks->lock);
	empty = put_back(stacks, chunk, UINT64_C(1) << index);
	lock_give(&stacks->lock);
	if (empty != NULL)
		discard(empty);
}
