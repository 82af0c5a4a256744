/*
 * vectors - reads the files of tests/vectors/, for unit tests.
 *
 * One vector a line, fields parted by a tab, bytes that a text file cannot hold
 * as %XX, a per cent sign as %25; "#" begins a comment. Python reads the same
 * by urllib.parse.unquote_to_bytes().
 */
#ifndef REBORE_TESTS_VECTORS_H
#define REBORE_TESTS_VECTORS_H

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "suite.h"

#define VECTORS_FIELDS_MOST 8
#define VECTORS_LINE_SIZE   2048

struct vectors {
	FILE *file;
	const char *name;
	unsigned line;
	unsigned count;
	/* Of the line that was read last; decoded, with a NUL behind each. */
	char text[VECTORS_LINE_SIZE];
	const char *fields[VECTORS_FIELDS_MOST];
	size_t sizes[VECTORS_FIELDS_MOST];
	unsigned used;
};

static inline void
vectors_open(struct vectors *vectors, const char *name)
{
	const char *folder = getenv("top_srcdir");
	char path[1024];

	memset(vectors, 0, sizeof *vectors);
	vectors->name = name;
	snprintf(path, sizeof path, "%s/tests/vectors/%s",
	    folder ? folder : ".", name);
	vectors->file = fopen(path, "r");
	ck_assert_msg(vectors->file != NULL,
	    "%s: cannot open; top_srcdir has to be set", path);
}

/* Decode %XX in place. Returns the length. */
static inline size_t
vectors_decode(char *field)
{
	char *out = field;

	for (const char *in = field; *in != '\0'; in++) {
		char digits[3] = "";
		uint8_t byte;

		if (*in == '%') {
			memcpy(digits, in + 1, 2);
			ck_assert(hex_parse(digits, &byte, 1));
			*out++ = (char)byte;
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return (size_t)(out - field);
}

/* Read the next vector. False at the end, which closes the file. */
static inline bool
vectors_next(struct vectors *vectors)
{
	char *rest = vectors->text;

	do {
		if (fgets(rest, VECTORS_LINE_SIZE, vectors->file) == NULL) {
			fclose(vectors->file);
			ck_assert_uint_gt(vectors->count, 0);
			return false;
		}
		vectors->line++;
	} while (*rest == '#' || *rest == '\n');
	rest[strcspn(rest, "\n")] = '\0';
	vectors->count++;
	for (vectors->used = 0; rest != NULL; vectors->used++) {
		char *field = strsep(&rest, "\t");

		ck_assert_uint_lt(vectors->used, VECTORS_FIELDS_MOST);
		vectors->fields[vectors->used] = field;
		vectors->sizes[vectors->used] = vectors_decode(field);
	}
	return true;
}

#endif
