/*
 * tally - finds the largest of many counters.
 *
 * Entries are grouped into classes by the bit length of their count, so that a
 * change costs the same however many there are. Pure.
 */
#ifndef REBORE_SERVER_TALLY_H
#define REBORE_SERVER_TALLY_H

/* Counts are below 2^TALLY_CLASSES. */
#define TALLY_CLASSES 20
/* How many entries of the highest class are compared. */
#define TALLY_LOOK_MOST 64

/* Part of whatever is counted; all zero: not in the tally. */
struct tally_entry {
	unsigned count;
	/* Private. */
	struct tally_entry *next, *previous;
};

/* Fields are private; all zero: empty. */
struct tally {
	struct tally_entry *classes[TALLY_CLASSES];
};

/* Set the count of an entry. 0 removes it, after which it may be freed. */
void tally_set(struct tally *tally, struct tally_entry *entry, unsigned count);

/*
 * Returns the entry with the highest count, or NULL when there is none. If the
 * highest class has more than TALLY_LOOK_MOST entries, the result may be one of
 * its lower ones, which still has more than half of the highest count.
 */
struct tally_entry *tally_most(const struct tally *tally);

#endif
