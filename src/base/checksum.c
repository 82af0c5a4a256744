/* checksum - see checksum.h */
#include "base/checksum.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The polynomial of CRC-32, bits reversed. */
#define POLYNOMIAL UINT32_C(0xedb88320)

uint32_t
checksum_of(const char *bytes, size_t size)
{
	uint32_t sum = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		sum ^= (unsigned char)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
	}
	return ~sum;
}

/* Print what replaces the final '}' of the object, including a new '}'. */
static void
print_member(uint32_t sum, char member[static CHECKSUM_SIZE + 2])
{
	snprintf(
	    member, CHECKSUM_SIZE + 2, ",\"checksum\":\"%08" PRIx32 "\"}", sum);
}

size_t
checksum_seal(char *text, size_t size)
{
	char member[CHECKSUM_SIZE + 2];

	assert(size > 2 && text[size - 1] == '}');
	print_member(checksum_of(text, size), member);
	memcpy(text + size - 1, member, sizeof member - 1);
	return size + CHECKSUM_SIZE;
}

enum checksum_verdict
checksum_open(char *text, size_t *size)
{
	char member[CHECKSUM_SIZE + 2];
	size_t digits = sizeof "01234567\"}" - 1;
	size_t rest;
	char *last;

	print_member(0, member);
	if (*size < CHECKSUM_SIZE + 2)
		return CHECKSUM_MISSING;
	rest = *size - CHECKSUM_SIZE;
	last = text + rest - 1;
	if (memcmp(last, member, CHECKSUM_SIZE + 1 - digits) != 0)
		return CHECKSUM_MISSING;
	/* The sum is that of the text before it was sealed, which ended
	 * here. */
	*last = '}';
	print_member(checksum_of(text, rest), member);
	if (memcmp(last + 1, member + 1, CHECKSUM_SIZE) != 0) {
		*last = ',';
		return CHECKSUM_WRONG;
	}
	*size = rest;
	return CHECKSUM_GOOD;
}
