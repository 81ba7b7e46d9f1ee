/*
 * What callseal's libsrtp2.so.1 has besides the interface of libsrtp 2.
 * MIT OR Apache-2.0.
 *
 * A program that is to run with libsrtp's library too asks for these functions
 * with dlsym, or as weak symbols.
 *
 * Lengths are in octets, SSRCs in host order.
 */
#ifndef CALLSEAL_SRTP_H
#define CALLSEAL_SRTP_H

#include <stddef.h>
#include <stdint.h>

#include "srtp.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Batches: what becomes of each packet, and of the session, is what srtp_protect
 * and its kin would make of the packets one after another, in less time. They
 * may belong to any streams of the session. Packets to protect need the same
 * room behind them, which may be written to even where a packet is refused. MKIs
 * are not put in, nor looked for.
 *
 * The answer is the status of the first packet that failed, or ok; the others
 * are done all the same.
 */
typedef struct callseal_srtp_packet_t {
    void *packet;
    int len;                  /* before; and after, where the status is ok */
    srtp_err_status_t status; /* is written */
} callseal_srtp_packet_t;

srtp_err_status_t callseal_srtp_protect_batch(srtp_t session, callseal_srtp_packet_t *packets,
                                              size_t count);
srtp_err_status_t callseal_srtp_unprotect_batch(srtp_t session, callseal_srtp_packet_t *packets,
                                                size_t count);
srtp_err_status_t callseal_srtp_protect_rtcp_batch(srtp_t session, callseal_srtp_packet_t *packets,
                                                   size_t count);
srtp_err_status_t callseal_srtp_unprotect_rtcp_batch(srtp_t session,
                                                     callseal_srtp_packet_t *packets, size_t count);

/* What happened to a stream's packets. */
typedef struct callseal_srtp_counters_t {
    uint64_t packets;       /* protected, or authenticated and opened */
    uint64_t octets;        /* of these, plain: header and payload */
    uint64_t newest_index;  /* 48 bits in SRTP, 31 in SRTCP; 0 before the first packet too */
    uint64_t auth_failures; /* packets whose tag was wrong */
    uint64_t replayed;      /* packets whose index had been used */
    uint64_t too_old;       /* packets whose index lay behind the window */
} callseal_srtp_counters_t;

typedef struct callseal_srtp_stream_counters_t {
    callseal_srtp_counters_t sent_rtp;
    callseal_srtp_counters_t sent_rtcp;
    callseal_srtp_counters_t received_rtp;
    callseal_srtp_counters_t received_rtcp;
} callseal_srtp_stream_counters_t;

/* The counters of one stream; no_ctx where there is none of this SSRC. */
srtp_err_status_t callseal_srtp_get_counters(srtp_t session, uint32_t ssrc,
                                             callseal_srtp_stream_counters_t *counters);

/*
 * The same for another thread than the session's: a watch may be read at any
 * time, without a lock, and outlives the session. It shows the directions that
 * have had a packet when it begins; no_ctx where none has.
 */
typedef struct callseal_srtp_watch_t callseal_srtp_watch_t;

srtp_err_status_t callseal_srtp_watch_stream(srtp_t session, uint32_t ssrc,
                                             callseal_srtp_watch_t **watch);
srtp_err_status_t callseal_srtp_read_watch(const callseal_srtp_watch_t *watch,
                                           callseal_srtp_stream_counters_t *counters);
void callseal_srtp_end_watch(callseal_srtp_watch_t *watch);

/*
 * The SSRCs of all streams, those that came from a template among them, in no
 * order. alloc_fail where there are more than room; count says how many.
 */
srtp_err_status_t callseal_srtp_get_ssrcs(srtp_t session, uint32_t *ssrcs, size_t room,
                                          size_t *count);

/*
 * State over a restart: of a process, of a machine, of a call on hold. Keys are
 * not part of it. Whoever goes on makes a session with the same policies and
 * keys, and gives it what was stored.
 *
 * No index is used twice, however old or often restored the stored snapshot is,
 * as long as the newest one that was confirmed is what a restore finds:
 *
 *     take_snapshot(session, 4096, 64, &snapshot);
 *     octets = get_snapshot_octets(snapshot, &len);
 *     ... store them in the place of those before, and see them on the disk ...
 *     confirm_snapshot(session, snapshot);
 *     end_snapshot(snapshot);
 *
 * A snapshot reserves so many packets for each stream beyond what was sent. From
 * the first one on a session sends what is reserved alone, and answers pkt_idx_adv
 * to more: take the next one well before. The first one's packets are free at
 * once, a later one's when it is confirmed. Of SRTP at most 16,384 packets are
 * reserved at a time: receivers lose a stream that jumps further than 32,768.
 *
 * A restored session goes on behind all that was reserved: sequence numbers jump,
 * by as much at most. It sends nothing before a snapshot of its own is taken and
 * confirmed. What it received since the snapshot it would take again, if somebody
 * repeated it. srtp_remove_stream still forgets a stream, indexes and all.
 *
 * The octets are no secret, but whoever can change them can have keystream used
 * twice; there is a checksum against accidents. They are for this library of the
 * same version.
 */
typedef struct callseal_srtp_snapshot_t callseal_srtp_snapshot_t;

srtp_err_status_t callseal_srtp_take_snapshot(srtp_t session, uint16_t rtp_packets,
                                              uint16_t rtcp_packets,
                                              callseal_srtp_snapshot_t **snapshot);
/* Octets of the snapshot's, which end with it; null where there is none. */
const void *callseal_srtp_get_snapshot_octets(const callseal_srtp_snapshot_t *snapshot,
                                              size_t *len);
srtp_err_status_t callseal_srtp_confirm_snapshot(srtp_t session,
                                                 const callseal_srtp_snapshot_t *snapshot);
void callseal_srtp_end_snapshot(callseal_srtp_snapshot_t *snapshot);

/*
 * For a session that has had no packet yet. parse_err where the octets are
 * damaged, bad_param where they are another session's or this one has begun. A
 * session that turns out to be damaged half-way is left without any stream.
 */
srtp_err_status_t callseal_srtp_restore(srtp_t session, const void *octets, size_t len);

/*
 * Says at which sequence number a stream will begin that has sent nothing, or go
 * on behind a ROC that was set (srtp_set_stream_roc), so that the next snapshot
 * reserves its packets: how streams come into a session that keeps snapshots.
 * bad_param where the stream has come further.
 */
srtp_err_status_t callseal_srtp_start_stream(srtp_t session, uint32_t ssrc, uint16_t seq);

#ifdef __cplusplus
}
#endif

#endif
