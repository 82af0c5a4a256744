/*
 * options_suggest - what a mistyped word may have been meant to be.
 *
 * Pure: no I/O, no memory of its own.
 */
#ifndef REBORE_OPTIONS_SUGGEST_H
#define REBORE_OPTIONS_SUGGEST_H

#include <stddef.h>

#include "config.h"

/* Longer words are not compared. */
#define OPTIONS_WORD_MOST 32

/*
 * Count the letters to insert, delete, replace or swap with their neighbour
 * until one word is the other (the optimal string alignment distance).
 *
 * a_length, b_length: at most OPTIONS_WORD_MOST.
 */
unsigned options_distance(
    const char *a, size_t a_length, const char *b, size_t b_length);

/*
 * Find the long option of a command that is most like word.
 *
 * word, length: without hyphens and value; need not end in NUL.
 * Returns its name without hyphens, or NULL when none is close. One wrong
 * letter is close, and two are in a word of six letters or more.
 */
const char *options_suggest(
    enum config_command command, const char *word, size_t length);

#endif
