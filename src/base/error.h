/*
 * error - the one vocabulary of failure.
 *
 * A function that can fail returns ERROR_NONE or one of these. They say what
 * the caller may do about it, not where it happened; whoever detects a failure
 * logs where. Text is for people: no code decides by it.
 */
#ifndef REBORE_BASE_ERROR_H
#define REBORE_BASE_ERROR_H

enum error {
	ERROR_NONE = 0,
	/* No memory: shed what was asked, go on with the rest. */
	ERROR_MEMORY,
	/* Descriptors, threads or ports have run out for now; errno says. */
	ERROR_RESOURCES,
	/* The system refused; errno says more. */
	ERROR_SYSTEM,
	/* The address is taken. */
	ERROR_IN_USE,
	/* Not allowed to. */
	ERROR_DENIED,
	/* Nothing to do for now: poll, then call again. */
	ERROR_AGAIN,
	/* Our own deadline has passed. */
	ERROR_TIMEOUT,
	/* The peer has ended its side. */
	ERROR_CLOSED,
	/* The peer has reset the connection, or the network has; errno says. */
	ERROR_RESET,
	/* The peer sent what the protocol does not allow. */
	ERROR_PROTOCOL,
	/* A host name has no address, or the name server no answer. */
	ERROR_NAME,
	/* We are asked to stop. */
	ERROR_STOPPED,
	/* Bad text from a person: an option's value, a file's content. */
	ERROR_INVALID,
};

/* Returns a constant phrase, lower case, no full stop; never NULL. */
const char *error_text(enum error error);

/*
 * Sort errno into the vocabulary: ERROR_RESOURCES, ERROR_MEMORY, ERROR_IN_USE,
 * ERROR_DENIED, ERROR_AGAIN, ERROR_RESET or ERROR_SYSTEM. Keeps errno, so that
 * strerror() can still say more. ETIMEDOUT is ERROR_RESET: TCP has given up the
 * connection, which has nothing to do with a deadline of ours.
 */
enum error error_of_errno(void);

#endif
