/* thread_label over pthread_setname_np(3) - see thread_label.h */
#include "os/thread_label.h"

#ifdef HAVE_PTHREAD_NP_H
#include <pthread_np.h> /* FreeBSD */
#endif

void
thread_label(pthread_t thread, const char *name)
{
	(void)pthread_setname_np(thread, name);
}
