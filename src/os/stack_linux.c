/* stack for Linux - see stack.h */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/stack.h"

/* What lies this close below is left alone: the frames of this call, and the red
 * zone of the ABI. No signal is delivered to a thread that trims: all are blocked
 * (thread.h). */
#define MARGIN 192

/* The lowest address of this thread's stack; NULL: unknown. */
static _Thread_local void *lowest;

void
stack_begin(void *lowest_address)
{
	lowest = lowest_address;
}

/* Not inlined, as link-time optimization would: the frame whose address counts
 * would be the caller's, which reaches further down than MARGIN. */
STACK_APART void
stack_trim(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = (here - MARGIN) & ~(page - 1);

	/* What is below the frame is dead: its content may go. */
	if (lowest != NULL && (uintptr_t)lowest < end)
		(void)madvise(lowest, end - (uintptr_t)lowest, MADV_DONTNEED);
}
