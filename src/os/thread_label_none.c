/* thread_label for systems that have none, or another call - see
 * thread_label.h */
#include "os/thread_label.h"

void
thread_label(pthread_t thread, const char *name)
{
	(void)thread;
	(void)name;
}
