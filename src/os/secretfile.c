/* secretfile - see secretfile.h */
#include "os/secretfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/secret.h"
#include "os/fd.h"

/* What a shell takes as it is */
#define PLAIN_CHARACTERS                                                       \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"       \
	"/._-+=:,@%"

/* The longest path that is shown, in quotes and with NUL */
#define QUOTED_SIZE 264

/* Write path as a word of a shell. */
static void
quote(const char *path, char text[static QUOTED_SIZE])
{
	char escaped[QUOTED_SIZE - 2];
	const char *mark =
	    path[strspn(path, PLAIN_CHARACTERS)] == '\0' ? "" : "'";

	escape_text(path, strlen(path), escaped, sizeof escaped);
	snprintf(text, QUOTED_SIZE, "%s%s%s", mark, escaped, mark);
}

static bool
is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t length = folder ? strlen(folder) : 0;

	return length > 0 && strncmp(path, folder, length) == 0 &&
	       path[length] == '/' && strstr(path + length, "/../") == NULL;
}

/* Whether fd is a file that may hold a secret */
static enum error
check(int fd, const char *path, char why[static SECRETFILE_WHY_SIZE])
{
	mode_t forbidden = S_IRWXO | (is_credential(path) ? 0 : S_IRWXG);
	struct stat status;
	char quoted[QUOTED_SIZE];

	if (fstat(fd, &status) == -1) {
		snprintf(why, SECRETFILE_WHY_SIZE, "%s", strerror(errno));
		return ERROR_SYSTEM;
	}
	if (S_ISFIFO(status.st_mode))
		return ERROR_NONE;
	if (!S_ISREG(status.st_mode)) {
		snprintf(why, SECRETFILE_WHY_SIZE,
		    "must be a regular file or a pipe");
		return ERROR_INVALID;
	}
	if ((status.st_mode & forbidden) == 0)
		return ERROR_NONE;
	quote(path, quoted);
	snprintf(why, SECRETFILE_WHY_SIZE,
	    "others can read it; type: chmod 600 %s", quoted);
	return ERROR_DENIED;
}

/* Read to the end, or until secret is full. */
static enum error
read_all(int fd, char secret[static SECRETFILE_SECRET_SIZE], size_t *size)
{
	ssize_t got;

	*size = 0;
	do {
		got = read(fd, secret + *size, SECRETFILE_SECRET_SIZE - *size);
		if (got > 0)
			*size += (size_t)got;
	} while (got > 0 || (got == -1 && errno == EINTR));
	return got == -1 ? ERROR_SYSTEM : ERROR_NONE;
}

static void
strip_newline(const char *secret, size_t *size)
{
	if (*size == 0 || secret[*size - 1] != '\n')
		return;
	--*size;
	if (*size > 0 && secret[*size - 1] == '\r')
		--*size;
}

enum error
secretfile_read(const char *path, char secret[static SECRETFILE_SECRET_SIZE],
    size_t *size, char why[static SECRETFILE_WHY_SIZE])
{
	enum error error;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd == -1) {
		error = error_of_errno();
		snprintf(why, SECRETFILE_WHY_SIZE, "%s", strerror(errno));
		goto out;
	}
	error = check(fd, path, why);
	if (error != ERROR_NONE)
		goto out;
	error = read_all(fd, secret, size);
	if (error != ERROR_NONE) {
		snprintf(why, SECRETFILE_WHY_SIZE, "%s", strerror(errno));
		goto out;
	}
	strip_newline(secret, size);
	if (*size > SECRETFILE_BYTES_MOST) {
		error = ERROR_INVALID;
		snprintf(why, SECRETFILE_WHY_SIZE,
		    "is longer than %d bytes, the most that a secret may have",
		    SECRETFILE_BYTES_MOST);
	}
out:
	if (error != ERROR_NONE)
		secret_wipe(secret, SECRETFILE_SECRET_SIZE);
	fd_close(&fd);
	return error;
}
