/* escape - see escape.h */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* "\xNN" */
#define ESCAPED_BYTES 4

/* The well-formed sequences of RFC 3629, section 4, by their first two bytes */
static const struct {
	uint8_t first_low, first_high;
	uint8_t second_low, second_high;
	uint8_t length;
} sequences[] = {
    {0x00, 0x7f, 0x00, 0xff, 1},
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool
continues(const uint8_t *bytes, size_t length)
{
	for (size_t i = 2; i < length; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t
escape_utf8_length(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
		size_t length = sequences[i].length;

		if (size < length || bytes[0] < sequences[i].first_low ||
		    bytes[0] > sequences[i].first_high)
			continue;
		if (length == 1)
			return 1;
		if (bytes[1] < sequences[i].second_low ||
		    bytes[1] > sequences[i].second_high)
			return 0;
		return continues(bytes, length) ? length : 0;
	}
	return 0;
}

/* Control characters (C0, DEL, and C1, which is U+0080 to U+009F or C2 80 to
 * C2 9F), and those that break a line or change the direction of text. */
static bool
is_control(const char *text, size_t length)
{
	const uint8_t *bytes = (const uint8_t *)text;

	if (length == 1)
		return bytes[0] < 0x20 || bytes[0] == 0x7f;
	if (length == 2)
		return bytes[0] == 0xc2 && bytes[1] < 0xa0;
	/* U+2028 to U+202E, U+2066 to U+2069 */
	return length == 3 && bytes[0] == 0xe2 &&
	       ((bytes[1] == 0x80 && bytes[2] >= 0xa8 && bytes[2] <= 0xae) ||
		   (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9));
}

/* Write one character, or one byte that is not part of any (length 0). Returns
 * how many bytes were written. */
static size_t
escape_one(const char *text, size_t length, char out[static ESCAPED_BYTES + 1])
{
	if (length == 0 || is_control(text, length))
		return (size_t)snprintf(
		    out, ESCAPED_BYTES + 1, "\\x%02x", (unsigned char)*text);
	if (*text == '\\')
		return (size_t)snprintf(out, ESCAPED_BYTES + 1, "\\\\");
	memcpy(out, text, length);
	return length;
}

size_t
escape_text(const char *text, size_t size, char *out, size_t out_size)
{
	size_t used = 0;

	while (size > 0) {
		char one[ESCAPED_BYTES + 1];
		size_t length = escape_utf8_length(text, size);
		size_t wrote = escape_one(text, length, one);
		size_t step = length > 1 && is_control(text, length) ? 1
		              : length == 0                          ? 1
		                                                     : length;

		if (used + wrote >= out_size)
			break;
		memcpy(out + used, one, wrote);
		used += wrote;
		text += step;
		size -= step;
	}
	out[used] = '\0';
	return used;
}
