/* error - see error.h */
#include "base/error.h"

#include <errno.h>

const char *
error_text(enum error error)
{
	switch (error) {
	case ERROR_NONE:
		return "success";
	case ERROR_MEMORY:
		return "out of memory";
	case ERROR_RESOURCES:
		return "out of descriptors or threads for now";
	case ERROR_SYSTEM:
		return "system error";
	case ERROR_IN_USE:
		return "address already in use";
	case ERROR_DENIED:
		return "permission denied";
	case ERROR_AGAIN:
		return "not ready yet";
	case ERROR_TIMEOUT:
		return "timed out";
	case ERROR_CLOSED:
		return "connection closed by the other side";
	case ERROR_RESET:
		return "connection reset";
	case ERROR_PROTOCOL:
		return "not a message of the protocol";
	case ERROR_NAME:
		return "name not resolved";
	case ERROR_STOPPED:
		return "stopped";
	case ERROR_INVALID:
		return "invalid value";
	}
	return "unknown error";
}

enum error
error_of_errno(void)
{
	switch (errno) {
	case EADDRINUSE:
		return ERROR_IN_USE;
	case EACCES:
	case EPERM:
		return ERROR_DENIED;
	case ENOMEM:
		return ERROR_MEMORY;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
		return ERROR_RESOURCES;
	case EAGAIN:
#if EWOULDBLOCK != EAGAIN
	case EWOULDBLOCK:
#endif
	case EINPROGRESS:
		return ERROR_AGAIN;
	case ECONNRESET:
	case EPIPE:
	case ETIMEDOUT:
	case ENOTCONN:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
		return ERROR_RESET;
	default:
		return ERROR_SYSTEM;
	}
}
