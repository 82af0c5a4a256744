/*
 * random - unpredictable bytes for challenges, UUIDs and random delays.
 *
 * BearSSL's HMAC-DRBG over SHA-256 (NIST SP 800-90A), seeded once from the
 * system, so that no later call needs a descriptor.
 */
#ifndef REBORE_BASE_RANDOM_H
#define REBORE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

/*
 * Seed the generator. Call once per process, after any fork and before the
 * first thread.
 *
 * Returns ERROR_SYSTEM when the system has no source of randomness.
 */
enum error random_start(void);

/* Fill size bytes. random_start() must have succeeded. Threads: any. */
void random_bytes(void *bytes, size_t size);

/* Returns 32 uniform random bits. Threads: any. */
uint32_t random_u32(void);

/* Returns a UUID that nobody can guess. Threads: any. */
struct uuid random_uuid(void);

#endif
