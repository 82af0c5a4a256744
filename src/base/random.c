/* random - see random.h */
#include "base/random.h"

#include <bearssl.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under lock. */
static br_hmac_drbg_context generator;

enum error
random_start(void)
{
	br_prng_seeder seed = br_prng_seeder_system(NULL);

	br_hmac_drbg_init(&generator, &br_sha256_vtable, NULL, 0);
	if (seed == NULL || !seed(&generator.vtable))
		return ERROR_SYSTEM;
	return ERROR_NONE;
}

void
random_bytes(void *bytes, size_t size)
{
	pthread_mutex_lock(&lock);
	br_hmac_drbg_generate(&generator, bytes, size);
	pthread_mutex_unlock(&lock);
}

uint32_t
random_u32(void)
{
	uint32_t bits;

	random_bytes(&bits, sizeof bits);
	return bits;
}

struct uuid
random_uuid(void)
{
	uint8_t random[UUID_BYTES];

	random_bytes(random, sizeof random);
	return uuid_of_random(random);
}
