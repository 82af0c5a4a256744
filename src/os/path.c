/* path - see path.h */
#include "os/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
path_absolute(const char *path)
{
	char folder[PATH_MAX];
	char *whole;
	size_t room;

	if (*path == '/')
		return strdup(path);
	if (getcwd(folder, sizeof folder) == NULL)
		return NULL;
	room = strlen(folder) + strlen(path) + sizeof "/";
	whole = malloc(room);
	if (whole != NULL)
		snprintf(whole, room, "%s/%s", folder, path);
	return whole;
}
