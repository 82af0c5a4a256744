/* dial - see dial.h */
#include "net/dial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/socket.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "os/lock.h"

/* dial_wait() never drives more dials than this. */
#define DIALS_MOST 2

void
dial_none(struct dial *dial)
{
	memset(dial, 0, sizeof *dial);
	dial->state = DIAL_FAILED;
	dial->fd = -1;
	for (unsigned i = 0; i < DIAL_SLOTS; i++)
		dial->fds[i] = -1;
}

static bool
is_pending(const struct dial *dial)
{
	for (unsigned i = 0; i < dial->next; i++)
		if (dial->fds[i] != -1)
			return true;
	return false;
}

/* Whether there is another attempt to make: an address that refuses is not
 * tried again. */
static bool
has_next(const struct dial *dial)
{
	return dial->next < dial->list->count ||
	       (dial->again_ms > 0 && dial->next < DIAL_SLOTS &&
		   dial->next_ms < dial->deadline_ms && is_pending(dial));
}

static void
fail_attempt(struct dial *dial, unsigned index, int failure)
{
	fd_close(&dial->fds[index]);
	dial->failure = failure;
	dial->failures[index % dial->list->count] = failure;
	/* The next address need not wait for its turn. */
	if (dial->next < dial->list->count)
		dial->next_ms = clock_now_ms();
}

/*
 * A port that nobody listens on, but that the system has just chosen as our
 * own: TCP connects such a socket to itself (simultaneous open, RFC 9293, 3.5),
 * and it holds the port of the service.
 */
static bool
is_to_itself(int fd, const struct address *dialled)
{
	struct address own, peer;

	return address_of_socket(fd, &own) &&
	       address_port(&own) == address_port(dialled) &&
	       address_of_peer(fd, &peer) && address_equal(&own, &peer);
}

/* Returns the address of an attempt. */
static const struct address *
address_of_attempt(const struct dial *dial, unsigned index)
{
	return &dial->list->addresses[index % dial->list->count];
}

static void
succeed(struct dial *dial, unsigned index)
{
	if (is_to_itself(dial->fds[index], address_of_attempt(dial, index))) {
		fail_attempt(dial, index, ECONNREFUSED);
		return;
	}
	dial->fd = dial->fds[index];
	dial->fds[index] = -1;
	dial->peer = *address_of_attempt(dial, index);
	dial_end(dial); /* the attempts that lost */
	dial->state = DIAL_DONE;
}

static void
start_attempt(struct dial *dial)
{
	unsigned index = dial->next++;
	const struct address *address = address_of_attempt(dial, index);
	int *fd = &dial->fds[index];

	dial->next_ms = clock_now_ms() + (dial->next % dial->list->count == 0
						 ? dial->again_ms
						 : DIAL_STAGGER_MS);
	*fd = socket_open(address->socket.generic.sa_family);
	if (*fd == -1) {
		fail_attempt(dial, index, errno);
		return;
	}
	sockopt_keep_urgent(*fd);
	if (connect(*fd, &address->socket.generic, address->length) == 0)
		succeed(dial, index);
	else if (errno != EINPROGRESS && errno != EINTR)
		fail_attempt(dial, index, errno);
}

static void
start_due_attempts(struct dial *dial)
{
	while (dial->state == DIAL_GOING && has_next(dial) &&
	       (clock_now_ms() >= dial->next_ms || !is_pending(dial)))
		start_attempt(dial);
}

/* The deadline has passed for the attempts that are under way. */
static void
time_out(struct dial *dial)
{
	dial->failure = ETIMEDOUT;
	for (unsigned i = 0; i < dial->next; i++)
		if (dial->fds[i] != -1)
			dial->failures[i % dial->list->count] = ETIMEDOUT;
}

static void
give_up_if_done(struct dial *dial)
{
	if (dial->state != DIAL_GOING)
		return;
	if (clock_now_ms() >= dial->deadline_ms && is_pending(dial)) {
		time_out(dial);
	} else if (is_pending(dial) || has_next(dial)) {
		return;
	}
	dial_end(dial);
}

void
dial_start(
    struct dial *dial, const struct resolve_list *list, int64_t deadline_ms)
{
	dial_start_again(dial, list, deadline_ms, 0);
}

void
dial_start_again(struct dial *dial, const struct resolve_list *list,
    int64_t deadline_ms, int64_t again_ms)
{
	dial_none(dial);
	dial->again_ms = again_ms;
	dial->state = DIAL_GOING;
	dial->list = list;
	dial->deadline_ms = deadline_ms;
	dial->failure = EADDRNOTAVAIL;
	start_due_attempts(dial);
	give_up_if_done(dial);
}

