/*
 * escape - text of unknown origin, made safe for a log and a terminal.
 *
 * Control characters (C0, DEL, C1), line separators, characters that change the
 * direction of text, and bytes that are not UTF-8 become \xNN; a backslash
 * becomes two. The result is valid UTF-8 on one line. Pure.
 */
#ifndef REBORE_BASE_ESCAPE_H
#define REBORE_BASE_ESCAPE_H

#include <stddef.h>

/*
 * Escape size bytes of text.
 *
 * out: room for out_size bytes, 1 or more; the result is cut between characters
 * where it does not fit, and always ends with NUL.
 * Returns its length without the NUL.
 */
size_t escape_text(const char *text, size_t size, char *out, size_t out_size);

/*
 * Returns the length of the UTF-8 character at the start of text, 1 to 4, or 0
 * when there is none within size bytes (RFC 3629: no surrogates, nothing
 * overlong, nothing above U+10FFFF).
 */
size_t escape_utf8_length(const char *text, size_t size);

#endif
