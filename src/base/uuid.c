/* uuid - see uuid.h */
#include "base/uuid.h"

#include <stddef.h>
#include <string.h>

#include "base/hex.h"

/* Bytes per group, between hyphens */
static const size_t groups[] = {4, 2, 2, 2, 6};

#define GROUPS (sizeof groups / sizeof *groups)

struct uuid
uuid_of_random(const uint8_t random[static UUID_BYTES])
{
	struct uuid uuid;

	memcpy(uuid.bytes, random, UUID_BYTES);
	uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
	uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
	return uuid;
}

void
uuid_print(const struct uuid *uuid, char text[static UUID_TEXT_SIZE])
{
	const uint8_t *bytes = uuid->bytes;

	for (size_t i = 0; i < GROUPS; i++) {
		if (i > 0)
			*text++ = '-';
		hex_print(bytes, groups[i], text);
		bytes += groups[i];
		text += 2 * groups[i];
	}
}

bool
uuid_parse(const char *text, struct uuid *uuid)
{
	char digits[2 * UUID_BYTES + 1];
	char *end = digits;

	if (strlen(text) != UUID_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < GROUPS; i++) {
		if (i > 0 && *text++ != '-')
			return false;
		memcpy(end, text, 2 * groups[i]);
		end += 2 * groups[i];
		text += 2 * groups[i];
	}
	*end = '\0';
	return hex_parse(digits, uuid->bytes, UUID_BYTES);
}

bool
uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_BYTES) == 0;
}
