/* The same as test_wakeup.c, of the variant for systems without eventfd(2). */
#include "os/wakeup_pipe.c"
#include "test_wakeup.c"
