/*
 * checksum - detects changes to the text of a JSON object since it was written.
 *
 * The sum, CRC-32 of the text, becomes the last member of the object itself:
 * {"port":80} is sealed as {"port":80,"checksum":"1b2c3d4e"}. It
 * reveals a corrupted or edited file, and does not protect against forgery.
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
	/* The text has no checksum: it was written by hand, or by a version
	 * that had none. */
	CHECKSUM_MISSING,
};

/* CRC-32 of ISO 3309, as in zip, gzip and PNG. */
uint32_t checksum_of(const char *bytes, size_t size);

/*
 * Add the checksum.
 *
 * text: an object with at least one member that ends with its '}', in a buffer
 * with room for CHECKSUM_SIZE bytes more.
 * Returns the new size.
 */
size_t checksum_seal(char *text, size_t size);

/* Verify the checksum, and remove it when it is right: then size becomes that
 * of the text before it was sealed. */
enum checksum_verdict checksum_open(char *text, size_t *size);

#endif
