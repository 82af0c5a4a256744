/* reconnect - see reconnect.h */
#include "client/reconnect.h"

#include "base/clock.h"
#include "base/u32.h"

/* A session that was up for this long is a good one. */
#define GOOD_AFTER_MS 10000
/* Longest delay while the server reserves the port of a good session: visitors
 * wait for it, and the server may be back at any moment. */
#define GOOD_LEASE_CAP_MS 2000u
/* Lower bound of that delay, however short the lease is: room for a spread
 * above RECONNECT_LEAST_MS. */
#define CAP_LEAST_MS 200u
/* The cap while connections of visitors are interrupted, which end after
 * --resume. */
#define INTERRUPTED_CAP_MS 1000u
/* Longest delay after a short session: the server may be back at any moment,
 * unless it ends one short session after another. */
#define LEASE_CAP_MS 2000u
#define HASTY_CAP_MS 7500u
/* The delay that a Bye asks for is obeyed for up to this many short sessions in
 * a row. */
#define HASTY_MOST 1
/* If another client has held our port for longer than this, or than a lease if
 * the server tells one, it is not coming back. */
#define PORT_PATIENCE_MS 30000u
/* How many attempts may follow at once on an answer of the server until a
 * tunnel is up, so that no server can make the client spin. */
#define SHORTCUTS_MOST 3

void
reconnect_init(struct reconnect *reconnect, const struct reconnect_rules *rules,
    uint16_t port)
{
	*reconnect = (struct reconnect){
	    .rules = *rules, .public_port = port, .taken_ms = CLOCK_NEVER};
	backoff_init(&reconnect->backoff, rules->cap_ms);
}

uint16_t
reconnect_port(const struct reconnect *reconnect, int64_t now_ms)
{
	uint32_t patience_ms =
	    reconnect->lease_ms > 0 ? reconnect->lease_ms : PORT_PATIENCE_MS;
	bool is_lost = reconnect->taken_ms != CLOCK_NEVER &&
	               now_ms - reconnect->taken_ms > patience_ms;

	if (reconnect->rules.public_port != 0)
		return reconnect->rules.public_port;
	return is_lost || reconnect->port_is_gone ? 0 : reconnect->public_port;
}

unsigned
reconnect_failures(const struct reconnect *reconnect)
{
	return reconnect->failures;
}

void
reconnect_stands(struct reconnect *reconnect, uint16_t port)
{
	reconnect->public_port = port;
	reconnect->taken_ms = CLOCK_NEVER;
	reconnect->port_is_gone = false;
	reconnect->port_is_in_doubt = false;
	reconnect->shortcuts = 0;
	reconnect->failures = 0;
}

static void
learn_of_session(
    struct reconnect *reconnect, const struct attempt_end *end, int64_t now_ms)
{
	bool displaced = end->outcome == ATTEMPT_DISPLACED;
	bool is_good =
	    !displaced && (end->stood_ms >= GOOD_AFTER_MS || end->carried);

	/* A client that was displaced has no lease. */
	reconnect->lease_ms = displaced ? 0 : end->lease_ms;
	reconnect->lease_end_ms = now_ms + reconnect->lease_ms;
	reconnect->after_bye = end->outcome == ATTEMPT_BYE;
	reconnect->hasty++;
	if (displaced)
		reconnect->good_lease_end_ms = now_ms;
	if (!is_good)
		return;
	reconnect->hasty = 0;
	reconnect->good_lease_ms = reconnect->lease_ms;
	reconnect->good_lease_end_ms = reconnect->lease_end_ms;
	backoff_init(&reconnect->backoff, reconnect->rules.cap_ms);
}

/*
 * Act on what the server said about another client with our instance, or about
 * our port.
 *
 * Returns whether to try again at once.
 */
static bool
learn_of_others(struct reconnect *reconnect, const struct attempt_end *end,
    int64_t now_ms, struct reconnect_decision *decision)
{
	bool is_any = reconnect->rules.public_port == 0;

	if (end->outcome == ATTEMPT_DISPLACED &&
	    quarrel_displaced(&reconnect->quarrel, now_ms)) {
		decision->needs_identity = true;
		reconnect->port_is_in_doubt = true;
		/* The other client has the port, and will not give it up. */
		reconnect->port_is_gone = true;
	} else if (end->outcome == ATTEMPT_COPY) {
		decision->needs_identity = true;
		reconnect->port_is_in_doubt = true;
		return true;
	} else if (end->outcome == ATTEMPT_PORT_TAKEN && end->caught_up) {
		return true;
	} else if (end->outcome == ATTEMPT_PORT_TAKEN &&
		   reconnect->port_is_in_doubt && !reconnect->port_is_gone) {
		/* The process with the same identity has the port, so waiting
		 * is useless. */
		reconnect->port_is_gone = true;
		return is_any;
	}
	return false;
}

static void
learn_of_port(
    struct reconnect *reconnect, const struct attempt_end *end, int64_t now_ms)
{
	if (end->outcome == ATTEMPT_IMPOSSIBLE)
		reconnect->port_is_gone = true;
	if (end->outcome != ATTEMPT_PORT_TAKEN)
		reconnect->taken_ms = CLOCK_NEVER;
	else if (reconnect->taken_ms == CLOCK_NEVER)
		reconnect->taken_ms = now_ms;
}

static bool
has_given_up(const struct reconnect *reconnect)
{
	unsigned most = reconnect->rules.max_retries;

	return most != 0 && reconnect->failures >= most;
}

static void
make_final(struct reconnect_decision *decision, enum client_end end)
{
	decision->is_final = true;
	decision->end = end;
}