unsigned
dial_poll(const struct dial *dial, struct pollfd *slots, int64_t *wake_ms)
{
	unsigned used = 0;

	if (dial->state != DIAL_GOING)
		return 0;
	for (unsigned i = 0; i < dial->next; i++)
		if (dial->fds[i] != -1)
			slots[used++] = (struct pollfd){
			    .fd = dial->fds[i], .events = POLLOUT};
	*wake_ms = clock_earlier(*wake_ms, dial->deadline_ms);
	if (has_next(dial))
		*wake_ms = clock_earlier(*wake_ms, dial->next_ms);
	return used;
}

/* Whether the attempt has ended, by success or failure. */
static bool
is_ready(int fd)
{
	struct pollfd slot = {.fd = fd, .events = POLLOUT};

	return poll(&slot, 1, 0) == 1;
}

void
dial_step(struct dial *dial)
{
	if (dial->state != DIAL_GOING)
		return;
	for (unsigned i = 0; i < dial->next; i++) {
		int failure;

		if (dial->fds[i] == -1 || !is_ready(dial->fds[i]))
			continue;
		failure = sockopt_take_error(dial->fds[i]);
		if (failure != 0)
			fail_attempt(dial, i, failure);
		else
			succeed(dial, i);
		if (dial->state != DIAL_GOING)
			return;
	}
	start_due_attempts(dial);
	give_up_if_done(dial);
}

/* Returns whether dial_wait() has what it waits for. */
static bool
is_enough(struct dial *const *dials, unsigned count, bool any)
{
	unsigned final = 0;

	for (unsigned i = 0; i < count; i++)
		if (dials[i]->state != DIAL_GOING)
			final++;
	return any ? final > 0 : final == count;
}

enum error
dial_wait(struct dial *const *dials, unsigned count, bool any, int64_t until_ms,
    int stop_fd)
{
	struct pollfd slots[1 + DIALS_MOST * DIAL_SLOTS];

	assert(count <= DIALS_MOST);
	lock_assert_none();
	while (!is_enough(dials, count, any)) {
		int64_t wake_ms = until_ms;
		unsigned used = 1;

		if (clock_now_ms() >= until_ms)
			return ERROR_TIMEOUT;
		slots[0] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
		for (unsigned i = 0; i < count; i++)
			used += dial_poll(dials[i], slots + used, &wake_ms);
		if (poll(slots, used, clock_left_ms(wake_ms)) == -1 &&
		    errno != EINTR && errno != EAGAIN)
			return ERROR_SYSTEM;
		if (slots[0].revents != 0)
			return ERROR_STOPPED;
		for (unsigned i = 0; i < count; i++)
			dial_step(dials[i]);
	}
	return ERROR_NONE;
}

/* What a user can do about a failure, if its text does not say. */
static const char *
advice_for(int failure)
{
	if (failure == EADDRNOTAVAIL)
		return " (no local port may be free: a port whose connection "
		       "ended here first stays taken for a minute)";
	return "";
}

/* Find the last attempt before index that failed for the reason of the last
 * failure. Returns false when there is none. */
static bool
find_alike(const struct dial *dial, unsigned *index)
{
	while (*index > 0)
		if (dial->failures[--*index] == dial->failure)
			return true;
	return false;
}

static unsigned
addresses_tried(const struct dial *dial)
{
	bool all = dial->list != NULL && dial->next > dial->list->count;

	return all ? dial->list->count : dial->next;
}

void
dial_reason(const struct dial *dial, char text[static DIAL_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE] = "";
	unsigned index = addresses_tried(dial);
	size_t used;

	if (find_alike(dial, &index))
		address_print(&dial->list->addresses[index], address);
	used = (size_t)snprintf(text, DIAL_TEXT_SIZE, "%s: %s%s", address,
	    strerror(dial->failure), advice_for(dial->failure));
	if (used >= DIAL_TEXT_SIZE || !find_alike(dial, &index))
		return;
	address_print(&dial->list->addresses[index], address);
	snprintf(
	    text + used, DIAL_TEXT_SIZE - used, " (and so at %s)", address);
}

void
dial_end(struct dial *dial)
{
	for (unsigned i = 0; i < DIAL_SLOTS; i++)
		fd_close(&dial->fds[i]);
	if (dial->state == DIAL_DONE)
		fd_close(&dial->fd);
	if (dial->state == DIAL_GOING)
		dial->state = DIAL_FAILED;
}
