#ifndef CONVOY_CLIBPQ_SHIM_H
#define CONVOY_CLIBPQ_SHIM_H

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/* Variadic, so Swift cannot call it. At most 15 bytes of the name count. */
static inline void convoy_name_this_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

#endif
