/* inherited over /proc, or one by one - see inherited.h */
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/inherited.h"

/* Returns false where the system has no list of them. */
static bool
close_listed(int first)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (folder == NULL)
		return false;
	while ((entry = readdir(folder)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd >= first && fd != dirfd(folder))
			close(fd);
	}
	closedir(folder);
	return true;
}

void
inherited_close(int first)
{
	if (close_listed(first))
		return;
	for (unsigned fd = (unsigned)first; fd < fd_limit(); fd++)
		close((int)fd);
}
