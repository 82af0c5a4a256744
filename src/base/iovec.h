/*
 * iovec - text as a piece of a gathering write, such as writev(2).
 */
#ifndef REBORE_BASE_IOVEC_H
#define REBORE_BASE_IOVEC_H

#include <string.h>
#include <sys/uio.h>

/*
 * Returns text, without its NUL, as a piece to be written; it must live as long
 * as the piece is used. The union drops const, which struct iovec lacks because
 * it serves for reading as well.
 */
static inline struct iovec
iovec_of_text(const char *text)
{
	const union {
		const char *in;
		void *out;
	} pointer = {text};

	return (struct iovec){pointer.out, strlen(text)};
}

#endif
