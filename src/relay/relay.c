/* relay - see relay.h */
#include "relay/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "net/sockopt.h"
#include "os/stack_trim.h"
#include "relay/relay_flow.h"

/* Lets an interruption wake poll() even while there is nothing to read. Where
 * the system lacks it, wait_for_events() checks for an interruption now and
 * then. */
#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* After this much silence the relay prepares for a long one. */
#define IDLE_MS 200

/* How often to check for an interruption where it does not wake poll(). */
#define LOOK_MS 500

/* One of the two connections, as poll() sees it. */
struct side {
	struct relay_flow *reads;
	struct relay_flow *writes;
	/* poll() has reported by POLLRDHUP that the peer has ended its side. It
	 * would do so again at once, although there may be bytes to read before
	 * the end. */
	bool half_closed;
	/* Both directions are closed, or the connection broke: poll() has
	 * nothing new to report. */
	bool hung_up;
};

static struct pollfd
interest_of(const struct side *side)
{
	short events = 0;

	if (relay_flow_wants_read(side->reads))
		events |= POLLIN;
	if (relay_flow_wants_write(side->writes))
		events |= POLLOUT;
	if (!side->half_closed && !side->reads->ended)
		events |= POLLRDHUP;
	if (side->hung_up && events == 0)
		/* POLLHUP cannot be masked: poll() would not wait. */
		return (struct pollfd){.fd = -1};
	return transport_poll(&side->reads->from, events);
}

/*
 * Note what poll() has reported for a side. A read finds a failure anyway,
 * after the bytes before it; if nothing is read, ask the socket for it.
 *
 * Returns ERROR_RESET with errno when the connection is broken.
 */
static enum error
look_at(struct side *side, short revents)
{
	int failure;

	if ((revents & POLLRDHUP) != 0)
		side->half_closed = true;
	if ((revents & POLLHUP) != 0)
		side->hung_up = true;
	if ((revents & POLLERR) == 0 || relay_flow_wants_read(side->reads))
		return ERROR_NONE;
	side->hung_up = true;
	failure = sockopt_take_error(transport_fd(&side->reads->from));
	if (failure == 0)
		return ERROR_NONE;
	side->reads->from_broke = true;
	errno = failure;
	return ERROR_RESET;
}

/* Whether poll() is woken by an interruption, which ends the receiving side. */
static bool
is_wakeable(const struct pollfd *slot)
{
	return slot->fd != -1 && (slot->events & (POLLIN | POLLRDHUP)) != 0;
}

/* Returns the time-out for poll(): none, once the relay is idle. */
static int
poll_timeout_ms(const struct pollfd slots[static 2], bool trimmed)
{
	if (!trimmed)
		return IDLE_MS;
	return is_wakeable(&slots[0]) || is_wakeable(&slots[1]) ? -1 : LOOK_MS;
}

/* Wait for events. Before the first long wait, give back what is not in use. */
static enum error
wait_for_events(
    const struct relay *relay, struct pollfd slots[static 2], bool *trimmed)
{
	int ready;

	do {
		ready = poll(slots, 2, poll_timeout_ms(slots, *trimmed));
		if (roster_interrupted(relay->entry))
			return ERROR_STOPPED;
		if (ready == -1 && errno != EINTR && errno != EAGAIN)
			return ERROR_SYSTEM;
		if (ready == 0 && !*trimmed) {
			stack_trim();
			*trimmed = true;
		}
	} while (ready <= 0);
	return ERROR_NONE;
}

static enum error
wait_for(const struct relay *relay, struct side sides[static 2],
    struct pollfd slots[static 2], bool *trimmed)
{
	enum error error;

	slots[0] = interest_of(&sides[0]);
	slots[1] = interest_of(&sides[1]);
	error = wait_for_events(relay, slots, trimmed);
	for (int i = 0; i < 2 && error == ERROR_NONE; i++)
		error = look_at(&sides[i], slots[i].revents);
	return error;
}

