/* path - names of files that remain valid when the working directory changes.
 * */
#ifndef REBORE_OS_PATH_H
#define REBORE_OS_PATH_H

/*
 * Returns path as an absolute path: itself if it is absolute, else relative to
 * the working directory. Nothing is resolved, and the file need not exist. The
 * caller frees it. NULL with errno: there is no memory, or the working
 * directory no longer exists.
 */
char *path_absolute(const char *path);

#endif
