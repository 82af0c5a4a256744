/* resolve - see resolve.h */
#include "net/resolve.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "os/lock.h"
#include "os/thread.h"

struct resolve {
	/* Set before the first thread starts, then read-only. */
	struct address_name name;
	int64_t max_age_ms;
	/* addresses known without a look-up; may be empty */
	struct resolve_list known;

	/* The owner, and each look-up that is under way. */
	atomic_uint references;

	struct lock lock;
	struct lock_condition answered_one;
	/* Under lock. */
	bool stopped;
	/* Look-ups are numbered from 1 on, in the order of their beginning. */
	uint64_t begun;    /* the last that has begun */
	uint64_t valid;    /* the first since the network has changed */
	uint64_t answered; /* the one that gave the answer below; 0: none */
	unsigned hanging;  /* threads */
	int64_t answered_ms;
	int failure; /* of getaddrinfo(); 0: list is good */
	struct resolve_list list;
};

/* A look-up, of its thread. */
struct lookup {
	struct resolve *resolve;
	uint64_t number;
};

/* Fill list if the name is an address; otherwise the list stays empty. */
static void
read_name(const struct address_name *name, struct resolve_list *list)
{
	list->count = 0;
	if (strcasecmp(name->host, "localhost") == 0) {
		address_parse("127.0.0.1", name->port, &list->addresses[0]);
		address_parse("::1", name->port, &list->addresses[1]);
		list->count = 2;
	} else if (address_parse(name->host, name->port, &list->addresses[0])) {
		list->count = 1;
	}
}

/* The link of an address such as fe80::1%eth0 may appear later, or be replaced:
 * it is looked up each time. */
static bool
has_scope(const struct address_name *name)
{
	return strchr(name->host, '%') != NULL;
}

struct resolve *
resolve_create(const struct address_name *name, int64_t max_age_ms)
{
	struct resolve *resolve = calloc(1, sizeof *resolve);

	if (resolve == NULL)
		return NULL;
	resolve->name = *name;
	if (!has_scope(name))
		read_name(name, &resolve->known);
	resolve->max_age_ms = max_age_ms;
	resolve->valid = 1;
	atomic_init(&resolve->references, 1);
	lock_init(&resolve->lock, LOCK_RANK_RESOLVE);
	lock_condition_init(&resolve->answered_one);
	return resolve;
}

void
resolve_release(struct resolve *resolve)
{
	if (resolve == NULL || atomic_fetch_sub(&resolve->references, 1) != 1)
		return;
	lock_condition_destroy(&resolve->answered_one);
	lock_destroy(&resolve->lock);
	free(resolve);
}

static void
append(struct resolve_list *list, const struct addrinfo *one)
{
	struct address *address = &list->addresses[list->count];

	if (list->count == RESOLVE_ADDRESSES_MOST ||
	    one->ai_addrlen > sizeof address->socket)
		return;
	address->length = one->ai_addrlen;
	memcpy(&address->socket, one->ai_addr, one->ai_addrlen);
	address_unmap(address);
	list->count++;
}

/* The next entry of the wanted kind: of family, or of any other. */
static const struct addrinfo *
next_of(const struct addrinfo *one, int family, bool same)
{
	while (one != NULL && (one->ai_family == family) != same)
		one = one->ai_next;
	return one;
}

/* Alternate between families, the system's first choice first; within each,
 * keep the system's order. */
static void
fill_alternating(struct resolve_list *list, const struct addrinfo *found)
{
	int family = found->ai_family;
	const struct addrinfo *first = found;
	const struct addrinfo *second = next_of(found, family, false);

	list->count = 0;
	while (first != NULL || second != NULL) {
		if (first != NULL) {
			append(list, first);
			first = next_of(first->ai_next, family, true);
		}
		if (second != NULL) {
			append(list, second);
			second = next_of(second->ai_next, family, false);
		}
	}
}

/* Store the answer, unless the network has changed since it was asked for. */
static void
take_answer(
    const struct lookup *lookup, int failure, const struct addrinfo *found)
{
	struct resolve *resolve = lookup->resolve;

	lock_take(&resolve->lock);
	resolve->hanging--;
	if (lookup->number >= resolve->valid) {
		resolve->failure = failure;
		if (failure == 0)
			fill_alternating(&resolve->list, found);
		resolve->answered_ms = clock_now_ms();
		resolve->answered = lookup->number;
		lock_condition_tell(&resolve->answered_one);
	}
	lock_give(&resolve->lock);
}

static void *
look_up(void *argument)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    /* No AI_ADDRCONFIG: it hides a ::1 of the hosts file, and an
	     * address without a route costs nothing to try. */
	    .ai_flags = AI_NUMERICSERV,
	};
	struct lookup *lookup = argument;
	const struct address_name *name = &lookup->resolve->name;
	struct addrinfo *found = NULL;
	char service[6];
	int failure;

	thread_name("rebore-resolve");
	snprintf(service, sizeof service, "%u", (unsigned)name->port);
	failure = getaddrinfo(name->host, service, &hints, &found);
	take_answer(lookup, failure, found);
	if (found != NULL)
		freeaddrinfo(found);
	resolve_release(lookup->resolve);
	free(lookup);
	return NULL;
}

