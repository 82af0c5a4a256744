/*
 * client_end - how a client comes to its end.
 */
#ifndef REBORE_CLIENT_CLIENT_END_H
#define REBORE_CLIENT_CLIENT_END_H

enum client_end {
	/* As requested: client_stop(), or a loss with --no-reconnect. */
	CLIENT_END_STOPPED,
	/* The first attempt failed, and the user allows no other. */
	CLIENT_END_FAILED,
	/* max_retries is used up. */
	CLIENT_END_GAVE_UP,
	/* The server has refused for good: the secret. */
	CLIENT_END_REFUSED,
	/* The server has refused for good: the public port. */
	CLIENT_END_IMPOSSIBLE,
};

#endif
