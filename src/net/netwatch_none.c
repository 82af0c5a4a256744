/* netwatch for systems that report nothing - see netwatch.h */
#include "net/netwatch.h"

void
netwatch_open(struct netwatch *watch)
{
	watch->fd = -1;
}

void
netwatch_set(struct netwatch *watch, const struct address *address)
{
	(void)watch;
	(void)address;
}

bool
netwatch_changed(struct netwatch *watch)
{
	(void)watch;
	return false;
}

bool
netwatch_has_route(const struct netwatch *watch)
{
	(void)watch;
	return true;
}

bool
netwatch_has_local_address(int fd)
{
	(void)fd;
	return true;
}

void
netwatch_close(struct netwatch *watch)
{
	(void)watch;
}
