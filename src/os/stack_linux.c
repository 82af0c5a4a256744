/* stack for Linux - see stack.h */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/stack.h"
#include "os/thread.h"

/* What lies this close below is left alone: the frames of this call, and the red
 * zone of the ABI. No signal is delivered to a thread that trims: all are blocked
 * (thread.h). */
#define MARGIN 192

/* The lowest address of this thread's stack; UINTPTR_MAX: unknown. */
static _Thread_local uintptr_t lowest = UINTPTR_MAX;

/* How far that is below the frame of stack_begin(), in a thread of the kind that
 * calls it. Returns 0 where it cannot be found out. */
static uintptr_t
find_depth(uintptr_t here)
{
	pthread_attr_t attributes;
	uintptr_t depth = 0;
	void *start;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return 0;
	if (pthread_attr_getstack(&attributes, &start, &size) == 0)
		depth = here - (uintptr_t)start;
	pthread_attr_destroy(&attributes);
	return depth;
}

void
stack_begin(void)
{
	/* The same in all threads that are started alike: to ask in each would
	 * cost each of them a cache of malloc(), 656 bytes. A stack that the C
	 * library uses again may be larger than was asked for, not smaller; what
	 * is found in such a one is good for it alone. */
	static atomic_uintptr_t found;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t depth = atomic_load(&found);

	if (depth == 0 || depth > THREAD_STACK_BYTES) {
		depth = find_depth(here);
		atomic_store(&found, depth);
	}
	if (depth > 0)
		lowest = here - depth;
}

void
stack_trim(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = (here - MARGIN) & ~(page - 1);

	/* What is below the frame is dead: its content may go. */
	if (lowest < end)
		(void)madvise((void *)lowest, end - lowest, MADV_DONTNEED);
}
