/* relay - see relay.h */
#include "relay/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "net/sockopt.h"
#include "os/stack.h"
#include "relay/relay_flow.h"

/* Tells of an interruption also while nothing is to be read; where the system
 * does not have it, the end of the process does. */
#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* A connection that is silent for so long may stay so. */
#define IDLE_MS 200

/* Where an interruption cannot wake a relay, it looks so often by itself. */
#define LOOK_MS 500

/* One of the two connections, as poll() sees it. */
struct end {
	struct relay_flow *reads;
	struct relay_flow *writes;
	/* Its peer has ended, as POLLRDHUP has said: it would say so for ever,
	 * though there may be bytes to read before that. */
	bool half;
	/* It has hung up both ways, and all that poll() could say is known. */
	bool quiet;
};

static struct pollfd
interest_of(const struct end *end)
{
	short events = 0;

	if (relay_flow_wants_read(end->reads))
		events |= POLLIN;
	if (relay_flow_wants_write(end->writes))
		events |= POLLOUT;
	if (!end->half && !end->reads->ended)
		events |= POLLRDHUP;
	if (end->quiet && events == 0)
		/* POLLHUP cannot be masked: it would spin. */
		return (struct pollfd){.fd = -1};
	return transport_poll(&end->reads->from, events);
}

/*
 * Look at what poll() said of an end. Reading reports a failure by itself,
 * behind the bytes that came before it; where nothing is to be read, ask.
 *
 * Returns ERROR_RESET with errno when the connection is broken.
 */
static enum error
look_at(struct end *end, short revents)
{
	int failure;

	if ((revents & POLLRDHUP) != 0)
		end->half = true;
	if ((revents & POLLHUP) != 0)
		end->quiet = true;
	if ((revents & POLLERR) == 0 || relay_flow_wants_read(end->reads))
		return ERROR_NONE;
	end->quiet = true;
	failure = sockopt_take_error(transport_fd(&end->reads->from));
	if (failure == 0)
		return ERROR_NONE;
	end->reads->from_broke = true;
	errno = failure;
	return ERROR_RESET;
}

/* Whether an interruption, which ends the receiving side, wakes poll(). */
static bool
is_wakeable(const struct pollfd *slot)
{
	return slot->fd != -1 && (slot->events & (POLLIN | POLLRDHUP)) != 0;
}

/* How long to wait: without end, as a rule. */
static int
wait_ms(const struct pollfd slots[static 2], bool trimmed)
{
	if (!trimmed)
		return IDLE_MS;
	return is_wakeable(&slots[0]) || is_wakeable(&slots[1]) ? -1 : LOOK_MS;
}

/* Wait for events; before the first long wait, tidy up. */
static enum error
wait_for_events(
    const struct relay *relay, struct pollfd slots[static 2], bool *trimmed)
{
	int ready;

	do {
		ready = poll(slots, 2, wait_ms(slots, *trimmed));
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
wait_for(const struct relay *relay, struct end ends[static 2],
    struct pollfd slots[static 2], bool *trimmed)
{
	enum error error;

	slots[0] = interest_of(&ends[0]);
	slots[1] = interest_of(&ends[1]);
	error = wait_for_events(relay, slots, trimmed);
	for (int i = 0; i < 2 && error == ERROR_NONE; i++)
		error = look_at(&ends[i], slots[i].revents);
	return error;
}

/*
 * Move one direction if its ends are ready. An end of file that comes of an
 * interruption is not passed on: to the other side it would look like a
 * complete answer. (The interruption is marked before it can be read.)
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
		relay_flow_tell(flow);
	return error;
}

/* Many relays tell the same: what is set already is not written again, so that
 * they do not contend for it. */
static void
tell_carried(const struct relay *relay)
{
	if (relay->carried != NULL &&
	    !atomic_load_explicit(relay->carried, memory_order_relaxed))
		atomic_store_explicit(
		    relay->carried, true, memory_order_relaxed);
}

static enum error
run(struct relay *relay, struct relay_flow *inward, struct relay_flow *outward)
{
	struct end ends[2] = {
	    {.reads = inward, .writes = outward},
	    {.reads = outward, .writes = inward},
	};
	/* The first step writes what there is already. */
	struct pollfd slots[2] = {
	    {.revents = relay_flow_wants_write(outward) ? POLLOUT : 0},
	    {.revents = relay_flow_wants_write(inward) ? POLLOUT : 0},
	};
	bool trimmed = false;
	enum error error = ERROR_NONE;

	while (error == ERROR_NONE && !(inward->told && outward->told)) {
		uint64_t moved = inward->moved;

		error = step(relay, inward, slots[0].revents, slots[1].revents);
		if (inward->moved != moved)
			tell_carried(relay);
		if (error == ERROR_NONE)
			error = step(
			    relay, outward, slots[1].revents, slots[0].revents);
		if (error == ERROR_NONE && !(inward->told && outward->told))
			error = wait_for(relay, ends, slots, &trimmed);
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
	relay_flow_put(&outward, relay->kept, relay->kept_size);
	error = run(relay, &inward, &outward);
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
