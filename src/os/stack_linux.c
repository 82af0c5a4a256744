/* stack for Linux - see stack.h */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/stack.h"

/* What lies this close below is left alone: frames of this call, the red zone
 * of the ABI, a signal's frame. */
#define MARGIN 1024

void
stack_trim(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = (here - MARGIN) & ~(page - 1);
	pthread_attr_t attributes;
	void *lowest;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return;
	if (pthread_attr_getstack(&attributes, &lowest, &size) == 0 &&
	    (uintptr_t)lowest < end)
		/* What is below the frame is dead: its content may go. */
		(void)madvise(lowest, end - (uintptr_t)lowest, MADV_DONTNEED);
	pthread_attr_destroy(&attributes);
}
