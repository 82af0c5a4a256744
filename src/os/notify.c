/* notify - see notify.h */
#include "os/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/escape.h"
#include "os/fd.h"

#define STATUS_SIZE  320
#define MESSAGE_SIZE (STATUS_SIZE + 32)

static void
send_message(const char *message)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;
	int sock;

	if (length == 0 || length >= sizeof address.sun_path)
		return;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock == -1)
		return;
	memcpy(address.sun_path, path, length);
	/* The name of an abstract socket starts with NUL; its end is given by
	 * the length. */
	if (*path == '@')
		address.sun_path[0] = '\0';
	sendto(sock, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
	    (const struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	fd_close(&sock);
}

/* assignments: lines before that of the status, or "". */
static void
send_status(const char *assignments, const char *status)
{
	char line[STATUS_SIZE];
	char message[MESSAGE_SIZE];

	/* A newline would start another assignment. */
	escape_text(status, strlen(status), line, sizeof line);
	snprintf(message, sizeof message, "%sSTATUS=%s", assignments, line);
	send_message(message);
}

void
notify_ready(const char *status)
{
	if (status == NULL)
		send_message("READY=1");
	else
		send_status("READY=1\n", status);
}

void
notify_status(const char *status)
{
	send_status("", status);
}

void
notify_waiting(const char *status)
{
	send_status("EXTEND_TIMEOUT_USEC=30000000\n", status);
}

void
notify_stopping(void)
{
	send_message("STOPPING=1");
}
