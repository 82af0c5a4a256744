/*
 * uuid - 128-bit identifiers (RFC 9562), such as challenges and the names of
 * waiting visitors.
 *
 * They are printed in lower case, with hyphens, and read in either case. Pure.
 */
#ifndef REBORE_BASE_UUID_H
#define REBORE_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_BYTES 16
/* 32 digits, 4 hyphens, NUL */
#define UUID_TEXT_SIZE 37

struct uuid {
	uint8_t bytes[UUID_BYTES];
};

/* Make a version 4 UUID of 16 uniform random bytes (RFC 9562, 5.4). */
struct uuid uuid_of_random(const uint8_t random[static UUID_BYTES]);

void uuid_print(const struct uuid *uuid, char text[static UUID_TEXT_SIZE]);

/* Returns false when text is not 8-4-4-4-12 hexadecimal digits. */
bool uuid_parse(const char *text, struct uuid *uuid);

bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif
