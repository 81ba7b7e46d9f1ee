/*
 * A sender that dies, and one that goes on from what the first had stored.
 *
 *     cc snapshot.c $(pkg-config --cflags --libs libsrtp2) && ./a.out
 */
#include <stdio.h>
#include <string.h>

#include <srtp2/callseal_srtp.h>

#define PAYLOAD 160
#define SSRC 0xcafebabe

/* What stands for a file: written whole, and renamed over the one before. */
static unsigned char stored[4096];
static size_t stored_len;

static srtp_err_status_t create(srtp_t *session, srtp_ssrc_type_t direction)
{
    static unsigned char key[SRTP_MASTER_KEY_LEN] = "this one is for an example";
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.ssrc.type = direction;
    policy.key = key;
    return srtp_create(session, &policy);
}

/* Stores the next snapshot, and has the session send what it reserves. */
static srtp_err_status_t store(srtp_t session)
{
    callseal_srtp_snapshot_t *snapshot;
    srtp_err_status_t status = callseal_srtp_take_snapshot(session, 10, 10, &snapshot);
    if (status)
        return status;
    size_t len;
    const void *octets = callseal_srtp_get_snapshot_octets(snapshot, &len);
    if (octets && len <= sizeof stored) {
        memcpy(stored, octets, stored_len = len);
        status = callseal_srtp_confirm_snapshot(session, snapshot);
    } else {
        status = srtp_err_status_write_fail;
    }
    callseal_srtp_end_snapshot(snapshot);
    return status;
}

/* Sends a packet, and has the receiver open it. */
static void send(srtp_t sender, srtp_t receiver, unsigned seq)
{
    static unsigned char packet[12 + PAYLOAD + SRTP_MAX_TRAILER_LEN];
    const unsigned char header[12] = {
        0x80, 0, (unsigned char)(seq >> 8), (unsigned char)seq, 0, 0, 0, 0,
        SSRC >> 24, SSRC >> 16 & 255, SSRC >> 8 & 255, SSRC & 255};
    memset(packet, 'x', sizeof packet);
    memcpy(packet, header, sizeof header);
    int len = 12 + PAYLOAD;
    srtp_err_status_t status = srtp_protect(sender, packet, &len);
    if (status) {
        printf("packet %u: not sent, status %d\n", seq, (int)status);
        return;
    }
    printf("packet %u: sent, opened with status %d\n", seq, (int)srtp_unprotect(receiver, packet, &len));
}

int main(void)
{
    srtp_t sender, receiver;
    if (srtp_init() || create(&sender, ssrc_any_outbound) || create(&receiver, ssrc_any_inbound))
        return 1;
    if (callseal_srtp_start_stream(sender, SSRC, 65530) || store(sender))
        return 1;
    send(sender, receiver, 65530);
    send(sender, receiver, 3);
    send(sender, receiver, 4);
    srtp_dealloc(sender);

    /* The process has died. The next one knows the keys, and what was stored. */
    if (create(&sender, ssrc_any_outbound) || callseal_srtp_restore(sender, stored, stored_len))
        return 1;
    send(sender, receiver, 4);
    if (store(sender))
        return 1;
    send(sender, receiver, 3);
    send(sender, receiver, 4);
    uint32_t roc;
    if (srtp_get_stream_roc(sender, SSRC, &roc))
        return 1;
    printf("the rollover counter is %u\n", (unsigned)roc);
    srtp_dealloc(sender);
    srtp_dealloc(receiver);
    return srtp_shutdown();
}
