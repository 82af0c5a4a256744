/*
 * hex - bytes as hexadecimal digits and back.
 */
#ifndef REBORE_BASE_HEX_H
#define REBORE_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Write size bytes as lower-case digits.
 *
 * text: room for 2 * size digits and a NUL.
 */
void hex_print(const uint8_t *bytes, size_t size, char *text);

/*
 * Read exactly 2 * size digits of either case and nothing else.
 *
 * Returns false when text is anything else; bytes are undefined then.
 */
bool hex_parse(const char *text, uint8_t *bytes, size_t size);

#endif
