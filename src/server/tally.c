/* tally - see tally.h */
#include "server/tally.h"

#include <assert.h>
#include <stddef.h>

/* The class of a count above 0: its bit length minus one. */
static unsigned
class_of(unsigned count)
{
	unsigned number = 0;

	for (; count > 1; count >>= 1)
		number++;
	assert(number < TALLY_CLASSES);
	return number;
}

static void
unlink_entry(struct tally *tally, struct tally_entry *entry)
{
	if (entry->previous != NULL)
		entry->previous->next = entry->next;
	else
		tally->classes[class_of(entry->count)] = entry->next;
	if (entry->next != NULL)
		entry->next->previous = entry->previous;
}

static void
link_entry(struct tally *tally, struct tally_entry *entry)
{
	struct tally_entry **first = &tally->classes[class_of(entry->count)];

	entry->previous = NULL;
	entry->next = *first;
	if (*first != NULL)
		(*first)->previous = entry;
	*first = entry;
}

void
tally_set(struct tally *tally, struct tally_entry *entry, unsigned count)
{
	unsigned before = entry->count;

	if (before > 0 && count > 0 && class_of(before) == class_of(count)) {
		entry->count = count;
		return;
	}
	if (before > 0)
		unlink_entry(tally, entry);
	entry->count = count;
	if (count > 0)
		link_entry(tally, entry);
}

struct tally_entry *
tally_most(const struct tally *tally)
{
	struct tally_entry *most = NULL;
	struct tally_entry *entry = NULL;

	for (int i = TALLY_CLASSES - 1; i >= 0 && entry == NULL; i--)
		entry = tally->classes[i];
	for (int i = 0; i < TALLY_LOOK_MOST && entry != NULL;
	     i++, entry = entry->next)
		if (most == NULL || entry->count > most->count)
			most = entry;
	return most;
}
