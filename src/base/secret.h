/*
 * secret - wiping and comparing bytes that nobody else may learn.
 */
#ifndef REBORE_BASE_SECRET_H
#define REBORE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrite size bytes with zeros, in a way that no compiler removes. */
void secret_wipe(void *bytes, size_t size);

/*
 * Overwrite the stack below the caller's frame, where functions of a library
 * that were called before may have left what they worked on: 1 KiB of it.
 */
void secret_wipe_stack(void);

/*
 * Compare size bytes in a time that does not depend on their content.
 *
 * Returns true when they are equal.
 */
bool secret_equal(const void *a, const void *b, size_t size);

#endif
