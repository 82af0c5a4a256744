/* options_suggest - see options_suggest.h */
#include "options_suggest.h"

#include <assert.h>
#include <string.h>

#include "options_table.h"

/* So many letters may be wrong; more than one only if no more than one in so
 * many. */
#define DISTANCE_MOST 2
#define LETTERS_EACH  ((size_t)3)

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
options_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	/* The distances of a's beginnings to those of b: this row, and the two
	 * before it. */
	unsigned rows[3][OPTIONS_WORD_MOST + 1];

	assert(a_length <= OPTIONS_WORD_MOST && b_length <= OPTIONS_WORD_MOST);
	for (unsigned j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3];
		const unsigned *above_that = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned wrong = a[i - 1] != b[j - 1];

			row[j] = least(least(above[j], row[j - 1]) + 1,
			    above[j - 1] + wrong);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], above_that[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *
options_suggest(enum config_command command, const char *word, size_t length)
{
	const char *nearest = NULL;
	unsigned best = DISTANCE_MOST + 1;

	if (length > OPTIONS_WORD_MOST)
		return NULL;
	for (int i = 0; i < OPTIONS_ROW_COUNT; i++) {
		const struct options_row *row = &options_rows[i];
		unsigned distance;

		if (row->is_operand || !(row->commands & command))
			continue;
		distance = options_distance(
		    word, length, row->name, strlen(row->name));
		if (distance < best &&
		    (distance == 1 || distance * LETTERS_EACH <= length)) {
			best = distance;
			nearest = row->name;
		}
	}
	return nearest;
}
