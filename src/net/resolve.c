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
	struct resolve_list known; /* without asking; may be empty */

	/* The owner, and a look-up that is under way. */
	atomic_uint references;

	struct lock lock;
	struct lock_condition answered;
	/* Under lock. */
	bool running;
	bool stopped;
	unsigned answers; /* counts look-ups that have ended */
	int64_t answered_ms;
	int failure; /* of getaddrinfo(); 0: list is good */
	struct resolve_list list;
};

/* Fill list, where the name tells the addresses; otherwise it stays empty. */
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

/* The link of an address such as fe80::1%eth0 may come, or another in its
 * place: it is read each time. */
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
	resolve->failure = EAI_AGAIN;
	atomic_init(&resolve->references, 1);
	lock_init(&resolve->lock, LOCK_RANK_RESOLVE);
	lock_condition_init(&resolve->answered);
	return resolve;
}

void
resolve_release(struct resolve *resolve)
{
	if (resolve == NULL || atomic_fetch_sub(&resolve->references, 1) != 1)
		return;
	lock_condition_destroy(&resolve->answered);
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

/* The system's order within a family, its first choice first, in turns. */
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
	struct resolve *resolve = argument;
	struct addrinfo *found = NULL;
	char service[6];
	int failure;

	thread_name("rebore-resolve");
	snprintf(service, sizeof service, "%u", (unsigned)resolve->name.port);
	failure = getaddrinfo(resolve->name.host, service, &hints, &found);

	lock_take(&resolve->lock);
	resolve->failure = failure;
	if (failure == 0)
		fill_alternating(&resolve->list, found);
	resolve->answered_ms = clock_now_ms();
	resolve->answers++;
	resolve->running = false;
	lock_condition_tell(&resolve->answered);
	lock_give(&resolve->lock);

	if (found != NULL)
		freeaddrinfo(found);
	resolve_release(resolve);
	return NULL;
}

/* Start a look-up, unless one is under way. */
static enum error
ask(struct resolve *resolve)
{
	enum error error;

	lock_assert_held(&resolve->lock);
	if (resolve->running)
		return ERROR_NONE;
	atomic_fetch_add(&resolve->references, 1);
	error = thread_start(NULL, "rebore-resolve",
	    THREAD_RESOLVER_STACK_BYTES, look_up, resolve);
	if (error)
		atomic_fetch_sub(&resolve->references, 1);
	else
		resolve->running = true;
	return error;
}

static bool
is_fresh(const struct resolve *resolve)
{
	return resolve->max_age_ms > 0 && resolve->failure == 0 &&
	       clock_now_ms() - resolve->answered_ms <= resolve->max_age_ms;
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

static enum error
look_up_by_thread(struct resolve *resolve, int64_t deadline_ms,
    struct resolve_list *list, const char **reason)
{
	enum error error = ERROR_NONE;
	unsigned before;

	lock_take(&resolve->lock);
	before = resolve->answers;
	if (!is_fresh(resolve))
		error = ask(resolve);
	else
		before--; /* the last answer will do */
	while (error == ERROR_NONE && !resolve->stopped &&
	       resolve->answers == before)
		if (!lock_condition_wait(
			&resolve->answered, &resolve->lock, deadline_ms))
			error = ERROR_TIMEOUT;
	if (resolve->stopped)
		error = ERROR_STOPPED;
	else if (resolve->answers != before)
		error = answer(resolve, list, reason);
	lock_give(&resolve->lock);
	return error;
}

enum error
resolve_lookup(struct resolve *resolve, int64_t deadline_ms,
    struct resolve_list *list, const char **reason)
{
	*reason = "";
	*list = resolve->known;
	if (list->count == 0 && has_scope(&resolve->name))
		read_name(&resolve->name, list);
	if (list->count > 0)
		return ERROR_NONE;
	return look_up_by_thread(resolve, deadline_ms, list, reason);
}

void
resolve_stop(struct resolve *resolve)
{
	lock_take(&resolve->lock);
	resolve->stopped = true;
	lock_condition_tell(&resolve->answered);
	lock_give(&resolve->lock);
}
