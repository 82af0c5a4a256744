/*
 * service - a visitor's way to the local service: looks the name up, dials, and
 * dials again for as long as --local-retry allows.
 *
 * Its owner connects to the server at the same time. So service_call() never
 * waits, the dial can be driven together with another one, and service_wait()
 * waits no longer than its caller allows.
 *
 * Threads: its owner's.
 */
#ifndef REBORE_CLIENT_SERVICE_H
#define REBORE_CLIENT_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/resolve.h"
#include "net/transport.h"

#define SERVICE_REASON_SIZE (ADDRESS_NAME_TEXT_SIZE + DIAL_TEXT_SIZE)

/* How often a service that does not answer is dialled again. */
#define SERVICE_REST_MS 250

struct service {
	/* Set by service_init(), then read-only. */
	const struct address_name *name;
	struct resolve *resolve;
	int stop_fd;

	/* Driven by dial_wait(), alone or together with another dial.
	 * DIAL_FAILED while the name is looked up. */
	struct dial dial;

	/* Private from here. */
	struct resolve_list addresses;
	struct resolve_ticket ticket;
	bool is_looking_up;
	int64_t lookup_end_ms;
	/* Why the service was not even dialled; "": it was dialled. */
	char lookup_failure[SERVICE_REASON_SIZE];
};

/*
 * name: for people; resolve: looks it up. Both must outlive the service.
 * stop_fd: readable when the owner is to end.
 */
void service_init(struct service *service, const struct address_name *name,
    struct resolve *resolve, int stop_fd);

/* Start to look the name up and to dial. Does not wait. */
void service_call(struct service *service);

/*
 * Wait until the service is connected or has failed, or until until_ms.
 *
 * Returns ERROR_NONE: service_is_connected() tells which; ERROR_TIMEOUT;
 * ERROR_STOPPED.
 */
enum error service_wait(struct service *service, int64_t until_ms);

/* Do what can be done without waiting, after poll() for the dial. Returns
 * whether it has come to an end: connected, or failed. */
bool service_step(struct service *service);

bool service_is_connected(const struct service *service);

/* Returns whether to dial the service again after a failure: pure. called_ms:
 * when the visitor began to wait for it; retry_ms: how long the visitor may
 * wait. */
bool service_tries_again(int64_t now_ms, int64_t called_ms, uint32_t retry_ms);

/*
 * Wait until the service is connected, and dial it again after a failure as
 * service_tries_again() says.
 *
 * visitor: the data connection, which shows when the visitor leaves.
 * Returns ERROR_NONE: connected; ERROR_TIMEOUT: it has failed, and
 * service_reason() says why; ERROR_RESET: the visitor has left; ERROR_STOPPED.
 */
enum error service_reach(struct service *service,
    const struct transport *visitor, int64_t called_ms, uint32_t retry_ms);

/* Write the reason of the failure, for people. */
void service_reason(
    const struct service *service, char text[static SERVICE_REASON_SIZE]);

/* Returns the connection, which belongs to the caller from then on. Only once
 * it is connected. */
struct transport service_take(struct service *service);

/* Close whatever is open. Legal more than once. */
void service_end(struct service *service);

#endif
