/* ports - see ports.h */
#include "server/ports.h"

#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "net/tcp.h"

/* When no other port is free, this many of those taken by others are tried
 * again, in rotation. */
#define ASK_AGAIN_MOST 64
/* This many ports are chosen at random, each as likely as the others. If all of
 * them are taken by others, the rest is tried in order. */
#define CHOSEN_MOST 64
/* How many random guesses to make before the candidates are counted. */
#define GUESSES 16

/* Preference classes, best first. */
enum liking {
	LIKING_GOOD,
	/* The system may give it to an outgoing connection while the client is
	 * away; then it could not be bound again. */
	LIKING_EPHEMERAL,
	/* A client that held it before a restart may return for it. */
	LIKING_RESERVED,
};

/* Which ports to consider. */
struct search {
	struct ports *ports;
	uint16_t ephemeral_low, ephemeral_high;
	enum liking worst;
	/* Those that others had when they were last tried, or all the rest. */
	bool again;
};

void
ports_init(struct ports *ports, const struct address *address,
    const struct ports_range *range, struct port_memory *port_memory)
{
	ports->address = *address;
	ports->range = *range;
	ports->port_memory = port_memory;
	ports->control = 0;
	lock_init(&ports->lock, LOCK_RANK_PORTS);
	memset(ports->taken, 0, sizeof ports->taken);
	ports->asked_again = 0;
}

void
ports_destroy(struct ports *ports)
{
	lock_destroy(&ports->lock);
}

void
ports_keep_control(struct ports *ports, uint16_t port)
{
	ports->control = port;
}

/* The ports from low to high, inclusive, within a word of a set. */
static uint64_t
span(unsigned word, unsigned low, unsigned high)
{
	unsigned first = word * 64;
	unsigned last = first + 63;
	uint64_t bits = UINT64_MAX;

	if (low > last || high < first || low > high)
		return 0;
	if (low > first)
		bits &= UINT64_MAX << (low - first);
	if (high < last)
		bits &= UINT64_MAX >> (last - high);
	return bits;
}

/* The ports of a word that the search considers. */
static uint64_t
candidates(const struct search *search, unsigned word)
{
	struct ports *ports = search->ports;
	uint64_t bits = span(word, ports->range.min, ports->range.max) &
	                ~span(word, ports->control, ports->control);

	lock_assert_held(&ports->lock);
	bits &= search->again ? ports->taken[word] : ~ports->taken[word];
	if (search->worst < LIKING_EPHEMERAL)
		bits &=
		    ~span(word, search->ephemeral_low, search->ephemeral_high);
	if (bits != 0) /* its lock ranks below ours */
		bits &= port_memory_free(
		    ports->port_memory, word, search->worst >= LIKING_RESERVED);
	return bits;
}

static uint16_t
lowest_of(unsigned word, uint64_t bits)
{
	unsigned port = word * 64;

	for (; (bits & 1) == 0; bits >>= 1)
		port++;
	return (uint16_t)port;
}

/* Returns the first candidate from start on, wrapping around, or 0. */
static uint16_t
find_from(const struct search *search, uint16_t start)
{
	unsigned first = search->ports->range.min / 64;
	unsigned count = search->ports->range.max / 64 - first + 1;
	uint64_t ahead = UINT64_MAX << start % 64;
	uint64_t bits = 0;
	unsigned word = 0;

	for (unsigned i = 0; i <= count && bits == 0; i++) {
		word = first + (start / 64 - first + i) % count;
		bits = candidates(search, word);
		if (i == 0)
			bits &= ahead;
		else if (i == count)
			bits &= ~ahead;
	}
	return bits == 0 ? 0 : lowest_of(word, bits);
}

static unsigned
count_bits(uint64_t bits)
{
	unsigned count = 0;

	for (; bits != 0; bits &= bits - 1)
		count++;
	return count;
}

static uint16_t
random_of(const struct ports_range *range)
{
	uint32_t size = (uint32_t)range->max - range->min + 1;

	return (uint16_t)(range->min + random_u32() % size);
}

/* As choose_any(), but fast when most of the range are candidates; 0: none was
 * guessed. */
static uint16_t
guess(const struct search *search)
{
	for (int i = 0; i < GUESSES; i++) {
		uint16_t port = random_of(&search->ports->range);

		if ((candidates(search, port / 64) >> port % 64 & 1) != 0)
			return port;
	}
	return 0;
}

