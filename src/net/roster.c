/* roster - see roster.h */
#include "net/roster.h"

#include <assert.h>
#include <stddef.h>
#include <sys/socket.h>

void
roster_init(struct roster *roster)
{
	lock_init(&roster->lock, LOCK_RANK_ROSTER);
	roster->oldest = NULL;
	roster->newest = NULL;
	roster->count = 0;
	roster->expected = 0;
	roster->closed = false;
	lock_condition_init(&roster->empty);
}

void
roster_destroy(struct roster *roster)
{
	lock_condition_destroy(&roster->empty);
	lock_destroy(&roster->lock);
}

unsigned
roster_enter(struct roster *roster, struct roster_entry *entry, int first_fd,
    int second_fd)
{
	unsigned count = 0;

	entry->fds[0] = first_fd;
	entry->fds[1] = second_fd;
	atomic_init(&entry->interrupted, false);
	entry->newer = NULL;
	lock_take(&roster->lock);
	entry->older = roster->newest;
	if (!roster->closed) {
		if (roster->newest != NULL)
			roster->newest->newer = entry;
		else
			roster->oldest = entry;
		roster->newest = entry;
		count = ++roster->count;
	}
	lock_give(&roster->lock);
	return count;
}

/*
 * Ending only the receiving side wakes the owner with an end of file, and
 * tells the peer nothing: the owner's reset is the first that the peer hears.
 * An end of file in its place would look like a complete answer.
 */
static void
end_reading(struct roster *roster, struct roster_entry *entry)
{
	lock_assert_held(&roster->lock);
	atomic_store(&entry->interrupted, true);
	for (int i = 0; i < 2; i++)
		if (entry->fds[i] != -1)
			shutdown(entry->fds[i], SHUT_RD);
}

void
roster_set(
    struct roster *roster, struct roster_entry *entry, unsigned which, int fd)
{
	lock_take(&roster->lock);
	entry->fds[which] = fd;
	if (roster->closed || atomic_load(&entry->interrupted))
		end_reading(roster, entry);
	lock_give(&roster->lock);
}

void
roster_leave(struct roster *roster, struct roster_entry *entry)
{
	lock_take(&roster->lock);
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		roster->oldest = entry->newer;
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		roster->newest = entry->older;
	if (--roster->count == 0 && roster->expected == 0)
		lock_condition_tell(&roster->empty);
	lock_give(&roster->lock);
}

bool
roster_interrupted(const struct roster_entry *entry)
{
	return atomic_load(&entry->interrupted);
}

bool
roster_interrupt_oldest(struct roster *roster)
{
	struct roster_entry *entry;

	lock_take(&roster->lock);
	entry = roster->oldest;
	while (entry != NULL && atomic_load(&entry->interrupted))
		entry = entry->newer;
	if (entry != NULL)
		end_reading(roster, entry);
	lock_give(&roster->lock);
	return entry != NULL;
}

void
roster_interrupt(struct roster *roster, struct roster_entry *entry)
{
	lock_take(&roster->lock);
	if (!atomic_load(&entry->interrupted))
		end_reading(roster, entry);
	lock_give(&roster->lock);
}

void
roster_expect(struct roster *roster)
{
	lock_take(&roster->lock);
	roster->expected++;
	lock_give(&roster->lock);
}

void
roster_arrive(struct roster *roster)
{
	lock_take(&roster->lock);
	assert(roster->expected > 0);
	if (--roster->expected == 0 && roster->count == 0)
		lock_condition_tell(&roster->empty);
	lock_give(&roster->lock);
}

unsigned
roster_wait_empty(struct roster *roster, int64_t deadline_ms)
{
	bool in_time = true;
	unsigned count;

	lock_take(&roster->lock);
	while (roster->count + roster->expected > 0 && in_time)
		in_time = lock_condition_wait(
		    &roster->empty, &roster->lock, deadline_ms);
	count = roster->count + roster->expected;
	lock_give(&roster->lock);
	return count;
}

void
roster_interrupt_all(struct roster *roster)
{
	lock_take(&roster->lock);
	roster->closed = true;
	for (struct roster_entry *entry = roster->oldest; entry != NULL;
	     entry = entry->newer)
		end_reading(roster, entry);
	lock_give(&roster->lock);
}
