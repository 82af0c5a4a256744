/* thread_stack - see thread_stack.h */
#include "os/thread_stack.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/thread.h"

/* OpenBSD does not have it, and FreeBSD has removed it. */
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

/* OpenBSD demands MAP_STACK for memory that is used as a stack. On FreeBSD it
 * means that the mapping grows, with a guard of its own. */
#if !defined(MAP_STACK) || defined(__FreeBSD__)
#define STACK_FLAG 0
#else
#define STACK_FLAG MAP_STACK
#endif

static size_t
guard_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void *
thread_stack_map(void)
{
	size_t size = guard_bytes() + THREAD_STACK_BYTES;
	char *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | STACK_FLAG, -1, 0);

	if (start == MAP_FAILED)
		return NULL;
	if (mprotect(start, guard_bytes(), PROT_NONE) == -1) {
		munmap(start, size);
		return NULL;
	}
#ifdef MADV_NOHUGEPAGE
	/* A stack that needs one page must not get 16 at once, as it would
	 * where the system uses huge pages of 64 KiB. */
	(void)madvise(start, size, MADV_NOHUGEPAGE);
#endif
	return start + guard_bytes();
}

void
thread_stack_unmap(void *lowest)
{
	munmap(
	    (char *)lowest - guard_bytes(), guard_bytes() + THREAD_STACK_BYTES);
}
