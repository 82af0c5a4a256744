/*
 * roster - the connections of a kind that are alive, so that they can be ended
 * from outside.
 *
 * The owner of a connection enters it, uses it alone, and leaves before it
 * closes the descriptors. Others may only interrupt: the owner then finds the
 * end of file on them, asks roster_interrupted(), and resets.
 */
#ifndef REBORE_NET_ROSTER_H
#define REBORE_NET_ROSTER_H

#include <stdbool.h>

#include "os/lock.h"

/* Fields are private. */
struct roster_entry {
	/* Under the roster's lock. */
	int fds[2];
	struct roster_entry *newer, *older;
	atomic_bool interrupted;
};

/* Fields are private. */
struct roster {
	struct lock lock;
	/* Under lock. */
	struct roster_entry *oldest, *newest;
	unsigned count;
	unsigned expected;
	bool closed;
	struct lock_condition empty;
};

void roster_init(struct roster *roster);
void roster_destroy(struct roster *roster);

/*
 * Enter a connection, which remains the caller's.
 *
 * entry: used by the roster until roster_leave(); zeroed by this.
 * second_fd: -1 if there is only one.
 * Returns the number of entries, including the new one, or 0 when
 * roster_interrupt_all() was called: then the connection is not entered.
 */
unsigned roster_enter(struct roster *roster, struct roster_entry *entry,
    int first_fd, int second_fd);

/* Change one of the two descriptors of an entry, before the old one is closed.
 * which: 0 or 1. fd: -1: there is none any more. */
void roster_set(
    struct roster *roster, struct roster_entry *entry, unsigned which, int fd);

/* Remove the connection, before its descriptors are closed. */
void roster_leave(struct roster *roster, struct roster_entry *entry);

/* Returns whether the owner is asked to end. Threads: any. */
bool roster_interrupted(const struct roster_entry *entry);

/*
 * Interrupt the connection that was entered first and is not interrupted yet.
 * Returns false when there is none.
 */
bool roster_interrupt_oldest(struct roster *roster);

/* Interrupt a connection that is entered, once. */
void roster_interrupt(struct roster *roster, struct roster_entry *entry);

/* A connection is on its way to roster_enter(): roster_wait_empty() waits for
 * it as well, until roster_arrive(), which follows in any case. */
void roster_expect(struct roster *roster);
void roster_arrive(struct roster *roster);

/* Wait until nobody is entered or expected, or until deadline_ms. Returns how
 * many are. */
unsigned roster_wait_empty(struct roster *roster, int64_t deadline_ms);

/* Interrupt all, and let nobody enter any more. */
void roster_interrupt_all(struct roster *roster);

#endif
