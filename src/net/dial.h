/*
 * dial - opens a TCP connection to the first of several addresses that answers.
 *
 * As in RFC 8305, the addresses are tried in turn, each DIAL_STAGGER_MS after
 * the one before, or at once when that one fails; the first one that connects
 * is used. So a dead address costs a quarter of a second and not the time-out.
 *
 * The state is a plain value that its owner drives through poll(), so that one
 * thread can dial two places at the same time; dial_wait() drives any number.
 */
#ifndef REBORE_NET_DIAL_H
#define REBORE_NET_DIAL_H

#include <poll.h>

#include "net/resolve.h"

/* RFC 8305, section 8: Connection Attempt Delay */
#define DIAL_STAGGER_MS 250
#define DIAL_SLOTS      RESOLVE_ADDRESSES_MOST
#define DIAL_TEXT_SIZE  (2 * ADDRESS_TEXT_SIZE + 200)

enum dial_state {
	/* Attempts are under way. */
	DIAL_GOING,
	/* Connected: fd and peer are good. */
	DIAL_DONE,
	/* All have failed, or the deadline has passed: see dial_reason(). */
	DIAL_FAILED,
};

struct dial {
	enum dial_state state;
	/* On DIAL_DONE, until the owner takes it by setting it to -1. */
	int fd;
	struct address peer;

	/* Private from here. */
	const struct resolve_list *list;
	int64_t deadline_ms;
	int64_t next_ms;
	int64_t again_ms; /* how often each address is tried; 0: once */
	unsigned next;
	int fds[DIAL_SLOTS];
	/* The errno of the last failure, and that of each attempt; 0: none. */
	int failure;
	int failures[DIAL_SLOTS]; /* of each address */
};

/*
 * Begin. Attempts start here, so the state may be final already.
 *
 * list: stays the caller's, and must live as long as dial; may be empty.
 */
void dial_start(
    struct dial *dial, const struct resolve_list *list, int64_t deadline_ms);

/*
 * The same, for a dial that may take long: while no address has answered, all
 * are tried again after again_ms, in addition to the pending attempts, as long
 * as there are slots. Connection requests thus go out often, and a late answer
 * still counts.
 */
void dial_start_again(struct dial *dial, const struct resolve_list *list,
    int64_t deadline_ms, int64_t again_ms);

/* Initialize a dial that was not started: the state is DIAL_FAILED, and
 * dial_end() is legal. */
void dial_none(struct dial *dial);

/*
 * Fill slots with what dial waits for.
 *
 * slots: room for DIAL_SLOTS.
 * wake_ms: lowered to the time when dial_step() is due in any case.
 * Returns the number of slots used; 0 when the state is final.
 */
unsigned dial_poll(
    const struct dial *dial, struct pollfd *slots, int64_t *wake_ms);

/* Process all attempts, after poll(). */
void dial_step(struct dial *dial);

/*
 * Drive count dials until none is DIAL_GOING, or until one of them is final if
 * any is true.
 *
 * count: 2 at most.
 * until_ms: wait no longer than this, whatever the deadlines of the dials.
 * stop_fd: readable when the caller is to end; -1: none.
 * Returns ERROR_STOPPED, ERROR_TIMEOUT: until_ms has come, ERROR_SYSTEM with
 * errno, or ERROR_NONE; the states tell the rest.
 */
enum error dial_wait(struct dial *const *dials, unsigned count, bool any,
    int64_t until_ms, int stop_fd);

/* Write why it failed, with the address that failed last, and one more that
 * failed for the same reason. */
void dial_reason(const struct dial *dial, char text[static DIAL_TEXT_SIZE]);

/* Close whatever is open. Legal more than once. */
void dial_end(struct dial *dial);

#endif
