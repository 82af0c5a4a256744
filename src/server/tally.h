/*
 * tally - things that have some number each, and which of them has most.
 *
 * They are kept in classes by the length of their number in bits, so that a
 * change costs the same however many there are. Pure.
 */
#ifndef REBORE_SERVER_TALLY_H
#define REBORE_SERVER_TALLY_H

/* Numbers are below 2^TALLY_CLASSES. */
#define TALLY_CLASSES 20
/* So many of the highest class are looked at for the one that has most. */
#define TALLY_LOOK_MOST 64

/* Part of each thing; all zero is one that has none. */
struct tally_entry {
	unsigned count;
	/* Private. */
	struct tally_entry *next, *previous;
};

/* Fields are private; all zero is an empty one. */
struct tally {
	struct tally_entry *classes[TALLY_CLASSES];
};

/* The thing has count from now on; 0: it is forgotten, and may be released. */
void tally_set(struct tally *tally, struct tally_entry *entry, unsigned count);

/*
 * Returns the one that has most, or NULL: none has any. Where more than
 * TALLY_LOOK_MOST have numbers as long as the greatest, it may be one of those
 * with less, but more than half as much.
 */
struct tally_entry *tally_most(const struct tally *tally);

#endif
