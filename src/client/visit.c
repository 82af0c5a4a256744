/* visit - see visit.h */
#include "client/visit.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "relay/relay.h"

STACK_TRIM_APART static void
log_end(const struct visit *visit, const struct relay *relay,
    enum relay_outcome outcome)
{
	char uuid[UUID_TEXT_SIZE];
	char local[ADDRESS_TEXT_SIZE];

	uuid_print(&visit->announcement->uuid, uuid);
	address_print(&visit->local, local);
	log_info("visitor %.8s to %s: %.1f s, %llu bytes in, %llu bytes out%s",
	    uuid, local, (double)(clock_now_ms() - visit->start_ms) / 1000,
	    (unsigned long long)relay->to_end,
	    (unsigned long long)relay->to_data, relay_ending(outcome));
}

static void
end(struct visit *visit)
{
	transport_close(&visit->data);
	transport_close(&visit->service);
}

void
visit_run(struct visit *visit)
{
	struct roster_entry entry;
	struct relay relay = {
	    .data = visit->data,
	    .end = visit->service,
	    .entry = &entry,
	    .carried = visit->carried,
	    .early = visit->early,
	    .early_size = visit->early_size,
	};
	enum relay_outcome outcome;
	unsigned entered = roster_enter(visit->roster, &entry,
	    transport_fd(&visit->data), transport_fd(&visit->service));

	roster_arrive(visit->roster);
	if (entered == 0) {
		transport_reset(&visit->data);
		transport_reset(&visit->service);
		buffers_return(visit->early);
		end(visit);
		return;
	}
	outcome = relay_run(&relay);
	roster_leave(visit->roster, &entry);
	if (relay_is_broken(outcome) && relay.to_end == 0)
		served_visitors_forget(
		    visit->served, &visit->announcement->uuid);
	end(visit);
	log_end(visit, &relay, outcome);
}
