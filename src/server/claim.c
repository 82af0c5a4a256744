/* claim - see claim.h */
#include "server/claim.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/fd.h"
#include "server/room.h"

/* A client that has announced itself did so right behind its Hello. */
#define ANNOUNCE_WAIT_MS 200
/* Until then the holder has answered or is gone; below the 3 s that a client
 * waits for the answer. */
#define VERDICT_MS 2200
/* A holder in doubt is asked so often. */
#define ASK_AGAIN_MS 50
/* For a refused client to read why. */
#define REFUSE_MS 1000

static void
refuse(struct link *link, uint16_t asked, enum error error)
{
	const char *refusal = ports_refusal(error, asked);

	log_warning("%s asked for port %u and was refused: %s", link->peer,
	    (unsigned)asked, refusal);
	channel_refuse(&link->channel, refusal, clock_now_ms() + REFUSE_MS);
	link_destroy(link);
}

/* Open the port and make a tunnel of it. */
static enum error
open_tunnel(struct link *link, uint16_t asked, struct tunnel **tunnel)
{
	struct context *context = link->context;
	uint16_t port;
	struct listener listener;
	enum error error = ports_open(&context->ports, asked, &listener, &port);

	if (error)
		return error;
	if (!room_for_tunnel(context)) {
		listen_close(&listener);
		errno = EMFILE;
		return ERROR_RESOURCES;
	}
	*tunnel = tunnel_create(context, &listener, port, link);
	if (*tunnel == NULL) {
		budget_give(&context->budget, BUDGET_TUNNEL);
		listen_close(&listener);
		return ERROR_RESOURCES;
	}
	registry_put(&context->registry, port, *tunnel);
	grants_add(&context->grants, port);
	return ERROR_NONE;
}

/* Ask again until there is no doubt. */
static enum tunnel_verdict
judge(struct tunnel *holder, const struct link *link, int64_t deadline_ms)
{
	enum tunnel_verdict verdict = tunnel_judge(holder, link);

	while (verdict == TUNNEL_DOUBTS && clock_now_ms() < deadline_ms) {
		/* The newcomer may lose patience meanwhile. */
		struct pollfd slot = {.fd = link->fd};

		poll(&slot, 1, ASK_AGAIN_MS);
		if (slot.revents != 0)
			return TUNNEL_STAYS;
		verdict = tunnel_judge(holder, link);
	}
	return verdict == TUNNEL_DOUBTS ? TUNNEL_STAYS : verdict;
}

/* The port has a holder. Returns an error for a newcomer that is refused. */
static enum error
contest(struct link *link, struct tunnel *holder, uint16_t asked,
    int64_t deadline_ms, struct tunnel **tunnel)
{
	if (link_await_announce(link, clock_earlier(deadline_ms,
					  clock_now_ms() + ANNOUNCE_WAIT_MS))) {
		log_info("client %s is gone (%s)", link->peer, link->reason);
		link_destroy(link);
		return ERROR_NONE;
	}
	switch (judge(holder, link, deadline_ms)) {
	case TUNNEL_YIELDS:
		if (tunnel_hand_over(holder, link))
			return ERROR_NONE;
		break;
	case TUNNEL_ENDS:
		break;
	case TUNNEL_STAYS:
	case TUNNEL_DOUBTS:
		return ERROR_IN_USE;
	}
	return open_tunnel(link, asked, tunnel);
}

/* While nobody else asks for the same port */
static enum error
claim_one(struct link *link, uint16_t asked, int64_t deadline_ms,
    struct tunnel **tunnel)
{
	struct tunnel *holder = registry_find(&link->context->registry, asked);
	enum error error;

	if (holder == NULL)
		return open_tunnel(link, asked, tunnel);
	error = contest(link, holder, asked, deadline_ms, tunnel);
	tunnel_release(holder);
	return error;
}

struct tunnel *
claim_port(struct link *link, uint16_t asked)
{
	struct registry *registry = &link->context->registry;
	int64_t deadline_ms = clock_now_ms() + VERDICT_MS;
	struct tunnel *tunnel = NULL;
	enum error error;

	if (asked == 0) {
		error = open_tunnel(link, asked, &tunnel);
	} else if (registry_claim(registry, asked, deadline_ms)) {
		error = ERROR_IN_USE;
	} else {
		error = claim_one(link, asked, deadline_ms, &tunnel);
		registry_release(registry, asked);
	}
	if (error)
		refuse(link, asked, error);
	return tunnel;
}