/* Begin a look-up in a thread of its own. */
static enum error
start_look_up(struct resolve *resolve)
{
	struct lookup *lookup = malloc(sizeof *lookup);
	enum error error;

	lock_assert_held(&resolve->lock);
	if (lookup == NULL)
		return ERROR_RESOURCES;
	*lookup = (struct lookup){resolve, resolve->begun + 1};
	atomic_fetch_add(&resolve->references, 1);
	error = thread_start(NULL, "rebore-resolve",
	    THREAD_RESOLVER_STACK_BYTES, look_up, lookup);
	if (error) {
		atomic_fetch_sub(&resolve->references, 1);
		free(lookup);
		return error;
	}
	resolve->begun++;
	resolve->hanging++;
	return ERROR_NONE;
}

/* Make sure that a look-up that counts is under way, and make ticket wait for
 * it. */
static enum error
request_look_up(struct resolve *resolve, struct resolve_ticket *ticket)
{
	bool is_under_way = resolve->begun > resolve->answered &&
	                    resolve->begun >= resolve->valid;
	enum error error = is_under_way ? ERROR_NONE : start_look_up(resolve);

	ticket->number = resolve->begun;
	return error;
}

static bool
is_fresh(const struct resolve *resolve)
{
	return resolve->max_age_ms > 0 && resolve->answered >= resolve->valid &&
	       resolve->failure == 0 &&
	       clock_now_ms() - resolve->answered_ms <= resolve->max_age_ms;
}

/* Fill list where no look-up is needed. */
static bool
knows(const struct resolve *resolve, struct resolve_list *list)
{
	*list = resolve->known;
	if (list->count == 0 && has_scope(&resolve->name))
		read_name(&resolve->name, list);
	return list->count > 0;
}

enum error
resolve_begin(struct resolve *resolve, struct resolve_ticket *ticket)
{
	enum error error = ERROR_NONE;
	struct resolve_list known;

	ticket->number = 0;
	if (knows(resolve, &known))
		return ERROR_NONE;
	lock_take(&resolve->lock);
	if (is_fresh(resolve))
		ticket->number = resolve->answered; /* which will do */
	else
		error = request_look_up(resolve, ticket);
	lock_give(&resolve->lock);
	return error;
}

static enum error
answer(const struct resolve *resolve, struct resolve_list *list,
    const char **reason)
{
	if (resolve->failure != 0) {
		*reason = gai_strerror(resolve->failure);
		return ERROR_NAME;
	}
	*list = resolve->list;
	return ERROR_NONE;
}

/* Wait until the answer of ticket, or a later one, is there. */
static enum error
await(
    struct resolve *resolve, struct resolve_ticket *ticket, int64_t deadline_ms)
{
	enum error error = ERROR_NONE;

	lock_assert_held(&resolve->lock);
	while (error == ERROR_NONE && !resolve->stopped) {
		if (ticket->number < resolve->valid)
			error = request_look_up(resolve, ticket);
		else if (resolve->answered >= ticket->number)
			return ERROR_NONE;
		else if (!lock_condition_wait(&resolve->answered_one,
			     &resolve->lock, deadline_ms))
			error = ERROR_TIMEOUT;
	}
	return resolve->stopped ? ERROR_STOPPED : error;
}

enum error
resolve_finish(struct resolve *resolve, struct resolve_ticket *ticket,
    int64_t deadline_ms, struct resolve_list *list, const char **reason)
{
	enum error error;

	*reason = "";
	if (knows(resolve, list))
		return ERROR_NONE;
	lock_take(&resolve->lock);
	error = await(resolve, ticket, deadline_ms);
	if (error == ERROR_NONE)
		error = answer(resolve, list, reason);
	lock_give(&resolve->lock);
	return error;
}

enum error
resolve_lookup(struct resolve *resolve, int64_t deadline_ms,
    struct resolve_list *list, const char **reason)
{
	struct resolve_ticket ticket;
	enum error error = resolve_begin(resolve, &ticket);

	*reason = "";
	return error ? error
	             : resolve_finish(
			   resolve, &ticket, deadline_ms, list, reason);
}

void
resolve_network_changed(struct resolve *resolve)
{
	lock_take(&resolve->lock);
	if (resolve->hanging < RESOLVE_HANGING_MOST) {
		resolve->valid = resolve->begun + 1;
		lock_condition_tell(&resolve->answered_one);
	}
	lock_give(&resolve->lock);
}

void
resolve_stop(struct resolve *resolve)
{
	lock_take(&resolve->lock);
	resolve->stopped = true;
	lock_condition_tell(&resolve->answered_one);
	lock_give(&resolve->lock);
}
