#include "CWaiting.h"

#include <sys/prctl.h>

/* prctl is variadic, so Swift cannot call it. */
void convoy_name_this_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
