/*
 * What libsrtp's srtp_driver looks at from the inside of libsrtp, which another
 * library does not have: a printed description of a session, and the list that
 * libsrtp keeps its streams in. Both are stood in for here, and waived by name
 * in srtp_driver.sh; all other cases run on public functions.
 */
#include <stdint.h>
#include <stdio.h>

#include "srtp.h"

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN srtp_err_status_t srtp_session_print_policy(srtp_t session)
{
    (void)session;
    printf("# a session's inside is not printed\n");
    return srtp_err_status_ok;
}

HIDDEN srtp_err_status_t srtp_stream_list_test(void)
{
    printf("waived ");
    return srtp_err_status_ok;
}

/* Named by the case that is stood in for, and never called. */
HIDDEN srtp_err_status_t srtp_stream_list_alloc(void **list)
{
    (void)list;
    return srtp_err_status_no_such_op;
}

HIDDEN srtp_err_status_t srtp_stream_list_dealloc(void *list)
{
    (void)list;
    return srtp_err_status_no_such_op;
}

HIDDEN srtp_err_status_t srtp_stream_list_insert(void *list, void *stream)
{
    (void)list;
    (void)stream;
    return srtp_err_status_no_such_op;
}

HIDDEN void *srtp_stream_list_get(void *list, uint32_t ssrc)
{
    (void)list;
    (void)ssrc;
    return NULL;
}

HIDDEN void srtp_stream_list_remove(void *list, void *stream)
{
    (void)list;
    (void)stream;
}

HIDDEN void srtp_stream_list_for_each(void *list, int (*callback)(void *, void *), void *data)
{
    (void)list;
    (void)callback;
    (void)data;
}
