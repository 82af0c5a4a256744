/* stack_trim for Linux - see stack_trim.h */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/stack_trim.h"

/* So many bytes below the frame address are spared: the frame of stack_trim()
 * has 16 to 48 of them, by the compiler's options, and the calls in it push
 * their return address. No signal handler can run there meanwhile, as threads
 * have all signals blocked (thread.h). */
#define MARGIN 80

/* The lowest address of this thread's stack; NULL: not known. */
static _Thread_local void *lowest;

void
stack_trim_begin(void *lowest_address)
{
	lowest = lowest_address;
}

/* Link-time optimization must not inline this: then the frame address would be
 * the caller's, whose frame reaches further down than MARGIN. */
STACK_TRIM_APART void
stack_trim(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = (here - MARGIN) & ~(page - 1);

	if (lowest != NULL && (uintptr_t)lowest < end)
		(void)madvise(lowest, end - (uintptr_t)lowest, MADV_DONTNEED);
}