/* An attempt has failed, without evidence that the next one will. */
static void
judge_failure(struct reconnect *reconnect, struct reconnect_decision *decision)
{
	if (reconnect->after_bye)
		reconnect->after_bye = false; /* a slow restart */
	else
		reconnect->failures++;
	if (!reconnect->rules.reconnect)
		make_final(decision, CLIENT_END_FAILED);
	else if (has_given_up(reconnect))
		make_final(decision, CLIENT_END_GAVE_UP);
}

/* A secret cannot be changed at both ends at the same moment. */
static void
judge_refusal(struct reconnect *reconnect, const struct attempt_end *end,
    struct reconnect_decision *decision)
{
	const struct reconnect_rules *rules = &reconnect->rules;
	bool may_pass = end->has_other_secret || rules->auth_retry_ms > 0;

	reconnect->failures++;
	decision->needs_secret = !end->has_other_secret;
	if (!rules->reconnect || !may_pass || has_given_up(reconnect))
		make_final(decision, CLIENT_END_REFUSED);
}

/* Whether there is no further attempt. */
static void
judge(struct reconnect *reconnect, const struct attempt_end *end,
    struct reconnect_decision *decision)
{
	switch (end->outcome) {
	case ATTEMPT_STOPPED:
		make_final(decision, CLIENT_END_STOPPED);
		break;
	case ATTEMPT_LOST:
	case ATTEMPT_BYE:
	case ATTEMPT_DISPLACED:
		if (!reconnect->rules.reconnect)
			make_final(decision, CLIENT_END_STOPPED);
		break;
	case ATTEMPT_REFUSED:
		judge_refusal(reconnect, end, decision);
		break;
	case ATTEMPT_IMPOSSIBLE:
		/* The port was our own choice, not the user's: any other will
		 * do. */
		if (end->asked_port == reconnect->rules.public_port)
			make_final(decision, CLIENT_END_IMPOSSIBLE);
		break;
	case ATTEMPT_FAILED:
	case ATTEMPT_PORT_TAKEN:
	case ATTEMPT_COPY:
		judge_failure(reconnect, decision);
		break;
	}
}

/*
 * Returns the longest delay for now. It is short while the server reserves our
 * port. The server says for how long it does; the lower bound keeps a server
 * that sends nonsense from being tried all the time.
 */
static uint32_t
longest(const struct reconnect *reconnect, const struct attempt_end *end,
    int64_t now_ms)
{
	uint32_t most_ms = reconnect->rules.cap_ms;

	if (now_ms < reconnect->good_lease_end_ms)
		most_ms =
		    u32_min(reconnect->good_lease_ms / 4, GOOD_LEASE_CAP_MS);
	else if (now_ms < reconnect->lease_end_ms)
		most_ms = u32_max(reconnect->lease_ms / 4,
		    reconnect->hasty > HASTY_MOST ? HASTY_CAP_MS
						  : LEASE_CAP_MS);
	if (end->interrupts)
		most_ms = u32_min(most_ms, INTERRUPTED_CAP_MS);
	/* backoff applies the cap, if that is lower */
	return u32_max(most_ms, CAP_LEAST_MS);
}

/* A delay that the server asked for, spread by a quarter either way. */
static uint32_t
delay_of_bye(
    const struct reconnect *reconnect, uint32_t retry_ms, uint32_t random)
{
	uint32_t cap_ms = reconnect->rules.cap_ms;
	/* The cap leaves room for a quarter more: limiting the spread delay
	 * would make many of them equal. */
	uint32_t wish_ms = u32_min(retry_ms, cap_ms - cap_ms / 5);
	uint32_t spread_ms;

	wish_ms = u32_max(wish_ms, RECONNECT_LEAST_MS);
	spread_ms = (uint32_t)((uint64_t)(wish_ms / 2) * random >> 32);
	return wish_ms - wish_ms / 4 + spread_ms;
}

/* The interval of --auth-retry, spread by a tenth. */
static uint32_t
delay_of_refusal(const struct reconnect *reconnect, uint32_t random)
{
	uint32_t delay_ms = reconnect->rules.auth_retry_ms;

	return delay_ms - (uint32_t)((uint64_t)(delay_ms / 10) * random >> 32);
}

static uint32_t
delay_after(struct reconnect *reconnect, const struct attempt_end *end,
    bool at_once, int64_t now_ms, uint32_t random)
{
	bool is_bye = end->outcome == ATTEMPT_BYE;
	uint32_t delay_ms = 0;

	if (is_bye)
		delay_ms = delay_of_bye(reconnect, end->retry_ms, random);
	if (!at_once && (!is_bye || reconnect->hasty > HASTY_MOST))
		delay_ms = u32_max(
		    delay_ms, backoff_next_within(&reconnect->backoff,
				  longest(reconnect, end, now_ms), random));
	return u32_max(delay_ms, RECONNECT_LEAST_MS);
}

struct reconnect_decision
reconnect_decide(struct reconnect *reconnect, const struct attempt_end *end,
    int64_t now_ms, uint32_t random)
{
	struct reconnect_decision decision = {.is_final = false};
	bool at_once = learn_of_others(reconnect, end, now_ms, &decision);

	if (at_once && ++reconnect->shortcuts > SHORTCUTS_MOST)
		at_once = false;
	if (attempt_stood(end->outcome))
		learn_of_session(reconnect, end, now_ms);
	learn_of_port(reconnect, end, now_ms);
	judge(reconnect, end, &decision);
	if (decision.is_final)
		return decision;
	at_once = at_once || end->at_once || end->outcome == ATTEMPT_REFUSED ||
	          end->outcome == ATTEMPT_IMPOSSIBLE;
	decision.delay_ms =
	    decision.needs_secret
		? delay_of_refusal(reconnect, random)
		: delay_after(reconnect, end, at_once, now_ms, random);
	return decision;
}
