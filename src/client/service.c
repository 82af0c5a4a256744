/* service - see service.h */
#include "client/service.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/protocol_times.h"

/* How long connecting to the service may take. */
#define CONNECT_MS 10000

void
service_init(struct service *service, const struct address_name *name,
    struct resolve *resolve, int stop_fd)
{
	*service = (struct service){
	    .name = name, .resolve = resolve, .stop_fd = stop_fd};
	dial_none(&service->dial);
}

/* The look-up is over, or there is none. */
static void
take_addresses(struct service *service, enum error error, const char *why)
{
	char name[ADDRESS_NAME_TEXT_SIZE];

	service->is_looking_up = false;
	if (error == ERROR_NONE) {
		dial_start(&service->dial, &service->addresses,
		    clock_now_ms() + CONNECT_MS);
		return;
	}
	address_name_print(service->name, name);
	snprintf(service->lookup_failure, sizeof service->lookup_failure,
	    "local service %s: %s", name,
	    error == ERROR_NAME ? why : error_text(error));
}

/*
 * Take the addresses once they are known. Returns ERROR_TIMEOUT if they are not
 * known by until_ms and may still come; ERROR_STOPPED.
 */
static enum error
finish_lookup(struct service *service, int64_t until_ms)
{
	int64_t end_ms = clock_earlier(until_ms, service->lookup_end_ms);
	const char *why;
	enum error error = resolve_finish(service->resolve, &service->ticket,
	    end_ms, &service->addresses, &why);

	if (error == ERROR_STOPPED ||
	    (error == ERROR_TIMEOUT && end_ms < service->lookup_end_ms))
		return error;
	take_addresses(service, error, why);
	return ERROR_NONE;
}

void
service_call(struct service *service)
{
	int64_t now_ms = clock_now_ms();
	enum error error;

	dial_end(&service->dial);
	dial_none(&service->dial);
	service->lookup_failure[0] = '\0';
	service->lookup_end_ms = now_ms + PROTOCOL_HANDSHAKE_MS;
	service->is_looking_up = true;
	error = resolve_begin(service->resolve, &service->ticket);
	if (error)
		take_addresses(service, error, "");
	else
		(void)finish_lookup(service, now_ms); /* mostly known */
}

enum error
service_wait(struct service *service, int64_t until_ms)
{
	struct dial *const dials[] = {&service->dial};
	enum error error = ERROR_NONE;

	if (service->is_looking_up)
		error = finish_lookup(service, until_ms);
	if (error == ERROR_NONE)
		error = dial_wait(dials, 1, true, until_ms, service->stop_fd);
	return error;
}

bool
service_step(struct service *service)
{
	if (service->is_looking_up &&
	    finish_lookup(service, clock_now_ms()) != ERROR_NONE)
		return false;
	if (service->dial.state == DIAL_GOING)
		dial_step(&service->dial);
	return service->dial.state != DIAL_GOING;
}

bool
service_is_connected(const struct service *service)
{
	return service->dial.state == DIAL_DONE;
}

bool
service_tries_again(int64_t now_ms, int64_t called_ms, uint32_t retry_ms)
{
	return now_ms - called_ms < (int64_t)retry_ms;
}

/* Wait before the service is dialled again, unless the visitor leaves. */
static enum error
rest_for_service(const struct service *service, const struct transport *visitor)
{
	struct pollfd slots[] = {
	    {.fd = service->stop_fd, .events = POLLIN},
	    /* poll() reports a reset without being asked */
	    transport_poll(visitor, 0),
	};

	poll(slots, 2, SERVICE_REST_MS);
	if (slots[0].revents != 0)
		return ERROR_STOPPED;
	return slots[1].revents != 0 ? ERROR_RESET : ERROR_NONE;
}

enum error
service_reach(struct service *service, const struct transport *visitor,
    int64_t called_ms, uint32_t retry_ms)
{
	for (;;) {
		enum error error = service_wait(service, CLOCK_NEVER);

		if (error || service_is_connected(service))
			return error;
		if (!service_tries_again(clock_now_ms(), called_ms, retry_ms))
			return ERROR_TIMEOUT;
		error = rest_for_service(service, visitor);
		if (error)
			return error;
		service_call(service);
	}
}

void
service_reason(
    const struct service *service, char text[static SERVICE_REASON_SIZE])
{
	char reason[DIAL_TEXT_SIZE];

	if (service->lookup_failure[0] != '\0') {
		snprintf(
		    text, SERVICE_REASON_SIZE, "%s", service->lookup_failure);
		return;
	}
	dial_reason(&service->dial, reason);
	snprintf(text, SERVICE_REASON_SIZE,
	    "cannot reach the local service at %s", reason);
}

struct transport
service_take(struct service *service)
{
	struct transport taken = transport_of(service->dial.fd);

	assert(service_is_connected(service));
	service->dial.fd = -1;
	return taken;
}

void
service_end(struct service *service)
{
	dial_end(&service->dial);
}