/* Returns a candidate, each as likely as the others, or 0. */
static uint16_t
choose_any(const struct search *search)
{
	unsigned first = search->ports->range.min / 64;
	unsigned last = search->ports->range.max / 64;
	unsigned count = 0;
	unsigned skip;

	for (unsigned word = first; word <= last; word++)
		count += count_bits(candidates(search, word));
	skip = count > 0 ? random_u32() % count : 0;
	for (unsigned word = first; word <= last && count > 0; word++) {
		uint64_t bits = candidates(search, word);
		unsigned here = count_bits(bits);

		if (skip >= here) {
			skip -= here;
			continue;
		}
		for (; skip > 0; skip--)
			bits &= bits - 1;
		return lowest_of(word, bits);
	}
	return 0;
}

/* Returns the next port to try again, or 0. */
static uint16_t
choose_again(const struct search *search)
{
	struct ports *ports = search->ports;
	uint16_t start = ports->range.min;

	if (ports->asked_again >= ports->range.min &&
	    ports->asked_again < ports->range.max)
		start = (uint16_t)(ports->asked_again + 1);
	ports->asked_again = find_from(search, start);
	return ports->asked_again;
}

/* Returns the next port to try, or 0. tried: how many have failed. */
static uint16_t
choose(const struct search *search, unsigned tried)
{
	struct ports *ports = search->ports;
	uint16_t port = 0;

	lock_take(&ports->lock);
	if (search->again) {
		port = choose_again(search);
	} else if (tried < CHOSEN_MOST) {
		port = guess(search);
		if (port == 0)
			port = choose_any(search);
	} else {
		port = find_from(search, random_of(&ports->range));
	}
	lock_give(&ports->lock);
	return port;
}

/* Whether the error concerns this port only, so that another may work. */
static bool
is_of_port(enum error error)
{
	return error == ERROR_IN_USE || error == ERROR_DENIED;
}

static enum error
open_one(struct ports *ports, uint16_t port, struct listener *listener)
{
	struct address address = ports->address;
	uint64_t bit = (uint64_t)1 << port % 64;
	enum error error;

	address_set_port(&address, port);
	error = listen_open(&address, listener);
	lock_take(&ports->lock);
	if (is_of_port(error))
		ports->taken[port / 64] |= bit;
	else
		ports->taken[port / 64] &= ~bit;
	lock_give(&ports->lock);
	return error;
}

/* Try up to *most ports, until one can be opened or none is left. */
static enum error
open_some(const struct search *search, unsigned *most,
    struct listener *listener, uint16_t *given)
{
	enum error error = ERROR_IN_USE;

	for (unsigned tried = 0; *most > 0 && is_of_port(error) &&
				 (*given = choose(search, tried)) != 0;
	     tried++) {
		error = open_one(search->ports, *given, listener);
		--*most;
	}
	return error;
}

static enum error
open_chosen(struct ports *ports, struct listener *listener, uint16_t *given)
{
	struct search search = {.ports = ports};
	unsigned again_most = ASK_AGAIN_MOST;
	enum error error = ERROR_IN_USE;

	tcp_ephemeral_ports(&search.ephemeral_low, &search.ephemeral_high);
	for (int worst = LIKING_GOOD;
	     worst <= LIKING_RESERVED && is_of_port(error); worst++) {
		/* A port that another process has taken is recorded, and tried
		 * only once. */
		unsigned most = UINT16_MAX;

		search.worst = (enum liking)worst;
		search.again = false;
		error = open_some(&search, &most, listener, given);
		search.again = true;
		if (is_of_port(error))
			error =
			    open_some(&search, &again_most, listener, given);
	}
	return error;
}

enum error
ports_open(struct ports *ports, uint16_t asked, struct listener *listener,
    uint16_t *given)
{
	*listener = (struct listener)LISTENER_INITIALIZER;
	*given = asked;
	if (asked == 0)
		return open_chosen(ports, listener, given);
	if (asked < ports->range.min || asked > ports->range.max)
		return ERROR_INVALID;
	if (asked == ports->control)
		return ERROR_IN_USE;
	return open_one(ports, asked, listener);
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
