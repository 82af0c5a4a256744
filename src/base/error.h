/*
 * error - the error codes of all modules.
 *
 * A function that can fail returns ERROR_NONE or one of these. They say what
 * the caller may do about it, not where it happened; whoever detects a failure
 * logs where. The text is for people: no code depends on it.
 */
#ifndef REBORE_BASE_ERROR_H
#define REBORE_BASE_ERROR_H

enum error {
	ERROR_NONE = 0,
	/* No memory: give up what was asked for, go on with the rest. */
	ERROR_MEMORY,
	/* Descriptors, threads or ports have run out for now; errno says
	 * which. */
	ERROR_RESOURCES,
	/* A system call has failed; errno says why. */
	ERROR_SYSTEM,
	/* The address is taken. */
	ERROR_IN_USE,
	/* The system does not permit it. */
	ERROR_DENIED,
	/* It would have to wait: poll, then call again. */
	ERROR_AGAIN,
	/* Our own deadline has passed. */
	ERROR_TIMEOUT,
	/* The peer has ended its side. */
	ERROR_CLOSED,
	/* The connection was reset by the peer or given up by TCP; errno says
	 * which. */
	ERROR_RESET,
	/* The peer sent what the protocol does not allow. */
	ERROR_PROTOCOL,
	/* A host name has no address, or the name server no answer. */
	ERROR_NAME,
	/* The program has been asked to stop. */
	ERROR_STOPPED,
	/* Bad text from a person: an option's value, a file's content. */
	ERROR_INVALID,
};

/* Returns a constant phrase, lower case, no full stop; never NULL. */
const char *error_text(enum error error);

/*
 * Map errno to one of ERROR_RESOURCES, ERROR_MEMORY, ERROR_IN_USE,
 * ERROR_DENIED, ERROR_AGAIN, ERROR_RESET or ERROR_SYSTEM. Keeps errno, so that
 * strerror() can still say more. ETIMEDOUT is ERROR_RESET: TCP has given up the
 * connection, which has nothing to do with a deadline of ours.
 */
enum error error_of_errno(void);

#endif
