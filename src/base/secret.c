/* secret - see secret.h */
#include "base/secret.h"

#include <stdint.h>
#include <string.h>

/* BearSSL's hash uses less than half of that in its frames. */
#define WIPED_BYTES 1024

/* The pointer is volatile, so the compiler cannot assume that it points to
 * memset() and drop the call. */
static void *(*const volatile overwrite)(void *, int, size_t) = memset;

void
secret_wipe(void *bytes, size_t size)
{
	overwrite(bytes, 0, size);
}

/* A frame of its own, where the frames of other functions were. */
__attribute__((__noinline__)) void
secret_wipe_stack(void)
{
	char frame[WIPED_BYTES];

	secret_wipe(frame, sizeof frame);
}

bool
secret_equal(const void *a, const void *b, size_t size)
{
	const uint8_t *left = a;
	const uint8_t *right = b;
	unsigned difference = 0;

	for (size_t i = 0; i < size; i++)
		difference |= (unsigned)(left[i] ^ right[i]);
	return difference == 0;
}
