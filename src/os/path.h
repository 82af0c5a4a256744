/* path - names of files that outlast a change of the current folder. */
#ifndef REBORE_OS_PATH_H
#define REBORE_OS_PATH_H

/*
 * Returns path as it is seen from the root: itself if it begins there, else
 * behind the current folder. Nothing is resolved, and the file need not exist.
 * The caller frees it. NULL with errno: there is no memory, or the current
 * folder has no name (any more).
 */
char *path_absolute(const char *path);

#endif
