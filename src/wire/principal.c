/* principal - see principal.h */
#include "wire/principal.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct principal {
	atomic_uint references;
};

struct principal *
principal_create(void)
{
	struct principal *principal = malloc(sizeof *principal);

	if (principal != NULL)
		atomic_init(&principal->references, 1);
	return principal;
}

struct principal *
principal_hold(struct principal *principal)
{
	if (principal != NULL)
		atomic_fetch_add(&principal->references, 1);
	return principal;
}

void
principal_release(struct principal *principal)
{
	if (principal != NULL &&
	    atomic_fetch_sub(&principal->references, 1) == 1)
		free(principal);
}

bool
principal_same(const struct principal *a, const struct principal *b)
{
	return a == b;
}

bool
principal_may_succeed(
    const struct principal *holder, const struct principal *newcomer)
{
	return holder != NULL && newcomer != NULL;
}