/*
 * Move bytes in one direction if its sides are ready. An end of file that is
 * caused by an interruption is not passed on: it would make a truncated answer
 * look complete. The interruption is marked before its end of file can be read,
 * so it is never missed here.
 */
static enum error
step(const struct relay *relay, struct relay_flow *flow, short from, short to)
{
	enum error error;

	if ((from & ~POLLOUT) == 0 && (to & POLLOUT) == 0)
		return ERROR_NONE;
	error = relay_flow_step(flow);
	if (roster_interrupted(relay->entry))
		return ERROR_STOPPED;
	if (error == ERROR_NONE)
		relay_flow_pass_end(flow);
	return error;
}

/* Set the flag of relay->carried. Many relays share it and would contend for
 * its cache line, so it is only written if it is not set yet. */
static void
set_carried(const struct relay *relay)
{
	if (relay->carried != NULL &&
	    !atomic_load_explicit(relay->carried, memory_order_relaxed))
		atomic_store_explicit(
		    relay->carried, true, memory_order_relaxed);
}

static enum error
copy_both_ways(
    struct relay *relay, struct relay_flow *inward, struct relay_flow *outward)
{
	struct side sides[2] = {
	    {.reads = inward, .writes = outward},
	    {.reads = outward, .writes = inward},
	};
	/* The first step writes the bytes that are already there. */
	struct pollfd slots[2] = {
	    {.revents = relay_flow_wants_write(outward) ? POLLOUT : 0},
	    {.revents = relay_flow_wants_write(inward) ? POLLOUT : 0},
	};
	bool trimmed = false;
	enum error error = ERROR_NONE;

	while (error == ERROR_NONE &&
	       !(inward->end_passed_on && outward->end_passed_on)) {
		uint64_t moved = inward->moved;

		error = step(relay, inward, slots[0].revents, slots[1].revents);
		if (inward->moved != moved)
			set_carried(relay);
		if (error == ERROR_NONE)
			error = step(
			    relay, outward, slots[1].revents, slots[0].revents);
		if (error == ERROR_NONE &&
		    !(inward->end_passed_on && outward->end_passed_on))
			error = wait_for(relay, sides, slots, &trimmed);
	}
	return error;
}

static enum relay_outcome
outcome_of(enum error error, const struct relay_flow *inward,
    const struct relay_flow *outward)
{
	if (error == ERROR_NONE)
		return RELAY_FINISHED;
	if (error == ERROR_STOPPED)
		return RELAY_INTERRUPTED;
	if (inward->from_broke || outward->to_broke)
		return RELAY_DATA_BROKEN;
	if (outward->from_broke || inward->to_broke)
		return RELAY_END_BROKEN;
	return RELAY_FAILED;
}

enum relay_outcome
relay_run(struct relay *relay)
{
	struct relay_flow inward;
	struct relay_flow outward;
	enum error error;
	int saved;

	relay_flow_init(&inward, relay->data, relay->end);
	relay_flow_init(&outward, relay->end, relay->data);
	relay_flow_put(&inward, relay->early, relay->early_size);
	relay_flow_put(&outward, relay->read_ahead, relay->read_ahead_size);
	error = copy_both_ways(relay, &inward, &outward);
	saved = errno;
	relay->to_end = inward.moved;
	relay->to_data = outward.moved;
	relay_flow_end(&inward);
	relay_flow_end(&outward);
	if (error) {
		transport_reset(&relay->data);
		transport_reset(&relay->end);
	}
	errno = saved;
	return outcome_of(error, &inward, &outward);
}

bool
relay_is_broken(enum relay_outcome outcome)
{
	return outcome == RELAY_DATA_BROKEN || outcome == RELAY_END_BROKEN ||
	       outcome == RELAY_FAILED;
}

const char *
relay_ending(enum relay_outcome outcome)
{
	switch (outcome) {
	case RELAY_FINISHED:
		return "";
	case RELAY_DATA_BROKEN:
	case RELAY_END_BROKEN:
	case RELAY_FAILED:
		return ", reset";
	case RELAY_INTERRUPTED:
		return ", cut off by our stop";
	}
	return "";
}
