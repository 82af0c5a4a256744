/*
 * heap - counts what a thread asks of malloc() and gives to free(): functions in
 * the place of the system's, which a program gets by including this.
 *
 * HEAP_COUNTS is defined where they can be had: with glibc, and without a
 * sanitizer, which has functions of its own there. Elsewhere all counts are 0.
 */
#ifndef REBORE_TESTS_HEAP_H
#define REBORE_TESTS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "suite.h"

#if defined(__GLIBC__) && REBORE_STACK_FACTOR == 1
#define HEAP_COUNTS
#endif

/* Of the calling thread, within HEAP_WATCH(): Check takes memory, too. */
static _Thread_local struct {
	bool watched;
	unsigned taken;
	unsigned given;
	size_t size; /* that was asked for last */
} heap;

#ifdef HEAP_COUNTS

/* NOLINTBEGIN(*-reserved-identifier,cert-dcl*): glibc calls them so */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *start, size_t size);
void __libc_free(void *start);
/* NOLINTEND(*-reserved-identifier,cert-dcl*) */

static inline void
heap_note(unsigned taken, unsigned given, size_t size)
{
	if (!heap.watched)
		return;
	heap.taken += taken;
	heap.given += given;
	heap.size = size;
}

void *
malloc(size_t size)
{
	heap_note(1, 0, size);
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	heap_note(1, 0, count * size);
	return __libc_calloc(count, size);
}

void *
realloc(void *start, size_t size)
{
	heap_note(1, start != NULL, size);
	return __libc_realloc(start, size);
}

void
free(void *start)
{
	heap_note(0, start != NULL, heap.size);
	__libc_free(start);
}

#endif

static inline void
heap_reset(void)
{
	heap.taken = 0;
	heap.given = 0;
}

/* Count while it is done. */
#define HEAP_WATCH(statement)                                                  \
	do {                                                                   \
		heap.watched = true;                                           \
		statement;                                                     \
		heap.watched = false;                                          \
	} while (0)

/* Expect so many calls since heap_reset(), where they are counted. */
static inline void
heap_assert(unsigned taken, unsigned given)
{
#ifdef HEAP_COUNTS
	ck_assert_uint_eq(heap.taken, taken);
	ck_assert_uint_eq(heap.given, given);
#else
	(void)taken;
	(void)given;
#endif
}

#endif
