/* ports - see ports.h */
#include "server/ports.h"

#include "base/random.h"
#include "net/listen.h"
#include "net/tcp.h"

/* With 15 % of the range free, so many random tries find a port in all but one
 * of 10^10 cases; then the range is walked. */
#define RANDOM_TRIES 150

static enum error
open_one(
    const struct address *address, uint16_t port, struct listener *listener)
{
	struct address one = *address;

	address_set_port(&one, port);
	return listen_open(&one, listener);
}

/* Whether another port may do better than the one that gave error. */
static bool
is_of_port(enum error error)
{
	return error == ERROR_IN_USE || error == ERROR_DENIED;
}

/* How much a port is to be liked: what to be content with, from the best on. */
enum liking {
	LIKING_GOOD,
	/* The system may give it to an outgoing connection just when the
	 * client is away; then it could not be bound again. */
	LIKING_EPHEMERAL,
	/* A client that had it before a restart may return for it. */
	LIKING_RESERVED,
};

struct search {
	const struct address *address;
	struct grants *grants;
	uint16_t ephemeral_low, ephemeral_high;
	enum liking worst;
};

static bool
is_liked(const struct search *search, uint16_t port)
{
	if (search->worst < LIKING_EPHEMERAL && port >= search->ephemeral_low &&
	    port <= search->ephemeral_high)
		return false;
	return search->worst >= LIKING_RESERVED ||
	       !grants_is_reserved(search->grants, port);
}

static enum error
open_if_liked(
    const struct search *search, uint16_t port, struct listener *listener)
{
	if (!is_liked(search, port))
		return ERROR_IN_USE;
	return open_one(search->address, port, listener);
}

static enum error
open_liked(const struct search *search, const struct ports_range *range,
    struct listener *listener, uint16_t *given)
{
	uint32_t size = (uint32_t)range->max - range->min + 1;
	uint32_t start = random_u32() % size;
	enum error error = ERROR_IN_USE;

	for (uint32_t i = 0; i < RANDOM_TRIES && is_of_port(error); i++) {
		*given = (uint16_t)(range->min + random_u32() % size);
		error = open_if_liked(search, *given, listener);
	}
	for (uint32_t i = 0; i < size && is_of_port(error); i++) {
		*given = (uint16_t)(range->min + (start + i) % size);
		error = open_if_liked(search, *given, listener);
	}
	return error;
}

static enum error
open_any(const struct address *address, const struct ports_range *range,
    struct grants *grants, struct listener *listener, uint16_t *given)
{
	struct search search = {.address = address, .grants = grants};
	enum error error = ERROR_IN_USE;

	tcp_ephemeral_ports(&search.ephemeral_low, &search.ephemeral_high);
	for (int worst = LIKING_GOOD;
	     worst <= LIKING_RESERVED && is_of_port(error); worst++) {
		search.worst = (enum liking)worst;
		error = open_liked(&search, range, listener, given);
	}
	return error;
}

enum error
ports_open(const struct address *address, const struct ports_range *range,
    struct grants *grants, uint16_t asked, struct listener *listener,
    uint16_t *given)
{
	*listener = (struct listener)LISTENER_INITIALIZER;
	*given = asked;
	if (asked == 0)
		return open_any(address, range, grants, listener, given);
	if (asked < range->min || asked > range->max)
		return ERROR_INVALID;
	return open_one(address, asked, listener);
}

const char *
ports_refusal(enum error error, uint16_t asked)
{
	if (error == ERROR_INVALID)
		return "client port number not in allowed range";
	if (asked == 0)
		return "failed to find an available port";
	if (error == ERROR_IN_USE)
		return "port already in use";
	if (error == ERROR_DENIED)
		return "permission denied";
	return "failed to bind to port";
}
