/*
 * A batch of packets through one session, and what was counted of it.
 *
 *     cc batch.c $(pkg-config --cflags --libs libsrtp2) && ./a.out
 */
#include <stdio.h>
#include <string.h>

#include <srtp2/callseal_srtp.h>

#define PACKETS 32
#define PAYLOAD 160
#define SSRC 0xcafebabe

static unsigned char octets[PACKETS][12 + PAYLOAD + SRTP_MAX_TRAILER_LEN];
static callseal_srtp_packet_t packets[PACKETS];

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

int main(void)
{
    srtp_t sender, receiver;
    if (srtp_init() || create(&sender, ssrc_any_outbound) || create(&receiver, ssrc_any_inbound))
        return 1;

    /* Thirty-two packets, as recvmmsg might have left them. */
    for (int i = 0; i < PACKETS; i++) {
        const unsigned char header[12] = {
            0x80, 0, 0, (unsigned char)i, 0, 0, 0, 0, SSRC >> 24, SSRC >> 16 & 255, SSRC >> 8 & 255, SSRC & 255};
        memcpy(octets[i], header, sizeof header);
        packets[i].packet = octets[i];
        packets[i].len = 12 + PAYLOAD;
    }
    srtp_err_status_t status = callseal_srtp_protect_batch(sender, packets, PACKETS);
    printf("protected: status %d, the first has %d octets\n", (int)status, packets[0].len);

    /* One of them is changed on its way. */
    octets[7][20] ^= 1;
    status = callseal_srtp_unprotect_batch(receiver, packets, PACKETS);
    printf("opened: status %d\n", (int)status);
    for (int i = 0; i < PACKETS; i++)
        if (packets[i].status)
            printf("packet %d: status %d\n", i, (int)packets[i].status);

    uint32_t ssrcs[4];
    size_t count;
    callseal_srtp_stream_counters_t counted;
    if (callseal_srtp_get_ssrcs(receiver, ssrcs, 4, &count))
        return 1;
    for (size_t i = 0; i < count; i++) {
        if (callseal_srtp_get_counters(receiver, ssrcs[i], &counted))
            return 1;
        printf("%08x: %llu packets received, %llu forged\n", (unsigned)ssrcs[i],
               (unsigned long long)counted.received_rtp.packets,
               (unsigned long long)counted.received_rtp.auth_failures);
    }
    srtp_dealloc(sender);
    srtp_dealloc(receiver);
    return srtp_shutdown();
}
