/*
 * checksum - tells whether the text of a JSON object is as it was written.
 *
 * The sum, CRC-32 of the text, becomes the last member of the object itself:
 * {"port":80} is sealed as {"port":80,"checksum":"1b2c3d4e"}. It finds what a
 * disk or a hand has changed, and is no protection against a forger.
 */
#ifndef REBORE_BASE_CHECKSUM_H
#define REBORE_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that sealing adds. */
#define CHECKSUM_SIZE (sizeof ",\"checksum\":\"01234567\"" - 1)

enum checksum_verdict {
	CHECKSUM_GOOD,
	/* The text has been changed. */
	CHECKSUM_WRONG,
	/* It has none: it was written by hand, or before there was one. */
	CHECKSUM_MISSING,
};

/* CRC-32 of ISO 3309, as zip, gzip and PNG have it. */
uint32_t checksum_of(const char *bytes, size_t size);

/*
 * Add the checksum.
 *
 * text: an object without blanks at its end, with one member at least; room for
 * CHECKSUM_SIZE bytes more.
 * Returns the new size.
 */
size_t checksum_seal(char *text, size_t size);

/* Look for the checksum, and take it away again when it is good. size: of text,
 * and what is left. */
enum checksum_verdict checksum_open(char *text, size_t *size);

#endif
