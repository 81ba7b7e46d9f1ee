/*
 * A program in C against Debian's headers, which prints what the library under
 * it does: statuses, lengths and octets. Nothing in it is random, so that two
 * libraries that do the same print the same.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>

#define SSRC 0xcafebabe

static unsigned char key[64], packet[2048], plain[2048];
static unsigned events;

static void on_event(srtp_event_data_t *data)
{
    events++;
    printf("  event %d of %08x\n", (int)data->event, data->ssrc);
}

static void print(const char *what, srtp_err_status_t status, const unsigned char *octets, int len)
{
    unsigned sum = 0;
    for (int i = 0; !status && i < len; i++)
        sum = sum * 31 + octets[i];
    printf("  %s: %d", what, (int)status);
    if (!status)
        printf(", %d octets, %08x", len, sum);
    printf("\n");
}

static int rtp(int seq, int payload)
{
    memset(packet, 0, sizeof packet);
    packet[0] = 0x80;
    packet[2] = (unsigned char)(seq >> 8);
    packet[3] = (unsigned char)seq;
    uint32_t ssrc = htonl(SSRC);
    memcpy(packet + 8, &ssrc, 4);
    for (int i = 0; i < payload; i++)
        packet[12 + i] = (unsigned char)(i * 7 + seq);
    memcpy(plain, packet, sizeof plain);
    return 12 + payload;
}

static int rtcp(int payload)
{
    memset(packet, 0, sizeof packet);
    packet[0] = 0x80;
    packet[1] = 200;
    uint32_t ssrc = htonl(SSRC);
    memcpy(packet + 4, &ssrc, 4);
    for (int i = 0; i < payload; i++)
        packet[8 + i] = (unsigned char)(i * 5);
    return 8 + payload;
}

static void suite(const char *name, void (*rtp_setter)(srtp_crypto_policy_t *), void (*rtcp_setter)(srtp_crypto_policy_t *))
{
    srtp_policy_t policy;
    srtp_t sender = NULL, receiver = NULL;
    memset(&policy, 0, sizeof policy);
    rtp_setter(&policy.rtp);
    rtcp_setter(&policy.rtcp);
    printf("%s: %u %d %u %d %d %d\n", name, policy.rtp.cipher_type, policy.rtp.cipher_key_len, policy.rtp.auth_type,
           policy.rtp.auth_key_len, policy.rtp.auth_tag_len, (int)policy.rtp.sec_serv);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key;
    print("create", srtp_create(&sender, &policy), key, 0);
    policy.ssrc.type = ssrc_any_inbound;
    print("create", srtp_create(&receiver, &policy), key, 0);
    static const int seqs[] = { 65534, 65535, 0, 65533, 1, 1, 200, 2, 40, 100 };
    for (unsigned i = 0; i < sizeof seqs / sizeof *seqs; i++) {
        int len = rtp(seqs[i], 20 * (int)i);
        srtp_err_status_t status = srtp_protect(sender, packet, &len);
        print("protect", status, packet, len);
        if (status)
            continue;
        if (i == 4)
            packet[15] ^= 1;
        status = srtp_unprotect(receiver, packet, &len);
        print("unprotect", status, packet, len);
    }
    for (int i = 0; i < 3; i++) {
        int len = rtcp(i * 20);
        print("protect_rtcp", srtp_protect_rtcp(sender, packet, &len), packet, len);
        unsigned char again[2048];
        int again_len = len;
        memcpy(again, packet, sizeof again);
        print("unprotect_rtcp", srtp_unprotect_rtcp(receiver, packet, &len), packet, len);
        print("unprotect_rtcp again", srtp_unprotect_rtcp(receiver, again, &again_len), again, again_len);
    }
    uint32_t roc = 99, trailer = 0;
    print("get_roc", srtp_get_stream_roc(sender, SSRC, &roc), NULL, 0);
    printf("  roc %u\n", roc);
    print("trailer", srtp_get_protect_trailer_length(sender, 0, 0, &trailer), NULL, 0);
    printf("  trailer %u\n", trailer);
    print("remove", srtp_remove_stream(sender, htonl(SSRC)), NULL, 0);
    print("remove again", srtp_remove_stream(sender, htonl(SSRC)), NULL, 0);
    print("get_roc", srtp_get_stream_roc(sender, SSRC, &roc), NULL, 0);
    key[0] ^= 1;
    policy.ssrc.type = ssrc_any_inbound;
    print("update", srtp_update(receiver, &policy), NULL, 0);
    int len = rtp(300, 50);
    print("protect", srtp_protect(sender, packet, &len), packet, len);
    if (policy.rtp.auth_tag_len)
        print("unprotect, another key", srtp_unprotect(receiver, packet, &len), packet, 0);
    key[0] ^= 1;
    len = rtcp(8);
    print("the other direction", srtp_protect_rtcp(receiver, packet, &len), packet, 0);
    srtp_dealloc(sender);
    srtp_dealloc(receiver);
}

static void misuse(void)
{
    srtp_policy_t policy;
    srtp_t session = NULL;
    printf("misuse\n");
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.ssrc.type = ssrc_specific;
    policy.ssrc.value = SSRC;
    policy.key = key;
    static const unsigned long windows[] = { 1, 63, 64, 0x7fff, 0x8000, 100000 };
    for (unsigned i = 0; i < 6; i++) {
        policy.window_size = windows[i];
        srtp_err_status_t status = srtp_create(&session, &policy);
        print("window", status, NULL, 0);
        if (!status)
            srtp_dealloc(session);
    }
    policy.window_size = 0;
    policy.deprecated_ekt = key;
    print("ekt", srtp_create(&session, &policy), NULL, 0);
    policy.deprecated_ekt = NULL;
    policy.allow_repeat_tx = 7;
    print("repeat", srtp_create(&session, &policy), NULL, 0);
    policy.allow_repeat_tx = 1;
    print("create", srtp_create(&session, &policy), NULL, 0);
    for (int i = 0; i < 2; i++) {
        int len = rtp(5, 40);
        print("repeat", srtp_protect(session, packet, &len), packet, len);
    }
    for (int len = -1; len < 13; len++) {
        int given = len;
        rtp(6, 40);
        print("short", srtp_protect(session, packet, &given), packet, given);
        given = len;
        print("short", srtp_unprotect_rtcp(session, packet, &given), packet, 0);
    }
    int len = rtp(7, 40);
    packet[8] ^= 1;
    print("another SSRC", srtp_protect(session, packet, &len), packet, len);
    print("update", srtp_update(session, &policy), NULL, 0);
    policy.ssrc.value ^= 1;
    print("update of another", srtp_update(session, &policy), NULL, 0);
    print("roc of another", srtp_set_stream_roc(session, SSRC ^ 1, 1), NULL, 0);
    srtp_dealloc(session);
    for (int profile = 0; profile < 10; profile++) {
        memset(&policy.rtp, 0, sizeof policy.rtp);
        print("profile", srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, (srtp_profile_t)profile),
              (unsigned char *)&policy.rtp, sizeof policy.rtp);
        print("profile", srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtp, (srtp_profile_t)profile),
              (unsigned char *)&policy.rtp, sizeof policy.rtp);
        printf("  %u %u\n", srtp_profile_get_master_key_length((srtp_profile_t)profile),
               srtp_profile_get_master_salt_length((srtp_profile_t)profile));
    }
}

int main(void)
{
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)(i * 11 + 3);
    printf("init %d\n", (int)srtp_init());
    srtp_install_event_handler(on_event);
#define SUITE(name, rtcp) suite(#name, srtp_crypto_policy_set_##name, srtp_crypto_policy_set_##rtcp)
    SUITE(rtp_default, rtcp_default);
    SUITE(aes_cm_128_hmac_sha1_32, rtcp_default);
    SUITE(aes_cm_128_null_auth, aes_cm_128_null_auth);
    SUITE(aes_cm_256_hmac_sha1_80, aes_cm_256_hmac_sha1_80);
    SUITE(aes_cm_256_hmac_sha1_32, aes_cm_256_hmac_sha1_80);
    SUITE(aes_cm_256_null_auth, aes_cm_256_null_auth);
    SUITE(aes_cm_192_hmac_sha1_80, aes_cm_192_hmac_sha1_80);
    SUITE(null_cipher_hmac_sha1_80, null_cipher_hmac_sha1_80);
    SUITE(null_cipher_hmac_null, null_cipher_hmac_null);
    SUITE(aes_gcm_128_16_auth, aes_gcm_128_16_auth);
    SUITE(aes_gcm_256_16_auth, aes_gcm_256_16_auth);
    SUITE(aes_gcm_128_8_auth, aes_gcm_128_8_auth);
    SUITE(aes_gcm_256_8_only_auth, aes_gcm_256_8_only_auth);
    misuse();
    printf("events %u\n", events);
    return 0;
}
