/* folder - a folder of its own for each case that writes files. */
#ifndef REBORE_TESTS_FOLDER_H
#define REBORE_TESTS_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#define FOLDER_PATH_SIZE 80

/* The folder, and a file in it that is not there yet. */
static char folder[FOLDER_PATH_SIZE];
static char folder_file[FOLDER_PATH_SIZE + 8];

static inline void
folder_make(void)
{
	snprintf(folder, sizeof folder, "/tmp/rebore-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(folder_file, sizeof folder_file, "%s/file", folder);
}

/* Remove it; nothing but the file may be left in it. */
static inline void
folder_remove(void)
{
	unlink(folder_file);
	ck_assert_int_eq(rmdir(folder), 0);
}

static inline void
folder_write(const char *content, size_t size)
{
	int fd = open(folder_file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, content, size), (ssize_t)size);
	close(fd);
}

/* Returns the content of the file, with a NUL behind it. */
static inline const char *
folder_read(void)
{
	static char content[4096];
	int fd = open(folder_file, O_RDONLY);
	ssize_t got;

	ck_assert_int_ne(fd, -1);
	got = read(fd, content, sizeof content - 1);
	ck_assert_int_ge(got, 0);
	content[got] = '\0';
	close(fd);
	return content;
}

#endif
